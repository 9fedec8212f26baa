//! The indexes: what a block adds to them, and the search for logs through them.
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
use std::collections::{BTreeMap, BTreeSet};

/// Blocks searched at a time, so that the memory for a search does not grow with the range.
const WINDOW: u64 = 1024;

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

    /// Whether it matches every log in its blocks.
    pub(super) fn is_unconditional(&self) -> bool {
        self.addresses.is_empty() && self.topics.iter().all(Vec::is_empty)
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

/// Where a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// Number of the block.
    pub block: u64,
    /// Position of the transaction in the block.
    pub transaction: u32,
    /// Position of the log in the transaction's receipt.
    pub log: u32,
}

/// What a block adds to the indexes.
pub(super) fn index_entries(block: &Block, position: Position) -> Vec<(Vec<u8>, Vec<u8>)> {
    let number = block.header.number.to_be_bytes();
    let place = join([&position.segment.to_be_bytes(), &position.offset.to_be_bytes()]);
    let mut entries = vec![
        (block_hash_key(&block.hash), number.to_vec()),
        (block_key(block.header.number), place),
    ];
    let mut logs = BTreeMap::<Vec<u8>, Vec<u8>>::new();
    for (receipt, transaction) in block.body.receipts.iter().zip(0u32..) {
        let place = join([&number, &transaction.to_be_bytes()]);
        entries.push((transaction_key(&receipt.transaction), place));
        for (log, index) in receipt.logs.iter().zip(0u32..) {
            let place = join([&transaction.to_be_bytes(), &index.to_be_bytes()]);
            let topics = log.topics().iter().zip(0..).map(|(topic, i)| log_topic_prefix(i, topic));
            for item in std::iter::once(log_address_prefix(&log.address)).chain(topics) {
                logs.entry(join([&item, &number])).or_default().extend_from_slice(&place);
            }
        }
    }
    entries.extend(logs);
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

/// The first `limit` logs that satisfy a filter with at least one condition, in order.
pub(super) fn search(state: &State, filter: &LogFilter, limit: usize) -> Result<Vec<LogPosition>> {
    let conditions = filter.conditions();
    let mut found = Vec::new();
    let mut from = filter.from;
    while from <= filter.to && found.len() < limit {
        let to = filter.to.min(from.saturating_add(WINDOW - 1));
        let mut matches: Option<BTreeSet<LogPosition>> = None;
        for any in &conditions {
            let mut united = BTreeSet::new();
            for prefix in any {
                collect(state, prefix, from, to, &mut united)?;
            }
            matches = Some(match matches {
                Some(matches) => &matches & &united,
                None => united,
            });
        }
        found.extend(matches.into_iter().flatten().take(limit - found.len()));
        let Some(next) = to.checked_add(1) else { break };
        from = next;
    }
    Ok(found)
}

/// The logs of one index item in a range of blocks.
fn collect(
    state: &State,
    prefix: &[u8],
    from: u64,
    to: u64,
    found: &mut BTreeSet<LogPosition>,
) -> Result<()> {
    state.visit(join([prefix, &from.to_be_bytes()]), |key, value| {
        let number = key.strip_prefix(prefix).and_then(|rest| rest.try_into().ok());
        let Some(block) = number.map(u64::from_be_bytes).filter(|block| *block <= to) else {
            return Ok(false);
        };
        let (places, []) = value.as_chunks::<8>() else {
            return Err(state.damage("an entry of the log index is cut off"));
        };
        found.extend(places.iter().map(|place| {
            let [t0, t1, t2, t3, l0, l1, l2, l3] = *place;
            let transaction = u32::from_be_bytes([t0, t1, t2, t3]);
            LogPosition { block, transaction, log: u32::from_be_bytes([l0, l1, l2, l3]) }
        }));
        Ok(true)
    })
}

/// Where all logs of a block are.
pub(super) fn positions(block: &Block) -> impl Iterator<Item = LogPosition> {
    let number = block.header.number;
    block.body.receipts.iter().zip(0..).flat_map(move |(receipt, transaction)| {
        (0..receipt.logs.len() as u32).map(move |log| LogPosition {
            block: number,
            transaction,
            log,
        })
    })
}
