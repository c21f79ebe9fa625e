//! A set of nodes, by number: a bit each, because there is one for every block.

/// Which nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeSet(Vec<u64>);

impl NodeSet {
    /// Takes `node` in; whether it was not there.
    pub fn insert(&mut self, node: usize) -> bool {
        let (at, bit) = (node / 64, 1 << (node % 64));
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        let before = self.0[at];
        self.0[at] |= bit;
        before & bit == 0
    }

    /// Leaves `node` out.
    pub fn remove(&mut self, node: usize) {
        if let Some(bits) = self.0.get_mut(node / 64) {
            *bits &= !(1 << (node % 64));
        }
    }

    /// Whether `node` is in it.
    pub fn contains(&self, node: usize) -> bool {
        self.0.get(node / 64).is_some_and(|bits| bits >> (node % 64) & 1 == 1)
    }

    /// Those in it, in order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.0.len() * 64).filter(|node| self.contains(*node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_in_it() {
        let mut set = NodeSet::default();
        assert!(set.insert(3) && set.insert(200) && set.insert(64) && !set.insert(64));
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 64, 200]);
        set.remove(64);
        set.remove(5000);
        assert_eq!([3, 64, 200, 5000].map(|node| set.contains(node)), [true, false, true, false]);
    }
}
