//! Reads of the state, at the head or as of a block that someone holds on to.

use super::{
    Store,
    error::Result,
    recent::{Pin, Value},
    schema::{account_key, code_key, storage_key},
};
use crate::types::{Account, Address, B256, Bytes, Header};
use alloy_primitives::Sealed;
use std::sync::Arc;

/// The state as of one block, whatever is committed meanwhile. Cheap to make; share it between
/// threads by reference.
#[derive(Debug)]
pub struct View {
    store: Arc<Store>,
    pin: Pin,
}

impl View {
    pub(super) fn new(store: Arc<Store>) -> Self {
        let pin = store.recent.pin();
        View { store, pin }
    }

    /// The header of the block whose state this is, with its hash.
    pub fn head(&self) -> &Sealed<Header> {
        &self.pin
    }

    fn at(&self) -> Option<u64> {
        Some(self.pin.number)
    }

    /// An account; `None` if it was never touched.
    pub fn account(&self, address: &Address) -> Result<Option<Account>> {
        account(&self.store, self.at(), address)
    }

    /// A contract's storage entry.
    pub fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>> {
        storage(&self.store, self.at(), address, key)
    }

    /// A module by its keccak-256.
    pub fn code(&self, hash: &B256) -> Result<Option<Bytes>> {
        self.store.get(self.at(), &code_key(hash))
    }

    /// Up to `limit` storage entries of a contract, in order of key, after a given key.
    pub fn storage_page(
        &self,
        address: &Address,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>> {
        storage_page(&self.store, &self.pin, address, after, limit)
    }

    /// Up to `limit` accounts, in order of address, after a given address.
    pub fn accounts_page(
        &self,
        after: Option<&Address>,
        limit: usize,
    ) -> Result<Vec<(Address, Account)>> {
        accounts_page(&self.store, &self.pin, after, limit)
    }
}

pub(super) fn account(
    store: &Store,
    at: Option<u64>,
    address: &Address,
) -> Result<Option<Account>> {
    let take =
        |value: &Value| value.as_ref().map(|value| decode(store, address, value)).transpose();
    store.get_as(at, &account_key(address), take)?
}

pub(super) fn storage(
    store: &Store,
    at: Option<u64>,
    address: &Address,
    key: &[u8],
) -> Result<Option<Bytes>> {
    store.get(at, &storage_key(address, key))
}

pub(super) fn storage_page(
    store: &Store,
    pin: &Pin,
    address: &Address,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Bytes, Bytes)>> {
    let prefix = storage_key(address, &[]);
    let page = page(store, pin, &prefix, after, limit)?;
    let own = |key: Bytes| Bytes::copy_from_slice(&key[prefix.len()..]);
    Ok(page.into_iter().map(|(key, value)| (own(key), value)).collect())
}

pub(super) fn accounts_page(
    store: &Store,
    pin: &Pin,
    after: Option<&Address>,
    limit: usize,
) -> Result<Vec<(Address, Account)>> {
    let prefix = &account_key(&Address::ZERO)[..1];
    let page = page(store, pin, prefix, after.map(|after| after.as_slice()), limit)?;
    page.into_iter()
        .map(|(key, value)| {
            let malformed = |_| store.state.damage("an account has a malformed address");
            let address = Address::try_from(&key[1..]).map_err(malformed)?;
            Ok((address, decode(store, &address, &value)?))
        })
        .collect()
}

/// Up to `limit` entries whose keys begin with `prefix`, after `prefix` + `after`. What is in
/// memory is gone through for it: meant for audits and explorers, not for payments.
fn page(
    store: &Store,
    pin: &Pin,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Bytes, Bytes)>> {
    let mut page = Vec::new();
    let mut position = [prefix, after.unwrap_or_default()].concat();
    let mut include = after.is_none();
    loop {
        // Keys of memory and of the tree, up to the last one that was asked of the tree. In this
        // order: what moves from memory to the tree meanwhile is found at least once.
        let mut keys = store.recent.changed_keys(prefix, &position, include);
        let stored = store.state.keys(prefix, &position, include, limit)?;
        let last = stored.last().filter(|_| stored.len() == limit).cloned();
        keys.retain(|key| last.as_ref().is_none_or(|last| key <= last));
        keys.extend(stored);
        for key in keys {
            if let Some(value) = store.get(Some(pin.number), &key)? {
                page.push((key, value));
            }
            if page.len() == limit {
                return Ok(page);
            }
        }
        let Some(last) = last else { return Ok(page) };
        (position, include) = (last.to_vec(), false);
    }
}

fn decode(store: &Store, address: &Address, value: &[u8]) -> Result<Account> {
    let damage = || store.state.damage(format!("account {address} cannot be decoded"));
    Account::from_bytes(value).ok_or_else(damage)
}
