//! Whatever seals can be committed: blocks and transactions have a size that they do not exceed,
//! whatever the gas allows.

use super::support::*;
use alloy_consensus::TxEip1559;
use alloy_primitives::TxKind;
use florin_runtime::limits::{BLOCK_BYTES, EFFECT_BYTES};
use florin_runtime::pipeline::{Sealed, seal};
use florin_runtime::state::{Overlay, StateView};
use florin_runtime::types::*;
use florin_runtime::vm::Vm;
use florin_runtime::{Fault, Genesis, Rejection};
use std::sync::Arc;

const VALUE: usize = florin_abi::limits::VALUE_BYTES as usize;
const GAS: u64 = 1 << 32;

/// Writes values of the largest size, under as many keys as the first two bytes of the input say;
/// the other two set them apart.
const WRITER: &str = r#"(module
    (import "florin1" "input" (func $input (param i32 i64) (result i32)))
    (import "florin1" "storage_set" (func $set (param i64 i64)))
    (memory (export "memory") 2)
    (func (export "call") (param i32) (result i32)
        (drop (call $input (i32.const 0) (i64.const 4)))
        (loop $again
            (call $set (i64.const 4) (i64.const 0x100_0001_0000))
            (i32.store (i32.const 0) (i32.sub (i32.load (i32.const 0)) (i32.const 1)))
            (br_if $again (i32.and (i32.load (i32.const 0)) (i32.const 0xffff))))
        (i32.const 0)))"#;

/// Rich senders and nothing else; blocks are not applied to it.
struct Rich;

impl StateView for Rich {
    fn account(&self, _: &Address) -> Result<Option<Account>, Fault> {
        Ok(Some(Account { balance: U256::from(u128::MAX), ..Account::default() }))
    }
    fn storage(&self, _: &Address, _: &[u8]) -> Result<Option<Bytes>, Fault> {
        Ok(None)
    }
    fn code(&self, _: &B256) -> Result<Option<Bytes>, Fault> {
        Ok(None)
    }
}

/// Seals a block of one deployment of the writer and one call of it for each number of values.
fn sealed(values: impl IntoIterator<Item = u16>) -> Sealed {
    let input = deployment(WRITER);
    let mut transactions =
        vec![TxEip1559 { to: TxKind::Create, input, gas_limit: GAS, ..payment(0, 0) }];
    let writer = TxKind::Call(address_of(&key(1)).create(0));
    for (values, nonce) in values.into_iter().zip(1u16..) {
        let input = [values.to_le_bytes(), nonce.to_le_bytes()].concat().into();
        let nonce = u64::from(nonce);
        transactions.push(TxEip1559 { to: writer, input, gas_limit: GAS, ..payment(nonce, 0) });
    }
    let signed = transactions.into_iter().map(|tx| signed(tx, &key(1))).collect();
    let rules = Genesis { block_gas_limit: 1 << 40, ..genesis() };
    let vm = Arc::new(Vm::new(None, false).expect("an engine"));
    let overlay = Overlay::new(Arc::new(Rich));
    let parent = Header::default();
    seal(&rules, (&parent, B256::ZERO), NOW, signed, overlay, &vm, |_| B256::ZERO).expect("a block")
}

#[test]
fn a_block_that_may_become_too_large_takes_no_more() {
    let most = (EFFECT_BYTES / VALUE - 1) as u16;
    let sealed = sealed(vec![most; BLOCK_BYTES / EFFECT_BYTES + 2]);
    let block = sealed.block.expect("a block");
    assert!(block.body.receipts.iter().all(Receipt::is_success));
    let taken = sealed.results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(taken, 1 + BLOCK_BYTES / EFFECT_BYTES, "the deployment, and all that fit");
    for result in &sealed.results[taken..] {
        assert!(
            matches!(result, Err(Rejection::BlockTooLarge { left }) if *left < 2 * EFFECT_BYTES)
        );
    }
    let kept = postcard::to_stdvec(&block.body).expect("plain data").len();
    assert!(kept <= BLOCK_BYTES && kept + 2 * EFFECT_BYTES > BLOCK_BYTES, "{kept}");
}

#[test]
fn a_transaction_that_changes_too_much_halts_and_pays() {
    let sealed = sealed([(EFFECT_BYTES / VALUE) as u16, 1]);
    let receipts = &sealed.block.expect("a block").body.receipts;
    let Outcome::Halted { halt: Halt::TooLarge { bytes, limit } } = receipts[1].outcome else {
        panic!("{:?}", receipts[1].outcome)
    };
    assert!(bytes > limit);
    assert_eq!(receipts[1].gas_used, GAS);
    assert!(receipts[2].is_success(), "the next one finds nothing of it");
}
