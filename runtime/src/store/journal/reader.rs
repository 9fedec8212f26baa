//! Finding and reading records, and telling what a crash left from damage.
//!
//! Invariant: nothing is changed but by [`Reader::clear_torn`], and only what nobody knows to have
//! been acknowledged; [`Reader::write_again`] changes no byte.

use super::{
    Durability, Position, Tail,
    ahead::Ahead,
    segment::{SUFFIX, Segment, rest, write_zeros},
};
use crate::store::{
    Options,
    acknowledged::Mark,
    disk::{self, File},
    error::{Damage, Result, StoreError},
    record::{RECORD_HEADER, RECORD_MAGIC, RecordHeader, SEGMENT_HEADER, unframe},
};
use crate::types::{B256, Block};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

/// What is wrong with a block that is not where it was, or not whole.
pub(in crate::store) const UNREADABLE: &str = "the block cannot be read";
/// Segment files kept open for reading; old history is read rarely.
const OPEN_SEGMENTS: usize = 64;

/// A whole record.
pub(super) struct Record {
    pub header: RecordHeader,
    pub block: Block,
    pub hash: B256,
}

/// The record in these bytes, if all are as written.
pub(super) fn whole(header: RecordHeader, bytes: &[u8]) -> Option<Record> {
    let (block, hash) = unframe(bytes)?;
    (block.header.number == header.number).then_some(Record { header, block, hash })
}

/// Reads the journal, from any thread.
#[derive(Debug)]
pub(in crate::store) struct Reader {
    dir: PathBuf,
    segments: RwLock<HashMap<u32, Arc<Segment>>>,
}

impl Reader {
    pub fn new(dir: &Path) -> Self {
        Reader { dir: dir.to_owned(), segments: RwLock::default() }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of a segment.
    pub fn path(&self, segment: u32) -> PathBuf {
        self.dir.join(format!("{segment:08}{SUFFIX}"))
    }

    /// The segment, or `None` if there is no file or its first bytes are not a segment's.
    pub(super) fn segment(&self, index: u32) -> Result<Option<Arc<Segment>>> {
        let known = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = known.get(&index) {
            return Ok(Some(segment.clone()));
        }
        drop(known);
        let opened = Segment::open(&self.path(index), index)?;
        Ok(opened.map(|segment| self.remember(index, segment)))
    }

    /// Keeps a segment open for reading.
    pub(super) fn remember(&self, index: u32, segment: Segment) -> Arc<Segment> {
        let segment = Arc::new(segment);
        let mut known = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= OPEN_SEGMENTS {
            known.clear();
        }
        known.insert(index, segment.clone());
        segment
    }

    /// The record at a position, if there is one and all its bytes are as written.
    fn find(&self, at: Position) -> Result<Option<Record>> {
        Ok(self.raw(at)?.and_then(|(header, bytes)| whole(header, &bytes)))
    }

    /// The bytes of what begins as a record at a position.
    pub(super) fn raw(&self, at: Position) -> Result<Option<(RecordHeader, Vec<u8>)>> {
        let Some(segment) = self.segment(at.segment)? else { return Ok(None) };
        let mut fixed = [0; RECORD_HEADER];
        let read_bytes = segment.file.read_at(&mut fixed, at.offset)?;
        let Some(header) = RecordHeader::decode(&fixed[..read_bytes], &segment.salt) else {
            return Ok(None);
        };
        let end = at.offset + header.record_length() as u64;
        Ok(Some((header, segment.file.read_range(at.offset, end)?)))
    }

    /// The block at a position that an index gave.
    pub fn read(&self, at: Position, number: u64) -> Result<Block> {
        match self.find(at)? {
            Some(Record { block, header, .. }) if header.number == number => Ok(block),
            _ => Err(self.damage(at, Some(number), UNREADABLE)),
        }
    }

    /// The hash that the first record names as its predecessor.
    pub fn anchor(&self) -> Result<B256> {
        match self.find(Position::FIRST)? {
            Some(Record { header, .. }) if header.number == 0 => Ok(header.previous),
            _ => Err(self.damage(Position::FIRST, Some(0), "the genesis block cannot be read")),
        }
    }

    /// Visits all records from `start`, which holds block `first` and, if known, follows the record
    /// `previous`; each with what `prepare` makes of its block, which other threads do.
    pub fn scan<T: Send>(
        &self,
        start: Position,
        first: u64,
        previous: Option<B256>,
        mark: Option<Mark>,
        prepare: impl Fn(&Block) -> T + Sync,
        visit: impl FnMut(Position, Block, T) -> Result<()>,
    ) -> Result<Tail> {
        Ahead::with(self, prepare, |records| {
            self.follow(records, start, first, previous, mark, visit)
        })
    }

    fn follow<T: Send>(
        &self,
        mut records: Ahead<'_, T>,
        start: Position,
        first: u64,
        previous: Option<B256>,
        mark: Option<Mark>,
        mut visit: impl FnMut(Position, Block, T) -> Result<()>,
    ) -> Result<Tail> {
        let mut tail: Option<Tail> = None;
        let mut at = start;
        loop {
            let number = tail.map_or(first, |tail| tail.number + 1);
            let follows = tail.map(|tail| tail.record).or(previous);
            match (records.find(at)?, tail) {
                (Some((Record { header, block, hash }, prepared)), _)
                    if header.number == number && follows.is_none_or(|p| p == header.previous) =>
                {
                    if mark.is_some_and(|mark| mark.number == number && mark.record != hash) {
                        let what = "it is not the block that was acknowledged";
                        return Err(self.damage(at, Some(number), what));
                    }
                    visit(at, block, prepared)?;
                    let offset = at.offset + header.record_length() as u64;
                    at = Position { segment: at.segment, offset };
                    tail = Some(Tail { number, record: hash, end: at });
                }
                (_, None) => return Err(self.damage(at, Some(first), UNREADABLE)),
                (Some(_), Some(tail)) => {
                    let what = "the block cannot be read, but others behind it can";
                    return Err(self.damage(tail.end, Some(number), what));
                }
                (None, Some(tail)) if at == tail.end => at = Position::start_of(at.segment + 1),
                (None, Some(tail)) => return Ok(tail),
            }
        }
    }

    /// Makes sure that nothing is missing after the tail, given the last block that is known to
    /// have been durable. Says whether a torn write left something there.
    pub fn is_torn(&self, tail: &Tail, durable: Option<u64>) -> Result<bool> {
        let leftover = self.segments_after(tail)?;
        if durable.is_some_and(|number| number > tail.number) {
            let what = "the block was acknowledged, but cannot be read";
            // Where nothing is, nothing was; then it began the next segment.
            let is_full =
                !leftover.is_empty() && self.rest_of(tail.end)?.iter().all(|byte| *byte == 0);
            let next = Position::start_of(tail.end.segment + 1);
            let at = if is_full { next } else { tail.end };
            return Err(self.damage(at, Some(tail.number + 1), what));
        }
        self.refuse_later_records(tail, tail.end.segment, tail.end.offset + 1)?;
        for index in &leftover {
            // The torn record may also be the first of the next segment.
            let torn = Position::start_of(tail.end.segment + 1);
            let start = if *index == torn.segment { torn.offset + 1 } else { 0 };
            self.refuse_later_records(tail, *index, start)?;
        }
        Ok(!leftover.is_empty() || self.rest_of(tail.end)?.iter().any(|byte| *byte != 0))
    }

    /// Clears what a torn write left after the tail.
    pub fn clear_torn(&self, tail: &Tail) -> Result<()> {
        let leftover = self.segments_after(tail)?;
        for index in &leftover {
            disk::remove_file(&self.path(*index))?;
        }
        if !leftover.is_empty() {
            self.segments.write().unwrap_or_else(PoisonError::into_inner).clear();
            disk::sync_directory(&self.dir)?;
        }
        let Some(segment) = self.segment(tail.end.segment)? else { return Ok(()) };
        let length = tail.end.offset + self.rest_of(tail.end)?.len() as u64;
        write_zeros(&segment.file, tail.end.offset, length)?;
        segment.file.sync_all()
    }

    /// Writes everything between two positions once more and syncs it. What was just read may be in
    /// memory only: after a failed sync Linux takes its pages for clean, so syncing again succeeds
    /// without writing anything.
    pub fn write_again(&self, from: Position, to: Position, durability: Durability) -> Result<()> {
        for index in from.segment..=to.segment {
            let Some(segment) = self.segment(index)? else { continue };
            let start = if index == from.segment { from.offset } else { 0 };
            let mut bytes = rest(&segment.file, start)?;
            if index == to.segment {
                bytes.resize((to.offset - start) as usize, 0);
            }
            segment.file.write_at(&bytes, start)?;
            durability.sync(&segment.file)?;
        }
        Ok(())
    }

    /// The segments there are, in order.
    pub fn segments(&self) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for name in disk::list(&self.dir)? {
            let stem = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            found.extend(stem.and_then(|stem| stem.parse::<u32>().ok()));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Bytes in all segments, allocated or used.
    pub fn bytes(&self) -> Result<u64> {
        self.segments()?.into_iter().try_fold(0, |sum, index| {
            let file = File::open_to_read(&self.path(index))?;
            Ok(sum + file.map_or(Ok(0), |file| file.length())?)
        })
    }

    /// Bytes before a position, roughly: for reports of progress.
    pub fn bytes_before(&self, at: Position) -> u64 {
        u64::from(at.segment - 1) * Options::SEGMENT + at.offset
    }

    /// Whether there is, or was, anything but a genesis block.
    pub fn goes_beyond_genesis(&self) -> Result<bool> {
        let segments = self.segments()?;
        let first = Position::FIRST;
        let later = segments.iter().any(|index| *index > first.segment);
        Ok(later
            || segments.contains(&first.segment)
                && self.has_records(first.segment, first.offset + 1)?)
    }

    /// A record that was begun after the one that cannot be read shows that this one was whole.
    fn refuse_later_records(&self, tail: &Tail, index: u32, start: u64) -> Result<()> {
        if self.has_records(index, start)? {
            let what = "no block can be read here, but something was written behind it";
            return Err(self.damage(tail.end, Some(tail.number + 1), what));
        }
        Ok(())
    }

    /// Whether a record begins in a segment at a place or after it.
    fn has_records(&self, index: u32, start: u64) -> Result<bool> {
        let bytes = |start| match File::open_to_read(&self.path(index))? {
            Some(file) => rest(&file, start),
            None => Ok(Vec::new()),
        };
        Ok(match self.segment(index)? {
            Some(segment) => {
                let bytes = bytes(start)?;
                let mut places = bytes.windows(RECORD_MAGIC.len()).enumerate();
                places.any(|(i, magic)| {
                    magic == RECORD_MAGIC
                        && RecordHeader::decode(&bytes[i..], &segment.salt).is_some()
                })
            }
            // A segment gets its first bytes before any record, so without them it has to be empty.
            None => bytes(SEGMENT_HEADER as u64)?.iter().any(|byte| *byte != 0),
        })
    }

    fn segments_after(&self, tail: &Tail) -> Result<Vec<u32>> {
        let mut segments = self.segments()?;
        segments.retain(|index| *index > tail.end.segment);
        Ok(segments)
    }

    /// The bytes of a segment from a position on.
    fn rest_of(&self, from: Position) -> Result<Vec<u8>> {
        let Some(segment) = self.segment(from.segment)? else { return Ok(Vec::new()) };
        rest(&segment.file, from.offset)
    }

    pub(in crate::store) fn damage(
        &self,
        at: Position,
        block: Option<u64>,
        what: impl Into<String>,
    ) -> StoreError {
        Damage::history(self.path(at.segment), at.offset, block, what)
    }
}
