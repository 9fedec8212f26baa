//! An event without #[derive(Event)].

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

struct Paid {
    who: Address,
}

#[contract]
impl Token {
    pub fn pay(&mut self) {
        emit(Paid { who: caller() });
    }
}

fn main() {}
