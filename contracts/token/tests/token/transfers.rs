//! Transfers, allowances and references.

use crate::{World, units};
use florin_common::erc20::{Approval, Erc20Error, Transfer};
use florin_common::memo::TransferWithMemo;
use florin_sdk::prelude::*;

#[test]
fn it_has_the_metadata_of_its_construction() {
    let World { chain, token, .. } = World::new();
    assert_eq!(chain.view(token.name()), "Test Euro");
    assert_eq!(chain.view(token.symbol()), "TEUR");
    assert_eq!(chain.view(token.decimals()), 6);
    assert_eq!(chain.view(token.total_supply()), units(10_000));
}

#[test]
fn a_transfer_moves_exactly_the_value() {
    let mut w = World::new();
    let (from, to, value) = (w.alice.address(), w.bob.address(), units(300));
    let sent = w.chain.send(&w.alice, w.token.transfer(to, value));
    assert_eq!(sent.events::<Transfer>(), [Transfer { from, to, value }]);
    assert!(sent.succeeds());
    assert_eq!((w.balance(from), w.balance(to)), (units(700), value));

    // All, nothing, and to oneself.
    assert!(w.chain.send(&w.alice, w.token.transfer(to, units(700))).succeeds());
    assert!(w.chain.send(&w.alice, w.token.transfer(to, units(0))).succeeds());
    assert!(w.chain.send(&w.bob, w.token.transfer(to, units(1_000))).succeeds());
    assert_eq!((w.balance(from), w.balance(to)), (units(0), units(1_000)));
}

#[test]
fn a_transfer_needs_a_balance_and_a_receiver() {
    let mut w = World::new();
    let sender = w.alice.address();
    w.chain.send(&w.alice, w.token.transfer(&w.bob, units(1_001))).reverts_with(
        Erc20Error::ERC20InsufficientBalance {
            sender,
            balance: units(1_000),
            needed: units(1_001),
        },
    );
    w.chain.send(&w.alice, w.token.transfer(&w.bob, U256::MAX)).reverts_with(
        Erc20Error::ERC20InsufficientBalance { sender, balance: units(1_000), needed: U256::MAX },
    );
    w.chain
        .send(&w.alice, w.token.transfer(Address::ZERO, units(1)))
        .reverts_with(Erc20Error::ERC20InvalidReceiver { receiver: Address::ZERO });
    assert_eq!(w.balance(sender), units(1_000));
}

#[test]
fn a_spender_spends_what_it_may_and_no_more() {
    let mut w = World::new();
    let (owner, spender) = (w.alice.address(), w.bob.address());
    let sent = w.chain.send(&w.alice, w.token.approve(spender, units(100)));
    assert_eq!(sent.events::<Approval>(), [Approval { owner, spender, value: units(100) }]);
    sent.succeeds();

    w.chain.send(&w.bob, w.token.transfer_from(owner, &w.carol, units(60))).succeeds();
    assert_eq!(w.chain.view(w.token.allowance(owner, spender)), units(40));
    w.chain.send(&w.bob, w.token.transfer_from(owner, &w.carol, units(41))).reverts_with(
        Erc20Error::ERC20InsufficientAllowance { spender, allowance: units(40), needed: units(41) },
    );
    // An allowance is no balance: what the owner lacks cannot be spent.
    w.chain.send(&w.alice, w.token.approve(spender, units(5_000))).succeeds();
    w.chain.send(&w.bob, w.token.transfer_from(owner, &w.carol, units(941))).reverts_with(
        Erc20Error::ERC20InsufficientBalance {
            sender: owner,
            balance: units(940),
            needed: units(941),
        },
    );
    assert_eq!(w.chain.view(w.token.allowance(owner, spender)), units(5_000), "undone, too");
}

#[test]
fn an_allowance_without_limit_stays() {
    let mut w = World::new();
    w.chain.send(&w.alice, w.token.approve(&w.bob, U256::MAX)).succeeds();
    w.chain.send(&w.bob, w.token.transfer_from(&w.alice, &w.carol, units(60))).succeeds();
    assert_eq!(w.chain.view(w.token.allowance(&w.alice, &w.bob)), U256::MAX);
    w.chain
        .send(&w.alice, w.token.approve(Address::ZERO, units(1)))
        .reverts_with(Erc20Error::ERC20InvalidSpender { spender: Address::ZERO });
    w.chain
        .send(&w.bob, w.token.transfer_from(Address::ZERO, &w.bob, units(0)))
        .reverts_with(Erc20Error::ERC20InvalidApprover { approver: Address::ZERO });
}

#[test]
fn a_reference_is_told_with_the_transfer() {
    let mut w = World::new();
    let (from, to, amount) = (w.alice.address(), w.bob.address(), units(25));
    let memo = B256::right_padding_from(b"invoice 2024-117");
    let sent = w.chain.send(&w.alice, w.token.transfer_with_memo(to, amount, memo));
    assert_eq!(sent.events::<Transfer>(), [Transfer { from, to, value: amount }]);
    assert_eq!(sent.events::<TransferWithMemo>(), [TransferWithMemo { from, to, amount, memo }]);
    let topics = sent.receipt().logs[1].topics().to_vec();
    assert_eq!(topics[3], memo, "a payee can search for its reference");
    sent.succeeds();

    let call = w.token.transfer_from_with_memo(from, to, amount, memo);
    w.chain.send(&w.carol, call.clone()).reverts_with(Erc20Error::ERC20InsufficientAllowance {
        spender: w.carol.address(),
        allowance: units(0),
        needed: amount,
    });
    w.chain.send(&w.alice, w.token.approve(&w.carol, amount)).succeeds();
    let sent = w.chain.send(&w.carol, call);
    assert_eq!(sent.events::<TransferWithMemo>(), [TransferWithMemo { from, to, amount, memo }]);
    assert!(sent.succeeds());
    assert_eq!(w.balance(to), units(50));
}

#[test]
fn nobody_can_leave_native_currency_in_it() {
    let mut w = World::new();
    let token = Address::from(w.token);
    w.chain.pay(&w.alice, token, units(1)).reverts();
    w.chain.send(&w.alice, w.token.transfer(&w.bob, units(1)).value(units(1))).reverts();
    assert_eq!(w.chain.balance(token), units(0));
}
