//! How a block lies in the journal: the bytes of a record and of a segment's first 64 bytes.
//!
//! ```text
//! segment   magic 8 | index u64 | salt 16 | blake3 of these 32
//! record    magic 4 | payload length u32 | block number u64 | previous record's hash 32 | check 16
//!           payload: the block header in RLP, then the body in postcard
//!           blake3 of all this: the record's hash
//! ```
//! Integers are little-endian. `check` is keyed by the segment's random salt, so nobody can put
//! bytes into a transaction that look like a record. The first record's "previous record" is the
//! hash of the genesis file, which ties the two together.
//!
//! Invariant: what decodes is what was encoded, or 128 bits of hash collided.

use super::error::{Refusal, Result};
use crate::types::{B256, Block, BlockBody, Header};
use alloy_rlp::Encodable;
use std::hash::{BuildHasher, RandomState};

/// Bytes before the first record of a segment.
pub(super) const SEGMENT_HEADER: usize = 64;
/// Bytes before a record's payload.
pub(super) const RECORD_HEADER: usize = 64;
/// Bytes after a record's payload.
pub(super) const RECORD_TRAILER: usize = 32;
/// Largest payload: far more than any block of sane gas limit, and a bound on what a reader
/// allocates.
pub(super) const PAYLOAD_BYTES: usize = 1 << 30;
/// Whatever seals can be committed: the header's RLP and the lengths of the three lists take less
/// than a page.
const _: () = assert!(crate::limits::BLOCK_BYTES + 4096 <= PAYLOAD_BYTES);
/// The first bytes of a record, by which a search for records finds candidates.
pub(super) const RECORD_MAGIC: [u8; 4] = *b"FlR1";
const SEGMENT_MAGIC: [u8; 8] = *b"FlorinJ1";

/// The key of a segment's record checks.
pub(super) type Salt = [u8; 16];

/// A salt that cannot be guessed from outside the process.
pub(super) fn fresh_salt() -> Salt {
    // Seeded by the operating system; two words make 128 bits.
    let word = |n: u64| RandomState::new().hash_one(n).to_le_bytes();
    let mut salt = [0; 16];
    salt[..8].copy_from_slice(&word(0));
    salt[8..].copy_from_slice(&word(1));
    salt
}

/// The first bytes of a segment file.
pub(super) fn encode_segment(index: u32, salt: &Salt) -> [u8; SEGMENT_HEADER] {
    let mut bytes = [0; SEGMENT_HEADER];
    bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
    bytes[8..16].copy_from_slice(&u64::from(index).to_le_bytes());
    bytes[16..32].copy_from_slice(salt);
    let hash = blake3::hash(&bytes[..32]);
    bytes[32..].copy_from_slice(hash.as_bytes());
    bytes
}

/// The salt in the first bytes of segment `index`, or `None` if they are not such.
pub(super) fn decode_segment(bytes: &[u8; SEGMENT_HEADER], index: u32) -> Option<Salt> {
    let salt: Salt = bytes[16..32].try_into().ok()?;
    (encode_segment(index, &salt) == *bytes).then_some(salt)
}

/// The fixed part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub length: usize,
    pub number: u64,
    pub previous: B256,
}

impl RecordHeader {
    fn encode(&self, salt: &Salt) -> [u8; RECORD_HEADER] {
        let mut bytes = [0; RECORD_HEADER];
        bytes[..4].copy_from_slice(&RECORD_MAGIC);
        // `Draft` has checked the length.
        bytes[4..8].copy_from_slice(&(self.length as u32).to_le_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_le_bytes());
        bytes[16..48].copy_from_slice(self.previous.as_slice());
        let check = blake3::Hasher::new().update(salt).update(&bytes[..48]).finalize();
        bytes[48..].copy_from_slice(&check.as_bytes()[..16]);
        bytes
    }

    /// Reads the first bytes of `bytes`; `None` if they are no record's.
    pub fn decode(bytes: &[u8], salt: &Salt) -> Option<Self> {
        let bytes: &[u8; RECORD_HEADER] = bytes.first_chunk()?;
        let header = RecordHeader {
            length: u32::from_le_bytes(bytes[4..8].try_into().ok()?) as usize,
            number: u64::from_le_bytes(bytes[8..16].try_into().ok()?),
            previous: B256::from_slice(&bytes[16..48]),
        };
        (header.length <= PAYLOAD_BYTES && header.encode(salt) == *bytes).then_some(header)
    }

    /// Size of the whole record.
    pub fn record_length(&self) -> usize {
        RECORD_HEADER + self.length + RECORD_TRAILER
    }
}

/// A block's record, but for its fixed part and its hash.
pub(super) struct Draft {
    number: u64,
    /// Room for the fixed part, then the payload.
    bytes: Vec<u8>,
}

impl Draft {
    /// Encodes a block.
    pub fn new(block: &Block) -> Result<Self> {
        let mut bytes = Vec::with_capacity(RECORD_HEADER + RECORD_TRAILER + expected(block));
        bytes.resize(RECORD_HEADER, 0);
        block.header.encode(&mut bytes);
        let bytes = postcard::to_extend(&block.body, bytes).expect("a body of plain data encodes");
        let length = bytes.len() - RECORD_HEADER;
        if length > PAYLOAD_BYTES {
            return Err(Refusal::Size { bytes: length, limit: PAYLOAD_BYTES }.into());
        }
        Ok(Draft { number: block.header.number, bytes })
    }

    /// Size of the whole record.
    pub fn record_length(&self) -> usize {
        self.bytes.len() + RECORD_TRAILER
    }

    /// The record and its hash.
    pub fn finish(self, previous: B256, salt: &Salt) -> (Vec<u8>, B256) {
        let Draft { number, mut bytes } = self;
        let header = RecordHeader { length: bytes.len() - RECORD_HEADER, number, previous };
        bytes[..RECORD_HEADER].copy_from_slice(&header.encode(salt));
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        (bytes, B256::from(*hash.as_bytes()))
    }
}

/// What a block takes, roughly: to allocate once.
fn expected(block: &Block) -> usize {
    const HEADER: usize = 1024;
    const TRANSACTION: usize = 700;
    const WRITE: usize = 160;
    HEADER
        + block.body.transactions.iter().map(|bytes| bytes.len() + TRANSACTION).sum::<usize>()
        + block.body.writes.len() * WRITE
}

/// The block in a whole record and the record's hash; `None` unless every byte is as written.
pub(super) fn unframe(record: &[u8]) -> Option<(Block, B256)> {
    let (content, trailer) = record.split_last_chunk::<RECORD_TRAILER>()?;
    let hash = blake3::hash(content);
    if hash.as_bytes() != trailer {
        return None;
    }
    let mut payload = content.get(RECORD_HEADER..)?;
    let (header, block_hash) = Header::decode_sealed(&mut payload).ok()?.into_parts();
    let (body, rest) = postcard::take_from_bytes::<BlockBody>(payload).ok()?;
    let block = Block { header, hash: block_hash, body };
    rest.is_empty().then_some((block, B256::from(*hash.as_bytes())))
}
