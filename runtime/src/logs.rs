//! Log queries: which logs a filter finds, within bounds on what it asks for, looks at and finds.
//!
//! Invariant: memory and time of a query do not grow with the range of blocks or with what is in
//! them.

use crate::chain::Chain;
use crate::error::Fault;
use crate::limits::*;
use crate::query::steps;
use crate::store::LogFilter;
use crate::types::{B256, Block, Log};
use serde::{Deserialize, Serialize};

/// Why a log query is refused.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It spans too many blocks.
    #[error(
        "the query spans {0} blocks; at most {LOG_QUERY_BLOCKS} are searched at once: narrow the range"
    )]
    TooWide(u64),
    /// A list of its filter is too long.
    #[error("a list of the filter has {0} items; at most {LOG_QUERY_ITEMS} are looked for at once")]
    TooManyItems(usize),
    /// It has to look at too much.
    #[error("the query has to look at too much; narrow the range or the filter")]
    TooMuchWork,
    /// It finds too much.
    #[error("the query finds more than {LOG_QUERY_RESULTS} logs; narrow the range or the filter")]
    TooMany,
    /// The ledger failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A log and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundLog {
    /// The log.
    pub log: Log,
    /// Number of its block.
    pub block: u64,
    /// Hash of its block.
    pub block_hash: B256,
    /// Time of its block, in seconds since 1970.
    pub timestamp: u64,
    /// Hash of its transaction.
    pub transaction: B256,
    /// Position of the transaction in the block.
    pub transaction_index: u64,
    /// Position of the log in the block.
    pub log_index: u64,
}

impl Chain {
    /// The logs that satisfy a filter, in order.
    ///
    /// # Errors
    /// [`LogError`] if that is more than one query may ask for, look at or find.
    pub fn logs(&self, filter: &LogFilter) -> Result<Vec<FoundLog>, LogError> {
        for list in
            std::iter::once(filter.addresses.len()).chain(filter.topics.each_ref().map(Vec::len))
        {
            if list > LOG_QUERY_ITEMS {
                return Err(LogError::TooManyItems(list));
            }
        }
        let to = filter.to.min(self.parts.store.head().number);
        let span = (to + 1).saturating_sub(filter.from);
        if span > LOG_QUERY_BLOCKS {
            return Err(LogError::TooWide(span));
        }
        let (mut found, mut work, mut from) = (Vec::new(), LOG_QUERY_STEPS, filter.from);
        while from <= to {
            let window = from..=to.min(from + (LOG_QUERY_WINDOW - 1));
            let blocks =
                self.parts.store.log_blocks(filter, &window, &mut work).map_err(Fault::from)?;
            for number in blocks.ok_or(LogError::TooMuchWork)? {
                let block = self.block(number)?;
                let block = block.ok_or(Fault::Bug("a block of the index is not there"))?;
                work = work.checked_sub(steps(&block)).ok_or(LogError::TooMuchWork)?;
                // One more than may be found tells that there are too many.
                let room = LOG_QUERY_RESULTS - found.len();
                found.extend(FoundLog::all(&block, filter).take(room + 1));
                if found.len() > LOG_QUERY_RESULTS {
                    return Err(LogError::TooMany);
                }
            }
            from = window.end() + 1;
        }
        Ok(found)
    }
}

impl FoundLog {
    /// A log of a block's transaction; `log_index` is its position in the block.
    pub fn new(block: &Block, transaction_index: usize, log_index: u64, log: &Log) -> Self {
        FoundLog {
            log: log.clone(),
            block: block.header.number,
            block_hash: block.hash,
            timestamp: block.header.timestamp,
            transaction: block.body.receipts[transaction_index].transaction,
            transaction_index: transaction_index as u64,
            log_index,
        }
    }

    /// The logs of a block that satisfy a filter, whatever its range, in order.
    pub fn all(block: &Block, filter: &LogFilter) -> impl Iterator<Item = Self> {
        let receipts = block.body.receipts.iter().enumerate();
        let logs =
            receipts.flat_map(|(index, receipt)| receipt.logs.iter().map(move |log| (index, log)));
        let found = logs.zip(0..).filter(|((_, log), _)| filter.matches(log));
        found.map(|((index, log), place)| FoundLog::new(block, index, place, log))
    }
}
