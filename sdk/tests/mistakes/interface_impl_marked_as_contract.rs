//! #[contract] on the `impl` of an interface.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

#[interface]
trait Owned {
    fn owner(&self) -> Address;
}

#[contract]
impl Token {}

#[contract]
impl Owned for Token {
    fn owner(&self) -> Address {
        Address::ZERO
    }
}

fn main() {}
