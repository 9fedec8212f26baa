//! Loyalty points: an ERC-20 token with permits, composed from the library. All of its code is
//! here.
#![no_std]
use florin_common::{eip5267::*, erc20::*, permit::*};
use florin_sdk::prelude::*;

/// The points.
#[contract(Erc20, Eip5267, Permit)]
pub struct Points {
    erc20: Erc20State,
    permit: PermitState,
}

#[contract]
impl Points {
    /// Gives all points to who deploys.
    #[constructor]
    pub fn new(&mut self, name: String, symbol: String, supply: U256) -> Result<(), Erc20Error> {
        self.erc20.init(&name, &symbol, 0);
        self.mint_tokens(caller(), supply)
    }
}

impl Erc20 for Points {}
impl Eip5267 for Points {}
impl Permit for Points {}
