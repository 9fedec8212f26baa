//! The tree of keys and values on disk that the state is kept in, and the only file that names sled.
//!
//! sled 0.34 never calls fsync: after a power failure it may be behind, or broken. So who opens it
//! then reads all of it and compares it with the commitment; and it can be built again from the
//! journal. After the death of its process it is as it was at some moment before: what was written
//! later is never there without what was written earlier. sled checks what it reads from disk, and
//! panics on some damage; here that becomes an error like any other.
//!
//! sled writes its file in segments and reuses those in which nothing is alive any more. Out of a
//! segment that is half dead it moves what is alive, but only one node whenever it writes some node
//! whole, which is too seldom where entries are large: the file would grow without end. So when it
//! has grown by half, small writes that go nowhere else make sled move on (`make_room`).
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
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The tree beside ours that sled is made to move on by, and its only key: under it the length at
/// which the file had room the last time.
const ROOM: &str = "room";
const LENGTH: &[u8] = b"length";
/// sled writes a node whole after ten writes to it.
const WRITES_PER_MOVE: u64 = 11;
/// A node is larger than this, mostly; there are no more to be moved than fit into the file.
const BYTES_PER_MOVE: u64 = 32 << 10;
/// Writes to make room by for each entry that was written, and in any case. They take a tenth of the
/// time that writing a page does.
const WRITES_PER_ENTRY: u64 = 8;
const WRITES_LEAST: u64 = 1_000;
/// A file of this length has room.
const LENGTH_LEAST: u64 = 16 << 20;
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
    /// Entries written since room was made.
    written: AtomicU64,
    room: Mutex<Room>,
}

#[derive(Debug)]
struct Room {
    /// The length of the file when it had room the last time.
    length: u64,
    /// Writes until it has room again.
    owed: u64,
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
                opened => return Tree::around(opened?, dir),
            }
        }
    }

    fn around(db: sled::Db, dir: &Path) -> Result<Self> {
        let length = guard(dir, || db.open_tree(ROOM)?.get(LENGTH))?;
        let length = length.and_then(|bytes| Some(u64::from_le_bytes(*bytes.first_chunk()?)));
        let room = Mutex::new(Room { length: length.unwrap_or_default(), owed: 0 });
        Ok(Tree { db, dir: dir.to_owned(), written: AtomicU64::new(0), room })
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
            self.written.fetch_add(1, Ordering::Relaxed);
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
        self.make_room()?;
        self.guard(|| self.db.flush()).map(drop)
    }

    /// Hands everything to the disk. Besides its file of data sled has one for each node of more
    /// than 128 KiB, which a single module can make.
    pub fn sync(&self) -> Result<()> {
        self.flush()?;
        disk::sync_tree(&self.dir)
    }

    /// Sees to it that the file does not grow without end: see the module's documentation.
    fn make_room(&self) -> Result<()> {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.written.swap(0, Ordering::Relaxed);
        let path = self.dir.join(DATA_FILE);
        let length = fs::metadata(&path).context("look at", &path)?.len();
        // What was moved away from its end is cut off a little later.
        let least = room.length.min(length);
        if room.owed == 0 && length > LENGTH_LEAST.max(least / 2 * 3) {
            *room = Room { length, owed: length / BYTES_PER_MOVE * WRITES_PER_MOVE };
        } else if room.owed == 0 {
            room.length = least;
            return Ok(());
        }
        let writes = room.owed.min(WRITES_LEAST + WRITES_PER_ENTRY * written);
        room.owed -= writes;
        room.length = length;
        let tree = self.guard(|| self.db.open_tree(ROOM))?;
        for number in 0..writes {
            let value = [length.to_le_bytes(), number.to_le_bytes()].concat();
            self.guard(|| tree.insert(LENGTH, value))?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_made_when_the_file_has_grown_and_not_before() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tree");
        let tree = Tree::create(&path, 1 << 20).expect("a tree");
        let length = || fs::metadata(path.join(DATA_FILE)).expect("a file").len();
        let write = |numbers: std::ops::Range<u32>| {
            for number in numbers {
                let entry = [(&number.to_be_bytes(), Some(vec![number as u8; 64 << 10]))];
                tree.write(entry).expect("written");
            }
            tree.flush().expect("flushed");
            let room = tree.room.lock().expect("no panic");
            (room.length, room.owed)
        };
        let room = write(0..64);
        assert!(length() < LENGTH_LEAST && room.1 == 0, "{room:?}");
        assert!(write(64..600).1 > 0, "{}", length());
        let made: Vec<_> = (0..40).map(|_| write(0..0).1).take_while(|&owed| owed > 0).collect();
        assert!(made.is_sorted_by(|more, less| more > less), "{made:?}");
        let (made, owed) = write(0..0);
        assert_eq!(owed, 0);
        assert!(made > LENGTH_LEAST && made <= length(), "{made}");
        // What it was is known when it is opened again.
        drop(tree);
        let tree = Tree::open(&path, 1 << 20).expect("a tree");
        let known = tree.room.lock().expect("no panic").length;
        assert!(known > LENGTH_LEAST && known <= 2 * made, "{known}, not {made}");
        assert_eq!(
            tree.get(&5_u32.to_be_bytes()).expect("a read").map(|value| value.len()),
            Some(64 << 10)
        );
    }
}
