//! A third version of `probe`, with two mistakes: it still has the migration of the second, and its
//! fields changed places.
#![no_std]
#![allow(missing_docs, reason = "its methods are their names")]

use florin_sdk::prelude::*;

#[contract]
pub struct Third {
    owner: Item<Address>,
    total: Item<u64>,
    list: List<u8>,
}

#[contract]
impl Third {
    #[migrate(from = "0x9f0f957be7d724228e9723ab5b8408d930138526f2211167f154061049138ce0")]
    pub fn migrate(&mut self, factor: u64) {
        self.total.update(|total| *total *= factor);
    }

    pub fn all(&self) -> (Address, u64, u32) {
        (self.owner.get(), self.total.get(), self.list.len())
    }
}
