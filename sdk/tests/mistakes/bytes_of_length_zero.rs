//! Solidity has no `bytes0`.
use florin_sdk::prelude::*;

#[contract]
struct Vault {
    owner: Item<Address>,
}

#[contract]
impl Vault {
    pub fn tag(&self) -> FixedBytes<0> {
        FixedBytes::ZERO
    }
}

fn main() {}
