//! What sled lacks: a stable view of the state while the next block is applied, and reads without
//! its cost.
//!
//! sled has no snapshots. So the values that a block replaces are remembered before it is applied,
//! for as long as someone looks at the state before it; whoever does finds them here first.
//! Whatever is in no such list has not changed since, and may be read from the cache or from sled.
//!
//! Invariants: the cache holds the newest applied value or nothing. A value read from sled enters
//! the cache only if no block began to be applied in the meantime.

use super::error::Result;
use crate::types::{Bytes, Header};
use alloy_primitives::{Sealed, map::HashMap};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// Size of each of the cache's two generations: together the accounts and entries of some 300,000
/// payers.
const GENERATION_BYTES: usize = 32 << 20;
/// What an entry takes beside key and value, roughly.
const ENTRY_BYTES: usize = 96;

/// A value of the state: `None` is absence.
type Value = Option<Bytes>;

/// One change of the state.
pub(super) struct Change {
    pub key: Vec<u8>,
    pub before: Value,
    pub after: Value,
}

#[derive(Debug)]
pub(super) struct Recent(RwLock<Inner>);

#[derive(Debug)]
struct Inner {
    head: Arc<Sealed<Header>>,
    /// Counts the blocks that began to be applied.
    version: u64,
    young: HashMap<Vec<u8>, Value>,
    old: HashMap<Vec<u8>, Value>,
    young_bytes: usize,
    /// By block in order: what it replaced.
    undo: VecDeque<(u64, HashMap<Vec<u8>, Value>)>,
    /// Blocks whose state someone looks at, and how many do.
    pins: BTreeMap<u64, usize>,
}

impl Recent {
    pub fn new(head: Sealed<Header>) -> Self {
        Recent(RwLock::new(Inner {
            head: Arc::new(head),
            version: 0,
            young: HashMap::default(),
            old: HashMap::default(),
            young_bytes: 0,
            undo: VecDeque::new(),
            pins: BTreeMap::new(),
        }))
    }

    pub fn head(&self) -> Arc<Sealed<Header>> {
        self.read().head.clone()
    }

    /// Keeps the head's state readable until it is unpinned.
    pub fn pin(&self) -> Arc<Sealed<Header>> {
        let mut inner = self.write();
        let head = inner.head.clone();
        *inner.pins.entry(head.number).or_default() += 1;
        head
    }

    pub fn unpin(&self, number: u64) {
        let mut inner = self.write();
        if let Some(count) = inner.pins.get_mut(&number) {
            *count -= 1;
            if *count == 0 {
                inner.pins.remove(&number);
            }
        }
        inner.forget();
    }

    /// The value of a key as of a pinned block, or of the head.
    pub fn get(
        &self,
        at: Option<u64>,
        key: &[u8],
        fetch: impl FnOnce() -> Result<Value>,
    ) -> Result<Value> {
        let inner = self.read();
        let at = at.unwrap_or(inner.head.number);
        if let Some(value) = inner.undone(at, key).or_else(|| inner.cached(key)) {
            return Ok(value.clone());
        }
        let version = inner.version;
        drop(inner);
        let value = fetch()?;
        let mut inner = self.write();
        if let Some(value) = inner.undone(at, key) {
            return Ok(value.clone());
        }
        if inner.version == version {
            inner.cache(key.to_vec(), value.clone());
        }
        Ok(value)
    }

    /// To be called before a block is applied to sled.
    pub fn begin(&self, number: u64, changes: Vec<Change>) {
        let mut inner = self.write();
        inner.version += 1;
        let mut before = HashMap::default();
        for change in changes {
            before.insert(change.key.clone(), change.before);
            inner.cache(change.key, change.after);
        }
        inner.undo.push_back((number, before));
    }

    /// To be called when a block is applied to sled.
    pub fn publish(&self, head: Sealed<Header>) {
        let mut inner = self.write();
        inner.head = Arc::new(head);
        inner.forget();
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The value as of block `at`, if a later block replaced it.
    fn undone(&self, at: u64, key: &[u8]) -> Option<&Value> {
        let later = self.undo.iter().filter(|(number, _)| *number > at);
        later.filter_map(|(_, before)| before.get(key)).next()
    }

    fn cached(&self, key: &[u8]) -> Option<&Value> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn cache(&mut self, key: Vec<u8>, value: Value) {
        self.young_bytes += ENTRY_BYTES + key.len() + value.as_ref().map_or(0, |v| v.len());
        self.young.insert(key, value);
        if self.young_bytes > GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }

    /// Drops what nobody can look at any more.
    fn forget(&mut self) {
        let oldest = self.pins.keys().next().copied().unwrap_or(self.head.number);
        while self.undo.front().is_some_and(|(number, _)| *number <= oldest) {
            self.undo.pop_front();
        }
    }
}
