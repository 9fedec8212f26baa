//! The struct without an `impl`.

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}


fn main() {}
