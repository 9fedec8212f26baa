//! The disk by itself.

use anyhow::{Result, ensure};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

/// Waits until all that was written before is on disk: a file system may make whoever syncs wait
/// for what others wrote.
pub fn settle() -> Result<()> {
    ensure!(Command::new("sync").status()?.success(), "`sync` failed");
    Ok(())
}

/// A file that is written piece after piece, each made durable, as a journal is.
pub struct Syncer {
    file: File,
    piece: Vec<u8>,
    at: u64,
}

/// Bytes that exist before anything is measured: pieces replace what is there, and the file does
/// not grow.
const BYTES: usize = 8 << 20;

impl Syncer {
    pub fn new(dir: &Path, piece: usize) -> Result<Self> {
        let mut file = tempfile::tempfile_in(dir)?;
        file.write_all(&vec![0; BYTES])?;
        file.sync_all()?;
        Ok(Syncer { file, piece: vec![1; piece], at: 0 })
    }

    /// Writes the next piece and waits for the disk.
    pub fn write(&mut self) -> Result<()> {
        self.file.seek(SeekFrom::Start(self.at))?;
        self.file.write_all(&self.piece)?;
        self.file.sync_data()?;
        self.at = (self.at + self.piece.len() as u64) % (BYTES - self.piece.len()) as u64;
        Ok(())
    }
}
