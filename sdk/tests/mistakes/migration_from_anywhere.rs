//! A migration reads what one former layout has stored, and says which.
use florin_sdk::prelude::*;

#[contract]
struct Vault {
    owner: Item<Address>,
}

#[contract]
impl Vault {
    #[migrate]
    fn migrate(&mut self) {
        self.owner.save(&caller());
    }
}

fn main() {}
