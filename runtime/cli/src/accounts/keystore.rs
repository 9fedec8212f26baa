//! Keys at rest: Web3 Secret Storage version 3, one file per key, named as geth names them, so that
//! every Ethereum tool can use the folder.
//!
//! Invariant: a key is never on disk in the clear, and a key file is there whole or not at all.

use crate::{files, time};
use alloy_primitives::{Address, B256, hex};
use alloy_signer_local::{LocalSignerError, MnemonicBuilder, PrivateKeySigner};
use anyhow::{Context, Result, anyhow, bail};
use eth_keystore::KeystoreError;
use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The folder of keys in the ledger's folder.
pub const FOLDER: &str = "keystore";
/// Fewest words of a BIP-39 phrase.
const FEWEST_WORDS: usize = 12;

/// The keys of a ledger's folder.
pub struct Keystore {
    dir: PathBuf,
}

/// What a key can be imported from; which it is shows in its text.
pub enum Secret {
    /// The key itself.
    Key(PrivateKeySigner),
    /// A keystore file, kept as it is, under its own password.
    File(Value),
}

impl Secret {
    /// Tells a private key (64 hexadecimal digits), a BIP-39 phrase (the key at
    /// m/44'/60'/0'/0/`index`) and a keystore file apart.
    pub fn parse(text: &str, index: u32) -> Result<Self> {
        let text = text.trim();
        if text.starts_with('{') {
            return Ok(Secret::File(serde_json::from_str(text).context("no keystore file")?));
        }
        if text.split_whitespace().count() >= FEWEST_WORDS {
            let phrase = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
            let signer = MnemonicBuilder::english().phrase(phrase).index(index)?.build();
            // The library's error repeats the phrase.
            return signer.map(Secret::Key).map_err(|_| {
                anyhow!("the BIP-39 phrase is wrong: a word is misspelt, missing or out of place")
            });
        }
        // What was typed is not repeated: it may be all but a digit of a key.
        let bytes = hex::decode(text).ok().filter(|bytes| bytes.len() == 32);
        let bytes = bytes.context(
            "neither a private key (64 hexadecimal digits), nor a BIP-39 phrase (12 to 24 words), \
             nor a keystore file",
        )?;
        let signer = PrivateKeySigner::from_bytes(&B256::from_slice(&bytes));
        Ok(Secret::Key(signer.map_err(|_| anyhow!("the private key is out of range"))?))
    }
}

impl Keystore {
    /// The keys in a ledger's folder.
    pub fn open(dir: &Path) -> Self {
        Keystore { dir: dir.join(FOLDER) }
    }

    /// Stores a key under a password. What a guess of the password costs is fixed by the library,
    /// as docs/SECURITY.md tells.
    pub fn add(&self, signer: &PrivateKeySigner, password: &str) -> Result<()> {
        let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
        let (key, mut rng) = (signer.to_bytes(), rand::rngs::OsRng);
        PrivateKeySigner::encrypt_keystore(scratch.path(), &mut rng, key, password, Some("key"))?;
        let json = serde_json::from_slice(&fs::read(scratch.path().join("key"))?)?;
        self.put(signer.address(), json)
    }

    /// Stores a keystore file as it is, once the password has opened it. What the standard calls
    /// `crypto` ethers calls `Crypto`, as geth once did.
    pub fn add_file(&self, mut json: Value, password: &str) -> Result<Address> {
        if let Some(file) = json.as_object_mut()
            && !file.contains_key("crypto")
            && let Some(crypto) = file.remove("Crypto")
        {
            file.insert("crypto".to_owned(), crypto);
        }
        let scratch = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
        fs::write(scratch.path(), json.to_string())?;
        let address = unlock(scratch.path(), password, "the keystore file", "the file")?.address();
        self.put(address, json)?;
        Ok(address)
    }

    /// The addresses that have a key.
    pub fn addresses(&self) -> Result<Vec<Address>> {
        let mut found: Vec<_> = self.files()?.into_iter().map(|(address, _)| address).collect();
        found.sort_unstable();
        Ok(found)
    }

    /// The key files. A folder that is not there yet holds none; one that cannot be read is an
    /// error, lest keys that exist be taken for lost.
    fn files(&self) -> Result<Vec<(Address, PathBuf)>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
        };
        let entries =
            entries.with_context(|| format!("cannot read the keys in {}", self.dir.display()))?;
        let paths = entries.into_iter().map(|entry| entry.path());
        Ok(paths.filter_map(|path| Some((address_of(&path)?, path))).collect())
    }

    /// Whether there is a key for an address.
    pub fn has(&self, address: Address) -> Result<bool> {
        Ok(self.addresses()?.contains(&address))
    }

    /// The key of an address.
    pub fn unlock(&self, address: Address, password: &str, who: &str) -> Result<PrivateKeySigner> {
        let file = self.file(address)?;
        unlock(&file, password, who, &file.display().to_string())
    }

    /// The keystore file of an address, as JSON.
    pub fn export(&self, address: Address) -> Result<Value> {
        let path = self.file(address)?;
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))
    }

    fn file(&self, address: Address) -> Result<PathBuf> {
        let found = self.files()?.into_iter().find(|(known, _)| *known == address);
        let (_, path) = found.with_context(|| {
            format!("there is no key for {address}; `florin account list` shows which there are")
        })?;
        Ok(path)
    }

    fn put(&self, address: Address, mut json: Value) -> Result<()> {
        if self.has(address)? {
            bail!("there is a key for {address} already");
        }
        // Standard tools find the address of a key in the clear.
        json["address"] = hex::encode(address).into();
        files::private_dir(&self.dir)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("UTC--{}--{}", time::in_file_name(now), hex::encode(address));
        files::write(&self.dir.join(name), json.to_string().as_bytes())
    }
}

fn unlock(path: &Path, password: &str, who: &str, file: &str) -> Result<PrivateKeySigner> {
    PrivateKeySigner::decrypt_keystore(path, password).map_err(|error| match error {
        LocalSignerError::EthKeystoreError(KeystoreError::MacMismatch) => {
            anyhow!("cannot unlock {who}; is the password right? If it is, {file} is damaged")
        }
        // The library's error is about the inside of the file.
        _ => anyhow!("cannot unlock {who}: {file} cannot be read or is no keystore file"),
    })
}

/// geth ends the name of a key file with the address.
fn address_of(path: &Path) -> Option<Address> {
    let (_, digits) = path.file_name()?.to_str()?.rsplit_once("--")?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first account of the phrase that development networks use.
    const PHRASE: &str = "test test test test test test test test test test test junk";
    const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    const SECOND: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

    fn key(text: &str, index: u32) -> Result<Address> {
        match Secret::parse(text, index)? {
            Secret::Key(signer) => Ok(signer.address()),
            Secret::File(_) => bail!("a file"),
        }
    }

    #[test]
    fn phrases_follow_the_standard_path() {
        assert_eq!(key(PHRASE, 0).unwrap(), FIRST.parse::<Address>().unwrap());
        let spaced = PHRASE.to_uppercase().replace(' ', "\n  ");
        assert_eq!(key(&spaced, 1).unwrap(), SECOND.parse::<Address>().unwrap());
    }

    #[test]
    fn bad_secrets_are_refused_without_repeating_them() {
        let zero = "0".repeat(64);
        let checksum = PHRASE.replace("junk", "test");
        for text in ["", "hunter2", &"f".repeat(63), &"f".repeat(64), &zero, &checksum, "{"] {
            let error = format!("{:#}", key(text, 0).unwrap_err());
            assert!(text.len() < 3 || !error.contains(text), "{error}");
        }
    }

    #[test]
    fn a_key_survives_only_under_its_password() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Keystore::open(dir.path());
        assert!(keys.addresses().unwrap().is_empty());
        let signer = PrivateKeySigner::random();
        keys.add(&signer, "correct horse").unwrap();
        assert!(keys.add(&signer, "again").unwrap_err().to_string().contains("already"));
        assert_eq!(keys.addresses().unwrap(), [signer.address()]);
        let unlocked = keys.unlock(signer.address(), "correct horse", "alice").unwrap();
        assert_eq!(unlocked.to_bytes(), signer.to_bytes());
        let wrong = keys.unlock(signer.address(), "wrong", "alice").unwrap_err().to_string();
        assert!(wrong.contains("is the password right?"), "{wrong}");
        assert!(keys.unlock(Address::ZERO, "x", "nobody").is_err());

        let other = tempfile::tempdir().unwrap();
        let others = Keystore::open(other.path());
        let file = keys.export(signer.address()).unwrap();
        let cost = &file["crypto"]["kdfparams"];
        assert_eq!([&cost["n"], &cost["r"], &cost["p"]], [8192, 8, 1], "say so in SECURITY.md");
        assert!(!file.to_string().contains(&hex::encode(signer.to_bytes())));
        assert!(others.add_file(file.clone(), "wrong").is_err());
        assert_eq!(others.add_file(file, "correct horse").unwrap(), signer.address());
        let path = others.file(signer.address()).unwrap();
        fs::write(&path, "{\"crypto\":").unwrap();
        let damaged = others.unlock(signer.address(), "correct horse", "alice").unwrap_err();
        assert!(damaged.to_string().contains(path.to_str().unwrap()), "{damaged}");
    }

    #[test]
    fn keys_that_cannot_be_read_are_not_taken_for_lost() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FOLDER), "not a folder").unwrap();
        let error = Keystore::open(dir.path()).addresses().unwrap_err();
        assert!(error.to_string().contains("cannot read the keys"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_a_key() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let keys = Keystore::open(dir.path());
        let signer = PrivateKeySigner::random();
        keys.add(&signer, "x").unwrap();
        let file = keys.file(signer.address()).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0);
        assert_eq!(fs::metadata(&keys.dir).unwrap().permissions().mode() & 0o077, 0);
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("UTC--20") && name.ends_with(&hex::encode(signer.address())));
    }
}
