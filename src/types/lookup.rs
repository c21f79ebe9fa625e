//! Hash tables that can be asked but not walked.
//!
//! `HashMap` iterates in an order that differs from run to run, which would make the core a function of
//! something else than its inputs. Where constant-time look-up matters, this wrapper gives it and nothing
//! more, so the compiler holds the rule. It keeps std's keyed hashing: a peer cannot aim for one bucket.

#[allow(clippy::disallowed_types, reason = "wrapped here so that nobody can iterate it")]
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;

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

    /// The value of `key`, to change; a default one, if it had none.
    pub fn or_default(&mut self, key: K) -> &mut V
    where
        V: Default,
    {
        self.0.entry(key).or_default()
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

/// Look-up of small values, such as places in an arena, by a number that whoever owns what they stand for can
/// tell again: it keeps no keys, so an entry costs its value and a byte, twice that at worst. Several values may
/// have one number.
#[derive(Debug)]
pub struct Places<V> {
    table: HashTable<V>,
    hasher: RandomState,
}

impl<V> Default for Places<V> {
    fn default() -> Self {
        Places { table: HashTable::new(), hasher: RandomState::new() }
    }
}

impl<V: Copy> Places<V> {
    /// The value with this `number` that is the one.
    pub fn find(&self, number: u64, is_it: impl FnMut(&V) -> bool) -> Option<V> {
        self.table.find(self.hasher.hash_one(number), is_it).copied()
    }

    /// The values with this `number`, in no order; among them, rarely, some with others.
    pub fn all(&self, number: u64) -> impl Iterator<Item = V> {
        self.table.iter_hash(self.hasher.hash_one(number)).copied()
    }

    /// Puts in a value, whether or not it is there already; `number_of` tells the number of any.
    pub fn insert(&mut self, value: V, number_of: impl Fn(&V) -> u64) {
        let hash = self.hasher.hash_one(number_of(&value));
        self.table.insert_unique(hash, value, |value| self.hasher.hash_one(number_of(value)));
    }

    /// Takes out the value with this `number` that is the one.
    pub fn remove(&mut self, number: u64, is_it: impl FnMut(&V) -> bool) -> Option<V> {
        let found = self.table.find_entry(self.hasher.hash_one(number), is_it).ok()?;
        Some(found.remove().0)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_number_are_told_apart() {
        let mut places = Places::default();
        let number_of = |value: &u32| u64::from(*value % 10);
        for value in 0..1000 {
            places.insert(value, number_of);
        }
        assert_eq!(places.len(), 1000);
        for value in 0..1000 {
            assert_eq!(places.find(number_of(&value), |found| *found == value), Some(value));
        }
        assert_eq!(places.remove(7, |found| *found == 507), Some(507));
        assert_eq!(places.remove(7, |found| *found == 507), None);
        assert_eq!(places.find(7, |found| *found == 517), Some(517));
        assert_eq!(places.find(8, |found| *found == 517), None, "another number");
        assert_eq!(places.len(), 999);
    }
}
