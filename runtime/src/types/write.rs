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
