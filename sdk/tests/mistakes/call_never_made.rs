//! A call to another contract that is prepared and never made.

#![deny(unused_must_use)]

use florin_sdk::prelude::*;

#[interface]
trait Coin {
    fn transfer(&mut self, to: Address, value: U256) -> bool;
}

#[contract]
struct Shop {}

#[contract]
impl Shop {
    pub fn pay(&mut self, coin: Address) {
        CoinClient::at(coin).transfer(caller(), 5);
    }
}

fn main() {}
