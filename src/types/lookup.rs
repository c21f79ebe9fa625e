//! A hash map that can be asked but not walked.
//!
//! `HashMap` iterates in an order that differs from run to run, which would make the core a function of
//! something else than its inputs. Where constant-time look-up matters, this wrapper gives it and nothing
//! more, so the compiler holds the rule. It keeps std's keyed hashing: a peer cannot aim for one bucket.

#[allow(clippy::disallowed_types, reason = "wrapped here so that nobody can iterate it")]
use std::collections::HashMap;
use std::hash::Hash;

/// Look-up by key in constant time, without an order.
#[derive(Debug, Clone)]
#[allow(clippy::disallowed_types, reason = "wrapped here so that nobody can iterate it")]
pub struct Lookup<K, V>(HashMap<K, V>);

impl<K, V> Default for Lookup<K, V> {
    fn default() -> Self {
        Lookup(Default::default())
    }
}

impl<K: Eq + Hash, V> Lookup<K, V> {
    /// The value of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    /// The value of `key`, to change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    /// Whether `key` has a value.
    pub fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// Sets the value of `key`; the old one comes back.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }

    /// How many keys have a value.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no key has a value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
