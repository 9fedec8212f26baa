//! Events: what a contract tells the world, as Ethereum logs.

use crate::abi::{AbiType, Bytes, Encoder};
use alloc::string::String;
use alloc::vec::Vec;

/// A Solidity event; derive it: `#[derive(Event)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "cannot be emitted",
    note = "put #[derive(Event)] on the struct"
)]
pub trait Event: Sized {
    /// The signature, as `Transfer(address,address,uint256)`.
    const SIGNATURE: &'static str;
    /// keccak-256 of the signature: the log's first topic.
    const TOPIC: [u8; 32];
    /// The event as the ABI lists it.
    const JSON: &'static str;
    /// How many topics it has, with the first.
    const TOPICS: usize;
    /// Writes the log's topics, a word each, and then its data.
    fn write(&self, out: &mut Vec<u8>);
    /// The event in a log; `None` if it is another one, or has an indexed `String` or `Bytes`, of
    /// which a log holds only the hash.
    fn read(topics: &[[u8; 32]], data: &[u8]) -> Option<Self>;
}

/// A type that an event can be searched by.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be indexed",
    label = "does not fit a topic",
    note = "index fields of a single word (Address, U256, B256, bool, integers), String or Bytes"
)]
pub trait Indexed: AbiType {
    /// Writes the topic: the value's word, or the hash of a value of variable size.
    fn write_topic(&self, to: &mut Encoder<'_>);
    /// The value, if the topic holds it.
    fn from_topic(topic: &[u8; 32]) -> Option<Self>;
}

impl Indexed for String {
    fn write_topic(&self, to: &mut Encoder<'_>) {
        to.word(&crate::crypto::keccak256(self.as_bytes()));
    }
    fn from_topic(_: &[u8; 32]) -> Option<Self> {
        None
    }
}

impl Indexed for Bytes {
    fn write_topic(&self, to: &mut Encoder<'_>) {
        to.word(&crate::crypto::keccak256(self));
    }
    fn from_topic(_: &[u8; 32]) -> Option<Self> {
        None
    }
}
