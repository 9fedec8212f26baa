//! A generic method.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[contract]
impl Token {
    pub fn pay<A: Into<Address>>(&mut self, _to: A, _amount: impl Into<U256>) {}
}

fn main() {}
