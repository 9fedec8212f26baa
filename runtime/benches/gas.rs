//! What each priced operation takes, beside what it costs: the measurement behind the table in `src/gas.rs`.
//!
//! Each row is a contract that does one thing many times; the same loop without it is subtracted. A gas is meant to buy
//! about 25 ns: a row far above that is priced too low.
#![allow(clippy::print_stdout)] // the table is the result

#[allow(dead_code)] // each benchmark uses some of it
mod support;

use alloy_primitives::TxKind;
use florin_runtime::pipeline::{execute, receive};
use florin_runtime::state::Overlay;
use std::sync::Arc;
use std::time::Instant;
use support::*;

/// Repetitions inside one call.
const LOOPS: u32 = 500;
/// Runs of which the fastest counts.
const RUNS: usize = 15;

fn contract(work: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
            (import "florin1" "storage_set" (func $set (param i64 i64)))
            (import "florin1" "storage_get" (func $get (param i64 i64) (result i32)))
            (import "florin1" "context" (func $context (param i64)))
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
            (func (export "call") (param $length i32) (result i32) (local $i i32)
                (drop (call $input (i32.const 0) (i64.const 0x1000)))
                (loop $again
                    {work}
                    (i32.store (i32.const 0) (local.tee $i (i32.add (local.get $i) (i32.const 1))))
                    (br_if $again (i32.lt_u (local.get $i) (i32.const {LOOPS}))))
                (i32.const 0)))"#
    );
    wat::parse_str(text).expect("valid text")
}

/// Nanoseconds and gas of one call of a contract that loops over `work`.
fn measure(payments: &mut Payments, nonce: &mut u64, work: &str, input: &[u8]) -> (f64, f64) {
    let module = contract(work);
    let data = [&florin_abi::deploy::header(module.len() as u32)[..], &module].concat();
    let admin = key(0);
    let deployed = payments.run(&sign(transaction(*nonce, TxKind::Create, 0, data.into()), &admin));
    *nonce += 1;
    let to = TxKind::Call(deployed.created.expect("a contract"));
    let mut call = transaction(*nonce, to, 0, input.to_vec().into());
    call.gas_limit = 1 << 32;
    let intent = receive(&sign(call, &admin), &payments.genesis).expect("a good transaction");
    let view = Arc::new(payments.state.clone());
    let mut best = (f64::MAX, 0.0);
    for _ in 0..RUNS {
        let overlay = Overlay::new(view.clone());
        let start = Instant::now();
        let (_, executed) =
            execute(overlay, &payments.block, &payments.vm, &intent, 0, false).expect("no fault");
        let nanos = start.elapsed().as_nanos() as f64;
        assert!(executed.receipt.is_success(), "{work}: {:?}", executed.receipt.outcome);
        let gas = executed.receipt.gas_used - executed.receipt.gas.intrinsic;
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
    let input = input();
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
        (
            "memory.fill, 64 KiB",
            "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 65536))".into(),
        ),
        (
            "100 additions",
            "(local.set $i (i32.sub (i32.add (local.get $i) (i32.const 1)) (i32.const 1)))"
                .repeat(50),
        ),
        (
            "a division",
            "(i32.store (i32.const 16) (i32.div_u (i32.load (i32.const 16)) (i32.const 7)))".into(),
        ),
    ];
    let empty = measure(&mut payments, &mut nonce, "", &input);
    println!("a call of an empty loop of {LOOPS}: {:.0} ns, {} gas", empty.0, empty.1);
    println!("{:<40} {:>10} {:>10} {:>8}", "operation", "ns", "gas", "ns/gas");
    for (name, work) in rows {
        let (nanos, gas) = measure(&mut payments, &mut nonce, &work, &input);
        let (nanos, gas) =
            ((nanos - empty.0) / f64::from(LOOPS), (gas - empty.1) / f64::from(LOOPS));
        println!("{name:<40} {nanos:>10.1} {gas:>10.2} {:>8.1}", nanos / gas);
    }
}
