//! What the splitter costs, compared with its page.

use crate::cost::check;
use crate::{World, units};
use florin_sdk::testing::Account;
use florin_splitter::Splitter;

#[test]
fn it_costs_what_its_page_says() {
    let mut w = World::new();
    let payees = w.payees.each_ref().map(Account::address).to_vec();
    let new = Splitter::deploy(payees.clone(), [5, 3, 2].map(units).to_vec());
    let deploy = w.chain.try_deploy(&w.payer, new);
    let income = w.chain.pay(&w.payer, w.splitter, units(1_000));
    w.chain.send(&w.payer, w.token.transfer(w.splitter, units(1_000))).succeeds();
    let first = w.chain.send(&w.payer, w.splitter.release(payees[0]));
    let second = w.chain.send(&w.payer, w.splitter.release(payees[1]));
    w.chain.send(&w.payer, w.splitter.release_token(w.token, payees[0])).succeeds();
    let token = w.chain.send(&w.payer, w.splitter.release_token(w.token, payees[1]));
    let figures = [
        ("module, bytes", w.chain.bytecode::<Splitter>().len() as u64),
        ("deployment with three payees, gas", deploy.gas()),
        ("native income, gas", income.gas()),
        ("first `release`, gas", first.gas()),
        ("`release`, gas", second.gas()),
        ("`release` of a token, gas", token.gas()),
    ];
    for sent in [deploy, income, first, second, token] {
        sent.succeeds();
    }
    check(&w.chain, "splitter.md", &figures);
}
