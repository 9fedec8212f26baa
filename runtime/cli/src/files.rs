//! Files that must be whole or not there at all: keys and the address book.

use anyhow::{Context, Result};
use std::{fs, io::Write, path::Path};
use tempfile::NamedTempFile;

/// Makes a folder that only its owner can enter.
pub fn private_dir(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Replaces a file, readable by its owner alone; a crash leaves the old one or the new one.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    put(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().context("it has no folder")?;
    let mut file = NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename is durable when the folder is.
    #[cfg(unix)]
    fs::File::open(dir)?.sync_all()?;
    Ok(())
}
