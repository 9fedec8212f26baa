//! Blocks.

use super::transaction::transaction;
use alloy_network_primitives::BlockTransactions;
use alloy_primitives::U256;
use alloy_rlp::Encodable;
use alloy_rpc_types_eth::{Block as EthBlock, Header as EthHeader, Transaction};
use florin_runtime::Fault;
use florin_runtime::types::{Block, Bytes, Header};

/// A block, with its transactions or their hashes.
///
/// # Errors
/// A transaction that is on disk cannot be decoded.
pub fn block(block: &Block, full: bool) -> Result<EthBlock, Fault> {
    let body = &block.body;
    let transactions = if full {
        let all = 0..body.transactions.len();
        let all: Result<Vec<Transaction>, _> = all.map(|index| transaction(block, index)).collect();
        BlockTransactions::Full(all?)
    } else {
        let hashes = body.receipts.iter().map(|receipt| receipt.transaction);
        BlockTransactions::Hashes(hashes.collect())
    };
    Ok(EthBlock { header: header(block), uncles: Vec::new(), transactions, withdrawals: None })
}

/// A block's header.
pub fn header(block: &Block) -> EthHeader {
    EthHeader {
        hash: block.hash,
        inner: block.header.clone(),
        total_difficulty: None,
        size: Some(U256::from(size(&block.header, &block.body.transactions))),
    }
}

/// Bytes of a block in Ethereum's encoding: the list of header, transactions and no uncles.
pub fn size(header: &Header, transactions: &[Bytes]) -> usize {
    let list = |payload: usize| alloy_rlp::length_of_length(payload) + payload;
    // Typed transactions are strings in it; a legacy one is a list, which begins with 0xc0 or more.
    let transaction = |bytes: &Bytes| match bytes.first() {
        Some(&first) if first >= 0xc0 => bytes.len(),
        _ => bytes.length(),
    };
    let transactions = transactions.iter().map(transaction).sum();
    let uncles = 1;
    list(header.length() + list(transactions) + uncles)
}
