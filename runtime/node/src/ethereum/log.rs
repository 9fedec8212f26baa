//! Logs and what finds them.

use alloy_rpc_types_eth::{Filter, Log as EthLog};
use florin_runtime::FoundLog;
use florin_runtime::store::LogFilter;
use florin_runtime::types::Block;

/// The logs of a block that a filter finds.
pub fn logs_of(block: &Block, filter: &LogFilter) -> Vec<EthLog> {
    FoundLog::all(block, filter).map(log).collect()
}

/// A log, with where it is.
pub fn log(found: FoundLog) -> EthLog {
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
