//! The indexes: which blocks hold a transaction, a block hash, or a log of a contract or topic.
//!
//! Whatever is looked for, an *item*, is hashed to 64 bits. For every segment of the journal there
//! is a list of (item, block), in memory while the segment is being written and in the tree, cut
//! into pages by the item's first bits, once it is full. A search looks at one page of each
//! segment in question. What it finds are candidates: two items may share a hash, so the block has
//! the last word. An entry of the tree for each item would cost a hundred times as much to write.
//!
//! Invariant: the index of a segment follows from the blocks in it alone, so it can be built again,
//! and compared, at any time.

use super::{
    error::Result,
    journal::Position,
    schema::{INDEXES, block_run_key, index_page_key},
    state::Tree,
};
use crate::types::{Address, B256, Block, Log};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    ops::RangeInclusive,
    sync::{Arc, PoisonError, RwLock},
};

/// Pages of a segment's index are told apart by so many bits of the item: a full segment of
/// payments has some 300,000 entries, so a page has about a kilobyte.
const PAGE_BITS: u32 = 12;
/// Blocks whose positions share an entry of the tree.
const RUN_BLOCKS: usize = 256;
/// Bytes of an item and a block's place in its segment.
const ENTRY_BYTES: usize = 12;

/// What can be looked for, hashed. Keyed by kind, and of a cryptographic hash, so that nobody can
/// choose topics that crowd the page of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item(u64);

impl Item {
    pub fn block(hash: &B256) -> Self {
        Item::new(0, hash.as_slice())
    }

    pub fn transaction(hash: &B256) -> Self {
        Item::new(1, hash.as_slice())
    }

    pub fn log_address(address: &Address) -> Self {
        Item::new(2, address.as_slice())
    }

    /// A topic in one of the four places.
    pub fn log_topic(place: u8, topic: &B256) -> Self {
        Item::new(3 + place, topic.as_slice())
    }

    fn new(kind: u8, content: &[u8]) -> Self {
        let mut bytes = [0; 33];
        bytes[0] = kind;
        bytes[1..=content.len()].copy_from_slice(content);
        let hash = blake3::hash(&bytes[..=content.len()]);
        let (first, _) = hash.as_bytes().split_first_chunk().unwrap_or((&[0; 8], &[]));
        Item(u64::from_be_bytes(*first))
    }

    fn page(self) -> u16 {
        (self.0 >> (u64::BITS - PAGE_BITS)) as u16
    }
}

/// Which logs to look for, as in Ethereum's `eth_getLogs`: an empty list matches everything, a list
/// any of its items.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
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

    /// The items to unite, for each condition that the filter sets.
    fn conditions(&self) -> Vec<Vec<Item>> {
        let addresses = self.addresses.iter().map(Item::log_address).collect();
        let topics =
            self.topics.iter().zip(0..).map(|(any, place)| {
                any.iter().map(|topic| Item::log_topic(place, topic)).collect()
            });
        let all: Vec<Vec<Item>> = std::iter::once(addresses).chain(topics).collect();
        all.into_iter().filter(|any| !any.is_empty()).collect()
    }
}

/// Where the part of the history begins whose indexes are not in the tree: the first record of a
/// segment, and its block's number.
pub(super) type Unindexed = (Position, u64);

/// What the entries in the tree amount to, so that one which is lost or changed is noticed: no
/// search would miss it. It is there against accidents; whoever can write to the tree can write
/// this too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Stored {
    /// How many there are.
    pub entries: u64,
    sum: B256,
}

impl Stored {
    /// Adds an entry.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        // The keys of a table have one length, so the two cannot be confused.
        let hash = blake3::Hasher::new().update(key).update(value).finalize();
        self.entries += 1;
        self.sum ^= B256::from(*hash.as_bytes());
    }
}

/// Whether an entry of the tree is of a segment before those that begin at `unindexed`. A checkpoint
/// that was interrupted may have left entries of later ones, which mean nothing yet.
pub(super) fn is_before(unindexed: Unindexed, key: &[u8]) -> bool {
    match *key {
        [_, a, b, c, d, e, f, g, h] => u64::from_be_bytes([a, b, c, d, e, f, g, h]) < unindexed.1,
        [_, _, _, a, b, c, d] => u32::from_be_bytes([a, b, c, d]) < unindexed.0.segment,
        // A key that was never written.
        _ => true,
    }
}

/// The blocks of a segment, and what is in them.
#[derive(Debug)]
pub(super) struct SegmentIndex {
    segment: u32,
    /// Number of the first block.
    first: u64,
    /// Where the blocks begin.
    offsets: Vec<u64>,
    items: Items,
}

/// Items and the places of their blocks, counted from the segment's first: runs in order, each more
/// than twice as long as the next, so that few are searched, and an entry is moved seldom.
#[derive(Debug, Default)]
struct Items(Vec<Vec<(Item, u32)>>);

impl Items {
    /// Adds those of a block.
    fn add(&mut self, mut run: Vec<(Item, u32)>) {
        run.sort_unstable();
        run.dedup();
        while let Some(mut longer) = self.0.pop_if(|last| last.len() <= 2 * run.len()) {
            longer.append(&mut run);
            // It finds that there are two runs, and merges them.
            longer.sort();
            run = longer;
        }
        self.0.push(run);
    }

    fn blocks(&self, item: Item) -> impl Iterator<Item = u32> {
        self.0.iter().flat_map(move |run| {
            let start = run.partition_point(|entry| entry.0 < item);
            run[start..].iter().take_while(move |entry| entry.0 == item).map(|entry| entry.1)
        })
    }

    /// All of them, in order.
    fn sorted(&self) -> Vec<(Item, u32)> {
        let mut all = self.0.concat();
        all.sort();
        all
    }
}

impl SegmentIndex {
    pub fn new((position, first): Unindexed) -> Self {
        let (offsets, items) = (Vec::new(), Items::default());
        SegmentIndex { segment: position.segment, first, offsets, items }
    }

    /// Which segment it is.
    pub fn segment(&self) -> u32 {
        self.segment
    }

    /// Adds the next block of the segment.
    pub fn add(&mut self, block: &Block, position: Position) {
        let place = self.offsets.len() as u32;
        self.offsets.push(position.offset);
        let mut items = vec![(Item::block(&block.hash), place)];
        let mut last = None;
        for receipt in &block.body.receipts {
            items.push((Item::transaction(&receipt.transaction), place));
            for log in &receipt.logs {
                // Most logs of a block are of the same contract, and of the same kind.
                let kind = (log.address, log.topics().first());
                let is_new = last.replace(kind) != Some(kind);
                if is_new {
                    items.push((Item::log_address(&log.address), place));
                }
                let topics = log.topics().iter().zip(0..).skip(usize::from(!is_new));
                items.extend(topics.map(|(topic, i)| (Item::log_topic(i, topic), place)));
            }
        }
        self.items.add(items);
    }

    fn position(&self, number: u64) -> Option<Position> {
        let offset = *self.offsets.get(number.checked_sub(self.first)? as usize)?;
        Some(Position { segment: self.segment, offset })
    }

    fn blocks(&self, item: Item) -> impl Iterator<Item = u64> {
        self.items.blocks(item).map(|place| self.first + u64::from(place))
    }

    /// The entries of the tree for this segment.
    pub fn pages(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut pages = Vec::new();
        for (offsets, run) in self.offsets.chunks(RUN_BLOCKS).zip(0..) {
            let mut value = self.segment.to_be_bytes().to_vec();
            // The journal begins a segment before a record would begin further on.
            offsets.iter().for_each(|at| value.extend_from_slice(&(*at as u32).to_be_bytes()));
            pages.push((block_run_key(self.first + run * RUN_BLOCKS as u64), value));
        }
        let mut lists: BTreeMap<u16, Vec<u8>> = BTreeMap::new();
        for (item, place) in self.items.sorted() {
            let list = lists.entry(item.page());
            let list = list.or_insert_with(|| self.first.to_be_bytes().to_vec());
            list.extend_from_slice(&item.0.to_be_bytes());
            list.extend_from_slice(&place.to_be_bytes());
        }
        pages.extend(
            lists.into_iter().map(|(page, list)| (index_page_key(page, self.segment), list)),
        );
        pages
    }
}

/// The indexes of the segments that are not in the tree yet.
#[derive(Debug)]
pub(super) struct Index(RwLock<Memory>);

#[derive(Debug)]
struct Memory {
    /// Full segments, on their way into the tree.
    finished: VecDeque<Arc<SegmentIndex>>,
    current: SegmentIndex,
    /// What is there already.
    stored: Stored,
}

impl Index {
    /// Nothing of what begins at `unindexed`; what is before that is in the tree.
    pub fn new(unindexed: Unindexed, stored: Stored) -> Self {
        let (finished, current) = (VecDeque::new(), SegmentIndex::new(unindexed));
        Index(RwLock::new(Memory { finished, current, stored }))
    }

    /// What is in the tree.
    pub fn stored(&self) -> Stored {
        self.memory(|memory| memory.stored)
    }

    /// Adds the next block.
    pub fn add(&self, block: &Block, position: Position) {
        let mut memory = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if position.segment != memory.current.segment {
            let next = SegmentIndex::new((position, block.header.number));
            let full = std::mem::replace(&mut memory.current, next);
            memory.finished.push_back(Arc::new(full));
        }
        memory.current.add(block, position);
    }

    /// The segments that are full.
    pub fn finished(&self) -> Vec<Arc<SegmentIndex>> {
        self.memory(|memory| memory.finished.iter().cloned().collect())
    }

    /// Where the first segment begins that is not in the tree.
    pub fn unindexed(&self) -> Unindexed {
        self.after(&[])
    }

    /// Where the segment begins that follows these.
    pub fn after(&self, finished: &[Arc<SegmentIndex>]) -> Unindexed {
        self.memory(|memory| {
            let next = memory.finished.get(finished.len()).map(|next| &**next);
            let next = next.unwrap_or(&memory.current);
            (Position::start_of(next.segment), next.first)
        })
    }

    /// Forgets segments that are in the tree now, which thereby amounts to `stored`.
    pub fn forget(&self, finished: &[Arc<SegmentIndex>], stored: Stored) {
        let mut memory = self.0.write().unwrap_or_else(PoisonError::into_inner);
        memory.stored = stored;
        memory.finished.drain(..finished.len());
    }

    fn memory<T>(&self, read: impl FnOnce(&Memory) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where a block is.
    pub fn position(&self, tree: &Tree, number: u64) -> Result<Option<Position>> {
        let found = self.memory(|memory| memory.segments().find_map(|s| s.position(number)));
        match found {
            Some(position) => Ok(Some(position)),
            None => stored_position(tree, number),
        }
    }

    /// The blocks of a range that may hold an item, in order. Takes a step off `work` for each list
    /// that is looked at in the tree, and each block that is found; `None` if there are not enough.
    pub fn blocks(
        &self,
        tree: &Tree,
        item: Item,
        range: &RangeInclusive<u64>,
        work: &mut u64,
    ) -> Result<Option<BTreeSet<u64>>> {
        let mut found = BTreeSet::new();
        let step = |work: &mut u64| work.checked_sub(1).map(|left| *work = left).is_some();
        let oldest = self.memory(|memory| {
            for segment in memory.segments() {
                found.extend(segment.blocks(item).filter(|number| range.contains(number)));
            }
            memory.segments().map(|segment| segment.first).min().unwrap_or(u64::MAX)
        });
        for _ in &found {
            if !step(work) {
                return Ok(None);
            }
        }
        if *range.start() >= oldest {
            return Ok(Some(found));
        }
        let start = stored_position(tree, *range.start())?.map_or(0, |at| at.segment);
        let page = index_page_key(item.page(), 0);
        let prefix = &page[..page.len() - size_of::<u32>()];
        let mut enough = true;
        for page in tree.range(&index_page_key(item.page(), start), &INDEXES.end) {
            let (key, value) = page?;
            if !key.starts_with(prefix) {
                break;
            }
            let list = List::decode(&value);
            let list = list.ok_or_else(|| tree.damage("a page of the index is cut off"))?;
            if list.first > *range.end() {
                break;
            }
            enough = step(work);
            for number in list.blocks(item).filter(|number| range.contains(number)) {
                enough = enough && (!found.insert(number) || step(work));
            }
            if !enough {
                break;
            }
        }
        Ok(enough.then_some(found))
    }

    /// The blocks of a range where each condition of a filter is met by some log, in order. Takes a
    /// step off `work` for each item, list and entry that is looked at; `None` if there are not
    /// enough.
    pub fn log_blocks(
        &self,
        tree: &Tree,
        filter: &LogFilter,
        range: &RangeInclusive<u64>,
        work: &mut u64,
    ) -> Result<Option<BTreeSet<u64>>> {
        let mut blocks: BTreeSet<u64> = range.clone().collect();
        for any in filter.conditions() {
            let mut united = BTreeSet::new();
            for item in any {
                let Some(left) = work.checked_sub(1) else { return Ok(None) };
                *work = left;
                let Some(found) = self.blocks(tree, item, range, work)? else { return Ok(None) };
                united.extend(found);
            }
            blocks = &blocks & &united;
        }
        Ok(Some(blocks))
    }
}

impl Memory {
    fn segments(&self) -> impl Iterator<Item = &SegmentIndex> {
        self.finished.iter().map(|segment| &**segment).chain([&self.current])
    }
}

/// Where a block of a segment is whose index is in the tree.
fn stored_position(tree: &Tree, number: u64) -> Result<Option<Position>> {
    let Some((key, value)) = tree.last_up_to(&block_run_key(number))? else { return Ok(None) };
    let damage = || tree.damage("an entry of the block index is cut off");
    let (_, first) = key.split_last_chunk().ok_or_else(damage)?;
    let (segment, offsets) = value.split_first_chunk().ok_or_else(damage)?;
    let offsets = offsets.as_chunks::<4>().0;
    let place = number.saturating_sub(u64::from_be_bytes(*first)) as usize;
    let segment = u32::from_be_bytes(*segment);
    let offset = offsets.get(place).map(|offset| u64::from(u32::from_be_bytes(*offset)));
    Ok(offset.map(|offset| Position { segment, offset }))
}

/// A page of a segment's index.
struct List<'a> {
    first: u64,
    entries: &'a [[u8; ENTRY_BYTES]],
}

impl<'a> List<'a> {
    fn decode(value: &'a [u8]) -> Option<Self> {
        let (first, entries) = value.split_first_chunk()?;
        let (entries, rest) = entries.as_chunks();
        rest.is_empty().then_some(List { first: u64::from_be_bytes(*first), entries })
    }

    fn blocks(&self, item: Item) -> impl Iterator<Item = u64> {
        let item = item.0.to_be_bytes();
        let start = self.entries.partition_point(|entry| entry[..8] < item[..]);
        let found = self.entries[start..].iter().take_while(move |entry| entry[..8] == item);
        found.map(|entry| {
            let mut place = [0; 4];
            place.copy_from_slice(&entry[8..]);
            self.first + u64::from(u32::from_be_bytes(place))
        })
    }
}
