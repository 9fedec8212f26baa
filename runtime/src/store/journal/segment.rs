//! One file of the journal: its creation and its bytes.
//!
//! Invariant: a segment has its first bytes, durably, before any record.

use super::Durability;
use crate::store::{
    disk::{File, sync_name},
    error::Result,
    record::{RECORD_HEADER, SEGMENT_HEADER, Salt, decode_segment, encode_segment, fresh_salt},
};
use std::path::Path;

/// First allocation of a segment, if it may become as large; the following ones double.
pub(super) const FIRST_ALLOCATION: u64 = 256 << 10;
/// Ending of a segment's file name.
pub(super) const SUFFIX: &str = ".journal";
/// Zeros are written, and looked for, in pieces of this size.
const PIECE: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Segment {
    pub file: File,
    pub salt: Salt,
}

impl Segment {
    /// Creates segment `index`, of `length` bytes.
    pub fn create(path: &Path, index: u32, length: u64, durability: Durability) -> Result<Self> {
        let file = File::create_new(path)?;
        let salt = fresh_salt();
        write_zeros(&file, SEGMENT_HEADER as u64, length)?;
        file.write_at(&encode_segment(index, &salt), 0)?;
        durability.sync(&file)?;
        if durability == Durability::Synced {
            sync_name(path)?;
        }
        Ok(Segment { file, salt })
    }

    /// Opens segment `index`; `None` if there is no file or its first bytes are not a segment's.
    pub fn open(path: &Path, index: u32) -> Result<Option<Self>> {
        let Some(file) = File::open(path)? else { return Ok(None) };
        let mut bytes = [0; SEGMENT_HEADER];
        if file.read_at(&mut bytes, 0)? < SEGMENT_HEADER {
            return Ok(None);
        }
        Ok(decode_segment(&bytes, index).map(|salt| Segment { file, salt }))
    }
}

/// The bytes of a file from `start` on, without most of the zeros at its end.
pub(super) fn rest(file: &File, start: u64) -> Result<Vec<u8>> {
    // Most of it was never used: a piece at a time, so that zeros take no memory.
    let (zeros, mut piece) = (vec![0; PIECE], vec![0; PIECE]);
    let (mut bytes, mut at, mut skipped) = (Vec::new(), start, 0);
    loop {
        let read = file.read_at(&mut piece, at)?;
        if piece[..read] == zeros[..read] {
            skipped += read;
        } else {
            bytes.resize(bytes.len() + skipped, 0);
            bytes.extend_from_slice(&piece[..read]);
            skipped = 0;
        }
        if read < PIECE {
            break;
        }
        at += read as u64;
    }
    // What ends in zeros is still whole.
    bytes.resize(bytes.len() + skipped.min(RECORD_HEADER), 0);
    Ok(bytes)
}

pub(super) fn write_zeros(file: &File, from: u64, to: u64) -> Result<()> {
    let zeros = vec![0; PIECE.min(to.saturating_sub(from) as usize)];
    let mut at = from;
    while at < to {
        let piece = (to - at).min(PIECE as u64);
        file.write_at(&zeros[..piece as usize], at)?;
        at += piece;
    }
    Ok(())
}
