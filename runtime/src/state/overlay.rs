//! Changes over a view, each of which can be taken back.
//!
//! Every nested call is a scope: [`Overlay::checkpoint`], run, then keep or [`Overlay::revert`].
//! What is read once is kept, so an execution sees one state from beginning to end and the entries
//! double as its read set.
//!
//! Invariant: [`Overlay::into_writes`] is a function of the changes alone; it is sorted, so the
//! random order of the hash maps inside never shows.

use super::StateView;
use crate::error::Fault;
use crate::types::{Account, Address, B256, Bytes, StateKey, U256, Write};
use alloy_primitives::map::{Entry as Slot, HashMap, HashSet};
use std::sync::Arc;

/// A value as it was in the view and as it is now.
#[derive(Debug, Clone)]
struct Entry<T> {
    before: T,
    now: T,
}

impl<T: Clone> Entry<T> {
    fn new(value: T) -> Self {
        Entry { before: value.clone(), now: value }
    }
}

/// What takes back one change, in the order opposite to that of the changes.
#[derive(Debug)]
enum Undo {
    /// An account changed / give it its former content.
    Account(Address, Account),
    /// A storage entry changed / give it its former value.
    Storage(Address, Box<[u8]>, Option<Bytes>),
    /// A module was added / forget it.
    Code(B256),
}

/// What a write takes in a block at most, apart from a contract's key and values.
const WRITE_BYTES: usize = 64;
/// What the write of an account takes: twice nonce, balance and code hash in RLP.
const ACCOUNT_BYTES: usize = WRITE_BYTES + 2 * 80;

/// A point to return to.
#[derive(Debug, Clone, Copy)]
pub struct Checkpoint(usize);

/// Uncommitted state over a view.
pub struct Overlay {
    view: Arc<dyn StateView>,
    accounts: HashMap<Address, Entry<Account>>,
    storage: HashMap<Address, HashMap<Box<[u8]>, Entry<Option<Bytes>>>>,
    code: HashMap<B256, Bytes>,
    undo: Vec<Undo>,
}

impl Overlay {
    /// No changes over `view`.
    pub fn new(view: Arc<dyn StateView>) -> Self {
        Overlay {
            view,
            accounts: HashMap::default(),
            storage: HashMap::default(),
            code: HashMap::default(),
            undo: Vec::new(),
        }
    }

    /// The account at an address; the default one if it was never touched.
    pub fn account(&mut self, address: &Address) -> Result<Account, Fault> {
        Ok(self.account_entry(address)?.now)
    }

    fn account_entry(&mut self, address: &Address) -> Result<&mut Entry<Account>, Fault> {
        Ok(match self.accounts.entry(*address) {
            Slot::Occupied(entry) => entry.into_mut(),
            Slot::Vacant(slot) => {
                slot.insert(Entry::new(self.view.account(address)?.unwrap_or_default()))
            }
        })
    }

    /// Replaces an account.
    pub fn set_account(&mut self, address: &Address, account: Account) -> Result<(), Fault> {
        let entry = self.account_entry(address)?;
        let former = std::mem::replace(&mut entry.now, account);
        if former != account {
            self.undo.push(Undo::Account(*address, former));
        }
        Ok(())
    }

    /// Moves native value; `false`, and nothing moved, if `from` has less. The only place where
    /// value moves.
    pub fn transfer(&mut self, from: &Address, to: &Address, value: U256) -> Result<bool, Fault> {
        let mut payer = self.account(from)?;
        let Some(rest) = payer.balance.checked_sub(value) else { return Ok(false) };
        if value.is_zero() || from == to {
            return Ok(true);
        }
        let mut payee = self.account(to)?;
        // The genesis bounds the sum of all balances, so no balance can overflow.
        let sum = payee.balance.checked_add(value).ok_or(Fault::Bug("a balance overflowed"))?;
        payer.balance = rest;
        payee.balance = sum;
        self.set_account(from, payer)?;
        self.set_account(to, payee)?;
        Ok(true)
    }

    /// The value a contract keeps under a key.
    pub fn storage(&mut self, address: &Address, key: &[u8]) -> Result<Option<&Bytes>, Fault> {
        Ok(self.storage_entry(address, key)?.now.as_ref())
    }

    fn storage_entry(
        &mut self,
        address: &Address,
        key: &[u8],
    ) -> Result<&mut Entry<Option<Bytes>>, Fault> {
        let slots = self.storage.entry(*address).or_default();
        if !slots.contains_key(key) {
            slots.insert(key.into(), Entry::new(self.view.storage(address, key)?));
        }
        slots.get_mut(key).ok_or(Fault::Bug("a storage entry just loaded is missing"))
    }

    /// Replaces or, with `None`, removes the value a contract keeps under a key.
    pub fn set_storage(
        &mut self,
        address: &Address,
        key: &[u8],
        value: Option<Bytes>,
    ) -> Result<(), Fault> {
        let entry = self.storage_entry(address, key)?;
        if entry.now == value {
            return Ok(());
        }
        let former = std::mem::replace(&mut entry.now, value);
        self.undo.push(Undo::Storage(*address, key.into(), former));
        Ok(())
    }

    /// A module by its hash.
    pub fn code(&mut self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        match self.code.get(hash) {
            Some(code) => Ok(Some(code.clone())),
            None => self.view.code(hash),
        }
    }

    /// Whether a module was added by the changes, not found in the view.
    pub fn is_new_code(&self, hash: &B256) -> bool {
        self.code.contains_key(hash)
    }

    /// Adds a module, unless it is there already.
    pub fn add_code(&mut self, hash: B256, module: Bytes) -> Result<(), Fault> {
        if self.code(&hash)?.is_none() {
            self.code.insert(hash, module);
            self.undo.push(Undo::Code(hash));
        }
        Ok(())
    }

    /// A point to return to.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.undo.len())
    }

    /// Takes back every change since `checkpoint`.
    pub fn revert(&mut self, checkpoint: Checkpoint) {
        while self.undo.len() > checkpoint.0 {
            match self.undo.pop() {
                Some(Undo::Account(address, former)) => {
                    if let Some(entry) = self.accounts.get_mut(&address) {
                        entry.now = former;
                    }
                }
                Some(Undo::Storage(address, key, former)) => {
                    let slots = self.storage.get_mut(&address);
                    if let Some(entry) = slots.and_then(|slots| slots.get_mut(&key)) {
                        entry.now = former;
                    }
                }
                Some(Undo::Code(hash)) => {
                    self.code.remove(&hash);
                }
                None => break,
            }
        }
    }

    /// What the changes since `checkpoint` take in a block at most: each key once, with its values
    /// before and after.
    pub fn bytes_since(&self, checkpoint: Checkpoint) -> usize {
        let length = |value: Option<&Bytes>| value.map_or(0, |value| value.len());
        let mut seen: HashSet<(&Address, Option<&[u8]>)> = HashSet::default();
        let changes = self.undo.iter().skip(checkpoint.0).map(|undo| match undo {
            Undo::Account(address, _) if seen.insert((address, None)) => ACCOUNT_BYTES,
            Undo::Storage(address, key, former) if seen.insert((address, Some(&key[..]))) => {
                let now = self.storage.get(address).and_then(|slots| slots.get(key)?.now.as_ref());
                WRITE_BYTES + key.len() + length(former.as_ref()) + length(now)
            }
            Undo::Code(hash) => WRITE_BYTES + length(self.code.get(hash)),
            Undo::Account(..) | Undo::Storage(..) => 0,
        });
        changes.sum()
    }

    /// The sum of the balances of every account that was looked at, before and now: equal, always.
    pub fn balance_sums(&self) -> (U256, U256) {
        self.accounts.values().fold((U256::ZERO, U256::ZERO), |(before, now), entry| {
            (before.wrapping_add(entry.before.balance), now.wrapping_add(entry.now.balance))
        })
    }

    /// Everything that changed, in order of key.
    pub fn into_writes(self) -> Vec<Write> {
        let Overlay { view: _, accounts, storage, code, undo: _ } = self;
        let mut writes = Vec::new();
        for (address, Entry { before, now }) in accounts {
            if before != now {
                let encode = |account: Account| (!account.is_empty()).then(|| account.to_bytes());
                let key = StateKey::Account(address);
                writes.push(Write { key, before: encode(before), after: encode(now) });
            }
        }
        for (address, slots) in storage {
            for (key, Entry { before, now }) in slots {
                if before != now {
                    let key = StateKey::Storage(address, Bytes::from(key));
                    writes.push(Write { key, before, after: now });
                }
            }
        }
        for (hash, module) in code {
            writes.push(Write { key: StateKey::Code(hash), before: None, after: Some(module) });
        }
        writes.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        writes
    }
}
