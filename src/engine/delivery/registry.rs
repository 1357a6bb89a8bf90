//! A map of shared values that does not keep them alive.

use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use weak_table::WeakValueHashMap;

/// Shares values by key, as long as somebody holds them. The map removes the key of a dropped value some time
/// later.
pub struct Registry<K: Eq + Hash, V>(Mutex<WeakValueHashMap<K, Weak<V>>>);

impl<K: Eq + Hash, V> Registry<K, V> {
    /// The value that somebody holds under this key, or a new one.
    pub fn get_or_insert(&self, key: K, new: impl FnOnce() -> V) -> Arc<V> {
        // Nothing that holds this lock can panic in the middle of a change.
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = values.get(&key) {
            return value;
        }
        let value = Arc::new(new());
        values.insert(key, Arc::clone(&value));
        value
    }
}

impl<K: Eq + Hash, V> Default for Registry<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_value_is_found_and_a_dropped_one_is_removed() {
        let registry = Registry::default();
        let first = registry.get_or_insert("a", || 1);
        assert!(Arc::ptr_eq(&first, &registry.get_or_insert("a", || 2)));
        let other = registry.get_or_insert("b", || 3);
        let count = || {
            let mut values = registry.0.lock().unwrap();
            values.remove_expired();
            values.len()
        };
        assert_eq!(count(), 2);
        drop((first, other));
        assert_eq!(count(), 0);
        assert_eq!(*registry.get_or_insert("a", || 4), 4);
    }
}
