//! What the other side of a connection is known to have, so that nothing is said twice.

use std::collections::VecDeque;
use std::hash::Hash;

use crate::limits::MAX_KNOWN_PER_PEER;
use crate::types::Lookup;

/// A bounded set that forgets what it learned first.
#[derive(Debug)]
pub struct Known<T> {
    has: Lookup<T, ()>,
    order: VecDeque<T>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Known { has: Lookup::default(), order: VecDeque::new() }
    }
}

impl<T: Copy + Eq + Hash> Known<T> {
    /// Learns `item`; whether it was new.
    pub fn insert(&mut self, item: T) -> bool {
        if self.has.insert(item, ()).is_some() {
            return false;
        }
        self.order.push_back(item);
        if self.order.len() > MAX_KNOWN_PER_PEER
            && let Some(oldest) = self.order.pop_front()
        {
            self.has.remove(&oldest);
        }
        true
    }

    /// Whether `item` is known.
    pub fn contains(&self, item: &T) -> bool {
        self.has.contains(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_learns_once_and_forgets_the_oldest() {
        let mut known = Known::default();
        assert!(known.insert(0) && !known.insert(0));
        for item in 1..=MAX_KNOWN_PER_PEER {
            assert!(known.insert(item));
        }
        assert!(!known.contains(&0) && known.contains(&1));
    }
}
