//! Keys, signatures and a ledger to begin with.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Signature, TxKind};
use florin_runtime::store::Durability;
use florin_runtime::types::*;
use florin_runtime::{Chain, Genesis};
use k256::ecdsa::SigningKey;
use std::path::Path;

pub const CHAIN_ID: u64 = 77;
pub const NOW: u64 = 1_700_000_000;
pub const BOB: Address = Address::repeat_byte(0xb0);

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).expect("a valid key")
}

pub fn address_of(key: &SigningKey) -> Address {
    let point = key.verifying_key().to_sec1_point(false);
    Address::from_raw_public_key(&point.as_bytes()[1..])
}

pub fn signature<T: SignableTransaction<Signature>>(tx: &T, key: &SigningKey) -> Signature {
    let (signature, recovery) = key.sign_prehash_recoverable(tx.signature_hash().as_slice());
    let bytes = signature.to_bytes();
    Signature::from_bytes_and_parity(&bytes, recovery.is_y_odd())
}

pub fn signed<T: SignableTransaction<Signature>>(tx: T, key: &SigningKey) -> Bytes
where
    TxEnvelope: From<alloy_consensus::Signed<T>>,
{
    let signature = signature(&tx, key);
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

/// Data of the transaction that creates a contract from WebAssembly text.
pub fn deployment(text: &str) -> Bytes {
    let module = wat::parse_str(text).expect("valid text");
    [&florin_abi::deploy::header(module.len() as u32)[..], &module].concat().into()
}

pub fn payment(nonce: u64, value: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10,
        max_priority_fee_per_gas: 0,
        to: TxKind::Call(BOB),
        value: U256::from(value),
        ..TxEip1559::default()
    }
}

pub fn genesis() -> Genesis {
    Genesis {
        chain_id: CHAIN_ID,
        gas_price: 10,
        fee_recipient: Address::repeat_byte(0xfe),
        allocations: [(address_of(&key(1)), U256::from(1_000_000_000u64))].into(),
        ..Genesis::default()
    }
}

pub fn create(dir: &Path) -> Chain {
    Chain::create(dir, &genesis(), Durability::Unsynced).expect("a new ledger")
}

pub fn open(dir: &Path) -> Chain {
    Chain::open(dir, Durability::Unsynced, &mut |_, _| {}).expect("the ledger opens")
}
