//! The address book: one small JSON file in the ledger's folder, name to address. Accounts and
//! contracts are alike in it.
//!
//! Invariants: a name is never an address nor an amount, so no argument can be taken for another.
//! What one process adds no other undoes: a name is added to what is on disk, under a lock.

use crate::files;
use alloy_primitives::Address;
use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// The file in the ledger's folder.
pub const FILE: &str = "addresses.json";
/// Held while a name is added. It is a file of its own, because adding replaces the book.
const LOCK: &str = "addresses.lock";
/// Longest name. It must fit a column.
const NAME_CHARS: usize = 40;

/// The address book of a ledger.
#[derive(Debug, Default)]
pub struct Book {
    path: PathBuf,
    names: BTreeMap<String, Address>,
}

impl Book {
    /// Opens the address book in a ledger's folder; it is empty if there is none yet.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        Ok(Book { names: read(&path)?, path })
    }

    /// Refuses a name that is badly formed or taken, before anything is done for it.
    pub fn check_new(&self, name: &str) -> Result<()> {
        if !is_name(name) {
            bail!(
                "`{name}` cannot be a name: begin with a letter, go on with letters, digits, `-`, \
                 `_` or `.`, at most {NAME_CHARS}"
            );
        }
        // Two names that a reader takes for one would send money to the wrong one.
        let taken = self.entries().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((known, address)) = taken {
            bail!("the name `{known}` is taken, by {address}; choose another");
        }
        Ok(())
    }

    /// Adds a name to the book on disk.
    pub fn add(&mut self, name: &str, address: Address) -> Result<()> {
        let lock = self.path.with_file_name(LOCK);
        let lock = fs::File::create(&lock)
            .and_then(|file| file.lock().map(|()| file))
            .with_context(|| format!("cannot lock {}", lock.display()))?;
        self.names = read(&self.path)?;
        self.check_new(name)?;
        self.call(name, address);
        files::write(&self.path, &serde_json::to_vec_pretty(&self.names)?)?;
        // Closing the file gives up the lock.
        drop(lock);
        Ok(())
    }

    /// Calls an address by a name that is not in the book on disk, yet.
    pub fn call(&mut self, name: &str, address: Address) {
        self.names.insert(name.to_owned(), address);
    }

    /// The address that a name, or an address in hex, stands for.
    pub fn resolve(&self, text: &str) -> Result<Address> {
        if text.starts_with("0x") {
            return parse_address(text);
        }
        if let Some(address) = self.names.get(text) {
            return Ok(*address);
        }
        if self.names.is_empty() {
            bail!(
                "`{text}` is no address, and no names are known yet: `florin account new {text}`"
            );
        }
        let known: Vec<_> = self.names.keys().map(String::as_str).collect();
        bail!("nobody is called `{text}`; known names: {}", known.join(", "))
    }

    /// The first name of an address.
    pub fn name(&self, address: Address) -> Option<&str> {
        self.names.iter().find(|(_, known)| **known == address).map(|(name, _)| name.as_str())
    }

    /// The name of an address if it has one, else the address.
    pub fn show(&self, address: Address) -> String {
        self.name(address).map_or_else(|| address.to_string(), str::to_owned)
    }

    /// All entries, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Address)> {
        self.names.iter().map(|(name, address)| (name.as_str(), *address))
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, Address>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| {
            format!("{} is damaged; put it right by hand or remove it", path.display())
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error).context(format!("cannot read {}", path.display())),
    }
}

/// Whether a text has the form of a name.
fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && text.len() <= NAME_CHARS
}

/// Parses an address; one with capitals must have a right checksum (ERC-55).
pub fn parse_address(text: &str) -> Result<Address> {
    let address: Address = text
        .parse()
        .with_context(|| format!("`{text}` is no address: 0x and 40 hexadecimal digits"))?;
    let digits = text.trim_start_matches("0x");
    let mixed = digits.contains(|c: char| c.is_ascii_uppercase())
        && digits.contains(|c: char| c.is_ascii_lowercase());
    if mixed && Address::parse_checksummed(text, None).is_err() {
        bail!("the checksum of {text} is wrong (ERC-55): a digit was mistyped");
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKSUMMED: &str = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

    #[test]
    fn names_survive_and_are_unique() {
        let dir = tempfile::tempdir().unwrap();
        let address = Address::repeat_byte(7);
        let mut book = Book::open(dir.path()).unwrap();
        book.add("alice", address).unwrap();
        for taken in ["alice", "Alice"] {
            assert!(book.add(taken, Address::ZERO).unwrap_err().to_string().contains("taken"));
        }
        let book = Book::open(dir.path()).unwrap();
        assert_eq!(book.resolve("alice").unwrap(), address);
        assert_eq!((book.name(address), book.name(Address::ZERO)), (Some("alice"), None));
        let unknown = book.resolve("bob").unwrap_err().to_string();
        assert!(unknown.contains("bob") && unknown.contains("alice"), "{unknown}");
    }

    #[test]
    fn what_others_add_meanwhile_stays() {
        let dir = tempfile::tempdir().unwrap();
        let add = |who: u8| {
            // Opened before anybody adds.
            let mut book = Book::open(dir.path()).unwrap();
            move || {
                for number in 0..20 {
                    book.add(&format!("n{who}-{number}"), Address::repeat_byte(who)).unwrap();
                }
            }
        };
        let threads: Vec<_> = (0..3).map(add).map(std::thread::spawn).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(Book::open(dir.path()).unwrap().entries().count(), 60);
    }

    #[test]
    fn a_name_is_never_an_address_or_an_amount() {
        for text in ["", "0x12", "12", "1gwei", "-a", "a b", "a/b", "ä", &"a".repeat(41)] {
            assert!(!is_name(text), "{text}");
        }
        assert!(is_name("shop-2.eu_x"));
    }

    #[test]
    fn a_mistyped_address_is_refused() {
        assert!(parse_address(CHECKSUMMED).is_ok());
        assert!(parse_address(&CHECKSUMMED.to_lowercase()).is_ok());
        let mistyped = CHECKSUMMED.replace("d", "e");
        assert!(parse_address(&mistyped).unwrap_err().to_string().contains("checksum"));
        for text in ["0x", "0x5aAe", "5x", &CHECKSUMMED[..41]] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_damaged_book_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "{\"alice\": \"0x12").unwrap();
        assert!(Book::open(dir.path()).unwrap_err().to_string().contains("damaged"));
    }
}
