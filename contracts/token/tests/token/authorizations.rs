//! EIP-3009.

use crate::signing::{
    CancelAuthorization, ReceiveWithAuthorization, TransferWithAuthorization, joined, twin,
};
use crate::{World, units};
use florin_common::eip3009::{AuthorizationCanceled, AuthorizationUsed, Eip3009Error};
use florin_common::erc20::{Erc20Error, Transfer};
use florin_hostile::{Mallory, MalloryClient};
use florin_sdk::prelude::*;

const NONCE: B256 = B256::repeat_byte(7);

/// Alice pays Bob 50, from now for an hour.
fn message(w: &World) -> TransferWithAuthorization {
    TransferWithAuthorization {
        from: w.alice.address(),
        to: w.bob.address(),
        value: units(50).into(),
        validAfter: units(w.chain.now() - 1).into(),
        validBefore: units(w.chain.now() + 3_600).into(),
        nonce: NONCE,
    }
}

/// The same, for Bob to hand in.
fn to_receive(m: &TransferWithAuthorization) -> ReceiveWithAuthorization {
    let TransferWithAuthorization { from, to, value, validAfter, validBefore, nonce } = *m;
    ReceiveWithAuthorization { from, to, value, validAfter, validBefore, nonce }
}

fn transfer(w: &World, m: &TransferWithAuthorization, sig: (u8, B256, B256)) -> Call<()> {
    let (v, r, s) = sig;
    w.token.transfer_with_authorization(
        m.from,
        m.to,
        m.value,
        m.validAfter,
        m.validBefore,
        m.nonce,
        v,
        r,
        s,
    )
}

fn transfer_bytes(w: &World, m: &TransferWithAuthorization, signature: Bytes) -> Call<()> {
    let (after, before) = (m.validAfter, m.validBefore);
    w.token
        .transfer_with_authorization_bytes(m.from, m.to, m.value, after, before, m.nonce, signature)
}

/// What Alice has signed for Bob to have 50, in each of the four forms; he may hand in all.
pub fn each_form(w: &World) -> [Call<()>; 4] {
    let m = message(w);
    let received = to_receive(&m);
    let (v, r, s) = w.sign(&w.alice, &received);
    let (from, to, value, after, before) = (m.from, m.to, m.value, m.validAfter, m.validBefore);
    let bytes = w.sign_bytes(&w.alice, &received);
    [
        transfer(w, &m, w.sign(&w.alice, &m)),
        transfer_bytes(w, &m, w.sign_bytes(&w.alice, &m)),
        w.token.receive_with_authorization(from, to, value, after, before, NONCE, v, r, s),
        w.token.receive_with_authorization_bytes(from, to, value, after, before, NONCE, bytes),
    ]
}

#[test]
fn anybody_hands_in_a_transfer_once() {
    let mut w = World::new();
    let m = message(&w);
    let call = transfer(&w, &m, w.sign(&w.alice, &m));
    assert!(!w.chain.view(w.token.authorization_state(m.from, NONCE)));
    let sent = w.chain.send(&w.carol, call.clone());
    let used = AuthorizationUsed { authorizer: m.from, nonce: NONCE };
    assert_eq!(sent.events::<AuthorizationUsed>(), [used]);
    assert_eq!(sent.events::<Transfer>(), [Transfer { from: m.from, to: m.to, value: units(50) }]);
    sent.succeeds();
    assert!(w.chain.view(w.token.authorization_state(m.from, NONCE)));
    assert_eq!((w.balance(m.from), w.balance(m.to)), (units(950), units(50)));

    let used = Eip3009Error::AuthorizationAlreadyUsed { authorizer: m.from, nonce: NONCE };
    w.chain.send(&w.carol, call).reverts_with(used.clone());
    // Nor in the other forms: the nonce is spent.
    let bytes = w.sign_bytes(&w.alice, &m);
    w.chain.send(&w.carol, transfer_bytes(&w, &m, bytes)).reverts_with(used);
    assert_eq!(w.balance(m.to), units(50));
}

#[test]
fn a_signature_in_bytes_is_the_same_signature() {
    let mut w = World::new();
    let m = message(&w);
    let signature = w.sign_bytes(&w.alice, &m);
    let invalid = Eip3009Error::AuthorizationInvalidSignature { authorizer: m.from };
    let (short, long) = (Bytes(signature[..64].to_vec()), Bytes([&signature[..], &[0]].concat()));
    for bad in [short, long, Bytes::default(), joined(twin(w.sign(&w.alice, &m)))] {
        w.chain.send(&w.carol, transfer_bytes(&w, &m, bad)).reverts_with(invalid.clone());
    }
    w.chain.send(&w.carol, transfer_bytes(&w, &m, signature)).succeeds();
    assert_eq!(w.balance(m.to), units(50));
}

#[test]
fn both_ends_of_the_window_are_outside() {
    let mut w = World::new();
    let now = w.chain.now();
    let m = TransferWithAuthorization {
        validAfter: units(now + 10).into(),
        validBefore: units(now + 20).into(),
        ..message(&w)
    };
    let call = transfer(&w, &m, w.sign(&w.alice, &m));
    let early = Eip3009Error::AuthorizationNotYetValid { valid_after: units(now + 10) };
    let late = Eip3009Error::AuthorizationExpired { valid_before: units(now + 20) };
    w.chain.advance(10);
    w.chain.send(&w.carol, call.clone()).reverts_with(early);
    w.chain.advance(10);
    w.chain.send(&w.carol, call.clone()).reverts_with(late);

    // The first and the last second inside, on ledgers of their own.
    for seconds in [11, 19] {
        let mut w = World::new();
        w.chain.advance(seconds);
        w.chain.send(&w.carol, call.clone()).succeeds();
    }
}

#[test]
fn only_the_payee_receives() {
    let mut w = World::new();
    let m = to_receive(&message(&w));
    let (v, r, s) = w.sign(&w.alice, &m);
    let (from, to, value, after, before) = (m.from, m.to, m.value, m.validAfter, m.validBefore);
    let call = w.token.receive_with_authorization(from, to, value, after, before, NONCE, v, r, s);
    let stranger = w.carol.address();
    w.chain
        .send(&w.carol, call.clone())
        .reverts_with(Eip3009Error::AuthorizationInvalidCaller { caller: stranger, payee: to });
    // What is signed to be received cannot be handed in as a transfer, by anybody.
    let invalid = Eip3009Error::AuthorizationInvalidSignature { authorizer: from };
    w.chain.send(&w.carol, transfer(&w, &message(&w), (v, r, s))).reverts_with(invalid.clone());
    // Nor the other way round.
    let (v, r, s) = w.sign(&w.alice, &message(&w));
    let other = w.token.receive_with_authorization(from, to, value, after, before, NONCE, v, r, s);
    w.chain.send(&w.bob, other).reverts_with(invalid);

    w.chain.send(&w.bob, call).succeeds();
    assert_eq!(w.balance(to), units(50));

    let m = ReceiveWithAuthorization { nonce: B256::repeat_byte(8), ..m };
    let (nonce, signature) = (m.nonce, w.sign_bytes(&w.alice, &m));
    let call =
        w.token.receive_with_authorization_bytes(from, to, value, after, before, nonce, signature);
    w.chain.send(&w.carol, call.clone()).reverts();
    w.chain.send(&w.bob, call).succeeds();
    assert_eq!(w.balance(to), units(100));
}

#[test]
fn a_canceled_authorization_is_void() {
    let mut w = World::new();
    let m = message(&w);
    let cancel = CancelAuthorization { authorizer: m.from, nonce: NONCE };
    let invalid = Eip3009Error::AuthorizationInvalidSignature { authorizer: m.from };
    let (v, r, s) = w.sign(&w.bob, &cancel);
    w.chain
        .send(&w.bob, w.token.cancel_authorization(m.from, NONCE, v, r, s))
        .reverts_with(invalid);

    let (v, r, s) = w.sign(&w.alice, &cancel);
    let sent = w.chain.send(&w.carol, w.token.cancel_authorization(m.from, NONCE, v, r, s));
    let canceled = AuthorizationCanceled { authorizer: m.from, nonce: NONCE };
    assert_eq!(sent.events::<AuthorizationCanceled>(), [canceled]);
    sent.succeeds();
    let used = Eip3009Error::AuthorizationAlreadyUsed { authorizer: m.from, nonce: NONCE };
    let payment = transfer(&w, &m, w.sign(&w.alice, &m));
    w.chain.send(&w.carol, payment).reverts_with(used.clone());
    let again = w.sign_bytes(&w.alice, &cancel);
    w.chain
        .send(&w.carol, w.token.cancel_authorization_bytes(m.from, NONCE, again))
        .reverts_with(used);
    assert_eq!(w.balance(m.to), units(0));

    // Another nonce is another authorization; a cancellation in bytes.
    let nonce = B256::repeat_byte(9);
    let cancel = CancelAuthorization { authorizer: m.from, nonce };
    let signature = w.sign_bytes(&w.alice, &cancel);
    w.chain.send(&w.bob, w.token.cancel_authorization_bytes(m.from, nonce, signature)).succeeds();
    assert!(w.chain.view(w.token.authorization_state(m.from, nonce)));
}

#[test]
fn an_authorization_says_what_it_says() {
    let mut w = World::new();
    let honest = message(&w);
    let signature = w.sign(&w.alice, &honest);
    let one = florin_sdk::alloy_primitives::U256::ONE;
    let changed = [
        TransferWithAuthorization { from: w.carol.address(), ..honest },
        TransferWithAuthorization { to: w.carol.address(), ..honest },
        TransferWithAuthorization { value: honest.value + one, ..honest },
        TransferWithAuthorization { validAfter: honest.validAfter - one, ..honest },
        TransferWithAuthorization { validBefore: honest.validBefore + one, ..honest },
        TransferWithAuthorization { nonce: B256::repeat_byte(8), ..honest },
    ];
    for m in changed {
        w.chain
            .send(&w.bob, transfer(&w, &m, signature))
            .reverts_with(Eip3009Error::AuthorizationInvalidSignature { authorizer: m.from });
    }
    // Of the zero address, whose signature every malformed one would be.
    let zero = TransferWithAuthorization { from: Address::ZERO, ..honest };
    let (v, _, s) = signature;
    w.chain
        .send(&w.bob, transfer(&w, &zero, (v, B256::ZERO, s)))
        .reverts_with(Eip3009Error::AuthorizationInvalidSignature { authorizer: Address::ZERO });

    // More than there is: nothing moves, and the authorization stays unused.
    let dear = TransferWithAuthorization { value: units(1_001).into(), ..honest };
    let signature = w.sign(&w.alice, &dear);
    w.chain.send(&w.bob, transfer(&w, &dear, signature)).reverts_with(
        Erc20Error::ERC20InsufficientBalance {
            sender: dear.from,
            balance: units(1_000),
            needed: units(1_001),
        },
    );
    assert!(!w.chain.view(w.token.authorization_state(dear.from, NONCE)));
}

#[test]
fn a_contract_signs_by_erc_1271() {
    let mut w = World::new();
    let wallet: MalloryClient = w.chain.deploy(&w.carol, Mallory::deploy());
    w.chain.send(&w.alice, w.token.transfer(wallet, units(80))).succeeds();
    let m = TransferWithAuthorization { from: wallet.into(), ..message(&w) };
    let anything = Bytes(b"whatever the wallet understands".to_vec());
    let invalid = Eip3009Error::AuthorizationInvalidSignature { authorizer: m.from };
    w.chain.send(&w.bob, transfer_bytes(&w, &m, anything.clone())).reverts_with(invalid.clone());
    w.chain.send(&w.carol, wallet.sign(w.digest(&m))).succeeds();
    // The form of accounts does not ask contracts.
    w.chain.send(&w.bob, transfer(&w, &m, w.sign(&w.carol, &m))).reverts_with(invalid);
    w.chain.send(&w.bob, transfer_bytes(&w, &m, anything)).succeeds();
    assert_eq!((w.balance(wallet), w.balance(m.to)), (units(30), units(50)));
}

#[test]
fn a_wallet_is_asked_while_it_is_calling() {
    let mut w = World::new();
    let [wallet, shop]: [MalloryClient; 2] =
        [0; 2].map(|_| w.chain.deploy(&w.carol, Mallory::deploy()));
    w.chain.send(&w.alice, w.token.transfer(wallet, units(80))).succeeds();
    let m = TransferWithAuthorization { from: wallet.into(), to: shop.into(), ..message(&w) };
    let m = to_receive(&m);
    w.chain.send(&w.carol, wallet.sign(w.digest(&m))).succeeds();
    let (after, before, signature) = (m.validAfter, m.validBefore, Bytes::default());
    let receive = w
        .token
        .receive_with_authorization_bytes(m.from, m.to, m.value, after, before, m.nonce, signature);
    // wallet -> shop -> token -> wallet, whose isValidSignature is #[reentrant].
    let buy = shop.run(w.token, Bytes(receive.input)).input;
    w.chain.send(&w.carol, wallet.run(shop, Bytes(buy))).succeeds();
    assert_eq!((w.balance(wallet), w.balance(shop)), (units(30), units(50)));
}

#[test]
fn the_types_of_what_is_signed_are_published() {
    let w = World::new();
    let types = [
        (w.token.transfer_with_authorization_typehash(), type_hash::<TransferWithAuthorization>()),
        (w.token.receive_with_authorization_typehash(), type_hash::<ReceiveWithAuthorization>()),
        (w.token.cancel_authorization_typehash(), type_hash::<CancelAuthorization>()),
    ];
    for (published, expected) in types {
        assert_eq!(w.chain.view(published), expected);
    }
}

/// The hash of a message's type, as EIP-712 encodes it.
fn type_hash<M: alloy_sol_types::SolStruct>() -> B256 {
    florin_sdk::alloy_primitives::keccak256(M::eip712_encode_type().as_bytes())
}

#[test]
fn a_signature_is_good_for_one_token_and_one_chain() {
    let mut w = World::new();
    let m = message(&w);
    let mut domain = w.domain();
    domain.chain_id = domain.chain_id.map(|id| id + florin_sdk::alloy_primitives::U256::ONE);
    let hash = alloy_sol_types::SolStruct::eip712_signing_hash(&m, &domain);
    let call = transfer(&w, &m, w.alice.sign_hash(hash));
    let invalid = Eip3009Error::AuthorizationInvalidSignature { authorizer: m.from };
    w.chain.send(&w.bob, call).reverts_with(invalid.clone());

    let issuer = w.issuer.clone();
    let new = florin_token::Token::deploy("Test Euro", "TEUR", 6, &issuer, units(10_000));
    let other: florin_token::TokenClient = w.chain.deploy(&issuer, new);
    let mut call = transfer(&w, &m, w.sign(&w.alice, &m));
    call.to = other.into();
    w.chain.send(&w.bob, call).reverts_with(invalid);
}
