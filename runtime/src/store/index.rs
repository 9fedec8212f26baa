//! The indexes: what a block adds to them, and the search for blocks with logs through them.
//!
//! Invariant: the entries of a block follow from the block and its place in the journal alone, so
//! an index can be built again, and compared, at any time.

use super::{
    error::Result,
    journal::Position,
    schema::{
        State, block_hash_key, block_key, join, log_address_prefix, log_topic_prefix,
        transaction_key,
    },
};
use crate::types::{Address, B256, Block, Log};
use std::{collections::BTreeSet, ops::RangeInclusive};

/// Which logs to look for, as in Ethereum's `eth_getLogs`: an empty list matches everything, a list
/// any of its items.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogFilter {
    /// First block.
    pub from: u64,
    /// Last block.
    pub to: u64,
    /// Contracts that left the log.
    pub addresses: Vec<Address>,
    /// Topics, by place.
    pub topics: [Vec<B256>; 4],
}

impl LogFilter {
    /// Whether a log is one of those looked for, wherever it is.
    pub fn matches(&self, log: &Log) -> bool {
        let address = self.addresses.is_empty() || self.addresses.contains(&log.address);
        let topic = |(place, any): (usize, &Vec<B256>)| {
            any.is_empty() || log.topics().get(place).is_some_and(|topic| any.contains(topic))
        };
        address && self.topics.iter().enumerate().all(topic)
    }

    /// The index entries to unite, for each condition that the filter sets.
    fn conditions(&self) -> Vec<Vec<Vec<u8>>> {
        let addresses = self.addresses.iter().map(log_address_prefix).collect();
        let topics =
            self.topics.iter().zip(0..).map(|(any, place)| {
                any.iter().map(|topic| log_topic_prefix(place, topic)).collect()
            });
        let all: Vec<Vec<Vec<u8>>> = std::iter::once(addresses).chain(topics).collect();
        all.into_iter().filter(|any| !any.is_empty()).collect()
    }
}

/// What a block adds to the indexes.
pub(super) fn index_entries(block: &Block, position: Position) -> Vec<(Vec<u8>, Vec<u8>)> {
    let number = block.header.number.to_be_bytes();
    let place = join([&position.segment.to_be_bytes(), &position.offset.to_be_bytes()]);
    let mut entries = vec![
        (block_hash_key(&block.hash), number.to_vec()),
        (block_key(block.header.number), place),
    ];
    let mut logs = BTreeSet::new();
    for (receipt, transaction) in block.body.receipts.iter().zip(0u32..) {
        let place = join([&number, &transaction.to_be_bytes()]);
        entries.push((transaction_key(&receipt.transaction), place));
        for log in &receipt.logs {
            let topics = log.topics().iter().zip(0..).map(|(topic, i)| log_topic_prefix(i, topic));
            for item in std::iter::once(log_address_prefix(&log.address)).chain(topics) {
                logs.insert(join([&item, &number]));
            }
        }
    }
    entries.extend(logs.into_iter().map(|key| (key, Vec::new())));
    entries
}

/// The position in a value of the block table.
pub(super) fn decode_position(value: &[u8]) -> Option<Position> {
    let (segment, offset) = value.split_first_chunk()?;
    let offset = u64::from_be_bytes(offset.try_into().ok()?);
    Some(Position { segment: u32::from_be_bytes(*segment), offset })
}

/// Block number and index in a value of the transaction table.
pub(super) fn decode_transaction(value: &[u8]) -> Option<(u64, u32)> {
    let (number, index) = value.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), u32::from_be_bytes(index.try_into().ok()?)))
}

/// The blocks of a range where each condition of a filter is met by some log, in order. Takes a
/// step off `work` for each item and each entry that is looked at; `None` if there are not enough.
pub(super) fn log_blocks(
    state: &State,
    filter: &LogFilter,
    range: &RangeInclusive<u64>,
    work: &mut u64,
) -> Result<Option<BTreeSet<u64>>> {
    let mut blocks: BTreeSet<u64> = range.clone().collect();
    for any in filter.conditions() {
        let mut united = BTreeSet::new();
        for prefix in &any {
            if !collect(state, prefix, range, work, &mut united)? {
                return Ok(None);
            }
        }
        blocks = &blocks & &united;
    }
    Ok(Some(blocks))
}

/// Adds the blocks of a range that have an index item; `false` if that is too much work.
fn collect(
    state: &State,
    prefix: &[u8],
    range: &RangeInclusive<u64>,
    work: &mut u64,
    found: &mut BTreeSet<u64>,
) -> Result<bool> {
    let mut step = || work.checked_sub(1).map(|left| *work = left).is_some();
    let mut is_enough = step();
    state.visit(join([prefix, &range.start().to_be_bytes()]), |key, _| {
        let number = key.strip_prefix(prefix).and_then(|rest| rest.try_into().ok());
        let number = number.map(u64::from_be_bytes).filter(|number| range.contains(number));
        is_enough = is_enough && (number.is_none() || step());
        found.extend(number);
        Ok(is_enough && number.is_some())
    })?;
    Ok(is_enough)
}
