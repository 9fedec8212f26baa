//! A view that takes value.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[contract]
impl Token {
    #[payable]
    pub fn save(&self) -> U256 {
        value()
    }
}

fn main() {}
