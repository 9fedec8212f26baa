//! Writing in a method that takes `&self`.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[contract]
impl Token {
    pub fn forget(&self) {
        self.balances.remove(&caller());
    }
}

fn main() {}
