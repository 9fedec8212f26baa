//! What a payment costs, phase by phase, beside bare measures taken in the same run. `cargo bench`
//! prints one line per phase; divide by the baselines, since absolute times are the machine's.
//!
//! Work: token `transfer` of the bundled token (`contracts/token`, with its pause, permits and
//! roles) between a thousand accounts, as signed EIP-1559 transactions.

#[allow(dead_code)] // each benchmark uses some of it
mod support;

use alloy_primitives::TxKind;
use divan::{Bencher, counter::ItemsCount};
use florin_runtime::Chain;
use florin_runtime::pipeline::{authenticate, decode, execute};
use florin_runtime::senders::{Authenticator, Hint, Offer};
use florin_runtime::state::Overlay;
use florin_runtime::store::Durability;
use florin_runtime::types::*;
use florin_runtime::vm::Vm;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use std::fs::File;
use std::io::{Seek, Write};
use std::sync::{Arc, OnceLock};
use support::*;

fn main() {
    divan::main();
}

fn payments() -> &'static Payments {
    static PAYMENTS: OnceLock<Payments> = OnceLock::new();
    PAYMENTS.get_or_init(Payments::new)
}

/// Baseline: k256 recovers the key of one signature, nothing else.
#[divan::bench]
fn baseline_k256_recover(bencher: Bencher<'_, '_>) {
    let hash = [7; 32];
    let (signature, recovery): (Signature, RecoveryId) = key(1).sign_prehash_recoverable(&hash);
    bencher.bench(|| VerifyingKey::recover_from_prehash(&hash, &signature, recovery));
}

/// Baseline: a kilobyte is overwritten in a file and fdatasync'd.
#[divan::bench(sample_count = 50)]
fn baseline_fdatasync(bencher: Bencher<'_, '_>) {
    let mut file = tempfile_in_target();
    file.write_all(&[0; 1 << 20]).expect("a write");
    file.sync_all().expect("a sync");
    bencher.bench_local(move || {
        file.rewind().expect("a seek");
        file.write_all(&[1; 1024]).expect("a write");
        file.sync_data().expect("a sync");
    });
}

/// On the same disk as the ledgers of `commit_*`.
fn tempfile_in_target() -> File {
    tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).expect("a file")
}

/// Bytes to transaction, signature not looked at.
#[divan::bench]
fn decode_transfer(bencher: Bencher<'_, '_>) {
    let transfers = payments().transfers();
    bencher.bench(|| decode(&transfers[0], &payments().genesis));
}

/// Signature to sender: recovery, keccak, low-s check.
#[divan::bench]
fn authenticate_transfer(bencher: Bencher<'_, '_>) {
    let transfers = payments().transfers();
    let signed = decode(&transfers[0], &payments().genesis).expect("a good transaction");
    bencher.bench(|| authenticate(signed.clone()));
}

/// The same of `SIZE` transfers at once, nearly all by different senders, whose keys are known and
/// who are hinted. Divide by the size, and compare with [`authenticate_transfer`] and
/// [`baseline_k256_recover`].
#[divan::bench(consts = [64, 256, 1024])]
fn authenticate_known_senders<const SIZE: usize>(bencher: Bencher<'_, '_>) {
    let authenticator = knowing_all();
    let offers = offers(SIZE, 0, |sender| sender);
    bencher.counter(ItemsCount::new(SIZE)).with_inputs(|| offers.clone()).bench_local_values(
        |offers| {
            let done = authenticator.authenticate_all(offers);
            assert!(done.iter().all(|done| done.hint == Hint::Right && !done.recovered));
            done
        },
    );
}

/// The worst that hints can do: all are wrong, each time from somebody new.
#[divan::bench(sample_count = 20)]
fn authenticate_with_wrong_hints(bencher: Bencher<'_, '_>) {
    let authenticator = knowing_all();
    let another = |sender| if sender == 1 { 2 } else { 1 };
    let mut source = 0;
    bencher
        .counter(ItemsCount::new(1024_usize))
        .with_inputs(|| {
            source += 1;
            offers(1024, source, another)
        })
        .bench_local_values(|offers| {
            let done = authenticator.authenticate_all(offers);
            assert!(done.iter().all(|done| done.hint == Hint::Wrong));
            done
        });
}

/// Knows all keys, and source 0 as one that hints rightly.
fn knowing_all() -> Authenticator {
    let authenticator = Authenticator::new();
    for _ in 0..2 {
        authenticator.authenticate_all(offers(ACCOUNTS, 0, |sender| sender));
    }
    authenticator
}

/// Transfers of the accounts in turn, with a hint of which account it is.
fn offers(count: usize, source: u64, hint: impl Fn(usize) -> usize) -> Vec<Offer> {
    let payments = payments();
    let transfers = payments.transfers();
    let offer = |(i, bytes): (usize, &Bytes)| Offer {
        signed: decode(bytes, &payments.genesis).expect("a good transaction"),
        hint: Some(address_of(&key(hint(1 + i % transfers.len())))),
        source,
    };
    transfers.iter().cycle().take(count).enumerate().map(offer).collect()
}

/// Everything between an authenticated token transfer and its receipt, over state in memory.
#[divan::bench]
fn execute_token_transfer(bencher: Bencher<'_, '_>) {
    execute_all(bencher, payments().transfers());
}

/// The same for a native payment: no contract.
#[divan::bench]
fn execute_native_transfer(bencher: Bencher<'_, '_>) {
    let payment = |i: usize| {
        let to = TxKind::Call(address_of(&key(i % ACCOUNTS)));
        sign(transaction(0, to, 1, Bytes::new()), &key(i))
    };
    execute_all(bencher, (1..ACCOUNTS).map(payment).collect());
}

fn execute_all(bencher: Bencher<'_, '_>, transactions: Vec<Bytes>) {
    let payments = payments();
    let intents: Vec<_> = transactions
        .iter()
        .map(|bytes| authenticate(decode(bytes, &payments.genesis).expect("good")).expect("good"))
        .collect();
    let view = Arc::new(payments.state.clone());
    bencher
        .counter(ItemsCount::new(intents.len()))
        .with_inputs(|| Overlay::new(view.clone()))
        .bench_local_values(|mut overlay| {
            let mut gas = 0;
            for intent in &intents {
                let executed;
                (overlay, executed) =
                    execute(overlay, &payments.block, &payments.vm, intent, gas, false)
                        .expect("no fault");
                assert!(executed.receipt.is_success());
                gas = executed.receipt.cumulative_gas_used;
            }
            overlay
        });
}

/// A module comes to the ledger: checked and compiled.
#[divan::bench(sample_count = 20)]
fn deploy_token(bencher: Bencher<'_, '_>) {
    let module: Bytes = token_artefact().wasm.clone().into();
    let hash = B256::from(token_artefact().code_hash());
    bencher
        .counter(divan::counter::BytesCount::new(module.len()))
        .with_inputs(|| Vm::new(None, false).expect("an engine"))
        .bench_local_refs(|vm| vm.admit(&hash, &module).map(drop).expect("it is admitted"));
}

/// Bytes to durable receipts: a block of `SIZE` token transfers, journal fdatasync'd, state in
/// sled.
#[divan::bench(consts = [1, 100, 999], sample_count = 20)]
fn commit_block_of<const SIZE: usize>(bencher: Bencher<'_, '_>) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let path = dir.path().join("ledger");
    let chain = Chain::create(&path, &genesis(), Durability::Synced).expect("a ledger");
    let admin = key(0);
    let token = address_of(&admin).create(0);
    let deploy = transaction(0, TxKind::Create, 0, token_deployment(address_of(&admin)));
    assert!(chain.submit(sign(deploy, &admin), 1).expect("a receipt").receipt().is_success());
    let fund = |i: usize| {
        let call = transfer_call(address_of(&key(i)), 1 << 40);
        sign(transaction(i as u64, TxKind::Call(token), 0, call), &admin)
    };
    chain.seal((1..ACCOUNTS).map(fund).collect(), 2).expect("a block");
    let mut nonce = 0;
    bencher
        .counter(ItemsCount::new(SIZE))
        .with_inputs(|| {
            let transfer = |i: usize| {
                let to = address_of(&key(1 + i % (ACCOUNTS - 1)));
                sign(transaction(nonce, TxKind::Call(token), 0, transfer_call(to, 1)), &key(i))
            };
            let block: Vec<Bytes> = (1..=SIZE).map(transfer).collect();
            nonce += 1;
            block
        })
        .bench_local_values(|block| {
            let sealed = chain.seal(block, 3).expect("a block");
            assert!(sealed.block.expect("a block").body.receipts.iter().all(Receipt::is_success));
        });
}
