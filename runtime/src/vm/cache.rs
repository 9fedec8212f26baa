//! Compiled code on disk, so that a restart compiles nothing.
//!
//! Compiled code is machine code: whoever can place a file here could run anything in the host. So each file is
//! authenticated by a key that only this ledger has (BLAKE3 keyed), over the module's hash, the engine's version and
//! configuration, and every byte; a file that does not check out is as good as absent. The folder is safe to delete.

use crate::error::Fault;
use crate::types::B256;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use wasmtime::Module;

/// Name of the file with the ledger's key.
const KEY_FILE: &str = "key";
const MAC_BYTES: usize = 32;

pub(super) struct CompiledCache {
    dir: PathBuf,
    key: [u8; 32],
    /// Distinguishes engines whose compiled code is not interchangeable.
    engine: u64,
}

impl CompiledCache {
    /// The cache in a folder, which is made if need be.
    pub(super) fn open(dir: &Path, engine: &super::engine::Engine) -> Result<Self, Fault> {
        let key = key(dir).map_err(|error| fault(dir, &error))?;
        let mut hasher = DefaultHasher::new();
        engine.wasmtime().precompile_compatibility_hash().hash(&mut hasher);
        Ok(CompiledCache { dir: dir.to_owned(), key, engine: hasher.finish() })
    }

    fn path(&self, hash: &B256) -> PathBuf {
        self.dir.join(format!("{hash:x}-{:016x}", self.engine))
    }

    fn mac(&self, hash: &B256, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(hash.as_slice()).update(&self.engine.to_le_bytes()).update(code);
        hasher.finalize()
    }

    /// The compiled code of a module, if it is here and genuine.
    pub(super) fn load(&self, hash: &B256, engine: &wasmtime::Engine) -> Option<Module> {
        let mac: [u8; MAC_BYTES] =
            fs::read(self.path(hash).with_extension("mac")).ok()?.try_into().ok()?;
        let mut file = fs::File::open(self.path(hash).with_extension("cwasm")).ok()?;
        let mut code = Vec::new();
        file.read_to_end(&mut code).ok()?;
        if self.mac(hash, &code) != blake3::Hash::from_bytes(mac) {
            return None;
        }
        file.rewind().ok()?;
        // SAFETY: this ledger wrote the file, the code above has just proved it, and the open file is what is mapped.
        #[allow(unsafe_code)]
        unsafe { Module::deserialize_open_file(engine, file) }.ok()
    }

    /// Keeps the compiled code of a module. A cache that cannot be written costs time and nothing else, so failing to
    /// is not an error.
    pub(super) fn keep(&self, hash: &B256, module: &Module) {
        let Ok(code) = module.serialize() else { return };
        let mac = self.mac(hash, &code);
        let path = self.path(hash);
        // Files that were written in part do not check out, and are written again.
        let _ = write_whole(&path.with_extension("cwasm"), &code)
            .and_then(|()| write_whole(&path.with_extension("mac"), mac.as_bytes()));
    }
}

fn fault(path: &Path, error: &std::io::Error) -> Fault {
    Fault::Engine(format!("the cache of compiled code, {}: {error}", path.display()))
}

/// Writes a file such that it is there whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::File::create(&temporary)?.write_all(bytes)?;
    fs::rename(temporary, path)
}

/// The ledger's key, made at first use and readable by its owner only.
fn key(dir: &Path) -> std::io::Result<[u8; 32]> {
    fs::create_dir_all(dir)?;
    let path = dir.join(KEY_FILE);
    if let Some(key) = fs::read(&path).ok().and_then(|bytes| bytes.try_into().ok()) {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(std::io::Error::other)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(&key)?;
    Ok(key)
}
