//! From transactions to a block.
//!
//! Invariant: the same transactions over the same state make the same block, on every processor.

use super::trie::ordered_root;
use super::{Executed, admit, authenticate, decode, execute};
use crate::config::Genesis;
use crate::crypto::keccak256_all;
use crate::error::{Fault, Rejection};
use crate::host::BlockEnv;
use crate::limits::{
    BLOCK_BYTES, BLOCK_MODULES, BLOCK_TRANSACTIONS, EFFECT_BYTES, RECEIPT_BYTES,
    TRANSACTION_MODULES,
};
use crate::sandbox;
use crate::state::Overlay;
use crate::types::{B256, Block, BlockBody, Bytes, Header, Intent, Receipt, U256, Write};
use crate::vm::Vm;
use alloy_consensus::{Eip658Value, ReceiptWithBloom, TxType};
use alloy_primitives::map::HashMap;
use alloy_primitives::{B64, Bloom, BloomInput};
use alloy_rlp::Encodable;
use std::sync::Arc;

/// A block that is ready to be committed, and what became of each transaction that was offered for
/// it.
#[derive(Debug)]
pub struct Sealed {
    /// The block; `None` if there were transactions and none was admitted.
    pub block: Option<Arc<Block>>,
    /// For each transaction, its position in the block or why it is not there.
    pub results: Vec<Result<usize, Rejection>>,
}

/// The environment of the block after one with `number` and time `before`.
pub fn environment(genesis: &Genesis, number: u64, before: u64, timestamp: u64) -> BlockEnv {
    BlockEnv {
        chain_id: genesis.chain_id,
        number: number + 1,
        // A clock that went back must not make time do so.
        timestamp: timestamp.max(before),
        gas_price: genesis.gas_price,
        gas_limit: genesis.block_gas_limit,
        fee_recipient: genesis.fee_recipient,
    }
}

/// Decodes and authenticates a transaction.
pub fn receive(bytes: &[u8], genesis: &Genesis) -> Result<Intent, Rejection> {
    let signed = decode(bytes, genesis)?;
    match sandbox::impersonated(&signed, genesis) {
        Some(sender) => Ok(signed.intent.in_the_name_of(sender)),
        None => authenticate(signed),
    }
}

/// A block that takes transactions. It is handed on from one to the next, so it is in a box, as its
/// overlay is.
pub struct Draft {
    block: BlockEnv,
    overlay: Box<Overlay>,
    body: BlockBody,
    gas_used: u64,
    /// What the body takes at most.
    bytes: usize,
}

impl Draft {
    /// An empty block over the state before it.
    pub fn new(block: BlockEnv, overlay: Box<Overlay>) -> Box<Self> {
        Box::new(Draft { block, overlay, body: BlockBody::default(), gas_used: 0, bytes: 0 })
    }

    /// Number of its transactions.
    pub fn transactions(&self) -> usize {
        self.body.transactions.len()
    }

    /// Admits and executes a transaction: its position, or why it is not taken.
    pub fn add(
        mut self: Box<Self>,
        vm: &Arc<Vm>,
        bytes: Bytes,
        intent: &Intent,
    ) -> Result<(Box<Self>, Result<usize, Rejection>), Fault> {
        if let Err(rejection) = self.admit(&bytes, intent)? {
            return Ok((self, Err(rejection)));
        }
        let executed;
        (self.overlay, executed) =
            execute(self.overlay, &self.block, vm.admit_execution(), intent, self.gas_used, false)?;
        let Executed { receipt, bytes: added, trace: _ } = executed;
        self.gas_used = receipt.cumulative_gas_used;
        self.bytes += length(&bytes) + added;
        let position = self.body.receipts.len();
        self.body.receipts.push(receipt);
        self.body.transactions.push(bytes);
        Ok((self, Ok(position)))
    }

    /// Whether a transaction may be the next one. The outer error is a fault.
    pub fn admit(
        &mut self,
        bytes: &Bytes,
        intent: &Intent,
    ) -> Result<Result<(), Rejection>, Fault> {
        let modules = self.overlay.modules() + TRANSACTION_MODULES;
        let full = self.body.receipts.len() >= BLOCK_TRANSACTIONS || modules > BLOCK_MODULES;
        let gas_left = if full { 0 } else { self.block.gas_limit - self.gas_used };
        match check_room(bytes, self.bytes) {
            Ok(()) => admit(&mut self.overlay, &self.block, gas_left, intent),
            full => Ok(full),
        }
    }

    /// What it did.
    pub fn finish(self) -> Result<(BlockEnv, BlockBody), Fault> {
        let Draft { block, overlay, mut body, gas_used: _, bytes } = self;
        let (before, after) = overlay.balance_sums();
        if before != after {
            return Err(Fault::Bug("native value was created or destroyed"));
        }
        body.writes = Arc::new(overlay.into_writes());
        debug_assert!(postcard::to_stdvec(&body).is_ok_and(|kept| kept.len() <= bytes + LISTS));
        Ok((block, body))
    }
}

/// Executes transactions in order over `overlay` and seals what they did into the block after
/// `parent`; if there are none at all, an empty one. `commitment` says what the state commitment is after a set of writes.
pub fn seal(
    genesis: &Genesis,
    parent: (&Header, B256),
    timestamp: u64,
    transactions: Vec<Bytes>,
    overlay: Box<Overlay>,
    vm: &Arc<Vm>,
    commitment: impl FnOnce(&[Write]) -> B256,
) -> Result<Sealed, Fault> {
    let block = environment(genesis, parent.0.number, parent.0.timestamp, timestamp);
    let (mut draft, mut results) = (Draft::new(block, overlay), Vec::new());
    let is_empty = transactions.is_empty();
    for bytes in transactions {
        let result = match receive(&bytes, genesis) {
            Ok(intent) => {
                let added;
                (draft, added) = draft.add(vm, bytes, &intent)?;
                added
            }
            Err(rejection) => Err(rejection),
        };
        results.push(result);
    }
    if draft.transactions() == 0 && !is_empty {
        return Ok(Sealed { block: None, results });
    }
    let (block, body) = draft.finish()?;
    let state_root = commitment(&body.writes);
    let block = Block::new(header(genesis, parent.1, &block, &body, state_root), body);
    Ok(Sealed { block: Some(Arc::new(block)), results })
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
    parent_hash: B256,
    block: &BlockEnv,
    body: &BlockBody,
    state_root: B256,
) -> Header {
    let blooms = blooms(&body.receipts);
    let receipts: Vec<_> = body.receipts.iter().zip(&blooms).collect();
    let encode = |(receipt, bloom): &(&Receipt, &Bloom), out: &mut Vec<u8>| {
        encode_with(receipt, **bloom, out);
    };
    Header {
        parent_hash,
        beneficiary: block.fee_recipient,
        state_root,
        transactions_root: transactions_root(&body.transactions),
        receipts_root: ordered_root(&receipts, encode),
        logs_bloom: blooms.iter().fold(Bloom::ZERO, |all, bloom| all | *bloom),
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
    ordered_root(transactions, |transaction, out| out.extend_from_slice(transaction))
}

/// Root of the trie of receipts in Ethereum's encoding.
pub fn receipts_root(receipts: &[Receipt]) -> B256 {
    ordered_root(receipts, |receipt, out| {
        encode_with(receipt, receipt.logs.iter().collect(), out);
    })
}

/// A receipt in Ethereum's encoding (EIP-658, EIP-2718).
pub fn encode_receipt(receipt: &Receipt) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_with(receipt, receipt.logs.iter().collect(), &mut bytes);
    bytes
}

fn encode_with(receipt: &Receipt, logs_bloom: Bloom, out: &mut Vec<u8>) {
    let ethereum = alloy_consensus::Receipt {
        status: Eip658Value::Eip658(receipt.is_success()),
        cumulative_gas_used: receipt.cumulative_gas_used,
        logs: receipt.logs.iter().collect::<Vec<_>>(),
    };
    let ethereum = ReceiptWithBloom { logs_bloom, receipt: ethereum };
    if receipt.kind != u8::from(TxType::Legacy) {
        out.push(receipt.kind);
    }
    ethereum.encode(out);
}

/// The bloom filter of each receipt (yellow paper, 4.4.1). Most logs of a block name the same
/// contracts and topics, so each is hashed once, and all of them together.
fn blooms(receipts: &[Receipt]) -> Vec<Bloom> {
    let (mut places, mut named) = (HashMap::<&[u8], usize>::default(), Vec::new());
    let mut of_receipts = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        let mut of_receipt = Vec::new();
        for log in &receipt.logs {
            let topics = log.topics().iter().map(|topic| topic.as_slice());
            for bytes in [log.address.as_slice()].into_iter().chain(topics) {
                let place = places.entry(bytes).or_insert_with(|| {
                    named.push(bytes);
                    named.len() - 1
                });
                of_receipt.push(*place);
            }
        }
        of_receipts.push(of_receipt);
    }
    let hashes = keccak256_all(&named);
    let bloom = |places: Vec<usize>| {
        let mut bloom = Bloom::ZERO;
        places.into_iter().for_each(|place| bloom.accrue(BloomInput::Hash(hashes[place])));
        bloom
    };
    of_receipts.into_iter().map(bloom).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Address, GasReport, Log, Outcome};
    use alloy_eips::Encodable2718;

    #[test]
    fn blooms_and_encodings_are_those_of_alloy() {
        let log = |n: u8| {
            let topics = (0..n % 5).map(|place| B256::repeat_byte(n % 3 + place)).collect();
            Log::new_unchecked(Address::repeat_byte(n % 2), topics, vec![n; 3].into())
        };
        let receipt = |n: u8| Receipt {
            transaction: B256::ZERO,
            kind: n % 3,
            sender: Address::ZERO,
            to: None,
            value: U256::ZERO,
            outcome: Outcome::Success { output: Bytes::new() },
            gas_used: 1,
            cumulative_gas_used: n.into(),
            gas_price: 0,
            created: None,
            logs: (0..n).map(log).collect(),
            gas: GasReport::default(),
        };
        let receipts: Vec<_> = (0..20).map(receipt).collect();
        for (receipt, bloom) in receipts.iter().zip(blooms(&receipts)) {
            let expected: Bloom = receipt.logs.iter().collect();
            assert_eq!(bloom, expected);
            let owned = alloy_consensus::Receipt {
                status: true.into(),
                cumulative_gas_used: receipt.cumulative_gas_used,
                logs: receipt.logs.clone(),
            };
            let kind = TxType::try_from(receipt.kind).expect("a type");
            let envelope = alloy_consensus::ReceiptEnvelope::from_typed(kind, owned.with_bloom());
            let mut encoded = Vec::new();
            encode_with(receipt, bloom, &mut encoded);
            assert_eq!(encoded, envelope.encoded_2718());
            assert_eq!(encode_receipt(receipt), encoded);
        }
    }
}
