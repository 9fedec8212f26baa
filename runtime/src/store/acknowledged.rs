//! The mark of the last acknowledged block: how a reader tells a torn write from a lost block.
//!
//! A record at the end of the journal that cannot be read is harmless if nobody was told that its
//! block is durable, and a catastrophe otherwise. The mark is written after the journal is synced
//! and before a commit returns. It is not synced itself: it survives the death of the process, and
//! after a power failure it may be a few blocks behind, where the journal's own chain and the
//! state's head still stand witness.
//!
//! Invariant: there is always one readable slot; a write goes to the other one.

use super::{
    disk::File,
    error::{Damage, Result, StoreError},
};
use crate::types::B256;
use std::path::Path;

/// Distance of the two slots: a disk sector, so that a torn write spoils one at most.
const SLOT_DISTANCE: u64 = 512;
const SLOT_BYTES: usize = 56;

/// What is wrong with a file of which one slot cannot be read.
pub(super) const HALF_A_MARK: &str = "one of its two slots cannot be read";

/// The last acknowledged block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub number: u64,
    /// Hash of its journal record.
    pub record: B256,
}

impl Mark {
    fn encode(&self) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        bytes[..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..40].copy_from_slice(self.record.as_slice());
        let check = blake3::hash(&bytes[..40]);
        bytes[40..].copy_from_slice(&check.as_bytes()[..16]);
        bytes
    }

    fn decode(bytes: &[u8; SLOT_BYTES]) -> Option<Self> {
        let number = u64::from_le_bytes(*bytes.first_chunk()?);
        let mark = Mark { number, record: B256::from_slice(&bytes[8..40]) };
        (mark.encode() == *bytes).then_some(mark)
    }
}

/// What the two slots say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks {
    pub newest: Mark,
    /// Both can be read. Otherwise the block after the newest may have been acknowledged too.
    pub whole: bool,
}

/// The file `acknowledged`.
#[derive(Debug)]
pub(super) struct Acknowledged {
    file: File,
}

impl Acknowledged {
    /// Creates the file, or replaces it, durably, with a first mark in both slots.
    pub fn create(path: &Path, mark: Mark) -> Result<Self> {
        let mut bytes = mark.encode().to_vec();
        bytes.resize(SLOT_DISTANCE as usize, 0);
        bytes.extend_from_slice(&mark.encode());
        Ok(Acknowledged { file: File::replace(path, &bytes)? })
    }

    /// Opens the file for further marks and reads those it has.
    pub fn open(path: &Path) -> Result<(Self, Marks)> {
        let file = File::open(path)?.ok_or_else(|| missing(path))?;
        let marks = read(&file)?;
        Ok((Acknowledged { file }, marks))
    }

    /// The marks in a file, which may be on a medium that cannot be written.
    pub fn read(path: &Path) -> Result<Marks> {
        read(&File::open_to_read(path)?.ok_or_else(|| missing(path))?)
    }

    /// Replaces the older mark.
    pub fn set(&self, mark: Mark) -> Result<()> {
        let slot = (mark.number % 2) * SLOT_DISTANCE;
        self.file.write_at(&mark.encode(), slot)
    }
}

fn read(file: &File) -> Result<Marks> {
    let mut marks = [None; 2];
    for (mark, slot) in marks.iter_mut().zip([0, SLOT_DISTANCE]) {
        let mut bytes = [0; SLOT_BYTES];
        // A slot that is cut off is as unreadable as a garbled one. One that the disk fails to read
        // is neither: it may be readable the next time.
        file.read_at(&mut bytes, slot)?;
        *mark = Mark::decode(&bytes);
    }
    let newest = marks.into_iter().flatten().max_by_key(|mark| mark.number);
    let damage = || Damage::repairable(file.path(), "neither slot holds a mark");
    Ok(Marks { newest: newest.ok_or_else(damage)?, whole: !marks.contains(&None) })
}

fn missing(path: &Path) -> StoreError {
    Damage::repairable(path, "the mark of the last acknowledged block is missing")
}
