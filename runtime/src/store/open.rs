//! The beginnings of an open store: creating a ledger, opening one, building its state again.

use super::{
    ACKNOWLEDGED, GENESIS, JOURNAL, Options, Progress, RUNNING, STATE, Store, Writer,
    acknowledged::{Acknowledged, HALF_A_MARK, Mark},
    checkpoint::{self, Checkpoints},
    commitment::Commitment,
    disk::{self, File},
    error::{Damage, IoContext, Result, StoreError},
    index::{Index, Stored, Unindexed, is_before},
    journal::{Durability, Journal, Position, Reader, Tail, UNREADABLE},
    lock::Lock,
    recent::{Changes, Recent},
    running::Running,
    schema::{self, Checkpoint, Head, INDEXES, state_key},
    state::State,
    table::Table,
    transition::{advance, check},
};
use crate::types::{Account, B256, Block, Bytes, Header, StateKey, U256};
use alloy_primitives::Sealed;
use std::{
    panic::resume_unwind,
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

/// Where a state is built before it takes its place, and where the old one goes before it is
/// removed.
pub(super) const STATE_NEW: &str = "state.new";
pub(super) const STATE_OLD: &str = "state.old";
/// Entries between two reports of progress.
const REPORT_ENTRIES: u64 = 4096;
/// Entries for which there is room before the first is read. The head says how many there are, but a
/// forged one could say anything; more make room for themselves.
const EXPECTED: usize = 1 << 20;

/// What the first record names as its predecessor: it ties the journal to the configuration.
pub(super) fn anchor(config: &[u8]) -> B256 {
    B256::from(blake3::derive_key("florin 1 genesis configuration", config))
}

impl Store {
    /// Creates a ledger in `dir`, which may exist if no ledger is in it. `genesis` is block 0; its
    /// writes are the allocations. `config` is kept as it is and comes back from
    /// [`Store::genesis_config`].
    pub fn create(
        dir: &Path,
        genesis: &Block,
        config: &[u8],
        options: impl Into<Options>,
    ) -> Result<Self> {
        let options = options.into();
        disk::create_directories(dir)?;
        for name in [GENESIS, JOURNAL, ACKNOWLEDGED, STATE] {
            let path = dir.join(name);
            if disk::exists(&path)? {
                read_config(dir)?; // says more of what is not whole
                return Err(StoreError::AlreadyExists { path });
            }
        }
        let lock = Lock::acquire(dir)?;
        let mut replayed = Replayed::new((Position::FIRST, 0), Stored::default(), None);
        let commitment = check(None, genesis, None, || Ok(()))?;
        let (journal, position) =
            Journal::create(&dir.join(JOURNAL), anchor(config), genesis, options)?;
        replayed.take(genesis, position, commitment);
        let running = Running::begin(&dir.join(RUNNING), options.durability)?;
        let state = State::create(&dir.join(STATE), options.tree_bytes(), options.delta_bytes())?;
        replayed.write(&state)?;
        state.sync()?;
        let acknowledged = Acknowledged::create(&dir.join(ACKNOWLEDGED), journal.tail().mark())?;
        // The last, because it makes the directory a ledger; the other names are durable by now.
        File::replace(&dir.join(GENESIS), config)?;
        let (config, recalled) = (config.to_vec().into(), Table::with_capacity(0));
        Parts { config, journal, acknowledged, state, recalled, behind: 0, running, options }
            .assemble(dir, replayed, lock)
    }

    /// Opens a ledger: takes the state as of its last checkpoint and reads the journal from there
    /// on. A state that is small, or may be broken because the machine died, is read and compared
    /// with the commitment as a whole.
    ///
    /// # Errors
    /// [`StoreError::NotALedger`], [`StoreError::Locked`], or [`StoreError::Damaged`], which says
    /// whether [`Store::rebuild`] helps.
    pub fn open(dir: &Path, options: impl Into<Options>, progress: Progress) -> Result<Self> {
        let options = options.into();
        let config = read_config(dir)?;
        let lock = Lock::acquire(dir)?;
        let (acknowledged, marks) = Acknowledged::open(&dir.join(ACKNOWLEDGED))?;
        let mark = marks.newest;
        let reader = Arc::new(Reader::new(&dir.join(JOURNAL)));
        check_anchor(dir, &reader, &config)?;
        let is_whole = Running::is_state_whole(&dir.join(RUNNING))?;
        // A state that may be broken stays marked as such until it was found to be whole.
        let begin = || Running::begin(&dir.join(RUNNING), options.durability);
        let begun = is_whole.then(begin).transpose()?;
        let (state, checkpoint) =
            State::open(&dir.join(STATE), options.tree_bytes(), options.delta_bytes())?;
        state.forget_unnamed()?;
        let Checkpoint { head, unindexed, stored, .. } = checkpoint;
        let start = match head.number < unindexed.1 {
            true => (head.position, head.number),
            false => unindexed,
        };
        let checkpoint = (head.number, head.hash);
        let known_bytes = reader.bytes_before(head.position);
        let mut replayed = Replayed::new(unindexed, stored, Some(head));
        let mut suspect = None;
        let visit = |position, block: Block, moved| {
            if block.header.number > mark.number {
                suspect.get_or_insert(position);
            }
            if block.header.number == checkpoint.0 && block.hash != checkpoint.1 {
                return Err(state.damage("its head is not the block that the journal has"));
            }
            replayed.add(&state, block, &moved, position)
        };
        let (tail, recalled) = thread::scope(|scope| {
            let deltas = scope.spawn(|| recall(&state));
            let (at, first) = start;
            let tail = reader.scan(at, first, None, Some(mark), Commitment::of, visit)?;
            Result::Ok((tail, deltas.join().unwrap_or_else(|panic| resume_unwind(panic))?))
        })?;
        if tail.number < checkpoint.0 {
            return Err(reader.damage(tail.end, Some(tail.number + 1), UNREADABLE));
        }
        if reader.is_torn(&tail, Some(mark.number))? {
            if !marks.whole {
                // What cannot be read may be what the lost mark named.
                return Err(Damage::repairable(dir.join(ACKNOWLEDGED), HALF_A_MARK));
            }
            reader.clear_torn(&tail)?;
        }
        let (head, header) = replayed.head(&state)?;
        if !is_whole || head.counts.entries() + stored.entries <= options.always_checked() {
            check_state(&state, &replayed.fresh, &replayed.index, head, header, progress)?;
        }
        if !is_whole {
            state.fold_again()?;
        }
        let behind = reader.bytes_before(tail.end).saturating_sub(known_bytes);
        let running = begun.map_or_else(begin, Ok)?;
        let journal = Journal::resume(reader, suspect, tail, options)?;
        // Whoever reads the ledger from now on is told of these blocks.
        acknowledged.set(tail.mark())?;
        Parts { config, journal, acknowledged, state, recalled, behind, running, options }
            .assemble(dir, replayed, lock)
    }

    /// Builds the state again from the journal, checks it, and puts it in the place of the old one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the mark or the old state knows of a block that cannot be read.
    pub fn rebuild(dir: &Path, progress: Progress) -> Result<Rebuilt> {
        let options = Options::default();
        let config = read_config(dir)?;
        let _lock = Lock::acquire(dir)?;
        let marks = match Acknowledged::read(&dir.join(ACKNOWLEDGED)) {
            Err(StoreError::Damaged(_)) => None,
            read => Some(read?),
        };
        let mark = marks.map(|marks| marks.newest);
        // Mark and old state are witnesses, as far as they can still speak; either may know more.
        let state = State::open(&dir.join(STATE), options.tree_bytes(), options.delta_bytes());
        let state = state.ok().map(|(_, checkpoint)| checkpoint.head.number);
        let durable = mark.map(|mark| mark.number).max(state);
        let reader = Reader::new(&dir.join(JOURNAL));
        check_anchor(dir, &reader, &config)?;
        let fresh = dir.join(STATE_NEW);
        disk::remove_directory(&fresh)?;
        let (tail, head) = build(&reader, &fresh, mark, anchor(&config), options, progress)?;
        let torn = reader.is_torn(&tail, durable)?;
        if torn {
            reader.clear_torn(&tail)?;
        }
        let whole = marks.is_some_and(|marks| marks.whole);
        if !whole {
            reader.write_again(head.position, tail.end, Durability::Synced)?;
            Acknowledged::create(&dir.join(ACKNOWLEDGED), tail.mark())?;
        }
        let (current, old) = (dir.join(STATE), dir.join(STATE_OLD));
        disk::remove_directory(&old)?;
        if disk::exists(&current)? {
            disk::rename(&current, &old)?;
        }
        disk::rename(&fresh, &current)?;
        disk::sync_directory(dir)?;
        disk::remove_directory(&old)?;
        Ok(Rebuilt { number: head.number, hash: head.hash, doubtful: torn && !whole })
    }
}

/// Where building a state again arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// The last block.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// What followed it could not be read and was cleared, while the mark was damaged: it may have
    /// been a block that was acknowledged.
    pub doubtful: bool,
}

/// Builds a state in a new directory from the whole journal. Returns where both end.
fn build(
    reader: &Reader,
    dir: &Path,
    mark: Option<Mark>,
    anchor: B256,
    options: Options,
    progress: Progress,
) -> Result<(Tail, Head)> {
    let state = State::create(dir, options.tree_bytes(), options.delta_bytes())?;
    let mut replayed = Replayed::new((Position::FIRST, 0), Stored::default(), None);
    let total = reader.bytes()?;
    let mut done = 0;
    let tail = reader.scan(
        Position::FIRST,
        0,
        Some(anchor),
        mark,
        Commitment::of,
        |position, block, moved| {
            replayed.add(&state, block, &moved, position)?;
            if replayed.fresh.bytes() > options.fresh_bytes() {
                replayed.write(&state)?;
            }
            done = reader.bytes_before(position).max(done);
            progress(done.min(total), total);
            Ok(())
        },
    )?;
    replayed.write(&state)?;
    let (head, header) = replayed.head(&state)?;
    check_state(&state, &replayed.fresh, &replayed.index, head, header, &mut |_, _| {})?;
    state.sync()?;
    progress(total, total);
    Ok((tail, head.clone()))
}

/// What the journal says, read in order.
struct Replayed {
    /// Before genesis there is none.
    head: Option<Head>,
    header: Option<Sealed<Header>>,
    /// What it changed that the tree does not have.
    fresh: Changes,
    /// The block that the tree is as of.
    stored: u64,
    index: Index,
    unindexed: Unindexed,
}

impl Replayed {
    /// For a tree that is as of `head` and lacks the indexes from `unindexed` on.
    fn new(unindexed: Unindexed, stored: Stored, head: Option<Head>) -> Self {
        let (header, fresh, index) = (None, Changes::default(), Index::new(unindexed, stored));
        let stored = head.as_ref().map_or(0, |head| head.number);
        Replayed { head, header, fresh, stored, index, unindexed }
    }

    /// Adds the next block of the journal, which may be one that the tree has already; its writes
    /// move the commitment by so much.
    fn add(
        &mut self,
        state: &State,
        block: Block,
        moved: &Commitment,
        position: Position,
    ) -> Result<()> {
        let number = block.header.number;
        if self.head.as_ref().is_some_and(|head| number <= head.number) {
            self.enter(&block, position);
            return Ok(());
        }
        let head = self.head.as_ref();
        let mut commitment = head.map(|head| head.commitment.clone()).unwrap_or_default();
        commitment.join(moved);
        let checked = check(head, &block, Some(commitment), || Ok(()));
        let commitment = checked.map_err(|error| match error {
            StoreError::Refused(refusal) => {
                state.damage(format!("block {number} does not apply to it: {refusal}"))
            }
            other => other,
        })?;
        self.take(&block, position, commitment);
        Ok(())
    }

    /// Takes a checked block.
    fn take(&mut self, block: &Block, position: Position, commitment: Commitment) {
        self.head = Some(advance(self.head.as_ref(), block, position, commitment));
        block.body.writes.iter().for_each(|write| self.fresh.add(write));
        self.enter(block, position);
    }

    fn enter(&mut self, block: &Block, position: Position) {
        self.header = Some(Sealed::new_unchecked(block.header.clone(), block.hash));
        if block.header.number >= self.unindexed.1 {
            self.index.add(block, position);
        }
    }

    /// Where it ended. It began with a block at least.
    fn head(&self, state: &State) -> Result<(&Head, &Sealed<Header>)> {
        let head = self.head.as_ref().zip(self.header.as_ref());
        head.ok_or_else(|| state.damage("the journal leads to none"))
    }

    /// Makes a checkpoint, without a delta: until it is over, the tree is of no use.
    fn write(&mut self, state: &State) -> Result<()> {
        let head = self.head(state)?.0.clone();
        let fresh = std::mem::take(&mut self.fresh);
        let entries = fresh.sorted().into_iter();
        state.apply(entries.map(|(key, value)| Ok((state_key(key.as_ref()), value.clone()))))?;
        self.stored = head.number;
        self.unindexed = checkpoint::finish(state, None, &self.index, head, &mut || Ok(()))?;
        Ok(())
    }
}

/// The parts of an open store.
struct Parts {
    config: Bytes,
    journal: Journal,
    acknowledged: Acknowledged,
    state: State,
    /// What its pages lack.
    recalled: Table,
    /// Bytes of the journal that the state lacks, roughly.
    behind: u64,
    running: Running,
    options: Options,
}

impl Parts {
    fn assemble(self, dir: &Path, replayed: Replayed, lock: Lock) -> Result<Store> {
        let Parts { config, journal, acknowledged, state, recalled, behind, running, options } =
            self;
        replayed.head(&state)?;
        let Replayed { head, header, fresh, stored, index, unindexed: _ } = replayed;
        let (Some(head), Some(header)) = (head, header) else {
            return Err(state.damage("the journal leads to none"));
        };
        let (state, index) = (Arc::new(state), Arc::new(index));
        let tree = (stored, state.unfolded(), recalled);
        let recent = Arc::new(Recent::new(header, head, tree, fresh, options.clean_bytes()));
        Ok(Store {
            dir: dir.to_owned(),
            config,
            options,
            journal: journal.reader().clone(),
            checkpoints: Checkpoints::start(state.clone(), recent.clone(), index.clone())
                .context("start a thread for", dir)?,
            state,
            index,
            recent,
            writer: Mutex::new(Writer { journal, acknowledged, behind, stopped: None }),
            running,
            _lock: lock,
        })
    }
}

/// What the deltas of a state say, in memory.
fn recall(state: &State) -> Result<Table> {
    let table = Table::with_capacity(state.unfolded().entries.min(EXPECTED));
    state.visit_deltas(|number, key, value| {
        table.put(&key, value, number);
    })?;
    Ok(table)
}

/// Reads every entry of the tree and compares what they amount to, with what is `fresh` in memory,
/// with the head and its header, and the indexes with what was written of them. Returns the sum of
/// all balances.
pub(super) fn check_state(
    state: &State,
    fresh: &Changes,
    index: &Index,
    head: &Head,
    header: &Header,
    progress: Progress,
) -> Result<U256> {
    let mut sum = Sum::default();
    let (unindexed, stored) = (index.unindexed(), index.stored());
    let mut indexes = Stored::default();
    let total = head.counts.entries() + stored.entries;
    let mut report = |done: u64| {
        if done.is_multiple_of(REPORT_ENTRIES) {
            progress(done.min(total), total);
        }
    };
    for entry in state.entries(&[])? {
        let (key, value) = entry?;
        let known = state.piece(&key)?;
        // Of what changed later, the tree has what was before.
        if !fresh.has(&known) {
            sum.add(state, &known, &key, &value)?;
            report(sum.entries);
        }
    }
    for (known, value) in fresh.sorted() {
        if let Some(value) = value {
            sum.add(state, known, &state_key(known.as_ref()), value)?;
        }
    }
    for entry in state.tree.range(&INDEXES.start, &INDEXES.end) {
        let (key, value) = entry?;
        if is_before(unindexed, &key) {
            indexes.add(&key, &value);
            report(sum.entries + indexes.entries);
        }
    }
    for (start, end) in schema::UNKNOWN {
        if let Some(entry) = state.tree.range(start, end).next() {
            entry?;
            return Err(state.damage("it has an entry of an unknown kind"));
        }
    }
    progress(total, total);
    if sum.commitment != head.commitment
        || sum.commitment.digest() != header.state_root
        || sum.entries != head.counts.entries()
    {
        return Err(state.damage("accounts, storage and code are not what the head block says"));
    }
    if indexes != stored {
        return Err(state.damage("its indexes are not those that were written"));
    }
    Ok(sum.balances)
}

/// What entries of the state amount to.
#[derive(Default)]
struct Sum {
    commitment: Commitment,
    balances: U256,
    entries: u64,
}

impl Sum {
    fn add(&mut self, state: &State, known: &StateKey, key: &[u8], value: &[u8]) -> Result<()> {
        if let StateKey::Account(_) = known {
            let account = Account::from_bytes(value);
            let account = account.ok_or_else(|| state.damage("an account cannot be decoded"))?;
            self.balances = self.balances.wrapping_add(account.balance);
        }
        self.commitment.add(key, value);
        self.entries += 1;
        Ok(())
    }
}

pub(super) fn read_config(dir: &Path) -> Result<Bytes> {
    let path = dir.join(GENESIS);
    if let Some(config) = disk::read(&path)? {
        return Ok(config.into());
    }
    if !disk::exists(&dir.join(JOURNAL))? {
        return Err(StoreError::NotALedger { dir: dir.to_owned() });
    }
    // It is written last, so without it either nobody was ever told of a block, or it was lost.
    let mark = Acknowledged::read(&dir.join(ACKNOWLEDGED));
    let was_used = mark.is_ok_and(|mark| mark.newest.number > 0)
        || Reader::new(&dir.join(JOURNAL)).goes_beyond_genesis()?;
    Err(match was_used {
        true => Damage::history(path, 0, None, "it is missing"),
        false => StoreError::Unfinished { dir: dir.to_owned() },
    })
}

/// Compares the configuration with what the journal starts from.
pub(super) fn check_anchor(dir: &Path, reader: &Reader, config: &[u8]) -> Result<()> {
    if reader.anchor()? != anchor(config) {
        let what = "it is not the configuration that the ledger was created with";
        return Err(Damage::history(dir.join(GENESIS), 0, None, what));
    }
    Ok(())
}
