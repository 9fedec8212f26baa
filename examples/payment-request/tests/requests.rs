//! Payment requests on a ledger, with the real token.
#![allow(missing_docs, reason = "tests are not documentation")]

#[path = "../../../contracts/permit.rs"]
mod permit;

use florin_common::erc20::Erc20Error;
use florin_common::permit::SignedPermit;
use florin_example_payment_request::*;
use florin_hostile::{Mallory, MalloryClient, Manner};
use florin_sdk::prelude::*;
use florin_sdk::testing::{Account, Chain};
use florin_token::{Token, TokenClient};

const HOUR: u64 = 60 * 60;

/// A merchant that asks, and a payer with 1,000 tokens that has approved nothing.
struct World {
    chain: Chain,
    requests: PaymentRequestsClient,
    token: TokenClient,
    merchant: Account,
    payer: Account,
    thief: Account,
}

impl World {
    fn new() -> Self {
        let mut chain = Chain::new();
        let [merchant, payer, thief] = chain.accounts(["merchant", "payer", "thief"]);
        let requests = chain.deploy(&merchant, PaymentRequests::deploy());
        let new = Token::deploy("Test Euro", "TEUR", 6, &payer, U256::from(1_000u32));
        let token = chain.deploy(&merchant, new);
        World { chain, requests, token, merchant, payer, thief }
    }

    /// A request for 40, to be paid within the hour.
    fn request(&self, reference: u8) -> PaymentRequest {
        PaymentRequest {
            merchant: self.merchant.address(),
            token: self.token.into(),
            amount: U256::from(40u32),
            reference: B256::repeat_byte(reference),
            deadline: self.chain.now() + HOUR,
        }
    }

    /// The payer's permit for 40, as it is if somebody signs it.
    fn permit(&self, signer: &Account) -> SignedPermit {
        let value = U256::from(40u32);
        permit::permit(&self.chain, self.token, signer, &self.payer, self.requests, value)
    }

    fn balance(&self, of: &Account) -> U256 {
        self.chain.view(self.token.balance_of(of))
    }
}

#[test]
fn a_request_is_paid_in_one_transaction_and_once() {
    let mut w = World::new();
    let request = w.request(1);
    let paid = w.chain.send(&w.payer, w.requests.pay(request.clone(), w.permit(&w.payer)));
    let PaymentRequest { merchant, token, amount, reference, .. } = request;
    let (hash, payer) = (w.chain.view(w.requests.hash(request.clone())), w.payer.address());
    let event = Paid { request: hash, merchant, reference, payer, token, amount };
    assert_eq!(paid.events::<Paid>(), [event]);
    assert_eq!(paid.succeeds(), hash);
    assert!(w.chain.view(w.requests.is_paid(hash)));
    assert_eq!(w.balance(&w.merchant), amount);
    assert!(w.chain.view(w.token.allowance(&w.payer, w.requests)).is_zero());

    for again in [w.permit(&w.payer), w.permit(&w.thief)] {
        let again = w.chain.send(&w.payer, w.requests.pay(request.clone(), again));
        again.reverts_with(PaymentError::AlreadyPaid { payer });
    }
    let other = w.requests.pay(w.request(2), w.permit(&w.payer));
    assert_ne!(w.chain.send(&w.payer, other).succeeds(), hash);
    assert_eq!(w.balance(&w.merchant), U256::from(80u32));
}

#[test]
fn a_request_is_paid_until_its_last_second() {
    let mut w = World::new();
    let (request, deadline) = (w.request(1), w.chain.now() + HOUR);
    w.chain.advance(HOUR);
    let call = w.requests.pay(request, w.permit(&w.payer));
    w.chain.send(&w.payer, call).succeeds();
    let late = PaymentRequest { deadline, ..w.request(2) };
    w.chain.advance(1);
    let call = w.requests.pay(late, w.permit(&w.payer));
    w.chain.send(&w.payer, call).reverts_with(PaymentError::RequestExpired { deadline });
    assert_eq!(w.balance(&w.merchant), U256::from(40u32));
}

#[test]
fn a_permit_is_of_use_to_its_owner_only() {
    let mut w = World::new();
    let refused = |needed: u32| Erc20Error::ERC20InsufficientAllowance {
        spender: w.requests.into(),
        allowance: U256::ZERO,
        needed: U256::from(needed),
    };
    let permit = w.permit(&w.payer);
    // The thief has seen the payer's permit, and asks for the payer's tokens.
    let stolen = PaymentRequest { merchant: w.thief.address(), ..w.request(1) };
    let call = w.requests.pay(stolen, permit.clone());
    w.chain.send(&w.thief, call).reverts_with(refused(40));
    // Signed by somebody else, and for less than is asked.
    let call = w.requests.pay(w.request(1), w.permit(&w.thief));
    w.chain.send(&w.payer, call).reverts_with(refused(40));
    let dearer = PaymentRequest { amount: U256::from(41u32), ..w.request(1) };
    let call = w.requests.pay(dearer, permit.clone());
    w.chain.send(&w.payer, call).reverts_with(refused(41));
    assert!(w.balance(&w.merchant).is_zero() && w.balance(&w.thief).is_zero());

    // The thief hands the permit in first, to make the payment fail. It does not.
    let SignedPermit { deadline, v, r, s } = permit.clone();
    let first = w.token.permit(&w.payer, w.requests, 40, deadline, v, r, s);
    w.chain.send(&w.thief, first).succeeds();
    let call = w.requests.pay(w.request(1), permit);
    w.chain.send(&w.payer, call).succeeds();
    assert_eq!(w.balance(&w.merchant), U256::from(40u32));
}

#[test]
fn a_failed_payment_leaves_the_request_open() {
    let mut w = World::new();
    let request = w.request(1);
    let all = w.chain.view(w.token.balance_of(&w.payer));
    w.chain.send(&w.payer, w.token.transfer(&w.thief, all)).succeeds();
    let call = w.requests.pay(request.clone(), w.permit(&w.payer));
    w.chain.send(&w.payer, call).reverts_with(Erc20Error::ERC20InsufficientBalance {
        sender: w.payer.address(),
        balance: U256::ZERO,
        needed: U256::from(40u32),
    });
    let hash = w.chain.view(w.requests.hash(request.clone()));
    assert!(!w.chain.view(w.requests.is_paid(hash)));
    w.chain.send(&w.thief, w.token.transfer(&w.payer, 40)).succeeds();
    let call = w.requests.pay(request, w.permit(&w.payer));
    assert_eq!(w.chain.send(&w.payer, call).succeeds(), hash);
}

#[test]
fn a_token_that_keeps_a_part_has_not_paid() {
    let mut w = World::new();
    let mallory: MalloryClient = w.chain.deploy(&w.thief, Mallory::deploy());
    w.chain.send(&w.thief, mallory.mint(&w.payer, 100)).succeeds();
    let token = Address::from(mallory);
    let request = PaymentRequest { token, ..w.request(1) };
    let pay = w.requests.pay(request, w.permit(&w.payer));
    for manner in [Manner::Fee, Manner::Liar, Manner::False] {
        w.chain.send(&w.thief, mallory.behave(manner)).succeeds();
        let refused = PaymentError::NotMoved { token };
        w.chain.send(&w.payer, pay.clone()).reverts_with(refused);
    }
    w.chain.send(&w.thief, mallory.behave(Manner::Honest)).succeeds();
    w.chain.send(&w.payer, pay).succeeds();
    assert_eq!(w.chain.view(mallory.balance_of(&w.merchant)), U256::from(40u32));
}
