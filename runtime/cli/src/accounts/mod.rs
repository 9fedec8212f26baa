//! Who is who: names for addresses (`book`), keys under passwords (`keystore`, `password`).

mod book;
mod keystore;
mod password;

pub use book::{Book, parse_address};
pub use keystore::{Keystore, Secret};
pub use password::{PasswordArgs, ask};

use crate::files;
use anyhow::{Context, Result};
use std::{fs, path::Path};

/// Copies the address book, and if wanted the keys, from one ledger's folder to another.
pub fn copy(from: &Path, to: &Path, keys: bool) -> Result<()> {
    let put = |file: &Path| {
        let bytes = fs::read(from.join(file))
            .with_context(|| format!("cannot read {}", from.join(file).display()))?;
        files::write(&to.join(file), &bytes)
    };
    if from.join(book::FILE).exists() {
        put(Path::new(book::FILE))?;
    }
    let folder = Path::new(keystore::FOLDER);
    if keys && from.join(folder).exists() {
        files::private_dir(&to.join(folder))?;
        for entry in fs::read_dir(from.join(folder))? {
            put(&folder.join(entry?.file_name()))?;
        }
    }
    Ok(())
}
