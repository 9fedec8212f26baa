//! The memory between the journal and the tree: what blocks changed since the last checkpoint, what
//! was read lately, and stable views of the state while further blocks are committed.
//!
//! ```text
//! a read as of block n:  undo of the blocks after n -> fresh -> frozen -> clean -> the tree
//! fresh    changed by blocks since the last freeze
//! frozen   being written to the tree by a checkpoint; stays readable here until that is done
//! clean    as in the tree: generations, the youngest first
//! undo     what each block replaced, for as long as someone looks at the state before it
//! ```
//!
//! Invariants: only durable blocks are in here. `fresh` and `frozen` together are all that the tree
//! does not have; a checkpoint may have written any part of `frozen`. A value read from the tree
//! enters `clean` only if no checkpoint ended in the meantime.

use super::{
    error::Result,
    schema::{Head, state_key},
};
use crate::types::{Bytes, Header, Write};
use alloy_primitives::{Sealed, map::HashMap};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

/// What an entry takes beside key and value, roughly.
const ENTRY_BYTES: usize = 128;
/// A generation of clean entries is not begun for less than this part of what they may take.
const GENERATIONS: usize = 8;

/// A value of the state: `None` is absence.
pub(super) type Value = Option<Bytes>;

/// Values by key of the tree.
#[derive(Debug, Default)]
pub(super) struct Entries {
    map: HashMap<Bytes, Value>,
    bytes: usize,
}

impl Entries {
    pub fn get(&self, key: &[u8]) -> Option<&Value> {
        self.map.get(key)
    }

    pub fn insert(&mut self, key: Bytes, value: Value) {
        let length = |value: &Value| value.as_ref().map_or(0, |value| value.len());
        self.bytes += length(&value);
        let entry = ENTRY_BYTES + key.len();
        match self.map.insert(key, value) {
            Some(former) => self.bytes -= length(&former),
            None => self.bytes += entry,
        }
    }

    /// Memory they take, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// In order of key.
    pub fn sorted(&self) -> Vec<(&Bytes, &Value)> {
        // The order of the map does not show: it is sorted here.
        let mut entries: Vec<_> = self.map.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }
}

/// One change of the state.
#[derive(Debug)]
pub(super) struct Change {
    pub key: Bytes,
    pub before: Value,
    pub after: Value,
}

impl From<&Write> for Change {
    fn from(write: &Write) -> Self {
        let key = state_key(&write.key).into();
        Change { key, before: write.before.clone(), after: write.after.clone() }
    }
}

/// What of the state is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of entries that changed and are not in the tree yet, roughly.
    pub changed: usize,
    /// Bytes of entries that are as in the tree, roughly.
    pub clean: usize,
    /// Reads since the ledger was opened that had to ask the tree.
    pub missed: u64,
}

#[derive(Debug)]
pub(super) struct Recent {
    inner: RwLock<Inner>,
    missed: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    header: Arc<Sealed<Header>>,
    head: Arc<Head>,
    fresh: Entries,
    frozen: Arc<Entries>,
    clean: VecDeque<Entries>,
    /// Most bytes of `clean`.
    clean_limit: usize,
    /// Checkpoints that ended.
    checkpoints: u64,
    /// The head, for those who are going to look at its state.
    pin: Pin,
    /// By block in order: whoever looks at the state before it holds this pin, too, and what it
    /// replaced, in order of key.
    undo: VecDeque<(Pin, Vec<Change>)>,
}

/// Keeps the state as of this block readable for as long as someone has it. To take and to drop one
/// excludes nobody: the next block sees who still has which.
pub(super) type Pin = Arc<Sealed<Header>>;

impl Recent {
    /// `fresh` is what the blocks up to the head changed since the tree's checkpoint.
    pub fn new(header: Sealed<Header>, head: Head, fresh: Entries, clean_limit: usize) -> Self {
        let inner = RwLock::new(Inner {
            pin: Arc::new(header.clone()),
            header: Arc::new(header),
            head: Arc::new(head),
            fresh,
            frozen: Arc::default(),
            clean: VecDeque::from([Entries::default()]),
            clean_limit,
            checkpoints: 0,
            undo: VecDeque::new(),
        });
        Recent { inner, missed: AtomicU64::new(0) }
    }

    /// The header of the last block.
    pub fn header(&self) -> Arc<Sealed<Header>> {
        self.read().header.clone()
    }

    /// What the state amounts to at the last block.
    pub fn head(&self) -> Arc<Head> {
        self.read().head.clone()
    }

    /// Keeps the head's state readable for as long as the pin is there.
    pub fn pin(&self) -> Pin {
        self.read().pin.clone()
    }

    /// What `take` makes of the value of a key as of a pinned block, or of the head. `fetch` reads
    /// the tree.
    pub fn get<T>(
        &self,
        at: Option<u64>,
        key: &[u8],
        fetch: impl FnOnce() -> Result<Value>,
        take: impl FnOnce(&Value) -> T,
    ) -> Result<T> {
        let inner = self.read();
        let at = at.unwrap_or(inner.head.number);
        if let Some(value) = inner.known(at, key) {
            return Ok(take(value));
        }
        let checkpoints = inner.checkpoints;
        drop(inner);
        self.missed.fetch_add(1, Ordering::Relaxed);
        let value = fetch()?;
        let mut inner = self.write();
        if let Some(value) = inner.known(at, key) {
            return Ok(take(value));
        }
        if inner.checkpoints == checkpoints {
            inner.remember(key, value.clone());
        }
        Ok(take(&value))
    }

    /// The keys with a prefix that are in memory because they changed, from `start` on, or after
    /// it.
    pub fn changed_keys(&self, prefix: &[u8], start: &[u8], include: bool) -> BTreeSet<Bytes> {
        let inner = self.read();
        let undone = inner.undo.iter().flat_map(|(_, changes)| changes.iter().map(|c| &c.key));
        let keys = inner.fresh.map.keys().chain(inner.frozen.map.keys()).chain(undone);
        let is_in = |key: &&Bytes| {
            key.starts_with(prefix) && (key[..] > *start || include && key[..] == *start)
        };
        keys.filter(is_in).cloned().collect()
    }

    /// Makes a durable block the head.
    pub fn publish(&self, header: Sealed<Header>, head: Head, changes: Vec<Change>) {
        let mut inner = self.write();
        for Change { key, after, .. } in &changes {
            inner.fresh.insert(key.clone(), after.clone());
        }
        let before = std::mem::replace(&mut inner.pin, Arc::new(header.clone()));
        inner.undo.push_back((before, changes));
        inner.header = Arc::new(header);
        inner.head = Arc::new(head);
        inner.forget();
    }

    /// What is in memory.
    pub fn memory(&self) -> Memory {
        let inner = self.read();
        Memory {
            changed: inner.fresh.bytes() + inner.frozen.bytes(),
            clean: inner.clean.iter().map(Entries::bytes).sum(),
            missed: self.missed.load(Ordering::Relaxed),
        }
    }

    /// Memory of what changed since the last freeze.
    pub fn fresh_bytes(&self) -> usize {
        self.read().fresh.bytes()
    }

    /// Begins a checkpoint: what is fresh is frozen. Returns what is to be written, and the head
    /// that the tree then has.
    pub fn freeze(&self) -> (Arc<Entries>, Arc<Head>) {
        let mut inner = self.write();
        debug_assert!(inner.frozen.is_empty(), "one checkpoint at a time");
        inner.frozen = Arc::new(std::mem::take(&mut inner.fresh));
        (inner.frozen.clone(), inner.head.clone())
    }

    /// Ends a checkpoint: what was frozen is in the tree.
    pub fn thaw(&self) {
        let mut inner = self.write();
        inner.checkpoints += 1;
        let frozen = std::mem::take(&mut inner.frozen);
        let small = frozen.bytes() < inner.clean_limit / GENERATIONS;
        match Arc::try_unwrap(frozen) {
            Ok(whole) if !small => inner.clean.push_front(whole),
            Ok(some) => some.map.into_iter().for_each(|(key, value)| inner.keep(key, value)),
            // Whoever still holds it is about to let go; without it the cache is colder, not wrong,
            // but for what it has of older values.
            Err(_) => inner.clean.clear(),
        }
        inner.evict();
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The value as of block `at`, if it is in memory.
    fn known(&self, at: u64, key: &[u8]) -> Option<&Value> {
        self.undone(at, key)
            .or_else(|| self.fresh.get(key))
            .or_else(|| self.frozen.get(key))
            .or_else(|| self.clean.iter().find_map(|generation| generation.get(key)))
    }

    /// The value as of block `at`, if a later block replaced it.
    fn undone(&self, at: u64, key: &[u8]) -> Option<&Value> {
        let later = self.undo.iter().filter(|(before, _)| before.number >= at);
        later
            .filter_map(|(_, changes)| {
                let place = changes.binary_search_by(|change| change.key[..].cmp(key)).ok()?;
                Some(&changes[place].before)
            })
            .next()
    }

    /// Keeps what was read from the tree.
    fn remember(&mut self, key: &[u8], value: Value) {
        self.keep(Bytes::copy_from_slice(key), value);
        self.evict();
    }

    fn keep(&mut self, key: Bytes, value: Value) {
        let full = self.clean_limit / GENERATIONS;
        if self.clean.front().is_none_or(|youngest| youngest.bytes() > full) {
            self.clean.push_front(Entries::default());
        }
        if let Some(youngest) = self.clean.front_mut() {
            youngest.insert(key, value);
        }
    }

    fn evict(&mut self) {
        let mut bytes: usize = self.clean.iter().map(Entries::bytes).sum();
        while bytes > self.clean_limit
            && let Some(oldest) = self.clean.pop_back()
        {
            bytes -= oldest.bytes();
        }
    }

    /// Drops what nobody can look at any more: who has a pin needs all that later blocks replaced.
    fn forget(&mut self) {
        while self.undo.front().is_some_and(|(before, _)| Arc::strong_count(before) == 1) {
            self.undo.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{commitment::Commitment, journal::Position, schema::Counts};
    use alloy_primitives::B256;

    /// A block after which the only entry is its number.
    fn block(number: u64) -> (Sealed<Header>, Head, Vec<Change>) {
        let (commitment, counts) = (Commitment::default(), Counts::default());
        let position = Position::FIRST;
        let head = Head { number, hash: B256::ZERO, position, commitment, counts };
        let header = Sealed::new_unchecked(Header { number, ..Header::default() }, B256::ZERO);
        let value = |number: u64| Some(Bytes::copy_from_slice(&number.to_be_bytes()));
        let (before, after) = (value(number.wrapping_sub(1)), value(number));
        (header, head, vec![Change { key: Bytes::new(), before, after }])
    }

    #[test]
    fn what_blocks_replaced_is_kept_as_long_as_someone_has_a_pin_from_before() {
        let (header, head, changes) = block(0);
        let mut fresh = Entries::default();
        changes.into_iter().for_each(|change| fresh.insert(change.key, change.after));
        let recent = Recent::new(header, head, fresh, 0);
        let publish = |number| {
            let (header, head, changes) = block(number);
            recent.publish(header, head, changes);
        };
        let sees = |pin: &Pin| {
            let value = recent.get(Some(pin.number), &[], || Ok(None), Value::clone).unwrap();
            value.unwrap()[..] == pin.number.to_be_bytes()
        };
        let kept = || recent.read().undo.len();
        publish(1);
        assert_eq!(kept(), 0, "nobody looks");
        let first = recent.pin();
        publish(2);
        let (second, again) = (recent.pin(), first.clone());
        publish(3);
        assert!(sees(&first) && sees(&second) && sees(&recent.pin()));
        drop(first);
        publish(4);
        assert_eq!(kept(), 3, "blocks 2, 3 and 4");
        drop(again);
        publish(5);
        assert!(sees(&second));
        assert_eq!(kept(), 3, "blocks 3, 4 and 5");
        drop(second);
        publish(6);
        assert_eq!(kept(), 0);
    }
}
