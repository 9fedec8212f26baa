//! What each priced operation takes, beside what it costs: the measurement behind the table in
//! `src/gas.rs`.
//!
//! Each row is a contract that does one thing many times; the same loop without it is subtracted.
//! What matters is the last column: the time that a gas buys, against the time that it buys in a
//! signature recovery, whose price is Ethereum's and sets the scale. A row far above 1 is priced
//! too low. The second table has what is kept, on a ledger on disk, from signed transaction to
//! durable block.
#![allow(clippy::print_stdout)] // the table is the result

#[allow(dead_code)] // each benchmark uses some of it
mod support;

use alloy_primitives::TxKind;
use florin_runtime::Chain;
use florin_runtime::gas::FUEL_PER_GAS;
use florin_runtime::limits::{FUNCTION_BRANCHES, FUNCTION_LOCALS, FUNCTION_LOOPS};
use florin_runtime::pipeline::{execute, receive};
use florin_runtime::state::Overlay;
use florin_runtime::store::Durability;
use florin_runtime::types::*;
use florin_runtime::vm::{Admission, Vm};
use std::sync::Arc;
use std::time::Instant;
use support::*;

/// Repetitions inside one call.
const LOOPS: u32 = 500;
/// Runs of which the fastest counts.
const RUNS: usize = 15;
/// Calls in a block of the second table.
const CALLS: u64 = 8;
/// Blocks of which the fastest counts.
const BLOCKS: usize = 8;

fn contract(work: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "florin1" "storage_set" (func $set (param i64 i64)))
            (import "florin1" "storage_get" (func $get (param i64 i64) (result i32)))
            (import "florin1" "context" (func $context (param i64)))
            (import "florin1" "transfer" (func $transfer (param i32 i32) (result i64)))
            (import "florin1" "balance" (func $balance (param i32 i32)))
            (import "florin1" "static_call" (func $call (param i32 i64 i64) (result i64)))
            (import "florin1" "log" (func $log (param i64 i64)))
            (import "florin1" "keccak256" (func $keccak (param i64 i32)))
            (import "florin1" "sha256" (func $sha (param i64 i32)))
            (import "florin1" "ripemd160" (func $ripemd (param i64 i32)))
            (import "florin1" "secp256k1_recover" (func $recover (param i32 i32 i32 i32) (result i32)))
            (import "florin1" "secp256k1_verify" (func $verify (param i32 i32 i64) (result i32)))
            (import "florin1" "bip340_verify" (func $schnorr (param i64 i32 i32) (result i32)))
            (import "florin1" "p256_verify" (func $p256 (param i32 i32 i32) (result i32)))
            (import "florin1" "ed25519_verify" (func $ed25519 (param i64 i32 i32) (result i32)))
            (import "florin1" "input" (func $input (param i32 i64) (result i32)))
            (memory (export "memory") 4)
            (table 8 funcref) (elem (i32.const 0) $f $f $f $f $f $f $f $f) (func $f)
            (func (export "call") (param $length i32) (result i32) (local $i i32) (local $x i32) (local $y i64)
                (drop (call $input (i32.const 0) (i64.const 0x1000)))
                (loop $again
                    {work}
                    (i32.store (i32.const 0) (local.tee $i (i32.add (local.get $i) (i32.const 1))))
                    (br_if $again (i32.lt_u (local.get $i) (i32.const {LOOPS}))))
                (i32.const 0)))"#
    );
    wat::parse_str(text).expect("valid text")
}

fn deploy(payments: &mut Payments, nonce: &mut u64, module: &[u8]) -> Address {
    let data = deployment(module);
    let deployed = payments.run(&sign(transaction(*nonce, TxKind::Create, 0, data), &key(0)));
    *nonce += 1;
    deployed.created.expect("a contract")
}

/// Nanoseconds and gas of one call of a contract that loops over `work`.
fn measure(payments: &mut Payments, nonce: &mut u64, work: &str, input: &[u8]) -> (f64, f64) {
    let to = TxKind::Call(deploy(payments, nonce, &contract(work)));
    let mut call = transaction(*nonce, to, 0, input.to_vec().into());
    call.gas_limit = 1 << 32;
    let intent = receive(&sign(call, &key(0)), &payments.genesis).expect("a good transaction");
    let view = Arc::new(payments.state.clone());
    let mut best = (f64::MAX, 0.0);
    for _ in 0..RUNS {
        let overlay = Overlay::new(view.clone());
        let start = Instant::now();
        let (_, executed) =
            execute(overlay, &payments.block, payments.vm.admit_execution(), &intent, 0, false)
                .expect("no fault");
        let nanos = start.elapsed().as_nanos() as f64;
        assert!(executed.receipt.is_success(), "{work}: {:?}", executed.receipt.outcome);
        let gas = executed.receipt.gas_used - executed.receipt.gas.intrinsic;
        if nanos < best.0 {
            best = (nanos, gas as f64);
        }
    }
    best
}

/// The same on a ledger on disk, for a block of [`CALLS`] calls; every call gives its contract
/// another four bytes at address 4 of its memory.
fn measure_durable(work: &str) -> (f64, f64) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let chain = Chain::create(&dir.path().join("ledger"), &genesis(), Durability::Synced)
        .expect("a ledger");
    let data = deployment(&contract(work));
    let admin = key(0);
    let deploy = sign(transaction(0, TxKind::Create, 0, data), &admin);
    let located = chain.submit(deploy, 1).expect("a receipt");
    let to = TxKind::Call(located.receipt().created.expect("a contract"));
    let (mut nonce, mut best) = (1, (f64::MAX, 0.0));
    for _ in 0..BLOCKS {
        let call = |nonce: u64| {
            let mut call = transaction(
                nonce,
                to,
                u64::from(LOOPS),
                (nonce << 32).to_le_bytes().to_vec().into(),
            );
            call.gas_limit = 1 << 28;
            sign(call, &admin)
        };
        let block: Vec<_> = (nonce..nonce + CALLS).map(call).collect();
        nonce += CALLS;
        let start = Instant::now();
        let sealed = chain.seal(block, 1).expect("a block");
        let nanos = start.elapsed().as_nanos() as f64;
        let receipts = &sealed.block.expect("a block").body.receipts;
        assert!(receipts.iter().all(Receipt::is_success), "{work}: {:?}", receipts[0].outcome);
        let gas: u64 = receipts.iter().map(|r| r.gas_used - r.gas.intrinsic).sum();
        if nanos < best.0 {
            best = (nanos, gas as f64);
        }
    }
    best
}

/// A signature of each kind that verifies, in the places where the rows below expect them.
fn input() -> Vec<u8> {
    use ed25519_dalek::Signer as _;
    use k256::ecdsa::signature::hazmat::PrehashSigner as _;
    let mut input = vec![0; 4096];
    let hash = [7; 32];
    input[1024..1056].copy_from_slice(&hash);
    let secret = key(1);
    let (signature, recovery) = secret.sign_prehash_recoverable(&hash);
    input[1056..1120].copy_from_slice(&signature.to_bytes());
    input[1120] = recovery.to_byte();
    input[1184..1249].copy_from_slice(secret.verifying_key().to_sec1_point(false).as_bytes());
    let schnorr = k256::schnorr::SigningKey::from_slice(&[3; 32]).expect("a key");
    let signature = schnorr.sign_raw(&hash, &[0; 32]).expect("a signature");
    input[1280..1344].copy_from_slice(&signature.to_bytes());
    input[1344..1376].copy_from_slice(&schnorr.verifying_key().to_bytes());
    let p256 = p256::ecdsa::SigningKey::from_slice(&[3; 32]).expect("a key");
    let signature: p256::ecdsa::Signature = p256.sign_prehash(&hash).expect("a signature");
    input[1408..1472].copy_from_slice(&signature.to_bytes());
    input[1472..1536].copy_from_slice(&p256.verifying_key().to_sec1_point(false).as_bytes()[1..]);
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
    input[1536..1600].copy_from_slice(&ed25519.sign(&hash).to_bytes());
    input[1600..1632].copy_from_slice(&ed25519.verifying_key().to_bytes());
    input
}

fn main() {
    let (mut payments, mut nonce) = (Payments::new(), ACCOUNTS as u64);
    let empty = wat::parse_str(
        r#"(module (memory (export "memory") 1)
            (func (export "call") (param i32) (result i32) (i32.const 0)))"#,
    );
    let empty = deploy(&mut payments, &mut nonce, &empty.expect("valid text"));
    let mut input = input();
    input[2048..2068].copy_from_slice(empty.as_slice());
    let hash = "(i32.const 1024)";
    let message = "(i64.const 0x400_0000_0020)";
    let rows = [
        ("host call", "(call $context (i64.const 0x2000_0000_0000))".to_owned()),
        ("context", "(call $context (i64.const 0x2000_0000_0088))".to_owned()),
        (
            "storage_get, 32 bytes, seen before",
            "(drop (call $get (i64.const 0x400_0000_0014) (i64.const 0x2000_0000_0020)))".into(),
        ),
        (
            "storage_set, 32 bytes, new key",
            "(call $set (i64.const 4) (i64.const 0x400_0000_0020))".into(),
        ),
        ("balance", "(call $balance (i32.const 1024) (i32.const 8192))".into()),
        (
            "static call of nobody",
            "(drop (call $call (i32.const 1024) (i64.const 0) (i64.const -1)))".into(),
        ),
        (
            "call of an empty contract",
            "(drop (call $call (i32.const 2048) (i64.const 0) (i64.const -1)))".into(),
        ),
        (
            "log, 2 topics, 32 bytes",
            "(call $log (i64.const 0x400_0000_0040) (i64.const 0x400_0000_0020))".into(),
        ),
        (
            "keccak256, 64 bytes",
            "(call $keccak (i64.const 0x400_0000_0040) (i32.const 8192))".into(),
        ),
        ("keccak256, 64 KiB", "(call $keccak (i64.const 0x400_0001_0000) (i32.const 8192))".into()),
        ("sha256, 64 bytes", "(call $sha (i64.const 0x400_0000_0040) (i32.const 8192))".into()),
        ("sha256, 64 KiB", "(call $sha (i64.const 0x400_0001_0000) (i32.const 8192))".into()),
        (
            "ripemd160, 64 bytes",
            "(call $ripemd (i64.const 0x400_0000_0040) (i32.const 8192))".into(),
        ),
        ("ripemd160, 64 KiB", "(call $ripemd (i64.const 0x400_0001_0000) (i32.const 8192))".into()),
        (
            "secp256k1_recover",
            format!(
                "(if (i32.eqz (call $recover {hash} (i32.const 1056) (i32.load8_u (i32.const 1120)) (i32.const 8192))) (then unreachable))"
            ),
        ),
        (
            "secp256k1_verify",
            format!(
                "(if (i32.eqz (call $verify {hash} (i32.const 1056) (i64.const 0x4a0_0000_0041))) (then unreachable))"
            ),
        ),
        (
            "bip340_verify",
            format!(
                "(if (i32.eqz (call $schnorr {message} (i32.const 1280) (i32.const 1344))) (then unreachable))"
            ),
        ),
        (
            "p256_verify",
            format!(
                "(if (i32.eqz (call $p256 {hash} (i32.const 1408) (i32.const 1472))) (then unreachable))"
            ),
        ),
        (
            "ed25519_verify",
            format!(
                "(if (i32.eqz (call $ed25519 {message} (i32.const 1536) (i32.const 1600))) (then unreachable))"
            ),
        ),
        ("memory.grow by nothing", "(drop (memory.grow (i32.const 0)))".into()),
        ("call_indirect", "(call_indirect (i32.and (local.get $i) (i32.const 7)))".into()),
        (
            "memory.fill, 64 KiB",
            "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 65536))".into(),
        ),
        (
            "100 instructions, each needing the last",
            "(local.set $x (i32.mul (i32.xor (local.get $x) (local.get $i)) (i32.const 1664525)))"
                .repeat(16)
                + "(i32.store (i32.const 16) (local.get $x))",
        ),
        (
            "10 divisions of 32 bits",
            "(local.set $x (i32.div_u (i32.const -7) (i32.or (local.get $x) (i32.const 3))))"
                .repeat(10)
                + "(i32.store (i32.const 16) (local.get $x))",
        ),
        (
            "10 divisions of 64 bits",
            "(local.set $y (i64.div_u (i64.const -7) (i64.or (local.get $y) (i64.const 3))))"
                .repeat(10)
                + "(i64.store (i32.const 16) (local.get $y))",
        ),
    ];
    let empty = measure(&mut payments, &mut nonce, "", &input);
    println!("a call of an empty loop of {LOOPS}: {:.0} ns, {} gas", empty.0, empty.1);
    let measured = rows.map(|(name, work)| {
        let (nanos, gas) = measure(&mut payments, &mut nonce, &work, &input);
        let loops = f64::from(LOOPS);
        (name, (nanos - empty.0) / loops, (gas - empty.1) / loops)
    });
    let recover = measured.iter().find(|row| row.0 == "secp256k1_recover").expect("the row");
    let scale = recover.1 / recover.2;
    print(&measured, scale);

    let empty = measure_durable("");
    println!("\non disk; {CALLS} calls of an empty loop: {:.0} ns, {} gas", empty.0, empty.1);
    let kept = [
        (
            "storage_set, 8 to 32 bytes, new key",
            "(call $set (i64.const 8) (i64.const 0x400_0000_0020))",
        ),
        (
            "storage_set, 8 to 1,024 bytes, new key",
            "(call $set (i64.const 8) (i64.const 0x400_0000_0400))",
        ),
        ("log, no topic, 32 bytes", "(call $log (i64.const 0) (i64.const 0x400_0000_0020))"),
        ("log, 2 topics, 32 bytes", "(call $log (i64.const 64) (i64.const 0x400_0000_0020))"),
        ("log, 2 topics, 1,024 bytes", "(call $log (i64.const 64) (i64.const 0x400_0000_0400))"),
        (
            "storage_get, 8 to 32 bytes, not seen before",
            "(drop (call $get (i64.const 8) (i64.const 0x2000_0000_0020)))",
        ),
        (
            "payment to a new account",
            "(i32.store8 (i32.const 131) (i32.const 1)) (drop (call $transfer (i32.const 0) (i32.const 100)))",
        ),
    ];
    let measured = kept.map(|(name, work)| {
        let (nanos, gas) = measure_durable(work);
        let loops = f64::from(LOOPS) * CALLS as f64;
        (name, (nanos - empty.0) / loops, (gas - empty.1) / loops)
    });
    print(&measured, scale);

    println!("\ncompiling four functions that are hard on a compiler");
    for (name, body) in bombs() {
        match measure_compiling(&body) {
            Ok((bytes, nanos, gas)) => {
                print(&[(&format!("{name}, {bytes} bytes"), nanos, gas)], scale)
            }
            Err(reason) => println!("{name:<44} refused: {reason}"),
        }
    }
}

/// Function bodies that are hard on a compiler, each as large as the host allows one to be.
fn bombs() -> Vec<(String, String)> {
    let nested = |open: &str, depth: usize, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let step = "(local.set 0 (i32.add (local.get 0) (i32.const 1)))";
    let again = "(br_if 0 (local.get 0)) end ";
    let most = FUNCTION_BRANCHES as usize;
    let mut rows = vec![
        ("straight line".to_owned(), step.repeat(6_000)),
        (
            "branches out of one block".into(),
            format!("(block {})", "(br_if 0 (local.get 0))".repeat(most - 1)),
        ),
        ("conditions in turn".into(), format!("(if (local.get 0) (then {step}))").repeat(most)),
        ("deep blocks".into(), nested("block ", most / 2, step, "(br_if 0 (local.get 0)) end ")),
        ("deep conditions".into(), nested("(local.get 0) if ", most, step, "end ")),
        ("calls".into(), "(call $f)".repeat(12_000)),
        ("indirect calls".into(), "(call_indirect (local.get 0))".repeat(4_000)),
        (
            "a branch table".into(),
            nested(
                "block ",
                most / 2 - 1,
                &format!(
                    "(local.get 0) br_table {}",
                    (0..most / 2 - 1).map(|i| format!("{i} ")).collect::<String>()
                ),
                &format!("{step} end "),
            ),
        ),
    ];
    for loops in [1, 8, 16, 32] {
        let body = nested("loop ", loops, step, again);
        rows.push((format!("loops {loops} deep"), body.repeat(FUNCTION_LOOPS as usize / loops)));
    }
    // Many values that live long: every local is set, and all are read at the end, in a loop.
    let locals = FUNCTION_LOCALS as usize / 2;
    let set: String = (0..locals)
        .map(|i| {
            format!(
                "(local.set {i} (i32.add (local.get {}) (i32.const {i})))",
                (i * 7 + 1) % locals
            )
        })
        .collect();
    rows.push(("many values that live long".into(), format!("loop {set}{again}")));
    rows
}

/// Milliseconds and gas of admitting a module of several functions of this body.
fn measure_compiling(body: &str) -> Result<(usize, f64, f64), String> {
    let locals = "i32 ".repeat(FUNCTION_LOCALS as usize / 2);
    let function = |locals: &str| format!("(func (local {locals}) {body})");
    let text = |functions: &str| {
        let text = format!(
            r#"(module (memory (export "memory") 1) (table 8 funcref) (func $f)
            (func (export "call") (param i32) (result i32) (i32.const 0)) {functions})"#
        );
        Bytes::from(wat::parse_str(text).expect("valid text"))
    };
    let module = text(&function(&locals).repeat(4));
    let vm = Vm::new(None, false).expect("an engine");
    let start = Instant::now();
    if let Err(Admission::Refused(reason)) = vm.admit(&B256::ZERO, &module) {
        return Err(reason);
    }
    let nanos = start.elapsed().as_nanos() as f64;
    let fuel = florin_runtime::host::module_price(&module, u64::MAX).expect("a price");
    Ok((module.len(), nanos, fuel as f64 / FUEL_PER_GAS as f64))
}

fn print(rows: &[(&str, f64, f64)], scale: f64) {
    println!(
        "{:<44} {:>10} {:>10} {:>8} {:>11}",
        "operation", "ns", "gas", "ns/gas", "of recovery"
    );
    for (name, nanos, gas) in rows {
        let rate = nanos / gas;
        println!("{name:<44} {nanos:>10.1} {gas:>10.2} {rate:>8.1} {:>11.2}", rate / scale);
    }
}
