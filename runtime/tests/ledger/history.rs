//! The ledger as it was: what a snapshot of an earlier block shows is what was there then.

use super::support::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::TxKind;
use florin_runtime::limits::HISTORY_STEPS;
use florin_runtime::types::*;
use florin_runtime::{CallRequest, Chain, HistoryError, Snapshot};
use std::sync::{Arc, Mutex};

/// A contract that adds one to what it keeps under the key of 32 zero bytes, and returns it. A slice
/// is its address times 2^32, and its length.
const COUNTER: &str = r#"(module
    (import "florin1" "storage_get" (func $get (param i64 i64) (result i32)))
    (import "florin1" "storage_set" (func $set (param i64 i64)))
    (import "florin1" "output" (func $output (param i64)))
    (memory (export "memory") 1)
    (func (export "call") (param i32) (result i32)
        (drop (call $get (i64.const 32) (i64.const 0x4000000008)))
        (i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1)))
        (call $set (i64.const 32) (i64.const 0x4000000008))
        (call $output (i64.const 0x4000000008))
        (i32.const 0)))"#;

const KEY: [u8; 32] = [0; 32];

fn send(chain: &Chain, nonce: u64, to: TxKind, value: u64, input: Bytes) -> Receipt {
    let gas_limit = if to.is_create() { 20_000_000 } else { 1_000_000 };
    let tx = TxEip1559 { to, input, gas_limit, ..payment(nonce, value) };
    let located = chain.submit(signed(tx, &key(1)), NOW + nonce).expect("it is taken");
    assert!(located.receipt().is_success(), "{:?}", located.receipt().outcome);
    located.receipt().clone()
}

/// What is compared: balances, nonces, what the contract keeps, and whether it is there.
fn seen(at: &Snapshot, contract: &Address) -> (Vec<Account>, Option<Bytes>, Option<Bytes>) {
    let sender = address_of(&key(1));
    let accounts = [sender, BOB, genesis().fee_recipient, *contract];
    let accounts = accounts.iter().map(|address| at.account(address).expect("readable")).collect();
    let kept = at.storage(contract, &KEY).expect("readable");
    (accounts, kept, at.code(contract).expect("readable"))
}

#[test]
fn a_block_is_seen_as_it_was_then() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = create(&dir.path().join("ledger"));
    let contract = address_of(&key(1)).create(3);
    let mut then = vec![seen(&chain.latest(), &contract)];
    for nonce in 0..20 {
        match nonce {
            0..3 => send(&chain, nonce, TxKind::Call(BOB), nonce, Bytes::new()),
            3 => send(&chain, nonce, TxKind::Create, 0, deployment(COUNTER)),
            _ => send(&chain, nonce, TxKind::Call(contract), 0, Bytes::new()),
        };
        then.push(seen(&chain.latest(), &contract));
    }
    drop(chain);
    let chain = open(&dir.path().join("ledger"));
    for (number, expected) in then.iter().enumerate() {
        let at = chain.at(number as u64, HISTORY_STEPS).expect("within reach").expect("a block");
        assert_eq!(&seen(&at, &contract), expected, "block {number}");
        assert_eq!(at.header().number, number as u64);
    }
    assert!(chain.at(21, HISTORY_STEPS).expect("no fault").is_none());
    // What a call returns then: one more than what was kept.
    let request = CallRequest { to: Some(contract), ..CallRequest::default() };
    for number in 4..=20u64 {
        let at = chain.at(number, HISTORY_STEPS).expect("within reach").expect("a block");
        let mut simulator = at.simulator(at.own_block());
        let output = |simulation: florin_runtime::Simulation| {
            simulation.output().map(|output| u64::from_le_bytes(output[..8].try_into().unwrap()))
        };
        for more in 1..3 {
            let simulation = simulator.call(&request, false).expect("it is taken");
            assert_eq!(output(simulation), Some(number - 4 + more));
        }
        // And what was executed is a change like those of the block that it came with.
        let changed = simulator.changes();
        let kept = changed.iter().find(|write| matches!(write.key, StateKey::Storage(..)));
        let (before, after) = kept.map(|write| (&write.before, &write.after)).expect("a change");
        assert_eq!(*before, at.storage(&contract, &KEY).expect("readable"));
        assert_eq!(after.as_ref().map(|value| value[0]), Some(number as u8 - 4 + 2));
        assert!(simulator.changes().is_empty(), "they were asked for");
    }
}

#[test]
fn what_is_too_long_ago_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = create(&dir.path().join("ledger"));
    for nonce in 0..3 {
        send(&chain, nonce, TxKind::Call(BOB), 1, Bytes::new());
    }
    // Each block that is taken back takes a step by its distance, one for itself, and one for its payment.
    for (back, enough) in [(0, 0), (1, 3), (2, 6), (3, 9)] {
        let number = 3 - back;
        assert!(matches!(chain.at(number, enough), Ok(Some(_))), "{enough}");
        assert_eq!(chain.oldest(enough).expect("no fault"), number);
        let Some(less) = enough.checked_sub(1) else { continue };
        let Err(HistoryError::TooFar { block }) = chain.at(number, less) else {
            panic!("block {number} with {less} steps")
        };
        assert_eq!(block, number);
        assert_eq!(chain.oldest(less).expect("no fault"), number + 1);
    }
    assert_eq!(chain.oldest(u64::MAX).expect("no fault"), 0);
    let text = HistoryError::TooFar { block: 7 }.to_string();
    assert!(text.contains("historical state of block 7 is not available"), "{text}");
}

#[test]
fn blocks_without_transactions_are_made_on_demand_and_everyone_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = create(&dir.path().join("ledger"));
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    chain.watch(move |block, _| heard.lock().expect("no panic").push(block.header.number));
    let state = chain.head().state_root;
    let sealed = chain.seal(Vec::new(), NOW).expect("no fault");
    let block = sealed.block.expect("an empty block");
    assert_eq!((block.header.number, block.header.state_root), (1, state));
    assert!(block.body.receipts.is_empty() && block.body.writes.is_empty());
    send(&chain, 0, TxKind::Call(BOB), 1, Bytes::new());
    // Transactions that are all refused are no reason for a block.
    let refused = chain.seal(vec![Bytes::from_static(&[0xff])], NOW).expect("no fault");
    assert!(refused.block.is_none() && refused.results[0].is_err());
    assert_eq!(*told.lock().expect("no panic"), [1, 2]);
    let mut silent = |_, _| {};
    assert_eq!(chain.replay(&mut silent).expect("no fault"), (2, None));
    assert!(chain.audit(&mut silent).expect("no fault").is_clean());
    drop(chain);
    assert_eq!(open(&dir.path().join("ledger")).head().number, 2);
}
