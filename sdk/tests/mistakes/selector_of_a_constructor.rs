//! What is not called by name has no selector.
use florin_sdk::prelude::*;

#[contract]
struct Vault {
    owner: Item<Address>,
}

#[contract]
impl Vault {
    #[constructor]
    #[selector(name = "init")]
    pub fn new(&mut self) {
        self.owner.save(&caller());
    }

    #[receive]
    #[selector(name = "deposit")]
    fn receive(&mut self) {}
}

fn main() {}
