//! Does what a test tells it: panics in every manner, emits what its ABI lacks, calls, and replaces
//! its own code. Its storage is the first of the three layouts that `second` and `third` go on
//! from.
#![no_std]
#![allow(missing_docs, reason = "its methods are their names")]

use florin_sdk::deploy::upgrade;
use florin_sdk::prelude::*;

#[contract(events(Listed))]
pub struct Probe {
    count: Item<u64>,
    owner: Item<Address>,
    list: List<u8>,
}

#[derive(Event)]
pub struct Listed {
    pub number: u64,
}

/// Not in the ABI, by mistake.
#[derive(Event)]
pub struct Unlisted {
    pub number: u64,
}

/// A way to panic.
#[derive(AbiType, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panic {
    Add,
    Subtract,
    Multiply,
    Negate,
    Shift,
    Divide,
    Remainder,
    AmountOverflows,
    AmountDividedByZero,
    Index,
    IndexOfVec,
    Range,
    RangeReversed,
    ListIndex,
    Assert,
    AssertEqual,
    Static,
    Formatted,
    UnwrapNone,
    UnwrapError,
    ExpectError,
    Unreachable,
    DifferentLengths,
}

#[contract]
impl Probe {
    #[constructor]
    pub fn new(&mut self, count: u64) {
        self.count.save(&count);
        self.owner.save(&caller());
    }

    /// Panics; `one` is 1, which the compiler must not know.
    pub fn panic(&self, manner: Panic, one: u8) -> U256 {
        let (array, list) = ([1, 2, 3], vec![1, 2, 3]);
        let (index, zero) = (usize::from(one) + 2, one - 1);
        let error: Result<u8, Panic> = if one == 1 { Err(manner) } else { Ok(one) };
        let number = match manner {
            Panic::Add => 255 + one,
            Panic::Subtract => zero - one,
            Panic::Multiply => 255 * (one + one),
            Panic::Negate => (-(i8::MIN + (one - 1) as i8)) as u8,
            Panic::Shift => one << (one + 7),
            Panic::Divide => one / zero,
            Panic::Remainder => one % zero,
            Panic::AmountOverflows => return U256::MAX + U256::from(one),
            Panic::AmountDividedByZero => return U256::MAX / U256::from(zero),
            Panic::Index => array[index],
            Panic::IndexOfVec => list[index],
            Panic::Range => list[..index + 1][0],
            Panic::RangeReversed => list[index - 1..index - 2][0],
            Panic::ListIndex => self.list.get(one.into()),
            Panic::Assert => {
                assert!(one == 0);
                0
            }
            Panic::AssertEqual => {
                assert_eq!(one, zero);
                0
            }
            Panic::Static => panic!("never"),
            Panic::Formatted => panic!("{one} is not {zero}"),
            Panic::UnwrapNone => (one == 0).then_some(0).unwrap(),
            Panic::UnwrapError => error.unwrap(),
            Panic::ExpectError => error.expect("a number"),
            Panic::Unreachable => unreachable!("{manner:?}"),
            Panic::DifferentLengths => {
                let mut short = [0; 2];
                short.copy_from_slice(&list[..index]);
                0
            }
        };
        U256::from(number)
    }

    /// Emits an event that is in the ABI, and perhaps one that is not.
    pub fn tell(&mut self, unlisted: bool) {
        emit(Listed { number: 1 });
        if unlisted {
            emit(Unlisted { number: 2 });
        }
    }

    pub fn who(&self) -> Address {
        caller()
    }

    pub fn gas(&self) -> u64 {
        gas_left()
    }

    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// Asks another contract for its count, with this much gas.
    pub fn ask(&self, other: Address, gas: u64) -> u64 {
        ProbeClient::at(other).count().gas(gas).call()
    }

    pub fn upgrade(&mut self, code: Bytes) {
        upgrade(&code);
    }
}
