//! How many instructions each phase of a payment takes, counted by valgrind: the same on a busy
//! machine as on an idle one, so a change of a few percent shows. Compares with `instructions.txt`;
//! a rise of more than [`TOLERANCE`] percent fails and says where. `UPDATE_COUNTS=1` writes the
//! file anew.
//!
//! Only what is done within [`counted`] is, on the thread that does it; and the counts of two runs
//! that differ only in how often the phase is repeated are subtracted, so what is done once counts
//! for nothing. Compiled as `just instructions` says: with the tests' optimised dependencies and
//! their assertions, so that counting takes no build of its own. What a release takes is less.
#![allow(clippy::print_stdout)] // the table is the result

#[allow(dead_code)] // each benchmark uses some of it
mod support;

use florin_runtime::Chain;
use florin_runtime::pipeline::{authenticate, decode, execute};
use florin_runtime::senders::{Authenticator, Offer};
use florin_runtime::state::Overlay;
use florin_runtime::store::Durability;
use florin_runtime::types::*;
use florin_runtime::vm::Vm;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use support::*;

/// A phase: its name, how often it is repeated, and what repeats it.
type Phase = (&'static str, usize, fn(usize));

const PHASES: &[Phase] = &[
    ("decode", 100, decode_transfers),
    ("authenticate", 20, authenticate_transfers),
    ("authenticate 64 known senders", 2, authenticate_known_senders),
    ("execute a native payment", 100, |count| execute_all(count, native_payments)),
    ("execute a token transfer", 100, |count| execute_all(count, Payments::transfers)),
    (DEPLOY, 1, deploy_token),
    ("commit a native payment", 100, commit_payments),
];

/// Compilers have threads of their own, so all of this phase is counted.
const DEPLOY: &str = "deploy the token";

/// Accounts that pay: enough for the most repetitions, few because everything is slow under
/// valgrind.
const PAYERS: usize = 2 * 100 + 1;
/// Percent by which a count may rise. Counts vary by less than one: with the seeds of hash maps,
/// and with addresses.
const TOLERANCE: u64 = 5;

/// What tells callgrind to count [`counted`] alone.
const COUNTED: &str = concat!("--toggle-collect=", env!("CARGO_CRATE_NAME"), "::counted*");

/// Does what is counted.
#[inline(never)]
fn counted<T>(phase: impl FnOnce() -> T) -> T {
    black_box(phase())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let phase = arguments.next().and_then(|name| PHASES.iter().find(|phase| phase.0 == name));
    if let (Some((.., run)), Some(count)) = (phase, arguments.next()) {
        run(count.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("SKIPPED: valgrind is not installed; no instruction was counted");
        return ExitCode::FAILURE;
    }
    compare(&count_all())
}

/// Instructions of every phase, each done once.
fn count_all() -> Vec<(&'static str, u64)> {
    let count = |(name, count, _): &Phase| {
        let (once, twice) = (instructions(name, *count), instructions(name, 2 * count));
        (*name, twice.saturating_sub(once) / *count as u64)
    };
    PHASES.iter().map(count).collect()
}

/// Instructions of this program, preparing and repeating a phase.
fn instructions(phase: &str, count: usize) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .args((phase != DEPLOY).then_some(COUNTED))
        .arg(program)
        .args([phase, &count.to_string()])
        .env("RAYON_NUM_THREADS", "1") // one thread compiles, in one order
        .output()
        .expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{phase}: {text}");
    let collected = text.lines().find_map(|line| line.split_once("Collected : "));
    let count = collected.and_then(|(_, number)| number.trim().parse().ok()).expect("a count");
    assert!(count > 0, "{phase}: nothing was counted");
    count
}

/// Prints the counts beside those recorded.
fn compare(counts: &[(&'static str, u64)]) -> ExitCode {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt");
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    let recorded: BTreeMap<&str, u64> = recorded
        .lines()
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, count)| Some((name.trim(), count.parse().ok()?)))
        .collect();
    println!("{:<30} {:>14} {:>14} {:>8}", "phase", "instructions", "recorded", "change");
    let (mut worse, mut text) = (Vec::new(), String::new());
    for (name, count) in counts {
        let former = recorded.get(name).copied().unwrap_or(0);
        let change = 100.0 * (*count as f64 / former.max(1) as f64 - 1.0);
        println!("{name:<30} {count:>14} {former:>14} {change:>+7.1}%");
        if *count > former + former * TOLERANCE / 100 {
            worse.push(*name);
        }
        writeln!(text, "{name} {count}").expect("a string");
    }
    if std::env::var_os("UPDATE_COUNTS").is_some() {
        std::fs::write(path, text).expect("the file is written");
    } else if !worse.is_empty() {
        println!("more than {TOLERANCE}% above what was recorded: {}", worse.join(", "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn decode_transfers(count: usize) {
    let payments = Payments::of(PAYERS);
    let transfers = payments.transfers();
    for bytes in &transfers[..count] {
        counted(|| decode(bytes, &payments.genesis)).expect("a good transaction");
    }
}

fn authenticate_transfers(count: usize) {
    let payments = Payments::of(PAYERS);
    let transfers = payments.transfers();
    for bytes in &transfers[..count] {
        let signed = decode(bytes, &payments.genesis).expect("a good transaction");
        counted(|| authenticate(signed)).expect("a good signature");
    }
}

/// In batches; the count is that of a whole one.
fn authenticate_known_senders(count: usize) {
    let payments = Payments::of(PAYERS);
    let offers: Vec<_> = payments.transfers()[..64].iter().zip(1..).map(offer(&payments)).collect();
    let authenticator = Authenticator::portable();
    for _ in 0..count + 1 {
        let offers = offers.clone();
        counted(|| authenticator.authenticate_all(offers));
    }
}

/// A transfer of an account with a hint of which it is.
fn offer(payments: &Payments) -> impl Fn((&Bytes, usize)) -> Offer {
    |(bytes, sender)| Offer {
        signed: decode(bytes, &payments.genesis).expect("a good transaction"),
        hint: Some(address_of(&key(sender))),
        source: 0,
    }
}

fn native_payments(_: &Payments) -> Vec<Bytes> {
    (1..PAYERS).map(|i| native_payment(i, 0)).collect()
}

fn native_payment(from: usize, nonce: u64) -> Bytes {
    let to = alloy_primitives::TxKind::Call(address_of(&key(from % PAYERS)));
    sign(transaction(nonce, to, 1, Bytes::new()), &key(from))
}

fn execute_all(count: usize, transactions: fn(&Payments) -> Vec<Bytes>) {
    let payments = Payments::of(PAYERS);
    let transactions = transactions(&payments);
    // All are decoded and authenticated whatever the count, so that this does not count.
    let intents: Vec<_> = transactions
        .iter()
        .map(|bytes| authenticate(decode(bytes, &payments.genesis).expect("good")).expect("good"))
        .collect();
    let mut overlay = Overlay::new(Arc::new(payments.state.clone()));
    for intent in &intents[..count] {
        let executed;
        (overlay, executed) = counted(|| {
            execute(overlay, &payments.block, payments.vm.admit_execution(), intent, 0, false)
        })
        .expect("no fault");
        assert!(executed.receipt.is_success());
    }
}

fn deploy_token(count: usize) {
    let module: Bytes = token_artefact().wasm.clone().into();
    let hash = B256::from(token_artefact().code_hash());
    for _ in 0..count {
        let vm = Vm::new(None, false).expect("an engine");
        counted(|| vm.admit(&hash, &module)).map(drop).expect("it is admitted");
    }
}

/// Signed bytes to a block that is written, in blocks of fifty; nothing waits for the disk.
fn commit_payments(count: usize) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let path = dir.path().join("ledger");
    let chain = Chain::create(&path, &genesis_of(PAYERS), Durability::Unsynced).expect("a ledger");
    let signed: Vec<_> = (1..PAYERS).map(|i| native_payment(i, 0)).collect();
    for block in signed[..count].chunks(50) {
        let sealed = counted(|| chain.seal(block.to_vec(), 1)).expect("a block");
        assert_eq!(sealed.block.expect("a block").body.receipts.len(), block.len());
    }
}
