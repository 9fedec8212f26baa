//! Flipped bytes, torn writes, missing files.

use super::{
    Durability, Journal, Position, Reader, Tail,
    ahead::{AHEAD_BYTES, Ahead},
    segment::rest,
};
use crate::store::Options;
use crate::store::{
    acknowledged::Mark,
    disk::File,
    error::{Result, StoreError},
    record::{Draft, RECORD_HEADER, SEGMENT_HEADER, encode_segment, fresh_salt},
};
use crate::types::{B256, Block, BlockBody, Header};
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
};

const ANCHOR: B256 = B256::repeat_byte(9);

fn block(number: u64, size: usize) -> Block {
    let header = Header { number, ..Header::default() };
    let transactions = vec![vec![(number as u8).wrapping_add(1); size].into()];
    Block::new(header, BlockBody { transactions, ..BlockBody::default() })
}

/// A journal of ten blocks in several segments, and the marks of its last two blocks.
fn journal(dir: &Path) -> (Vec<Block>, [Mark; 2], Tail) {
    let blocks: Vec<Block> = (0..10).map(|number| block(number, 40)).collect();
    let options = Options { segment: 2600, ..Durability::Unsynced.into() };
    let (mut journal, _) = Journal::create(dir, ANCHOR, &blocks[0], options).unwrap();
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
    let tail = reader.scan(
        Position::FIRST,
        0,
        Some(ANCHOR),
        mark,
        |_| (),
        |_, block, ()| {
            blocks.push(block);
            Ok(())
        },
    )?;
    if reader.is_torn(&tail, mark.map(|mark| mark.number))? {
        reader.clear_torn(&tail)?;
    }
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
    let mut journal = Journal::resume(reader, None, tail, Durability::Unsynced.into()).unwrap();
    let at = journal.append(&last).unwrap();
    let after = journal.tail().mark();
    let path = journal.reader().path(at.segment);
    let whole = fs::read(&path).unwrap();
    blocks.push(last);
    assert_eq!(read_all(&dir, Some(after)).unwrap(), blocks);
    for length in at.offset..journal.tail().end.offset {
        let mut torn = whole.clone();
        torn[length as usize..].fill(0);
        if torn == whole {
            continue; // the hash at the end may end with zeros
        }
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
        .scan(
            Position::FIRST,
            0,
            Some(ANCHOR),
            None,
            |_| (),
            |at, _, ()| {
                places.push(at);
                Ok(())
            },
        )
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
        Journal::create(&dir, ANCHOR, &genesis, Durability::Unsynced.into()).unwrap();
    // Made with everything but the salt, which nobody outside knows.
    let (forged, _) = Draft::new(&block(2, 4)).unwrap().finish(B256::ZERO, &[0; 16]);
    let mut carrier = block(1, 0);
    carrier.body.transactions = vec![forged.into()];
    let at = journal.append(&carrier).unwrap();
    let path = journal.reader().path(1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[at.offset as usize] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(read_all(&dir, None).unwrap(), [genesis]);
}

#[test]
fn records_are_read_ahead_within_bounds_whatever_their_sizes() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("journal");
    let small = (0..3000).map(|_| 4_000);
    let sizes: Vec<usize> = small.chain((0..30).map(|_| 1 << 20)).chain([100]).collect();
    let options = Durability::Unsynced.into();
    let mut blocks = sizes.iter().zip(0..).map(|(size, number)| block(number, *size));
    let genesis = blocks.next().unwrap();
    let (mut journal, _) = Journal::create(&dir, ANCHOR, &genesis, options).unwrap();
    let mut places = vec![Position::FIRST];
    places.extend(blocks.map(|block| journal.append(&block).unwrap()));
    let reader = Reader::new(&dir);
    let size = |block: &Block| block.body.transactions[0].len();
    Ahead::with(&reader, size, |mut ahead| {
        // In order, and then somewhere else.
        for place in (0..sizes.len()).chain([7, 3]) {
            let (record, size) = ahead.find(places[place])?.expect("a record");
            assert_eq!((record.block.header.number, size), (place as u64, sizes[place]));
            assert!(ahead.pending_bytes() <= AHEAD_BYTES + (1 << 20) + 4096);
        }
        Ok(())
    })
    .unwrap();
}

#[test]
fn the_rest_of_a_file_is_what_is_not_zero_and_what_is_before_it() {
    const LENGTH: usize = 1 << 20;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    for place in [0, 1, (256 << 10) - 1, 256 << 10, 600_000, LENGTH - 1] {
        let mut bytes = vec![0; LENGTH];
        bytes[place] = 1;
        fs::write(&path, &bytes).unwrap();
        let file = File::open_to_read(&path).unwrap().unwrap();
        for start in [0, place / 2, place, place + 1, LENGTH, LENGTH + 1] {
            let found = rest(&file, start as u64).unwrap();
            let expected = bytes.get(start..).unwrap_or_default();
            assert_eq!(found[..], expected[..found.len()]);
            assert!(expected[found.len()..].iter().all(|byte| *byte == 0), "{place} {start}");
        }
    }
}
