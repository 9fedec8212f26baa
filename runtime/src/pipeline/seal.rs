//! From transactions to a block.

use super::{Executed, admit, authenticate, decode, execute};
use crate::config::Genesis;
use crate::error::{Fault, Rejection};
use crate::host::BlockEnv;
use crate::limits::{BLOCK_BYTES, BLOCK_TRANSACTIONS, EFFECT_BYTES, RECEIPT_BYTES};
use crate::state::Overlay;
use crate::types::{B256, Block, BlockBody, Bytes, Header, Intent, Receipt, U256, Write};
use crate::vm::Vm;
use alloy_consensus::{Eip658Value, ReceiptWithBloom, TxReceipt, TxType};
use alloy_eips::Encodable2718;
use alloy_primitives::{B64, Bloom};
use std::sync::Arc;

/// A block that is ready to be committed, and what became of each transaction that was offered for
/// it.
#[derive(Debug)]
pub struct Sealed {
    /// The block; `None` if no transaction was admitted.
    pub block: Option<Block>,
    /// For each transaction, its position in the block or why it is not there.
    pub results: Vec<Result<usize, Rejection>>,
}

/// The environment of the block after `parent`.
pub fn environment(genesis: &Genesis, parent: &Header, timestamp: u64) -> BlockEnv {
    BlockEnv {
        chain_id: genesis.chain_id,
        number: parent.number + 1,
        // A clock that went back must not make time do so.
        timestamp: timestamp.max(parent.timestamp),
        gas_price: genesis.gas_price,
        gas_limit: genesis.block_gas_limit,
        fee_recipient: genesis.fee_recipient,
    }
}

/// Decodes and authenticates a transaction.
pub fn receive(bytes: &[u8], genesis: &Genesis) -> Result<Intent, Rejection> {
    decode(bytes, genesis).and_then(authenticate)
}

/// Executes transactions in order over `overlay` and seals what they did into the block after
/// `parent`. `commitment` says what the state commitment is after a set of writes.
pub fn seal(
    genesis: &Genesis,
    parent: (&Header, B256),
    timestamp: u64,
    transactions: Vec<Bytes>,
    mut overlay: Overlay,
    vm: &Arc<Vm>,
    commitment: impl FnOnce(&[Write]) -> B256,
) -> Result<Sealed, Fault> {
    let block = environment(genesis, parent.0, timestamp);
    let (mut body, mut results) = (BlockBody::default(), Vec::new());
    let (mut gas_used, mut bytes_used) = (0, 0);
    for bytes in transactions {
        let intent = match receive(&bytes, genesis) {
            Ok(intent) => intent,
            Err(rejection) => {
                results.push(Err(rejection));
                continue;
            }
        };
        let gas_left =
            if body.receipts.len() < BLOCK_TRANSACTIONS { block.gas_limit - gas_used } else { 0 };
        let admitted = match check_room(&bytes, bytes_used) {
            Ok(()) => admit(&mut overlay, &block, gas_left, &intent)?,
            full => full,
        };
        if let Err(rejection) = admitted {
            results.push(Err(rejection));
            continue;
        }
        let executed;
        (overlay, executed) = execute(overlay, &block, vm, &intent, gas_used, false)?;
        let Executed { receipt, bytes: added, trace: _ } = executed;
        gas_used = receipt.cumulative_gas_used;
        bytes_used += length(&bytes) + added;
        results.push(Ok(body.receipts.len()));
        body.receipts.push(receipt);
        body.transactions.push(bytes);
    }
    if body.receipts.is_empty() {
        return Ok(Sealed { block: None, results });
    }
    let (before, after) = overlay.balance_sums();
    if before != after {
        return Err(Fault::Bug("native value was created or destroyed"));
    }
    body.writes = overlay.into_writes();
    debug_assert!(postcard::to_stdvec(&body).is_ok_and(|kept| kept.len() <= bytes_used + LISTS));
    let state_root = commitment(&body.writes);
    let header = header(genesis, parent, &block, &body, state_root);
    Ok(Sealed { block: Some(Block::new(header, body)), results })
}

/// What the lengths of a body's three lists take.
const LISTS: usize = 3 * 10;

/// What a transaction's own bytes take in a block.
fn length(transaction: &Bytes) -> usize {
    transaction.len() + 10
}

/// Whether whatever a transaction may do still fits into its block. To be asked before it is
/// executed, because what was executed has to be paid.
fn check_room(transaction: &Bytes, used: usize) -> Result<(), Rejection> {
    let most = length(transaction) + EFFECT_BYTES + RECEIPT_BYTES;
    let left = BLOCK_BYTES - used;
    if most <= left { Ok(()) } else { Err(Rejection::BlockTooLarge { left }) }
}

/// The header over a body, whose writes lead to `state_root`. All of Ethereum's fields up to
/// London's; what has no meaning here is as after the merge.
pub fn header(
    genesis: &Genesis,
    parent: (&Header, B256),
    block: &BlockEnv,
    body: &BlockBody,
    state_root: B256,
) -> Header {
    Header {
        parent_hash: parent.1,
        beneficiary: block.fee_recipient,
        state_root,
        transactions_root: transactions_root(&body.transactions),
        receipts_root: receipts_root(&body.receipts),
        logs_bloom: body
            .receipts
            .iter()
            .fold(Bloom::ZERO, |bloom, receipt| bloom | bloom_of(receipt)),
        number: block.number,
        gas_limit: block.gas_limit,
        gas_used: body.receipts.last().map_or(0, |receipt| receipt.cumulative_gas_used),
        timestamp: block.timestamp,
        base_fee_per_gas: Some(genesis.base_fee()),
        difficulty: U256::ZERO,
        nonce: B64::ZERO,
        ..Header::default()
    }
}

/// Root of the trie of transactions (yellow paper, 4.4.3), as every Ethereum client computes it.
pub fn transactions_root(transactions: &[Bytes]) -> B256 {
    alloy_trie::root::ordered_trie_root_encoded(transactions)
}

/// Root of the trie of receipts in Ethereum's encoding.
pub fn receipts_root(receipts: &[Receipt]) -> B256 {
    let encoded: Vec<_> = receipts.iter().map(encode_receipt).collect();
    alloy_trie::root::ordered_trie_root_encoded(&encoded)
}

/// A receipt in Ethereum's encoding (EIP-658, EIP-2718).
pub fn encode_receipt(receipt: &Receipt) -> Vec<u8> {
    let ethereum = ethereum_receipt(receipt);
    let with_bloom = ReceiptWithBloom { logs_bloom: ethereum.bloom(), receipt: ethereum };
    let kind = TxType::try_from(receipt.kind).unwrap_or(TxType::Legacy);
    alloy_consensus::ReceiptEnvelope::from_typed(kind, with_bloom).encoded_2718()
}

fn ethereum_receipt(receipt: &Receipt) -> alloy_consensus::Receipt {
    alloy_consensus::Receipt {
        status: Eip658Value::Eip658(receipt.is_success()),
        cumulative_gas_used: receipt.cumulative_gas_used,
        logs: receipt.logs.clone(),
    }
}

fn bloom_of(receipt: &Receipt) -> Bloom {
    receipt.logs.iter().collect()
}
