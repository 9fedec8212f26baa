//! Tokens and receivers that mean no good.

use crate::{MEMO, NATIVE, WEEK, World, units};
use florin_common::asset::AssetError;
use florin_escrow::{EscrowError, Status};
use florin_hostile::{Mallory, MalloryClient, Manner, Refused};
use florin_sdk::prelude::*;

/// A world with a hostile contract, of whose tokens the buyer has 1,000.
fn world() -> (World, MalloryClient) {
    let mut w = World::new();
    let mallory: MalloryClient = w.chain.deploy(&w.stranger, Mallory::deploy());
    w.chain.send(&w.stranger, mallory.mint(&w.buyer, units(1_000))).succeeds();
    (w, mallory)
}

#[test]
fn a_token_pays_for_what_it_moved() {
    let (mut w, mallory) = world();
    let token = Address::from(mallory);
    let short = |received| EscrowError::WrongAmount { expected: units(100), received };
    let open = w.open(token, 100);
    let behave =
        |w: &mut World, manner| w.chain.send(&w.stranger, mallory.behave(manner)).succeeds();

    behave(&mut w, Manner::Liar);
    w.chain.send(&w.buyer, open.clone()).reverts_with(short(units(0)));
    behave(&mut w, Manner::Fee);
    w.chain.send(&w.buyer, open.clone()).reverts_with(short(units(90)));
    let failed = AssetError::SafeERC20FailedOperation { token };
    for manner in [Manner::False, Manner::Garbage] {
        behave(&mut w, manner);
        w.chain.send(&w.buyer, open.clone()).reverts_with(failed.clone());
    }
    behave(&mut w, Manner::Refuses);
    w.chain.send(&w.buyer, open.clone()).reverts_with(Refused);
    assert_eq!(w.chain.view(w.escrow.count()), 0);

    // One that returns nothing at all is as good as one that returns true.
    behave(&mut w, Manner::Silent);
    assert_eq!(w.chain.send(&w.buyer, open).succeeds(), 1);
    w.chain.send(&w.buyer, w.escrow.release(1)).succeeds();
    w.chain.send(&w.seller, w.escrow.withdraw(token, &w.seller)).succeeds();
    assert_eq!(w.chain.view(mallory.balance_of(&w.seller)), units(100));
}

#[test]
fn a_token_that_fails_on_the_way_out_leaves_the_credit() {
    let (mut w, mallory) = world();
    let token = Address::from(mallory);
    let id = w.bought(token, 100);
    w.chain.send(&w.buyer, w.escrow.release(id)).succeeds();
    let withdraw = w.escrow.withdraw(token, &w.seller);
    for manner in [Manner::False, Manner::Refuses, Manner::Garbage, Manner::Hangs] {
        w.chain.send(&w.stranger, mallory.behave(manner)).succeeds();
        assert!(!w.chain.send(&w.seller, withdraw.clone()).receipt().is_success());
        assert_eq!(w.credits(token), (units(100), units(0)));
    }
    w.chain.send(&w.stranger, mallory.behave(Manner::Honest)).succeeds();
    w.chain.send(&w.seller, withdraw).succeeds();
    assert_eq!(w.chain.view(mallory.balance_of(&w.seller)), units(100));
}

#[test]
fn an_entry_that_is_allowed_is_seen() {
    // What the tests below rely on: `reached` is true where a method may be entered again.
    let (mut w, mallory) = world();
    let wallet: MalloryClient = w.chain.deploy(&w.stranger, Mallory::deploy());
    let transfer = w.token.transfer(&w.seller, units(0)).input;
    let allowed = wallet.is_valid_signature(MEMO, Bytes::default()).input;
    for (input, reached) in [(wallet.reached().input, false), (allowed, true)] {
        w.chain.send(&w.stranger, mallory.prepare(wallet, Bytes(input))).succeeds();
        w.chain.send(&w.stranger, wallet.run(mallory, Bytes(transfer.clone()))).succeeds();
        assert_eq!(w.chain.view(mallory.reached()), reached);
    }
}

#[test]
fn a_token_cannot_reenter() {
    let (mut w, mallory) = world();
    let token = Address::from(mallory);
    // Mallory sells, so its own withdrawal is the one to repeat.
    let deadline = w.chain.now() + WEEK;
    let open = w.escrow.open(token, &w.arbiter, token, units(100), deadline, MEMO);
    let id = w.chain.send(&w.buyer, open.clone()).succeeds();
    w.chain.send(&w.buyer, open).succeeds();
    w.chain.send(&w.buyer, w.escrow.release(id)).succeeds();
    w.chain.send(&w.stranger, mallory.mint(w.escrow, units(500))).succeeds();

    let withdraw = w.escrow.withdraw_for(token, token);
    let again = Bytes(withdraw.input.clone());
    w.chain.send(&w.stranger, mallory.prepare(w.escrow, again)).succeeds();
    w.chain.send(&w.stranger, withdraw).succeeds();
    assert!(!w.chain.view(mallory.reached()), "the escrow was entered again");
    assert_eq!(w.chain.view(mallory.balance_of(token)), units(100));
    assert_eq!(w.chain.view(w.escrow.withdrawable(token, token)), units(0));

    // Nor while it is paid in, nor to look.
    for input in [w.escrow.release(2).input, w.escrow.count().input] {
        w.chain.send(&w.stranger, mallory.prepare(w.escrow, Bytes(input))).succeeds();
        w.chain.send(&w.buyer, w.open(token, 10)).succeeds();
        assert!(!w.chain.view(mallory.reached()), "the escrow was entered again");
    }
    assert_eq!(w.chain.view(w.escrow.purchase(2)).status, Status::Open);
}

#[test]
fn a_receiver_that_refuses_blocks_only_itself() {
    let (mut w, mallory) = world();
    let bad = Address::from(mallory);
    let deadline = w.chain.now() + WEEK;
    let open = w.escrow.open(bad, &w.arbiter, NATIVE, units(100), deadline, MEMO);
    let id = w.chain.send(&w.buyer, open.value(units(100))).succeeds();
    w.chain.send(&w.buyer, w.escrow.dispute(id)).succeeds();
    for manner in [Manner::Refuses, Manner::Hangs] {
        w.chain.send(&w.stranger, mallory.behave(manner)).succeeds();
    }
    // The dispute is resolved and the buyer paid, whatever the seller does.
    w.chain.send(&w.arbiter, w.escrow.resolve(id, units(70), units(30))).succeeds();
    let before = w.chain.balance(&w.buyer);
    w.chain.send(&w.buyer, w.escrow.withdraw(NATIVE, &w.buyer)).succeeds();
    assert_eq!(w.chain.balance(&w.buyer), before + units(30));

    // The seller cannot take it to itself, and loses nothing by trying; elsewhere it can.
    w.chain.send(&w.stranger, mallory.behave(Manner::Refuses)).succeeds();
    w.chain.send(&w.stranger, w.escrow.withdraw_for(NATIVE, bad)).reverts_with(Refused);
    assert_eq!(w.chain.view(w.escrow.withdrawable(NATIVE, bad)), units(70));
    let before = w.chain.balance(&w.seller);
    let elsewhere = Bytes(w.escrow.withdraw(NATIVE, &w.seller).input);
    w.chain.send(&w.stranger, mallory.run(w.escrow, elsewhere)).succeeds();
    assert_eq!(w.chain.balance(&w.seller), before + units(70));
    assert_eq!(w.chain.balance(w.escrow), units(0));
}

#[test]
fn a_receiver_cannot_be_paid_twice() {
    let (mut w, mallory) = world();
    let bad = Address::from(mallory);
    let deadline = w.chain.now() + WEEK;
    let open = w.escrow.open(bad, &w.arbiter, NATIVE, units(100), deadline, MEMO);
    let id = w.chain.send(&w.buyer, open.value(units(100))).succeeds();
    w.bought(NATIVE, 500);
    w.chain.send(&w.buyer, w.escrow.release(id)).succeeds();
    let withdraw = w.escrow.withdraw_for(NATIVE, bad);
    let again = Bytes(withdraw.input.clone());
    w.chain.send(&w.stranger, mallory.prepare(w.escrow, again)).succeeds();
    w.chain.send(&w.stranger, withdraw).succeeds();
    assert!(!w.chain.view(mallory.reached()), "the escrow was entered again");
    assert_eq!((w.chain.balance(bad), w.chain.balance(w.escrow)), (units(100), units(500)));
}

#[test]
fn nothing_comes_in_by_the_back_door() {
    let (mut w, _) = world();
    w.chain.pay(&w.buyer, w.escrow, units(1)).reverts();
    let id = w.bought(NATIVE, 5);
    w.chain.send(&w.buyer, w.escrow.release(id).value(units(1))).reverts();
    assert_eq!(w.chain.balance(w.escrow), units(5));
}
