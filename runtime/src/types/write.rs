//! A change of state, as execution yields it and the store applies it.

use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};

/// The name of one piece of state. Its order is the canonical order of writes in a block.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StateKey {
    /// An account; the value is its encoding.
    Account(Address),
    /// A storage entry of a contract, under the contract's own key.
    Storage(Address, Bytes),
    /// A module by its keccak-256.
    Code(B256),
}

/// A [`StateKey`] that someone else has: to look for one takes no memory. Same order, same hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKeyRef<'a> {
    /// An account.
    Account(&'a Address),
    /// A storage entry of a contract, under the contract's own key.
    Storage(&'a Address, &'a [u8]),
    /// A module by its keccak-256.
    Code(&'a B256),
}

impl StateKey {
    /// Borrows it.
    pub fn as_ref(&self) -> StateKeyRef<'_> {
        match self {
            StateKey::Account(address) => StateKeyRef::Account(address),
            StateKey::Storage(contract, key) => StateKeyRef::Storage(contract, key),
            StateKey::Code(hash) => StateKeyRef::Code(hash),
        }
    }
}

impl From<StateKeyRef<'_>> for StateKey {
    fn from(key: StateKeyRef) -> Self {
        match key {
            StateKeyRef::Account(address) => StateKey::Account(*address),
            StateKeyRef::Storage(contract, key) => {
                StateKey::Storage(*contract, Bytes::copy_from_slice(key))
            }
            StateKeyRef::Code(hash) => StateKey::Code(*hash),
        }
    }
}

/// One change of state: from what to what; `None` is absence. Knowing what was there lets the store
/// check that it applies the change to the state it was made for, and lets a reader go back in
/// history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// What changes.
    pub key: StateKey,
    /// The value before the block.
    pub before: Option<Bytes>,
    /// The value after the block; never equal to `before`.
    pub after: Option<Bytes>,
}
