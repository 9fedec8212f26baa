//! States that are nowhere whole: a view in which some entries are others. The state after blocks
//! that are executed but not durable yet, the state as it once was, and what somebody supposes for
//! a simulation are all that.
//!
//! Invariant: what a patch does not mention is as in the view beneath.

use super::StateView;
use crate::error::Fault;
use crate::types::{Account, Address, B256, Bytes, StateKey, StateKeyRef, Write};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Entries of a state, and what they are instead. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Patch {
    entries: Entries,
    /// Contracts that have no other storage than what is here.
    emptied: BTreeSet<Address>,
}

/// `None` is absence.
#[derive(Debug, Clone)]
enum Entries {
    /// What a block wrote, which the block has as well.
    Written(Arc<Written>),
    /// In order of key.
    Others(Arc<Vec<(StateKey, Option<Bytes>)>>),
}

/// Writes, and where to find one by the hash of its key.
#[derive(Debug)]
struct Written {
    writes: Arc<Vec<Write>>,
    hasher: DefaultHashBuilder,
    places: HashTable<u32>,
}

impl Written {
    fn new(writes: Arc<Vec<Write>>) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut places = HashTable::with_capacity(writes.len());
        for (write, place) in writes.iter().zip(0..) {
            let hash = hasher.hash_one(write.key.as_ref());
            places.insert_unique(hash, place, |place: &u32| {
                hasher.hash_one(writes[*place as usize].key.as_ref())
            });
        }
        Written { writes, hasher, places }
    }

    fn find(&self, key: StateKeyRef) -> Option<&Option<Bytes>> {
        let is_it = |place: &u32| self.writes[*place as usize].key.as_ref() == key;
        let place = self.places.find(self.hasher.hash_one(key), is_it)?;
        Some(&self.writes[*place as usize].after)
    }
}

impl Default for Entries {
    fn default() -> Self {
        Entries::Others(Arc::default())
    }
}

impl Entries {
    fn all(&self) -> Vec<(StateKey, Option<Bytes>)> {
        match self {
            Entries::Written(written) => {
                let pair = |write: &Write| (write.key.clone(), write.after.clone());
                written.writes.iter().map(pair).collect()
            }
            Entries::Others(entries) => entries.to_vec(),
        }
    }

    fn find(&self, key: StateKeyRef) -> Option<&Option<Bytes>> {
        match self {
            Entries::Written(written) => written.find(key),
            Entries::Others(entries) => {
                let place = entries.binary_search_by(|(found, _)| found.as_ref().cmp(&key)).ok()?;
                Some(&entries[place].1)
            }
        }
    }
}

impl Patch {
    /// `entries` as they are to be; those of `emptied` contracts' storage that are not among them are
    /// absent.
    pub fn new(entries: BTreeMap<StateKey, Option<Bytes>>, emptied: BTreeSet<Address>) -> Self {
        Patch { entries: Entries::Others(Arc::new(entries.into_iter().collect())), emptied }
    }

    /// What a block's writes lead to.
    pub fn after(writes: Arc<Vec<Write>>) -> Self {
        let written = Arc::new(Written::new(writes));
        Patch { entries: Entries::Written(written), emptied: BTreeSet::new() }
    }

    /// Puts another one over this.
    pub fn put(&mut self, upper: Patch) {
        let is_gone = |key: &StateKey| match key {
            StateKey::Storage(contract, _) => upper.emptied.contains(contract),
            _ => false,
        };
        let lower = self.entries.all().into_iter().filter(|(key, _)| !is_gone(key));
        let mut both: BTreeMap<_, _> = lower.collect();
        both.extend(upper.entries.all());
        self.entries = Entries::Others(Arc::new(both.into_iter().collect()));
        self.emptied.extend(upper.emptied);
    }
}

/// A view with patches over it.
pub struct Patched {
    under: Arc<dyn StateView>,
    /// The first that mentions an entry says what it is.
    patches: Vec<Patch>,
}

impl Patched {
    /// `patches` over `under`, the uppermost first.
    pub fn new(under: Arc<dyn StateView>, patches: Vec<Patch>) -> Self {
        Patched { under, patches }
    }

    fn changed(&self, key: StateKeyRef) -> Option<&Option<Bytes>> {
        self.patches.iter().find_map(|patch| patch.entries.find(key))
    }
}

impl StateView for Patched {
    fn account(&self, address: &Address) -> Result<Option<Account>, Fault> {
        let Some(changed) = self.changed(StateKeyRef::Account(address)) else {
            return self.under.account(address);
        };
        let Some(bytes) = changed else { return Ok(None) };
        let account = Account::from_bytes(bytes);
        account.map(Some).ok_or(Fault::Bug("an account that was written cannot be decoded"))
    }

    fn storage(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        for patch in &self.patches {
            match patch.entries.find(StateKeyRef::Storage(address, key)) {
                Some(changed) => return Ok(changed.clone()),
                None if patch.emptied.contains(address) => return Ok(None),
                None => {}
            }
        }
        self.under.storage(address, key)
    }

    fn code(&self, hash: &B256) -> Result<Option<Bytes>, Fault> {
        match self.changed(StateKeyRef::Code(hash)) {
            Some(changed) => Ok(changed.clone()),
            None => self.under.code(hash),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::U256;

    const ONE: Address = Address::repeat_byte(1);
    const TWO: Address = Address::repeat_byte(2);

    /// Everybody has seven, and every entry and module is there.
    struct Sevens;

    impl StateView for Sevens {
        fn account(&self, _: &Address) -> Result<Option<Account>, Fault> {
            Ok(Some(Account { balance: U256::from(7), ..Account::default() }))
        }
        fn storage(&self, _: &Address, _: &[u8]) -> Result<Option<Bytes>, Fault> {
            Ok(Some(Bytes::from_static(b"seven")))
        }
        fn code(&self, _: &B256) -> Result<Option<Bytes>, Fault> {
            Ok(Some(Bytes::from_static(b"module")))
        }
    }

    fn patch(entries: Vec<(StateKey, Option<&'static [u8]>)>, emptied: &[Address]) -> Patch {
        let entries = entries.into_iter().map(|(key, value)| (key, value.map(Bytes::from_static)));
        Patch::new(entries.collect(), emptied.iter().copied().collect())
    }

    #[test]
    fn the_uppermost_patch_that_mentions_an_entry_says_what_it_is() {
        let key = |name: &'static [u8]| StateKey::Storage(ONE, Bytes::from_static(name));
        let code = B256::repeat_byte(3);
        let upper = patch(vec![(key(b"a"), Some(b"upper")), (key(b"b"), None)], &[]);
        let lower = patch(
            vec![
                (StateKey::Account(TWO), None),
                (key(b"a"), Some(b"lower")),
                (key(b"c"), Some(b"lower")),
                (StateKey::Code(code), Some(b"other")),
            ],
            &[ONE],
        );
        // One over the other, or both in one.
        let mut both = lower.clone();
        both.put(upper.clone());
        for patches in [vec![upper, lower], vec![both]] {
            check(Patched::new(Arc::new(Sevens), patches), code);
        }
    }

    fn check(state: Patched, code: B256) {
        let storage = |address, key: &[u8]| state.storage(&address, key).expect("no fault");
        assert_eq!(storage(ONE, b"a"), Some(Bytes::from_static(b"upper")));
        assert_eq!(storage(ONE, b"b"), None);
        assert_eq!(storage(ONE, b"c"), Some(Bytes::from_static(b"lower")));
        assert_eq!(storage(ONE, b"d"), None, "the lower patch leaves the contract nothing else");
        assert_eq!(storage(TWO, b"d"), Some(Bytes::from_static(b"seven")));
        let balance = |address| state.account(&address).expect("no fault").map(|a| a.balance);
        assert_eq!((balance(ONE), balance(TWO)), (Some(U256::from(7)), None));
        let module = |hash| state.code(&hash).expect("no fault").expect("a module");
        assert_eq!(&module(code)[..], b"other");
        assert_eq!(&module(B256::ZERO)[..], b"module");
    }
}
