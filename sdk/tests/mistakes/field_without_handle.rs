//! Values in the contract's struct, as in ordinary Rust.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    supply: U256,
}

#[contract]
impl Token {
    pub fn supply(&self) -> U256 {
        self.supply
    }
}

fn main() {}
