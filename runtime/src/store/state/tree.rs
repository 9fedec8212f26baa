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
//! whole, which is too seldom where entries are large: the file would grow without end. So as long as
//! it is too long for what is alive, small writes that go nowhere else make sled move on (`make_room`).
//!
//! Invariants: a batch is there as a whole or not at all, for readers and after a crash. sled is
//! flushed before it can have filled two segments (`UNDER_WAY`).

use crate::store::{
    disk,
    error::{Damage, IoContext, Result, StoreError},
};
use std::{
    fs::{self, File, TryLockError},
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// The tree beside ours that sled is made to move on by, and its only key: under it, the bytes of all
/// entries, give or take a batch for each time that the process died between the two.
const ROOM: &str = "room";
const ALIVE: &[u8] = b"alive";
/// So many times what is alive, and so much more, sled's file may take.
const LENGTH_PER_ALIVE: u64 = 2;
const LENGTH_LEAST: u64 = 16 << 20;
/// Writes to make room by for each entry that is written. They take a tenth of the time that writing a
/// page does.
const WRITES_PER_ENTRY: u64 = 8;
/// What sled's file is divided into. Nodes of more than a quarter have files of their own.
const SEGMENT_BYTES: usize = 2 << 20;
/// sled writes a node whole every ten writes to it; moves another one then, if there is one to be
/// moved; and divides it at sixteen entries. So each write comes to four tenths of a node.
const NODE_BYTES: u64 = 16 * (8 << 10);
const NODE_TENTHS: u64 = 4;
/// Entries of a batch, where there are many to write: readers wait for it, and sled keeps what it
/// replaces in memory until its end.
pub(in crate::store) const BATCH_PAGES: usize = 16;
/// Between two segments that it fills, sled's hands have to be empty once, or it may lock itself up for
/// good: who needs a segment and finds none that is free waits until its file was cut at the end, and
/// holds the list of segments meanwhile. One of seven threads cuts it, when its turn has come; all of
/// them write segments, and then need the list. (sled's pull request 1269 is in no release.) When a cut
/// is due, sled has a free segment left; so if it was flushed since it took that one, the thread that
/// cuts had its turn: before the one that wrote that segment.
const UNDER_WAY: u64 = SEGMENT_BYTES as u64 / 2;
/// So many writes move no more than three nodes of a quarter of a segment.
const WRITES_UNDER_WAY: u64 = 30;
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
    room: sled::Tree,
    dir: PathBuf,
    writing: Mutex<Writing>,
}

/// What writing has come to.
#[derive(Debug, Default)]
struct Writing {
    /// Bytes of all entries in sled's file.
    alive: u64,
    /// Bytes that sled writes, roughly, since its hands were empty.
    under_way: u64,
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
        // sled's documentation hides this and says it is for tests; its files know their own.
        let config = config.segment_size(SEGMENT_BYTES);
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
        let room = guard(dir, || db.open_tree(ROOM))?;
        let alive = guard(dir, || room.get(ALIVE))?;
        let alive = alive.and_then(|bytes| Some(u64::from_le_bytes(*bytes.first_chunk()?)));
        let writing = Writing { alive: alive.unwrap_or_default(), ..Writing::default() };
        Ok(Tree { db, room, dir: dir.to_owned(), writing: Mutex::new(writing) })
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
        self.write_under(entries, || ())
    }

    /// The same under a lock, which nobody waits for with what comes before: sled may have to write.
    pub fn write_under<L>(
        &self,
        entries: impl IntoIterator<Item = (impl Into<Slice>, Option<impl Into<Slice>>)>,
        lock: impl FnOnce() -> L,
    ) -> Result<L> {
        let mut writing = self.writing();
        let mut batch = sled::Batch::default();
        let (mut count, mut gone, mut new) = (0, 0, 0);
        for (key, value) in entries {
            let key = key.into();
            count += 1;
            gone += self.get(&key)?.map_or(0, |former| size(&key, &former));
            match value.map(Into::into) {
                Some(value) => {
                    new += size(&key, &value);
                    batch.insert(key, value);
                }
                None => batch.remove(key),
            }
        }
        self.make_room(&mut writing, count)?;
        let bytes = new + count * NODE_BYTES * NODE_TENTHS / 10;
        if writing.under_way + bytes > UNDER_WAY {
            self.empty_hands(&mut writing)?;
        }
        writing.under_way += bytes;
        let locked = lock();
        self.guard(|| self.db.apply_batch(batch))?;
        writing.alive = (writing.alive + new).saturating_sub(gone);
        self.write_alive(&writing, 0)?;
        Ok(locked)
    }

    /// Says how much is alive, and a number: what is there already, sled does not write.
    fn write_alive(&self, writing: &Writing, number: u64) -> Result<()> {
        let value = [writing.alive.to_le_bytes(), number.to_le_bytes()].concat();
        self.guard(|| self.room.insert(ALIVE, value)).map(drop)
    }

    /// Waits until sled has written all that it was given.
    fn empty_hands(&self, writing: &mut Writing) -> Result<()> {
        writing.under_way = 0;
        self.guard(|| self.db.flush()).map(drop)
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
        self.empty_hands(&mut self.writing())
    }

    /// Hands everything to the disk. Besides its file of data sled has one for each node of more
    /// than a quarter of a segment, which a single module can make.
    pub fn sync(&self) -> Result<()> {
        self.flush()?;
        disk::sync_tree(&self.dir)
    }

    /// Before so many entries are written: sees to it that the file does not grow without end, as the
    /// module's documentation says.
    fn make_room(&self, writing: &mut Writing, entries: u64) -> Result<()> {
        let path = self.dir.join(DATA_FILE);
        let writes = entries * WRITES_PER_ENTRY;
        for first in (0..writes).step_by(WRITES_UNDER_WAY as usize) {
            let length = fs::metadata(&path).context("look at", &path)?.len();
            if length <= LENGTH_LEAST + LENGTH_PER_ALIVE * writing.alive {
                break;
            }
            self.empty_hands(writing)?;
            for number in first..(first + WRITES_UNDER_WAY).min(writes) {
                self.write_alive(writing, number + 1)?;
            }
            writing.under_way = UNDER_WAY;
        }
        Ok(())
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The error for content that is not as it should be.
    pub fn damage(&self, what: impl Into<String>) -> StoreError {
        Damage::repairable(&self.dir, what)
    }

    fn guard<T>(&self, operation: impl FnOnce() -> sled::Result<T>) -> Result<T> {
        guard(&self.dir, operation)
    }
}

/// What an entry takes of sled's file: nothing if it has a file of its own.
fn size(key: &[u8], value: &[u8]) -> u64 {
    let bytes = (key.len() + value.len()) as u64;
    if bytes < SEGMENT_BYTES as u64 / 4 { bytes } else { 0 }
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
    fn room_is_made_where_the_file_is_too_long_for_what_is_alive() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("tree");
        let tree = Tree::create(&path, 1 << 20).expect("a tree");
        const PAGE: usize = 4 << 10;
        const PAGES: u32 = 2_048;
        const ROUNDS: u32 = 16;
        // Pages that change here and there, and deltas that come and go: without room that is made,
        // the file takes half as much more.
        let write = |tree: &Tree, round: u32| {
            let mut longest = 0;
            for number in 0..PAGES {
                let key = (number * 1_001 % PAGES).to_be_bytes();
                let page = vec![round as u8; PAGE];
                tree.write([(&key, Some(&page[..]))]).expect("written");
                if number % 4 == 0 {
                    let key = |round: u32| [u32::MAX, round, number].map(u32::to_be_bytes).concat();
                    let (new, old) = (key(round), key(round.wrapping_sub(2)));
                    tree.write([(&new[..], Some(&page[..])), (&old, None)]).expect("written");
                }
                if number % 64 == 0 {
                    tree.flush().expect("flushed");
                    let length = fs::metadata(path.join(DATA_FILE)).expect("a file").len();
                    longest = length.max(longest);
                }
            }
            longest
        };
        let longest = (0..ROUNDS).map(|round| write(&tree, round)).max();
        let deltas = u64::from(PAGES / 4 * 2) * (12 + PAGE) as u64;
        let alive = u64::from(PAGES) * (4 + PAGE) as u64 + deltas;
        assert_eq!(tree.writing().alive, alive);
        let most = LENGTH_LEAST + LENGTH_PER_ALIVE * alive;
        assert!(longest.is_some_and(|longest| longest < most / 3 * 4), "{longest:?} of {most}");
        // It is known when the tree is opened again.
        drop(tree);
        let tree = Tree::open(&path, 1 << 20).expect("a tree");
        assert_eq!(tree.writing().alive, alive);
        for number in 0..PAGES - 100 {
            tree.write([(&number.to_be_bytes(), None::<&[u8]>)]).expect("written");
        }
        assert_eq!(tree.writing().alive, deltas + 100 * (4 + PAGE) as u64);
        let last = tree.get(&(PAGES - 1).to_be_bytes()).expect("a read");
        assert_eq!(last.as_deref(), Some(&[ROUNDS as u8 - 1; PAGE][..]));
    }
}
