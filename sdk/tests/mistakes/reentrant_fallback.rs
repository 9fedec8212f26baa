//! Reentrancy is allowed by selector; a fallback has none.

use florin_sdk::prelude::*;

#[contract]
struct Proxy {
    target: Item<Address>,
}

#[contract]
impl Proxy {
    #[fallback]
    #[reentrant]
    fn fallback(&mut self, input: Bytes) -> Bytes {
        input
    }
}

fn main() {}
