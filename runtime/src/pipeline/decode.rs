//! From bytes to a transaction that claims to be signed.
//!
//! Invariant: a transaction's hash is that of its bytes as they came; results are in the order of
//! what they are of.

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
    // Of what is no transaction, nothing is hashed.
    let whole = envelopes.iter().zip(transactions);
    let whole = whole.map(|(envelope, bytes)| if envelope.is_ok() { *bytes } else { &[] });
    let whole = keccak256_all(&whole.collect::<Vec<_>>());
    let messages = envelopes.iter().map(|envelope| envelope.as_ref().map_or(Vec::new(), message));
    let messages: Vec<_> = messages.collect();
    let signed = keccak256_all(&messages.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let hashes = whole.into_iter().zip(signed);
    let signed = |(envelope, hashes): (Result<TxEnvelope, _>, (B256, B256))| {
        let (envelope, (hash, signature_hash)) = (envelope?, hashes);
        let signature = envelope.signature();
        Ok(Signed {
            signature_hash,
            r: signature.r(),
            s: signature.s(),
            y_parity: signature.v(),
            intent: intent(&envelope, hash)?,
        })
    };
    envelopes.into_iter().zip(hashes).map(signed).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{Signed as AlloySigned, TxEip1559, TxEip2930, TxLegacy};
    use alloy_eips::Encodable2718;
    use alloy_primitives::{Signature, TxKind};

    fn envelope_of<T>(transaction: T) -> TxEnvelope
    where
        AlloySigned<T>: Into<TxEnvelope>,
        T: SignableTransaction<Signature>,
    {
        transaction.into_signed(Signature::test_signature()).into()
    }

    #[test]
    fn each_of_many_has_its_own_hashes() {
        let to = TxKind::Call(Address::repeat_byte(7));
        let eip1559 = TxEip1559 { chain_id: 5, to, max_fee_per_gas: 9, ..Default::default() };
        let tip = TxEip1559 { max_priority_fee_per_gas: 10, ..eip1559.clone() };
        let other = TxEip1559 { chain_id: 6, ..eip1559.clone() };
        let good = [
            envelope_of(eip1559),
            envelope_of(TxLegacy { chain_id: Some(5), to, nonce: 3, ..Default::default() }),
            envelope_of(TxEip2930 { chain_id: 5, to, ..Default::default() }),
        ];
        let bytes = |envelope: &TxEnvelope| envelope.encoded_2718();
        let mut all: Vec<Vec<u8>> = good.iter().map(bytes).collect();
        // What is refused lies between them.
        all.insert(1, b"garbage".to_vec());
        all.insert(2, bytes(&envelope_of(tip)));
        all.insert(4, bytes(&envelope_of(other)));
        all.push(Vec::new());
        all.push(vec![2; TRANSACTION_BYTES + 1]);
        let genesis = Genesis { chain_id: 5, ..Genesis::default() };
        let slices: Vec<_> = all.iter().map(Vec::as_slice).collect();
        let decoded = decode_all(&slices, &genesis);
        assert_eq!(decoded.len(), all.len());
        for (bytes, of_many) in slices.iter().zip(&decoded) {
            let alone = decode(bytes, &genesis);
            let hashes = |signed: &Signed| (signed.intent.hash, signed.signature_hash);
            assert_eq!(of_many.as_ref().map(hashes), alone.as_ref().map(hashes));
        }
        let found = decoded.iter().flatten().map(|it| (it.intent.hash, it.signature_hash));
        let expected = good.iter().map(|it| (*it.tx_hash(), it.signature_hash()));
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }
}
