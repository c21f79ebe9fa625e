//! What is on neither chain is bounded: beyond the cap the leaf with the least work goes first, so no
//! ancestor goes before its descendants. A fork that could still win is thus the last to go.

use crate::chain::tree::{Index, Tree};
use crate::types::BlockHash;

impl Tree {
    fn is_side(&self, index: Index) -> bool {
        !self.is_active(index) && !self.is_best(index)
    }

    /// `index` may have become a leaf beside the chains: by losing its last child, or its place on a chain.
    pub(super) fn maybe_leaf(&mut self, index: Index) {
        let slot = self.slot(index);
        if slot.first_child.is_none() && self.is_side(index) {
            let key = (slot.work(), slot.seen, index);
            self.leaves.insert(key);
        }
    }

    /// `index` has a child now, or a place on a chain.
    pub(super) fn no_leaf(&mut self, index: Index) {
        let slot = self.slot(index);
        let key = (slot.work(), slot.seen, index);
        self.leaves.remove(&key);
    }

    /// How many entries are on neither chain.
    pub(in crate::chain) fn side_len(&self) -> usize {
        let on_chains = self.active.len() + self.best.len() - self.common_len();
        self.len() - on_chains
    }

    /// From now on so many may be.
    pub(in crate::chain) fn set_cap(&mut self, cap: usize) {
        self.cap = cap;
        self.prune();
    }

    /// Drops leaves, least work first, until what is on neither chain is within the cap.
    pub(in crate::chain) fn prune(&mut self) {
        while self.side_len() > self.cap {
            let Some((_, _, index)) = self.leaves.pop_first() else { return };
            let slot = self.slot(index);
            let (hash, has_body) = (slot.hash, slot.has_body);
            self.by_hash.remove(hash.beginning(), |at| *at == index);
            // What has no body is stored nowhere.
            if has_body {
                self.forgotten.insert(hash);
            }
            let parent = self.unlink(index);
            self.free.push(index);
            if let Some(parent) = parent {
                self.maybe_leaf(parent);
            }
        }
    }

    /// Blocks dropped with their bodies since the last call, and not back since, in the order of their bytes.
    pub(in crate::chain) fn take_forgotten(&mut self) -> Vec<BlockHash> {
        core::mem::take(&mut self.forgotten).into_iter().collect()
    }
}
