//! What can go wrong with a ledger on disk, each with what to do about it.
//!
//! Invariant: a message names the file and the remedy, because the reader is an operator whose
//! money is in it.

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// The result of a store operation.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Another process has the ledger open.
    #[error(
        "the ledger in {} is in use{}; wait until it ends, or stop it",
        dir.display(),
        holder.map(|pid| format!(" by process {pid}")).unwrap_or_default()
    )]
    Locked {
        /// The ledger's directory.
        dir: PathBuf,
        /// The process, if it could be found out.
        holder: Option<u32>,
    },
    /// The ledger cannot be locked, because its directory cannot be written.
    #[error(
        "the ledger in {dir} cannot be opened, because its folder cannot be written; even to look \
         at it needs that: make the folder writable for this user, or, if it is an archive, make a \
         ledger of it elsewhere with `florin --dir NEW restore {dir}`",
        dir = dir.display()
    )]
    NotWritable {
        /// The ledger's directory.
        dir: PathBuf,
    },
    /// The directory holds no ledger.
    #[error(
        "there is no ledger in {}: its {} is missing; name another directory, or create a \
         ledger with `florin init`",
        dir.display(),
        super::GENESIS
    )]
    NotALedger {
        /// The directory.
        dir: PathBuf,
    },
    /// A file that would be created is already there.
    #[error("{} exists already; it is left untouched: choose another place", path.display())]
    AlreadyExists {
        /// The file or directory.
        path: PathBuf,
    },
    /// Where a copy would be made, something is already.
    #[error(
        "{} exists already, perhaps from a copy that was interrupted; it is left untouched: look at \
         it, remove it if it is not needed, and try again",
        path.display()
    )]
    Leftover {
        /// The directory.
        path: PathBuf,
    },
    /// The creation of the ledger never came to its end. Nothing was recorded in it.
    #[error(
        "the creation of the ledger in {} was interrupted; nothing is recorded in it: remove its {}, \
         {}, {} and nothing else, because keys may be there too, and create it again",
        dir.display(),
        super::JOURNAL,
        super::STATE,
        super::ACKNOWLEDGED
    )]
    Unfinished {
        /// The ledger's directory.
        dir: PathBuf,
    },
    /// A file of the ledger does not hold what was written.
    #[error("{0}")]
    Damaged(Box<Damage>),
    /// The block cannot follow the head. Nothing was written.
    #[error("the block was refused: {0}")]
    Refused(#[from] Refusal),
    /// An earlier write failed, so what is on disk is behind what the store was told.
    #[error(
        "the store stopped accepting blocks after a failure ({cause}); remove the cause and open \
         the ledger again"
    )]
    Stopped {
        /// The failure that stopped it.
        cause: String,
    },
}

/// Damage to a file: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// The damaged file or directory.
    pub file: PathBuf,
    /// Where in the file, if known.
    pub offset: Option<u64>,
    /// The first block that is concerned, if known.
    pub block: Option<u64>,
    /// What was found.
    pub what: String,
    /// What to do.
    pub remedy: Remedy,
}

/// What to do about damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remedy {
    /// The state is derived from the journal and can be built again.
    Repair,
    /// The journal is the only copy of the history in this directory.
    Restore,
    /// What was to be restored is no better.
    OtherBackup,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is damaged", self.file.display())?;
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        if let Some(block) = self.block {
            write!(f, " (block {block})")?;
        }
        write!(f, ": {}; {}", self.what, self.remedy)
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Remedy::Repair => "run `florin repair`, which builds the state again from the journal",
            Remedy::Restore => {
                "keep a copy of the directory and restore the latest backup with `florin restore`"
            }
            Remedy::OtherBackup => "this backup is damaged, nothing was restored: use another one",
        })
    }
}

impl StoreError {
    /// Damage of a copy is damage of what it was copied from, or follows from it.
    pub(super) fn of_source(mut self, copy: &Path, source: &Path) -> Self {
        if let StoreError::Damaged(damage) = &mut self
            && let Ok(name) = damage.file.strip_prefix(copy)
        {
            let file = source.join(name);
            damage.file = if file.exists() { file } else { source.to_owned() };
        }
        self
    }

    /// For damage of a backup that was to be the remedy for damage.
    pub(super) fn of_backup(mut self) -> Self {
        if let StoreError::Damaged(damage) = &mut self {
            damage.remedy = Remedy::OtherBackup;
        }
        self
    }
}

impl Damage {
    /// Damage to what can be built again from the journal.
    pub(super) fn repairable(file: impl Into<PathBuf>, what: impl Into<String>) -> StoreError {
        StoreError::Damaged(Box::new(Damage {
            file: file.into(),
            offset: None,
            block: None,
            what: what.into(),
            remedy: Remedy::Repair,
        }))
    }

    /// Damage to the history itself.
    pub(super) fn history(
        file: impl Into<PathBuf>,
        offset: u64,
        block: Option<u64>,
        what: impl Into<String>,
    ) -> StoreError {
        StoreError::Damaged(Box::new(Damage {
            file: file.into(),
            offset: Some(offset),
            block,
            what: what.into(),
            remedy: Remedy::Restore,
        }))
    }
}

/// Why a block cannot follow the head: a bug in whoever sealed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has the wrong number.
    #[error("it is number {found}, but {expected} comes next")]
    Number {
        /// The number that comes next.
        expected: u64,
        /// The block's.
        found: u64,
    },
    /// It names another parent.
    #[error("its parent is {found}, but the head is {expected}")]
    Parent {
        /// The head's hash.
        expected: B256,
        /// The parent that the block names.
        found: B256,
    },
    /// Its hash is not its header's.
    #[error("its hash {found} is not that of its header, {expected}")]
    Hash {
        /// The header's hash.
        expected: B256,
        /// The hash it came with.
        found: B256,
    },
    /// Its header commits to another state.
    #[error("its state commitment is {found}, but its writes lead to {expected}")]
    Commitment {
        /// Where the writes lead.
        expected: B256,
        /// The header's.
        found: B256,
    },
    /// A write was made for another state.
    #[error("write {index} does not start from the value that is stored")]
    Before {
        /// Position in the block's writes.
        index: usize,
    },
    /// Writes are out of order, name a key twice or change nothing.
    #[error("write {index} is out of order or changes nothing")]
    Order {
        /// Position in the block's writes.
        index: usize,
    },
    /// A value is not what its key stands for: an undecodable account, code under another hash.
    #[error("write {index} has a value that does not fit its key")]
    Value {
        /// Position in the block's writes.
        index: usize,
    },
    /// Transactions and receipts do not pair up.
    #[error("it has {transactions} transactions but {receipts} receipts")]
    Receipts {
        /// Number of transactions.
        transactions: usize,
        /// Number of receipts.
        receipts: usize,
    },
    /// A transaction is in the block before.
    #[error("transaction {index} is in the block twice")]
    Transaction {
        /// Position in the block's transactions.
        index: usize,
    },
    /// It is too large for one record.
    #[error("it takes {bytes} bytes, more than the {limit} of a journal record")]
    Size {
        /// Its encoded size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

/// Names the file and the action in an I/O error.
pub(super) trait IoContext<T> {
    /// `action` is a verb that fits "cannot ... FILE".
    fn context(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| StoreError::Io { action, path: path.to_owned(), source })
    }
}
