//! The second version of `probe`: a field is another one, and its value has to be doubled.
#![no_std]
#![allow(missing_docs, reason = "its methods are their names")]

use florin_sdk::deploy::upgrade;
use florin_sdk::prelude::*;

#[contract]
pub struct Second {
    total: Item<u64>,
    owner: Item<Address>,
    list: List<u8>,
}

#[derive(Error, Debug, PartialEq, Eq)]
pub enum SecondError {
    Odd { factor: u64 },
}

#[contract]
impl Second {
    #[migrate(from = "0x9f0f957be7d724228e9723ab5b8408d930138526f2211167f154061049138ce0")]
    pub fn migrate(&mut self, factor: u64) -> Result<(), SecondError> {
        ensure!(factor.is_multiple_of(2), SecondError::Odd { factor });
        self.total.update(|total| *total *= factor);
        Ok(())
    }

    pub fn total(&self) -> u64 {
        self.total.get()
    }

    pub fn owner(&self) -> (Address, u32) {
        (self.owner.get(), self.list.len())
    }

    pub fn upgrade(&mut self, code: Bytes) {
        upgrade(&code);
    }
}
