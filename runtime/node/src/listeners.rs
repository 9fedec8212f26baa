//! Who wants to hear of which logs. A block wakes those whom it may concern, and nobody else: ten
//! thousand wallets that wait for their own payments cost a block nothing that is not theirs.
//!
//! Invariant: who is not told of a block finds nothing in it.

use crate::limits::BLOCKS_BEHIND;
use florin_runtime::store::LogFilter;
use florin_runtime::types::{Address, B256, Block};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// What all logs that a listener wants have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// Nothing.
    Any,
    Address(Address),
    /// A topic at a place.
    Topic(usize, B256),
}

/// Those who listen.
#[derive(Debug, Default)]
pub struct Listeners(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    listeners: HashMap<u64, mpsc::Sender<Arc<Block>>>,
    by_key: HashMap<Key, BTreeSet<u64>>,
}

/// One of them, until dropped.
pub struct Listener {
    listeners: Arc<Listeners>,
    number: u64,
    keys: Vec<Key>,
    blocks: mpsc::Receiver<Arc<Block>>,
}

impl Listener {
    /// Listens for what a filter finds from the next block on.
    pub fn new(listeners: Arc<Listeners>, wanted: &LogFilter) -> Self {
        let (sender, blocks) = mpsc::channel(BLOCKS_BEHIND);
        let keys = keys(wanted);
        let mut inner = listeners.lock();
        inner.last += 1;
        let number = inner.last;
        inner.listeners.insert(number, sender);
        for key in &keys {
            inner.by_key.entry(*key).or_default().insert(number);
        }
        drop(inner);
        Listener { listeners, number, keys, blocks }
    }

    /// The next block that may have a log of those; `None` if too many wait already.
    pub async fn block(&mut self) -> Option<Arc<Block>> {
        self.blocks.recv().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut inner = self.listeners.lock();
        inner.listeners.remove(&self.number);
        for key in &self.keys {
            let Some(numbers) = inner.by_key.get_mut(key) else { continue };
            numbers.remove(&self.number);
            if numbers.is_empty() {
                inner.by_key.remove(key);
            }
        }
    }
}

/// Alternatives, of which every log that is wanted has one. Most logs of a block have the same address
/// and the same first topic, and name different parties in the others.
fn keys(wanted: &LogFilter) -> Vec<Key> {
    let topics = |place: usize| {
        let any: Vec<_> =
            wanted.topics[place].iter().map(|topic| Key::Topic(place, *topic)).collect();
        Some(any).filter(|any| !any.is_empty())
    };
    let addresses: Vec<_> = wanted.addresses.iter().copied().map(Key::Address).collect();
    let addresses = Some(addresses).filter(|any| !any.is_empty());
    let chosen = [3, 2, 1].into_iter().find_map(topics).or(addresses).or_else(|| topics(0));
    chosen.unwrap_or_else(|| vec![Key::Any])
}

impl Listeners {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of a block that was just made durable, before anybody else is told.
    pub fn tell(&self, block: &Arc<Block>) {
        if self.lock().listeners.is_empty() {
            return;
        }
        let logs = block.body.receipts.iter().flat_map(|receipt| &receipt.logs);
        let keys = logs.flat_map(|log| {
            let topics = log.topics().iter().enumerate();
            let topics = topics.map(|(place, topic)| Key::Topic(place, *topic));
            topics.chain([Key::Address(log.address), Key::Any])
        });
        // Each once: many logs have the same.
        let keys: HashSet<_> = keys.collect();
        let mut inner = self.lock();
        let of_key = |key| inner.by_key.get(key).into_iter().flatten();
        let told: BTreeSet<_> = keys.iter().flat_map(of_key).copied().collect();
        // Whoever has no room is told no more, and hears so.
        for number in told {
            let is_full = |sender: &mpsc::Sender<_>| sender.try_send(block.clone()).is_err();
            if inner.listeners.get(&number).is_some_and(is_full) {
                inner.listeners.remove(&number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_what_tells_logs_apart() {
        let (token, [transfer, alice]) = (Address::ZERO, [1, 2].map(B256::repeat_byte));
        let mut filter =
            LogFilter { from: 0, to: 0, addresses: Vec::new(), topics: Default::default() };
        assert_eq!(keys(&filter), [Key::Any]);
        filter.topics[0] = vec![transfer];
        assert_eq!(keys(&filter), [Key::Topic(0, transfer)]);
        filter.addresses = vec![token];
        assert_eq!(keys(&filter), [Key::Address(token)]);
        filter.topics[2] = vec![alice, transfer];
        assert_eq!(keys(&filter), [Key::Topic(2, alice), Key::Topic(2, transfer)]);
    }
}
