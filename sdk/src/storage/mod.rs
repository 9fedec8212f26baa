//! Storage: handles that know a key prefix, and values that know their bytes.
//!
//! A contract's state is a struct of handles. A handle holds no data; it reads and writes the
//! host's storage at its own keys when told to: `load`, `get`, `save`, `update`, `remove`. Reading
//! takes `&self` and writing `&mut self`, so a view method, which has the contract as `&self` only,
//! cannot write.
//!
//! A key is the field's place in the struct (one byte per level of nested `#[storage]` structs),
//! then the encoded key of the entry. Invariant: no two entries of a contract share a key, for
//! field paths are prefix-free and the encoding of keys of one type is injective.

mod item;
mod layout;
mod list;
mod map;
mod set;
mod value;

pub use item::Item;
pub use layout::{Field, Layout, layout_length, layout_text};
pub use list::List;
pub use map::Map;
pub use set::Set;
pub use value::{StorageValue, add_sizes};

use crate::grow::{append, append_zeros, zeros};
use crate::host;
use crate::panic::{code, fail};
use alloc::vec::Vec;

/// Deepest nesting of `#[storage]` structs.
const DEPTH: usize = 7;

/// A part of a contract's storage: a handle, or a struct of them made by `#[storage]` or
/// `#[contract]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a part of storage",
    label = "a field of a contract must be a storage handle",
    note = "keep one value in an Item<{Self}>, many by key in a Map<K, {Self}>, many in order in a List<{Self}>",
    note = "for a group of handles of your own, put #[storage] on the struct"
)]
pub trait Storage: Sized {
    /// Its entry in the section `florin.layout`.
    #[doc(hidden)]
    const LAYOUT: Layout;
    /// The handle at a place.
    #[doc(hidden)]
    fn at(place: Place) -> Self;
}

/// Where a handle's keys begin: the indices of the fields that lead to it.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Place {
    path: [u8; DEPTH],
    depth: u8,
}

impl Place {
    /// The contract itself.
    pub const ROOT: Place = Place { path: [0; DEPTH], depth: 0 };

    /// The place of the field `index` in the struct here.
    #[inline]
    pub const fn field(mut self, index: u8) -> Place {
        assert!((self.depth as usize) < DEPTH, "#[storage] structs are nested too deeply");
        self.path[self.depth as usize] = index;
        self.depth += 1;
        self
    }

    /// The key of the place itself.
    #[inline]
    fn key(&self) -> &[u8] {
        self.path.get(..self.depth as usize).unwrap_or_default()
    }

    /// The key of an entry here. One copy per type of key.
    #[inline(never)]
    fn entry<K: StorageValue>(&self, key: &K) -> Vec<u8> {
        let mut out = Vec::new();
        append(&mut out, self.key());
        key.write_last(&mut out);
        out
    }
}

/// Longest value that is read with one host call when its type does not tell its size.
const GUESS: usize = 256;

/// Longest value of a fixed size that is read without asking for memory.
const SMALL: usize = 64;

/// Loads and decodes the value at a key.
fn load<T: StorageValue>(key: &[u8]) -> Option<T> {
    let mut small = [0; SMALL];
    let large;
    let mut rest = match T::SIZE.and_then(|size| small.get_mut(..size)) {
        Some(bytes) => match host::storage_get(key, bytes) {
            florin_abi::ABSENT => return None,
            length if length as usize != bytes.len() => fail(code::STORAGE),
            _ => &*bytes,
        },
        None => {
            large = load_bytes(key, T::SIZE.unwrap_or(GUESS))?;
            &large
        }
    };
    match T::read_last(&mut rest) {
        Some(value) if rest.is_empty() => Some(value),
        _ => fail(code::STORAGE),
    }
}

/// The bytes at a key, of which about `guess` are expected. Apart from [`load`], so that there is
/// one copy of it.
#[inline(never)]
fn load_bytes(key: &[u8], guess: usize) -> Option<Vec<u8>> {
    let mut buffer = zeros(guess);
    loop {
        let length = match host::storage_get(key, &mut buffer) {
            florin_abi::ABSENT => return None,
            length => length as usize,
        };
        match length.saturating_sub(buffer.len()) {
            0 => {
                buffer.truncate(length);
                return Some(buffer);
            }
            missing => append_zeros(&mut buffer, missing),
        }
    }
}

/// Whether there is a value at a key.
fn exists(key: &[u8]) -> bool {
    host::storage_get(key, &mut []) != florin_abi::ABSENT
}

/// Encodes and stores a value at a key.
fn save<T: StorageValue>(key: &[u8], value: &T) {
    let mut bytes = Vec::new();
    value.write_last(&mut bytes);
    host::storage_set(key, &bytes);
}
