//! A node for development, and that no other node does what it does.

use super::support::*;
use alloy_primitives::{Address, U256};
use alloy_provider::Provider;
use serde_json::json;

const STRANGER: Address = Address::repeat_byte(0x57);

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_back_in_time_and_on_from_there() {
    let running = Running::for_development().await;
    let pay = |value: u64| {
        let value = format!("{value:#x}");
        json!([{ "from": alice().address(), "to": BOB, "value": value }])
    };
    running.get("eth_sendTransaction", pay(1)).await;
    let name = running.get("evm_snapshot", json!([])).await;
    let later = running.get("evm_increaseTime", json!([1_000])).await;
    assert_eq!(later, json!(1_000));
    let hash = running.get("eth_sendTransaction", pay(2)).await;
    let inner = running.get("evm_snapshot", json!([])).await;
    let before = running.get("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(running.get("evm_revert", json!([name])).await, json!(true));
    assert_eq!(running.get("eth_blockNumber", json!([])).await, json!("0x1"));
    assert_eq!(running.client.get_balance(BOB).await.expect("a balance"), U256::from(1));
    assert!(running.get("eth_getTransactionReceipt", json!([hash])).await.is_null());
    assert_eq!(running.get("evm_revert", json!([inner])).await, json!(false), "of another future");
    // The same transaction once more, in another block.
    assert_eq!(running.get("eth_sendTransaction", pay(2)).await, hash);
    let after = running.get("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_ne!(before["timestamp"], after["timestamp"], "the clock went back, too");
    running.get("anvil_reset", json!([])).await;
    assert_eq!(running.get("eth_blockNumber", json!([])).await, json!("0x0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn state_and_blocks_are_as_one_says() {
    let running = Running::for_development().await;
    running.get("anvil_setBalance", json!([STRANGER, "0xffffff"])).await;
    running.get("anvil_setNonce", json!([STRANGER, "0x7"])).await;
    running.get("anvil_setStorageAt", json!([STRANGER, "0x1", format!("{:#066x}", 5)])).await;
    let slot = running.get("eth_getStorageAt", json!([STRANGER, "0x1", "latest"])).await;
    assert_eq!(slot, json!(format!("{:#066x}", 5)));
    let pay = json!([{ "from": STRANGER, "to": BOB, "value": "0x5" }]);
    let refused = running.ask("eth_sendTransaction", pay.clone()).await.expect_err("no key");
    assert!(refused.1.starts_with("unknown account"), "{refused:?}");
    running.get("anvil_impersonateAccount", json!([STRANGER])).await;
    let hash = running.get("eth_sendTransaction", pay.clone()).await;
    let receipt = running.get("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!((&receipt["from"], &receipt["status"]), (&json!(STRANGER), &json!("0x1")));
    running.get("anvil_stopImpersonatingAccount", json!([STRANGER])).await;
    assert!(running.ask("eth_sendTransaction", pay).await.is_err());

    let number = running.client.get_block_number().await.expect("a number");
    running.get("anvil_mine", json!(["0x3", "0x3c"])).await;
    assert_eq!(running.client.get_block_number().await.expect("a number"), number + 3);
    let future = 4_000_000_000u64;
    running.get("evm_setNextBlockTimestamp", json!([future])).await;
    running.get("evm_mine", json!([])).await;
    let head = running.get("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(head["timestamp"], json!(format!("{future:#x}")));
    let past = running.ask("evm_setNextBlockTimestamp", json!([1])).await;
    assert!(past.expect_err("that was long ago").1.contains("lower than previous"));

    let dump = running.get("anvil_dumpState", json!([])).await;
    let other = Running::for_development().await;
    assert_eq!(other.get("anvil_loadState", json!([dump])).await, json!(true));
    assert_eq!(
        other.client.get_balance(STRANGER).await.expect("a balance"),
        running.client.get_balance(STRANGER).await.expect("a balance")
    );
    let slot = other.get("eth_getStorageAt", json!([STRANGER, "0x1", "latest"])).await;
    assert_eq!(slot, json!(format!("{:#066x}", 5)));
    let code = running.ask("anvil_setCode", json!([STRANGER, "0x6001"])).await.expect_err("EVM");
    assert!(code.0 == -32602 && code.1.contains("no module"), "{code:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_on_demand_waits_for_the_demand() {
    let running = Running::for_development().await;
    running.get("evm_setAutomine", json!([false])).await;
    let pay = json!([{ "from": alice().address(), "to": BOB, "value": "0x5" }]);
    let hash = running.get("eth_sendTransaction", pay).await;
    assert!(running.get("eth_getTransactionReceipt", json!([hash])).await.is_null());
    assert_eq!(running.get("anvil_dropTransaction", json!([hash])).await, hash);
    running.get("evm_mine", json!([])).await;
    assert!(running.get("eth_getTransactionByHash", json!([hash])).await.is_null());
    let waits = running.get("eth_sendRawTransaction", json!([payment(0, 1, 10)])).await;
    running.get("evm_setAutomine", json!([true])).await;
    assert!(!running.get("eth_getTransactionReceipt", json!([waits])).await.is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_node_has_these_methods() {
    let running = Running::new().await;
    for method in
        ["eth_sendTransaction", "anvil_setBalance", "hardhat_setBalance", "evm_revert", "eth_sign"]
    {
        let (code, message, _) = running.ask(method, json!([])).await.expect_err(method);
        assert_eq!(code, -32601);
        assert!(message.contains("--dev"), "{message}");
    }
    let (code, message, _) = running.ask("eth_nonsense", json!([])).await.expect_err("nonsense");
    assert_eq!(code, -32601);
    assert_eq!(message, "the method eth_nonsense does not exist/is not available");
    assert_eq!(running.get("eth_accounts", json!([])).await, json!([]));
    // A node for development on a ledger of value does not change it.
    let keys = vec![alice()];
    let development = Some(florin_node::Development { keys, branches: None });
    let config = florin_node::Config { development, ..florin_node::Config::default() };
    let running = Running::with(config, false).await;
    for (method, params) in [
        ("anvil_setBalance", json!([BOB, "0x1"])),
        ("anvil_reset", json!([])),
        ("anvil_setStorageAt", json!([BOB, "0x1", format!("{:#066x}", 5)])),
        ("evm_setTime", json!([4_000_000_000u64])),
        ("evm_increaseTime", json!([1])),
        ("evm_setNextBlockTimestamp", json!([4_000_000_000u64])),
        ("anvil_setBlockTimestampInterval", json!([5])),
        ("evm_mine", json!([])),
    ] {
        let (_, message, _) = running.ask(method, params).await.expect_err(method);
        assert!(message.contains("no sandbox"), "{method}: {message}");
    }
}
