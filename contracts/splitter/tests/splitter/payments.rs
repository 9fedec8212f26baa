//! Income and its division.

use crate::{World, units};
use florin_sdk::prelude::*;
use florin_sdk::testing::Account;
use florin_splitter::{
    ERC20PaymentReleased, PayeeAdded, PaymentReceived, PaymentReleased, Splitter, SplitterClient,
    SplitterError,
};

#[test]
fn shares_are_set_for_ever() {
    let mut w = World::new();
    assert_eq!(w.chain.view(w.splitter.total_shares()), units(10));
    for (index, (payee, shares)) in w.payees.iter().zip([5, 3, 2]).enumerate() {
        assert_eq!(w.chain.view(w.splitter.shares(payee)), units(shares));
        assert_eq!(w.chain.view(w.splitter.payee(units(index as u64))), payee.address());
    }
    assert_eq!(w.chain.view(w.splitter.shares(&w.payer)), units(0));
    for index in [units(3), U256::MAX] {
        let unknown = SplitterError::UnknownPayee { index }.encode();
        let failure = w.chain.try_view(w.splitter.payee(index));
        assert_eq!(failure, Err(CallError::Reverted(unknown[..].into())));
    }
    let (account, shares) = (w.payer.address(), units(7));
    let sent = w.chain.try_deploy(&w.payer, Splitter::deploy(vec![account], vec![shares]));
    assert_eq!(sent.events::<PayeeAdded>(), [PayeeAdded { account, shares }]);
    sent.succeeds();
}

#[test]
fn shares_must_make_sense() {
    let mut w = World::new();
    let [alice, bob, _] = w.payees.each_ref().map(Account::address);
    let one = units(1);
    let zero = Address::ZERO;
    let cases = [
        (vec![], vec![], SplitterError::PayeesAndSharesDiffer),
        (vec![alice], vec![one, one], SplitterError::PayeesAndSharesDiffer),
        (vec![alice, bob], vec![one], SplitterError::PayeesAndSharesDiffer),
        (vec![alice, zero], vec![one, one], SplitterError::InvalidPayee { account: zero }),
        (vec![alice, alice], vec![one, one], SplitterError::InvalidPayee { account: alice }),
        (vec![alice, bob], vec![one, units(0)], SplitterError::NoShares { account: bob }),
    ];
    for (payees, shares, error) in cases {
        w.chain.try_deploy(&w.payer, Splitter::deploy(payees, shares)).reverts_with(error);
    }
    let overflow = Splitter::deploy(vec![alice, bob], vec![U256::MAX, one]);
    w.chain.try_deploy(&w.payer, overflow).reverts();
}

#[test]
fn native_income_is_divided() {
    let mut w = World::new();
    let [alice, bob, carol] = w.payees.each_ref().map(Account::address);
    let (from, amount) = (w.payer.address(), units(1_000));
    let sent = w.chain.pay(&w.payer, w.splitter, amount);
    assert_eq!(sent.events::<PaymentReceived>(), [PaymentReceived { from, amount }]);
    sent.succeeds();
    for (payee, due) in [(alice, 500), (bob, 300), (carol, 200), (from, 0)] {
        assert_eq!(w.chain.view(w.splitter.releasable(payee)), units(due));
    }
    // Anybody may have a payee paid.
    let before = w.chain.balance(bob);
    let sent = w.chain.send(&w.payer, w.splitter.release(bob));
    let released = PaymentReleased { to: bob, amount: units(300) };
    assert_eq!(sent.events::<PaymentReleased>(), [released]);
    sent.succeeds();
    assert_eq!(w.chain.balance(bob), before + units(300));
    assert_eq!(w.chain.view(w.splitter.released(bob)), units(300));
    assert_eq!(w.chain.view(w.splitter.total_released()), units(300));
    w.chain
        .send(&w.payer, w.splitter.release(bob))
        .reverts_with(SplitterError::NothingDue { account: bob });
    w.chain
        .send(&w.payer, w.splitter.release(from))
        .reverts_with(SplitterError::NothingDue { account: from });
    for payee in [alice, carol] {
        w.chain.send(&w.payer, w.splitter.release(payee)).succeeds();
    }
    assert_eq!(w.chain.balance(w.splitter), units(0));
}

#[test]
fn token_income_is_divided_apart_from_native() {
    let mut w = World::new();
    let [alice, bob, carol] = w.payees.each_ref().map(Account::address);
    let token = Address::from(w.token);
    w.chain.pay(&w.payer, w.splitter, units(70)).succeeds();
    w.chain.send(&w.payer, w.token.transfer(w.splitter, units(1_000))).succeeds();
    assert_eq!(w.chain.view(w.splitter.releasable_token(token, carol)), units(200));
    let sent = w.chain.send(&w.payees[2], w.splitter.release_token(token, carol));
    let released = ERC20PaymentReleased { token, to: carol, amount: units(200) };
    assert_eq!(sent.events::<ERC20PaymentReleased>(), [released]);
    sent.succeeds();
    assert_eq!(w.chain.view(w.token.balance_of(carol)), units(200));
    assert_eq!(w.chain.view(w.splitter.released_token(token, carol)), units(200));
    assert_eq!(w.chain.view(w.splitter.total_released_token(token)), units(200));
    assert_eq!(w.chain.view(w.splitter.total_released()), units(0));
    assert_eq!(w.chain.view(w.splitter.releasable(carol)), units(14));
    for payee in [alice, bob] {
        w.chain.send(&w.payer, w.splitter.release_token(token, payee)).succeeds();
    }
    assert_eq!(w.chain.view(w.token.balance_of(w.splitter)), units(0));
}

/// What the host says to a contract that calls a method where there is no code.
#[derive(Error)]
struct NotAContract {
    account: Address,
}

#[test]
fn what_is_no_token_is_not_paid_in() {
    let mut w = World::new();
    let alice = w.payees[0].address();
    w.chain.pay(&w.payer, w.splitter, units(70)).succeeds();
    // Zero means native currency elsewhere; here it is no token, so no event says that one was
    // paid.
    for account in [Address::ZERO, w.payer.address()] {
        w.chain
            .send(&w.payer, w.splitter.release_token(account, alice))
            .reverts_with(NotAContract { account });
    }
    assert_eq!(w.chain.balance(w.splitter), units(70));
}

#[test]
fn the_rest_of_a_division_waits_for_more_income() {
    let mut w = World::new();
    let payees = w.payees.each_ref().map(Account::address).to_vec();
    let new = Splitter::deploy(payees.clone(), vec![units(1); 3]).value(units(2));
    let splitter: SplitterClient = w.chain.deploy(&w.payer, new);
    // Two units among three: a third of each is not paid.
    for &payee in &payees {
        w.chain
            .send(&w.payer, splitter.release(payee))
            .reverts_with(SplitterError::NothingDue { account: payee });
    }
    w.chain.pay(&w.payer, splitter, units(1)).succeeds();
    for &payee in &payees {
        w.chain.send(&w.payer, splitter.release(payee)).succeeds();
    }
    assert_eq!(w.chain.balance(splitter), units(0));
}

#[test]
fn the_largest_amounts_are_divided_exactly() {
    let mut w = World::new();
    let [alice, bob, _] = w.payees.each_ref().map(Account::address);
    let shares = vec![U256::MAX - units(1), units(1)];
    let splitter: SplitterClient =
        w.chain.deploy(&w.payer, Splitter::deploy(vec![alice, bob], shares));
    let new = florin_token::Token::deploy("Huge", "HUGE", 0, splitter, U256::MAX);
    let token: florin_token::TokenClient = w.chain.deploy(&w.payer, new);
    w.chain.send(&w.payer, splitter.release_token(token, alice)).succeeds();
    w.chain.send(&w.payer, splitter.release_token(token, bob)).succeeds();
    assert_eq!(w.chain.view(token.balance_of(alice)), U256::MAX - units(1));
    assert_eq!(w.chain.view(token.balance_of(bob)), units(1));
}
