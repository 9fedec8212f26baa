//! The token on a ledger: what it promises, tried with real signatures on the real module.
#![allow(missing_docs, reason = "tests are not documentation")]

mod authorizations;
mod conservation;
#[path = "../../../cost.rs"]
mod cost;
mod costs;
mod governance;
mod permits;
mod signing;
mod transfers;

use florin_sdk::prelude::*;
use florin_sdk::testing::{Account, Chain};
use florin_token::{Token, TokenClient};

/// A token of an issuer, of which Alice has 1,000 and Bob and Carol nothing.
pub struct World {
    pub chain: Chain,
    pub token: TokenClient,
    pub issuer: Account,
    pub alice: Account,
    pub bob: Account,
    pub carol: Account,
}

impl World {
    #[allow(clippy::new_without_default)] // nothing about it is a default
    pub fn new() -> Self {
        let mut chain = Chain::new();
        let [issuer, alice, bob, carol] = chain.accounts(["issuer", "alice", "bob", "carol"]);
        let new = Token::deploy("Test Euro", "TEUR", 6, &issuer, units(10_000));
        let token: TokenClient = chain.deploy(&issuer, new);
        chain.send(&issuer, token.transfer(&alice, units(1_000))).succeeds();
        World { chain, token, issuer, alice, bob, carol }
    }

    pub fn balance(&self, account: impl Into<Address>) -> U256 {
        self.chain.view(self.token.balance_of(account))
    }
}

pub fn units(amount: u64) -> U256 {
    U256::from(amount)
}
