//! More indexed fields than a log has room for.

use florin_sdk::prelude::*;

#[derive(Event)]
struct Traded {
    #[indexed]
    buyer: Address,
    #[indexed]
    seller: Address,
    #[indexed]
    token: Address,
    #[indexed]
    amount: U256,
}

fn main() {}
