//! An interface imported from a module without the client beside it.

use florin_sdk::prelude::*;
use library::Owned;

mod library {
    use florin_sdk::prelude::*;

    #[interface]
    pub trait Owned {
        fn owner(&self) -> Address {
            Address::ZERO
        }
    }
}

#[contract(Owned)]
struct Token {}

impl Owned for Token {}

#[contract]
impl Token {}

fn main() {}
