//! The memory between the journal and the tree: what blocks changed since the last checkpoint, what
//! was read lately, and stable views of the state while further blocks are committed.
//!
//! ```text
//! a read as of block n:  the table, if no block after n changed the entry -> undo -> the tree's pages
//! table    entries by key, each with the block that changed it last
//! fresh    keys that blocks changed since the last freeze
//! frozen   keys whose entries are being written to the tree, as a delta, by a checkpoint
//! undo     what each block replaced, for as long as someone looks at the state before it
//! ```
//!
//! Invariants: only durable blocks are in here. What the tree's pages do not have is in the table: its
//! key is in `fresh` or `frozen`, or a delta has it; any part of the deltas may have been folded. What a
//! block replaced is in `undo` before anything of the block is in the table. A value read from the
//! pages enters the table only if no delta was dropped in the meantime.

use super::{
    error::Result,
    schema::Head,
    state::Unfolded,
    table::{Entry, Table, Value, entry_bytes},
};
use crate::types::{Header, StateKey, StateKeyRef, Write};
use alloy_primitives::{Sealed, map::HashMap};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

/// What blocks changed that the tree does not have.
#[derive(Debug, Default)]
pub(super) struct Changes {
    map: HashMap<StateKey, Value>,
    bytes: usize,
}

impl Changes {
    pub fn has(&self, key: &StateKey) -> bool {
        self.map.contains_key(key)
    }

    pub fn add(&mut self, write: &Write) {
        let key = write.key.as_ref();
        self.bytes += entry_bytes(key, &write.after);
        if let Some(former) = self.map.insert(write.key.clone(), write.after.clone()) {
            self.bytes -= entry_bytes(key, &former);
        }
    }

    /// Memory they take, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// In order of key.
    pub fn sorted(&self) -> Vec<(&StateKey, &Value)> {
        // The order of the map does not show: it is sorted here.
        let mut entries: Vec<_> = self.map.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }
}

/// What of the state is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of entries that changed and are not in the tree's pages yet, roughly.
    pub changed: usize,
    /// Bytes of entries that are as in the tree's pages, roughly.
    pub clean: usize,
    /// Reads since the ledger was opened that had to ask the tree.
    pub missed: u64,
}

#[derive(Debug)]
pub(super) struct Recent {
    table: Table,
    tip: RwLock<Tip>,
    /// Held while a block is added, so that a freeze has all of it or nothing.
    keys: Mutex<Keys>,
    /// Bytes of the entries of `fresh`, of `frozen`, and of the tree's deltas, roughly.
    fresh_bytes: AtomicUsize,
    frozen_bytes: AtomicUsize,
    unfolded_bytes: AtomicUsize,
    /// Most bytes of entries that are as in the tree.
    clean_limit: usize,
    /// The block up to which the tree's pages have every change.
    folded: AtomicU64,
    missed: AtomicU64,
}

/// The last block, and the way back.
#[derive(Debug)]
struct Tip {
    header: Arc<Sealed<Header>>,
    head: Arc<Head>,
    /// The head, for those who are going to look at its state.
    pin: Pin,
    /// By block in order: whoever looks at the state before it holds this pin, too, and what it
    /// replaced.
    undo: VecDeque<(Pin, Arc<Vec<Write>>)>,
}

#[derive(Debug)]
struct Keys {
    fresh: Vec<StateKey>,
    frozen: Arc<Vec<StateKey>>,
    /// The head at the last freeze: what changed later is in `fresh`.
    frozen_at: u64,
}

/// Keeps the state as of this block readable for as long as someone has it. To take and to drop one
/// excludes nobody: the next block sees who still has which.
pub(super) type Pin = Arc<Sealed<Header>>;

impl Recent {
    /// For a tree that is as of block `stored`, of whose entries the deltas are in the table;
    /// `changes` is what the blocks from there up to the head did.
    pub fn new(
        header: Sealed<Header>,
        head: Head,
        (stored, unfolded, table): (u64, Unfolded, Table),
        changes: Changes,
        clean_limit: usize,
    ) -> Self {
        let bytes = changes.bytes();
        let mut fresh = Vec::with_capacity(changes.map.len());
        for (key, value) in changes.map {
            table.put(&key, value, head.number);
            fresh.push(key);
        }
        let pin = Arc::new(header.clone());
        let (header, head) = (Arc::new(header), Arc::new(head));
        Recent {
            table,
            tip: RwLock::new(Tip { header, head, pin, undo: VecDeque::new() }),
            keys: Mutex::new(Keys { fresh, frozen: Arc::default(), frozen_at: stored }),
            fresh_bytes: AtomicUsize::new(bytes),
            frozen_bytes: AtomicUsize::new(0),
            unfolded_bytes: AtomicUsize::new(unfolded.bytes),
            clean_limit,
            folded: AtomicU64::new(unfolded.since),
            missed: AtomicU64::new(0),
        }
    }

    /// The header of the last block.
    pub fn header(&self) -> Arc<Sealed<Header>> {
        self.tip().header.clone()
    }

    /// What the state amounts to at the last block.
    pub fn head(&self) -> Arc<Head> {
        self.tip().head.clone()
    }

    /// Keeps the head's state readable for as long as the pin is there.
    pub fn pin(&self) -> Pin {
        self.tip().pin.clone()
    }

    /// What `take` makes of the value of a key as of a block that the caller has a pin of, or as it
    /// is now. `fetch` reads the tree.
    pub fn get<T>(
        &self,
        at: Option<u64>,
        key: StateKeyRef,
        fetch: impl FnOnce() -> Result<Value>,
        take: impl Fn(&Value) -> T,
    ) -> Result<T> {
        let folded = self.folded.load(Ordering::Acquire);
        if let Some(known) = self.known(at, key, &take) {
            return Ok(known);
        }
        self.missed.fetch_add(1, Ordering::Relaxed);
        let value = fetch()?;
        let taken = take(&value);
        let is_stale = || self.folded.load(Ordering::Acquire) != folded;
        if !self.table.remember(key, value, folded, is_stale) {
            // It may be what a later block left.
            return Ok(self.known(at, key, &take).unwrap_or(taken));
        }
        if self.clean_bytes() > self.clean_limit {
            self.table.sweep(self.folded.load(Ordering::Acquire));
        }
        Ok(taken)
    }

    /// What `take` makes of the value, if it is in memory.
    fn known<T>(
        &self,
        at: Option<u64>,
        key: StateKeyRef,
        take: &impl Fn(&Value) -> T,
    ) -> Option<T> {
        let look = |entry: &Entry| (entry.changed, take(&entry.value));
        let (changed, now) = self.table.get(key, look).unzip();
        match at {
            // It was changed since, or may have been, perhaps while it was not in the table.
            Some(at) if changed.is_none_or(|changed| changed > at) => {
                self.tip().undone(at, key).map(take).or(now)
            }
            _ => now,
        }
    }

    /// The value of an entry that is in memory, and the block that changed it last.
    pub fn latest(&self, key: &StateKey) -> Option<(u64, Value)> {
        self.table.get(key.as_ref(), |entry| (entry.changed, entry.value.clone()))
    }

    /// Those of the keys that are in memory because they changed.
    pub fn changed_keys(&self, is_wanted: impl Fn(&StateKey) -> bool) -> BTreeSet<StateKey> {
        // Blocks wait for these locks, so what can be done without them is.
        let (mut found, frozen) = {
            let keys = self.keys();
            let fresh: Vec<_> = keys.fresh.iter().filter(|key| is_wanted(key)).cloned().collect();
            (fresh, keys.frozen.clone())
        };
        let replaced: Vec<_> = self.tip().undo.iter().map(|(_, writes)| writes.clone()).collect();
        let replaced = replaced.iter().flat_map(|writes| writes.iter().map(|write| &write.key));
        found.extend(frozen.iter().chain(replaced).filter(|key| is_wanted(key)).cloned());
        found.into_iter().collect()
    }

    /// Makes a durable block with these writes the head.
    pub fn publish(&self, header: Sealed<Header>, head: Head, writes: &Arc<Vec<Write>>) {
        let mut keys = self.keys();
        {
            let mut tip = self.tip_mut();
            let before = tip.pin.clone();
            tip.undo.push_back((before, writes.clone()));
        }
        for Write { key, after, .. } in writes.iter() {
            let replaced = self.table.put(key, after.clone(), head.number);
            let is_fresh = replaced.changed.is_some_and(|number| number > keys.frozen_at);
            if !is_fresh {
                keys.fresh.push(key.clone());
            }
            let (former, bytes) = replaced.bytes;
            self.fresh_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.fresh_bytes.fetch_sub(if is_fresh { former } else { 0 }, Ordering::Relaxed);
        }
        let mut tip = self.tip_mut();
        tip.pin = Arc::new(header.clone());
        tip.header = Arc::new(header);
        tip.head = Arc::new(head);
        tip.forget();
    }

    /// The block that the tree is as of, pages and deltas.
    #[cfg(test)]
    pub fn stored(&self) -> u64 {
        self.keys().frozen_at
    }

    /// What is in memory.
    pub fn memory(&self) -> Memory {
        Memory {
            changed: self.changed_bytes(),
            clean: self.clean_bytes(),
            missed: self.missed.load(Ordering::Relaxed),
        }
    }

    /// Memory of what changed since the last freeze.
    pub fn fresh_bytes(&self) -> usize {
        self.fresh_bytes.load(Ordering::Relaxed)
    }

    fn changed_bytes(&self) -> usize {
        let frozen = self.frozen_bytes.load(Ordering::Relaxed);
        self.fresh_bytes() + frozen + self.unfolded_bytes.load(Ordering::Relaxed)
    }

    /// What changed while it was frozen counts twice, so this is what it is at least.
    fn clean_bytes(&self) -> usize {
        self.table.bytes().saturating_sub(self.changed_bytes())
    }

    /// Begins a checkpoint: what is fresh is frozen. Returns the keys of what is to be written, and
    /// the head that the tree then has.
    pub fn freeze(&self) -> (Arc<Vec<StateKey>>, Arc<Head>) {
        let mut keys = self.keys();
        debug_assert!(keys.frozen.is_empty(), "one checkpoint at a time");
        let head = self.head();
        keys.frozen_at = head.number;
        keys.frozen = Arc::new(std::mem::take(&mut keys.fresh));
        let bytes = self.fresh_bytes.swap(0, Ordering::Relaxed);
        self.frozen_bytes.store(bytes, Ordering::Relaxed);
        (keys.frozen.clone(), head)
    }

    /// Ends a checkpoint: what was frozen is in the tree, as a delta.
    pub fn thaw(&self, unfolded: Unfolded) {
        self.keys().frozen = Arc::default();
        self.frozen_bytes.store(0, Ordering::Relaxed);
        self.folded(unfolded);
    }

    /// What the tree's pages lack is no more than that.
    pub fn folded(&self, unfolded: Unfolded) {
        self.unfolded_bytes.store(unfolded.bytes, Ordering::Relaxed);
        self.folded.store(unfolded.since, Ordering::Release);
        for _ in 0..Table::ALL_TURNS {
            if self.clean_bytes() <= self.clean_limit {
                break;
            }
            self.table.sweep(unfolded.since);
        }
    }

    fn tip(&self) -> RwLockReadGuard<'_, Tip> {
        self.tip.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tip_mut(&self) -> RwLockWriteGuard<'_, Tip> {
        self.tip.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tip {
    /// The value as of block `at`, if a later block replaced it.
    fn undone(&self, at: u64, key: StateKeyRef) -> Option<&Value> {
        let mut later = self.undo.iter().filter(|(before, _)| before.number >= at);
        later.find_map(|(_, writes)| {
            let place = writes.binary_search_by(|write| write.key.as_ref().cmp(&key)).ok()?;
            Some(&writes[place].before)
        })
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
    use crate::types::{Address, B256, Bytes};
    use proptest::{collection::vec, prelude::*};
    use std::{collections::BTreeMap, thread};

    const KEYS: u8 = 6;

    fn key(key: u8) -> StateKey {
        match key % 3 {
            0 => StateKey::Account(Address::repeat_byte(key)),
            1 => StateKey::Storage(Address::ZERO, vec![key].into()),
            _ => StateKey::Code(B256::repeat_byte(key)),
        }
    }

    fn tip(number: u64) -> (Sealed<Header>, Head) {
        let (commitment, counts) = (Commitment::default(), Counts::default());
        let position = Position::FIRST;
        let head = Head { number, hash: B256::ZERO, position, commitment, counts };
        (Sealed::new_unchecked(Header { number, ..Header::default() }, B256::ZERO), head)
    }

    fn recent(clean_limit: usize) -> Recent {
        let (header, head) = tip(0);
        Recent::new(
            header,
            head,
            (0, Unfolded::default(), Table::with_capacity(0)),
            Changes::default(),
            clean_limit,
        )
    }

    type State = BTreeMap<StateKey, Bytes>;

    /// What block `number` makes of a state by changing these keys: it leaves its number, or, of
    /// every third entry, nothing.
    fn block(number: u64, keys: &[u8], state: &mut State) -> Arc<Vec<Write>> {
        let mut writes: Vec<Write> = Vec::new();
        for name in keys {
            let key = key(*name);
            let is_left = !(number + u64::from(*name)).is_multiple_of(3);
            let after = is_left.then(|| Bytes::copy_from_slice(&number.to_be_bytes()));
            let before = match &after {
                Some(value) => state.insert(key.clone(), value.clone()),
                None => state.remove(&key),
            };
            if before != after {
                writes.push(Write { key, before, after });
            }
        }
        writes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Arc::new(writes)
    }

    fn apply(state: &mut State, key: &StateKey, value: Value) {
        match value {
            Some(value) => drop(state.insert(key.clone(), value)),
            None => drop(state.remove(key)),
        }
    }

    #[derive(Debug, Default)]
    struct Delta {
        since: u64,
        number: u64,
        /// What is not in the pages.
        entries: Vec<(StateKey, Value)>,
        /// What there was.
        bytes: usize,
    }

    /// What checkpoints write, as the store does it.
    #[derive(Debug, Default)]
    struct Tree {
        pages: State,
        /// The oldest first.
        deltas: VecDeque<Delta>,
        stored: u64,
    }

    impl Tree {
        /// What a checkpoint at block `number` does with a key that was frozen.
        fn write(&mut self, recent: &Recent, key: &StateKey, number: u64) {
            let (changed, value) = recent.latest(key).unwrap();
            if self.deltas.back().is_none_or(|delta| delta.number != number) {
                self.deltas.push_back(Delta { since: self.stored, number, ..Delta::default() });
            }
            if changed <= number
                && let Some(delta) = self.deltas.back_mut()
            {
                delta.bytes += entry_bytes(key.as_ref(), &value);
                delta.entries.push((key.clone(), value));
            }
        }

        fn end(&mut self, recent: &Recent, number: u64) {
            self.stored = number;
            recent.thaw(self.unfolded());
        }

        /// Folds what the deltas say of a key.
        fn fold(&mut self, recent: &Recent, key: &StateKey) {
            for delta in self.deltas.iter_mut().filter(|delta| delta.number <= self.stored) {
                for (key, value) in delta.entries.extract_if(.., |entry| entry.0 == *key) {
                    apply(&mut self.pages, &key, value);
                }
            }
            while self.deltas.pop_front_if(|delta| delta.entries.is_empty()).is_some() {}
            recent.folded(self.unfolded());
        }

        fn unfolded(&self) -> Unfolded {
            Unfolded {
                since: self.deltas.front().map_or(self.stored, |delta| delta.since),
                entries: 0,
                bytes: self.deltas.iter().map(|delta| delta.bytes).sum(),
            }
        }

        /// What is found after a crash, but for the journal.
        fn whole(&self) -> State {
            let mut state = self.pages.clone();
            for delta in self.deltas.iter().filter(|delta| delta.number <= self.stored) {
                for (key, value) in &delta.entries {
                    apply(&mut state, key, value.clone());
                }
            }
            state
        }
    }

    #[test]
    fn what_blocks_replaced_is_kept_as_long_as_someone_has_a_pin_from_before() {
        let recent = recent(0);
        let mut state = State::new();
        let mut publish = |number| {
            let (header, head) = tip(number);
            recent.publish(header, head, &block(number, &[1], &mut state));
        };
        let sees = |pin: &Pin| {
            let value = recent.get(Some(pin.number), key(1).as_ref(), || Ok(None), Value::clone);
            let left = !(pin.number + 1).is_multiple_of(3);
            let expected = left.then(|| Bytes::copy_from_slice(&pin.number.to_be_bytes()));
            value.unwrap() == expected
        };
        let kept = || recent.tip().undo.len();
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

    #[derive(Debug, Clone)]
    enum Step {
        Publish(Vec<u8>),
        /// Begins a checkpoint.
        Freeze,
        /// Writes so many of its entries to the tree.
        Write(usize),
        /// Writes the rest, and ends it.
        Thaw,
        /// Folds what deltas say of a key.
        Fold(u8),
        Pin,
        /// Drops the pin at this place.
        Unpin(usize),
        Read(u8),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => vec(0..KEYS, 0..5).prop_map(|mut keys| {
                keys.sort_unstable();
                keys.dedup();
                Step::Publish(keys)
            }),
            1 => Just(Step::Freeze),
            2 => (0..3usize).prop_map(Step::Write),
            1 => Just(Step::Thaw),
            4 => (0..KEYS).prop_map(Step::Fold),
            2 => Just(Step::Pin),
            1 => (0..4usize).prop_map(Step::Unpin),
            4 => (0..KEYS).prop_map(Step::Read),
        ]
    }

    proptest! {
        /// Beside a history of whole states. With no room for clean entries, and with enough.
        #[test]
        fn every_read_is_as_of_its_block(
            steps in vec(step(), 1..80),
            clean_limit in prop_oneof![Just(0), Just(3 * 240), Just(usize::MAX)],
        ) {
            let recent = recent(clean_limit);
            let mut history = vec![State::new()];
            let mut blocks: Vec<Arc<Vec<Write>>> = vec![Arc::default()];
            let (mut tree, mut pins) = (Tree::default(), Vec::<Pin>::new());
            // What is left to be written of the checkpoint that was begun.
            let mut begun = None::<(VecDeque<StateKey>, u64)>;
            for step in steps {
                match step {
                    Step::Publish(keys) => {
                        let (header, head) = tip(history.len() as u64);
                        let mut state = history.last().unwrap().clone();
                        let writes = block(head.number, &keys, &mut state);
                        recent.publish(header, head, &writes);
                        history.push(state);
                        blocks.push(writes);
                    }
                    Step::Freeze if begun.is_none() => {
                        let (keys, head) = recent.freeze();
                        begun = Some((keys.iter().cloned().collect(), head.number));
                    }
                    Step::Write(count) => {
                        let Some((keys, number)) = &mut begun else { continue };
                        for key in keys.drain(..count.min(keys.len())) {
                            tree.write(&recent, &key, *number);
                        }
                    }
                    Step::Thaw => {
                        let Some((keys, number)) = begun.take() else { continue };
                        for key in keys {
                            tree.write(&recent, &key, number);
                        }
                        tree.end(&recent, number);
                        if clean_limit == 0 {
                            prop_assert_eq!(recent.memory().clean, 0);
                        }
                    }
                    Step::Fold(name) => tree.fold(&recent, &key(name)),
                    Step::Pin => pins.push(recent.pin()),
                    Step::Unpin(place) if place < pins.len() => drop(pins.remove(place)),
                    Step::Read(name) => {
                        let key = key(name);
                        let read = |at: Option<u64>| {
                            let fetch = || Ok(tree.pages.get(&key).cloned());
                            recent.get(at, key.as_ref(), fetch, Value::clone).unwrap()
                        };
                        for pin in &pins {
                            let expected = history[pin.number as usize].get(&key).cloned();
                            prop_assert_eq!(read(Some(pin.number)), expected);
                        }
                        let expected = history.last().unwrap().get(&key).cloned();
                        prop_assert_eq!(read(None), expected);
                    }
                    Step::Freeze | Step::Unpin(_) => {}
                }
                // Whoever dies now finds the tree, and the journal from its checkpoint on.
                let mut found = tree.whole();
                for write in blocks[tree.stored as usize + 1..].iter().flat_map(|writes| writes.iter()) {
                    apply(&mut found, &write.key, write.after.clone());
                }
                prop_assert_eq!(&found, history.last().unwrap());
            }
        }
    }

    /// Block n changes two of the keys. Each leaves n, or nothing.
    fn keys_of(number: u64) -> [u8; 2] {
        let first = (number % u64::from(KEYS)) as u8;
        [first, (first + 1 + (number / 7 % 4) as u8) % KEYS]
    }

    #[test]
    fn reads_are_as_of_their_block_while_blocks_and_checkpoints_go_on() {
        const BLOCKS: u64 = 3_000;
        let (recent, tree) = (recent(0), RwLock::new(Tree::default()));
        let mut history = vec![State::new()];
        for number in 1..=BLOCKS {
            let mut state = history.last().unwrap().clone();
            block(number, &keys_of(number), &mut state);
            history.push(state);
        }
        let is_over = || recent.head().number == BLOCKS;
        thread::scope(|scope| {
            let read = || {
                while !is_over() {
                    let pin = recent.pin();
                    for name in (0..KEYS).chain(0..KEYS) {
                        let key = key(name);
                        let fetch = || {
                            let found = tree.read().unwrap().pages.get(&key).cloned();
                            thread::yield_now();
                            Ok(found)
                        };
                        let at = Some(pin.number);
                        let read = recent.get(at, key.as_ref(), fetch, Value::clone).unwrap();
                        assert_eq!(read.as_ref(), history[pin.number as usize].get(&key));
                    }
                }
            };
            scope.spawn(read);
            scope.spawn(read);
            scope.spawn(|| {
                while !is_over() {
                    let (keys, head) = recent.freeze();
                    for key in keys.iter() {
                        tree.write().unwrap().write(&recent, key, head.number);
                        thread::yield_now();
                    }
                    tree.write().unwrap().end(&recent, head.number);
                    // Half of the keys in one round, the others in the next.
                    for name in (0..KEYS).filter(|name| u64::from(name % 2) == head.number % 2) {
                        tree.write().unwrap().fold(&recent, &key(name));
                        thread::yield_now();
                    }
                }
            });
            let mut state = State::new();
            for number in 1..=BLOCKS {
                let (header, head) = tip(number);
                let writes = block(number, &keys_of(number), &mut state);
                recent.publish(header, head, &writes);
                thread::yield_now();
            }
        });
        assert!(recent.memory().missed > 0, "nothing was read from the tree");
    }
}
