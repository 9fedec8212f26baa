//! How far folding is, and when more of it is due.
//!
//! Invariants: a delta is in `deltas` until every key has had its turn since it came. The cursor moves
//! on by as much as new deltas ask for, so deltas stay within what they may hold.

use crate::store::{
    index::{Stored, Unindexed},
    schema::{Cursor, Delta, Head},
};
use std::sync::Arc;

/// Entries of deltas that are worth no waiting: a twentieth of a second of opening.
const FEW_ENTRIES: u64 = 1 << 17;
/// The part of the state that its deltas may hold, one in so many: the more, the more entries of the
/// same page are folded together, and the longer opening takes.
const PART: u64 = 4;
/// Deltas there may be: whoever reads entries in order looks at each of them for every entry, and the
/// head names them all.
const MOST_DELTAS: usize = 64;
/// A delta makes the cursor go on by at least one in so many of the entries of all deltas: a round is
/// usually over before there are too many.
const STEPS: u64 = MOST_DELTAS as u64 / 2;

/// The head, where the segments begin whose indexes the tree lacks, and what those that it has amount
/// to.
pub(super) type Base = (Head, Unindexed, Stored);

/// How far folding is.
#[derive(Debug, Default)]
pub(super) struct Folding {
    /// What the tree is as of; nothing before the first head.
    pub base: Option<Base>,
    /// Those that the head names, the oldest first.
    pub deltas: Vec<Arc<Delta>>,
    /// Those that it no longer names, as long as somebody reads them.
    pub done: Vec<Arc<Delta>>,
    pub cursor: Cursor,
    /// Entries that are due to be folded.
    pub owed: u64,
}

/// What of the state is in deltas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::store) struct Unfolded {
    /// The block up to which the pages have every change.
    pub since: u64,
    /// The changes that they lack.
    pub entries: usize,
    /// Memory that these take, roughly.
    pub bytes: usize,
}

impl Folding {
    /// What of the state is in deltas.
    pub fn unfolded(&self) -> Unfolded {
        let head = self.number();
        Unfolded {
            since: self.deltas.first().map_or(head, |delta| delta.since),
            entries: self.sum(|delta| delta.entries) as usize,
            bytes: self.sum(|delta| delta.memory) as usize,
        }
    }

    /// The block that the tree is as of.
    pub fn number(&self) -> u64 {
        self.base.as_ref().map_or(0, |(head, ..)| head.number)
    }

    /// The deltas' blocks, the oldest first.
    pub fn numbers(&self) -> Vec<u64> {
        self.deltas.iter().map(|delta| delta.number).collect()
    }

    fn sum(&self, of: impl Fn(&Delta) -> u64) -> u64 {
        self.deltas.iter().map(|delta| of(delta)).sum()
    }

    /// Entries that deltas may have.
    fn most_entries(&self) -> u64 {
        let entries = self.base.as_ref().map_or(0, |(head, ..)| head.counts.entries());
        (entries / PART).max(FEW_ENTRIES)
    }

    /// Adds a delta. The cursor is to go on by the same part of the state that the delta is of what
    /// deltas may hold: so a round is over when they are full, and no step is larger than others.
    pub fn add(&mut self, delta: Delta, limit: usize) {
        let (memory, entries) = (u128::from(delta.memory), u128::from(delta.entries));
        let (since, joined) = (self.number(), self.cursor.clone());
        self.deltas.push(Arc::new(Delta { since, joined, ..delta }));
        let all = self.sum(|delta| delta.entries);
        let by_memory = u128::from(all) * memory / limit as u128;
        let by_entries = u128::from(all) * entries / u128::from(self.most_entries());
        let part = by_memory.max(by_entries).max(all.div_ceil(STEPS).into());
        self.owed = (u128::from(self.owed) + part).min(all.into()) as u64;
    }

    /// Gives every key its turn again.
    pub fn begin_again(&mut self) {
        let joined =
            |delta: &Arc<Delta>| Delta { joined: self.cursor.clone(), ..(**delta).clone() };
        self.deltas = self.deltas.iter().map(|delta| Arc::new(joined(delta))).collect();
    }

    /// Whether deltas hold more than they may; `limit` is of their memory.
    pub fn is_overfull(&self, limit: usize) -> bool {
        self.deltas.len() > MOST_DELTAS
            || self.sum(|delta| delta.memory) > limit as u64
            || self.sum(|delta| delta.entries) > self.most_entries()
    }

    /// Whether something is to be folded.
    pub fn is_due(&self, limit: usize) -> bool {
        !self.deltas.is_empty() && (self.owed > 0 || self.is_overfull(limit))
    }

    /// How many of the deltas, the oldest first, have had every key's turn since they came.
    pub fn count_over(&self) -> usize {
        let is_over = |delta: &&Arc<Delta>| {
            let (round, key) = &delta.joined;
            self.cursor >= (round + 1, key.clone())
        };
        self.deltas.iter().take_while(is_over).count()
    }
}
