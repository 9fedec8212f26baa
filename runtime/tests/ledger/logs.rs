//! Logs are found by what they say, and no query asks for more than it may.

use crate::support::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::TxKind;
use florin_runtime::limits::{LOG_QUERY_ITEMS, LOG_QUERY_RESULTS};
use florin_runtime::store::{Durability, LogFilter};
use florin_runtime::types::*;
use florin_runtime::{Chain, LogError};

/// Leaves as many logs as the input says, each with what is left to do as its topic.
const LOGGER: &str = r#"(module
    (import "florin1" "input" (func $input (param i32 i64) (result i32)))
    (import "florin1" "log" (func $log (param i64 i64)))
    (memory (export "memory") 1)
    (func (export "call") (param i32) (result i32)
        (drop (call $input (i32.const 0) (i64.const 4)))
        (loop $again
            (call $log (i64.const 32) (i64.const 4))
            (i32.store (i32.const 0) (i32.sub (i32.load (i32.const 0)) (i32.const 1)))
            (br_if $again (i32.load (i32.const 0))))
        (i32.const 0)))"#;

fn send(chain: &Chain, to: TxKind, input: Vec<u8>) -> Receipt {
    let nonce = chain.account(&address_of(&key(1))).expect("an account").nonce;
    let tx = TxEip1559 { to, input: input.into(), gas_limit: 30_000_000, ..payment(nonce, 0) };
    let located = chain.submit(signed(tx, &key(1)), NOW).expect("a receipt");
    assert!(located.receipt().is_success());
    located.receipt().clone()
}

fn topic(n: u32) -> B256 {
    B256::right_padding_from(&n.to_le_bytes())
}

#[test]
fn a_query_is_bounded_in_what_it_asks_for_and_finds() {
    let dir = tempfile::tempdir().expect("a directory");
    let rules = florin_runtime::Genesis { gas_price: 0, ..genesis() };
    let chain = Chain::create(&dir.path().join("ledger"), &rules, Durability::Synced);
    let chain = chain.expect("a ledger");
    let logger =
        send(&chain, TxKind::Create, deployment(LOGGER).to_vec()).created.expect("a contract");
    let many = LOG_QUERY_RESULTS as u32;
    send(&chain, TxKind::Call(logger), many.to_le_bytes().to_vec());
    let all = LogFilter { to: u64::MAX, ..LogFilter::default() };
    assert_eq!(chain.logs(&all).expect("just as many as may be").len(), LOG_QUERY_RESULTS);
    let hash = send(&chain, TxKind::Call(logger), vec![3, 0, 0, 0]).transaction;
    assert!(matches!(chain.logs(&all), Err(LogError::TooMany)));

    let mut some = LogFilter { addresses: vec![BOB, logger], ..all.clone() };
    some.topics[0] = vec![topic(2), topic(many)];
    let found: Vec<_> = chain.logs(&some).expect("few logs");
    let places: Vec<_> = found.iter().map(|log| (log.block, log.log_index)).collect();
    assert_eq!(places, [(2, 0), (2, u64::from(many) - 2), (3, 1)]);
    assert_eq!(found[2].transaction, hash);
    assert_eq!(chain.logs(&LogFilter { addresses: vec![BOB], ..some }).expect("no logs"), []);

    let mut long = all.clone();
    long.topics[3] = vec![B256::ZERO; LOG_QUERY_ITEMS + 1];
    assert!(matches!(chain.logs(&long), Err(LogError::TooManyItems(1_001))));
    let long = LogFilter { addresses: vec![BOB; LOG_QUERY_ITEMS + 1], ..all };
    assert!(matches!(chain.logs(&long), Err(LogError::TooManyItems(1_001))));
}
