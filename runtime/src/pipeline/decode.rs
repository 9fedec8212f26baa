//! From bytes to a transaction that claims to be signed.

use crate::config::Genesis;
use crate::crypto::keccak256_all;
use crate::error::Rejection;
use crate::gas;
use crate::limits::TRANSACTION_BYTES;
use crate::types::{Address, B256, Call, Intent, U256};
use alloy_consensus::{SignableTransaction, Transaction, TxEnvelope};
use alloy_eips::Decodable2718;

/// A decoded transaction whose signature was not looked at yet.
#[derive(Debug, Clone)]
pub struct Signed {
    /// What it wants; the sender is not known yet.
    pub intent: Intent,
    /// What was signed.
    pub signature_hash: B256,
    /// r.
    pub r: U256,
    /// s.
    pub s: U256,
    /// Parity of R's y.
    pub y_parity: bool,
}

/// Decodes a signed transaction: legacy (with EIP-155 unless the genesis says otherwise), EIP-2930
/// or EIP-1559.
pub fn decode(bytes: &[u8], genesis: &Genesis) -> Result<Signed, Rejection> {
    decode_all(&[bytes], genesis).remove(0)
}

/// Decodes many, which are hashed together.
pub fn decode_all(transactions: &[&[u8]], genesis: &Genesis) -> Vec<Result<Signed, Rejection>> {
    let envelopes: Vec<_> = transactions.iter().map(|bytes| envelope(bytes, genesis)).collect();
    let good = || transactions.iter().zip(&envelopes).filter(|(_, envelope)| envelope.is_ok());
    let messages: Vec<_> = envelopes.iter().flatten().map(message).collect();
    let whole = good().map(|(bytes, _)| *bytes);
    let hashed: Vec<_> = whole.chain(messages.iter().map(Vec::as_slice)).collect();
    let hashes = keccak256_all(&hashed);
    let (of_whole, of_messages) = hashes.split_at(messages.len());
    let mut hashes = of_whole.iter().zip(of_messages);
    let mut signed = |envelope: TxEnvelope| {
        let missing = || Rejection::Malformed("it was not hashed".into());
        let (hash, signature_hash) = hashes.next().ok_or_else(missing)?;
        let signature = envelope.signature();
        Ok(Signed {
            signature_hash: *signature_hash,
            r: signature.r(),
            s: signature.s(),
            y_parity: signature.v(),
            intent: intent(&envelope, *hash)?,
        })
    };
    envelopes.into_iter().map(|envelope| envelope.and_then(&mut signed)).collect()
}

/// A transaction of a kind and a chain that are accepted.
fn envelope(bytes: &[u8], genesis: &Genesis) -> Result<TxEnvelope, Rejection> {
    if bytes.len() > TRANSACTION_BYTES {
        return Err(Rejection::Oversized { bytes: bytes.len(), limit: TRANSACTION_BYTES });
    }
    match bytes.first() {
        None => return Err(Rejection::Malformed("it is empty".into())),
        // A type byte is below 0x80 (EIP-2718); a legacy transaction is an RLP list, from 0xc0 on.
        Some(&kind) if kind < 0x80 && !(1..=2).contains(&kind) => {
            return Err(Rejection::UnsupportedType(kind));
        }
        Some(_) => {}
    }
    let envelope = TxEnvelope::decode_2718_exact(bytes)
        .map_err(|error| Rejection::Malformed(error.to_string()))?;
    match envelope.chain_id() {
        Some(got) if got != genesis.chain_id => {
            Err(Rejection::WrongChain { got, expected: genesis.chain_id })
        }
        None if !genesis.accept_unprotected => Err(Rejection::Unprotected),
        _ => Ok(envelope),
    }
}

/// The bytes whose hash is signed.
fn message(envelope: &TxEnvelope) -> Vec<u8> {
    match envelope {
        TxEnvelope::Legacy(signed) => signed.tx().encoded_for_signing(),
        TxEnvelope::Eip2930(signed) => signed.tx().encoded_for_signing(),
        TxEnvelope::Eip1559(signed) => signed.tx().encoded_for_signing(),
        TxEnvelope::Eip4844(signed) => signed.tx().encoded_for_signing(),
        TxEnvelope::Eip7702(signed) => signed.tx().encoded_for_signing(),
    }
}

fn intent(envelope: &TxEnvelope, hash: B256) -> Result<Intent, Rejection> {
    let max_fee = envelope.max_fee_per_gas();
    let max_priority_fee = envelope.max_priority_fee_per_gas().unwrap_or(max_fee);
    if max_priority_fee > max_fee {
        return Err(Rejection::TipAboveFee { tip: max_priority_fee, max: max_fee });
    }
    let list = envelope.access_list();
    let addresses = list.map_or(0, |list| list.len() as u64);
    let keys = list.map_or(0, |list| list.iter().map(|item| item.storage_keys.len() as u64).sum());
    let to = envelope.to();
    Ok(Intent {
        hash,
        kind: envelope.tx_type() as u8,
        sender: Address::ZERO,
        payer: Address::ZERO,
        nonce_key: U256::ZERO,
        nonce: envelope.nonce(),
        window: None,
        gas_limit: envelope.gas_limit(),
        intrinsic_gas: gas::intrinsic(envelope.input(), to.is_none(), addresses, keys),
        max_fee,
        max_priority_fee,
        unsigned: false,
        calls: vec![Call { to, value: envelope.value(), input: envelope.input().clone() }],
    })
}
