//! Transactions and their receipts.

use super::log::log;
use alloy_consensus::Transaction as _;
use alloy_consensus::transaction::Recovered;
use alloy_consensus::{Eip658Value, ReceiptEnvelope, ReceiptWithBloom, TxEnvelope, TxType};
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, Bloom};
use alloy_rpc_types_eth::{Log as EthLog, Transaction, TransactionReceipt};
use florin_runtime::types::{Block, Bytes, Receipt};
use florin_runtime::{Fault, FoundLog, Located};

fn envelope(bytes: &Bytes) -> Result<TxEnvelope, Fault> {
    let mut rest: &[u8] = bytes;
    TxEnvelope::decode_2718(&mut rest)
        .map_err(|_| Fault::Bug("a transaction that was taken cannot be decoded"))
}

/// A transaction of a block.
///
/// # Errors
/// What is on disk cannot be decoded.
pub fn transaction(block: &Block, index: usize) -> Result<Transaction, Fault> {
    let missing = Fault::Bug("a block lacks a transaction");
    let (Some(bytes), Some(receipt)) =
        (block.body.transactions.get(index), block.body.receipts.get(index))
    else {
        return Err(missing);
    };
    Ok(Transaction {
        inner: Recovered::new_unchecked(envelope(bytes)?, receipt.sender),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        transaction_index: Some(index as u64),
        effective_gas_price: Some(receipt.gas_price),
        block_timestamp: Some(block.header.timestamp),
    })
}

/// A transaction that is in no block yet.
///
/// # Errors
/// It cannot be decoded, which was checked when it came.
pub fn parked(bytes: &Bytes, sender: Address) -> Result<Transaction, Fault> {
    let envelope = envelope(bytes)?;
    Ok(Transaction {
        // What it pays at most; what it pays shows when it is in a block.
        effective_gas_price: Some(envelope.max_fee_per_gas()),
        inner: Recovered::new_unchecked(envelope, sender),
        block_hash: None,
        block_number: None,
        transaction_index: None,
        block_timestamp: None,
    })
}

/// The receipt of a transaction.
pub fn receipt(located: &Located) -> TransactionReceipt {
    let Located { block, index } = located;
    let before = block.body.receipts[..*index].iter();
    let first_log = before.map(|receipt| receipt.logs.len() as u64).sum();
    let receipt = located.receipt();
    let logs = receipt.logs.iter().zip(first_log..);
    let logs: Vec<EthLog> =
        logs.map(|(found, place)| log(FoundLog::new(block, *index, place, found))).collect();
    TransactionReceipt {
        inner: typed(receipt, logs),
        transaction_hash: receipt.transaction,
        transaction_index: Some(*index as u64),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        gas_used: receipt.gas_used,
        effective_gas_price: receipt.gas_price,
        blob_gas_used: None,
        blob_gas_price: None,
        from: receipt.sender,
        to: receipt.to,
        contract_address: receipt.created,
    }
}

fn typed(receipt: &Receipt, logs: Vec<EthLog>) -> ReceiptEnvelope<EthLog> {
    let logs_bloom: Bloom = receipt.logs.iter().collect();
    let ethereum = alloy_consensus::Receipt {
        status: Eip658Value::Eip658(receipt.is_success()),
        cumulative_gas_used: receipt.cumulative_gas_used,
        logs,
    };
    let kind = TxType::try_from(receipt.kind).unwrap_or(TxType::Eip1559);
    ReceiptEnvelope::from_typed(kind, ReceiptWithBloom { receipt: ethereum, logs_bloom })
}
