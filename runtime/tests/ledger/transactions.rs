//! Signed transactions, honest and hostile.

use super::support::*;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEnvelope, TxLegacy};
use alloy_eips::Encodable2718;
use alloy_primitives::{Signature, TxKind};
use florin_runtime::store::{Durability, Store};
use florin_runtime::types::*;
use florin_runtime::{CallRequest, Chain, Genesis, Rejection, SubmitError};
use std::sync::atomic::{AtomicBool, Ordering};

fn rejection(chain: &Chain, transaction: Bytes) -> Rejection {
    let head = chain.head();
    match chain.submit(transaction, NOW) {
        Err(SubmitError::Rejected(rejection)) => {
            assert_eq!(chain.head(), head, "a rejected transaction leaves no trace");
            rejection
        }
        other => panic!("not rejected: {other:?}"),
    }
}

#[test]
fn a_payment_is_there_after_reopening() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("ledger");
    let chain = create(&path);
    let located = chain.submit(signed(payment(0, 5), &key(1)), NOW).expect("a receipt");
    let receipt = located.receipt().clone();
    assert!(receipt.is_success());
    assert_eq!((receipt.gas_used, receipt.gas_price), (21_000, 10));
    drop(chain);
    let chain = open(&path);
    assert_eq!(chain.account(&BOB).expect("an account").balance, U256::from(5));
    let paid = U256::from(1_000_000_000u64 - 5 - 210_000);
    assert_eq!(chain.account(&address_of(&key(1))).expect("an account").balance, paid);
    assert_eq!(
        chain.account(&genesis().fee_recipient).expect("an account").balance,
        U256::from(210_000)
    );
    let found = chain.transaction(&receipt.transaction).expect("a read").expect("the transaction");
    assert_eq!(found.receipt(), &receipt);
    let audit = chain.audit(&mut |_, _| {}).expect("an audit");
    assert!(audit.is_clean(), "{audit:?}");
    assert_eq!(chain.replay(&mut |_, _| {}).expect("a replay"), (1, None));
}

#[test]
fn every_envelope_is_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = create(&dir.path().join("ledger"));
    let legacy = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce: 0,
        gas_price: 10,
        gas_limit: 21_000,
        to: TxKind::Call(BOB),
        value: U256::from(1),
        input: Bytes::new(),
    };
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 1,
        gas_price: 10,
        gas_limit: 21_000 + 2_400 + 1_900,
        to: TxKind::Call(BOB),
        value: U256::from(1),
        access_list: vec![alloy_eips::eip2930::AccessListItem {
            address: BOB,
            storage_keys: vec![B256::ZERO],
        }]
        .into(),
        input: Bytes::new(),
    };
    let sealed = chain
        .seal(
            vec![signed(legacy, &key(1)), signed(listed, &key(1)), signed(payment(2, 1), &key(1))],
            NOW,
        )
        .expect("a block");
    let block = sealed.block.expect("a block");
    let kinds: Vec<_> = block.body.receipts.iter().map(|r| (r.kind, r.is_success())).collect();
    assert_eq!(kinds, [(0, true), (1, true), (2, true)]);
    assert_eq!(chain.account(&BOB).expect("an account").balance, U256::from(3));
}

#[test]
fn hostile_transactions_are_rejected_by_name_and_leave_no_trace() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = create(&dir.path().join("ledger"));
    let (alice, sender) = (key(1), address_of(&key(1)));
    let first = signed(payment(0, 5), &alice);
    chain.submit(first.clone(), NOW).expect("a receipt");

    assert_eq!(rejection(&chain, first), Rejection::NonceTooLow { sender, got: 0, expected: 1 });
    let gap = signed(payment(2, 5), &alice);
    assert_eq!(rejection(&chain, gap), Rejection::NonceTooHigh { sender, got: 2, expected: 1 });
    let elsewhere = signed(TxEip1559 { chain_id: 1, ..payment(1, 5) }, &alice);
    assert_eq!(rejection(&chain, elsewhere), Rejection::WrongChain { got: 1, expected: CHAIN_ID });
    let poor = signed(payment(0, 5), &key(2));
    assert!(matches!(rejection(&chain, poor), Rejection::InsufficientFunds { .. }));
    let greedy = signed(TxEip1559 { value: U256::MAX, ..payment(1, 0) }, &alice);
    assert_eq!(rejection(&chain, greedy), Rejection::CostOverflow);
    let cheap = signed(TxEip1559 { max_fee_per_gas: 9, ..payment(1, 0) }, &alice);
    assert_eq!(rejection(&chain, cheap), Rejection::FeeTooLow { offered: 9, price: 10 });
    let tip = signed(TxEip1559 { max_priority_fee_per_gas: 11, ..payment(1, 0) }, &alice);
    assert_eq!(rejection(&chain, tip), Rejection::TipAboveFee { tip: 11, max: 10 });
    let starved = signed(TxEip1559 { gas_limit: 20_999, ..payment(1, 0) }, &alice);
    assert_eq!(
        rejection(&chain, starved),
        Rejection::IntrinsicGas { limit: 20_999, needed: 21_000 }
    );
    let huge = signed(TxEip1559 { gas_limit: u64::MAX, ..payment(1, 0) }, &alice);
    assert!(matches!(rejection(&chain, huge), Rejection::GasAboveBlock { .. }));
    let unprotected = TxLegacy { gas_limit: 21_000, to: TxKind::Call(BOB), ..TxLegacy::default() };
    assert_eq!(rejection(&chain, signed(unprotected, &alice)), Rejection::Unprotected);
    assert!(matches!(rejection(&chain, Bytes::new()), Rejection::Malformed(_)));
    let flood = vec![2; 10 << 20].into();
    assert!(matches!(rejection(&chain, flood), Rejection::Oversized { bytes: 10_485_760, .. }));
    assert_eq!(rejection(&chain, vec![3, 0xc0].into()), Rejection::UnsupportedType(3));
    assert_eq!(rejection(&chain, vec![0x76, 0xc0].into()), Rejection::UnsupportedType(0x76));
}

#[test]
fn altered_signatures_are_rejected() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = create(&dir.path().join("ledger"));
    let tx = payment(0, 5);
    let good = signature(&tx, &key(1));
    // n - s with the other parity is a signature by the same key over the same hash (SEC 2, 2.4.1
    // for n).
    let order: U256 =
        "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".parse().expect("n");
    let twin = Signature::new(good.r(), order - good.s(), !good.v());
    let bytes = TxEnvelope::from(tx.clone().into_signed(twin)).encoded_2718().into();
    assert_eq!(rejection(&chain, bytes), Rejection::MalleableSignature);
    for (r, s) in [(U256::ZERO, good.s()), (good.r(), U256::ZERO), (order, good.s())] {
        let bad = Signature::new(r, s, good.v());
        let bytes = TxEnvelope::from(tx.clone().into_signed(bad)).encoded_2718().into();
        assert_eq!(rejection(&chain, bytes), Rejection::BadSignature);
    }
    // Any flipped bit makes it another sender's, who has nothing, or no transaction at all.
    let bytes = signed(tx, &key(1));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        rejection(&chain, flipped.into());
    }
    chain.submit(bytes, NOW).expect("the original is still good");
}

#[test]
fn a_full_block_rejects_and_a_bad_neighbour_does_no_harm() {
    let dir = tempfile::tempdir().expect("a directory");
    let rules = Genesis { block_gas_limit: 50_000, ..genesis() };
    let chain =
        Chain::create(&dir.path().join("ledger"), &rules, Durability::Unsynced).expect("a ledger");
    let transactions = vec![
        signed(payment(0, 1), &key(1)),
        vec![0xff].into(),
        signed(payment(1, 1), &key(1)),
        signed(payment(2, 1), &key(1)),
    ];
    let sealed = chain.seal(transactions, NOW).expect("a block");
    assert_eq!(sealed.results[0], Ok(0));
    assert!(matches!(sealed.results[1], Err(Rejection::Malformed(_))));
    assert_eq!(sealed.results[2], Ok(1));
    assert_eq!(sealed.results[3], Err(Rejection::BlockFull { left: 8_000 }));
}

#[test]
fn simulations_agree_with_blocks_and_change_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let chain = create(&dir.path().join("ledger"));
    let from = address_of(&key(1));
    let request =
        CallRequest { from, to: Some(BOB), value: U256::from(7), ..CallRequest::default() };
    assert_eq!(chain.estimate(&request, NOW).expect("an estimate"), 21_000);
    let simulated = chain.simulate(&request, NOW).expect("a simulation");
    assert_eq!(chain.account(&BOB).expect("an account").balance, U256::ZERO);
    let receipt =
        chain.submit(signed(payment(0, 7), &key(1)), NOW).expect("a receipt").receipt().clone();
    assert_eq!(simulated.receipt.outcome, receipt.outcome);
    assert_eq!(simulated.receipt.gas_used, receipt.gas_used);
    let too_much = CallRequest { value: U256::MAX, ..request };
    assert!(chain.estimate(&too_much, NOW).is_err());
}

#[test]
fn a_second_process_is_told_who_holds_the_ledger() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("ledger");
    let _chain = create(&path);
    let error = Store::open(&path, Durability::Unsynced, &mut |_, _| {}).expect_err("it is held");
    assert!(error.to_string().contains("is in use"), "{error}");
}

#[test]
fn an_audit_of_a_ledger_in_use_finds_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    // Several pages of accounts, with sender, payee and fee recipient on different ones.
    let others = (0..2_600u16).map(|n| Address::right_padding_from(&(n * 25).to_be_bytes()));
    let allocations = others.map(|other| (other, U256::from(1)));
    let rules =
        Genesis { allocations: allocations.chain(genesis().allocations).collect(), ..genesis() };
    let chain =
        Chain::create(&dir.path().join("ledger"), &rules, Durability::Unsynced).expect("a ledger");
    let audited = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for nonce in 0..4_000 {
                chain.submit(signed(payment(nonce, 1), &key(1)), NOW).expect("a receipt");
                if audited.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let audits: Vec<_> =
            (0..8).map(|_| chain.audit(&mut |_, _| {}).expect("an audit").findings).collect();
        audited.store(true, Ordering::Relaxed);
        assert_eq!(audits.concat(), Vec::<String>::new());
    });
}

#[test]
fn a_replay_compares_block_0_with_the_rules() {
    let dir = tempfile::tempdir().expect("a directory");
    let rules = genesis();
    let kept = rules.to_json().expect("JSON");
    // A ledger that somebody made with more allocations than its rules say.
    let generous = Genesis { allocations: [(BOB, U256::from(7))].into(), ..rules };
    let block = generous.block(&kept);
    let path = dir.path().join("ledger");
    drop(Store::create(&path, &block, &kept, Durability::Unsynced).expect("a ledger"));
    let chain = open(&path);
    let (executed, difference) = chain.replay(&mut |_, _| {}).expect("a replay");
    assert_eq!((executed, difference.is_some()), (0, true));
    let audit = chain.audit(&mut |_, _| {}).expect("an audit");
    assert!(audit.findings.iter().any(|finding| finding.starts_with("block 0: ")), "{audit:?}");
}
