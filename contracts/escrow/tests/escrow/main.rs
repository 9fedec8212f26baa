//! The escrow on a ledger, with the real token and with hostile ones.
#![allow(missing_docs, reason = "tests are not documentation")]

mod conservation;
#[path = "../../../cost.rs"]
mod cost;
mod costs;
mod hostile;
#[path = "../../../permit.rs"]
mod permit;
mod purchases;

use florin_escrow::{Escrow, EscrowClient};
use florin_sdk::prelude::*;
use florin_sdk::testing::{Account, Chain};
use florin_token::{Token, TokenClient};

/// The reference of all purchases.
pub const MEMO: B256 = B256::repeat_byte(0x11);
/// How long a purchase takes at most, in seconds.
pub const WEEK: u64 = 7 * 24 * 60 * 60;
/// What native currency is called.
pub const NATIVE: Address = Address::ZERO;

/// An escrow, and a token of which the buyer has 1,000 and lets the escrow spend all.
pub struct World {
    pub chain: Chain,
    pub escrow: EscrowClient,
    pub token: TokenClient,
    pub buyer: Account,
    pub seller: Account,
    pub arbiter: Account,
    pub stranger: Account,
}

impl World {
    fn new() -> Self {
        let mut chain = Chain::new();
        let [buyer, seller, arbiter, stranger] =
            chain.accounts(["buyer", "seller", "arbiter", "stranger"]);
        let escrow: EscrowClient = chain.deploy(&stranger, Escrow::deploy());
        let new = Token::deploy("Test Euro", "TEUR", 6, &buyer, units(1_000));
        let token: TokenClient = chain.deploy(&stranger, new);
        chain.send(&buyer, token.approve(escrow, U256::MAX)).succeeds();
        World { chain, escrow, token, buyer, seller, arbiter, stranger }
    }

    /// A purchase with the arbiter, for a week.
    pub fn open(&self, asset: impl Into<Address>, amount: u64) -> Call<u64> {
        let (asset, deadline) = (asset.into(), self.chain.now() + WEEK);
        let (seller, arbiter) = (&self.seller, &self.arbiter);
        let open = self.escrow.open(seller, arbiter, asset, units(amount), deadline, MEMO);
        if asset == NATIVE { open.value(units(amount)) } else { open }
    }

    /// The number of a purchase that the buyer has just paid.
    pub fn bought(&mut self, asset: impl Into<Address>, amount: u64) -> u64 {
        let open = self.open(asset, amount);
        self.chain.send(&self.buyer, open).succeeds()
    }

    /// What the seller and the buyer can withdraw.
    pub fn credits(&self, asset: impl Into<Address>) -> (U256, U256) {
        let asset = asset.into();
        let credit = |of: &Account| self.chain.view(self.escrow.withdrawable(asset, of));
        (credit(&self.seller), credit(&self.buyer))
    }
}

pub fn units(amount: u64) -> U256 {
    U256::from(amount)
}
