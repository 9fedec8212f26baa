//! Entries of the state in memory, by key: those that the tree's pages do not have yet, and of the
//! others those that were used lately.
//!
//! They are in shards, each with a lock of its own, so that readers and the committing thread seldom
//! wait for each other, and a shard that grows moves few entries. When there are too many, shard
//! after shard loses what was not used since its last turn: the clock algorithm, in bulk.
//!
//! Invariant: an entry whose last change the tree's pages may lack is not removed.

use crate::types::{Bytes, StateKey, StateKeyRef};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::{
    hash::BuildHasher,
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

/// Of a million entries each has 4,000, which are gone through in less than a tenth of a
/// millisecond.
const SHARDS: usize = 256;
/// What an entry takes beside key and value, roughly: its place, which is empty every third time,
/// and what the allocator and two counted references add.
pub(super) const ENTRY_BYTES: usize = 224;

/// A value of the state: `None` is absence.
pub(super) type Value = Option<Bytes>;

/// What of the memory an entry takes, roughly.
pub(super) fn entry_bytes(key: StateKeyRef, value: &Value) -> usize {
    let key = match key {
        StateKeyRef::Storage(_, key) => key.len(),
        StateKeyRef::Account(_) | StateKeyRef::Code(_) => 0,
    };
    ENTRY_BYTES + key + value.as_ref().map_or(0, |value| value.len())
}

/// An entry.
#[derive(Debug)]
pub(super) struct Entry {
    key: StateKey,
    pub value: Value,
    /// The block that changed it last, or one that is no earlier: the tree was as of that block when
    /// it was read there.
    pub changed: u64,
    /// Since its shard's last turn.
    used: AtomicBool,
}

/// What a change did to the table.
pub(super) struct Replaced {
    /// The block that changed the entry before, if it was in the table.
    pub changed: Option<u64>,
    /// What the entry took and takes, roughly.
    pub bytes: (usize, usize),
}

#[derive(Debug)]
pub(super) struct Table {
    hasher: DefaultHashBuilder,
    shards: Vec<RwLock<HashTable<Entry>>>,
    /// Of all entries, roughly.
    bytes: AtomicUsize,
    /// The shard whose turn is next.
    hand: AtomicUsize,
}

impl Table {
    /// With room for so many entries.
    pub fn with_capacity(entries: usize) -> Self {
        let shard = || RwLock::new(HashTable::with_capacity(entries / SHARDS));
        Table {
            hasher: DefaultHashBuilder::default(),
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            bytes: AtomicUsize::new(0),
            hand: AtomicUsize::new(0),
        }
    }

    /// What all entries take, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What `look` makes of an entry.
    pub fn get<T>(&self, key: StateKeyRef, look: impl FnOnce(&Entry) -> T) -> Option<T> {
        let hash = self.hasher.hash_one(key);
        let shard = self.read(hash);
        let entry = shard.find(hash, |entry| entry.key.as_ref() == key)?;
        // Most are used again and again: they stay shared by the processors' caches.
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(look(entry))
    }

    /// Changes an entry, or adds it.
    pub fn put(&self, key: &StateKey, value: Value, number: u64) -> Replaced {
        let hash = self.hasher.hash_one(key.as_ref());
        let bytes = entry_bytes(key.as_ref(), &value);
        let mut shard = self.write(hash);
        let replaced = match shard.find_mut(hash, |entry| entry.key == *key) {
            Some(entry) => {
                let former = std::mem::replace(&mut entry.value, value);
                let changed = std::mem::replace(&mut entry.changed, number);
                let before = entry_bytes(key.as_ref(), &former);
                Replaced { changed: Some(changed), bytes: (before, bytes) }
            }
            None => {
                self.insert(&mut shard, hash, key.clone(), value, number);
                Replaced { changed: None, bytes: (0, bytes) }
            }
        };
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes.fetch_sub(replaced.bytes.0, Ordering::Relaxed);
        replaced
    }

    /// Adds what was read from the tree as of block `stored`, unless it is there, or by now `is_stale`.
    /// Returns whether it did.
    pub fn remember(
        &self,
        key: StateKeyRef,
        value: Value,
        stored: u64,
        is_stale: impl FnOnce() -> bool,
    ) -> bool {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.write(hash);
        let is_new = !is_stale() && shard.find(hash, |entry| entry.key.as_ref() == key).is_none();
        if is_new {
            self.bytes.fetch_add(entry_bytes(key, &value), Ordering::Relaxed);
            self.insert(&mut shard, hash, key.into(), value, stored);
        }
        is_new
    }

    fn insert(
        &self,
        shard: &mut HashTable<Entry>,
        hash: u64,
        key: StateKey,
        value: Value,
        changed: u64,
    ) {
        let entry = Entry { key, value, changed, used: AtomicBool::new(false) };
        shard.insert_unique(hash, entry, |entry| self.hasher.hash_one(entry.key.as_ref()));
    }

    /// Removes from the next shard what was not used since its last turn, but for what changed after
    /// block `stored`. After as many turns as there are shards twice, nothing can have been spared
    /// for its use.
    pub fn sweep(&self, stored: u64) {
        let place = self.hand.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let mut shard = self.shards[place].write().unwrap_or_else(PoisonError::into_inner);
        let mut removed = 0;
        shard.retain(|entry| {
            let stays = entry.changed > stored || std::mem::take(entry.used.get_mut());
            removed += if stays { 0 } else { entry_bytes(entry.key.as_ref(), &entry.value) };
            stays
        });
        self.bytes.fetch_sub(removed, Ordering::Relaxed);
    }

    /// Turns after which nothing is left that could be removed.
    pub const ALL_TURNS: usize = 2 * SHARDS;

    fn shard(&self, hash: u64) -> &RwLock<HashTable<Entry>> {
        // The table takes a place from the lowest bits, and a tag from the highest seven.
        &self.shards[(hash >> 32) as usize % SHARDS]
    }

    fn read(&self, hash: u64) -> RwLockReadGuard<'_, HashTable<Entry>> {
        self.shard(hash).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, hash: u64) -> RwLockWriteGuard<'_, HashTable<Entry>> {
        self.shard(hash).write().unwrap_or_else(PoisonError::into_inner)
    }
}
