//! The journal: every block ever committed, in an append-only, checksummed, hash-chained log. It is
//! the truth; the state beside it is derived.
//!
//! A commit is one write and one `fdatasync`, into space that was allocated and zeroed before, so
//! that the sync has no metadata to move. Segments grow by doubling: a fresh ledger is small, a
//! busy one rarely extends. A record lies in one segment; one that does not fit opens the next.
//!
//! Invariants: a record follows its predecessor by hash. After the last record there are only
//! zeros, or what a crash left of one write that nobody was told about; anything else is damage and
//! is reported, never cut.

use super::{
    acknowledged::Mark,
    error::{Damage, IoContext, Result, StoreError},
    record::{
        RECORD_HEADER, RECORD_MAGIC, RecordHeader, SEGMENT_HEADER, Salt, decode_segment,
        encode_payload, encode_segment, frame, fresh_salt, unframe,
    },
};
use crate::types::{B256, Block};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

/// A segment is not extended beyond this, except for a single larger record: few enough files for a
/// long history, small enough to copy and check one at a time.
pub(super) const SEGMENT_BYTES: u64 = 64 << 20;
/// First allocation of a segment; the following ones double.
const FIRST_ALLOCATION: u64 = 256 << 10;
/// Zeros are written in pieces of this size.
const PIECE: usize = 256 << 10;
/// Ending of a segment's file name.
const SUFFIX: &str = ".journal";
const UNREADABLE: &str = "the block cannot be read";
/// Segment files kept open for reading; old history is read rarely.
const OPEN_SEGMENTS: usize = 64;

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// A committed block survives a power failure.
    #[default]
    Synced,
    /// For tests only: a committed block survives the death of the process, but not that of the
    /// machine.
    Unsynced,
}

impl Durability {
    pub(super) fn sync(self, file: &File, path: &Path) -> Result<()> {
        match self {
            Durability::Synced => file.sync_all().context("sync", path),
            Durability::Unsynced => Ok(()),
        }
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).context("sync", path)
}

/// Where a record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub segment: u32,
    pub offset: u64,
}

impl Position {
    /// Where the first record lies.
    pub const FIRST: Position = Position::start_of(1);

    const fn start_of(segment: u32) -> Self {
        Position { segment, offset: SEGMENT_HEADER as u64 }
    }
}

/// The last record and where the next one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tail {
    pub number: u64,
    pub record: B256,
    pub end: Position,
}

impl Tail {
    /// The mark of the last record.
    pub fn mark(&self) -> Mark {
        Mark { number: self.number, record: self.record }
    }
}

/// A whole record.
struct Record {
    header: RecordHeader,
    block: Block,
    hash: B256,
}

#[derive(Debug)]
struct Segment {
    file: File,
    path: PathBuf,
    salt: Salt,
}

/// Reads the journal, from any thread.
#[derive(Debug)]
pub(super) struct Reader {
    dir: PathBuf,
    segments: RwLock<HashMap<u32, Arc<Segment>>>,
}

impl Reader {
    pub fn new(dir: &Path) -> Self {
        Reader { dir: dir.to_owned(), segments: RwLock::default() }
    }

    /// The file of a segment.
    pub fn path(&self, segment: u32) -> PathBuf {
        self.dir.join(format!("{segment:08}{SUFFIX}"))
    }

    /// The segment, or `None` if there is no file or its first bytes are not a segment's.
    fn segment(&self, index: u32) -> Result<Option<Arc<Segment>>> {
        let known = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(segment) = known.get(&index) {
            return Ok(Some(segment.clone()));
        }
        drop(known);
        let path = self.path(index);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.context("open", &path)?,
        };
        let mut bytes = [0; SEGMENT_HEADER];
        if read_at_most(&file, &mut bytes, 0).context("read", &path)? < SEGMENT_HEADER {
            return Ok(None);
        }
        Ok(decode_segment(&bytes, index)
            .map(|salt| self.remember(index, Segment { file, path, salt })))
    }

    fn remember(&self, index: u32, segment: Segment) -> Arc<Segment> {
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
        let Some(segment) = self.segment(at.segment)? else { return Ok(None) };
        let read = |bytes: &mut [u8]| {
            read_at_most(&segment.file, bytes, at.offset).context("read", &segment.path)
        };
        let mut fixed = [0; RECORD_HEADER];
        let read_bytes = read(&mut fixed)?;
        let Some(header) = RecordHeader::decode(&fixed[..read_bytes], &segment.salt) else {
            return Ok(None);
        };
        let length = segment.file.metadata().context("read", &segment.path)?.len();
        if at.offset + header.record_length() as u64 > length {
            return Ok(None);
        }
        let mut record = vec![0; header.record_length()];
        let read_bytes = read(&mut record)?;
        let content = unframe(&record[..read_bytes]);
        let content = content.filter(|(block, _)| block.header.number == header.number);
        Ok(content.map(|(block, hash)| Record { header, block, hash }))
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
    /// `previous`.
    pub fn scan(
        &self,
        start: Position,
        first: u64,
        previous: Option<B256>,
        mark: Option<Mark>,
        mut visit: impl FnMut(Position, Block) -> Result<()>,
    ) -> Result<Tail> {
        let mut tail: Option<Tail> = None;
        let mut at = start;
        loop {
            let number = tail.map_or(first, |tail| tail.number + 1);
            let follows = tail.map(|tail| tail.record).or(previous);
            match (self.find(at)?, tail) {
                (Some(Record { header, block, hash }), _)
                    if header.number == number && follows.is_none_or(|p| p == header.previous) =>
                {
                    if mark.is_some_and(|mark| mark.number == number && mark.record != hash) {
                        let what = "it is not the block that was acknowledged";
                        return Err(self.damage(at, Some(number), what));
                    }
                    visit(at, block)?;
                    let offset = at.offset + header.record_length() as u64;
                    at = Position { segment: at.segment, offset };
                    tail = Some(Tail { number, record: hash, end: at });
                }
                (_, None) => return Err(self.damage(at, Some(first), UNREADABLE)),
                (Some(_), Some(tail)) => {
                    let what = "no block that follows can be read here, but other blocks can";
                    return Err(self.damage(tail.end, Some(number), what));
                }
                (None, Some(tail)) if at == tail.end => at = Position::start_of(at.segment + 1),
                (None, Some(tail)) => return Ok(tail),
            }
        }
    }

    /// Makes sure that nothing is missing after the tail, given the last block that is known to
    /// have been durable; then clears what a torn write left there.
    pub fn settle(&self, tail: &Tail, durable: Option<u64>) -> Result<()> {
        if durable.is_some_and(|number| number > tail.number) {
            let what = "the block was acknowledged, but cannot be read";
            return Err(self.damage(tail.end, Some(tail.number + 1), what));
        }
        let mut leftover = self.segments()?;
        leftover.retain(|index| *index > tail.end.segment);
        self.refuse_later_records(tail, tail.end.segment, tail.end.offset + 1)?;
        for index in &leftover {
            // The torn record may also be the first of the next segment.
            let torn = Position::start_of(tail.end.segment + 1);
            let start = if *index == torn.segment { torn.offset + 1 } else { 0 };
            self.refuse_later_records(tail, *index, start)?;
        }
        for index in &leftover {
            let path = self.path(*index);
            fs::remove_file(&path).context("remove", &path)?;
        }
        if !leftover.is_empty() {
            self.segments.write().unwrap_or_else(PoisonError::into_inner).clear();
            sync_directory(&self.dir)?;
        }
        self.clear(tail.end)
    }

    /// The segments there are, in order.
    pub fn segments(&self) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir).context("list", &self.dir)? {
            let name = entry.context("list", &self.dir)?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            found.extend(stem.and_then(|stem| stem.parse::<u32>().ok()));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Bytes in all segments, allocated or used.
    pub fn bytes(&self) -> Result<u64> {
        self.segments()?.into_iter().try_fold(0, |sum, index| {
            let path = self.path(index);
            Ok(sum + fs::metadata(&path).context("read", &path)?.len())
        })
    }

    /// Bytes before a position, roughly: for reports of progress.
    pub fn bytes_before(&self, at: Position) -> u64 {
        u64::from(at.segment - 1) * SEGMENT_BYTES + at.offset
    }

    /// A record that was begun after the one that cannot be read shows that this one was whole.
    fn refuse_later_records(&self, tail: &Tail, index: u32, start: u64) -> Result<()> {
        let path = self.path(index);
        let bytes =
            |start| File::open(&path).and_then(|file| rest(&file, start)).context("read", &path);
        let later = match self.segment(index)? {
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
        };
        if later {
            let what = "no block can be read here, but something was written behind it";
            return Err(self.damage(tail.end, Some(tail.number + 1), what));
        }
        Ok(())
    }

    /// Zeroes a segment from a position on.
    fn clear(&self, from: Position) -> Result<()> {
        let Some(segment) = self.segment(from.segment)? else { return Ok(()) };
        let leftover = rest(&segment.file, from.offset).context("read", &segment.path)?;
        if leftover.iter().any(|byte| *byte != 0) {
            let length = from.offset + leftover.len() as u64;
            write_zeros(&segment.file, from.offset, length)
                .and_then(|()| segment.file.sync_all())
                .context("clear a torn write in", &segment.path)?;
        }
        Ok(())
    }

    fn damage(&self, at: Position, block: Option<u64>, what: impl Into<String>) -> StoreError {
        Damage::history(self.path(at.segment), at.offset, block, what)
    }
}

/// Appends to the journal.
#[derive(Debug)]
pub(super) struct Journal {
    reader: Arc<Reader>,
    segment: Arc<Segment>,
    tail: Tail,
    /// Length of the segment's file.
    allocated: u64,
    /// Where a segment ends; [`SEGMENT_BYTES`] but in tests.
    segment_bytes: u64,
    durability: Durability,
}

impl Journal {
    /// Creates the directory and a first segment with the genesis block, which follows `anchor`.
    pub fn create(
        dir: &Path,
        anchor: B256,
        genesis: &Block,
        durability: Durability,
    ) -> Result<(Self, Position)> {
        fs::create_dir(dir).context("create", dir)?;
        let reader = Arc::new(Reader::new(dir));
        let (segment, allocated) = create_segment(&reader, 1, durability)?;
        let tail = Tail { number: 0, record: anchor, end: Position::FIRST };
        let mut journal = Journal::start(reader, segment, tail, allocated, durability);
        let position = journal.append(genesis)?;
        Ok((journal, position))
    }

    /// Continues after a settled tail. Makes it durable, for a process may have died between
    /// writing and syncing.
    pub fn resume(reader: Arc<Reader>, tail: Tail, durability: Durability) -> Result<Self> {
        let index = tail.end.segment;
        let segment = reader.segment(index)?.ok_or_else(|| {
            reader.damage(tail.end, None, "the segment vanished while it was being opened")
        })?;
        durability.sync(&segment.file, &segment.path)?;
        let allocated = segment.file.metadata().context("read", &segment.path)?.len();
        Ok(Journal::start(reader, segment, tail, allocated, durability))
    }

    fn start(
        reader: Arc<Reader>,
        segment: Arc<Segment>,
        tail: Tail,
        allocated: u64,
        durability: Durability,
    ) -> Self {
        let segment_bytes = SEGMENT_BYTES;
        Journal { reader, segment, tail, allocated, segment_bytes, durability }
    }

    /// The reading side.
    pub fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// The last record.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Appends a block and waits until it is durable. After an error other than a refusal of the
    /// block, it is unknown whether the block is there: the journal must be opened again.
    pub fn append(&mut self, block: &Block) -> Result<Position> {
        let payload = encode_payload(block)?;
        let number = block.header.number;
        let end = self.tail.end;
        let (mut record, mut hash) = frame(&payload, number, self.tail.record, &self.segment.salt);
        if end.offset + record.len() as u64 > self.segment_bytes
            && end.offset > SEGMENT_HEADER as u64
        {
            let index = end.segment + 1;
            (self.segment, self.allocated) = create_segment(&self.reader, index, self.durability)?;
            self.tail.end = Position::start_of(index);
            (record, hash) = frame(&payload, number, self.tail.record, &self.segment.salt);
        }
        let at = self.tail.end;
        let after = at.offset + record.len() as u64;
        self.allocate(after)?;
        let Segment { file, path, .. } = &*self.segment;
        file.write_all_at(&record, at.offset).context("write", path)?;
        if self.durability == Durability::Synced {
            file.sync_data().context("sync", path)?;
        }
        let end = Position { segment: at.segment, offset: after };
        self.tail = Tail { number, record: hash, end };
        Ok(at)
    }

    /// Extends the segment to hold at least `length` bytes.
    fn allocate(&mut self, length: u64) -> Result<()> {
        if length <= self.allocated {
            return Ok(());
        }
        let doubled = (self.allocated * 2).clamp(FIRST_ALLOCATION, SEGMENT_BYTES);
        let target = length.max(doubled);
        let Segment { file, path, .. } = &*self.segment;
        write_zeros(file, self.allocated, target).context("extend", path)?;
        self.durability.sync(file, path)?;
        self.allocated = target;
        Ok(())
    }
}

fn create_segment(
    reader: &Reader,
    index: u32,
    durability: Durability,
) -> Result<(Arc<Segment>, u64)> {
    let path = reader.path(index);
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
    let file = file.context("create", &path)?;
    let salt = fresh_salt();
    write_zeros(&file, SEGMENT_HEADER as u64, FIRST_ALLOCATION)
        .and_then(|()| file.write_all_at(&encode_segment(index, &salt), 0))
        .context("write", &path)?;
    durability.sync(&file, &path)?;
    if durability == Durability::Synced {
        sync_directory(&reader.dir)?;
    }
    Ok((reader.remember(index, Segment { file, path, salt }), FIRST_ALLOCATION))
}

/// Fills `bytes` from `offset`, or as much of it as the file has.
fn read_at_most(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The bytes of a file from `start` on, without the zeros at its end but for less than a page.
fn rest(file: &File, start: u64) -> io::Result<Vec<u8>> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let length = file.metadata()?.len().saturating_sub(start);
    let mut bytes = vec![0; length as usize];
    let read = read_at_most(file, &mut bytes, start)?;
    bytes.truncate(read);
    while let Some(kept) = bytes.len().checked_sub(ZEROS.len())
        && bytes[kept..] == ZEROS
    {
        bytes.truncate(kept);
    }
    Ok(bytes)
}

fn write_zeros(file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; PIECE];
    let mut at = from;
    while at < to {
        let piece = (to - at).min(PIECE as u64);
        file.write_all_at(&zeros[..piece as usize], at)?;
        at += piece;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BlockBody, Header};

    const ANCHOR: B256 = B256::repeat_byte(9);

    fn block(number: u64, size: usize) -> Block {
        let header = Header { number, ..Header::default() };
        let transactions = vec![vec![number as u8 + 1; size].into()];
        Block::new(header, BlockBody { transactions, ..BlockBody::default() })
    }

    /// A journal of ten blocks in several segments, and the marks of its last two blocks.
    fn journal(dir: &Path) -> (Vec<Block>, [Mark; 2], Tail) {
        let blocks: Vec<Block> = (0..10).map(|number| block(number, 40)).collect();
        let (mut journal, _) =
            Journal::create(dir, ANCHOR, &blocks[0], Durability::Unsynced).unwrap();
        journal.segment_bytes = 2600;
        let mut marks = Vec::new();
        for block in &blocks[1..] {
            journal.append(block).unwrap();
            marks.push(journal.tail().mark());
        }
        assert!(journal.tail().end.segment >= 3, "several segments");
        (blocks, *marks.last_chunk().unwrap(), journal.tail())
    }

    fn read_all(dir: &Path, mark: Option<Mark>) -> Result<Vec<Block>> {
        let reader = Reader::new(dir);
        let mut blocks = Vec::new();
        let tail = reader.scan(Position::FIRST, 0, Some(ANCHOR), mark, |_, block| {
            blocks.push(block);
            Ok(())
        })?;
        reader.settle(&tail, mark.map(|mark| mark.number))?;
        Ok(blocks)
    }

    fn is_damage<T>(result: &Result<T>) -> bool {
        matches!(result, Err(StoreError::Damaged(_)))
    }

    #[test]
    fn a_flip_of_any_byte_is_found_or_harmless() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("journal");
        let (blocks, [_, mark], tail) = journal(&dir);
        for index in 1..=tail.end.segment {
            let path = Reader::new(&dir).path(index);
            let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
            let bytes = fs::read(&path).unwrap();
            let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
            for (place, byte) in bytes.iter().enumerate().take(used + 100) {
                file.write_all_at(&[byte ^ (1 << (place % 8))], place as u64).unwrap();
                match read_all(&dir, Some(mark)) {
                    Ok(read) => {
                        assert_eq!(read, blocks);
                        assert!(place >= used, "byte {place} of segment {index} means nothing");
                    }
                    result => assert!(is_damage(&result), "byte {place} of segment {index}"),
                }
                file.write_all_at(&[*byte], place as u64).unwrap();
            }
        }
        assert_eq!(read_all(&dir, Some(mark)).unwrap(), blocks);
    }

    #[test]
    fn a_write_torn_at_any_byte_is_cut_only_if_nobody_was_told() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("journal");
        let (mut blocks, _, tail) = journal(&dir);
        let last = block(10, 60);
        let before = tail.mark();
        let reader = Arc::new(Reader::new(&dir));
        let mut journal = Journal::resume(reader, tail, Durability::Unsynced).unwrap();
        let at = journal.append(&last).unwrap();
        let after = journal.tail().mark();
        let path = journal.reader().path(at.segment);
        let whole = fs::read(&path).unwrap();
        blocks.push(last);
        assert_eq!(read_all(&dir, Some(after)).unwrap(), blocks);
        for length in at.offset..journal.tail().end.offset {
            let mut torn = whole.clone();
            torn[length as usize..].fill(0);
            fs::write(&path, &torn).unwrap();
            assert!(is_damage(&read_all(&dir, Some(after))), "acknowledged, cut at {length}");
            assert_eq!(fs::read(&path).unwrap(), torn, "damage is left as it is");
            assert_eq!(read_all(&dir, Some(before)).unwrap(), blocks[..10], "cut at {length}");
            let cleared = fs::read(&path).unwrap();
            assert!(cleared[at.offset as usize..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn without_the_mark_a_hole_is_still_found() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("journal");
        let (blocks, ..) = journal(&dir);
        let reader = Reader::new(&dir);
        let mut places = Vec::new();
        reader
            .scan(Position::FIRST, 0, Some(ANCHOR), None, |at, _| {
                places.push(at);
                Ok(())
            })
            .unwrap();
        for at in places {
            let path = reader.path(at.segment);
            let bytes = fs::read(&path).unwrap();
            let mut damaged = bytes.clone();
            damaged[at.offset as usize + RECORD_HEADER + 3] ^= 1;
            fs::write(&path, &damaged).unwrap();
            match read_all(&dir, None) {
                // The last record alone cannot be told from a torn one without a mark.
                Ok(read) => assert_eq!(read, blocks[..9]),
                read => assert!(is_damage(&read), "{at:?}"),
            }
            fs::write(&path, &bytes).unwrap();
        }
    }

    #[test]
    fn a_missing_segment_is_found() {
        for mark_is_known in [true, false] {
            let temporary = tempfile::tempdir().unwrap();
            let dir = temporary.path().join("journal");
            let (_, [_, mark], tail) = journal(&dir);
            for index in 1..=tail.end.segment {
                let path = Reader::new(&dir).path(index);
                let bytes = fs::read(&path).unwrap();
                fs::remove_file(&path).unwrap();
                let read = read_all(&dir, mark_is_known.then_some(mark));
                // Whole segments at the end leave no trace but the mark.
                if mark_is_known || index < tail.end.segment {
                    assert!(is_damage(&read), "segment {index} of {}", tail.end.segment);
                }
                fs::write(&path, bytes).unwrap();
            }
        }
    }

    #[test]
    fn a_segment_whose_creation_was_interrupted_is_removed() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("journal");
        let (blocks, [_, mark], tail) = journal(&dir);
        let next = Reader::new(&dir).path(tail.end.segment + 1);
        let whole = encode_segment(tail.end.segment + 1, &fresh_salt());
        for length in [0, 1, 40, SEGMENT_HEADER, 5000] {
            let mut bytes = vec![0; length];
            let header = length.min(SEGMENT_HEADER);
            bytes[..header].copy_from_slice(&whole[..header]);
            fs::write(&next, bytes).unwrap();
            assert_eq!(read_all(&dir, Some(mark)).unwrap(), blocks);
            assert!(!next.exists());
        }
        // One that was used and then lost its first bytes is no such thing.
        let mut bytes = vec![0; 5000];
        bytes[100] = 1;
        fs::write(&next, bytes).unwrap();
        assert!(is_damage(&read_all(&dir, Some(mark))));
        assert!(next.exists());
    }

    #[test]
    fn a_record_inside_a_transaction_is_not_taken_for_one() {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("journal");
        let genesis = block(0, 4);
        let (mut journal, _) =
            Journal::create(&dir, ANCHOR, &genesis, Durability::Unsynced).unwrap();
        // Made with everything but the salt, which nobody outside knows.
        let payload = encode_payload(&block(2, 4)).unwrap();
        let (forged, _) = frame(&payload, 2, B256::ZERO, &[0; 16]);
        let mut carrier = block(1, 0);
        carrier.body.transactions = vec![forged.into()];
        let at = journal.append(&carrier).unwrap();
        let path = journal.reader().path(1);
        let mut bytes = fs::read(&path).unwrap();
        bytes[at.offset as usize] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert_eq!(read_all(&dir, None).unwrap(), [genesis]);
    }
}
