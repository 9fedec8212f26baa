//! Compiled code on disk: used after a restart, never believed when it is not this ledger's own,
//! never needed.

use crate::support::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::TxKind;
use florin_runtime::store::Durability;
use florin_runtime::types::*;
use florin_runtime::{CallRequest, Chain, Genesis};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Returns the three bytes of its data segment, which makes it need an image of its memory.
const CONTRACT: &str = r#"(module
    (import "florin1" "output" (func $output (param i64)))
    (memory (export "memory") 1)
    (data (i32.const 16) "abc")
    (func (export "call") (param i32) (result i32)
        (call $output (i64.const 0x10_0000_0003)) (i32.const 0)))"#;

/// A ledger with the contract on it.
fn deployed(dir: &Path) -> Address {
    let rich = U256::from(10).pow(U256::from(18));
    let rules = Genesis { allocations: [(address_of(&key(1)), rich)].into(), ..genesis() };
    let chain = Chain::create(dir, &rules, Durability::Unsynced).expect("a ledger");
    let (to, input) = (TxKind::Create, deployment(CONTRACT));
    let tx = TxEip1559 { gas_limit: 500_000, to, input, ..payment(0, 0) };
    let located = chain.submit(signed(tx, &key(1)), NOW).expect("it is admitted");
    located.receipt().created.expect("a contract")
}

fn answer(dir: &Path, contract: Address) -> Bytes {
    let request = CallRequest { to: Some(contract), ..CallRequest::default() };
    let simulation = open(dir).simulate(&request, NOW).expect("a simulation");
    simulation.output().expect("it succeeds").clone()
}

/// The files of compiled code, with what is in them.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let list = fs::read_dir(dir.join("compiled")).expect("the folder").map(|entry| {
        let entry = entry.expect("an entry");
        (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a file"))
    });
    list.filter(|(name, _)| name != "key").collect()
}

#[test]
fn it_is_made_once_and_made_again_when_it_is_damaged_or_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = dir.path().join("ledger");
    let contract = deployed(&ledger);
    let made = files(&ledger);
    assert_eq!(made.len(), 2, "{:?}", made.keys());
    assert_eq!(answer(&ledger, contract).as_ref(), b"abc");
    assert_eq!(files(&ledger), made, "loaded, not made again");
    for name in made.keys() {
        let path = ledger.join("compiled").join(name);
        for place in [0, 35, made[name].len() - 1] {
            let mut damaged = made[name].clone();
            damaged[place] ^= 1;
            fs::write(&path, damaged).expect("written");
            assert_eq!(answer(&ledger, contract).as_ref(), b"abc", "{name}, byte {place}");
            assert_eq!(files(&ledger), made, "{name}, byte {place}: made again");
        }
    }
    fs::write(ledger.join("compiled").join("left.12-3.tmp"), b"x").expect("written");
    fs::remove_file(ledger.join("compiled").join("key")).expect("removed");
    assert_eq!(answer(&ledger, contract).as_ref(), b"abc");
    let under_another_key = files(&ledger);
    assert_eq!(under_another_key.len(), 2, "what is of no use is removed");
    assert_ne!(under_another_key, made, "made again under the new key");
    fs::remove_dir_all(ledger.join("compiled")).expect("removed");
    assert_eq!(answer(&ledger, contract).as_ref(), b"abc");
}

#[test]
fn code_that_came_with_a_copied_ledger_is_not_believed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, copy) = (dir.path().join("ledger"), dir.path().join("copy"));
    let contract = deployed(&ledger);
    copy_folder(&ledger, &copy);
    let came = files(&copy);
    assert_eq!(answer(&copy, contract).as_ref(), b"abc");
    let code = |files: &BTreeMap<String, Vec<u8>>| {
        files.iter().find(|(name, _)| name.ends_with("cwasm")).expect("code").1.clone()
    };
    assert_eq!(code(&files(&copy)), code(&came), "the compiler makes the same code");
    assert_ne!(files(&copy), came, "but it was made again and sealed for this place");
}

#[test]
fn simulated_creations_leave_nothing_behind() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = dir.path().join("ledger");
    let contract = deployed(&ledger);
    let before = files(&ledger);
    let chain = open(&ledger);
    for salt in 0..40 {
        let text = CONTRACT.replace("abc", &format!("{salt:03}"));
        let request = CallRequest { input: deployment(&text), ..CallRequest::default() };
        let simulation = chain.simulate(&request, NOW).expect("a simulation");
        assert!(simulation.receipt.created.is_some(), "{:?}", simulation.receipt.outcome);
    }
    drop(chain);
    assert_eq!(files(&ledger), before);
    assert_eq!(answer(&ledger, contract).as_ref(), b"abc");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy_folder(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("copied")),
        }
    }
}
