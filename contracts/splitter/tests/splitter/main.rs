//! The splitter on a ledger, with the real token and with hostile ones.
#![allow(missing_docs, reason = "tests are not documentation")]

mod conservation;
#[path = "../../../cost.rs"]
mod cost;
mod costs;
mod hostile;
mod payments;

use florin_sdk::prelude::*;
use florin_sdk::testing::{Account, Chain};
use florin_splitter::{Splitter, SplitterClient};
use florin_token::{Token, TokenClient};

/// A splitter between Alice (5 shares), Bob (3) and Carol (2), and a payer with plenty of tokens.
pub struct World {
    pub chain: Chain,
    pub splitter: SplitterClient,
    pub token: TokenClient,
    pub payer: Account,
    pub payees: [Account; 3],
}

impl World {
    #[allow(clippy::new_without_default)] // nothing about it is a default
    pub fn new() -> Self {
        let mut chain = Chain::new();
        let [payer, alice, bob, carol] = chain.accounts(["payer", "alice", "bob", "carol"]);
        let payees = [alice, bob, carol];
        let addresses: Vec<Address> = payees.iter().map(Account::address).collect();
        let new = Splitter::deploy(addresses, [5, 3, 2].map(units).to_vec());
        let splitter: SplitterClient = chain.deploy(&payer, new);
        let new = Token::deploy("Test Euro", "TEUR", 6, &payer, units(1_000_000_000));
        let token: TokenClient = chain.deploy(&payer, new);
        World { chain, splitter, token, payer, payees }
    }
}

pub fn units(amount: u64) -> U256 {
    U256::from(amount)
}
