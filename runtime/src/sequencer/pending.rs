//! The state after blocks that are executed but not durable yet: what the next block starts from.
//!
//! Invariant: nobody but the executing thread reads it; what others read is durable.

use crate::error::Fault;
use crate::host::BlockEnv;
use crate::state::StateView;
use crate::store::View;
use crate::types::{Account, Address, B256, Bytes, StateKey, Write};
use std::cmp::Ordering;
use std::sync::Arc;

/// What a block changes, in order of key.
#[derive(Clone)]
pub struct Changes {
    number: u64,
    writes: Arc<Vec<Write>>,
}

impl Changes {
    pub fn new(block: &BlockEnv, writes: &[Write]) -> Self {
        Changes { number: block.number, writes: Arc::new(writes.to_vec()) }
    }

    fn find(&self, order: impl Fn(&StateKey) -> Ordering) -> Option<&Option<Bytes>> {
        let place = self.writes.binary_search_by(|write| order(&write.key)).ok()?;
        Some(&self.writes[place].after)
    }
}

/// The state of the last durable block, with what the blocks after it change.
pub struct Pending {
    view: View,
    /// The newest first.
    blocks: Vec<Changes>,
}

impl Pending {
    /// `blocks` in order; those that are durable meanwhile are dropped from it.
    pub fn new(view: View, blocks: &mut Vec<Changes>) -> Self {
        let durable = view.head().number;
        blocks.retain(|block| block.number > durable);
        let blocks = blocks.iter().rev().cloned().collect();
        Pending { view, blocks }
    }

    fn changed(&self, order: impl Fn(&StateKey) -> Ordering) -> Option<&Option<Bytes>> {
        self.blocks.iter().find_map(|block| block.find(&order))
    }
}

impl StateView for Pending {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        let order = |key: &StateKey| match key {
            StateKey::Account(found) => found.cmp(address),
            StateKey::Storage(..) | StateKey::Code(_) => Ordering::Greater,
        };
        let Some(changed) = self.changed(order) else {
            return Ok(self.view.account(address)?);
        };
        let Some(bytes) = changed else { return Ok(None) };
        let account = Account::from_bytes(bytes);
        account.map(Some).ok_or(Fault::Bug("an account that was written cannot be decoded"))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let order = |found: &StateKey| match found {
            StateKey::Account(_) => Ordering::Less,
            StateKey::Storage(contract, name) => {
                contract.cmp(address).then_with(|| name[..].cmp(key))
            }
            StateKey::Code(_) => Ordering::Greater,
        };
        match self.changed(order) {
            Some(changed) => Ok(changed.clone()),
            None => Ok(self.view.storage(address, key)?),
        }
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        let order = |key: &StateKey| match key {
            StateKey::Account(_) | StateKey::Storage(..) => Ordering::Less,
            StateKey::Code(found) => found.cmp(hash),
        };
        match self.changed(order) {
            Some(changed) => Ok(changed.clone()),
            None => Ok(self.view.code(hash)?),
        }
    }
}
