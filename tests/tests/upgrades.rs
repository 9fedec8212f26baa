//! Code is replaced by code that reads what is stored as it was written: it keeps the layout, or
//! migrates from it once.

use florin_hostile::Mallory;
use florin_probe::{Probe, ProbeClient};
use florin_sdk::abi::encode;
use florin_sdk::contract::topic;
use florin_sdk::prelude::*;
use florin_sdk::testing::{Account, Chain};
use florin_second::{Second, SecondClient, SecondError};
use florin_third::Third;

/// A probe that counts 21.
fn world() -> (Chain, Account, ProbeClient) {
    let mut chain = Chain::new();
    let alice = chain.account("alice");
    let probe = chain.deploy(&alice, Probe::deploy(21));
    (chain, alice, probe)
}

/// The second version, whose migration multiplies by `factor`.
fn second(chain: &Chain, factor: u64) -> Bytes {
    Bytes([chain.bytecode::<Second>(), encode(&(factor,))].concat())
}

/// The text of a refused upgrade.
fn refusal(data: &[u8]) -> String {
    assert_eq!(data[..4], [0x08, 0xc3, 0x79, 0xa0], "Error(string)");
    florin_sdk::abi::decode(&data[4..]).expect("a text")
}

#[test]
fn a_layout_that_changed_is_refused() {
    let (mut chain, alice, probe) = world();
    let refused = chain.send(&alice, probe.upgrade(chain.bytecode::<Mallory>())).reverts();
    let hash = B256::new(topic(Probe::LAYOUT_TEXT));
    let refused = refusal(&refused);
    let remedy = format!("#[migrate(from = \"{hash}\")]");
    for part in ["the storage layout changed (`count: Item<u64>` became `manner: ", &remedy] {
        assert!(refused.contains(part), "{refused}");
    }
    assert_eq!(chain.view(probe.count()), 21);
}

#[test]
fn a_migration_runs_once_and_leads_to_another_layout() {
    let (mut chain, alice, probe) = world();
    chain
        .send(&alice, probe.upgrade(second(&chain, 3)))
        .reverts_with(SecondError::Odd { factor: 3 });
    assert_eq!(chain.view(probe.count()), 21, "a failed migration undoes the upgrade");

    chain.send(&alice, probe.upgrade(second(&chain, 2))).succeeds();
    let upgraded = SecondClient::at(probe);
    assert_eq!(chain.view(upgraded.total()), 42);
    assert_eq!(chain.view(upgraded.owner()), (alice.address(), 0));
    // The same code again, as a repair of it would come: its migration was for the former layout.
    chain.send(&alice, upgraded.upgrade(second(&chain, 2))).succeeds();
    assert_eq!(chain.view(upgraded.total()), 42);
}

#[test]
fn a_migration_that_was_left_over_is_refused() {
    let (mut chain, alice, probe) = world();
    chain.send(&alice, probe.upgrade(second(&chain, 2))).succeeds();
    let upgraded = SecondClient::at(probe);
    let third = Bytes([chain.bytecode::<Third>(), encode(&(2u64,))].concat());
    let refused = refusal(&chain.send(&alice, upgraded.upgrade(third)).reverts());
    let (from, found) = (topic(Probe::LAYOUT_TEXT), topic(Second::LAYOUT_TEXT));
    for part in ["it migrates from", &B256::new(from).to_string(), &B256::new(found).to_string()] {
        assert!(refused.contains(part), "{refused}");
    }
    assert_eq!(chain.view(upgraded.total()), 42);
}

#[test]
fn a_migration_for_no_layout_is_refused() {
    let (mut chain, alice, probe) = world();
    // As modules were built before the section was known: they still load, and are no upgrade.
    let mut code = chain.bytecode::<Second>();
    let name = b"florin.migrates";
    let place = code.windows(name.len()).position(|window| window == name).expect("the section");
    code[place] = b'F';
    let refused = refusal(&chain.send(&alice, probe.upgrade(code)).reverts());
    assert!(
        refused.contains("its migration does not say in the section `florin.migrates`"),
        "{refused}"
    );
    assert_eq!(chain.view(probe.count()), 21);
}

#[test]
fn the_versions_name_the_layout_of_the_first() {
    let hash = Some(topic(Probe::LAYOUT_TEXT));
    assert_eq!((Second::MIGRATES_FROM, Third::MIGRATES_FROM), (hash, hash));
}
