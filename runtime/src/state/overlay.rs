//! Changes over a view, each of which can be taken back.
//!
//! Every nested call is a scope: [`Overlay::checkpoint`], run, then keep or [`Overlay::revert`].
//! What is read once is kept, so an execution sees one state from beginning to end and the entries
//! double as its read set. An entry is looked up by its key once and then known by its place, where
//! it stays.
//!
//! Invariant: [`Overlay::into_writes`] is a function of the changes alone; it is sorted, so the
//! random order of the hash maps inside never shows.

use super::StateView;
use crate::error::Fault;
use crate::types::{Account, Address, B256, Bytes, StateKey, U256, Write};
use alloy_primitives::map::{AddressMap, B256Map, Entry as Lookup, HashMap};
use std::sync::Arc;

/// A value as it was in the view and as it is now.
#[derive(Debug, Clone, Copy, Default)]
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
    /// An account changed / give the one at this place its former content.
    Account(usize, Account),
    /// A storage entry changed / give it its former value.
    Storage(Slot, Option<Bytes>),
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

/// A storage entry of an overlay, and the length of its key.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    place: usize,
    key_bytes: usize,
}

/// Uncommitted state over a view.
pub struct Overlay {
    view: Arc<dyn StateView>,
    /// Places in `accounts`.
    addresses: AddressMap<usize>,
    accounts: Vec<Entry<Account>>,
    /// Places in `storage`, by contract and key.
    keys: AddressMap<HashMap<Box<[u8]>, usize>>,
    storage: Vec<Entry<Option<Bytes>>>,
    code: B256Map<Bytes>,
    undo: Vec<Undo>,
}

impl Overlay {
    /// No changes over `view`.
    pub fn new(view: Arc<dyn StateView>) -> Box<Self> {
        Box::new(Overlay {
            view,
            addresses: AddressMap::default(),
            accounts: Vec::new(),
            keys: AddressMap::default(),
            storage: Vec::new(),
            code: B256Map::default(),
            undo: Vec::new(),
        })
    }

    /// The account at an address; the default one if it was never touched.
    pub fn account(&mut self, address: &Address) -> Result<Account, Fault> {
        let place = self.place(address)?;
        Ok(self.accounts[place].now)
    }

    fn place(&mut self, address: &Address) -> Result<usize, Fault> {
        Ok(match self.addresses.entry(*address) {
            Lookup::Occupied(entry) => *entry.get(),
            Lookup::Vacant(entry) => {
                let account = self.view.account(address)?.unwrap_or_default();
                self.accounts.push(Entry::new(account));
                *entry.insert(self.accounts.len() - 1)
            }
        })
    }

    /// Replaces an account.
    pub fn set_account(&mut self, address: &Address, account: Account) -> Result<(), Fault> {
        let place = self.place(address)?;
        self.replace(place, account);
        Ok(())
    }

    /// Changes an account.
    pub fn update(
        &mut self,
        address: &Address,
        change: impl FnOnce(Account) -> Result<Account, Fault>,
    ) -> Result<(), Fault> {
        let place = self.place(address)?;
        let account = change(self.accounts[place].now)?;
        self.replace(place, account);
        Ok(())
    }

    fn replace(&mut self, place: usize, account: Account) {
        let former = std::mem::replace(&mut self.accounts[place].now, account);
        if former != account {
            self.undo.push(Undo::Account(place, former));
        }
    }

    /// Adds to a balance what was taken from others.
    pub fn credit(&mut self, address: &Address, amount: U256) -> Result<(), Fault> {
        if amount.is_zero() {
            return Ok(());
        }
        self.update(address, |account| {
            // The genesis bounds the sum of all balances, so no balance can overflow.
            let sum = account.balance.checked_add(amount);
            Ok(Account { balance: sum.ok_or(Fault::Bug("a balance overflowed"))?, ..account })
        })
    }

    /// Moves native value; `false`, and nothing moved, if `from` has less. The only place where
    /// value moves.
    pub fn transfer(&mut self, from: &Address, to: &Address, value: U256) -> Result<bool, Fault> {
        if value.is_zero() {
            return Ok(true);
        }
        let place = self.place(from)?;
        let payer = self.accounts[place].now;
        let Some(balance) = payer.balance.checked_sub(value) else { return Ok(false) };
        if from != to {
            self.replace(place, Account { balance, ..payer });
            self.credit(to, value)?;
        }
        Ok(true)
    }

    /// The value a contract keeps under a key.
    pub fn storage(&mut self, address: &Address, key: &[u8]) -> Result<Option<&Bytes>, Fault> {
        let slot = self.slot(address, key)?;
        Ok(self.value(slot))
    }

    /// The storage entry of a contract under a key.
    pub fn slot(&mut self, address: &Address, key: &[u8]) -> Result<Slot, Fault> {
        let places = self.keys.entry(*address).or_default();
        let place = match places.get(key) {
            Some(place) => *place,
            None => {
                self.storage.push(Entry::new(self.view.storage(address, key)?));
                places.insert(key.into(), self.storage.len() - 1);
                self.storage.len() - 1
            }
        };
        Ok(Slot { place, key_bytes: key.len() })
    }

    /// The value of a storage entry.
    pub fn value(&self, slot: Slot) -> Option<&Bytes> {
        self.storage[slot.place].now.as_ref()
    }

    /// Replaces or, with `None`, removes the value of a storage entry.
    pub fn set_value(&mut self, slot: Slot, value: Option<Bytes>) {
        let now = &mut self.storage[slot.place].now;
        if *now != value {
            let former = std::mem::replace(now, value);
            self.undo.push(Undo::Storage(slot, former));
        }
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

    /// How many modules were added.
    pub fn modules(&self) -> usize {
        self.code.len()
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
                Some(Undo::Account(place, former)) => self.accounts[place].now = former,
                Some(Undo::Storage(slot, former)) => self.storage[slot.place].now = former,
                Some(Undo::Code(hash)) => {
                    self.code.remove(&hash);
                }
                None => break,
            }
        }
    }

    /// Lets every change stand: there is no returning to a checkpoint from before.
    pub fn keep(&mut self) {
        self.undo.clear();
    }

    /// What the changes since `checkpoint` take in a block at most: each key once, with its values
    /// before and after.
    pub fn bytes_since(&self, checkpoint: Checkpoint) -> usize {
        let length = |value: Option<&Bytes>| value.map_or(0, |value| value.len());
        let mut changes: Vec<_> = self.undo.iter().skip(checkpoint.0).collect();
        // The first change of each has the value before. A module is added once.
        let key = |undo: &&Undo| match undo {
            Undo::Account(place, _) => (0, *place),
            Undo::Storage(slot, _) => (1, slot.place),
            Undo::Code(_) => (2, 0),
        };
        changes.sort_by_key(key);
        changes
            .dedup_by(|later, first| !matches!(later, Undo::Code(_)) && key(later) == key(first));
        let bytes = changes.iter().map(|undo| match undo {
            Undo::Account(..) => ACCOUNT_BYTES,
            Undo::Storage(slot, former) => {
                WRITE_BYTES + slot.key_bytes + length(former.as_ref()) + length(self.value(*slot))
            }
            Undo::Code(hash) => WRITE_BYTES + length(self.code.get(hash)),
        });
        bytes.sum()
    }

    /// The sum of the balances of every account that was looked at, before and now: equal, always.
    pub fn balance_sums(&self) -> (U256, U256) {
        self.accounts.iter().fold((U256::ZERO, U256::ZERO), |(before, now), entry| {
            (before.wrapping_add(entry.before.balance), now.wrapping_add(entry.now.balance))
        })
    }

    /// The accounts and storage entries that were looked at, as they were before any change, in
    /// order.
    pub fn touched(&self) -> (Vec<(Address, Account)>, Vec<(Address, Bytes, Option<Bytes>)>) {
        let accounts = self.addresses.iter();
        let mut accounts: Vec<_> =
            accounts.map(|(address, place)| (*address, self.accounts[*place].before)).collect();
        let mut storage = Vec::new();
        for (address, places) in &self.keys {
            for (key, place) in places {
                let before = self.storage[*place].before.clone();
                storage.push((*address, Bytes::copy_from_slice(key), before));
            }
        }
        accounts.sort_unstable_by_key(|(address, _)| *address);
        storage.sort_unstable_by(|(a, b, _), (c, d, _)| (a, b).cmp(&(c, d)));
        (accounts, storage)
    }

    /// Everything that changed, in order of key.
    pub fn into_writes(self) -> Vec<Write> {
        let Overlay { view: _, addresses, accounts, keys, mut storage, code, undo: _ } = self;
        let mut writes = Vec::new();
        for (address, place) in addresses {
            let Entry { before, now } = accounts[place];
            if before != now {
                let encode = |account: Account| (!account.is_empty()).then(|| account.to_bytes());
                let key = StateKey::Account(address);
                writes.push(Write { key, before: encode(before), after: encode(now) });
            }
        }
        for (address, places) in keys {
            for (key, place) in places {
                let Entry { before, now } = std::mem::take(&mut storage[place]);
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

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: Address = Address::repeat_byte(1);

    /// Every contract keeps 7 under every key, and nobody has anything.
    struct Sevens;

    impl StateView for Sevens {
        fn account(&self, _: &Address) -> Result<Option<Account>, Fault> {
            Ok(None)
        }
        fn storage(&self, _: &Address, _: &[u8]) -> Result<Option<Bytes>, Fault> {
            Ok(Some(Bytes::from_static(&[7])))
        }
        fn code(&self, _: &B256) -> Result<Option<Bytes>, Fault> {
            Ok(None)
        }
    }

    fn store(overlay: &mut Overlay, key: &[u8], value: &[u8]) {
        let slot = overlay.slot(&CONTRACT, key).expect("no fault");
        overlay.set_value(slot, Some(value.to_vec().into()));
    }

    #[test]
    fn what_changed_is_counted_once_and_taken_back() {
        let mut overlay = Overlay::new(Arc::new(Sevens));
        store(&mut overlay, b"before", &[1]);
        overlay.keep();
        let begin = overlay.checkpoint();
        overlay.credit(&CONTRACT, U256::from(5)).expect("no fault");
        store(&mut overlay, b"key", &[1; 10]);
        overlay.credit(&CONTRACT, U256::from(5)).expect("no fault");
        store(&mut overlay, b"key", &[7]); // as it was, but not before it was something else
        store(&mut overlay, b"key", &[2; 20]);
        for module in [b"one", b"two"] {
            overlay.add_code(B256::right_padding_from(module), module.into()).expect("no fault");
        }
        let key = WRITE_BYTES + 3 + 1 + 20;
        assert_eq!(overlay.bytes_since(begin), ACCOUNT_BYTES + key + 2 * (WRITE_BYTES + 3));
        overlay.revert(begin);
        assert_eq!(overlay.bytes_since(begin), 0);
        let key = StateKey::Storage(CONTRACT, Bytes::from_static(b"before"));
        let [before, after] = [7, 1].map(|value| Some(vec![value].into()));
        assert_eq!(overlay.into_writes(), [Write { key, before, after }]);
    }
}
