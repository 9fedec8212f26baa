//! A struct of one's own as an argument, without #[derive(AbiType)].

use florin_sdk::prelude::*;

#[contract]
struct Token {
    balances: Map<Address, U256>,
}

struct Order {
    amount: U256,
}

#[contract]
impl Token {
    pub fn place(&mut self, order: Order) {
        self.balances.save(&caller(), &order.amount);
    }
}

fn main() {}
