//! What must be whole or not there at all: keys, the address book, copies of a ledger.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    io::{self, Write},
    path::Path,
};
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

/// Makes a folder that must not exist, whole or not at all: `fill` makes it under another name
/// beside, and only when that is done, with all that belongs into it, does it get its own.
pub fn whole_dir<T>(path: &Path, fill: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    ensure!(!path.exists(), "{} exists already; name another folder", path.display());
    let beside = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let beside = beside.unwrap_or(Path::new("."));
    fs::create_dir_all(beside).with_context(|| format!("cannot make {}", beside.display()))?;
    let scratch = tempfile::Builder::new()
        .prefix(".florin-unfinished-")
        .tempdir_in(beside)
        .with_context(|| format!("cannot make a folder in {}", beside.display()))?;
    let unfinished = scratch.path().join("ledger");
    let filled = fill(&unfinished)?;
    fs::rename(&unfinished, path)
        .and_then(|()| sync_dir(beside))
        .with_context(|| format!("cannot make {}", path.display()))?;
    Ok(filled)
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().context("it has no folder")?;
    let mut file = NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(sync_dir(dir)?)
}

/// A rename is durable when its folder is.
fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(dir)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn a_folder_is_whole_or_not_there() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("copy");
        let fails = whole_dir(&path, |unfinished| -> Result<()> {
            fs::create_dir(unfinished)?;
            assert!(!path.exists(), "not before it is whole");
            bail!("the disk is full")
        });
        assert_eq!(fails.unwrap_err().to_string(), "the disk is full");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "nothing is left");
        whole_dir(&path, |unfinished| Ok(fs::create_dir(unfinished)?)).unwrap();
        assert!(path.is_dir());
        let again = whole_dir(&path, |_| Ok(())).unwrap_err().to_string();
        assert!(again.contains("exists already"), "{again}");
    }
}
