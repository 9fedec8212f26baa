//! State as execution sees it: a view of what is committed, and an overlay of what is about to be.

mod overlay;
mod patch;

pub use overlay::{Checkpoint, Overlay, Slot};
pub use patch::{Patch, Patched};

use crate::error::Fault;
use crate::types::{Account, Address, B256, Bytes};

/// Committed state. Whatever it answers must not change while an execution reads it.
pub trait StateView: Send + Sync {
    /// The account at an address, if it was ever touched.
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault>;
    /// The value a contract keeps under a key.
    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault>;
    /// A module by its keccak-256.
    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault>;
}
