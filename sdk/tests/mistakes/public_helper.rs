//! A helper that is `pub` by habit.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[contract]
impl Token {
    pub fn fee(amount: U256) -> U256 {
        amount / U256::new(100)
    }
}

fn main() {}
