//! Tokens and payees that mean no good.

use crate::{World, units};
use florin_common::asset::AssetError;
use florin_hostile::{Mallory, MalloryClient, Manner, Refused};
use florin_sdk::prelude::*;
use florin_splitter::{Splitter, SplitterClient, SplitterError};

/// A splitter between Alice and Mallory, half and half.
fn world() -> (World, SplitterClient, MalloryClient) {
    let mut w = World::new();
    let mallory: MalloryClient = w.chain.deploy(&w.payer, Mallory::deploy());
    let payees = vec![w.payees[0].address(), mallory.into()];
    let splitter = w.chain.deploy(&w.payer, Splitter::deploy(payees, vec![units(1); 2]));
    (w, splitter, mallory)
}

#[test]
fn a_payee_that_refuses_blocks_only_itself() {
    let (mut w, splitter, mallory) = world();
    w.chain.pay(&w.payer, splitter, units(100)).succeeds();
    w.chain.send(&w.payer, mallory.behave(Manner::Refuses)).succeeds();
    w.chain.send(&w.payer, splitter.release(mallory)).reverts_with(Refused);
    w.chain.send(&w.payer, mallory.behave(Manner::Hangs)).succeeds();
    assert!(!w.chain.send(&w.payer, splitter.release(mallory)).receipt().is_success());
    w.chain.send(&w.payer, splitter.release(&w.payees[0])).succeeds();
    assert_eq!(w.chain.view(splitter.releasable(mallory)), units(50), "kept for it");
    w.chain.send(&w.payer, mallory.behave(Manner::Honest)).succeeds();
    w.chain.send(&w.payer, splitter.release(mallory)).succeeds();
    assert_eq!(w.chain.balance(mallory), units(50));
}

#[test]
fn a_payee_cannot_be_paid_twice() {
    let (mut w, splitter, mallory) = world();
    w.chain.pay(&w.payer, splitter, units(100)).succeeds();
    let again = Bytes(splitter.release(mallory).input);
    w.chain.send(&w.payer, mallory.prepare(splitter, again)).succeeds();
    w.chain.send(&w.payer, splitter.release(mallory)).succeeds();
    assert!(!w.chain.view(mallory.reached()), "the splitter was entered again");
    assert_eq!(w.chain.balance(mallory), units(50));
}

#[test]
fn a_token_that_fails_is_paid_later() {
    let (mut w, splitter, mallory) = world();
    let (token, alice) = (Address::from(mallory), w.payees[0].address());
    w.chain.send(&w.payer, mallory.mint(splitter, units(100))).succeeds();
    let release = splitter.release_token(token, alice);
    for manner in [Manner::False, Manner::Garbage] {
        w.chain.send(&w.payer, mallory.behave(manner)).succeeds();
        w.chain
            .send(&w.payer, release.clone())
            .reverts_with(AssetError::SafeERC20FailedOperation { token });
    }
    w.chain.send(&w.payer, mallory.behave(Manner::Refuses)).succeeds();
    w.chain.send(&w.payer, release.clone()).reverts_with(Refused);
    let again = Bytes(release.input.clone());
    w.chain.send(&w.payer, mallory.prepare(splitter, again)).succeeds();
    w.chain.send(&w.payer, release).succeeds();
    assert!(!w.chain.view(mallory.reached()), "the splitter was entered again");
    assert_eq!(w.chain.view(mallory.balance_of(alice)), units(50));

    // One that returns nothing at all is as good as one that returns true.
    w.chain.send(&w.payer, mallory.behave(Manner::Silent)).succeeds();
    w.chain.send(&w.payer, splitter.release_token(token, token)).succeeds();
    assert_eq!(w.chain.view(mallory.balance_of(splitter)), units(0));
}

#[test]
fn a_token_that_lies_harms_only_its_own_holders() {
    let (mut w, splitter, mallory) = world();
    let (token, alice) = (Address::from(mallory), w.payees[0].address());
    w.chain.send(&w.payer, mallory.mint(splitter, units(100))).succeeds();
    w.chain.send(&w.payer, w.token.transfer(splitter, units(100))).succeeds();
    w.chain.pay(&w.payer, splitter, units(100)).succeeds();
    // It says that it paid and keeps the tokens: they count as income anew.
    w.chain.send(&w.payer, mallory.behave(Manner::Liar)).succeeds();
    w.chain.send(&w.payer, splitter.release_token(token, alice)).succeeds();
    assert_eq!(w.chain.view(mallory.balance_of(alice)), units(0));
    assert_eq!(w.chain.view(splitter.releasable_token(token, alice)), units(25));
    // The honest assets are as they were.
    assert_eq!(w.chain.view(splitter.releasable_token(w.token, alice)), units(50));
    assert_eq!(w.chain.view(splitter.releasable(alice)), units(50));
}

#[test]
fn a_token_that_takes_back_owes_nobody() {
    let (mut w, splitter, mallory) = world();
    let (token, alice) = (Address::from(mallory), w.payees[0].address());
    w.chain.send(&w.payer, mallory.mint(splitter, units(100))).succeeds();
    w.chain.send(&w.payer, splitter.release_token(token, alice)).succeeds();
    // The other half vanishes: Alice has had more than half of what is left of the income.
    let all = w.chain.view(mallory.balance_of(splitter));
    w.chain.send(&w.payer, mallory.seize(splitter, all)).succeeds();
    assert_eq!(w.chain.view(splitter.releasable_token(token, alice)), units(0));
    w.chain
        .send(&w.payer, splitter.release_token(token, alice))
        .reverts_with(SplitterError::NothingDue { account: alice });
}
