//! The door to the file system: every operation on the store's own files is one of these. Apart are
//! sled's files, which it reads and writes itself, and the lock, whose content means nothing.
//!
//! Why here: what a disk may do to a ledger, by failing, filling up or losing power, can only be
//! tried at every point if there is one place where all points are. A test has a watcher see each
//! operation before it is done: it keeps a log, out of which the images are made that a power
//! failure at any point may leave, or it makes an operation fail. The files are real all the same,
//! so that sled, which goes past this door, finds its own beside them. Without a watcher an
//! operation costs one look at a variable of the thread.
//!
//! Invariant: nothing else in the store changes or syncs a file but sled and the lock; an error
//! names the file.

use super::error::{IoContext, Result};
use std::{
    cell::RefCell,
    fs,
    io::{self, ErrorKind},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

/// What is about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation<'a> {
    /// A file is created, or emptied if it is there.
    Create(&'a Path),
    /// A file is opened, to read it or to write in it.
    Open(&'a Path),
    /// Bytes of a file, its length, or the names in a directory are read.
    Read(&'a Path),
    /// Bytes are written into a file.
    Write {
        /// The file.
        path: &'a Path,
        /// Where.
        offset: u64,
        /// What.
        bytes: &'a [u8],
    },
    /// Content and length of a file are made durable.
    Sync(&'a Path),
    /// A directory is created.
    CreateDirectory(&'a Path),
    /// The names in a directory are made durable.
    SyncDirectory(&'a Path),
    /// A directory is made durable with all that is in it.
    SyncAll(&'a Path),
    /// A file or directory gets another name.
    Rename {
        /// The name it has.
        from: &'a Path,
        /// The name it gets.
        to: &'a Path,
    },
    /// A file, or a directory with all that is in it, is removed.
    Remove(&'a Path),
}

/// What becomes of an operation.
#[derive(Debug)]
pub enum Verdict {
    /// It is done.
    Go,
    /// Of a write, at most so many bytes are written; the store then asks for the rest.
    AtMost(usize),
    /// It is not done, and fails.
    Fail(io::Error),
}

type Watcher = Box<dyn FnMut(&Operation<'_>) -> Verdict>;

thread_local! {
    static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
}

/// For tests: has `watcher` decide about each operation that this thread does in `run`. The threads
/// of a store do none.
pub fn watched<T>(
    watcher: impl FnMut(&Operation<'_>) -> Verdict + 'static,
    run: impl FnOnce() -> T,
) -> T {
    /// Ends the watch, also if `run` panics.
    struct Watch;
    impl Drop for Watch {
        fn drop(&mut self) {
            WATCHER.set(None);
        }
    }
    WATCHER.set(Some(Box::new(watcher)));
    let _watch = Watch;
    run()
}

/// Asks the watcher, if there is one. Returns how many bytes may be written.
fn ask(operation: &Operation<'_>) -> io::Result<usize> {
    WATCHER.with_borrow_mut(|watcher| match watcher.as_mut().map(|watcher| watcher(operation)) {
        None | Some(Verdict::Go) => Ok(usize::MAX),
        Some(Verdict::AtMost(bytes)) => Ok(bytes.max(1)),
        Some(Verdict::Fail(error)) => Err(error),
    })
}

/// An open file.
#[derive(Debug)]
pub(super) struct File {
    file: fs::File,
    path: PathBuf,
}

impl File {
    /// Creates a file that must not exist.
    pub fn create_new(path: &Path) -> Result<Self> {
        let create = |_| fs::OpenOptions::new().read(true).write(true).create_new(true).open(path);
        let file = ask(&Operation::Create(path)).and_then(create).context("create", path)?;
        Ok(File { file, path: path.to_owned() })
    }

    /// Creates a file, or empties it.
    pub fn create(path: &Path) -> Result<Self> {
        let create = |_| fs::File::create(path);
        let file = ask(&Operation::Create(path)).and_then(create).context("create", path)?;
        Ok(File { file, path: path.to_owned() })
    }

    /// Creates a file with some content, or replaces the one that is there: whatever happens, the
    /// name stands for all of the old content or all of the new, and when this returns, durably for
    /// the new.
    pub fn replace(path: &Path, bytes: &[u8]) -> Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let mut file = File::create(Path::new(&name))?;
        file.write_at(bytes, 0)?;
        file.sync_all()?;
        rename(&file.path, path)?;
        sync_name(path)?;
        file.path = path.to_owned();
        Ok(file)
    }

    /// Opens a file to read and write it; `None` if there is none.
    pub fn open(path: &Path) -> Result<Option<Self>> {
        File::open_with(path, fs::OpenOptions::new().read(true).write(true))
    }

    /// Opens a file that may be on a medium that cannot be written; `None` if there is none.
    pub fn open_to_read(path: &Path) -> Result<Option<Self>> {
        File::open_with(path, fs::OpenOptions::new().read(true))
    }

    fn open_with(path: &Path, options: &fs::OpenOptions) -> Result<Option<Self>> {
        match ask(&Operation::Open(path)).and_then(|_| options.open(path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            opened => Ok(Some(File { file: opened.context("open", path)?, path: path.to_owned() })),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length.
    pub fn length(&self) -> Result<u64> {
        Ok(self.metadata()?.len())
    }

    /// What tells it from every other file of this machine, a copy of it too.
    pub fn identity(&self) -> Result<(u64, u64)> {
        let metadata = self.metadata()?;
        Ok((metadata.dev(), metadata.ino()))
    }

    fn metadata(&self) -> Result<fs::Metadata> {
        let read = ask(&Operation::Read(&self.path)).and_then(|_| self.file.metadata());
        read.context("read", &self.path)
    }

    /// Fills `bytes` from `offset`, or as much of it as the file has.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> Result<usize> {
        ask(&Operation::Read(&self.path)).context("read", &self.path)?;
        let mut done = 0;
        while done < bytes.len() {
            match self.file.read_at(&mut bytes[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("read", &self.path),
            }
        }
        Ok(done)
    }

    /// The bytes from `start` up to `end`, or up to the end of the file.
    pub fn read_range(&self, start: u64, end: u64) -> Result<Vec<u8>> {
        let length = self.length()?.min(end).saturating_sub(start);
        let mut bytes = vec![0; length as usize];
        let read = self.read_at(&mut bytes, start)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Writes all of `bytes`.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        self.try_write_at(bytes, offset).context("write", &self.path)
    }

    fn try_write_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let most = ask(&Operation::Write { path: &self.path, offset, bytes })?;
            let written = match self.file.write_at(&bytes[..bytes.len().min(most)], offset) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => 0,
                written => written?,
            };
            bytes = &bytes[written..];
            offset += written as u64;
        }
        Ok(())
    }

    /// Makes content and length durable.
    pub fn sync_data(&self) -> Result<()> {
        let sync = |_| self.file.sync_data();
        ask(&Operation::Sync(&self.path)).and_then(sync).context("sync", &self.path)
    }

    /// Makes content, length and whatever else the file has durable.
    pub fn sync_all(&self) -> Result<()> {
        let sync = |_| self.file.sync_all();
        ask(&Operation::Sync(&self.path)).and_then(sync).context("sync", &self.path)
    }
}

/// Which boot of the machine this is, if the system tells: Linux does.
pub(super) fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// The content of a file; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    File::open_to_read(path)?.map(|file| file.read_range(0, u64::MAX)).transpose()
}

/// Writes a file that must not exist, durably but for its name.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let file = File::create_new(path)?;
    file.write_at(bytes, 0)?;
    file.sync_all()
}

/// Whether there is a file or directory.
pub(super) fn exists(path: &Path) -> Result<bool> {
    ask(&Operation::Read(path)).and_then(|_| path.try_exists()).context("look for", path)
}

/// The names in a directory.
pub(super) fn list(path: &Path) -> Result<Vec<PathBuf>> {
    let read = ask(&Operation::Read(path)).and_then(|_| fs::read_dir(path));
    let names =
        read.and_then(|entries| entries.map(|entry| Ok(entry?.file_name().into())).collect());
    names.context("list", path)
}

/// Creates a directory that must not exist.
pub(super) fn create_directory(path: &Path) -> Result<()> {
    let create = |_| fs::create_dir(path);
    ask(&Operation::CreateDirectory(path)).and_then(create).context("create", path)
}

/// Creates a directory and those above it, as far as they are missing, durably. One that was there
/// already may be the caller's work of a moment ago, so its name is synced all the same.
pub(super) fn create_directories(path: &Path) -> Result<()> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing: Vec<_> = path.ancestors().take_while(is_missing).collect();
    let ask_all =
        || missing.iter().rev().try_for_each(|new| ask(&Operation::CreateDirectory(new)).map(drop));
    ask_all().and_then(|()| fs::create_dir_all(path)).context("create", path)?;
    let above = missing.iter().copied().filter(|missing| *missing != path);
    above.chain([path]).try_for_each(sync_name)
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<()> {
    let sync = |_| fs::File::open(path)?.sync_all();
    ask(&Operation::SyncDirectory(path)).and_then(sync).context("sync", path)
}

/// Makes the name of a file or directory durable, which its own sync does not (POSIX).
pub(super) fn sync_name(path: &Path) -> Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    sync_directory(parent.unwrap_or(Path::new(".")))
}

/// Makes a directory durable, with all that is in it.
pub(super) fn sync_tree(path: &Path) -> Result<()> {
    ask(&Operation::SyncAll(path)).context("sync", path)?;
    sync_each(path)
}

fn sync_each(path: &Path) -> Result<()> {
    let file = match fs::File::open(path) {
        // sled removes what it has replaced.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened.context("open", path)?,
    };
    if file.metadata().context("read", path)?.is_dir() {
        for entry in fs::read_dir(path).context("list", path)? {
            sync_each(&entry.context("list", path)?.path())?;
        }
    }
    file.sync_all().context("sync", path)
}

/// Gives a file or directory another name, in the place of what has it.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    let rename = |_| fs::rename(from, to);
    ask(&Operation::Rename { from, to }).and_then(rename).context("put into place", to)
}

/// Removes a file, if it is there.
pub(super) fn remove_file(path: &Path) -> Result<()> {
    remove(path, |path| fs::remove_file(path))
}

/// Removes a directory with all that is in it, if it is there.
pub(super) fn remove_directory(path: &Path) -> Result<()> {
    remove(path, |path| fs::remove_dir_all(path))
}

fn remove(path: &Path, remove: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    match ask(&Operation::Remove(path)).and_then(|_| remove(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.context("remove", path),
    }
}
