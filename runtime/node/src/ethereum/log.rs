//! Logs and what finds them.

use alloy_rpc_types_eth::{Filter, Log as EthLog};
use florin_runtime::FoundLog;
use florin_runtime::store::LogFilter;
use florin_runtime::types::{Block, Log};

/// A log of a transaction; `place` is its position in the block.
pub fn log(block: &Block, transaction_index: usize, place: u64, log: &Log) -> EthLog {
    EthLog {
        inner: log.clone(),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        block_timestamp: Some(block.header.timestamp),
        transaction_hash: Some(block.body.receipts[transaction_index].transaction),
        transaction_index: Some(transaction_index as u64),
        log_index: Some(place),
        removed: false,
    }
}

/// The logs of a block that a filter finds.
pub fn logs_of(block: &Block, filter: &LogFilter) -> Vec<EthLog> {
    let mut place = 0;
    let mut found = Vec::new();
    for (index, receipt) in block.body.receipts.iter().enumerate() {
        for one in &receipt.logs {
            if filter.matches(one) {
                found.push(log(block, index, place, one));
            }
            place += 1;
        }
    }
    found
}

/// A log that a query found.
pub fn found(found: FoundLog) -> EthLog {
    EthLog {
        inner: found.log,
        block_hash: Some(found.block_hash),
        block_number: Some(found.block),
        block_timestamp: Some(found.timestamp),
        transaction_hash: Some(found.transaction),
        transaction_index: Some(found.transaction_index),
        log_index: Some(found.log_index),
        removed: false,
    }
}

/// What a filter looks for, in the blocks from `from` to `to`.
pub fn filter_of(filter: &Filter, from: u64, to: u64) -> LogFilter {
    let mut topics: [Vec<_>; 4] = Default::default();
    for (topics, wanted) in topics.iter_mut().zip(&filter.topics) {
        topics.extend(wanted.iter().copied());
        topics.sort_unstable();
    }
    let mut addresses: Vec<_> = filter.address.iter().copied().collect();
    addresses.sort_unstable();
    LogFilter { addresses, topics, from, to }
}
