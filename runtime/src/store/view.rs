//! Reads of the state, at the head or as of a block that someone holds on to.

use super::{Store, error::Result, recent::Pin, schema::state_key, table::Value};
use crate::types::{Account, Address, B256, Bytes, Header, StateKey, StateKeyRef};
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
        self.store.get(self.at(), StateKeyRef::Code(hash))
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
    store.get_as(at, StateKeyRef::Account(address), take)?
}

pub(super) fn storage(
    store: &Store,
    at: Option<u64>,
    address: &Address,
    key: &[u8],
) -> Result<Option<Bytes>> {
    store.get(at, StateKeyRef::Storage(address, key))
}

pub(super) fn storage_page(
    store: &Store,
    pin: &Pin,
    address: &Address,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<(Bytes, Bytes)>> {
    let start = StateKeyRef::Storage(address, after.unwrap_or_default());
    let own = |key: &StateKey| match key {
        StateKey::Storage(contract, key) if contract == address => Some(key.clone()),
        _ => None,
    };
    page(store, pin, start.into(), after.is_none(), limit, own)
}

pub(super) fn accounts_page(
    store: &Store,
    pin: &Pin,
    after: Option<&Address>,
    limit: usize,
) -> Result<Vec<(Address, Account)>> {
    let start = StateKey::Account(after.copied().unwrap_or_default());
    let own = |key: &StateKey| match key {
        StateKey::Account(address) => Some(*address),
        _ => None,
    };
    let page = page(store, pin, start, after.is_none(), limit, own)?;
    page.into_iter()
        .map(|(address, value)| Ok((address, decode(store, &address, &value)?)))
        .collect()
}

/// Up to `limit` entries of those that `own` takes, which have neighbouring keys, from `position`
/// on, or after it. What is in memory is gone through for it: meant for audits and explorers, not
/// for payments.
fn page<K>(
    store: &Store,
    pin: &Pin,
    mut position: StateKey,
    mut include: bool,
    limit: usize,
    own: impl Fn(&StateKey) -> Option<K>,
) -> Result<Vec<(K, Bytes)>> {
    let mut page = Vec::new();
    if limit == 0 {
        return Ok(page);
    }
    loop {
        // Keys of memory and of the tree, up to the last one that was asked of the tree. Of memory
        // before and after: what moves from there to the tree meanwhile is found at least once, and
        // so is what is removed from the tree.
        let is_wanted =
            |key: &StateKey| (*key > position || include && *key == position) && own(key).is_some();
        let mut keys = store.recent.changed_keys(is_wanted);
        let mut stored = Vec::new();
        let start = state_key(position.as_ref());
        for entry in store.state.entries(&start)? {
            let key = store.state.piece(&entry?.0)?;
            if stored.len() == limit || own(&key).is_none() {
                break;
            }
            if include || key != position {
                stored.push(key);
            }
        }
        keys.extend(store.recent.changed_keys(is_wanted));
        let last = stored.last().filter(|_| stored.len() == limit).cloned();
        keys.retain(|key| last.as_ref().is_none_or(|last| key <= last));
        keys.extend(stored);
        for key in keys {
            if let Some(value) = store.get(Some(pin.number), key.as_ref())?
                && let Some(key) = own(&key)
            {
                page.push((key, value));
            }
            if page.len() == limit {
                return Ok(page);
            }
        }
        let Some(last) = last else { return Ok(page) };
        (position, include) = (last, false);
    }
}

fn decode(store: &Store, address: &Address, value: &[u8]) -> Result<Account> {
    let damage = || store.state.damage(format!("account {address} cannot be decoded"));
    Account::from_bytes(value).ok_or_else(damage)
}
