//! Backups: the history and the configuration; the state is built again when it is restored.
//!
//! A backup is a ledger's directory without `state`. It is complete or not there: it is copied
//! under another name, checked, and then renamed.

use super::{
    ACKNOWLEDGED, GENESIS, JOURNAL, Progress, Store,
    acknowledged::Acknowledged,
    error::{Damage, IoContext, Result, StoreError},
    journal::{Position, Reader, Tail, sync_directory},
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
        Store::rebuild(dir, progress)
    }
}

/// Copies configuration and journal up to `tail`, or to its end.
fn copy(from: &Path, to: &Path, tail: Option<Tail>, progress: Progress) -> Result<Tail> {
    if to.exists() {
        return Err(StoreError::AlreadyExists { path: to.to_owned() });
    }
    let partial = partial_name(to);
    remove_directory(&partial)?;
    fs::create_dir_all(partial.join(JOURNAL)).context("create", &partial)?;
    let config = read_config(from)?;
    write_new(&partial.join(GENESIS), &config)?;
    let (source, copy) = (Reader::new(&from.join(JOURNAL)), Reader::new(&partial.join(JOURNAL)));
    copy_journal(&source, &copy, tail, progress)?;
    sync_directory(&partial.join(JOURNAL))?;
    let mark = match tail {
        Some(tail) => tail.mark(),
        None => Acknowledged::open(&from.join(ACKNOWLEDGED))?.1,
    };
    let found = copy.scan(Position::FIRST, 0, Some(anchor(&config)), Some(mark), |_, _| Ok(()))?;
    if tail.is_some_and(|tail| tail != found) || found.number < mark.number {
        let what = "the copy of the journal ends before the last block";
        let file = copy.path(found.end.segment);
        return Err(Damage::history(file, found.end.offset, Some(found.number + 1), what));
    }
    Acknowledged::create(&partial.join(ACKNOWLEDGED), mark)?;
    sync_directory(&partial)?;
    fs::rename(&partial, to).context("create", to)?;
    sync_directory(
        to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")),
    )?;
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
