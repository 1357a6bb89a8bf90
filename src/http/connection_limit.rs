//! Limits how much each address, user or session uses at a time: connections, subscriptions, or bytes of
//! memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the permits in use by key, up to a maximum for each key and one for all keys together.
#[derive(Debug)]
pub struct ConnectionLimit<K> {
    max: usize,
    total_max: usize,
    counts: Mutex<Counts<K>>,
}

/// A limit of bytes. Its permits start with none: see [`Permit::try_resize`].
pub type ByteLimit<K> = ConnectionLimit<K>;

#[derive(Debug)]
struct Counts<K> {
    by_key: HashMap<K, usize>,
    total: usize,
}

/// Counts as some uses of its key until it is dropped: usually one.
#[derive(Debug)]
pub struct Permit<K: Eq + Hash + Clone> {
    limit: Arc<ConnectionLimit<K>>,
    key: K,
    /// The maximum of the key.
    max: usize,
    count: usize,
}

impl<K: Eq + Hash + Clone> ConnectionLimit<K> {
    /// A limit for each key, and none for all together.
    pub fn new(max: usize) -> Arc<Self> {
        Self::with_total(max, usize::MAX)
    }

    pub fn with_total(max: usize, total_max: usize) -> Arc<Self> {
        let counts = Counts { by_key: HashMap::new(), total: 0 };
        Arc::new(Self { max, total_max, counts: Mutex::new(counts) })
    }

    /// The maximum for each key.
    pub fn max(&self) -> usize {
        self.max
    }

    /// The number of permits in use, of all keys together.
    pub fn in_use(&self) -> usize {
        self.counts().total
    }

    /// Returns a permit, or `None` if `key` or all keys together already have the maximum.
    pub fn try_acquire(self: &Arc<Self>, key: K) -> Option<Permit<K>> {
        let mut permit = self.empty_permit(key);
        permit.try_resize(1).then_some(permit)
    }

    /// Returns a permit that only the maximum of all keys together limits, or `None` if that is reached.
    pub fn try_acquire_unlimited(self: &Arc<Self>, key: K) -> Option<Permit<K>> {
        let mut permit = self.empty_permit(key);
        permit.max = usize::MAX;
        permit.try_resize(1).then_some(permit)
    }

    /// A permit that does not count yet.
    pub fn empty_permit(self: &Arc<Self>, key: K) -> Permit<K> {
        Permit { limit: Arc::clone(self), key, max: self.max, count: 0 }
    }

    fn counts(&self) -> MutexGuard<'_, Counts<K>> {
        // No code that holds this lock can panic while it changes the counts.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash + Clone> Permit<K> {
    /// Lets the permit count as `count` uses. Returns whether the limits allow that; otherwise nothing
    /// changes. Fewer uses are always allowed.
    pub fn try_resize(&mut self, count: usize) -> bool {
        if count == self.count {
            return true;
        }
        let mut counts = self.limit.counts();
        let of_key = counts.by_key.get(&self.key).copied().unwrap_or_default();
        let (new_of_key, new_total) = (of_key - self.count + count, counts.total - self.count + count);
        if count > self.count && (new_of_key > self.max || new_total > self.limit.total_max) {
            return false;
        }
        if new_of_key == 0 {
            counts.by_key.remove(&self.key);
        } else {
            counts.by_key.insert(self.key.clone(), new_of_key);
        }
        counts.total = new_total;
        drop(counts);
        self.count = count;
        true
    }
}

impl<K: Eq + Hash + Clone> Drop for Permit<K> {
    fn drop(&mut self) {
        self.try_resize(0);
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
        assert_eq!(limit.counts().by_key.len(), 1);
    }

    #[test]
    fn all_keys_together_have_a_maximum_too() {
        let limit = ConnectionLimit::with_total(2, 3);
        let first = [limit.try_acquire("ann"), limit.try_acquire("ann"), limit.try_acquire("bob")];
        assert!(first.iter().all(Option::is_some) && limit.try_acquire("eve").is_none());
        assert!(limit.try_acquire_unlimited("proxy").is_none());
        drop(first);
        let proxy = [(); 3].map(|()| limit.try_acquire_unlimited("proxy"));
        assert!(proxy.iter().all(Option::is_some) && limit.try_acquire("eve").is_none());
        drop(proxy);
        assert!(limit.try_acquire("eve").is_some());
        assert_eq!((limit.in_use(), limit.counts().by_key.len()), (0, 0));
    }

    #[test]
    fn a_resized_permit_counts_by_its_new_size() {
        let limit = ByteLimit::with_total(10, 15);
        let (mut ann, mut bob) = (limit.empty_permit("ann"), limit.empty_permit("bob"));
        assert!(ann.try_resize(10) && !ann.try_resize(11) && bob.try_resize(5) && !bob.try_resize(6));
        assert!(ann.try_resize(4) && bob.try_resize(10) && !limit.empty_permit("bob").try_resize(1));
        drop((ann, bob));
        assert_eq!(limit.in_use(), 0);
    }
}
