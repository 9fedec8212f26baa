//! Blocks and logs, asked for, polled for and told.

use super::support::*;
use alloy_primitives::{B256, TxKind, U256};
use alloy_provider::Provider;
use alloy_rpc_types_eth::{Filter, TransactionRequest};
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;

/// Leaves a log with the first 32 bytes of its input as topic.
const LOGGER: &str = r#"(module
    (import "florin1" "input" (func $input (param i32 i64) (result i32)))
    (import "florin1" "log" (func $log (param i64 i64)))
    (memory (export "memory") 1)
    (func (export "call") (param i32) (result i32)
        (drop (call $input (i32.const 0) (i64.const 32)))
        (call $log (i64.const 32) (i64.const 4))
        (i32.const 0)))"#;

fn topic(n: u8) -> B256 {
    B256::repeat_byte(n)
}

async fn log(running: &Running, logger: alloy_primitives::Address, n: u8) -> B256 {
    let request = TransactionRequest {
        to: Some(TxKind::Call(logger)),
        input: alloy_primitives::Bytes::from(topic(n).0).into(),
        ..TransactionRequest::default()
    };
    running.send(request).await.transaction_hash
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_found_and_filters_tell_what_is_new() {
    let running = Running::new().await;
    let logger = running.deploy(LOGGER).await;
    log(&running, logger, 1).await;
    let filter =
        json!({ "address": logger, "topics": [[topic(2), topic(3)]], "fromBlock": "earliest" });
    let wanted = running.get("eth_newFilter", json!([filter])).await;
    let blocks = running.get("eth_newBlockFilter", json!([])).await;
    let transactions = running.get("eth_newPendingTransactionFilter", json!([])).await;
    let changes = |name: &Value| running.get("eth_getFilterChanges", json!([name]));
    assert_eq!(changes(&wanted).await, json!([]));
    let hashes = [log(&running, logger, 2).await, log(&running, logger, 4).await];
    let found = changes(&wanted).await;
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    assert_eq!(found[0]["topics"], json!([topic(2)]));
    assert_eq!(changes(&wanted).await, json!([]), "told once");
    let told = changes(&blocks).await;
    assert_eq!(told.as_array().map(Vec::len), Some(2));
    assert_eq!(changes(&transactions).await, json!(hashes));
    log(&running, logger, 3).await;
    let all = running.get("eth_getFilterLogs", json!([wanted])).await;
    assert_eq!(all.as_array().map(Vec::len), Some(2), "all that there is");
    assert_eq!(running.get("eth_getLogs", json!([filter])).await, all);
    let mut whole = filter.clone();
    whole["fromBlock"] = json!("0x0");
    whole["toBlock"] = json!("latest");
    assert_eq!(running.get("eth_getLogs", json!([whole])).await, all);
    assert_eq!(running.get("eth_uninstallFilter", json!([wanted])).await, json!(true));
    assert_eq!(running.get("eth_uninstallFilter", json!([wanted])).await, json!(false));
    let gone = running.ask("eth_getFilterChanges", json!([wanted])).await.expect_err("it is gone");
    assert_eq!((gone.0, gone.1.as_str()), (-32000, "filter not found"));
    // A block by its hash, and one that is not there.
    let one = json!({ "blockHash": all[0]["blockHash"], "address": logger });
    assert_eq!(running.get("eth_getLogs", json!([one])).await, json!([all[0]]));
    let none = json!({ "blockHash": B256::repeat_byte(9) });
    assert!(running.ask("eth_getLogs", json!([none])).await.is_err());
    let wrong = json!({ "fromBlock": "0x5", "toBlock": "0x1" });
    assert_eq!(running.ask("eth_getLogs", json!([wrong])).await.expect_err("backwards").0, -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_are_told() {
    let running = Running::new().await;
    let logger = running.deploy(LOGGER).await;
    let socket = running.websocket().await;
    let mut heads = socket.subscribe_blocks().await.expect("a subscription").into_stream();
    let wanted = Filter::new().address(logger).event_signature(topic(7));
    let mut logs = socket.subscribe_logs(&wanted).await.expect("a subscription").into_stream();
    let hashes = socket.subscribe_pending_transactions().await.expect("a subscription");
    let mut hashes = hashes.into_stream();
    let sent = [log(&running, logger, 6).await, log(&running, logger, 7).await];
    let soon = Duration::from_secs(10);
    for number in [2, 3] {
        let head = tokio::time::timeout(soon, heads.next()).await.expect("soon").expect("a head");
        assert_eq!(head.number, number);
        let same = socket.get_block_by_number(number.into()).await.expect("no error");
        assert_eq!(same.expect("a block").header.hash, head.hash);
    }
    let found = tokio::time::timeout(soon, logs.next()).await.expect("soon").expect("a log");
    assert_eq!((found.transaction_hash, found.topics()), (Some(sent[1]), &[topic(7)][..]));
    for hash in sent {
        let told = tokio::time::timeout(soon, hashes.next()).await.expect("soon").expect("a hash");
        assert_eq!(told, hash);
    }
    // By HTTP there is nobody to tell.
    let refused = running.ask("eth_subscribe", json!(["newHeads"])).await.expect_err("by HTTP");
    assert!(
        refused.0 == -32601 && refused.1.contains("notifications not supported"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_subscriber_is_told_what_its_filter_finds_and_nothing_else() {
    let running = Running::new().await;
    let loggers = [running.deploy(LOGGER).await, running.deploy(LOGGER).await];
    let socket = running.websocket().await;
    let filters = [
        Filter::new(),
        Filter::new().address(loggers[0]),
        Filter::new().address(loggers.to_vec()).event_signature(vec![topic(2), topic(3)]),
        Filter::new().event_signature(topic(3)),
        Filter::new().address(BOB),
        Filter::new().topic1(topic(1)),
    ];
    let mut subscribed = Vec::new();
    for filter in &filters {
        subscribed.push(socket.subscribe_logs(filter).await.expect("a subscription").into_stream());
    }
    for n in 1..5 {
        log(&running, loggers[usize::from(n) % 2], n).await;
    }
    let mut counts = Vec::new();
    for (filter, told) in filters.iter().zip(&mut subscribed) {
        let found = socket.get_logs(&filter.clone().from_block(0)).await.expect("logs");
        for expected in &found {
            let soon = Duration::from_secs(10);
            let log = tokio::time::timeout(soon, told.next()).await.expect("soon").expect("a log");
            assert_eq!(log, *expected);
        }
        // What came too would have come by now: the last block has been told to somebody.
        let more = tokio::time::timeout(Duration::from_millis(50), told.next()).await;
        assert!(more.is_err(), "{filter:?} was told {more:?}");
        counts.push(found.len());
    }
    assert_eq!(counts, [4, 2, 2, 1, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_before_a_subscription_is_not_told() {
    let running = Running::new().await;
    let logger = running.deploy(LOGGER).await;
    let socket = running.websocket().await;
    for n in 0..20 {
        log(&running, logger, 2 * n).await;
        let filter = Filter::new().address(logger);
        let mut told = socket.subscribe_logs(&filter).await.expect("a subscription").into_stream();
        log(&running, logger, 2 * n + 1).await;
        let soon = Duration::from_secs(10);
        let first = tokio::time::timeout(soon, told.next()).await.expect("soon").expect("a log");
        assert_eq!(first.topics(), [topic(2 * n + 1)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_seen_as_it_was() {
    let running = Running::new().await;
    for n in 0..5u64 {
        running.get("eth_sendRawTransaction", json!([payment(n, 1, 10)])).await;
    }
    for number in 0..=5u64 {
        let id = format!("{number:#x}");
        let balance = running.get("eth_getBalance", json!([BOB, id])).await;
        assert_eq!(balance, json!(U256::from(number)));
        let block = running.get("eth_getBlockByNumber", json!([id, false])).await;
        let by_hash = json!([BOB, { "blockHash": block["hash"] }]);
        assert_eq!(running.get("eth_getBalance", by_hash).await, balance);
        let count = running.get("eth_getTransactionCount", json!([alice().address(), id])).await;
        assert_eq!(count, json!(U256::from(number)));
    }
    for tag in ["latest", "safe", "finalized", "pending"] {
        assert_eq!(running.get("eth_getBalance", json!([BOB, tag])).await, json!("0x5"));
    }
    assert_eq!(running.get("eth_getBalance", json!([BOB, "earliest"])).await, json!("0x0"));
    let future = running.ask("eth_getBalance", json!([BOB, "0x6"])).await.expect_err("not yet");
    assert_eq!((future.0, future.1.as_str()), (-32000, "header not found"));
    let raw = running.get("debug_getRawBlock", json!(["0x3"])).await;
    let raw: alloy_primitives::Bytes = serde_json::from_value(raw).expect("bytes");
    let block = running.get("eth_getBlockByNumber", json!(["0x3", true])).await;
    assert_eq!(block["size"], json!(U256::from(raw.len())), "the size is that of the encoding");
}
