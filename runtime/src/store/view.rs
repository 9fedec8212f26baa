//! Reads of the state, at the head or as of a block that someone holds on to.

use super::{
    Store,
    error::Result,
    schema::{account_key, storage_key},
};
use crate::types::{Account, Address, B256, Bytes, Header};
use alloy_primitives::Sealed;
use std::sync::Arc;

/// The state as of one block, whatever is committed meanwhile. Cheap to make; share it between
/// threads by reference.
#[derive(Debug)]
pub struct View {
    store: Arc<Store>,
    head: Arc<Sealed<Header>>,
}

impl View {
    pub(super) fn new(store: Arc<Store>) -> Self {
        let head = store.recent.pin();
        View { store, head }
    }

    /// The header of the block whose state this is, with its hash.
    pub fn head(&self) -> &Sealed<Header> {
        &self.head
    }

    /// An account; `None` if it was never touched.
    pub fn account(&self, address: &Address) -> Result<Option<Account>> {
        account(&self.store, Some(self.head.number), address)
    }

    /// A contract's storage entry.
    pub fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>> {
        storage(&self.store, Some(self.head.number), address, key)
    }

    /// A module by its keccak-256. Modules are never replaced, so this may find one that came
    /// later.
    pub fn code(&self, hash: &B256) -> Result<Option<Bytes>> {
        self.store.code(hash)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.store.recent.unpin(self.head.number);
    }
}

pub(super) fn account(
    store: &Store,
    at: Option<u64>,
    address: &Address,
) -> Result<Option<Account>> {
    let value = read(store, at, &account_key(address))?;
    value.map(|value| decode(store, address, &value)).transpose()
}

pub(super) fn storage(
    store: &Store,
    at: Option<u64>,
    address: &Address,
    key: &[u8],
) -> Result<Option<Bytes>> {
    read(store, at, &storage_key(address, key))
}

fn read(store: &Store, at: Option<u64>, key: &[u8]) -> Result<Option<Bytes>> {
    store.recent.get(at, key, || store.state.get(key))
}

pub(super) fn decode(store: &Store, address: &Address, value: &[u8]) -> Result<Account> {
    let damage = || store.state.damage(format!("account {address} cannot be decoded"));
    Account::from_bytes(value).ok_or_else(damage)
}
