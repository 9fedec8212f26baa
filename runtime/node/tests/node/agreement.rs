//! What is simulated is what happens: a call, an estimate, traces and the receipt of the transaction
//! say the same, whatever a contract does.

use super::support::*;
use alloy_primitives::{Address, Bytes, TxKind};
use alloy_rpc_types_eth::TransactionRequest;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Does what each byte of its input after the first 20 says; these are the address of another one. A
/// slice is its address times 2^32, and its length.
const INTERPRETER: &str = r#"(module
    (import "florin1" "input" (func $input (param i32 i64) (result i32)))
    (import "florin1" "output" (func $output (param i64)))
    (import "florin1" "storage_set" (func $set (param i64 i64)))
    (import "florin1" "storage_remove" (func $remove (param i64)))
    (import "florin1" "log" (func $log (param i64 i64)))
    (import "florin1" "call" (func $call (param i32 i32 i64 i64) (result i64)))
    (memory (export "memory") 1)
    (func $slice (param $at i32) (param $length i32) (result i64)
        (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32))
                (i64.extend_i32_u (local.get $length))))
    (func $burn (local $n i32)
        (loop $again
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $n) (i32.const 20000)))))
    (func (export "call") (param $length i32) (result i32) (local $i i32) (local $op i32)
        (drop (call $input (i32.const 0) (call $slice (i32.const 1024) (i32.const 4096))))
        (local.set $i (i32.const 20))
        (block $done
            (loop $next
                (br_if $done (i32.ge_u (local.get $i) (local.get $length)))
                (local.set $op (i32.load8_u (i32.add (i32.const 1024) (local.get $i))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (i32.store (i32.const 512) (local.get $i))
                (if (i32.eq (local.get $op) (i32.const 0)) (then
                    (call $set (call $slice (i32.const 512) (i32.const 1))
                               (call $slice (i32.const 512) (i32.const 8)))))
                (if (i32.eq (local.get $op) (i32.const 1)) (then
                    (call $log (call $slice (i32.const 1024) (i32.const 32))
                               (call $slice (i32.const 512) (i32.const 8)))))
                (if (i32.eq (local.get $op) (i32.const 2)) (then
                    (call $output (call $slice (i32.const 1024) (local.get $i)))
                    (return (i32.const 1))))
                (if (i32.eq (local.get $op) (i32.const 3)) (then unreachable))
                (if (i32.eq (local.get $op) (i32.const 4)) (then (call $burn)))
                (if (i32.eq (local.get $op) (i32.const 5)) (then
                    ;; The other one does the rest; what comes of it does not matter here.
                    (drop (call $call (i32.const 1024) (i32.const 8192)
                        (call $slice (i32.add (i32.const 1004) (local.get $i))
                                     (i32.sub (i32.add (local.get $length) (i32.const 20)) (local.get $i)))
                        (i64.const -1)))
                    (br $done)))
                (if (i32.eq (local.get $op) (i32.const 7)) (then
                    ;; The other one does what the next byte says, and this one goes on.
                    (drop (call $call (i32.const 1024) (i32.const 8192)
                        (call $slice (i32.add (i32.const 1004) (local.get $i)) (i32.const 21))
                        (i64.const 1000000)))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))))
                (if (i32.eq (local.get $op) (i32.const 6)) (then
                    (call $remove (call $slice (i32.const 512) (i32.const 1)))))
                (br $next)))
        (call $output (call $slice (i32.const 512) (i32.const 8)))
        (i32.const 0)))"#;

/// Success, output and logs, as a tracer tells them.
fn told(trace: &Value) -> (bool, Value, Vec<Value>) {
    let mut logs = Vec::new();
    collect(trace, &mut logs);
    logs.sort_by_key(|(place, _)| *place);
    let logs = logs.into_iter().map(|(_, log)| log).collect();
    (trace["error"].is_null(), trace["output"].clone(), logs)
}

fn collect(frame: &Value, logs: &mut Vec<(u64, Value)>) {
    if !frame["error"].is_null() {
        return; // what it logged was undone
    }
    for log in frame["logs"].as_array().into_iter().flatten() {
        let place = log["index"].as_str().expect("an index");
        let place = u64::from_str_radix(&place[2..], 16).expect("a number");
        logs.push((place, json!([log["address"], log["topics"], log["data"]])));
    }
    frame["calls"].as_array().into_iter().flatten().for_each(|call| collect(call, logs));
}

async fn agree(running: &Running, contract: Address, input: &Bytes) {
    let call = call(contract, input);
    let called = running.ask("eth_call", json!([call, "latest"])).await;
    let estimate = running.ask("eth_estimateGas", json!([call])).await;
    assert_eq!(called.is_ok(), estimate.is_ok(), "{called:?} {estimate:?}");
    if let (Err(called), Err(estimate)) = (&called, &estimate) {
        assert_eq!(called, estimate, "both say why");
    }
    let gas = match &estimate {
        Ok(gas) => u64::from_str_radix(&gas.as_str().expect("hex")[2..], 16).expect("a number"),
        Err(_) => 3_000_000,
    };
    let mut with_gas = call.clone();
    with_gas["gas"] = json!(format!("{gas:#x}"));
    with_gas["gasPrice"] = json!(format!("{GAS_PRICE:#x}"));
    let tracer = json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } });
    let before = running.get("debug_traceCall", json!([with_gas, "latest", tracer])).await;
    let request = TransactionRequest {
        to: Some(TxKind::Call(contract)),
        input: input.clone().into(),
        gas: Some(gas),
        max_fee_per_gas: Some(GAS_PRICE),
        max_priority_fee_per_gas: Some(0),
        ..TransactionRequest::default()
    };
    let receipt = running.send(request).await;
    let hash = json!(receipt.transaction_hash);
    let after = running.get("debug_traceTransaction", json!([hash, tracer])).await;
    assert_eq!(before, after, "a trace before and one of what happened");
    let florin = json!({ "tracer": "florinTracer" });
    let whole = running.get("debug_traceTransaction", json!([hash, florin])).await;

    let (success, output, logs) = told(&after);
    assert_eq!(called.is_ok(), receipt.status(), "{called:?}");
    assert_eq!(success, receipt.status());
    match called {
        Ok(called) => assert_eq!(called, output),
        Err((3, _, data)) => assert_eq!(data, output),
        Err((code, message, _)) => {
            assert_eq!(code, -32000);
            assert_eq!(json!(message), after["error"], "it was halted");
        }
    }
    assert_eq!(after["gasUsed"], json!(format!("{:#x}", receipt.gas_used)));
    assert_eq!(whole["gasUsed"], json!(receipt.gas_used));
    let log =
        |log: &alloy_rpc_types_eth::Log| json!([log.address(), log.topics(), log.data().data]);
    let receipt_logs: Vec<_> = receipt.logs().iter().map(log).collect();
    assert_eq!(logs, receipt_logs);
    // What it changed: what the tracer says of the state before and after.
    let diff = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
    let diff = running.get("debug_traceTransaction", json!([hash, diff])).await;
    let nonce = diff["post"][format!("{:#x}", alice().address())]["nonce"].as_u64();
    let pre = diff["pre"][format!("{:#x}", alice().address())]["nonce"].as_u64();
    assert_eq!(nonce, Some(pre.unwrap_or(0) + 1), "{diff}");
}

#[test]
fn a_call_an_estimate_a_trace_and_the_receipt_agree() {
    let runtime = Runtime::new().expect("threads");
    let (running, one, other) = runtime.block_on(async {
        let running = Running::new().await;
        let one = running.deploy(INTERPRETER).await;
        let other = running.deploy(INTERPRETER).await;
        (running, one, other)
    });
    let op = prop_oneof![6 => Just(0u8), 6 => Just(1), 1 => Just(2), 1 => Just(3), 2 => Just(4),
                         3 => Just(5), 3 => Just(6), 5 => Just(7)];
    let ops = prop::collection::vec(op, 0..12);
    let mut runner = TestRunner::new(Cases { cases: 64, ..Cases::default() });
    let result = runner.run(&ops, |ops| {
        let input: Bytes = [other.as_slice(), &ops].concat().into();
        runtime.block_on(agree(&running, one, &input));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(async { running.node.stop().await }).expect("it stops");
}
