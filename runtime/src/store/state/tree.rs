//! The tree of keys and values on disk that the state is kept in, and the only file that names sled.
//!
//! sled 0.34 never calls fsync: after a power failure it may be behind, or broken. So who opens it
//! then reads all of it and compares it with the commitment; and it can be built again from the
//! journal. After the death of its process it is as it was at some moment before: what was written
//! later is never there without what was written earlier. sled checks what it reads from disk, and
//! panics on some damage; here that becomes an error like any other.
//!
//! Invariant: a batch is there as a whole or not at all, for readers and after a crash.

use crate::store::{
    disk,
    error::{Damage, IoContext, Result, StoreError},
};
use std::{
    fs::{self, File, TryLockError},
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// sled's own file of data inside its directory.
const DATA_FILE: &str = "db";
/// sled takes no less.
const LEAST_CACHE: u64 = 256;
/// How the name of a snapshot ends that sled has not finished.
const UNFINISHED: &str = ".generating";
/// How long to wait for sled's own lock. Ours is held already, so the only other holder is a store
/// of this process that was just dropped: sled's threads let go a little later, and a process that
/// this one is just starting when it executes.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(1);
/// How often to try again where nobody seems to hold the lock.
const UNLOCKED_TRIES: u32 = 5;

/// Bytes that are shared with the tree.
pub(in crate::store) type Slice = sled::IVec;

/// The tree.
#[derive(Debug)]
pub(in crate::store) struct Tree {
    db: sled::Db,
    dir: PathBuf,
}

impl Tree {
    /// Creates an empty tree in a new directory.
    pub fn create(dir: &Path, cache_bytes: u64) -> Result<Self> {
        disk::create_directory(dir)?;
        Tree::start(dir, cache_bytes)
    }

    /// Opens a tree.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<Self> {
        // sled would create what is missing, and start from nothing.
        if !dir.join(DATA_FILE).is_file() {
            return Err(Damage::repairable(dir, "the state is missing"));
        }
        Tree::start(dir, cache_bytes)
    }

    fn start(dir: &Path, cache_bytes: u64) -> Result<Self> {
        forget_unfinished(dir)?;
        let config = sled::Config::new().path(dir).cache_capacity(cache_bytes.max(LEAST_CACHE));
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
                opened => return Ok(Tree { db: opened?, dir: dir.to_owned() }),
            }
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Slice>> {
        self.guard(|| self.db.get(key))
    }

    /// Writes some entries, all or none.
    pub fn write(
        &self,
        entries: impl IntoIterator<Item = (impl Into<Slice>, Option<impl Into<Slice>>)>,
    ) -> Result<()> {
        let mut batch = sled::Batch::default();
        for (key, value) in entries {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.guard(|| self.db.apply_batch(batch))
    }

    /// The last entry of the same table whose key is at most `key`. The first byte is the table.
    pub fn last_up_to(&self, key: &[u8]) -> Result<Option<(Slice, Slice)>> {
        self.guard(|| self.db.range(&key[..1]..=key).next_back().transpose())
    }

    /// The first key after `key`.
    pub fn next_key(&self, key: &[u8]) -> Result<Option<Slice>> {
        let after = (Bound::Excluded(key), Bound::Unbounded);
        let next = self.guard(|| self.db.range::<&[u8], _>(after).next().transpose())?;
        Ok(next.map(|(key, _)| key))
    }

    /// The entries from `start` on and before `end`, in order of key.
    pub fn range(
        &self,
        start: &[u8],
        end: &[u8],
    ) -> impl Iterator<Item = Result<(Slice, Slice)>> + use<'_> {
        // sled takes an empty range the wrong way round for a mistake.
        let mut entries = (start < end).then(|| self.db.range(start..end));
        std::iter::from_fn(move || {
            let entries = entries.as_mut()?;
            self.guard(|| entries.next().transpose()).transpose()
        })
    }

    /// Hands everything to the operating system.
    pub fn flush(&self) -> Result<()> {
        self.guard(|| self.db.flush()).map(drop)
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

    fn guard<T>(&self, operation: impl FnOnce() -> sled::Result<T>) -> Result<T> {
        guard(&self.dir, operation)
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
