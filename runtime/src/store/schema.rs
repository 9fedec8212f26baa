//! The schema of the tree, and the only file that names sled.
//!
//! | table | key | value | why |
//! | --- | --- | --- | --- |
//! | 0 head | | [`Checkpoint`], checked | how far the tree is, and what it amounts to |
//! | 1 account | address 20 | `Account` in RLP | nonce, balance, code hash |
//! | 2 storage | address 20, contract's key | contract's value | what contracts remember |
//! | 3 code | keccak-256 of the module | the module | contracts with the same code share it |
//! | 4 block run | first block's number 8 | segment 4, offset 4 each | where the journal has blocks |
//! | 5 index page | first bits of items 2, segment 4 | first block 8, (item 8, block 4) each | blocks by what is in them |
//!
//! Numbers are big-endian, so that keys sort by block. Tables 1 to 3 are the state that the
//! header's commitment is about, as of the checkpoint in the head; 4 and 5 are indexes, which
//! follow from the journal, of the segments that were full by then. What later blocks change may be
//! as it was before; and a checkpoint that was interrupted may have left values of later blocks.
//! Opening replaces both in memory by what the journal says.
//!
//! sled 0.34 never calls fsync: after a power failure it may be behind, or broken. So who opens it
//! then reads all of it and compares it with the commitment; and it can be built again from the
//! journal. sled checks what it reads from disk, and panics on some damage; here that becomes an
//! error like any other.
//!
//! Invariant: the tree, with what the journal says from the head on, is the state.

use super::{
    commitment::Commitment,
    disk,
    error::{Damage, IoContext, Result, StoreError},
    index::{Stored, Unindexed},
    journal::Position,
};
use crate::types::{Address, B256, Bytes, StateKey, StateKeyRef};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, TryLockError},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// sled's own file of data inside its directory.
const DATA_FILE: &str = "db";
/// How the name of a snapshot ends that sled has not finished.
const UNFINISHED: &str = ".generating";
/// How long to wait for sled's own lock. Ours is held already, so the only other holder is a store
/// of this process that was just dropped: sled's threads let go a little later, and a process that
/// this one is just starting when it executes.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(1);
/// How often to try again where nobody seems to hold the lock.
const UNLOCKED_TRIES: u32 = 5;

const HEAD: u8 = 0;
const ACCOUNT: u8 = 1;
const STORAGE: u8 = 2;
const CODE: u8 = 3;
const BLOCK_RUN: u8 = 4;
const INDEX_PAGE: u8 = 5;

/// The key of the tree for a piece of state: in parts, which are in the same order as the pieces.
pub(super) fn state_key_parts(key: StateKeyRef<'_>) -> [&[u8]; 3] {
    match key {
        StateKeyRef::Account(address) => [&[ACCOUNT], address.as_slice(), &[]],
        StateKeyRef::Storage(contract, key) => [&[STORAGE], contract.as_slice(), key],
        StateKeyRef::Code(hash) => [&[CODE], hash.as_slice(), &[]],
    }
}

/// The key of the tree for a piece of state.
pub(super) fn state_key(key: StateKeyRef) -> Vec<u8> {
    join(state_key_parts(key))
}

/// The piece of state that a key of the tree is for.
pub(super) fn piece(key: &[u8]) -> Option<StateKey> {
    let (table, rest) = key.split_first()?;
    Some(match *table {
        ACCOUNT => StateKey::Account(Address::try_from(rest).ok()?),
        STORAGE => {
            let (contract, key) = rest.split_first_chunk()?;
            StateKey::Storage(Address::new(*contract), Bytes::copy_from_slice(key))
        }
        CODE => StateKey::Code(B256::try_from(rest).ok()?),
        _ => return None,
    })
}

/// The entry of the run that begins with a block.
pub(super) fn block_run_key(first: u64) -> Vec<u8> {
    join([&[BLOCK_RUN], &first.to_be_bytes()])
}

/// A page of a segment's index.
pub(super) fn index_page_key(page: u16, segment: u32) -> Vec<u8> {
    join([&[INDEX_PAGE], &page.to_be_bytes(), &segment.to_be_bytes()])
}

pub(super) fn join<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    parts.concat()
}

/// What a key in the tree is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Head,
    Account,
    Storage,
    Code,
    Index,
}

impl Table {
    /// Where the indexes begin; they are the last tables.
    pub const INDEX: [u8; 1] = [BLOCK_RUN];

    pub fn of(key: &[u8]) -> Option<Table> {
        Some(match *key.first()? {
            HEAD => Table::Head,
            ACCOUNT => Table::Account,
            STORAGE => Table::Storage,
            CODE => Table::Code,
            BLOCK_RUN | INDEX_PAGE => Table::Index,
            _ => return None,
        })
    }
}

/// How many entries of each kind there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Accounts that are not empty.
    pub accounts: u64,
    /// Storage entries of all contracts.
    pub storage: u64,
    /// Distinct modules.
    pub code: u64,
    /// Transactions since genesis.
    pub transactions: u64,
    /// Logs since genesis.
    pub logs: u64,
}

impl Counts {
    /// Entries of the state.
    pub(super) fn entries(&self) -> u64 {
        self.accounts + self.storage + self.code
    }
}

/// What the state amounts to at a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub number: u64,
    /// The block's hash.
    pub hash: B256,
    /// Where the journal has the block.
    pub position: Position,
    /// The sum over the state.
    pub commitment: Commitment,
    pub counts: Counts,
}

/// How far the tree is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// The block whose state it has.
    pub head: Head,
    /// Where the segments begin whose indexes it does not have.
    pub unindexed: Unindexed,
    /// What those that it has amount to.
    pub stored: Stored,
}

impl Checkpoint {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = postcard::to_stdvec(self).expect("a head of plain data encodes");
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(check.as_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, check) = bytes.split_last_chunk::<32>()?;
        (blake3::hash(content).as_bytes() == check).then(|| postcard::from_bytes(content).ok())?
    }
}

/// The tree.
#[derive(Debug)]
pub(super) struct State {
    db: sled::Db,
    dir: PathBuf,
}

impl State {
    /// sled takes no less.
    pub const LEAST_CACHE: u64 = 256;

    /// Creates an empty tree in a new directory.
    pub fn create(dir: &Path, cache_bytes: u64) -> Result<Self> {
        disk::create_directory(dir)?;
        State::start(dir, cache_bytes)
    }

    /// Opens a tree that has a head.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<(Self, Checkpoint)> {
        // sled would create what is missing, and start from nothing.
        if !dir.join(DATA_FILE).is_file() {
            return Err(Damage::repairable(dir, "the state is missing"));
        }
        let state = State::start(dir, cache_bytes)?;
        let head = state.get(&[HEAD])?.and_then(|bytes| Checkpoint::decode(&bytes));
        let head = head.ok_or_else(|| Damage::repairable(dir, "the state has no readable head"))?;
        Ok((state, head))
    }

    fn start(dir: &Path, cache_bytes: u64) -> Result<Self> {
        forget_unfinished(dir)?;
        let config = sled::Config::new().path(dir).cache_capacity(cache_bytes);
        // A checkpoint flushes at its end; no thread does so behind our back.
        let config = config.flush_every_ms(None);
        let deadline = Instant::now() + LOCK_PATIENCE;
        let mut left = UNLOCKED_TRIES;
        loop {
            match guard(dir, || config.open()) {
                Err(StoreError::Io { .. }) if left > 0 && Instant::now() < deadline => {
                    // It may have been let go between the failure and this look at it.
                    left -= u32::from(!locked(dir));
                    thread::sleep(LOCK_PAUSE);
                }
                opened => return Ok(State { db: opened?, dir: dir.to_owned() }),
            }
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let value = guard(&self.dir, || self.db.get(key))?;
        Ok(value.map(|value| Bytes::copy_from_slice(&value)))
    }

    /// Writes some entries, all or none.
    pub fn write<'a>(
        &self,
        entries: impl Iterator<Item = (impl AsRef<[u8]>, Option<&'a [u8]>)>,
    ) -> Result<()> {
        let mut batch = sled::Batch::default();
        for (key, value) in entries {
            match value {
                Some(value) => batch.insert(key.as_ref(), value),
                None => batch.remove(key.as_ref()),
            }
        }
        guard(&self.dir, || self.db.apply_batch(batch))
    }

    /// Says how far the tree is.
    pub fn set_checkpoint(&self, checkpoint: &Checkpoint) -> Result<()> {
        guard(&self.dir, || self.db.insert([HEAD], checkpoint.encode())).map(drop)
    }

    /// The last entry of the same table whose key is at most `key`.
    pub fn last_up_to(&self, key: &[u8]) -> Result<Option<(Vec<u8>, Bytes)>> {
        let found = guard(&self.dir, || self.db.range(&key[..1]..=key).next_back().transpose())?;
        Ok(found.map(|(key, value)| (key.to_vec(), Bytes::copy_from_slice(&value))))
    }

    /// Visits the entries from `start` on in order of key, until `visit` has enough.
    pub fn visit(
        &self,
        start: Vec<u8>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<bool>,
    ) -> Result<()> {
        let mut entries = self.db.range(start..);
        while let Some((key, value)) = guard(&self.dir, || entries.next().transpose())? {
            if !visit(&key, &value)? {
                break;
            }
        }
        Ok(())
    }

    /// Hands everything to the operating system.
    pub fn flush(&self) -> Result<()> {
        guard(&self.dir, || self.db.flush()).map(drop)
    }

    /// Hands everything to the disk. Besides its file of data sled has one for each node of more
    /// than 128 KiB, which a single module can make.
    pub fn sync(&self) -> Result<()> {
        self.flush()?;
        disk::sync_tree(&self.dir)
    }

    /// The error for content that is not as it should be.
    pub fn damage(&self, what: impl Into<String>) -> StoreError {
        Damage::repairable(&self.dir, what)
    }
}

/// Removes what sled was writing when its process died. sled 0.34 writes a snapshot of its tables
/// under a name of its own before it gives it the right one, but takes either for a snapshot when it
/// is opened, and refuses an unfinished one as damage. Without it, it goes on from the one before.
fn forget_unfinished(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).context("list", dir)? {
        let path = entry.context("list", dir)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("snap.") && name.ends_with(UNFINISHED) {
            fs::remove_file(&path).context("remove", &path)?;
        }
    }
    Ok(())
}

/// Whether sled's own lock is still held.
fn locked(dir: &Path) -> bool {
    let file = File::open(dir.join(DATA_FILE));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// Turns sled's errors, and its panics over damaged files, into ours.
fn guard<T>(dir: &Path, operation: impl FnOnce() -> sled::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(source))) => Err(source).context("use the state in", dir),
        Ok(Err(error)) => Err(Damage::repairable(dir, error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let what = text.unwrap_or("it cannot be read");
            Err(Damage::repairable(dir, what.lines().next().unwrap_or(what)))
        }
    }
}
