//! A migration from the contract's own layout would run again at each upgrade.
use florin_sdk::prelude::*;

#[contract]
struct Vault {
    owner: Item<Address>,
}

#[contract]
impl Vault {
    #[migrate(from = "0x2c865a8590702f421a175ce8bf3edc5c28ce1d33edb5bddd29f3310ae338ff86")]
    fn migrate(&mut self) {
        self.owner.save(&caller());
    }
}

fn main() {}
