//! The test harness tells the author what no compiler can.

use florin_hostile::{Mallory, MalloryClient};
use florin_probe::{Probe, ProbeClient};
use florin_sdk::prelude::*;
use florin_sdk::testing::{Account, Chain};
use florin_second::SecondError;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn world() -> (Chain, Account, ProbeClient) {
    let mut chain = Chain::new();
    let alice = chain.account("alice");
    let probe = chain.deploy(&alice, Probe::deploy(7));
    (chain, alice, probe)
}

/// What a test that fails says.
fn complaint<R>(test: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(test)).err().expect("the test should fail");
    *payload.downcast::<String>().expect("it fails with a text")
}

#[test]
fn the_gas_of_a_call_is_the_limit_of_its_transaction() {
    let (mut chain, alice, probe) = world();
    let plenty = chain.send(&alice, probe.count());
    let used = plenty.gas();
    plenty.succeeds();
    assert_eq!(chain.send(&alice, probe.count().gas(used)).gas(), used);
    let short = chain.send(&alice, probe.count().gas(used - 100));
    assert_eq!(short.gas(), used - 100);
    assert!(short.halts().contains("gas"));
    assert!(chain.view(probe.gas().gas(60_000)) < 60_000);
    assert_eq!(chain.try_view(probe.gas().gas(21_100)), Err(CallError::Halted));
}

#[test]
fn a_view_is_nobodys_or_an_accounts() {
    let (chain, alice, probe) = world();
    assert_eq!(chain.view(probe.who()), Address::ZERO);
    assert_eq!(chain.view_as(&alice, probe.who()), alice.address());
    assert_eq!(chain.try_view_as(&alice, probe.who()), Ok(alice.address()));
}

#[test]
fn an_event_that_the_abi_lacks_fails_the_test() {
    let (mut chain, alice, probe) = world();
    chain.send(&alice, probe.tell(false)).succeeds();
    let complaint = complaint(|| chain.send(&alice, probe.tell(true)).succeeds());
    for part in ["`Probe` emits an event that its ABI does not list", "events(..)", "0x"] {
        assert!(complaint.contains(part), "{complaint}");
    }
}

#[test]
fn a_wrong_expectation_is_told_with_what_was_expected() {
    let (mut chain, alice, probe) = world();
    let mallory: MalloryClient = chain.deploy(&alice, Mallory::deploy());
    let sent = chain.send(&alice, probe.ask(mallory, u64::MAX));
    let complaint = complaint(|| sent.reverts_with(SecondError::Odd { factor: 3 }));
    for part in ["should have reverted with Odd(3)", "alice -> Probe.ask", "reverts: Refused()"] {
        assert!(complaint.contains(part), "{complaint}");
    }
}

#[test]
fn a_failed_call_says_whose_it_was() {
    let (mut chain, alice, probe) = world();
    let mallory: MalloryClient = chain.deploy(&alice, Mallory::deploy());
    let other: ProbeClient = chain.deploy(&alice, Probe::deploy(8));
    assert_eq!(chain.view(probe.ask(other, u64::MAX)), 8);
    // Mallory has no such method and answers with its own error; so does a callee without gas, with
    // none.
    chain.send(&alice, probe.ask(mallory, u64::MAX)).reverts_with(florin_hostile::Refused);
    let failed = chain.send(&alice, probe.ask(other, 100)).reverts();
    assert_eq!(failed, call_failed(other.into()));
}

/// `CallFailed(address)`.
fn call_failed(callee: Address) -> Vec<u8> {
    let selector = florin_sdk::contract::selector("CallFailed(address)").to_be_bytes();
    [&selector[..], &florin_sdk::abi::encode(&(callee,))].concat()
}
