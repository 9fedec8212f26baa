//! The schema of the tree: what its keys and values are.
//!
//! | table | key | value | why |
//! | --- | --- | --- | --- |
//! | 0 head | | [`Checkpoint`], checked | how far the tree is, and what it amounts to |
//! | 4 block run | first block's number 8 | segment 4, offset 4 each | where the journal has blocks |
//! | 5 index page | first bits of items 2, segment 4 | first block 8, (item 8, block 4) each | blocks by what is in them |
//! | 6 page | least key of the state | entries of the state | the state, but for what deltas say |
//! | 7 delta | block 8, first key of the state | entries of the state | what changed up to the block |
//!
//! The entries of the state have keys and values of their own:
//!
//! | table | key | value | why |
//! | --- | --- | --- | --- |
//! | 1 account | address 20 | `Account` in RLP | nonce, balance, code hash |
//! | 2 storage | address 20, contract's key | contract's value | what contracts remember |
//! | 3 code | keccak-256 of the module | the module | contracts with the same code share it |
//!
//! Numbers are big-endian, so that keys sort by block. The state is what the header's commitment is
//! about, as of the checkpoint in the head; 4 and 5 are indexes, which follow from the journal, of
//! the segments that were full by then. What later blocks change may be as it was before: opening
//! replaces it in memory by what the journal says. What the head does not name, an interrupted
//! checkpoint may have left.
//!
//! Invariant: the tree, with what the journal says from the head on, is the state.

use super::{
    commitment::Commitment,
    index::{Stored, Unindexed},
    journal::Position,
};
use crate::types::{Address, B256, Bytes, StateKey, StateKeyRef};
use serde::{Deserialize, Serialize};
use std::ops::Range;

const HEAD: u8 = 0;
const ACCOUNT: u8 = 1;
const STORAGE: u8 = 2;
const CODE: u8 = 3;
const BLOCK_RUN: u8 = 4;
const INDEX_PAGE: u8 = 5;
const PAGE: u8 = 6;
const DELTA: u8 = 7;

/// The key of the head.
pub(super) const HEAD_KEY: [u8; 1] = [HEAD];
/// The keys of the indexes, of pages and of deltas.
pub(super) const INDEXES: Range<[u8; 1]> = [BLOCK_RUN]..[PAGE];
pub(super) const PAGES: Range<[u8; 1]> = [PAGE]..[DELTA];
pub(super) const DELTAS: Range<[u8; 1]> = [DELTA]..[DELTA + 1];
/// Where there are no keys.
pub(super) const UNKNOWN: [(&[u8], &[u8]); 2] =
    [(&[HEAD, 0], &[BLOCK_RUN]), (&[DELTA + 1], &[u8::MAX; 32])];

/// The key for a piece of state: in parts, which are in the same order as the pieces.
pub(super) fn state_key_parts(key: StateKeyRef<'_>) -> [&[u8]; 3] {
    match key {
        StateKeyRef::Account(address) => [&[ACCOUNT], address.as_slice(), &[]],
        StateKeyRef::Storage(contract, key) => [&[STORAGE], contract.as_slice(), key],
        StateKeyRef::Code(hash) => [&[CODE], hash.as_slice(), &[]],
    }
}

/// The key for a piece of state.
pub(super) fn state_key(key: StateKeyRef) -> Vec<u8> {
    join(state_key_parts(key))
}

/// The piece of state that a key is for.
pub(super) fn piece(key: &[u8]) -> Option<StateKey> {
    let (table, rest) = key.split_first()?;
    Some(match *table {
        ACCOUNT => StateKey::Account(Address::try_from(rest).ok()?),
        STORAGE => {
            let (contract, key) = rest.split_first_chunk()?;
            StateKey::Storage(Address::new(*contract), Bytes::copy_from_slice(key))
        }
        CODE => StateKey::Code(B256::try_from(rest).ok()?),
        _ => return None,
    })
}

/// The entry of the run that begins with a block.
pub(super) fn block_run_key(first: u64) -> Vec<u8> {
    join([&[BLOCK_RUN], &first.to_be_bytes()])
}

/// A page of a segment's index.
pub(super) fn index_page_key(page: u16, segment: u32) -> Vec<u8> {
    join([&[INDEX_PAGE], &page.to_be_bytes(), &segment.to_be_bytes()])
}

pub(super) fn join<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    parts.concat()
}

/// The page of entries that are at this key of the state or after it.
pub(super) fn page_key(start: &[u8]) -> Vec<u8> {
    join([&[PAGE], start])
}

/// The part of a delta whose entries are at this key of the state or after it.
pub(super) fn delta_key(number: u64, start: &[u8]) -> Vec<u8> {
    join([&[DELTA], &number.to_be_bytes(), start])
}

/// After all parts of a delta: no key of the state begins with this byte.
pub(super) fn delta_end(number: u64) -> Vec<u8> {
    delta_key(number, &[u8::MAX])
}

/// The block of a delta that has a part at this key of the tree.
pub(super) fn delta_number(key: &[u8]) -> Option<u64> {
    key.get(1..)?.first_chunk().map(|number| u64::from_be_bytes(*number))
}

/// The key of the state at which a page, or a part of a delta, begins.
pub(super) fn page_start(key: &[u8]) -> Option<&[u8]> {
    match *key.first()? {
        PAGE => key.get(1..),
        DELTA => key.get(1 + size_of::<u64>()..),
        _ => None,
    }
}

/// How many entries of each kind there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Accounts that are not empty.
    pub accounts: u64,
    /// Storage entries of all contracts.
    pub storage: u64,
    /// Distinct modules.
    pub code: u64,
    /// Transactions since genesis.
    pub transactions: u64,
    /// Logs since genesis.
    pub logs: u64,
}

impl Counts {
    /// Entries of the state.
    pub(super) fn entries(&self) -> u64 {
        self.accounts + self.storage + self.code
    }
}

/// What the state amounts to at a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub number: u64,
    /// The block's hash.
    pub hash: B256,
    /// Where the journal has the block.
    pub position: Position,
    /// The sum over the state.
    pub commitment: Commitment,
    pub counts: Counts,
}

/// What changed in a row of blocks, for one checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Delta {
    /// The blocks after this one, and up to that.
    pub since: u64,
    pub number: u64,
    pub entries: u64,
    /// What they take in memory, roughly.
    pub memory: u64,
    /// Where the cursor was when it came. When it comes here in the next round, every key has had
    /// its turn.
    pub joined: Cursor,
}

/// How far folding is: the rounds that are over, and the least key of the state that has not had its
/// turn in this one.
pub(super) type Cursor = (u64, Vec<u8>);

/// How far the tree is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// The block whose state it has.
    pub head: Head,
    /// What its pages lack, the oldest first.
    pub deltas: Vec<Delta>,
    pub cursor: Cursor,
    /// Entries that are due to be folded.
    pub owed: u64,
    /// Where the segments begin whose indexes it does not have.
    pub unindexed: Unindexed,
    /// What those that it has amount to.
    pub stored: Stored,
}

impl Checkpoint {
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = postcard::to_stdvec(self).expect("a head of plain data encodes");
        let check = blake3::hash(&bytes);
        bytes.extend_from_slice(check.as_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, check) = bytes.split_last_chunk::<32>()?;
        (blake3::hash(content).as_bytes() == check).then(|| postcard::from_bytes(content).ok())?
    }
}
