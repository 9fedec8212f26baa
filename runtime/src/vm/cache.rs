//! Compiled code on disk, so that a restart compiles nothing.
//!
//! Compiled code is machine code: whoever can place a file here could run anything in the host. So
//! each file is authenticated (BLAKE3 keyed), over the module's hash, the engine, what is known of
//! the module and every byte of the code; a file that does not check out is as good as absent. The
//! key holds only where it was made: it is bound to its file as the file system knows it, so a
//! folder that came from elsewhere, key and all, counts for nothing. What was found genuine once is
//! only mapped later, as long as its file is the same.
//!
//! Only modules of committed blocks are kept, so the folder is bounded by the ledger. It is safe to
//! delete.

use super::engine::Engine;
use super::validate::Facts;
use crate::error::Fault;
use crate::limits::GENUINE_FILES;
use crate::types::B256;
use std::collections::HashMap;
use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use wasmtime::Module;

/// Name of the file with the key.
const KEY_FILE: &str = "key";
/// Ending of a file of machine code.
const CODE: &str = "cwasm";
/// Ending of the file beside it: authentication, then what is known of the module.
const SEAL: &str = "seal";
/// Goes up with every change of what is known of a module, of how it is written, and of the checks.
const FORM: u32 = 1;

pub(super) struct CompiledCache {
    dir: PathBuf,
    key: [u8; blake3::KEY_LEN],
    /// Distinguishes engines whose compiled code, or whose checks, are not interchangeable.
    engine: u64,
    /// Files of code that were genuine with these seals.
    genuine: Mutex<HashMap<B256, (blake3::Hash, [u64; 5])>>,
}

impl CompiledCache {
    /// The cache in a folder, which is made if need be. What other engines left in it is removed.
    pub(super) fn open(dir: &Path, engine: &Engine) -> Result<Self, Fault> {
        let mut hasher = DefaultHasher::new();
        engine.wasmtime().precompile_compatibility_hash().hash(&mut hasher);
        (env!("CARGO_PKG_VERSION"), FORM).hash(&mut hasher);
        let key = key(dir).map_err(|error| {
            Fault::Engine(format!("the cache of compiled code, {}: {error}", dir.display()))
        })?;
        let (dir, engine) = (dir.to_owned(), hasher.finish());
        let cache = CompiledCache { dir, key, engine, genuine: Mutex::default() };
        cache.prune();
        Ok(cache)
    }

    fn path(&self, hash: &B256, ending: &str) -> PathBuf {
        self.dir.join(format!("{hash:x}-{:016x}.{ending}", self.engine))
    }

    fn mac(&self, hash: &B256, facts: &[u8], code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(hash.as_slice()).update(&self.engine.to_le_bytes());
        hasher.update(&(facts.len() as u64).to_le_bytes()).update(facts).update(code);
        hasher.finalize()
    }

    /// The compiled code of a module, if it is here and genuine.
    pub(super) fn load(&self, hash: &B256, engine: &Engine) -> Option<(Module, Facts)> {
        let seal = fs::read(self.path(hash, SEAL)).ok()?;
        let (mac, facts) = seal.split_first_chunk::<{ blake3::OUT_LEN }>()?;
        let mut file = File::open(self.path(hash, CODE)).ok()?;
        let known = (blake3::hash(&seal), stamp(&file.metadata().ok()?));
        if self.genuine().get(hash) != Some(&known) {
            let mut code = Vec::new();
            file.read_to_end(&mut code).ok()?;
            if self.mac(hash, facts, &code) != blake3::Hash::from_bytes(*mac) {
                return None;
            }
            file.rewind().ok()?;
            let mut genuine = self.genuine();
            if genuine.len() >= GENUINE_FILES {
                genuine.clear();
            }
            genuine.insert(*hash, known);
        }
        let facts = postcard::from_bytes(facts).ok()?;
        // SAFETY: this ledger wrote the file, as the code above has proved of just this file, and the
        // open file is what is mapped.
        #[allow(unsafe_code)]
        let module = unsafe { Module::deserialize_open_file(engine.wasmtime(), file) }.ok()?;
        Some((module, facts))
    }

    /// Keeps the compiled code of a module. A cache that cannot be written costs time and nothing
    /// else, so failing to is not an error.
    pub(super) fn keep(&self, hash: &B256, module: &Module, facts: &Facts) {
        let (Ok(code), Ok(facts)) = (module.serialize(), postcard::to_allocvec(facts)) else {
            return;
        };
        let seal = [self.mac(hash, &facts, &code).as_bytes(), &facts[..]].concat();
        // Files that were written in part do not check out, and are written again.
        let _ = write_whole(&self.path(hash, CODE), &code)
            .and_then(|()| write_whole(&self.path(hash, SEAL), &seal));
    }

    /// A panic elsewhere cannot leave the table half-changed, so a poisoned lock is still good.
    fn genuine(&self) -> MutexGuard<'_, HashMap<B256, (blake3::Hash, [u64; 5])>> {
        self.genuine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes what no load will ever ask for.
    fn prune(&self) {
        let ours = [CODE, SEAL].map(|ending| format!("-{:016x}.{ending}", self.engine));
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name != KEY_FILE && !ours.iter().any(|ending| name.ends_with(ending)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// A file as the file system knows it. Copying it makes another one, whose time of change nobody can
/// choose.
fn stamp(file: &Metadata) -> [u64; 5] {
    let (seconds, nanos) = (file.ctime() as u64, file.ctime_nsec() as u64);
    [file.dev(), file.ino(), seconds, nanos, file.len()]
}

/// Writes a file such that it is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
    File::create(&temporary)?.write_all(bytes)?;
    fs::rename(temporary, path)
}

/// The key of the folder: a secret, made at first use and readable by its owner only, bound to the
/// file that holds it.
fn key(dir: &Path) -> io::Result<[u8; blake3::KEY_LEN]> {
    fs::create_dir_all(dir)?;
    let path = dir.join(KEY_FILE);
    let secret: [u8; blake3::KEY_LEN] = match fs::read(&path).map(TryInto::try_into) {
        Ok(Ok(secret)) => secret,
        _ => {
            let mut secret = [0; blake3::KEY_LEN];
            getrandom::fill(&mut secret).map_err(io::Error::other)?;
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(&path)?.write_all(&secret)?;
            secret
        }
    };
    let mut hasher = blake3::Hasher::new_keyed(&secret);
    for number in stamp(&fs::metadata(&path)?) {
        hasher.update(&number.to_le_bytes());
    }
    Ok(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{thread, time::Duration};

    #[test]
    fn what_was_genuine_once_is_not_believed_when_its_files_changed() {
        let dir = tempfile::tempdir().expect("a directory");
        let engine = Engine::shared(false).expect("an engine");
        let cache = CompiledCache::open(dir.path(), engine).expect("a cache");
        let text = r#"(module (memory (export "memory") 1)
            (func (export "call") (param i32) (result i32) (i32.const 0)))"#;
        let module = engine.compile(&wat::parse_str(text).expect("valid text")).expect("compiled");
        let (hash, facts) = (B256::repeat_byte(1), Facts::default());
        let code_bytes = module.serialize().expect("bytes").len();
        let loads = || cache.load(&hash, engine).is_some();
        assert!(!loads());
        for (ending, place) in [(CODE, code_bytes - 1), (SEAL, blake3::OUT_LEN)] {
            cache.keep(&hash, &module, &facts);
            assert!(loads() && loads());
            let path = cache.path(&hash, ending);
            let whole = fs::read(&path).expect("a file");
            thread::sleep(Duration::from_millis(50)); // the file system's clock goes on
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            fs::write(&path, &damaged).expect("written");
            assert!(!loads() && !loads(), "{ending}");
            fs::write(&path, &whole).expect("written");
            assert!(loads(), "{ending}");
        }
    }
}
