//! A library interface without the state that it needs.

use florin_sdk::prelude::*;

#[storage]
struct OwnedState {
    owner: Item<Address>,
}

#[interface]
trait Owned: Has<OwnedState> {
    fn owner(&self) -> Address {
        self.state().owner.get()
    }
}

#[contract(Owned)]
struct Token {}

impl Owned for Token {}

#[contract]
impl Token {}

fn main() {}
