//! A block: a batch of transactions that became durable together.

use super::{Receipt, Write};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A block with everything that it did. The header is Ethereum's, its hash the keccak-256 of its
/// RLP; `state_root` holds the state commitment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The sealed header.
    pub header: Header,
    /// keccak-256 of the header's RLP.
    pub hash: B256,
    /// The rest.
    pub body: BlockBody,
}

/// What a block's header commits to, and what it changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BlockBody {
    /// The signed transactions, in EIP-2718 encoding, in order of execution.
    pub transactions: Vec<Bytes>,
    /// Their receipts.
    pub receipts: Vec<Receipt>,
    /// What the block changed, in order of key, each key once.
    pub writes: Arc<Vec<Write>>,
}

impl Block {
    /// Seals a header over a body.
    pub fn new(header: Header, body: BlockBody) -> Self {
        Block { hash: header.hash_slow(), header, body }
    }
}
