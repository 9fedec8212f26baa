//! A contract that knows the SDK by another name and hides every name it can. It promises, by
//! compiling, that generated code names everything by absolute paths.
#![no_std]
#![allow(
    missing_docs,
    dead_code,
    unused_qualifications,
    non_camel_case_types,
    reason = "names are the subject"
)]

use pay::{AbiType, Eip712, Error, Event, StorageValue, contract, interface, storage};

/// What generated code would stumble over if it relied on the author's imports.
mod hidden {
    pub struct Option;
    pub struct Some;
    pub struct None;
    pub struct Result;
    pub struct Ok;
    pub struct Err;
    pub struct Vec;
    pub struct String;
    pub struct Method;
    pub struct Call;
    pub struct Address;
    pub struct From;
    pub struct Into;
    pub mod core {}
    pub mod std {}
    pub mod alloc {}
    pub mod florin_sdk {}
}
#[allow(unused_imports, reason = "that nothing uses them is the point")]
use hidden::*;

#[derive(AbiType, StorageValue)]
pub struct Pair {
    left: u8,
    right: pay::U256,
}

#[derive(AbiType, StorageValue)]
pub enum Stage {
    Some,
    None,
    Ok,
    Err,
}

#[derive(StorageValue)]
pub enum Shape {
    Some { out: u8, from: u8 },
    None(u8, bool),
    Self_,
}

#[derive(Event)]
pub struct Happened {
    #[indexed]
    topics: u8,
    data: bool,
    from: u8,
}

#[derive(Error)]
pub enum Inner {
    Ok { to: u8, data: u8, from: u8, budget: u8 },
    Err,
}

#[derive(Error)]
pub enum Outer {
    Some,
    #[error(transparent)]
    None(Inner),
}

#[derive(Eip712)]
pub struct Message {
    out: u8,
    from: bool,
}

#[storage]
pub struct Group {
    place: pay::storage::Item<u8>,
}

#[interface(events(Happened))]
pub trait Selectors: pay::contract::Has<Group> {
    fn input(&self, selector: u32, input: u8, encoder: bool) -> u8 {
        let _ = (selector, encoder);
        self.state().place.get() + input
    }

    fn call(&mut self, argument_1: u8, argument_0: u8) -> ::core::result::Result<u8, Outer> {
        ::core::result::Result::Ok(argument_1 - argument_0)
    }
}

#[contract(Selectors)]
pub struct Hostile {
    place: Group,
    selector: pay::storage::Item<Pair>,
    shapes: pay::storage::Map<Stage, Shape>,
}

#[contract]
impl Hostile {
    #[constructor]
    #[payable]
    pub fn new(&mut self, input: u8, encoder: u8, arguments: u8) {
        let _ = (input, encoder, arguments);
    }

    pub fn done(&self, selector: u8, to: pay::alloy_primitives::Address, value: u8) -> u8 {
        let _ = to;
        selector + value
    }
}

impl Selectors for Hostile {}
