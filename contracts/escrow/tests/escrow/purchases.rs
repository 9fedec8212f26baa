//! The life of a purchase: who may do what, when, and what follows.

use crate::{MEMO, NATIVE, WEEK, World, permit, units};
use florin_common::erc20::Erc20Error;
use florin_common::permit::SignedPermit;
use florin_escrow::{
    Disputed, EscrowError, Opened, Purchase, Refunded, Released, Resolved, Status, Withdrawn,
};
use florin_sdk::prelude::*;
use florin_sdk::testing::Account;
use florin_token::Token;

/// What the host says to a contract that calls a method where there is no code.
#[derive(Error)]
struct NotAContract {
    account: Address,
}

#[test]
fn a_purchase_is_paid_into_the_escrow() {
    let mut w = World::new();
    let (buyer, seller) = (w.buyer.address(), w.seller.address());
    let (arbiter, deadline) = (w.arbiter.address(), w.chain.now() + WEEK);
    let sent = w.chain.send(&w.buyer, w.open(w.token, 100));
    let (asset, amount, memo) = (w.token.into(), units(100), MEMO);
    let opened = Opened { id: 1, buyer, seller, arbiter, asset, amount, deadline, memo };
    assert_eq!(sent.events::<Opened>(), [opened]);
    assert_eq!(sent.succeeds(), 1);
    let status = Status::Open;
    let purchase = Purchase { buyer, seller, arbiter, asset, amount, deadline, memo, status };
    assert_eq!(w.chain.view(w.escrow.purchase(1)), purchase);
    assert_eq!(w.chain.view(w.token.balance_of(w.escrow)), amount);

    assert_eq!(w.bought(NATIVE, 5), 2);
    assert_eq!(w.chain.balance(w.escrow), units(5));
    assert_eq!(w.chain.view(w.escrow.count()), 2);
    assert_eq!(w.credits(asset), (units(0), units(0)));
}

#[test]
fn a_purchase_must_make_sense() {
    let mut w = World::new();
    let (buyer, seller, arbiter) = (w.buyer.address(), w.seller.address(), w.arbiter.address());
    let (now, token, one) = (w.chain.now(), Address::from(w.token), units(1));
    let escrow = Address::from(w.escrow);
    let open = |seller, arbiter, asset, amount, deadline| {
        w.escrow.open(seller, arbiter, asset, amount, deadline, MEMO)
    };
    let later = now + 1;
    let cases = [
        (
            open(Address::ZERO, arbiter, token, one, later),
            EscrowError::InvalidSeller { seller: Address::ZERO },
        ),
        (open(buyer, arbiter, token, one, later), EscrowError::InvalidSeller { seller: buyer }),
        (open(escrow, arbiter, token, one, later), EscrowError::InvalidSeller { seller: escrow }),
        (open(seller, buyer, token, one, later), EscrowError::InvalidArbiter { arbiter: buyer }),
        (open(seller, seller, token, one, later), EscrowError::InvalidArbiter { arbiter: seller }),
        (open(seller, escrow, token, one, later), EscrowError::InvalidArbiter { arbiter: escrow }),
        (open(seller, arbiter, token, units(0), later), EscrowError::NothingToPay),
        (open(seller, arbiter, token, one, now), EscrowError::DeadlineOver { deadline: now }),
        (open(seller, arbiter, token, one, later).value(one), EscrowError::UnexpectedValue),
        (
            open(seller, arbiter, NATIVE, units(3), later).value(units(2)),
            EscrowError::WrongAmount { expected: units(3), received: units(2) },
        ),
        (
            open(seller, arbiter, NATIVE, units(3), later).value(units(4)),
            EscrowError::WrongAmount { expected: units(3), received: units(4) },
        ),
    ];
    for (call, error) in cases {
        w.chain.send(&w.buyer, call).reverts_with(error);
    }
    // What the token refuses, it refuses in its own words.
    w.chain.send(&w.buyer, w.open(w.token, 1_001)).reverts_with(
        Erc20Error::ERC20InsufficientBalance {
            sender: buyer,
            balance: units(1_000),
            needed: units(1_001),
        },
    );
    // An address without a contract is no token; neither is the escrow itself.
    let account = w.stranger.address();
    w.chain.send(&w.buyer, w.open(&w.stranger, 1)).reverts_with(NotAContract { account });
    w.chain.send(&w.buyer, w.open(w.escrow, 1)).reverts();
    assert_eq!(w.chain.view(w.escrow.count()), 0);
    assert_eq!(w.chain.view(w.token.balance_of(buyer)), units(1_000));
}

#[test]
fn the_buyer_or_the_arbiter_releases_once() {
    for by in ["buyer", "arbiter"] {
        let mut w = World::new();
        let id = w.bought(w.token, 100);
        for who in [w.seller.clone(), w.stranger.clone()] {
            let account = who.address();
            w.chain
                .send(&who, w.escrow.release(id))
                .reverts_with(EscrowError::Unauthorized { account });
        }
        let by = w.chain.account(by);
        let sent = w.chain.send(&by, w.escrow.release(id));
        assert_eq!(sent.events::<Released>(), [Released { id, by: by.address() }]);
        sent.succeeds();
        assert_eq!(w.credits(w.token), (units(100), units(0)));
        assert_eq!(w.chain.view(w.escrow.purchase(id)).status, Status::Released);
        settled(&mut w, id);
    }
}

/// Nobody can do anything more with a purchase.
fn settled(w: &mut World, id: u64) {
    let before = w.credits(w.token);
    w.chain.advance(2 * WEEK);
    for who in [w.buyer.clone(), w.seller.clone(), w.arbiter.clone()] {
        let escrow = w.escrow;
        let calls = [
            escrow.release(id),
            escrow.refund(id),
            escrow.dispute(id),
            escrow.resolve(id, units(50), units(50)),
        ];
        for call in calls {
            w.chain.send(&who, call).reverts_with(EscrowError::AlreadySettled { id });
        }
    }
    assert_eq!(w.credits(w.token), before);
}

#[test]
fn the_seller_refunds_at_any_time_and_the_buyer_after_the_deadline() {
    let mut w = World::new();
    let id = w.bought(w.token, 100);
    let deadline = w.chain.now() + WEEK;
    for who in [w.arbiter.clone(), w.stranger.clone()] {
        let account = who.address();
        w.chain.send(&who, w.escrow.refund(id)).reverts_with(EscrowError::Unauthorized { account });
    }
    let early = EscrowError::DeadlineNotOver { deadline };
    w.chain.send(&w.buyer, w.escrow.refund(id)).reverts_with(early.clone());
    w.chain.advance(WEEK);
    w.chain.send(&w.buyer, w.escrow.refund(id)).reverts_with(early);
    w.chain.advance(1);
    let sent = w.chain.send(&w.buyer, w.escrow.refund(id));
    assert_eq!(sent.events::<Refunded>(), [Refunded { id, by: w.buyer.address() }]);
    sent.succeeds();
    assert_eq!(w.credits(w.token), (units(0), units(100)));
    settled(&mut w, id);

    let id = w.bought(w.token, 30);
    w.chain.send(&w.seller, w.escrow.refund(id)).succeeds();
    assert_eq!(w.credits(w.token), (units(0), units(130)));
}

#[test]
fn the_arbiter_divides_what_is_in_dispute() {
    let mut w = World::new();
    let id = w.bought(w.token, 100);
    for who in [w.arbiter.clone(), w.stranger.clone()] {
        let account = who.address();
        w.chain
            .send(&who, w.escrow.dispute(id))
            .reverts_with(EscrowError::Unauthorized { account });
    }
    let half = w.escrow.resolve(id, units(50), units(50));
    w.chain.send(&w.arbiter, half.clone()).reverts_with(EscrowError::NotInDispute { id });
    let sent = w.chain.send(&w.seller, w.escrow.dispute(id));
    assert_eq!(sent.events::<Disputed>(), [Disputed { id, by: w.seller.address() }]);
    sent.succeeds();
    w.chain.send(&w.buyer, w.escrow.dispute(id)).reverts_with(EscrowError::InDispute { id });

    // The deadline no longer counts.
    w.chain.advance(2 * WEEK);
    w.chain.send(&w.buyer, w.escrow.refund(id)).reverts_with(EscrowError::InDispute { id });
    for who in [w.buyer.clone(), w.seller.clone(), w.stranger.clone()] {
        let account = who.address();
        w.chain.send(&who, half.clone()).reverts_with(EscrowError::Unauthorized { account });
    }
    let wrong = [(units(60), units(39)), (units(60), units(41)), (U256::MAX, units(101))];
    for (to_seller, to_buyer) in wrong {
        let amount = units(100);
        w.chain
            .send(&w.arbiter, w.escrow.resolve(id, to_seller, to_buyer))
            .reverts_with(EscrowError::WrongDivision { amount, to_seller, to_buyer });
    }
    let sent = w.chain.send(&w.arbiter, w.escrow.resolve(id, units(61), units(39)));
    let resolved = Resolved { id, to_seller: units(61), to_buyer: units(39) };
    assert_eq!(sent.events::<Resolved>(), [resolved]);
    sent.succeeds();
    assert_eq!(w.credits(w.token), (units(61), units(39)));
    settled(&mut w, id);
}

#[test]
fn the_largest_amount_is_divided_exactly_too() {
    let mut w = World::new();
    let new = Token::deploy("All", "ALL", 0, &w.buyer, U256::MAX);
    w.token = w.chain.deploy(&w.buyer, new);
    w.chain.send(&w.buyer, w.token.approve(w.escrow, U256::MAX)).succeeds();
    let (amount, deadline) = (U256::MAX, w.chain.now() + WEEK);
    let open = w.escrow.open(&w.seller, &w.arbiter, w.token, amount, deadline, MEMO);
    let id = w.chain.send(&w.buyer, open).succeeds();
    w.chain.send(&w.buyer, w.escrow.dispute(id)).succeeds();
    let (to_seller, to_buyer) = (U256::MAX - U256::ONE, U256::MAX);
    w.chain
        .send(&w.arbiter, w.escrow.resolve(id, to_seller, to_buyer))
        .reverts_with(EscrowError::WrongDivision { amount, to_seller, to_buyer });
    w.chain.send(&w.arbiter, w.escrow.resolve(id, to_seller, U256::ONE)).succeeds();
    assert_eq!(w.credits(w.token), (to_seller, U256::ONE));
}

#[test]
fn after_the_deadline_only_the_buyer_calls_the_arbiter() {
    let mut w = World::new();
    let [first, second, third] =
        [w.bought(w.token, 10), w.bought(w.token, 20), w.bought(w.token, 30)];
    let deadline = w.chain.now() + WEEK;
    w.chain.advance(WEEK);
    w.chain.send(&w.seller, w.escrow.dispute(first)).succeeds();
    w.chain.advance(1);
    // The seller cannot come before the buyer's refund any more.
    let late = EscrowError::DeadlineOver { deadline };
    w.chain.send(&w.seller, w.escrow.dispute(second)).reverts_with(late);
    w.chain.send(&w.buyer, w.escrow.refund(second)).succeeds();
    w.chain.send(&w.buyer, w.escrow.dispute(third)).succeeds();
}

#[test]
fn in_a_dispute_each_of_the_two_can_still_give_in() {
    let mut w = World::new();
    let first = w.bought(w.token, 10);
    let second = w.bought(w.token, 20);
    for id in [first, second] {
        w.chain.send(&w.buyer, w.escrow.dispute(id)).succeeds();
    }
    w.chain.send(&w.buyer, w.escrow.release(first)).succeeds();
    w.chain.send(&w.seller, w.escrow.refund(second)).succeeds();
    assert_eq!(w.credits(w.token), (units(10), units(20)));
}

#[test]
fn without_an_arbiter_there_is_no_dispute() {
    let mut w = World::new();
    let deadline = w.chain.now() + WEEK;
    let open = w.escrow.open(&w.seller, Address::ZERO, w.token, units(9), deadline, MEMO);
    let id = w.chain.send(&w.buyer, open).succeeds();
    w.chain.send(&w.buyer, w.escrow.dispute(id)).reverts_with(EscrowError::NoArbiter { id });
    w.chain.send(&w.buyer, w.escrow.release(id)).succeeds();
    let unknown = EscrowError::UnknownPurchase { id: 2 };
    w.chain.send(&w.buyer, w.escrow.release(2)).reverts_with(unknown.clone());
    w.chain
        .send(&w.buyer, w.escrow.release(0))
        .reverts_with(EscrowError::UnknownPurchase { id: 0 });
    assert_eq!(
        w.chain.try_view(w.escrow.purchase(2)),
        Err(CallError::Reverted(unknown.encode()[..].into()))
    );
}

#[test]
fn credits_are_withdrawn_once_and_whole() {
    let mut w = World::new();
    let id = w.bought(w.token, 100);
    w.chain.send(&w.buyer, w.escrow.release(id)).succeeds();
    let second = w.bought(w.token, 11);
    w.chain.send(&w.buyer, w.escrow.release(second)).succeeds();
    let third = w.bought(NATIVE, 7);
    w.chain.send(&w.buyer, w.escrow.release(third)).succeeds();

    let (asset, account) = (Address::from(w.token), w.seller.address());
    for receiver in [Address::ZERO, w.escrow.into()] {
        w.chain
            .send(&w.seller, w.escrow.withdraw(asset, receiver))
            .reverts_with(EscrowError::InvalidReceiver { receiver });
    }
    let (to, amount) = (w.stranger.address(), units(111));
    let sent = w.chain.send(&w.seller, w.escrow.withdraw(asset, to));
    assert_eq!(sent.events::<Withdrawn>(), [Withdrawn { account, asset, to, amount }]);
    assert_eq!(sent.succeeds(), amount);
    assert_eq!(w.chain.view(w.token.balance_of(to)), amount);
    w.chain
        .send(&w.seller, w.escrow.withdraw(asset, to))
        .reverts_with(EscrowError::NothingToWithdraw { asset, account });

    // Anybody can have an account paid, but only to itself.
    let before = w.chain.balance(&w.seller);
    let sent = w.chain.send(&w.stranger, w.escrow.withdraw_for(NATIVE, account));
    let (to, amount) = (account, units(7));
    assert_eq!(sent.events::<Withdrawn>(), [Withdrawn { account, asset: NATIVE, to, amount }]);
    assert_eq!(sent.succeeds(), amount);
    assert_eq!(w.chain.balance(&w.seller), before + amount);
    assert_eq!(w.chain.balance(w.escrow), units(0));
    let account = w.buyer.address();
    w.chain
        .send(&w.buyer, w.escrow.withdraw(asset, account))
        .reverts_with(EscrowError::NothingToWithdraw { asset, account });
}

/// The buyer's permit for the escrow to spend 40, as it is if somebody signs it.
fn signed(w: &World, signer: &Account) -> SignedPermit {
    permit::permit(&w.chain, w.token, signer, &w.buyer, w.escrow, units(40))
}

#[test]
fn a_purchase_with_a_permit_takes_one_call() {
    let mut w = World::new();
    w.chain.send(&w.buyer, w.token.approve(w.escrow, units(0))).succeeds();
    let deadline = w.chain.now() + WEEK;
    let open = |w: &World, permit| {
        let (seller, arbiter) = (&w.seller, &w.arbiter);
        w.escrow.open_with_permit(seller, arbiter, w.token, units(40), deadline, MEMO, permit)
    };
    let spender = w.escrow.into();
    let refused = || Erc20Error::ERC20InsufficientAllowance {
        spender,
        allowance: units(0),
        needed: units(40),
    };
    let forged = open(&w, signed(&w, &w.seller));
    w.chain.send(&w.buyer, forged).reverts_with(refused());
    let honest = open(&w, signed(&w, &w.buyer));
    // Only the buyer can use it: who hands it in is the buyer.
    w.chain.send(&w.stranger, honest.clone()).reverts_with(refused());

    // Somebody hands the permit in first, to make the purchase fail. It does not.
    let SignedPermit { deadline, v, r, s } = signed(&w, &w.buyer);
    let first = w.token.permit(&w.buyer, w.escrow, units(40), deadline, v, r, s);
    w.chain.send(&w.stranger, first).succeeds();
    assert_eq!(w.chain.send(&w.buyer, honest).succeeds(), 1);
    assert_eq!(w.chain.view(w.token.balance_of(w.escrow)), units(40));

    let mut w = World::new();
    w.chain.send(&w.buyer, w.token.approve(w.escrow, units(0))).succeeds();
    let honest = open(&w, signed(&w, &w.buyer));
    assert_eq!(w.chain.send(&w.buyer, honest).succeeds(), 1);
}
