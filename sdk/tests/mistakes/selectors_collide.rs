//! Two methods that Solidity cannot tell apart.

use florin_sdk::prelude::*;

#[interface]
trait Burnable {
    fn burn(&mut self, _amount: U256) {}
}

#[contract(Burnable)]
struct Token {}

impl Burnable for Token {}

#[contract]
impl Token {
    #[selector(name = "burn")]
    pub fn burn_all(&mut self, _limit: U256) {}
}

fn main() {}
