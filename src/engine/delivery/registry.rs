//! Things that are shared while somebody holds them, by what they have in common.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

type Known<K, V> = HashMap<Arc<K>, Weak<V>>;

/// Finds what others hold already.
pub struct Registry<K, V>(Arc<Mutex<Known<K, V>>>);

/// Kept within a value: takes it out of the registry with its last holder.
pub struct Entry<K: Eq + Hash, V> {
    registry: Registry<K, V>,
    key: Arc<K>,
}

impl<K: Eq + Hash, V> Registry<K, V> {
    /// The value that others hold under `key`, or a new one.
    pub fn get_or_make(&self, key: K, make: impl FnOnce(Entry<K, V>) -> V) -> Arc<V> {
        let mut known = self.known();
        if let Some(value) = known.get(&key).and_then(Weak::upgrade) {
            return value;
        }
        let key = Arc::new(key);
        let value = Arc::new(make(Entry { registry: self.clone(), key: Arc::clone(&key) }));
        // The key, too: the old one would go with its value.
        known.remove(&key);
        known.insert(key, Arc::downgrade(&value));
        value
    }

    fn known(&self) -> MutexGuard<'_, Known<K, V>> {
        // Nothing that holds this lock can panic half-way through a change of the map.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Clone for Registry<K, V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, V> Default for Registry<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash, V> Drop for Entry<K, V> {
    fn drop(&mut self) {
        let mut known = self.registry.known();
        // Another may have been made under the same key meanwhile.
        if known.get(&self.key).is_some_and(|value| value.strong_count() == 0) {
            known.remove(&self.key);
        }
        if known.capacity() > 64 && known.len() < known.capacity() / 4 {
            known.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Value(#[expect(dead_code, reason = "it is dropped with the value")] Entry<&'static str, Self>);

    #[test]
    fn what_is_held_is_found_and_what_is_not_is_forgotten() {
        let registry = Registry::default();
        let first = registry.get_or_make("a", Value);
        assert!(Arc::ptr_eq(&first, &registry.get_or_make("a", Value)));
        let other = registry.get_or_make("b", Value);
        assert_eq!(registry.known().len(), 2);
        drop((first, other));
        assert!(registry.known().is_empty());
    }
}
