//! What the other side of a connection is known to have, so that nothing is said twice.

use std::hash::Hash;

use crate::types::Lookup;

/// A set of at most `MOST` items that forgets what it learned long ago: the newer half of so many is always
/// there. Two generations, the older of which goes when the newer is full, so that an item costs nothing
/// beside its place in one of them: a node has a set of these for each connection.
#[derive(Debug)]
pub struct Known<T, const MOST: usize> {
    newer: Lookup<T, ()>,
    older: Lookup<T, ()>,
}

impl<T, const MOST: usize> Default for Known<T, MOST> {
    fn default() -> Self {
        Known { newer: Lookup::default(), older: Lookup::default() }
    }
}

impl<T: Copy + Eq + Hash, const MOST: usize> Known<T, MOST> {
    /// Learns `item`; whether it was new.
    pub fn insert(&mut self, item: T) -> bool {
        if self.older.contains(&item) || self.newer.insert(item, ()).is_some() {
            return false;
        }
        if self.newer.len() >= MOST / 2 {
            self.older = core::mem::take(&mut self.newer);
        }
        true
    }

    /// Whether `item` is known.
    pub fn contains(&self, item: &T) -> bool {
        self.newer.contains(item) || self.older.contains(item)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.newer.len() + self.older.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 100;

    #[test]
    fn it_learns_once_and_forgets_the_oldest() {
        let mut known = Known::<usize, MOST>::default();
        assert!(known.is_empty() && known.insert(0) && !known.insert(0));
        for item in 1..10 * MOST {
            assert!(known.insert(item) && known.contains(&item));
            assert!(known.len() <= MOST);
            assert!(known.contains(&item.saturating_sub(MOST / 2 - 1)), "{item}");
        }
        assert!(!known.contains(&0) && !known.insert(10 * MOST - 1));
    }
}
