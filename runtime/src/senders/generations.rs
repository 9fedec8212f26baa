//! A map of bounded size that forgets what was not asked for longest, roughly: entries are put into
//! the young of two generations, and when that is full it takes the place of the old one.
//!
//! Invariant: neither generation has more entries than the limit.

use std::collections::HashMap;
use std::hash::Hash;

/// The keys come from outside, so the standard map's hash function is right: it is made to
/// withstand those who look for collisions.
#[derive(Debug)]
pub(super) struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    limit: usize,
}

impl<K: Copy + Eq + Hash, V> Generations<K, V> {
    /// An empty map with at most `limit` entries in each generation.
    pub fn new(limit: usize) -> Self {
        Generations { young: HashMap::new(), old: HashMap::new(), limit }
    }

    /// What is kept under a key, which makes it young again.
    pub fn get(&mut self, key: &K) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let value = self.old.remove(key)?;
            self.insert(*key, value);
        }
        self.young.get_mut(key)
    }

    /// Keeps a value in place of the former one.
    pub fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.limit && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let mut map = Generations::new(10);
        for key in 0..100 {
            map.insert(key, key);
            assert_eq!(map.get(&0).copied(), Some(0), "asked for after {key}");
            assert!(map.young.len() <= 10 && map.old.len() <= 10);
        }
        assert_eq!(map.get(&99).copied(), Some(99));
        assert_eq!(map.get(&50), None);
    }

    #[test]
    fn the_newest_value_counts() {
        let mut map = Generations::new(1);
        map.insert(1, 1);
        map.insert(2, 2); // 1 is old now
        map.insert(1, 3);
        assert_eq!(map.get(&1).copied(), Some(3));
        map.insert(1, 4);
        assert_eq!(map.get(&1).copied(), Some(4));
        assert_eq!(map.get(&2).copied(), Some(2), "replacing a value evicts nothing");
    }
}
