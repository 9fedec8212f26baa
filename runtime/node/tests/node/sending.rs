//! Transactions on their way: order, gaps, replacement, refusal, and the answer with the receipt.

use super::support::*;
use alloy_primitives::{Bytes, U256};
use alloy_provider::Provider;
use florin_node::Config;
use serde_json::{Value, json};
use std::time::Duration;

async fn raw(running: &Running, bytes: &Bytes) -> Result<Value, (i64, String, Value)> {
    running.ask("eth_sendRawTransaction", json!([bytes])).await
}

async fn nonce(running: &Running, tag: &str) -> u64 {
    let nonce = running.get("eth_getTransactionCount", json!([alice().address(), tag])).await;
    u64::from_str_radix(&nonce.as_str().expect("hex")[2..], 16).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hash_is_given_out_when_the_receipt_is_there() {
    let running = Running::new().await;
    for n in 0..20 {
        let hash = raw(&running, &payment(n, 1, 10)).await.expect("it is taken");
        let receipt = running.get("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!((&receipt["status"], &receipt["gasUsed"]), (&json!("0x1"), &json!("0x5208")));
        let sync = running.get("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!(sync["blockHash"], receipt["blockHash"]);
    }
    assert_eq!(running.client.get_balance(BOB).await.expect("a balance"), U256::from(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_early_waits_for_what_is_missing() {
    let running = Running::new().await;
    let mut waiting = Vec::new();
    for n in [3, 1, 2, 5] {
        waiting.push(raw(&running, &payment(n, 1, 10)).await.expect("it waits"));
    }
    for hash in &waiting {
        let transaction = running.get("eth_getTransactionByHash", json!([hash])).await;
        assert!(transaction["blockHash"].is_null() && transaction["hash"] == *hash);
        assert!(running.get("eth_getTransactionReceipt", json!([hash])).await.is_null());
    }
    let status = running.get("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x0", "queued": "0x4" }));
    assert_eq!((nonce(&running, "latest").await, nonce(&running, "pending").await), (0, 0));
    let again = raw(&running, &payment(3, 1, 10)).await.expect_err("it is known");
    assert_eq!((again.0, again.1.as_str()), (-32000, "already known"));

    raw(&running, &payment(0, 1, 10)).await.expect("the first");
    for _ in 0..200 {
        if nonce(&running, "latest").await == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((nonce(&running, "latest").await, nonce(&running, "pending").await), (4, 4));
    raw(&running, &payment(4, 1, 10)).await.expect("the one before the last");
    for hash in &waiting {
        while running.get("eth_getTransactionReceipt", json!([hash])).await.is_null() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert_eq!(nonce(&running, "pending").await, 6);
    let status = running.get("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x0", "queued": "0x0" }));
    assert_eq!(running.client.get_balance(BOB).await.expect("a balance"), U256::from(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pays_more_takes_the_place_of_what_waits() {
    let running = Running::new().await;
    let first = raw(&running, &payment(1, 1, 100)).await.expect("it waits");
    let cheap = raw(&running, &payment(1, 2, 109)).await.expect_err("less than 10 % more");
    assert!(cheap.1.starts_with("replacement transaction underpriced"), "{cheap:?}");
    let second = raw(&running, &payment(1, 3, 110)).await.expect("10 % more");
    assert!(running.get("eth_getTransactionByHash", json!([first])).await.is_null());
    let transaction = running.get("eth_getTransactionByHash", json!([second])).await;
    assert_eq!(transaction["value"], "0x3");
    raw(&running, &payment(0, 0, 10)).await.expect("the first");
    while running.get("eth_getTransactionReceipt", json!([second])).await.is_null() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(running.client.get_balance(BOB).await.expect("a balance"), U256::from(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_sender_cannot_fill_the_line() {
    let running = Running::new().await;
    for n in 1..=64 {
        raw(&running, &payment(n, 1, 10)).await.expect("it waits");
    }
    let refused = raw(&running, &payment(65, 1, 10)).await.expect_err("one too many");
    assert!(refused.1.contains("account limit exceeded"), "{refused:?}");
    // What is next is taken all the same, and brings all the others along.
    raw(&running, &payment(0, 1, 10)).await.expect("the first");
    while nonce(&running, "latest").await < 65 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_makes_a_block_of_what_waits_for_one() {
    let interval = Some(Duration::from_secs(3_600));
    let running = Running::with(Config { interval, ..Config::default() }, false).await;
    for n in [0, 1, 3] {
        raw(&running, &payment(n, 1, 10)).await.expect("it waits");
    }
    assert_eq!(nonce(&running, "latest").await, 0);
    let folder = running.stop().await;
    let durability = florin_runtime::store::Durability::Unsynced;
    let chain =
        florin_runtime::Chain::open(&folder.path().join("ledger"), durability, &mut |_, _| {});
    let chain = chain.expect("it opens");
    assert_eq!(
        (chain.head().number, chain.account(&alice().address()).expect("readable").nonce),
        (1, 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_sender_cannot_pay_does_not_wait() {
    let running = Running::new().await;
    let poor =
        raw(&running, &payment(5, 1, u128::from(u64::MAX) * 100)).await.expect_err("too dear");
    assert!(poor.1.starts_with("insufficient funds"), "{poor:?}");
    assert_eq!(running.get("txpool_status", json!([])).await["queued"], "0x0");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_they_come_each_is_in_one_block() {
    let running = Running::new().await;
    // Every nonce several times, out of order and at once, with fees that sometimes replace.
    let sent = (0..40u64).rev().flat_map(|nonce| (0..3u128).map(move |again| (nonce, again)));
    let sent = sent.map(|(nonce, again)| {
        let bytes = payment(nonce, 1 + again as u64, 10 + 5 * again);
        let running = &running;
        async move { raw(running, &bytes).await }
    });
    let told = futures_util::future::join_all(sent).await;
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while nonce(&running, "latest").await < 40 {
        assert!(
            tokio::time::Instant::now() < end,
            "it stands still at {}",
            nonce(&running, "latest").await
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What was replaced at the last moment is let go when its block is looked at.
    let empty = json!({ "pending": "0x0", "queued": "0x0" });
    while running.get("txpool_status", json!([])).await != empty {
        assert!(tokio::time::Instant::now() < end, "something waits for ever");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut paid = U256::ZERO;
    for hash in told.into_iter().flatten() {
        let receipt = running.get("eth_getTransactionReceipt", json!([hash])).await;
        let transaction = running.get("eth_getTransactionByHash", json!([hash])).await;
        // What was replaced is nowhere, all else is in a block.
        assert_eq!(receipt.is_null(), transaction.is_null());
        if !receipt.is_null() {
            paid += transaction["value"].as_str().expect("hex").parse::<U256>().expect("a number");
        }
    }
    assert_eq!(running.client.get_balance(BOB).await.expect("a balance"), paid);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_begin_with_the_words_that_clients_look_for() {
    let running = Running::new().await;
    raw(&running, &payment(0, 1, 10)).await.expect("the first");
    let poor = 10u64.pow(18);
    let cases = [
        (payment(0, 1, 10), "nonce too low"),
        (
            payment(1, u64::MAX, u128::from(u64::MAX) * 100),
            "insufficient funds for gas * price + value",
        ),
        (payment(1, poor, 9), "max fee per gas less than block base fee"),
        (Bytes::from_static(&[0x03, 0xc0]), "transaction type not supported"),
        (Bytes::from_static(&[0xc0]), "rlp: cannot decode"),
    ];
    for (bytes, phrase) in cases {
        let (code, message, _) = raw(&running, &bytes).await.expect_err(phrase);
        assert!(code == -32000 && message.starts_with(phrase), "{phrase}: {code} {message}");
    }
    assert_eq!(nonce(&running, "pending").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receipt_comes_with_the_answer() {
    let running = Running::new().await;
    let sync = |bytes: Bytes, timeout: Value| {
        let params = if timeout.is_null() { json!([bytes]) } else { json!([bytes, timeout]) };
        running.ask("eth_sendRawTransactionSync", params)
    };
    let receipt = sync(payment(0, 1, 10), Value::Null).await.expect("a receipt");
    assert_eq!((&receipt["status"], &receipt["blockNumber"]), (&json!("0x1"), &json!("0x1")));
    // EIP-7966: what waits for a nonce is told so, with the nonce.
    let (code, message, data) = sync(payment(3, 1, 10), Value::Null).await.expect_err("a gap");
    assert_eq!((code, &data), (6, &json!("0x1")), "{message}");
    assert_eq!(sync(payment(1, 1, 10), json!("0x0")).await.expect_err("no time").0, -32602);
    // Who comes a little early is no gap: whoever hears of one signs again, and pays twice.
    let (late, early) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            sync(payment(1, 1, 10), Value::Null).await
        },
        sync(payment(2, 1, 10), Value::Null)
    );
    for (receipt, number) in [(late, "0x2"), (early, "0x3")] {
        assert_eq!(receipt.expect("a receipt")["blockNumber"], json!(number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_at_intervals_take_what_waits() {
    let interval = Some(Duration::from_millis(300));
    let running = Running::with(Config { interval, ..Config::default() }, false).await;
    let hash = raw(&running, &payment(0, 1, 10)).await.expect("it waits");
    let other = raw(&running, &payment(1, 1, 10)).await.expect("it waits");
    assert_eq!(nonce(&running, "pending").await, 2);
    let status = running.get("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x2", "queued": "0x0" }));
    // Waiting for a block that does not come in time is told with the hash.
    let third = running.ask("eth_sendRawTransactionSync", json!([payment(2, 1, 10), "0x1"])).await;
    let (code, _, data) = third.expect_err("a millisecond is too short");
    assert!(code == 4 && data.is_string());
    let receipt = running.ask("eth_sendRawTransactionSync", json!([payment(3, 1, 10)])).await;
    let receipt = receipt.expect("within the interval");
    for hash in [hash, other, data] {
        let one = running.get("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(one["blockNumber"], receipt["blockNumber"], "one block takes them all");
    }
    let refused = raw(&running, &payment(3, 1, 10)).await.expect_err("it was there");
    assert!(refused.1.starts_with("nonce too low"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_leaves_open_is_filled_in() {
    let running = Running::new().await;
    let from = alice().address();
    running.get("eth_sendRawTransactionSync", json!([payment(0, 1, 10)])).await;
    let fill = async |request: Value| running.ask("eth_fillTransaction", json!([request])).await;
    let filled =
        fill(json!({ "from": from, "to": BOB, "value": "0x7" })).await.expect("it is filled");
    let expected = json!({
        "type": "0x2", "chainId": "0x4d", "nonce": "0x1", "gas": "0x5208", "to": BOB, "value": "0x7",
        "maxFeePerGas": "0xa", "maxPriorityFeePerGas": "0x0", "accessList": [], "input": "0x",
        "gasPrice": "0xa",
    });
    assert_eq!(filled["tx"], expected);
    assert!(filled["raw"].as_str().expect("bytes").starts_with("0x02"));
    // What is said stays.
    let said = json!({
        "from": from, "to": BOB, "nonce": "0x9", "gas": "0xffff", "gasPrice": "0x14", "data": "0x01",
    });
    let filled = fill(said).await.expect("it is filled");
    let expected = json!({
        "type": "0x0", "chainId": "0x4d", "nonce": "0x9", "gas": "0xffff", "to": BOB, "value": "0x0",
        "gasPrice": "0x14", "input": "0x01",
    });
    assert_eq!(filled["tx"], expected);
    let stranger = alloy_primitives::Address::repeat_byte(0x22);
    let listed = json!({ "from": from, "to": BOB, "type": "0x1", "accessList": [] });
    assert_eq!(fill(listed).await.expect("it is filled")["tx"]["type"], json!("0x1"));
    for (wrong, why) in [
        (json!({ "from": from, "to": BOB, "type": "0x2", "gasPrice": "0x1" }), "has no gasPrice"),
        (json!({ "from": from, "to": BOB, "type": "0x0", "maxFeePerGas": "0x1" }), "maxFeePerGas"),
        (json!({ "from": from, "to": BOB, "type": "0x3" }), "transaction type not supported"),
        (json!({ "from": from, "to": BOB, "chainId": "0x1" }), "chainId does not match"),
        (json!({ "from": BOB, "to": from, "value": "0xffff" }), "insufficient funds"),
        (json!({ "from": stranger, "to": from }), "insufficient funds"),
        (json!({ "from": from, "to": BOB, "gasPrice": "0x0" }), "less than block base fee"),
        (json!({ "from": from, "gas": "0xffff" }), "without any data"),
    ] {
        let (_, message, _) = fill(wrong).await.expect_err(why);
        assert!(message.contains(why), "{message}");
    }
}
