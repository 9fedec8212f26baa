//! The journal: every block ever committed, in an append-only, checksummed, hash-chained log. It is
//! the truth; the state beside it is derived.
//!
//! A commit is one write and one `fdatasync`, into space that was allocated and zeroed before, so
//! that the sync has no metadata to move. Segments grow by doubling: a fresh ledger is small, a
//! busy one rarely extends. A record lies in one segment; one that does not fit opens the next.
//!
//! Invariants: a record follows its predecessor by hash. After the last record there are only
//! zeros, or what a crash left of one write that nobody was told about; anything else is damage and
//! is reported, never cut.

mod ahead;
mod reader;
mod segment;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use reader::{Reader, UNREADABLE};
pub(super) use writer::Journal;

use super::{acknowledged::Mark, disk::File, error::Result, record::SEGMENT_HEADER};
use crate::types::B256;
use serde::{Deserialize, Serialize};

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A committed block survives a power failure.
    #[default]
    Synced,
    /// For tests only: a committed block survives the death of the process, but not that of the
    /// machine.
    Unsynced,
}

impl Durability {
    pub(super) fn sync(self, file: &File) -> Result<()> {
        match self {
            Durability::Synced => file.sync_all(),
            Durability::Unsynced => Ok(()),
        }
    }
}

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub segment: u32,
    pub offset: u64,
}

impl Position {
    /// Where the first record lies.
    pub const FIRST: Position = Position::start_of(1);

    pub const fn start_of(segment: u32) -> Self {
        Position { segment, offset: SEGMENT_HEADER as u64 }
    }
}

/// The last record and where the next one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    pub number: u64,
    pub record: B256,
    pub end: Position,
}

impl Tail {
    /// The mark of the last record.
    pub fn mark(&self) -> Mark {
        Mark { number: self.number, record: self.record }
    }
}
