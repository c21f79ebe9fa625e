//! The tree as people look at it: where its branches end, and what is beside the active chain.

use std::collections::{BTreeMap, BTreeSet};

use crate::chain::tree::Index;
use crate::chain::{Chain, Tip};
use crate::types::BlockHash;

/// What a header's branch is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// On the active chain.
    Active,
    /// A good branch, every body of which is here, beside the active chain.
    Side,
    /// A body on the way to it is missing.
    HeadersOnly,
    /// It, or an ancestor, broke a rule.
    Invalid,
}

impl Status {
    /// Its name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Status::Active => "active",
            Status::Side => "side",
            Status::HeadersOnly => "headers-only",
            Status::Invalid => "invalid",
        }
    }
}

/// The end of a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchEnd {
    /// Its last header.
    pub tip: Tip,
    /// Headers from where it leaves the active chain; 0: it is the active chain.
    pub length: u64,
    /// What it is worth.
    pub status: Status,
}

impl Chain {
    /// What the branch of `hash` is worth.
    pub fn status(&self, hash: &BlockHash) -> Option<Status> {
        self.tree.index(hash).map(|index| self.status_at(index))
    }

    /// Where branches end: the active chain, then the others, the most work first. Costs a step for each
    /// header beside the active chain.
    pub fn branches(&self) -> Vec<BranchEnd> {
        let mut left_at: BTreeMap<Index, u64> = BTreeMap::new();
        let mut ends: Vec<BranchEnd> = Vec::new();
        for leaf in self.tree.ends() {
            let mut path = Vec::new();
            let fork = self.tree.up_to_active(leaf).find_map(|(index, active)| {
                let height = self.tree.slot(index).height;
                let known = if active { Some(height) } else { left_at.get(&index).copied() };
                path.extend(known.is_none().then_some(index));
                known
            });
            let fork = fork.unwrap_or_default();
            left_at.extend(path.into_iter().map(|index| (index, fork)));
            let tip = self.tip_at(leaf);
            ends.push(BranchEnd { tip, length: tip.height - fork, status: self.status_at(leaf) });
        }
        ends.sort_by_key(|end| {
            (end.status != Status::Active, core::cmp::Reverse(end.tip.work), end.tip.hash)
        });
        ends
    }

    /// The headers beside the active chain at heights `from` to `to`, each with its height, in no order.
    /// Costs a step for each of them, and for each above `to`.
    pub fn beside(&self, from: u64, to: u64) -> Vec<(u64, BlockHash)> {
        let mut seen: BTreeSet<Index> = BTreeSet::new();
        let mut found = Vec::new();
        for leaf in self.tree.ends() {
            for (index, active) in self.tree.up_to_active(leaf) {
                let slot = self.tree.slot(index);
                if active || slot.height < from || !seen.insert(index) {
                    break;
                }
                if slot.height <= to {
                    found.push((slot.height, slot.hash));
                }
            }
        }
        found
    }

    fn status_at(&self, index: Index) -> Status {
        let slot = self.tree.slot(index);
        if slot.invalid {
            Status::Invalid
        } else if self.tree.is_active(index) {
            Status::Active
        } else if slot.linked {
            Status::Side
        } else {
            Status::HeadersOnly
        }
    }
}
