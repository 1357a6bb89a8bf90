//! Limits how many connections or subscriptions each address or user has open at a time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the permits in use by key, up to a maximum for each key.
#[derive(Debug)]
pub struct ConnectionLimit<K> {
    max: usize,
    counts: Mutex<HashMap<K, usize>>,
}

/// Counts as one use of its key until it is dropped.
#[derive(Debug)]
pub struct Permit<K: Eq + Hash> {
    limit: Arc<ConnectionLimit<K>>,
    key: Option<K>,
}

impl<K: Eq + Hash + Clone> ConnectionLimit<K> {
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, counts: Mutex::default() })
    }

    /// The maximum for each key.
    pub fn max(&self) -> usize {
        self.max
    }

    /// The number of permits in use, of all keys together.
    pub fn in_use(&self) -> usize {
        self.counts().values().sum()
    }

    /// Returns a permit, or `None` if `key` already has the maximum.
    pub fn try_acquire(self: &Arc<Self>, key: K) -> Option<Permit<K>> {
        let mut counts = self.counts();
        let count = counts.entry(key.clone()).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Permit { limit: Arc::clone(self), key: Some(key) })
    }
}

impl<K: Eq + Hash> ConnectionLimit<K> {
    fn counts(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        // No code that holds this lock can panic while it changes the map.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Permit<K> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut counts = self.limit.counts();
        if let Some(count) = counts.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_maximum_and_dropped_permits_are_free_again() {
        let limit = ConnectionLimit::new(2);
        let first = limit.try_acquire("ann").expect("a permit");
        let _second = limit.try_acquire("ann").expect("a permit");
        assert!(limit.try_acquire("ann").is_none());
        let bob = limit.try_acquire("bob").expect("another key has its own permits");
        drop(first);
        let _third = limit.try_acquire("ann").expect("the dropped permit is free again");
        drop(bob);
        assert_eq!(limit.counts().len(), 1);
    }
}
