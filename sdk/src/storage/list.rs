//! Values in order.

use super::{Layout, Place, Storage, StorageValue, load, save};
use crate::grow::push;
use crate::host;
use crate::panic::{code, fail};
use alloc::vec::Vec;
use core::marker::PhantomData;

/// Stored values in order, indexed from 0. The length is at the list's own key, each value at its
/// index.
pub struct List<T> {
    place: Place,
    value: PhantomData<fn() -> T>,
}

impl<T: StorageValue> Storage for List<T> {
    const LAYOUT: Layout = Layout::Handle(&["List<", T::SCHEMA, ">"]);
    #[inline]
    fn at(place: Place) -> Self {
        List { place, value: PhantomData }
    }
}

impl<T: StorageValue> List<T> {
    /// How many values there are.
    pub fn len(&self) -> u32 {
        load(self.place.key()).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `index`, if there is one.
    pub fn load(&self, index: u32) -> Option<T> {
        if index < self.len() { load(&self.place.entry(&index)) } else { None }
    }

    /// The value at `index`. Ends the call with `Panic(0x32)` if there is none, as in Solidity.
    pub fn get(&self, index: u32) -> T {
        self.load(index).unwrap_or_else(|| fail(code::BOUNDS))
    }

    /// Up to `limit` values from `start` on, in order.
    pub fn page(&self, start: u32, limit: u32) -> Vec<T> {
        let end = self.len().min(start.saturating_add(limit));
        let value = |index| load(&self.place.entry(&index));
        let mut values = Vec::new();
        for index in start..end {
            // Below the length there is one, unless something else has written here.
            push(&mut values, value(index).unwrap_or_else(|| fail(code::STORAGE)));
        }
        values
    }

    /// Appends a value and returns its index.
    pub fn push(&mut self, value: &T) -> u32 {
        let index = self.len();
        save(&self.place.entry(&index), value);
        save(self.place.key(), &(index + 1));
        index
    }

    /// Replaces the value at `index`. Ends the call with `Panic(0x32)` if there is none.
    pub fn save(&mut self, index: u32, value: &T) {
        if index >= self.len() {
            fail(code::BOUNDS)
        }
        save(&self.place.entry(&index), value);
    }

    /// Removes the last value and returns it.
    pub fn pop(&mut self) -> Option<T> {
        let last = self.len().checked_sub(1)?;
        let key = self.place.entry(&last);
        let value = load(&key);
        host::storage_remove(&key);
        save(self.place.key(), &last);
        value
    }

    /// Removes the value at `index` by moving the last one into its place, and returns it. Ends the
    /// call with `Panic(0x32)` if there is none.
    pub fn swap_remove(&mut self, index: u32) -> T {
        let removed = self.get(index);
        if let Some(last) = self.pop()
            && index < self.len()
        {
            save(&self.place.entry(&index), &last);
        }
        removed
    }
}
