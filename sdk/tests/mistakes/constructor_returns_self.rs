//! A constructor as in ordinary Rust.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[contract]
impl Token {
    #[constructor]
    pub fn new(_supply: U256) -> Self {
        todo!()
    }
}

fn main() {}
