//! Backups: the history and the configuration; the state is built again when it is restored.
//!
//! A backup is a ledger's directory without `state`. It is complete or not there, and so is a
//! ledger that is restored: it is made under another name, checked, and then renamed.

use super::{
    ACKNOWLEDGED, GENESIS, JOURNAL, Progress, Store,
    acknowledged::{Acknowledged, HALF_A_MARK, Mark, Marks},
    disk::{self, File},
    error::{Damage, Result, StoreError},
    journal::{Position, Reader, Tail},
    open::{anchor, read_config},
};
use crate::types::B256;
use std::path::{Path, PathBuf};

impl Store {
    /// Copies the ledger as of now to `dest`, which must not exist, while commits go on. Returns
    /// the number and the hash of the last block in the copy.
    pub fn backup(&self, dest: &Path, progress: Progress) -> Result<(u64, B256)> {
        let (tail, hash) = {
            let writer = self.writer();
            (writer.journal.tail(), self.recent.head().hash)
        };
        whole(dest, |unfinished| copy(&self.dir, unfinished, Some(tail), progress))?;
        Ok((tail.number, hash))
    }

    /// Makes a ledger in `dir`, which must not exist, from a backup, and builds its state.
    pub fn restore(backup: &Path, dir: &Path, progress: Progress) -> Result<()> {
        let restored = whole(dir, |unfinished| {
            copy(backup, unfinished, None, &mut |_, _| {})?;
            let rebuilt = Store::rebuild(unfinished, progress);
            rebuilt.map(drop).map_err(|error| error.of_source(unfinished, backup))
        });
        restored.map_err(StoreError::of_backup)
    }
}

/// Makes a directory that must not exist, whole or not at all: `fill` makes it under another name.
fn whole(dir: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let partial = partial_name(dir);
    if disk::exists(dir)? {
        return Err(StoreError::AlreadyExists { path: dir.to_owned() });
    }
    if disk::exists(&partial)? {
        return Err(StoreError::Leftover { path: partial });
    }
    disk::create_directories(&partial)?;
    let filled = fill(&partial).and_then(|()| disk::rename(&partial, dir));
    if filled.is_err() {
        // What went wrong is more important than what is left of it.
        let _ = disk::remove_directory(&partial);
    }
    filled?;
    disk::sync_name(dir)
}

/// Copies configuration and journal up to `tail`, or to its end, to an empty directory, and checks
/// the copy. What is wrong with it is wrong with the source.
fn copy(from: &Path, to: &Path, tail: Option<Tail>, progress: Progress) -> Result<()> {
    let config = read_config(from)?;
    disk::write_new(&to.join(GENESIS), &config)?;
    disk::create_directory(&to.join(JOURNAL))?;
    let (source, copy) = (Reader::new(&from.join(JOURNAL)), Reader::new(&to.join(JOURNAL)));
    copy_journal(&source, &copy, tail, progress)?;
    disk::sync_directory(&to.join(JOURNAL))?;
    let marks = match tail {
        Some(tail) => Marks { newest: tail.mark(), whole: true },
        None => Acknowledged::read(&from.join(ACKNOWLEDGED))?,
    };
    let torn = is_torn(&copy, anchor(&config), marks.newest);
    if torn.map_err(|error| error.of_source(to, from))? && !marks.whole {
        return Err(Damage::repairable(from.join(ACKNOWLEDGED), HALF_A_MARK));
    }
    Acknowledged::create(&to.join(ACKNOWLEDGED), marks.newest)?;
    disk::sync_directory(to)
}

/// Checks a journal, and says whether a torn write is at its end.
fn is_torn(journal: &Reader, anchor: B256, mark: Mark) -> Result<bool> {
    let found =
        journal.scan(Position::FIRST, 0, Some(anchor), Some(mark), |_| (), |_, _, ()| Ok(()))?;
    journal.is_torn(&found, Some(mark.number))
}

fn copy_journal(
    source: &Reader,
    copy: &Reader,
    tail: Option<Tail>,
    progress: Progress,
) -> Result<()> {
    let last = tail.map(|tail| tail.end);
    let mut segments = source.segments()?;
    segments.retain(|index| last.is_none_or(|last| *index <= last.segment));
    let total = segments.len() as u64;
    for (index, done) in segments.into_iter().zip(1..) {
        let limit = last.filter(|last| last.segment == index).map_or(u64::MAX, |last| last.offset);
        let from = source.path(index);
        let missing = || Damage::history(&from, 0, None, "it is missing");
        let file = File::open_to_read(&from)?.ok_or_else(missing)?;
        disk::write_new(&copy.path(index), &file.read_range(0, limit)?)?;
        progress(done, total);
    }
    Ok(())
}

fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}
