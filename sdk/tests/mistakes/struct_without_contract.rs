//! #[contract] on the `impl` alone.

use florin_sdk::prelude::*;

struct Token {}

#[contract]
impl Token {
    pub fn supply(&self) -> U256 {
        U256::ZERO
    }
}

fn main() {}
