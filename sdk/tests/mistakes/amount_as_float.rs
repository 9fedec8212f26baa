//! An amount as a float.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[contract]
impl Token {
    pub fn price(&self, discount: f64) -> f64 {
        discount
    }
}

fn main() {}
