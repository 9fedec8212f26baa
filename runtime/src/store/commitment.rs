//! The state commitment: one digest for the whole state, kept up to date at a cost that depends on
//! what changed only.
//!
//! It is LtHash (Lewi, Kim, Maykov, Weis: "Securing Update Propagation with Homomorphic Hashing",
//! 2019): every entry is hashed to 1024 lanes of 16 bits and the lanes of all entries are added up,
//! modulo 2^16 each. Adding is commutative and invertible, so the order of changes does not matter
//! and an entry can be taken out again; finding two sets of entries with the same sum is a
//! short-vector problem in a lattice, with more than 200 bits of security for these parameters. It
//! proves that two states are equal, and finds any difference; it gives no inclusion proofs.
//!
//! Invariant: the commitment is a function of the set of (key, value) entries and of nothing else.
//! A key and a value cannot trade bytes, because the key's length is hashed before both.

use super::schema::state_key_parts;
use crate::types::{B256, Block, Write};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// Lanes of the sum: the parameters of the paper.
const LANES: usize = 1024;
/// Size of the sum in bytes.
const BYTES: usize = LANES * 2;

static ELEMENT: LazyLock<blake3::Hasher> =
    LazyLock::new(|| blake3::Hasher::new_derive_key("florin 1 state element"));
static DIGEST: LazyLock<blake3::Hasher> =
    LazyLock::new(|| blake3::Hasher::new_derive_key("florin 1 state commitment"));

/// The sum over a set of state entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<u8>", try_from = "Vec<u8>")]
pub struct Commitment(Box<[u16; LANES]>);

impl Default for Commitment {
    /// The commitment to the empty state.
    fn default() -> Self {
        Commitment(Box::new([0; LANES]))
    }
}

impl Commitment {
    /// Adds an entry that was not there.
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.combine(&Elements::new().of(&[key], value), u16::wrapping_add);
    }

    /// Takes out an entry that was there.
    pub fn remove(&mut self, key: &[u8], value: &[u8]) {
        self.combine(&Elements::new().of(&[key], value), u16::wrapping_sub);
    }

    /// What the writes of a block move a commitment by.
    pub(super) fn of(block: &Block) -> Self {
        let mut moved = Commitment::default();
        moved.apply(&block.body.writes);
        moved
    }

    /// Adds all that another one is the sum of.
    pub(super) fn join(&mut self, other: &Commitment) {
        for (lane, other) in self.0.iter_mut().zip(other.0.iter()) {
            *lane = lane.wrapping_add(*other);
        }
    }

    /// Replaces what each write replaces.
    pub fn apply(&mut self, writes: &[Write]) {
        let mut elements = Elements::new();
        for write in writes {
            let key = state_key_parts(write.key.as_ref());
            if let Some(before) = &write.before {
                self.combine(&elements.of(&key, before), u16::wrapping_sub);
            }
            if let Some(after) = &write.after {
                self.combine(&elements.of(&key, after), u16::wrapping_add);
            }
        }
    }

    /// The digest that goes into a block header's `state_root`.
    pub fn digest(&self) -> B256 {
        B256::from(*DIGEST.clone().update(&self.bytes()).finalize().as_bytes())
    }

    fn combine(&mut self, element: &[u8; BYTES], op: fn(u16, u16) -> u16) {
        for (lane, bytes) in self.0.iter_mut().zip(element.as_chunks::<2>().0) {
            *lane = op(*lane, u16::from_le_bytes(*bytes));
        }
    }

    fn bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        for (bytes, lane) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(self.0.iter()) {
            *bytes = lane.to_le_bytes();
        }
        bytes
    }
}

impl From<Commitment> for Vec<u8> {
    fn from(commitment: Commitment) -> Self {
        commitment.bytes().to_vec()
    }
}

impl TryFrom<Vec<u8>> for Commitment {
    type Error = &'static str;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Self::Error> {
        let bytes: [u8; BYTES] = bytes.try_into().map_err(|_| "a commitment has 2048 bytes")?;
        let mut commitment = Commitment::default();
        commitment.combine(&bytes, |_, lane| lane);
        Ok(commitment)
    }
}

/// Hashes entries, whose keys may be in parts, to the lanes they add. It is made once for many: what
/// it copies is large.
struct Elements(blake3::Hasher);

impl Elements {
    fn new() -> Self {
        Elements(ELEMENT.clone())
    }

    fn of(&mut self, key: &[&[u8]], value: &[u8]) -> [u8; BYTES] {
        let mut lanes = [0; BYTES];
        let length: usize = key.iter().map(|part| part.len()).sum();
        self.0.reset().update(&(length as u64).to_le_bytes());
        for part in key {
            self.0.update(part);
        }
        self.0.update(value).finalize_xof().fill(&mut lanes);
        lanes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Address, Bytes, StateKey};
    use proptest::{collection::vec, prelude::*};
    use std::collections::BTreeMap;

    type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

    fn entries() -> impl Strategy<Value = Entries> {
        proptest::collection::btree_map(vec(any::<u8>(), 0..6), vec(any::<u8>(), 0..6), 0..8)
    }

    fn sum<'a>(entries: impl IntoIterator<Item = (&'a Vec<u8>, &'a Vec<u8>)>) -> Commitment {
        let mut commitment = Commitment::default();
        for (key, value) in entries {
            commitment.add(key, value);
        }
        commitment
    }

    proptest! {
        #[test]
        fn order_does_not_matter(entries in entries()) {
            prop_assert_eq!(sum(&entries), sum(entries.iter().rev()));
        }

        #[test]
        fn removing_undoes_adding(entries in entries(), key: Vec<u8>, value: Vec<u8>) {
            let mut commitment = sum(&entries);
            commitment.add(&key, &value);
            prop_assert_ne!(commitment.digest(), sum(&entries).digest());
            commitment.remove(&key, &value);
            prop_assert_eq!(commitment, sum(&entries));
        }

        #[test]
        fn equal_means_the_same_entries(a in entries(), b in entries()) {
            prop_assert_eq!(sum(&a).digest() == sum(&b).digest(), a == b);
        }

        #[test]
        fn bytes_that_move_between_key_and_value_matter(
            bytes in vec(any::<u8>(), 1..9), i: usize, j: usize
        ) {
            let (i, j) = (i % (bytes.len() + 1), j % (bytes.len() + 1));
            let split = |at: usize| sum([(&bytes[..at].to_vec(), &bytes[at..].to_vec())]);
            prop_assert_eq!(split(i) == split(j), i == j);
        }

        #[test]
        fn it_comes_back_from_bytes(entries in entries()) {
            let commitment = sum(&entries);
            let bytes = Vec::from(commitment.clone());
            prop_assert_eq!(Commitment::try_from(bytes[1..].to_vec()).is_err(), true);
            prop_assert_eq!(Commitment::try_from(bytes), Ok(commitment));
        }
    }

    #[test]
    fn writes_replace_what_was_there() {
        let key = StateKey::Storage(Address::ZERO, Bytes::from_static(b"key"));
        let value = |n: u8| Some(Bytes::from(vec![n]));
        let write = |before, after| Write { key: key.clone(), before, after };
        let (mut in_steps, mut at_once) = (Commitment::default(), Commitment::default());
        in_steps.apply(&[write(None, value(1)), write(value(1), value(2))]);
        at_once.apply(&[write(None, value(2))]);
        assert_eq!(in_steps, at_once);
        in_steps.apply(&[write(value(2), None)]);
        assert_eq!(in_steps, Commitment::default());
    }

    #[test]
    fn the_digest_is_part_of_the_format() {
        let mut commitment = Commitment::default();
        commitment.add(b"key", b"value");
        let digests = [Commitment::default().digest(), commitment.digest()].map(|d| d.to_string());
        assert_eq!(
            digests,
            [
                "0x129a66b04f4537fdcc371bba84c84347877637c4341f60e15cbf39905fa2fc3c",
                "0x6ad90a0d101a4d3fca45a58d290d74578999cea52aaa972a68dd9b4385cc5be0",
            ]
        );
    }
}
