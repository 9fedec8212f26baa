//! Entries of the state packed together: what one of the tree's values holds.
//!
//! ```text
//! page: length of the prefix 2, then for each entry: rest of its key, value
//! ```
//! The prefix is what the page's own key and the last of the keys have in common, and so all of them
//! do. Rest and value are strings in RLP; for a value that was removed there is the empty list.
//!
//! Invariant: the keys of a page are in order, and none is less than the page's own.

use crate::{store::table::Value, types::Bytes};
use alloy_rlp::{EMPTY_LIST_CODE, Encodable, Header};

/// Bytes of a page at most, before it is packed, unless it is a single entry. sled has up to 16 of
/// them in a node, which it reads and writes as a whole.
const PAGE_BYTES: usize = 7 << 10;

/// An entry: the key of [`state_key`](crate::store::schema::state_key), and the value.
pub(in crate::store) type Entry = (Vec<u8>, Value);

/// The page of these entries.
pub(super) fn encode<'a>(
    key: &[u8],
    entries: impl DoubleEndedIterator<Item = (&'a [u8], Option<&'a [u8]>)> + Clone,
) -> Vec<u8> {
    let last = entries.clone().next_back().map_or(key, |(last, _)| last);
    let prefix = key.iter().zip(last).take_while(|(a, b)| a == b).count();
    let prefix = prefix.min(u16::MAX.into());
    let mut page = (prefix as u16).to_be_bytes().to_vec();
    for (key, value) in entries {
        key[prefix..].encode(&mut page);
        match value {
            Some(value) => value.encode(&mut page),
            None => page.push(EMPTY_LIST_CODE),
        }
    }
    page
}

/// The entries of a page in order; `None` stands for the first that cannot be decoded.
pub(super) struct Page<'a> {
    pub prefix: &'a [u8],
    /// The page's own key after that.
    least: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Page<'a> {
    /// `None` if it is cut off.
    pub fn new(key: &'a [u8], page: &'a [u8]) -> Option<Self> {
        let (length, rest) = page.split_first_chunk()?;
        let (prefix, least) = key.split_at_checked(u16::from_be_bytes(*length).into())?;
        Some(Page { prefix, least, rest })
    }

    /// The value of a key: `None` if the page cannot be decoded up to there.
    pub fn find(self, key: &[u8]) -> Option<Option<&'a [u8]>> {
        let Some(wanted) = key.strip_prefix(self.prefix) else { return Some(None) };
        for entry in self {
            let (rest, value) = entry?;
            if rest >= wanted {
                return Some(value.filter(|_| rest == wanted));
            }
        }
        Some(None)
    }

    /// What each key has after the prefix, and the values; `None` if keys are not in order.
    pub fn rests(self) -> impl Iterator<Item = Option<(&'a [u8], Option<&'a [u8]>)>> {
        let (mut least, mut is_first) = (self.least, true);
        self.map(move |entry| {
            let in_order = entry.filter(|(rest, _)| *rest > least || is_first && *rest == least);
            is_first = false;
            least = in_order?.0;
            in_order
        })
    }

    /// The whole keys, and the values; `None` if keys are not in order.
    pub fn entries(self) -> impl Iterator<Item = Option<(Vec<u8>, Option<&'a [u8]>)>> {
        let prefix = self.prefix;
        self.rests().map(move |entry| entry.map(|(rest, value)| ([prefix, rest].concat(), value)))
    }
}

impl<'a> Iterator for Page<'a> {
    type Item = Option<(&'a [u8], Option<&'a [u8]>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = entry(&mut self.rest);
        if entry.is_none() {
            self.rest = &[];
        }
        Some(entry)
    }
}

fn entry<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let key = Header::decode_bytes(rest, false).ok()?;
    let value = match rest.split_first()? {
        (&EMPTY_LIST_CODE, after) => {
            *rest = after;
            None
        }
        _ => Some(Header::decode_bytes(rest, false).ok()?),
    };
    Some((key, value))
}

/// An entry that belongs to nobody else.
pub(super) fn owned((key, value): (Vec<u8>, Option<&[u8]>)) -> Entry {
    (key, value.map(Bytes::copy_from_slice))
}

/// Bytes of key and value.
pub(super) fn size((key, value): (&[u8], Option<&[u8]>)) -> usize {
    key.len() + value.map_or(0, <[u8]>::len)
}

/// An entry that stays with its owner.
pub(super) fn borrowed((key, value): &Entry) -> (&[u8], Option<&[u8]>) {
    (key, value.as_ref().map(|value| &value[..]))
}

/// The entries in parts of about the same size, each as large as a page may be at most, or a single
/// entry.
pub(super) fn divide<'a>(
    entries: &'a [(&'a [u8], Option<&'a [u8]>)],
) -> impl Iterator<Item = &'a [(&'a [u8], Option<&'a [u8]>)]> {
    let all: usize = entries.iter().map(|entry| size(*entry)).sum();
    let part = all.div_ceil(all.div_ceil(PAGE_BYTES).max(1));
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|entry| {
            bytes += size(**entry);
            bytes <= part
        });
        let count = fitting.count().max(1).min(rest.len());
        let (taken, left) = rest.split_at(count);
        rest = left;
        (!taken.is_empty()).then_some(taken)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::btree_map, option, prelude::*};

    fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
        // Few different bytes, so that keys share beginnings.
        proptest::collection::vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..most)
    }

    proptest! {
        #[test]
        fn what_is_packed_is_found(
            entries in btree_map(bytes(6), option::of(bytes(70)), 0..20),
            others in proptest::collection::vec(bytes(7), 20),
            shorter in 0..6usize,
        ) {
            let first = entries.keys().next().cloned().unwrap_or_default();
            let key = &first[..shorter.min(first.len())];
            let borrowed = entries.iter().map(|(key, value)| (&key[..], value.as_deref()));
            let page = encode(key, borrowed);
            let found: Option<Vec<Entry>> =
                Page::new(key, &page).unwrap().entries().map(|entry| entry.map(owned)).collect();
            let expected: Vec<Entry> =
                entries.clone().into_iter().map(|(key, value)| (key, value.map(Bytes::from))).collect();
            prop_assert_eq!(found.unwrap(), expected);
            for wanted in entries.keys().chain(&others) {
                let found = Page::new(key, &page).unwrap().find(wanted).unwrap();
                prop_assert_eq!(found, entries.get(wanted).and_then(|value| value.as_deref()));
            }
        }

        #[test]
        fn whatever_the_disk_says_is_decoded_or_refused(key in bytes(9), page in bytes(90)) {
            if let Some(page) = Page::new(&key, &page) {
                prop_assert!(page.entries().count() <= 90);
            }
        }
    }
}
