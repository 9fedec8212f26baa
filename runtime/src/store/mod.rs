//! The durable store: the history of blocks, and the state they lead to.
//!
//! ```text
//! genesis.json   the ledger's configuration, bytes as given; the journal starts from its hash
//! journal/       every block since genesis, hash-chained: the truth          -> journal.rs
//! acknowledged   the last block that somebody was told is durable            -> acknowledged.rs
//! state/         accounts, storage, code and indexes, derived from journal/  -> state/, schema.rs
//! lock           held by the process that has the ledger open                -> lock.rs
//! running        there while the ledger is open, or if it was not closed      -> running.rs
//! ```
//! Whatever is done to these files but the lock and the state goes through one door, disk.rs.
//!
//! A commit checks that the block follows the head and applies to its state, appends it to the
//! journal, syncs the disk, writes the mark, and shows the block to readers from memory. A thread
//! brings the state on disk up to the journal now and then. Opening takes the state as of its last
//! checkpoint and reads the journal from there on into memory.
//!
//! ```text
//! commit: check -> journal, fdatasync -> acknowledged -> memory, where readers see it
//! behind: memory -> state, in small batches -> indexes of full segments -> its head
//! open:   lock -> genesis -> state's head -> the journal from there on, into memory -> its tail
//!         against acknowledged -> the whole state against the commitment, if it may be broken
//! ```
//!
//! Architecture Invariants: nothing acknowledged is ever dropped silently. Whatever is read is what
//! was committed, or an error that says what to do. After a failed write the store refuses further
//! ones until it is opened again.

mod acknowledged;
mod audit;
mod backup;
mod checkpoint;
mod commitment;
pub mod disk;
mod error;
mod index;
mod journal;
mod lock;
mod open;
mod recent;
mod record;
mod running;
mod schema;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod transition;
mod view;

pub use audit::Verification;
pub use commitment::Commitment;
pub use error::{Damage, Refusal, Remedy, Result, StoreError};
pub use index::LogFilter;
pub use journal::Durability;
pub use open::Rebuilt;
pub use recent::Memory;
pub use schema::Counts;
pub use view::View;

use crate::types::{Account, Address, B256, Block, Bytes, Header, StateKeyRef};
use acknowledged::Acknowledged;
use alloy_primitives::Sealed;
use checkpoint::Checkpoints;
use index::{Index, Item};
use journal::{Journal, Reader};
use recent::Recent;
use running::Running;
use schema::state_key;
use state::State;
use std::{
    collections::BTreeSet,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use table::Value;

/// The file of the ledger's configuration.
const GENESIS: &str = "genesis.json";
const JOURNAL: &str = "journal";
const ACKNOWLEDGED: &str = "acknowledged";
const STATE: &str = "state";
const LOCK: &str = "lock";
const RUNNING: &str = "running";

/// Journal between two checkpoints: opening after a crash reads at most a few times as much. The
/// more, the more changes of the same entry are one write of the tree.
const CHECKPOINT_BYTES: u64 = 64 << 20;
/// What is not in the tree yet when a checkpoint begins, however much memory there is: some 600,000
/// entries. So much journal of payments changes as many; of smaller writes, it changes more.
const FRESH_BYTES: usize = 128 << 20;
/// Entries of a state that is read whole whenever it is opened, however much memory there is.
const ALWAYS_CHECKED: u64 = 1 << 17;
/// If the disk is so slow that this many checkpoints are due at once, commits wait for it.
const CHECKPOINTS_BEHIND: u64 = 3;

/// How a ledger is kept open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether a commit waits for the disk.
    pub durability: Durability,
    /// Memory for the state, in bytes: half of it for the tree's nodes and pages, a quarter for entries
    /// that are not in their pages yet, an eighth for others that were read or written lately, and an
    /// eighth, 128 MiB at most, for what is not in the tree yet. Under the highest load the last is
    /// three times as much, and moves on as a whole to what is not in its pages yet. A state of any
    /// size works with any of this; more is faster.
    pub memory: usize,
    /// Size of a file of the journal, in bytes, but for a single larger block, and at most 4 GiB: few
    /// enough files for a long history, small enough to copy and check one at a time. The indexes
    /// are in memory for what the last one holds, and those of which the tree has no index yet.
    pub segment: u64,
}

impl Options {
    /// 64 MiB.
    pub const SEGMENT: u64 = 64 << 20;
    /// Enough for the hot entries of a million accounts, little enough for a laptop.
    pub const MEMORY: usize = 256 << 20;

    /// Pages, and the tree's nodes.
    fn tree_bytes(&self) -> usize {
        self.memory / 2
    }

    fn clean_bytes(&self) -> usize {
        self.memory / 8
    }

    /// Entries of deltas.
    fn delta_bytes(&self) -> usize {
        self.memory / 4
    }

    /// A state of at most so many entries is read and compared with its commitment whenever it is
    /// opened: what fits into memory, and takes a fifth of a second at most. A larger one is if it
    /// may be broken.
    fn always_checked(&self) -> u64 {
        (self.memory as u64 / 2048).min(ALWAYS_CHECKED)
    }

    /// What is not in the tree yet when a checkpoint begins.
    fn fresh_bytes(&self) -> usize {
        (self.memory / 8).clamp(1, FRESH_BYTES)
    }
}

impl Default for Options {
    fn default() -> Self {
        Durability::default().into()
    }
}

impl From<Durability> for Options {
    fn from(durability: Durability) -> Self {
        Options { durability, memory: Options::MEMORY, segment: Options::SEGMENT }
    }
}

/// Told how much of a long operation is done: (done, total), in units of its own.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// An open ledger. Reads go on in any number of threads while one commits.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    config: Bytes,
    options: Options,
    journal: Arc<Reader>,
    state: Arc<State>,
    index: Arc<Index>,
    recent: Arc<Recent>,
    writer: Mutex<Writer>,
    checkpoints: Checkpoints,
    running: Running,
    // The last field, so that everything is closed when the lock goes.
    _lock: lock::Lock,
}

/// What only the committing thread needs.
#[derive(Debug)]
struct Writer {
    journal: Journal,
    acknowledged: Acknowledged,
    /// Bytes of the journal since the last checkpoint was asked for, or, before that, since the one
    /// that was found.
    behind: u64,
    /// Why no more blocks are accepted.
    stopped: Option<String>,
}

impl Store {
    /// The ledger's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The configuration that the ledger was created with.
    pub fn genesis_config(&self) -> &Bytes {
        &self.config
    }

    /// The header of the last block, with its hash.
    pub fn head(&self) -> Arc<Sealed<Header>> {
        self.recent.header()
    }

    /// Numbers of entries, transactions and logs.
    pub fn counts(&self) -> Counts {
        self.recent.head().counts
    }

    /// What of the state is in memory.
    pub fn memory(&self) -> Memory {
        self.recent.memory()
    }

    /// The commitment to the state at the last block.
    pub fn commitment(&self) -> Commitment {
        self.recent.head().commitment.clone()
    }

    /// Makes a block durable and applies it. When this returns, the block survives whatever happens
    /// to the process.
    ///
    /// It checks that the block follows and fits the state, not that anybody signed its
    /// transactions or that they lead to its writes: that is for [`crate::Chain::seal`], which
    /// gives its store to nobody.
    ///
    /// # Errors
    /// [`StoreError::Refused`] if the block does not follow the head: nothing happened. After any
    /// other error it is not known whether the block is durable; the store refuses further blocks
    /// until it is opened again.
    pub fn commit(&self, block: &Block) -> Result<()> {
        self.commit_foreseen(block, None)
    }

    /// [`commit`](Self::commit) for who knows what the state amounts to after the block.
    pub(crate) fn commit_foreseen(
        &self,
        block: &Block,
        commitment: Option<Commitment>,
    ) -> Result<()> {
        let mut writer = self.writer();
        if let Some(cause) = &writer.stopped {
            return Err(StoreError::Stopped { cause: cause.clone() });
        }
        let head = self.recent.head();
        let commitment = transition::check(Some(&head), block, commitment, || {
            transition::check_before(&block.body.writes, |key, before| {
                self.get_as(None, key.as_ref(), |value| value == before)
            })
        })?;
        // Stays so if what follows panics.
        writer.stopped = Some("a commit did not come to its end".to_owned());
        let written = self.write(&mut writer, block, commitment);
        writer.stopped = match &written {
            Ok(()) | Err(StoreError::Refused(_)) => None,
            Err(error) => Some(error.to_string()),
        };
        written
    }

    fn write(&self, writer: &mut Writer, block: &Block, commitment: Commitment) -> Result<()> {
        self.make_room(writer)?;
        let position = writer.journal.append(block)?;
        let tail = writer.journal.tail();
        writer.acknowledged.set(tail.mark())?;
        writer.behind += tail.end.offset - position.offset;
        self.index.add(block, position);
        let head = transition::advance(Some(&self.recent.head()), block, position, commitment);
        let header = Sealed::new_unchecked(block.header.clone(), block.hash);
        self.recent.publish(header, head, &block.body.writes);
        Ok(())
    }

    /// Asks for a checkpoint when one is due, and waits for it when several are: memory is bounded,
    /// and so is what has to be read when the ledger is opened again.
    fn make_room(&self, writer: &mut Writer) -> Result<()> {
        let fresh = self.recent.fresh_bytes() as u64;
        let due = (writer.behind / CHECKPOINT_BYTES).max(fresh / self.options.fresh_bytes() as u64);
        if due >= CHECKPOINTS_BEHIND {
            self.checkpoints.complete()?;
        } else if due == 0 || !self.checkpoints.request()? {
            return Ok(());
        }
        writer.behind = 0;
        Ok(())
    }

    /// Brings the state on disk up to the last block and accepts no more. Not needed for
    /// durability, but the next opening is faster, and after a power failure the state is whole.
    pub fn close(&self) -> Result<()> {
        let mut writer = self.writer();
        writer.stopped.get_or_insert_with(|| "it was closed".to_owned());
        self.checkpoints.close()?;
        self.state.sync()?;
        self.running.end()
    }

    /// An account at the head; `None` if it was never touched. Two reads may be of different blocks,
    /// and of one that is just becoming the head: [`view`](Self::view) has all of one block.
    pub fn account(&self, address: &Address) -> Result<Option<Account>> {
        view::account(self, None, address)
    }

    /// A contract's storage entry at the head.
    pub fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>> {
        view::storage(self, None, address, key)
    }

    /// A module by its keccak-256.
    pub fn code(&self, hash: &B256) -> Result<Option<Bytes>> {
        self.get(None, StateKeyRef::Code(hash))
    }

    /// The value of a key as of a pinned block, or of the head.
    fn get(&self, at: Option<u64>, key: StateKeyRef) -> Result<Option<Bytes>> {
        self.get_as(at, key, Value::clone)
    }

    /// What `take` makes of it. It is brief: others wait for the part of the table that it is in.
    fn get_as<T>(
        &self,
        at: Option<u64>,
        key: StateKeyRef,
        take: impl Fn(&Value) -> T,
    ) -> Result<T> {
        self.recent.get(at, key, || self.state.get(&state_key(key)), take)
    }

    /// The state at the head, unmoved by blocks that are committed later. A view costs memory for
    /// what those change: drop it when done.
    pub fn view(self: &Arc<Self>) -> View {
        View::new(self.clone())
    }

    /// Up to `limit` storage entries of a contract at the head, in order of key, after a given key.
    pub fn storage_page(
        &self,
        address: &Address,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>> {
        view::storage_page(self, &self.recent.pin(), address, after, limit)
    }

    /// Up to `limit` accounts at the head, in order of address, after a given address.
    pub fn accounts_page(
        &self,
        after: Option<&Address>,
        limit: usize,
    ) -> Result<Vec<(Address, Account)>> {
        view::accounts_page(self, &self.recent.pin(), after, limit)
    }

    /// A block by number; `None` if there is none yet.
    pub fn block(&self, number: u64) -> Result<Option<Block>> {
        if number > self.head().number {
            return Ok(None); // it may be durable, but nobody was told
        }
        match self.index.position(&self.state.tree, number)? {
            Some(position) => self.journal.read(position, number).map(Some),
            None => Err(self.state.damage(format!("its index of blocks lacks block {number}"))),
        }
    }

    /// The number of the block with a hash.
    pub fn block_number(&self, hash: &B256) -> Result<Option<u64>> {
        let found = self.find(Item::block(hash), |block| (block.hash == *hash).then_some(()))?;
        Ok(found.map(|(block, ())| block.header.number))
    }

    /// The block that holds a transaction, and the transaction's position in it.
    pub fn transaction(&self, hash: &B256) -> Result<Option<(Block, usize)>> {
        self.find(Item::transaction(hash), |block| {
            block.body.receipts.iter().position(|receipt| receipt.transaction == *hash)
        })
    }

    /// The block that has what an item stands for, and where.
    fn find<T>(
        &self,
        item: Item,
        look: impl Fn(&Block) -> Option<T>,
    ) -> Result<Option<(Block, T)>> {
        let all = 0..=self.head().number;
        let candidates = self.index.blocks(&self.state.tree, item, &all, &mut u64::MAX.clone())?;
        for number in candidates.into_iter().flatten() {
            if let Some(block) = self.block(number)?
                && let Some(found) = look(&block)
            {
                return Ok(Some((block, found)));
            }
        }
        Ok(None)
    }

    /// The blocks of a range that may hold logs which match a filter, in order: those where each of
    /// its conditions is met by some log. Its own range is not looked at. Takes a step off `work`
    /// for each item, list and entry of the index that is looked at; `None` if there are not
    /// enough.
    pub fn log_blocks(
        &self,
        filter: &LogFilter,
        range: &RangeInclusive<u64>,
        work: &mut u64,
    ) -> Result<Option<BTreeSet<u64>>> {
        self.index.log_blocks(&self.state.tree, filter, range, work)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic in a commit leaves `stopped` set.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
