//! Pages that were read lately, so that the tree is not searched for them again: for a page in memory
//! sled takes ten times as long as this.
//!
//! Invariant: a page in here is as in the tree, and so is where it ends.

use super::tree::Slice;
use std::{collections::BTreeMap, ops::Bound};

/// When there are too many bytes of pages, one in so many pages goes.
const PART: usize = 16;
/// What a page takes beside key and content, roughly.
const PAGE_BYTES: usize = 160;

/// A page of the tree.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Its key in the tree, and that of the next page or whatever comes after the last.
    pub start: Slice,
    pub end: Option<Slice>,
    pub page: Slice,
}

impl Found {
    fn bytes(&self) -> usize {
        PAGE_BYTES + 2 * self.start.len() + self.page.len()
    }

    /// Whether it is the page for a key of the tree that is not before it.
    pub fn is_for(&self, key: &[u8]) -> bool {
        self.end.as_ref().is_none_or(|end| *key < **end)
    }
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    pages: BTreeMap<Slice, Found>,
    bytes: usize,
    /// Most bytes, roughly.
    limit: usize,
    /// How often pages changed in the tree.
    pub changes: u64,
    /// What was removed last for want of room.
    hand: Slice,
}

impl Cache {
    pub fn new(limit: usize) -> Self {
        Cache { limit, ..Cache::default() }
    }

    /// The page for a key of the tree.
    pub fn find(&self, key: &[u8]) -> Option<&Found> {
        let up_to = (Bound::Unbounded, Bound::Included(key));
        let (_, found) = self.pages.range::<[u8], _>(up_to).next_back()?;
        found.is_for(key).then_some(found)
    }

    /// Adds a page that was read when pages had changed so often.
    pub fn add(&mut self, found: Found, changes: u64) {
        if changes == self.changes {
            self.insert(found);
            self.make_room();
        }
    }

    /// Removes the page that is as it was found, if it is here, and adds what it has become, which is
    /// nothing if it was removed from the tree.
    pub fn replace(&mut self, former: &Found, parts: Vec<Found>) {
        self.changes += 1;
        let was_here = self.remove(&former.start);
        if parts.is_empty() {
            // The page before it goes on to where it ended.
            let before = (Bound::Unbounded, Bound::Excluded(&former.start[..]));
            let before = self.pages.range::<[u8], _>(before).next_back();
            if let Some(start) = before.map(|(start, _)| start.clone()) {
                self.remove(&start);
            }
        }
        if was_here {
            parts.into_iter().for_each(|part| self.insert(part));
            self.make_room();
        }
    }

    fn insert(&mut self, found: Found) {
        self.bytes += found.bytes();
        if let Some(former) = self.pages.insert(found.start.clone(), found) {
            self.bytes -= former.bytes();
        }
    }

    fn remove(&mut self, start: &[u8]) -> bool {
        let removed = self.pages.remove(start);
        self.bytes -= removed.as_ref().map_or(0, Found::bytes);
        removed.is_some()
    }

    /// The pages next in order go, whether they are used or not.
    fn make_room(&mut self) {
        while self.bytes > self.limit && !self.pages.is_empty() {
            let count = self.pages.len().div_ceil(PART);
            let next = (Bound::Excluded(&self.hand[..]), Bound::Unbounded);
            let next = self.pages.range::<[u8], _>(next).take(count);
            let going: Vec<Slice> = next.map(|(start, _)| start.clone()).collect();
            self.hand = going.last().cloned().unwrap_or_default();
            for start in going {
                self.remove(&start);
            }
        }
    }
}
