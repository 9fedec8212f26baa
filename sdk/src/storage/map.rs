//! Values by key.

use super::{Layout, Place, Storage, StorageValue, exists, load, save};
use crate::host;
use core::marker::PhantomData;

/// Stored values by key. Keys of several parts are tuples: `Map<(Address, Address), U256>`.
///
/// The encoded key and the field's place may together take at most 256 bytes. A map does not know
/// its keys; keep a [`Set`](super::Set) or [`List`](super::List) beside it if they must be
/// enumerated.
pub struct Map<K, V> {
    place: Place,
    entry: PhantomData<fn(K) -> V>,
}

impl<K: StorageValue, V: StorageValue> Storage for Map<K, V> {
    const LAYOUT: Layout = Layout::Handle(&["Map<", K::SCHEMA, ",", V::SCHEMA, ">"]);
    #[inline]
    fn at(place: Place) -> Self {
        Map { place, entry: PhantomData }
    }
}

impl<K: StorageValue, V: StorageValue> Map<K, V> {
    /// The value at `key`, if one was saved.
    pub fn load(&self, key: &K) -> Option<V> {
        load(&self.place.entry(key))
    }

    /// The value at `key`, or its type's default (0, false, the zero address, ...) if none was
    /// saved, as in Solidity.
    pub fn get(&self, key: &K) -> V
    where
        V: Default,
    {
        self.load(key).unwrap_or_default()
    }

    /// Whether a value was saved at `key`.
    pub fn has(&self, key: &K) -> bool {
        exists(&self.place.entry(key))
    }

    /// Saves a value at `key` in place of the one there, if any.
    pub fn save(&mut self, key: &K, value: &V) {
        save(&self.place.entry(key), value);
    }

    /// Changes the value at `key` (the default if none was saved), saves it and returns what
    /// `change` returned.
    pub fn update<R>(&mut self, key: &K, change: impl FnOnce(&mut V) -> R) -> R
    where
        V: Default,
    {
        let key = self.place.entry(key);
        let mut value = load(&key).unwrap_or_default();
        let result = change(&mut value);
        save(&key, &value);
        result
    }

    /// Removes the value at `key`, if one was saved.
    pub fn remove(&mut self, key: &K) {
        host::storage_remove(&self.place.entry(key));
    }
}
