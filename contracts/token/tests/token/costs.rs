//! What the token costs, compared with its page.

use crate::cost::check;
use crate::signing::{Permit, TransferWithAuthorization};
use crate::{World, units};
use florin_sdk::prelude::*;
use florin_token::Token;

#[test]
fn it_costs_what_its_page_says() {
    let mut w = World::new();
    let (alice, bob, token) = (w.alice.address(), w.bob.address(), w.token);
    let new = Token::deploy("Test Euro", "TEUR", 6, alice, units(10_000));
    let deploy = w.chain.try_deploy(&w.issuer.clone(), new);
    let first = w.chain.send(&w.alice, token.transfer(bob, units(1)));
    let next = w.chain.send(&w.alice, token.transfer(bob, units(1)));
    let memo = w.chain.send(&w.alice, token.transfer_with_memo(bob, units(1), B256::ZERO));
    let approve = w.chain.send(&w.alice, token.approve(bob, units(100)));
    let from = w.chain.send(&w.bob, token.transfer_from(alice, bob, units(1)));
    let mint = w.chain.send(&w.issuer, token.mint(alice, units(1)));
    let burn = w.chain.send(&w.issuer, token.burn(units(1)));

    let (value, deadline) = (units(50), U256::MAX);
    let message = Permit {
        owner: alice,
        spender: bob,
        value: value.into(),
        nonce: units(0).into(),
        deadline: deadline.into(),
    };
    let (v, r, s) = w.sign(&w.alice, &message);
    let permit = w.chain.send(&w.bob, token.permit(alice, bob, value, deadline, v, r, s));
    let m = TransferWithAuthorization {
        from: alice,
        to: bob,
        value: value.into(),
        validAfter: units(0).into(),
        validBefore: U256::MAX.into(),
        nonce: B256::ZERO,
    };
    let (v, r, s) = w.sign(&w.alice, &m);
    let (after, before) = (m.validAfter, m.validBefore);
    let call =
        token.transfer_with_authorization(alice, bob, value, after, before, m.nonce, v, r, s);
    let authorized = w.chain.send(&w.carol, call);

    let mut figures = vec![("module, bytes", w.chain.bytecode::<Token>().len() as u64)];
    figures.push(("deployment, gas", deploy.gas()));
    figures.extend([
        ("`transfer` to a new holder, gas", first.gas()),
        ("`transfer`, gas", next.gas()),
        ("`transferWithMemo`, gas", memo.gas()),
        ("`approve`, gas", approve.gas()),
        ("`transferFrom`, gas", from.gas()),
        ("`mint`, gas", mint.gas()),
        ("`burn`, gas", burn.gas()),
        ("`permit`, gas", permit.gas()),
        ("`transferWithAuthorization`, gas", authorized.gas()),
    ]);
    for sent in [first, next, approve, from] {
        sent.succeeds();
    }
    for sent in [deploy, memo, mint, burn, permit, authorized] {
        sent.succeeds();
    }
    check(&w.chain, "token.md", &figures);
}
