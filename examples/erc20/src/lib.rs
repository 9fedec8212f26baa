//! An ERC-20 token written by hand, without the library: storage, events, errors, methods.
//!
//! `florin build` in this folder gives the module and the ABI that any Ethereum wallet understands.
#![no_std]
#![allow(missing_docs, reason = "ERC-20 is the documentation")]
use TokenError::*;
use florin_sdk::prelude::*;

/// The token and what it stores.
#[contract(events(Transfer, Approval))]
pub struct Token {
    name: Item<String>,
    symbol: Item<String>,
    supply: Item<U256>,
    balances: Map<Address, U256>,
    allowances: Map<(Address, Address), U256>,
}

#[derive(Event)]
#[rustfmt::skip] // as Solidity writes it
struct Transfer { #[indexed] from: Address, #[indexed] to: Address, value: U256 }

#[derive(Event)]
#[rustfmt::skip]
struct Approval { #[indexed] owner: Address, #[indexed] spender: Address, value: U256 }

/// Errors by the names that ERC-6093 gives them.
#[derive(Error)]
pub enum TokenError {
    ERC20InsufficientBalance { sender: Address, balance: U256, needed: U256 },
    ERC20InsufficientAllowance { spender: Address, allowance: U256, needed: U256 },
    ERC20InvalidReceiver { receiver: Address },
}

#[contract]
#[rustfmt::skip] // one line per getter
impl Token {
    #[constructor]
    pub fn new(&mut self, name: String, symbol: String, supply: U256) {
        self.name.save(&name);
        self.symbol.save(&symbol);
        self.supply.save(&supply);
        self.balances.save(&caller(), &supply);
        emit(Transfer { from: Address::ZERO, to: caller(), value: supply });
    }

    pub fn name(&self) -> String { self.name.get() }
    pub fn symbol(&self) -> String { self.symbol.get() }
    pub fn decimals(&self) -> u8 { 18 }
    pub fn total_supply(&self) -> U256 { self.supply.get() }
    pub fn balance_of(&self, account: Address) -> U256 { self.balances.get(&account) }
    pub fn allowance(&self, owner: Address, spender: Address) -> U256 { self.allowances.get(&(owner, spender)) }

    pub fn approve(&mut self, spender: Address, value: U256) -> bool {
        self.allowances.save(&(caller(), spender), &value);
        emit(Approval { owner: caller(), spender, value });
        true
    }

    pub fn transfer(&mut self, to: Address, value: U256) -> Result<bool, TokenError> {
        self.send(caller(), to, value)
    }

    pub fn transfer_from(&mut self, from: Address, to: Address, value: U256) -> Result<bool, TokenError> {
        let (spender, allowance) = (caller(), self.allowance(from, caller()));
        ensure!(allowance >= value, ERC20InsufficientAllowance { spender, allowance, needed: value });
        if allowance != U256::MAX { self.allowances.save(&(from, spender), &(allowance - value)); }
        self.send(from, to, value)
    }

    fn send(&mut self, sender: Address, to: Address, needed: U256) -> Result<bool, TokenError> {
        ensure!(!to.is_zero(), ERC20InvalidReceiver { receiver: to });
        let balance = self.balances.get(&sender);
        ensure!(balance >= needed, ERC20InsufficientBalance { sender, balance, needed });
        self.balances.save(&sender, &(balance - needed));
        self.balances.update(&to, |balance| *balance += needed);
        emit(Transfer { from: sender, to, value: needed });
        Ok(true)
    }
}
