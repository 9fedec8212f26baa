//! Appending blocks.
//!
//! Invariant: when [`Journal::append`] returns, the block is durable.

use super::{
    Durability, Position, Tail,
    reader::Reader,
    segment::{FIRST_ALLOCATION, Segment, write_zeros},
};
use crate::store::{
    Options, disk,
    error::Result,
    record::{Draft, SEGMENT_HEADER},
};
use crate::types::{B256, Block};
use std::{path::Path, sync::Arc};

/// The index of blocks has 32 bits for where a record begins in its segment.
const SEGMENT_MOST: u64 = u32::MAX as u64;

/// Appends to the journal.
#[derive(Debug)]
pub(in crate::store) struct Journal {
    reader: Arc<Reader>,
    segment: Arc<Segment>,
    tail: Tail,
    /// Length of the segment's file.
    allocated: u64,
    options: Options,
}

impl Journal {
    /// Creates the directory and a first segment with the genesis block, which follows `anchor`.
    pub fn create(
        dir: &Path,
        anchor: B256,
        genesis: &Block,
        options: Options,
    ) -> Result<(Self, Position)> {
        disk::create_directory(dir)?;
        let reader = Arc::new(Reader::new(dir));
        let length = first_allocation(&options);
        let segment = Segment::create(&reader.path(1), 1, length, options.durability)?;
        let segment = reader.remember(1, segment);
        let tail = Tail { number: 0, record: anchor, end: Position::FIRST };
        let mut journal = Journal::start(reader, segment, tail, length, options);
        let position = journal.append(genesis)?;
        Ok((journal, position))
    }

    /// Continues after a settled tail. `suspect` is where the first record lies that nobody was
    /// told about, if there is one; it and what follows is made durable.
    pub fn resume(
        reader: Arc<Reader>,
        suspect: Option<Position>,
        tail: Tail,
        options: Options,
    ) -> Result<Self> {
        if let Some(suspect) = suspect {
            reader.write_again(suspect, tail.end, options.durability)?;
        }
        let segment = reader.segment(tail.end.segment)?.ok_or_else(|| {
            reader.damage(tail.end, None, "the segment vanished while it was being opened")
        })?;
        options.durability.sync(&segment.file)?;
        let allocated = segment.file.length()?;
        Ok(Journal::start(reader, segment, tail, allocated, options))
    }

    fn start(
        reader: Arc<Reader>,
        segment: Arc<Segment>,
        tail: Tail,
        allocated: u64,
        options: Options,
    ) -> Self {
        let options = Options { segment: options.segment.min(SEGMENT_MOST), ..options };
        Journal { reader, segment, tail, allocated, options }
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
        let draft = Draft::new(block)?;
        let number = block.header.number;
        let end = self.tail.end;
        if end.offset + draft.record_length() as u64 > self.options.segment
            && end.offset > SEGMENT_HEADER as u64
        {
            self.begin_segment(end.segment + 1)?;
        }
        let (record, hash) = draft.finish(self.tail.record, &self.segment.salt);
        let at = self.tail.end;
        let after = at.offset + record.len() as u64;
        self.allocate(after)?;
        self.segment.file.write_at(&record, at.offset)?;
        if self.options.durability == Durability::Synced {
            self.segment.file.sync_data()?;
        }
        let end = Position { segment: at.segment, offset: after };
        self.tail = Tail { number, record: hash, end };
        Ok(at)
    }

    fn begin_segment(&mut self, index: u32) -> Result<()> {
        let length = first_allocation(&self.options);
        let path = self.reader.path(index);
        let segment = Segment::create(&path, index, length, self.options.durability)?;
        self.segment = self.reader.remember(index, segment);
        self.allocated = length;
        self.tail.end = Position::start_of(index);
        Ok(())
    }

    /// Extends the segment to hold at least `length` bytes.
    fn allocate(&mut self, length: u64) -> Result<()> {
        if length <= self.allocated {
            return Ok(());
        }
        let target = length.max((self.allocated * 2).min(self.options.segment));
        write_zeros(&self.segment.file, self.allocated, target)?;
        self.options.durability.sync(&self.segment.file)?;
        self.allocated = target;
        Ok(())
    }
}

/// Length of a new segment: it gets no larger than asked for, but for a single record.
fn first_allocation(options: &Options) -> u64 {
    FIRST_ALLOCATION.min(options.segment).max(SEGMENT_HEADER as u64)
}
