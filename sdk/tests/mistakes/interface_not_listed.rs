//! An interface is implemented and not listed, so none of its methods would be exported.
use florin_sdk::prelude::*;

#[interface]
trait Owned {
    fn owner(&self) -> Address;
}

#[contract]
struct Vault {
    owner: Item<Address>,
}

#[contract]
impl Vault {}

impl Owned for Vault {
    fn owner(&self) -> Address {
        self.owner.get()
    }
}

fn main() {}
