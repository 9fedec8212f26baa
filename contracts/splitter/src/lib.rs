//! Divides what comes in, native currency and tokens, among payees by fixed shares; each takes its
//! part when it likes. The names are those of OpenZeppelin's PaymentSplitter.
//! `docs/contracts/splitter.md` states the rules.
//!
//! Of everything received so far, T, a payee with s of S shares has earned floor(T * s / S). That
//! never falls while T grows, and the sum over n payees is more than T - n; so after everybody was
//! paid at most n - 1 units remain, which are part of T for ever and go out with later income.
//!
//! Invariant: nobody is paid more than it has earned, so what the others have earned is always
//! there.
#![no_std]

use florin_common::asset::{Asset, AssetError};
use florin_sdk::prelude::*;

/// The splitter.
#[contract(events(PayeeAdded, PaymentReceived, PaymentReleased, ERC20PaymentReleased))]
pub struct Splitter {
    payees: List<Address>,
    shares: Map<Address, U256>,
    total_shares: Item<U256>,
    /// By asset; the zero address is native currency.
    total_released: Map<Address, U256>,
    released: Map<(Address, Address), U256>,
}

/// A payee has got shares.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct PayeeAdded {
    /// Who.
    pub account: Address,
    /// How many.
    pub shares: U256,
}

/// Native currency has come in.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct PaymentReceived {
    /// From whom.
    pub from: Address,
    /// How much, in the smallest unit.
    pub amount: U256,
}

/// A payee was paid in native currency.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct PaymentReleased {
    /// Who.
    pub to: Address,
    /// How much, in the smallest unit.
    pub amount: U256,
}

/// A payee was paid in a token.
#[derive(Event, Debug, Clone, PartialEq, Eq)]
pub struct ERC20PaymentReleased {
    /// Which token.
    #[indexed]
    pub token: Address,
    /// Who.
    pub to: Address,
    /// How much, in the token's smallest unit.
    pub amount: U256,
}

/// Why the splitter refuses.
#[derive(Error, Debug, Clone, PartialEq, Eq)]
pub enum SplitterError {
    /// There must be as many shares as payees, and at least one.
    PayeesAndSharesDiffer,
    /// A payee is the zero address, the splitter itself, or named twice.
    InvalidPayee {
        /// The payee.
        account: Address,
    },
    /// A payee without shares would never be paid.
    NoShares {
        /// The payee.
        account: Address,
    },
    /// There is nothing to pay to this account now.
    NothingDue {
        /// The account.
        account: Address,
    },
    /// There are fewer payees.
    UnknownPayee {
        /// The number asked for; they begin with 0.
        index: U256,
    },
    /// The payment failed.
    #[error(transparent)]
    Asset(AssetError),
}

#[contract]
impl Splitter {
    /// Sets who gets which shares, for ever.
    #[constructor]
    #[payable]
    pub fn new(&mut self, payees: Vec<Address>, shares: Vec<U256>) -> Result<(), SplitterError> {
        let paired = !payees.is_empty() && payees.len() == shares.len();
        ensure!(paired, SplitterError::PayeesAndSharesDiffer);
        for (account, shares) in payees.into_iter().zip(shares) {
            let valid = !account.is_zero() && account != contract_address();
            ensure!(valid && !self.shares.has(&account), SplitterError::InvalidPayee { account });
            ensure!(!shares.is_zero(), SplitterError::NoShares { account });
            self.payees.push(&account);
            self.shares.save(&account, &shares);
            self.total_shares.update(|total| *total += shares);
            emit(PayeeAdded { account, shares });
        }
        Ok(())
    }

    /// Takes native currency.
    #[receive]
    pub fn receive(&mut self) {
        emit(PaymentReceived { from: caller(), amount: value() });
    }

    /// The sum of all shares.
    pub fn total_shares(&self) -> U256 {
        self.total_shares.get()
    }

    /// The shares of an account.
    pub fn shares(&self, account: Address) -> U256 {
        self.shares.get(&account)
    }

    /// The payee of a number, from 0.
    pub fn payee(&self, index: U256) -> Result<Address, SplitterError> {
        u32::try_from(index)
            .ok()
            .and_then(|index| self.payees.load(index))
            .ok_or(SplitterError::UnknownPayee { index })
    }

    /// What was paid in native currency so far.
    pub fn total_released(&self) -> U256 {
        self.total_released.get(&Address::ZERO)
    }

    /// What was paid in a token so far.
    #[selector(name = "totalReleased")]
    pub fn total_released_token(&self, token: Address) -> U256 {
        self.total_released.get(&token)
    }

    /// What an account was paid in native currency so far.
    pub fn released(&self, account: Address) -> U256 {
        self.released.get(&(Address::ZERO, account))
    }

    /// What an account was paid in a token so far.
    #[selector(name = "released")]
    pub fn released_token(&self, token: Address, account: Address) -> U256 {
        self.released.get(&(token, account))
    }

    /// What an account can be paid in native currency now.
    pub fn releasable(&self, account: Address) -> Result<U256, SplitterError> {
        self.due(Asset::Native, account)
    }

    /// What an account can be paid in a token now.
    #[selector(name = "releasable")]
    pub fn releasable_token(
        &self,
        token: Address,
        account: Address,
    ) -> Result<U256, SplitterError> {
        self.due(Asset::Token(token), account)
    }

    /// Pays an account what it can be paid in native currency. Anybody may ask for it.
    pub fn release(&mut self, account: Address) -> Result<(), SplitterError> {
        let amount = self.pay(Asset::Native, account)?;
        emit(PaymentReleased { to: account, amount });
        Ok(())
    }

    /// Pays an account what it can be paid in a token. Anybody may ask for it.
    #[selector(name = "release")]
    pub fn release_token(&mut self, token: Address, account: Address) -> Result<(), SplitterError> {
        let amount = self.pay(Asset::Token(token), account)?;
        emit(ERC20PaymentReleased { token, to: account, amount });
        Ok(())
    }

    /// What an account has earned and was not paid.
    fn due(&self, asset: Asset, account: Address) -> Result<U256, SplitterError> {
        let held = asset.balance_of(contract_address())?;
        let received = held + self.total_released.get(&asset.into());
        let earned = received.mul_div(self.shares.get(&account), self.total_shares.get());
        // A token that takes back what it gave can leave an account overpaid; it is owed nothing
        // then.
        Ok(earned.saturating_sub(self.released.get(&(asset.into(), account))))
    }

    /// Pays an account what it is due, and returns how much that was.
    fn pay(&mut self, asset: Asset, account: Address) -> Result<U256, SplitterError> {
        let amount = self.due(asset, account)?;
        ensure!(!amount.is_zero(), SplitterError::NothingDue { account });
        self.total_released.update(&asset.into(), |total| *total += amount);
        self.released.update(&(asset.into(), account), |released| *released += amount);
        asset.pay(account, amount)?;
        Ok(amount)
    }
}
