//! Arguments for what runs on empty input.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[contract]
impl Token {
    #[receive]
    pub fn receive(&mut self, _from: Address) {}
}

fn main() {}
