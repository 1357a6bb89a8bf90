//! How many of something one address or one person may have at a time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts what is in use, by whom.
#[derive(Debug)]
pub struct ConnectionLimit<K> {
    most: usize,
    used: Mutex<HashMap<K, usize>>,
}

/// One that is in use; free again when dropped.
#[derive(Debug)]
pub struct Permit<K: Eq + Hash> {
    quota: Arc<ConnectionLimit<K>>,
    key: Option<K>,
}

impl<K: Eq + Hash + Clone> ConnectionLimit<K> {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, used: Mutex::default() })
    }

    /// The most that each may have.
    pub fn most(&self) -> usize {
        self.most
    }

    /// How many are in use, by all together.
    pub fn in_use(&self) -> usize {
        self.used().values().sum()
    }

    /// Takes one; `None` where there is none left for `key`.
    pub fn take(self: &Arc<Self>, key: K) -> Option<Permit<K>> {
        let mut used = self.used();
        let count = used.entry(key.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(used);
        Some(Permit { quota: Arc::clone(self), key: Some(key) })
    }
}

impl<K: Eq + Hash> ConnectionLimit<K> {
    fn used(&self) -> MutexGuard<'_, HashMap<K, usize>> {
        // Nothing that holds this lock can panic half-way through a change of the map.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Permit<K> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut used = self.quota.used();
        if let Some(count) = used.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                used.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_so_many_and_gets_back_what_is_dropped() {
        let quota = ConnectionLimit::new(2);
        let first = quota.take("ann").expect("a place");
        let _second = quota.take("ann").expect("a place");
        assert!(quota.take("ann").is_none());
        let bob = quota.take("bob").expect("a place of his own");
        drop(first);
        let _third = quota.take("ann").expect("the place that is free again");
        drop(bob);
        assert_eq!(quota.used().len(), 1);
    }
}
