//! One process at a time: a lock on the file `lock`, which the operating system gives up when the
//! process ends.

use super::error::{IoContext, Result, StoreError};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::ErrorKind,
    os::unix::fs::FileExt,
    path::Path,
};

/// Held until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, but for a process that another thread is starting: it has the file
        // until it executes.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of a ledger, or says who has it.
    pub fn acquire(dir: &Path) -> Result<Self> {
        let path = dir.join(super::LOCK);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = match options.open(&path) {
            Err(error) if is_read_only(error.kind()) => {
                return Err(StoreError::NotWritable { dir: dir.to_owned() });
            }
            opened => opened.context("open", &path)?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).ok().and_then(|pid| pid.trim().parse().ok());
                return Err(StoreError::Locked { dir: dir.to_owned(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(error).context("lock", &path),
        }
        // For the message to others only: a full disk must not keep a ledger from opening.
        let pid = format!("{:<10}\n", std::process::id());
        let _ = file.write_all_at(pid.as_bytes(), 0);
        Ok(Lock { file })
    }
}

fn is_read_only(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}
