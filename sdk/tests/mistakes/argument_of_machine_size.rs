//! A number whose size depends on the machine.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[contract]
impl Token {
    pub fn at_index(&self, index: usize) -> u8 {
        index as u8
    }
}

fn main() {}
