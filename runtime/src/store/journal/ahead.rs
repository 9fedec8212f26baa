//! Reading records in order: while one is used, other threads decode those that follow.
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
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

/// Where so many bytes of records are on their way to be decoded no further one is read: some blocks
/// of the highest load.
pub(super) const AHEAD_BYTES: usize = 8 << 20;
/// Threads that decode at most: more are faster than who uses the records.
const MOST_DECODERS: usize = 8;

/// A record to be decoded, and whom to give it to.
struct Undecoded<T>(RecordHeader, Vec<u8>, SyncSender<Option<(Record, T)>>);

/// A record that is on its way: where it begins, its size, and whom it comes from.
struct Pending<T>(Position, usize, Receiver<Option<(Record, T)>>);

/// Records, each with what `prepare` made of its block.
pub(super) struct Ahead<'a, T> {
    reader: &'a Reader,
    undecoded: Sender<Undecoded<T>>,
    pending: VecDeque<Pending<T>>,
    pending_bytes: usize,
    /// Where the next one begins, if there can be one.
    next: Option<Position>,
}

impl<'a, T: Send> Ahead<'a, T> {
    /// Starts the threads, and ends them when `read` is done.
    pub fn with<R>(
        reader: &'a Reader,
        prepare: impl Fn(&Block) -> T + Sync,
        read: impl FnOnce(Self) -> Result<R>,
    ) -> Result<R> {
        let (undecoded, queue) = channel::<Undecoded<T>>();
        let queue = Mutex::new(queue);
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let decode = || {
            while let Ok(Undecoded(header, bytes, reply)) = next() {
                let record = whole(header, &bytes).map(|record| {
                    let prepared = prepare(&record.block);
                    (record, prepared)
                });
                // Nobody may want it any more.
                let _ = reply.send(record);
            }
        };
        let decoders = thread::available_parallelism().map_or(1, usize::from).min(MOST_DECODERS);
        thread::scope(|scope| {
            for _ in 0..decoders {
                let thread = thread::Builder::new().name("decode".to_owned());
                thread.spawn_scoped(scope, decode).context("start a thread for", reader.dir())?;
            }
            let (pending, pending_bytes, next) = (VecDeque::new(), 0, None);
            read(Ahead { reader, undecoded, pending, pending_bytes, next })
        })
    }

    /// The record at a position, if there is one and all its bytes are as written.
    pub fn find(&mut self, at: Position) -> Result<Option<(Record, T)>> {
        if self.pending.front().is_none_or(|Pending(first, ..)| *first != at) {
            self.pending.clear();
            self.pending_bytes = 0;
            self.next = Some(at);
        }
        while (self.pending.is_empty() || self.pending_bytes <= AHEAD_BYTES)
            && let Some(next) = self.next.take()
            && let Some((header, bytes)) = self.reader.raw(next)?
        {
            let (reply, decoded) = sync_channel(1);
            self.pending.push_back(Pending(next, bytes.len(), decoded));
            self.pending_bytes += bytes.len();
            let offset = next.offset + header.record_length() as u64;
            self.next = Some(Position { offset, ..next });
            self.undecoded.send(Undecoded(header, bytes, reply)).map_err(|_| stopped())?;
        }
        let Some(Pending(_, bytes, decoded)) = self.pending.pop_front() else { return Ok(None) };
        self.pending_bytes -= bytes;
        decoded.recv().map_err(|_| stopped())
    }

    /// Bytes of the records that are on their way.
    #[cfg(test)]
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }
}

fn stopped() -> StoreError {
    StoreError::Stopped { cause: "a thread that decodes blocks ended".to_owned() }
}
