//! What the escrow costs, compared with its page.

use crate::cost::check;
use crate::{NATIVE, World, units};
use florin_escrow::Escrow;
use florin_sdk::prelude::Address;

#[test]
fn it_costs_what_its_page_says() {
    let mut w = World::new();
    let (asset, escrow) = (Address::from(w.token), w.escrow);
    let deploy = w.chain.try_deploy(&w.stranger.clone(), Escrow::deploy());
    let native = w.chain.send(&w.buyer, w.open(NATIVE, 10));
    let token = w.chain.send(&w.buyer, w.open(w.token, 10));
    let second = w.bought(w.token, 10);
    let third = w.bought(w.token, 10);
    let release = w.chain.send(&w.buyer, escrow.release(1));
    let refund = w.chain.send(&w.seller, escrow.refund(2));
    let dispute = w.chain.send(&w.seller, escrow.dispute(second));
    let resolve = w.chain.send(&w.arbiter, escrow.resolve(second, units(4), units(6)));
    w.chain.send(&w.buyer, escrow.release(third)).succeeds();
    let take_native = w.chain.send(&w.seller, escrow.withdraw(NATIVE, &w.seller));
    let take_token = w.chain.send(&w.seller, escrow.withdraw(asset, &w.seller));

    let figures = [
        ("module, bytes", w.chain.bytecode::<Escrow>().len() as u64),
        ("deployment, gas", deploy.gas()),
        ("`open` in native currency, gas", native.gas()),
        ("`open` in a token, gas", token.gas()),
        ("`release`, gas", release.gas()),
        ("`refund`, gas", refund.gas()),
        ("`dispute`, gas", dispute.gas()),
        ("`resolve`, gas", resolve.gas()),
        ("`withdraw` native currency, gas", take_native.gas()),
        ("`withdraw` a token, gas", take_token.gas()),
    ];
    for sent in [release, refund, dispute, resolve, deploy] {
        sent.succeeds();
    }
    for sent in [native, token] {
        sent.succeeds();
    }
    for sent in [take_native, take_token] {
        sent.succeeds();
    }
    check(&w.chain, "escrow.md", &figures);
}
