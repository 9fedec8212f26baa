//! Arguments by reference, as in ordinary Rust.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[contract]
impl Token {
    pub fn greet(&self, name: &str, data: &[u8], list: &[u64]) -> u32 {
        (name.len() + data.len() + list.len()) as u32
    }
}

fn main() {}
