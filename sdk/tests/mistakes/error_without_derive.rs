//! An error type without #[derive(Error)].

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

enum TokenError {
    TooLittle,
}

#[contract]
impl Token {
    pub fn transfer(&mut self, _to: Address) -> Result<(), TokenError> {
        Err(TokenError::TooLittle)
    }
}

fn main() {}
