//! A group without fields is not in the layout, so an upgrade that removes it would not be noticed.
use florin_sdk::prelude::*;

#[storage]
struct Nothing {}

#[contract]
struct Vault {
    nothing: Nothing,
    owner: Item<Address>,
}

#[contract]
impl Vault {
    pub fn owner(&self) -> Address {
        self.owner.get()
    }
}

fn main() {}
