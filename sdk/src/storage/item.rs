//! One value.

use super::{Layout, Place, Storage, StorageValue, exists, load, save};
use crate::host;
use core::marker::PhantomData;

/// One stored value.
pub struct Item<T> {
    place: Place,
    value: PhantomData<fn() -> T>,
}

impl<T: StorageValue> Storage for Item<T> {
    const LAYOUT: Layout = Layout::Handle(&["Item<", T::SCHEMA, ">"]);
    #[inline]
    fn at(place: Place) -> Self {
        Item { place, value: PhantomData }
    }
}

impl<T: StorageValue> Item<T> {
    /// The value, if one was saved.
    pub fn load(&self) -> Option<T> {
        load(self.place.key())
    }

    /// The value, or its type's default (0, false, the zero address, ...) if none was saved, as in
    /// Solidity.
    pub fn get(&self) -> T
    where
        T: Default,
    {
        self.load().unwrap_or_default()
    }

    /// Whether a value was saved.
    pub fn is_saved(&self) -> bool {
        exists(self.place.key())
    }

    /// Saves a value in place of the one there, if any.
    pub fn save(&mut self, value: &T) {
        save(self.place.key(), value);
    }

    /// Changes the value (the default if none was saved), saves it and returns what `change`
    /// returned.
    pub fn update<R>(&mut self, change: impl FnOnce(&mut T) -> R) -> R
    where
        T: Default,
    {
        let mut value = self.get();
        let result = change(&mut value);
        self.save(&value);
        result
    }

    /// Removes the value, if one was saved.
    pub fn remove(&mut self) {
        host::storage_remove(self.place.key());
    }
}
