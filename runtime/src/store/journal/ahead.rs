//! Reading records in order: while one is used, a thread of its own decodes those that follow.
//!
//! Invariant: what is found at a position is what [`Reader::raw`] and [`whole`] make of it, in
//! whatever order it is asked for. Files are read by the caller's thread alone.

use super::{
    Position, Reader,
    reader::{Record, whole},
};
use crate::store::{
    error::{IoContext, Result, StoreError},
    record::RecordHeader,
};
use crate::types::Block;
use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

/// Where so many bytes of records are on their way to be decoded no further one is read: some blocks
/// of the highest load.
pub(super) const AHEAD_BYTES: usize = 8 << 20;

/// Records, each with what `prepare` made of its block.
pub(super) struct Ahead<'a, T> {
    reader: &'a Reader,
    undecoded: Sender<(RecordHeader, Vec<u8>)>,
    decoded: Receiver<Option<(Record, T)>>,
    /// Where the records begin that are on their way, and their sizes.
    pending: VecDeque<(Position, usize)>,
    pending_bytes: usize,
    /// Where the next one begins, if there can be one.
    next: Option<Position>,
}

impl<'a, T: Send> Ahead<'a, T> {
    /// Starts the thread, and ends it when `read` is done.
    pub fn with<R>(
        reader: &'a Reader,
        prepare: impl Fn(&Block) -> T + Send,
        read: impl FnOnce(Self) -> Result<R>,
    ) -> Result<R> {
        let (undecoded, raw) = channel::<(RecordHeader, Vec<u8>)>();
        let (done, decoded) = channel();
        let decode = move || {
            for (header, bytes) in raw {
                let record = whole(header, &bytes).map(|record| {
                    let prepared = prepare(&record.block);
                    (record, prepared)
                });
                if done.send(record).is_err() {
                    break;
                }
            }
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().name("decode".to_owned());
            thread.spawn_scoped(scope, decode).context("start a thread for", reader.dir())?;
            let (pending, pending_bytes, next) = (VecDeque::new(), 0, None);
            read(Ahead { reader, undecoded, decoded, pending, pending_bytes, next })
        })
    }

    /// The record at a position, if there is one and all its bytes are as written.
    pub fn find(&mut self, at: Position) -> Result<Option<(Record, T)>> {
        if self.pending.front().is_none_or(|(first, _)| *first != at) {
            while !self.pending.is_empty() {
                self.take()?;
            }
            self.next = Some(at);
        }
        while (self.pending.is_empty() || self.pending_bytes <= AHEAD_BYTES)
            && let Some(next) = self.next.take()
            && let Some((header, bytes)) = self.reader.raw(next)?
        {
            self.pending.push_back((next, bytes.len()));
            self.pending_bytes += bytes.len();
            let offset = next.offset + header.record_length() as u64;
            self.next = Some(Position { offset, ..next });
            self.undecoded.send((header, bytes)).map_err(|_| stopped())?;
        }
        if self.pending.is_empty() { Ok(None) } else { self.take() }
    }

    /// Bytes of the records that are on their way.
    #[cfg(test)]
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// The first of those that are on their way.
    fn take(&mut self) -> Result<Option<(Record, T)>> {
        if let Some((_, bytes)) = self.pending.pop_front() {
            self.pending_bytes -= bytes;
        }
        self.decoded.recv().map_err(|_| stopped())
    }
}

fn stopped() -> StoreError {
    StoreError::Stopped { cause: "the thread that decodes blocks ended".to_owned() }
}
