//! The state on disk: entries in pages, and the deltas of the last checkpoints, which are folded into
//! the pages bit by bit.
//!
//! ```text
//! checkpoint: what changed, in order of key -> a delta -> the head, which names it
//! fold:       a slice of the keys of all deltas -> the pages; a delta of which every key has had its
//!             turn -> no longer in the head -> removed
//! open:       what the deltas say -> memory, until it is folded
//! ```
//! Payments change entries all over the state. To write a page costs sled some twenty microseconds,
//! whatever changes in it: so the changes of many checkpoints are gathered in deltas, which are
//! written in one go, and folded together, many for each page.
//!
//! Whoever reads an entry looks for it in memory first, where all that the deltas say is, and then
//! in its page.
//!
//! Invariants: the pages, with the deltas in order of their blocks, are the state as of the head.
//! What one of the deltas says of a key holds for every older one, so to fold a slice again, after a
//! crash, changes nothing.

mod cache;
mod folding;
mod newest;
mod page;
#[cfg(test)]
mod tests;
mod tree;

pub(super) use folding::Unfolded;
pub(super) use page::Entry;
pub(super) use tree::{BATCH_PAGES, Tree};

use super::{
    error::{Result, StoreError},
    index::{Stored, Unindexed},
    schema::{self, Checkpoint, Delta, HEAD_KEY, Head, delta_end, delta_key, page_key, piece},
    table::{ENTRY_BYTES, Value},
};
use crate::types::{Bytes, StateKey};
use cache::{Cache, Found};
use folding::Folding;
use newest::{List, Newest};
use page::{Page, borrowed, divide, owned, size};
use std::{
    iter::Peekable,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use tree::Slice;

/// Bytes of what changes in the pages of a batch, but for the last page's changes.
const BATCH_BYTES: usize = 64 << 10;
const OUT_OF_ORDER: &str = "the keys of a delta are not in order";

/// The state on disk.
#[derive(Debug)]
pub(super) struct State {
    pub tree: Tree,
    /// Memory that the entries of all deltas may take, roughly.
    limit: usize,
    /// Held for writing while pages change in the tree.
    cache: RwLock<Cache>,
    folding: Mutex<Folding>,
}

impl State {
    /// Creates an empty state in a new directory. The memory that the entries of deltas take is
    /// bounded by `limit`, roughly.
    pub fn create(dir: &Path, cache_bytes: usize, limit: usize) -> Result<Self> {
        let (for_tree, for_pages) = divided(cache_bytes);
        let state = State::of(Tree::create(dir, for_tree)?, for_pages, limit);
        // So every key has a page to be in.
        state.tree.write([(page_key(&[]), Some(page::encode(&[], [].into_iter())))])?;
        Ok(state)
    }

    /// Opens a state that has a head.
    pub fn open(dir: &Path, cache_bytes: usize, limit: usize) -> Result<(Self, Checkpoint)> {
        let (for_tree, for_pages) = divided(cache_bytes);
        let state = State::of(Tree::open(dir, for_tree)?, for_pages, limit);
        let checkpoint = state.tree.get(&HEAD_KEY)?.and_then(|bytes| Checkpoint::decode(&bytes));
        let checkpoint =
            checkpoint.ok_or_else(|| state.damage("the state has no readable head"))?;
        *state.folding() = Folding {
            base: Some((checkpoint.head.clone(), checkpoint.unindexed, checkpoint.stored)),
            deltas: checkpoint.deltas.iter().cloned().map(Arc::new).collect(),
            cursor: checkpoint.cursor.clone(),
            owed: checkpoint.owed,
            ..Folding::default()
        };
        Ok((state, checkpoint))
    }

    fn of(tree: Tree, cache_bytes: usize, limit: usize) -> Self {
        let cache = RwLock::new(Cache::new(cache_bytes));
        State { tree, limit: limit.max(1), cache, folding: Mutex::default() }
    }

    /// Removes deltas that were being written, or removed, when the process died.
    pub fn forget_unnamed(&self) -> Result<()> {
        let named = self.folding().numbers();
        let mut last = schema::DELTAS.start.to_vec();
        while let Some(key) = self.tree.next_key(&last)?
            && key[..] < schema::DELTAS.end[..]
        {
            let number = schema::delta_number(&key);
            let number = number.ok_or_else(|| self.damage("a delta has a malformed key"))?;
            if !named.contains(&number) {
                self.remove_delta(number)?;
            }
            last = delta_end(number).max(key.to_vec());
        }
        Ok(())
    }

    /// Folds everything again: after a power failure pages may lack what was folded into them, which
    /// nobody sees as long as a delta says it too.
    pub fn fold_again(&self) -> Result<()> {
        let mut folding = self.folding();
        folding.begin_again();
        self.write_head(&folding)
    }

    /// Hands everything to the disk.
    pub fn sync(&self) -> Result<()> {
        self.tree.sync()
    }

    /// The error for content that is not as it should be.
    pub fn damage(&self, what: impl Into<String>) -> StoreError {
        self.tree.damage(what)
    }

    /// The value of a key of [`schema::state_key`], unless one of the deltas says otherwise.
    pub fn get(&self, key: &[u8]) -> Result<Value> {
        let place = page_key(key);
        if let Some(found) = self.cache().find(&place) {
            return self.value(found, key);
        }
        let (found, changes) = {
            let cache = self.cache();
            (self.page_of(&place)?, cache.changes)
        };
        let value = self.value(&found, key)?;
        self.cache_mut().add(found, changes);
        Ok(value)
    }

    /// The value that a page has for a key.
    fn value(&self, found: &Found, key: &[u8]) -> Result<Value> {
        let value = self.page(&found.start, &found.page)?.find(key);
        Ok(value.ok_or_else(|| self.malformed())?.map(Bytes::copy_from_slice))
    }

    /// The page in the tree that is to have a key of the tree.
    fn page_of(&self, place: &[u8]) -> Result<Found> {
        let found = self.tree.last_up_to(place)?;
        let (start, page) = found.ok_or_else(|| self.damage("it has no first page"))?;
        Ok(Found { end: self.tree.next_key(&start)?, start, page })
    }

    /// The page, or part of a delta, at a key of the tree.
    fn page<'a>(&self, place: &'a [u8], page: &'a [u8]) -> Result<Page<'a>> {
        let page = schema::page_start(place).and_then(|start| Page::new(start, page));
        page.ok_or_else(|| self.malformed())
    }

    /// The piece of state that a key of an entry is for.
    pub fn piece(&self, key: &[u8]) -> Result<StateKey> {
        piece(key).ok_or_else(|| self.damage("it has a malformed key"))
    }

    fn malformed(&self) -> StoreError {
        self.damage("a page cannot be decoded")
    }

    /// The entries from a key on, in order of key, as of the last checkpoint before this call, or
    /// later.
    pub fn entries(&self, from: &[u8]) -> Result<impl Iterator<Item = Result<(Vec<u8>, Bytes)>>> {
        let deltas = self.folding().deltas.clone();
        let first = {
            let _steady = self.cache();
            self.page_of(&page_key(from))?.start
        };
        let pages = self.list(&first, &schema::PAGES.end, from);
        let numbers: Vec<_> = deltas.iter().map(|delta| delta.number).collect();
        let lists = [pages].into_iter().chain(self.delta_lists(&numbers, from)?);
        let mut entries = Newest::new(lists);
        let mut last: Option<Vec<u8>> = None;
        Ok(std::iter::from_fn(move || {
            // What is read here stays: a delta is in the pages before it is removed, but the pages may
            // have been read before that.
            let _kept = &deltas;
            loop {
                let (key, value) = match entries.next()? {
                    Ok(entry) => entry,
                    Err(error) => return Some(Err(error)),
                };
                // A page that is divided meanwhile may show some of its entries again.
                if last.as_ref().is_none_or(|last| key > *last) {
                    last = Some(key.clone());
                    if let Some(value) = value {
                        return Some(Ok((key, value)));
                    }
                }
            }
        }))
    }

    /// What the deltas of these blocks say of the keys from one on.
    fn delta_lists(&self, numbers: &[u64], from: &[u8]) -> Result<Vec<List<'_>>> {
        let list = |number: &u64| {
            let start = delta_key(*number, &[]);
            let before = self.tree.last_up_to(&delta_key(*number, from))?.map(|(key, _)| key);
            let first = before.as_deref().filter(|key| **key >= *start).unwrap_or(&start);
            Ok(self.list(first, &delta_end(*number), from))
        };
        numbers.iter().map(list).collect()
    }

    /// The entries of the pages between two keys of the tree that are at a key of the state or after
    /// it.
    fn list<'a>(&'a self, start: &[u8], end: &[u8], from: &[u8]) -> List<'a> {
        let from = from.to_vec();
        let pages = self.tree.range(start, end);
        let decode = |found: Result<(Slice, Slice)>| -> Vec<Result<Entry>> {
            let entries = found.and_then(|(place, page)| {
                let entries = self.page(&place, &page)?.entries();
                let owned = entries.map(|entry| entry.map(owned).ok_or_else(|| self.malformed()));
                Ok(owned.collect())
            });
            entries.unwrap_or_else(|error| vec![Err(error)])
        };
        let entries = pages.flat_map(decode);
        Box::new(entries.skip_while(move |entry| entry.as_ref().is_ok_and(|(key, _)| *key < from)))
    }

    /// Visits what the deltas say, the oldest first: the block of the delta, the key, and the value.
    pub fn visit_deltas(&self, mut visit: impl FnMut(u64, StateKey, Value)) -> Result<()> {
        let numbers = self.folding().numbers();
        for (list, number) in self.delta_lists(&numbers, &[])?.into_iter().zip(&numbers) {
            for entry in list {
                let (key, value) = entry?;
                visit(*number, self.piece(&key)?, value);
            }
        }
        Ok(())
    }

    /// What of the state is in deltas.
    pub fn unfolded(&self) -> Unfolded {
        self.folding().unfolded()
    }

    /// Writes what changed up to block `number`, in order of key, as a delta, which the next head is
    /// to name. `between` comes before each batch, and may end it.
    pub fn append(
        &self,
        number: u64,
        entries: impl Iterator<Item = Result<Entry>>,
        between: &mut impl FnMut() -> Result<()>,
    ) -> Result<Delta> {
        let mut delta = Delta { number, ..Delta::default() };
        let mut entries = entries.peekable();
        while entries.peek().is_some() {
            between()?;
            let batch = take_batch(&mut entries, |_| true)?;
            delta.memory +=
                batch.iter().map(|entry| ENTRY_BYTES + size(borrowed(entry))).sum::<usize>() as u64;
            delta.entries += batch.len() as u64;
            let batch: Vec<_> = batch.iter().map(borrowed).collect();
            self.tree.write(divide(&batch).map(|entries| {
                let first = entries.first().map_or(&[][..], |(key, _)| key);
                (delta_key(number, first), Some(page::encode(first, entries.iter().copied())))
            }))?;
        }
        Ok(delta)
    }

    /// Writes entries, which are in order of key, into the pages.
    pub fn apply(&self, entries: impl Iterator<Item = Result<Entry>>) -> Result<()> {
        let mut entries = entries.peekable();
        while entries.peek().is_some() {
            self.apply_batch(&mut entries)?;
        }
        Ok(())
    }

    /// Says that the tree is as of a head, with a delta more.
    pub fn set_head(
        &self,
        head: Head,
        (unindexed, stored): (Unindexed, Stored),
        delta: Option<Delta>,
    ) -> Result<()> {
        let mut folding = self.folding();
        if let Some(delta) = delta.filter(|delta| delta.entries > 0) {
            folding.add(delta, self.limit);
        }
        folding.base = Some((head, unindexed, stored));
        self.write_head(&folding)
    }

    /// Says in the tree how far folding is, and what the tree is as of.
    fn write_head(&self, folding: &Folding) -> Result<()> {
        let Some((head, unindexed, stored)) = folding.base.clone() else { return Ok(()) };
        let deltas = folding.deltas.iter().map(|delta| (**delta).clone()).collect();
        let (cursor, owed) = (folding.cursor.clone(), folding.owed);
        let checkpoint = Checkpoint { head, deltas, cursor, owed, unindexed, stored };
        self.tree.write([(&HEAD_KEY, Some(checkpoint.encode()))])?;
        self.tree.flush()
    }

    /// Whether deltas hold more than they may.
    pub fn is_overfull(&self) -> bool {
        self.folding().is_overfull(self.limit)
    }

    /// Folds the next batch of what is due. Returns whether there is more.
    pub fn fold(&self) -> Result<bool> {
        let (numbers, (mut round, cursor)) = {
            let mut folding = self.folding();
            self.remove_done(&mut folding)?;
            if !folding.is_due(self.limit) {
                return Ok(false);
            }
            (folding.numbers(), folding.cursor.clone())
        };
        let mut entries = Newest::new(self.delta_lists(&numbers, &cursor)?).peekable();
        let written = if entries.peek().is_some() { self.apply_batch(&mut entries)? } else { 0 };
        let next = entries.next().transpose()?.map(|(key, _)| key);
        if next.as_ref().is_some_and(|next| *next <= cursor) {
            return Err(self.damage(OUT_OF_ORDER));
        }
        round += u64::from(next.is_none());
        drop(entries);
        let mut folding = self.folding();
        folding.cursor = (round, next.unwrap_or_default());
        folding.owed = folding.owed.saturating_sub(written as u64);
        let over = folding.count_over();
        let over: Vec<_> = folding.deltas.drain(..over).collect();
        if folding.deltas.is_empty() {
            folding.owed = 0;
        }
        if !over.is_empty() {
            self.write_head(&folding)?;
            folding.done.extend(over);
        }
        self.remove_done(&mut folding)?;
        Ok(folding.is_due(self.limit))
    }

    /// Removes deltas that the head no longer names and nobody reads any more.
    fn remove_done(&self, folding: &mut Folding) -> Result<()> {
        let mut unread = folding.done.extract_if(.., |delta| Arc::strong_count(delta) == 1);
        unread.try_for_each(|delta| self.remove_delta(delta.number))
    }

    /// Writes a batch of entries, of which there is at least one, into the pages. Returns how many.
    fn apply_batch(
        &self,
        entries: &mut Peekable<impl Iterator<Item = Result<Entry>>>,
    ) -> Result<usize> {
        let (mut written, mut bytes, mut pages) = (0, 0, 0);
        let mut batch: Vec<(Found, Vec<Found>)> = Vec::new();
        while pages < BATCH_PAGES
            && bytes < BATCH_BYTES
            && let Some(next) = entries.peek()
        {
            let Ok((key, _)) = next else { break };
            let place = page_key(key);
            let known = self.cache().find(&place).cloned();
            let found = known.map_or_else(|| self.page_of(&place), Ok)?;
            let changes = take_batch(entries, |key| found.is_for(&page_key(key)))?;
            pages += 1;
            written += changes.len();
            bytes += changes.iter().map(|entry| size(borrowed(entry))).sum::<usize>();
            batch.push(self.change(found, &changes)?);
        }
        if batch.is_empty() {
            return entries.next().map_or(Ok(0), |failed| failed.map(|_| 0));
        }
        let pages = batch.iter().flat_map(|(former, parts)| {
            let gone = parts.is_empty().then(|| (former.start.clone(), None));
            let parts = parts.iter().map(|part| (part.start.clone(), Some(part.page.clone())));
            gone.into_iter().chain(parts)
        });
        let mut cache = self.tree.write_under(pages, || self.cache_mut())?;
        for (former, parts) in batch {
            cache.replace(&former, parts);
        }
        Ok(written)
    }

    /// A page, and the pages that it becomes by changes.
    fn change(&self, found: Found, changes: &[Entry]) -> Result<(Found, Vec<Found>)> {
        let start = schema::page_start(&found.start).ok_or_else(|| self.malformed())?;
        let page = self.page(&found.start, &found.page)?;
        let is_sorted = changes.is_sorted_by(|(before, _), (key, _)| before < key);
        if !is_sorted || changes.first().is_some_and(|(key, _)| **key < *start) {
            return Err(self.damage(OUT_OF_ORDER));
        }
        // One after the other: an allocation for each key would take as long as all the rest.
        let (mut keys, mut spans) = (Vec::new(), Vec::new());
        let prefix = page.prefix;
        for entry in page.rests() {
            let (rest, value) = entry.ok_or_else(|| self.malformed())?;
            let at = keys.len();
            keys.extend_from_slice(prefix);
            keys.extend_from_slice(rest);
            spans.push((at..keys.len(), value));
        }
        // It would shadow what the next page has.
        if spans.last().is_some_and(|(last, _)| !found.is_for(&page_key(&keys[last.clone()]))) {
            return Err(self.malformed());
        }
        let mut present = spans.into_iter().map(|(span, value)| (&keys[span], value)).peekable();
        let mut entries = Vec::new();
        for (key, value) in changes.iter().map(borrowed) {
            while let Some(entry) = present.next_if(|(before, _)| *before < key) {
                entries.push(entry);
            }
            present.next_if(|(same, _)| *same == key);
            entries.extend(value.map(|value| (key, Some(value))));
        }
        entries.extend(present);
        let page = |start: Slice, entries: &[(&[u8], Option<&[u8]>)]| {
            let key = schema::page_start(&start).unwrap_or_default();
            let page = page::encode(key, entries.iter().copied()).into();
            Found { start, end: None, page }
        };
        let mut parts: Vec<Found> = Vec::new();
        for entries in divide(&entries) {
            let first = entries.first().map_or(start, |(key, _)| key);
            let start = if parts.is_empty() { found.start.clone() } else { page_key(first).into() };
            if let Some(before) = parts.last_mut() {
                before.end = Some(start.clone());
            }
            parts.push(page(start, entries));
        }
        // The first page of all stays when it is empty.
        if parts.is_empty() && start.is_empty() {
            parts.push(page(found.start.clone(), &[]));
        }
        if let Some(last) = parts.last_mut() {
            last.end = found.end.clone();
        }
        Ok((found, parts))
    }

    fn remove_delta(&self, number: u64) -> Result<()> {
        let (start, end) = (delta_key(number, &[]), delta_end(number));
        loop {
            let keys = self.tree.range(&start, &end).take(BATCH_PAGES);
            let keys: Vec<_> =
                keys.map(|found| found.map(|(key, _)| key)).collect::<Result<_>>()?;
            if keys.is_empty() {
                return Ok(());
            }
            self.tree.write(keys.iter().map(|key| (key, None::<&[u8]>)))?;
        }
    }

    fn cache(&self) -> RwLockReadGuard<'_, Cache> {
        self.cache.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache_mut(&self) -> RwLockWriteGuard<'_, Cache> {
        self.cache.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn folding(&self) -> MutexGuard<'_, Folding> {
        self.folding.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory for the tree's nodes, and for pages: most of it for these, which take less and are found
/// sooner.
fn divided(cache_bytes: usize) -> (u64, usize) {
    let for_tree = cache_bytes / 4;
    (for_tree as u64, cache_bytes - for_tree)
}

/// Takes entries until they are enough for a batch, as long as their keys fit.
fn take_batch(
    entries: &mut Peekable<impl Iterator<Item = Result<Entry>>>,
    fits: impl Fn(&[u8]) -> bool,
) -> Result<Vec<Entry>> {
    let (mut batch, mut bytes) = (Vec::new(), 0);
    while bytes < BATCH_BYTES
        && let Some(entry) =
            entries.next_if(|entry| entry.as_ref().map_or(true, |(key, _)| fits(key)))
    {
        let entry = entry?;
        bytes += size(borrowed(&entry));
        batch.push(entry);
    }
    Ok(batch)
}
