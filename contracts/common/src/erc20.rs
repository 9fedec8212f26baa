//! ERC-20: balances, allowances, and the one place where they change.
//!
//! Invariant: the total supply is the sum of all balances. Every change of a balance goes through
//! `Erc20State::update`, which keeps it.

use florin_sdk::prelude::*;

/// The state of an ERC-20 token.
#[storage]
pub struct Erc20State {
    name: Item<String>,
    symbol: Item<String>,
    decimals: Item<u8>,
    supply: Item<U256>,
    balances: Map<Address, U256>,
    allowances: Map<(Address, Address), U256>,
}

/// Tokens have moved. The zero address as sender means that they were made, as receiver that they
/// were destroyed.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Who had them.
    #[indexed]
    pub from: Address,
    /// Who has them.
    #[indexed]
    pub to: Address,
    /// How many, in the smallest unit.
    pub value: U256,
}

/// An owner has set what a spender may spend.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Whose tokens they are.
    #[indexed]
    pub owner: Address,
    /// Who may spend them.
    #[indexed]
    pub spender: Address,
    /// How many, in the smallest unit; all ones is without limit.
    pub value: U256,
}

/// The errors of ERC-6093.
#[derive(Error, Debug, Clone, PartialEq, Eq)]
pub enum Erc20Error {
    /// The sender has too little.
    ERC20InsufficientBalance {
        /// Who has too little.
        sender: Address,
        /// What it has.
        balance: U256,
        /// What it needs.
        needed: U256,
    },
    /// Nobody can send from this address.
    ERC20InvalidSender {
        /// The address.
        sender: Address,
    },
    /// Nobody could spend what this address got.
    ERC20InvalidReceiver {
        /// The address.
        receiver: Address,
    },
    /// The spender may spend too little.
    ERC20InsufficientAllowance {
        /// Who may spend too little.
        spender: Address,
        /// What it may spend.
        allowance: U256,
        /// What it needs.
        needed: U256,
    },
    /// Nobody can approve for this address.
    ERC20InvalidApprover {
        /// The address.
        approver: Address,
    },
    /// Nobody could use what this address may spend.
    ERC20InvalidSpender {
        /// The address.
        spender: Address,
    },
}

impl Erc20State {
    /// Sets what a token is called and how it is shown. For the constructor.
    pub fn init(&mut self, name: &String, symbol: &String, decimals: u8) {
        self.name.save(name);
        self.symbol.save(symbol);
        self.decimals.save(&decimals);
    }

    /// Moves tokens; from the zero address it makes them, to the zero address it destroys them.
    fn update(&mut self, from: Address, to: Address, value: U256) -> Result<(), Erc20Error> {
        if from.is_zero() {
            // Balances cannot overflow, for none is above the supply; this addition panics if the
            // supply would.
            self.supply.update(|supply| *supply += value);
        } else {
            let balance = self.balances.get(&from);
            let needed = value;
            ensure!(
                balance >= needed,
                Erc20Error::ERC20InsufficientBalance { sender: from, balance, needed }
            );
            self.balances.save(&from, &(balance - value));
        }
        if to.is_zero() {
            self.supply.update(|supply| *supply -= value);
        } else {
            self.balances.update(&to, |balance| *balance += value);
        }
        emit(Transfer { from, to, value });
        Ok(())
    }

    /// Sets what a spender may spend.
    fn allow(&mut self, owner: Address, spender: Address, value: U256) -> Result<(), Erc20Error> {
        ensure!(!owner.is_zero(), Erc20Error::ERC20InvalidApprover { approver: owner });
        ensure!(!spender.is_zero(), Erc20Error::ERC20InvalidSpender { spender });
        self.allowances.save(&(owner, spender), &value);
        Ok(())
    }
}

/// ERC-20, with its optional metadata.
#[interface(events(Transfer, Approval))]
pub trait Erc20: Has<Erc20State> {
    /// The name of the token.
    fn name(&self) -> String {
        self.state().name.get()
    }

    /// The symbol of the token.
    fn symbol(&self) -> String {
        self.state().symbol.get()
    }

    /// How many of an amount's decimal digits are behind the point when it is shown.
    fn decimals(&self) -> u8 {
        self.state().decimals.get()
    }

    /// How many tokens there are, in the smallest unit.
    fn total_supply(&self) -> U256 {
        self.state().supply.get()
    }

    /// What an account has, in the smallest unit.
    fn balance_of(&self, account: Address) -> U256 {
        self.state().balances.get(&account)
    }

    /// What a spender may spend of an owner's tokens.
    fn allowance(&self, owner: Address, spender: Address) -> U256 {
        self.state().allowances.get(&(owner, spender))
    }

    /// Moves the caller's tokens.
    fn transfer(&mut self, to: Address, value: U256) -> Result<bool, Erc20Error> {
        self.move_tokens(caller(), to, value)?;
        Ok(true)
    }

    /// Sets what a spender may spend of the caller's tokens.
    fn approve(&mut self, spender: Address, value: U256) -> Result<bool, Erc20Error> {
        self.set_allowance(caller(), spender, value)?;
        Ok(true)
    }

    /// Moves tokens that the caller may spend.
    fn transfer_from(
        &mut self,
        from: Address,
        to: Address,
        value: U256,
    ) -> Result<bool, Erc20Error> {
        self.spend_allowance(from, caller(), value)?;
        self.move_tokens(from, to, value)?;
        Ok(true)
    }

    /// Runs before tokens move, are made (`from` is zero) or destroyed (`to` is zero). A contract
    /// that overrides this refuses with [`revert`].
    #[internal]
    fn before_update(&mut self, from: Address, to: Address, value: U256) {
        let _ = (from, to, value);
    }

    /// Moves tokens, without asking who wants it.
    #[internal]
    fn move_tokens(&mut self, from: Address, to: Address, value: U256) -> Result<(), Erc20Error> {
        ensure!(!from.is_zero(), Erc20Error::ERC20InvalidSender { sender: from });
        ensure!(!to.is_zero(), Erc20Error::ERC20InvalidReceiver { receiver: to });
        self.before_update(from, to, value);
        self.state_mut().update(from, to, value)
    }

    /// Makes tokens, without asking who wants it.
    #[internal]
    fn mint_tokens(&mut self, to: Address, value: U256) -> Result<(), Erc20Error> {
        ensure!(!to.is_zero(), Erc20Error::ERC20InvalidReceiver { receiver: to });
        self.before_update(Address::ZERO, to, value);
        self.state_mut().update(Address::ZERO, to, value)
    }

    /// Destroys tokens, without asking who wants it.
    #[internal]
    fn burn_tokens(&mut self, from: Address, value: U256) -> Result<(), Erc20Error> {
        ensure!(!from.is_zero(), Erc20Error::ERC20InvalidSender { sender: from });
        self.before_update(from, Address::ZERO, value);
        self.state_mut().update(from, Address::ZERO, value)
    }

    /// Sets what a spender may spend, without asking who wants it.
    #[internal]
    fn set_allowance(
        &mut self,
        owner: Address,
        spender: Address,
        value: U256,
    ) -> Result<(), Erc20Error> {
        self.state_mut().allow(owner, spender, value)?;
        emit(Approval { owner, spender, value });
        Ok(())
    }

    /// Takes an amount off what a spender may spend. An allowance of all ones is without limit and
    /// stays.
    #[internal]
    fn spend_allowance(
        &mut self,
        owner: Address,
        spender: Address,
        needed: U256,
    ) -> Result<(), Erc20Error> {
        let allowance = self.allowance(owner, spender);
        if allowance == U256::MAX {
            return Ok(());
        }
        ensure!(
            allowance >= needed,
            Erc20Error::ERC20InsufficientAllowance { spender, allowance, needed }
        );
        self.state_mut().allow(owner, spender, allowance - needed)
    }
}
