//! A struct of one's own in storage, without #[derive(StorageValue)].

use florin_sdk::prelude::*;

struct Order {
    amount: U256,
}

#[contract]
struct Shop {
    orders: List<Order>,
}

#[contract]
impl Shop {
    pub fn count(&self) -> u32 {
        self.orders.len()
    }
}

fn main() {}
