//! The interfaces on the `impl` and not on the struct.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[interface]
trait Owned {
    fn owner(&self) -> Address {
        Address::ZERO
    }
}

impl Owned for Token {}

#[contract(Owned)]
impl Token {}

fn main() {}
