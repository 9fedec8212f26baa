//! The mark of a ledger that is open: how its next opening knows whether the state on disk can have
//! been broken.
//!
//! The state is not synced while it is written. If the process dies, the operating system still has
//! what was written, and writes it out; if the machine dies, parts of it are gone. So the mark
//! names the boot of the machine that the state was last written in: after another one, the whole
//! state is read and compared with its commitment. A copy of a ledger that was open is taken for
//! broken too, because the mark also names its own file.
//!
//! Invariant: the mark is on disk, durably, before the state is written to.

use super::{
    error::{IoContext, Result},
    journal::{Durability, sync_name},
};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Where Linux says which boot this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// The file `running`.
#[derive(Debug)]
pub(super) struct Running {
    path: PathBuf,
}

impl Running {
    /// Whether the state is as its last writer left it, because he closed it or the machine has
    /// been up since.
    pub fn is_state_whole(path: &Path) -> Result<bool> {
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
            opened => opened.context("open", path)?,
        };
        let (found, expected) = (fs::read(path).context("read", path)?, content(&file, path)?);
        Ok(expected.is_some_and(|expected| found == expected.into_bytes()))
    }

    /// Writes the mark.
    pub fn begin(path: &Path, durability: Durability) -> Result<Self> {
        let mut file = File::create(path).context("create", path)?;
        let content = content(&file, path)?.unwrap_or_else(|| "no boot is known".to_owned());
        file.write_all(content.as_bytes()).context("write", path)?;
        if durability == Durability::Synced {
            file.sync_all().context("sync", path)?;
            sync_name(path)?;
        }
        Ok(Running { path: path.to_owned() })
    }

    /// Removes the mark: the state is on disk, durably.
    pub fn end(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.context("remove", &self.path),
        }
    }
}

/// What the mark says in this boot; `None` if the system does not tell boots apart.
fn content(file: &File, path: &Path) -> Result<Option<String>> {
    let Ok(boot) = fs::read_to_string(BOOT) else { return Ok(None) };
    let metadata = file.metadata().context("read", path)?;
    Ok(Some(format!("boot {} file {} {}\n", boot.trim(), metadata.dev(), metadata.ino())))
}
