//! One file of the journal: its creation and its bytes.
//!
//! Invariant: a segment has its first bytes, durably, before any record.

use super::{Durability, sync_directory};
use crate::store::{
    error::{IoContext, Result},
    record::{SEGMENT_HEADER, Salt, decode_segment, encode_segment, fresh_salt},
};
use std::{
    fs::{File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::PathBuf,
};

/// First allocation of a segment; the following ones double.
pub(super) const FIRST_ALLOCATION: u64 = 256 << 10;
/// Ending of a segment's file name.
pub(super) const SUFFIX: &str = ".journal";
/// Zeros are written in pieces of this size.
const PIECE: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Segment {
    pub file: File,
    pub path: PathBuf,
    pub salt: Salt,
}

impl Segment {
    /// Creates segment `index`, of [`FIRST_ALLOCATION`] bytes.
    pub fn create(path: PathBuf, index: u32, durability: Durability) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = file.context("create", &path)?;
        let salt = fresh_salt();
        write_zeros(&file, SEGMENT_HEADER as u64, FIRST_ALLOCATION)
            .and_then(|()| file.write_all_at(&encode_segment(index, &salt), 0))
            .context("write", &path)?;
        durability.sync(&file, &path)?;
        if let (Durability::Synced, Some(dir)) = (durability, path.parent()) {
            sync_directory(dir)?;
        }
        Ok(Segment { file, path, salt })
    }

    /// Opens segment `index`; `None` if there is no file or its first bytes are not a segment's.
    pub fn open(path: PathBuf, index: u32) -> Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.context("open", &path)?,
        };
        let mut bytes = [0; SEGMENT_HEADER];
        if read_at_most(&file, &mut bytes, 0).context("read", &path)? < SEGMENT_HEADER {
            return Ok(None);
        }
        Ok(decode_segment(&bytes, index).map(|salt| Segment { file, path, salt }))
    }
}

/// Fills `bytes` from `offset`, or as much of it as the file has.
pub(super) fn read_at_most(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The bytes of a file from `start` on, without the zeros at its end but for less than a page.
pub(super) fn rest(file: &File, start: u64) -> io::Result<Vec<u8>> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let length = file.metadata()?.len().saturating_sub(start);
    let mut bytes = vec![0; length as usize];
    let read = read_at_most(file, &mut bytes, start)?;
    bytes.truncate(read);
    while let Some(kept) = bytes.len().checked_sub(ZEROS.len())
        && bytes[kept..] == ZEROS
    {
        bytes.truncate(kept);
    }
    Ok(bytes)
}

pub(super) fn write_zeros(file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; PIECE];
    let mut at = from;
    while at < to {
        let piece = (to - at).min(PIECE as u64);
        file.write_all_at(&zeros[..piece as usize], at)?;
        at += piece;
    }
    Ok(())
}
