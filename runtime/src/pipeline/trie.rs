//! The root of the trie of a list (yellow paper, 4.4.3 and appendices C and D), which a block's
//! header has of its transactions and of its receipts.
//!
//! Nearly all that is hashed are leaves, and none of them waits for another: they are hashed
//! together. Keys are the RLP of positions, of which none begins with another, so no branch has a
//! value.
//!
//! Invariant: the root is that of every Ethereum client.

use crate::crypto::{keccak256, keccak256_all};
use crate::types::B256;
use alloy_rlp::{EMPTY_STRING_CODE, Encodable, Header};
use std::ops::Range;

/// Half bytes.
type Nibbles = Vec<u8>;

/// The root of the trie of values, each of which `encode` appends to what it is given.
pub fn ordered_root<T>(values: &[T], encode: impl Fn(&T, &mut Vec<u8>)) -> B256 {
    let positions = in_order_of_key(values.len());
    let keys: Vec<_> = positions.iter().map(|position| key(*position)).collect();
    let (mut nodes, mut ends, mut value) = (Vec::new(), Vec::with_capacity(keys.len()), Vec::new());
    for (place, position) in positions.iter().enumerate() {
        value.clear();
        encode(&values[*position], &mut value);
        let rest = &keys[place][leaf_depth(&keys, place)..];
        node(&mut nodes, |out| {
            compact(rest, true).as_slice().encode(out);
            value.as_slice().encode(out);
        });
        ends.push(nodes.len());
    }
    let starts = [0].into_iter().chain(ends.iter().copied());
    let leaves: Vec<_> = starts.zip(&ends).map(|(start, end)| &nodes[start..*end]).collect();
    match leaves.as_slice() {
        [] => keccak256(&[EMPTY_STRING_CODE]),
        [only] => keccak256(only),
        _ => {
            let hashed = leaves.iter().zip(keccak256_all(&leaves));
            let leaves = hashed.map(|(leaf, hash)| reference(leaf, hash)).collect();
            let trie = Trie { keys: &keys, leaves };
            keccak256(&trie.inner(0..keys.len(), 0))
        }
    }
}

/// A trie above its leaves.
struct Trie<'a> {
    keys: &'a [Nibbles],
    /// What a branch has for each leaf.
    leaves: Vec<Vec<u8>>,
}

impl Trie<'_> {
    /// The node over several leaves, whose keys are the same up to `depth`: a branch, below an
    /// extension if there is more that they have in common.
    fn inner(&self, leaves: Range<usize>, depth: usize) -> Vec<u8> {
        let (first, last) = (&self.keys[leaves.start], &self.keys[leaves.end - 1]);
        let fork = common(first, last);
        let mut branch = Vec::new();
        node(&mut branch, |out| {
            let mut rest = leaves;
            for nibble in 0..16 {
                let below = &self.keys[rest.clone()];
                let end = rest.start + below.partition_point(|key| key[fork] == nibble);
                match end - rest.start {
                    0 => out.push(EMPTY_STRING_CODE),
                    1 => out.extend(&self.leaves[rest.start]),
                    _ => {
                        let inner = self.inner(rest.start..end, fork + 1);
                        out.extend(reference(&inner, keccak256(&inner)));
                    }
                }
                rest.start = end;
            }
            out.push(EMPTY_STRING_CODE);
        });
        if fork == depth {
            return branch;
        }
        let mut extension = Vec::new();
        node(&mut extension, |out| {
            compact(&first[depth..fork], false).as_slice().encode(out);
            out.extend(reference(&branch, keccak256(&branch)));
        });
        extension
    }
}

/// The positions of so many values, in order of their keys: zero's is 0x80, after those of a byte.
fn in_order_of_key(count: usize) -> Vec<usize> {
    let of_a_byte = 1..count.min(usize::from(EMPTY_STRING_CODE));
    let rest = usize::from(EMPTY_STRING_CODE)..count;
    of_a_byte.chain((count > 0).then_some(0)).chain(rest).collect()
}

fn key(position: usize) -> Nibbles {
    alloy_rlp::encode(position).into_iter().flat_map(|byte| [byte >> 4, byte & 15]).collect()
}

/// How many nibbles of its key lead to a leaf: one more than it has in common with a neighbour.
fn leaf_depth(keys: &[Nibbles], place: usize) -> usize {
    let before = place.checked_sub(1).map(|before| common(&keys[before], &keys[place]));
    let after = keys.get(place + 1).map(|after| common(&keys[place], after));
    before.max(after).map_or(0, |most| most + 1)
}

/// How many nibbles two keys have in common from the beginning.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Nibbles as bytes, with what says whether they end in a leaf (appendix C).
fn compact(nibbles: &[u8], is_leaf: bool) -> Vec<u8> {
    let is_odd = nibbles.len() % 2 == 1;
    let flags = u8::from(is_leaf) << 5 | u8::from(is_odd) << 4;
    let (first, rest) = nibbles.split_at(usize::from(is_odd));
    let mut bytes = vec![flags | first.first().copied().unwrap_or(0)];
    bytes.extend(rest.chunks(2).map(|pair| pair[0] << 4 | pair[1]));
    bytes
}

/// Appends an RLP list of what `payload` appends.
fn node(nodes: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    let mut list = Vec::new();
    payload(&mut list);
    Header { list: true, payload_length: list.len() }.encode(nodes);
    nodes.extend(list);
}

/// What a branch has for a node: its hash, or itself if it is shorter.
fn reference(node: &[u8], hash: B256) -> Vec<u8> {
    if node.len() < B256::len_bytes() { node.to_vec() } else { alloy_rlp::encode(hash) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_trie::root::ordered_trie_root_with_encoder;
    use proptest::prelude::*;

    fn check(values: &[Vec<u8>]) {
        let encode = |value: &Vec<u8>, out: &mut Vec<u8>| out.extend(value);
        let expected = ordered_trie_root_with_encoder(values, encode);
        assert_eq!(ordered_root(values, encode), expected, "{} values", values.len());
    }

    #[test]
    fn roots_of_every_number_of_values_are_those_of_alloy() {
        let value = |i: usize| vec![i as u8; i % 60];
        let values: Vec<_> = (0..1_000).map(value).collect();
        let counts = (0..300).chain([511, 512, 513, 999, 1_000]);
        counts.for_each(|count| check(&values[..count]));
        // Three bytes of key.
        check(&vec![vec![7; 40]; 66_000]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn roots_are_those_of_alloy(
            values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..200),
        ) {
            check(&values);
        }
    }
}
