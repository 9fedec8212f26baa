//! The mark of a ledger that is open: how its next opening knows whether the state on disk can have
//! been broken.
//!
//! The state is not synced while it is written. If the process dies, the operating system still has
//! what was written, and writes it out; if the machine dies, parts of it are gone. So the mark
//! names the boot of the machine that the state was last written in: after another one, the whole
//! state is read and compared with its commitment. A copy of a ledger that was open is taken for
//! broken too, because the mark also names its own file.
//!
//! Invariants: the mark is on disk, durably, before the state is written to. It names this boot only
//! if the state was whole when it was opened.

use super::{
    disk::{self, File},
    error::Result,
    journal::Durability,
};
use std::path::{Path, PathBuf};

/// The file `running`.
#[derive(Debug)]
pub(super) struct Running {
    path: PathBuf,
}

impl Running {
    /// Whether the state is as its last writer left it, because he closed it or the machine has
    /// been up since.
    pub fn is_state_whole(path: &Path) -> Result<bool> {
        let Some(file) = File::open_to_read(path)? else { return Ok(true) };
        let (found, expected) = (file.read_range(0, u64::MAX)?, content(&file)?);
        Ok(expected.is_some_and(|expected| found == expected.into_bytes()))
    }

    /// Writes the mark.
    pub fn begin(path: &Path, durability: Durability) -> Result<Self> {
        let file = File::create(path)?;
        let content = content(&file)?.unwrap_or_else(|| "no boot is known".to_owned());
        file.write_at(content.as_bytes(), 0)?;
        if durability == Durability::Synced {
            file.sync_all()?;
            disk::sync_name(path)?;
        }
        Ok(Running { path: path.to_owned() })
    }

    /// Removes the mark: the state is on disk, durably.
    pub fn end(&self) -> Result<()> {
        disk::remove_file(&self.path)
    }
}

/// What the mark says in this boot; `None` if the system does not tell boots apart.
fn content(file: &File) -> Result<Option<String>> {
    let Some(boot) = disk::boot() else { return Ok(None) };
    let (device, inode) = file.identity()?;
    Ok(Some(format!("boot {boot} file {device} {inode}\n")))
}
