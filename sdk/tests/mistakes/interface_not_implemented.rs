//! An interface that is listed and not implemented.

use florin_sdk::prelude::*;

#[interface]
trait Owned {
    fn owner(&self) -> Address {
        Address::ZERO
    }
}

#[contract(Owned)]
struct Token {}

#[contract]
impl Token {
    pub fn supply(&self) -> U256 {
        U256::ZERO
    }
}

fn main() {}
