//! Values without repetition, which can be enumerated.

use super::{Layout, List, Map, Place, Storage, StorageValue};
use alloc::vec::Vec;

/// A stored set of values that can be enumerated page by page.
///
/// The order is that of insertion until a value is removed: the last one then takes its place.
pub struct Set<T> {
    values: List<T>,
    indices: Map<T, u32>,
}

impl<T: StorageValue> Storage for Set<T> {
    const LAYOUT: Layout = Layout::Handle(&["Set<", T::SCHEMA, ">"]);
    #[inline]
    fn at(place: Place) -> Self {
        Set { values: List::at(place.field(0)), indices: Map::at(place.field(1)) }
    }
}

impl<T: StorageValue> Set<T> {
    /// How many values there are.
    pub fn len(&self) -> u32 {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether `value` is in the set.
    pub fn has(&self, value: &T) -> bool {
        self.indices.has(value)
    }

    /// Up to `limit` values from the `start`th on.
    pub fn page(&self, start: u32, limit: u32) -> Vec<T> {
        self.values.page(start, limit)
    }

    /// Adds `value`; false if it was there already.
    pub fn add(&mut self, value: &T) -> bool {
        if self.has(value) {
            return false;
        }
        let index = self.values.push(value);
        self.indices.save(value, &index);
        true
    }

    /// Removes `value`; false if it was not there.
    pub fn remove(&mut self, value: &T) -> bool {
        let Some(index) = self.indices.load(value) else { return false };
        self.values.swap_remove(index);
        self.indices.remove(value);
        if let Some(moved) = self.values.load(index) {
            self.indices.save(&moved, &index);
        }
        true
    }
}
