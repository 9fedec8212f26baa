//! Backups: the history and the configuration; the state is built again when it is restored.
//!
//! A backup is a ledger's directory without `state`. It is complete or not there: it is copied
//! under another name, checked, and then renamed.

use super::{
    ACKNOWLEDGED, GENESIS, JOURNAL, Progress, Store,
    acknowledged::Acknowledged,
    error::{Damage, IoContext, Result, StoreError},
    journal::{Position, Reader, Tail, create_directories, sync_directory, sync_name},
    open::{anchor, read_config, remove_directory, write_new},
};
use crate::types::B256;
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

impl Store {
    /// Copies the ledger as of now to `dest`, which must not exist, while commits go on. Returns
    /// the number and the hash of the last block in the copy.
    pub fn backup(&self, dest: &Path, progress: Progress) -> Result<(u64, B256)> {
        let (tail, hash) = {
            let writer = self.writer();
            (writer.journal.tail(), writer.head.hash)
        };
        let copied = copy(&self.dir, dest, Some(tail), progress)?;
        Ok((copied.number, hash))
    }

    /// Makes a ledger in `dir`, which must not exist, from a backup, and builds its state.
    pub fn restore(backup: &Path, dir: &Path, progress: Progress) -> Result<()> {
        copy(backup, dir, None, &mut |_, _| {})?;
        Store::rebuild(dir, progress).map(drop)
    }
}

/// Copies configuration and journal up to `tail`, or to its end, under another name first.
fn copy(from: &Path, to: &Path, tail: Option<Tail>, progress: Progress) -> Result<Tail> {
    let config = read_config(from)?;
    let partial = partial_name(to);
    if to.exists() {
        return Err(StoreError::AlreadyExists { path: to.to_owned() });
    }
    if partial.exists() {
        return Err(StoreError::Leftover { path: partial });
    }
    create_directories(&partial)?;
    let copied = copy_into(&partial, from, &config, tail, progress);
    let copied = copied.and_then(|tail| {
        fs::rename(&partial, to).context("create", to)?;
        Ok(tail)
    });
    if copied.is_err() {
        // What went wrong is more important than what is left of it.
        let _ = remove_directory(&partial);
    }
    let tail = copied?;
    sync_name(to)?;
    Ok(tail)
}

/// Makes a whole copy in an empty directory, and checks it.
fn copy_into(
    dir: &Path,
    from: &Path,
    config: &[u8],
    tail: Option<Tail>,
    progress: Progress,
) -> Result<Tail> {
    write_new(&dir.join(GENESIS), config)?;
    fs::create_dir(dir.join(JOURNAL)).context("create", dir)?;
    let (source, copy) = (Reader::new(&from.join(JOURNAL)), Reader::new(&dir.join(JOURNAL)));
    copy_journal(&source, &copy, tail, progress)?;
    sync_directory(&dir.join(JOURNAL))?;
    let mark = match tail {
        Some(tail) => tail.mark(),
        None => Acknowledged::read(&from.join(ACKNOWLEDGED))?.newest,
    };
    let found = copy.scan(Position::FIRST, 0, Some(anchor(config)), Some(mark), |_, _| Ok(()))?;
    if tail.is_some_and(|tail| tail != found) || found.number < mark.number {
        let what = "the copy of the journal ends before the last block";
        let file = copy.path(found.end.segment);
        return Err(Damage::history(file, found.end.offset, Some(found.number + 1), what));
    }
    Acknowledged::create(&dir.join(ACKNOWLEDGED), mark)?;
    sync_directory(dir)?;
    Ok(found)
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
        let (from, to) = (source.path(index), copy.path(index));
        let mut file = File::create_new(&to).context("create", &to)?;
        let mut bytes = File::open(&from).context("open", &from)?.take(limit);
        std::io::copy(&mut bytes, &mut file)
            .and_then(|_| file.sync_all())
            .context("copy the journal to", &to)?;
        progress(done, total);
    }
    Ok(())
}

fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}
