//! Two constructors.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[contract]
impl Token {
    #[constructor]
    pub fn new(&mut self) {}

    #[constructor]
    pub fn with_supply(&mut self, supply: U256) {
        self.balances.save(&caller(), &supply);
    }
}

fn main() {}
