//! Filters: what a client that polls has not been told yet.
//!
//! A filter remembers how far its client is; what is new is looked up when the client asks.
//!
//! Invariant: a filter takes no more memory the longer nobody asks.

use crate::limits::{FILTER_LIFETIME, FILTERS};
use alloy_primitives::{B256, U256};
use alloy_rpc_types_eth::Filter;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What a client wants to be told.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Logs.
    Logs(Box<Filter>),
    /// Hashes of blocks.
    Blocks,
    /// Hashes of transactions.
    Transactions,
}

/// A filter.
#[derive(Debug, Clone)]
pub struct Polled {
    /// What its client wants to be told.
    pub wanted: Wanted,
    /// The first block of which it was told nothing.
    pub next: u64,
    /// Transactions that it was told of while they waited for a block.
    pub told: HashSet<B256>,
    asked: Instant,
}

/// All filters, by the name that their clients know.
#[derive(Debug, Default)]
pub struct Filters(Mutex<HashMap<U256, Polled>>);

impl Filters {
    /// A filter for what happens from block `next` on; its name cannot be guessed.
    pub fn add(&self, wanted: Wanted, next: u64) -> U256 {
        let mut filters = self.filters();
        if filters.len() >= FILTERS {
            // The order of the map does not show: the one asked longest ago goes.
            let oldest = filters.iter().min_by_key(|(_, filter)| filter.asked);
            let oldest = oldest.map(|(name, _)| *name);
            oldest.and_then(|name| filters.remove(&name));
        }
        let name = U256::from_be_bytes(name());
        filters.insert(name, Polled { wanted, next, told: HashSet::new(), asked: Instant::now() });
        name
    }

    /// A filter.
    pub fn get(&self, name: U256) -> Option<Polled> {
        let mut filters = self.filters();
        let filter = filters.get_mut(&name)?;
        filter.asked = Instant::now();
        Some(filter.clone())
    }

    /// Its client was told of all blocks from `from` to before `next`, and of transactions that wait. If
    /// it was told otherwise meanwhile, or the ledger went back, it stays at that.
    pub fn told(&self, name: U256, from: u64, next: u64, told: HashSet<B256>) {
        let mut filters = self.filters();
        if let Some(filter) = filters.get_mut(&name).filter(|filter| filter.next == from) {
            (filter.next, filter.told) = (next, told);
        }
    }

    /// The ledger went back: block `next` comes again.
    pub fn go_back(&self, next: u64) {
        for filter in self.filters().values_mut() {
            filter.next = filter.next.min(next);
        }
    }

    /// Forgets a filter; whether it was there.
    pub fn remove(&self, name: U256) -> bool {
        self.filters().remove(&name).is_some()
    }

    /// Forgets those that nobody asked for long.
    pub fn expire(&self) {
        self.filters().retain(|_, filter| filter.asked.elapsed() < FILTER_LIFETIME);
    }

    fn filters(&self) -> MutexGuard<'_, HashMap<U256, Polled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name of 16 random bytes, as geth's.
fn name() -> [u8; 32] {
    let mut name = [0; 32];
    let random: u128 = rand::random();
    name[16..].copy_from_slice(&random.to_be_bytes());
    name
}
