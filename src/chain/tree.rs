//! The tree itself: slots in an arena, found by hash, and two chains through it by height.
//!
//! It knows of work, bodies and validity, and of no rule. What is on neither chain is bounded: beyond the
//! cap, the leaf with the least work goes first, so no ancestor goes before its descendants.

use std::collections::BTreeSet;

use crate::types::{BlockHash, Header, Lookup, Work};

/// A place in the arena.
pub(super) type Index = u32;

/// One header.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) header: Header,
    pub(super) hash: BlockHash,
    pub(super) height: u64,
    /// Of it and all its ancestors.
    pub(super) work: Work,
    parent: Option<Index>,
    children: Vec<Index>,
    /// Counts up: the smaller was seen first.
    seen: u64,
    pub(super) has_body: bool,
    /// Its body and those of all its ancestors are here.
    linked: bool,
    pub(super) invalid: bool,
}

#[derive(Debug)]
pub(super) struct Tree {
    slots: Vec<Slot>,
    free: Vec<Index>,
    by_hash: Lookup<BlockHash, Index>,
    /// The chain with the most work whose bodies are all here, by height.
    active: Vec<Index>,
    /// The chain of valid headers with the most work, by height.
    best: Vec<Index>,
    /// Entries on neither chain that have no children, least work first.
    leaves: BTreeSet<(Work, u64, Index)>,
    cap: usize,
    seen: u64,
    /// Pruned, and not told yet.
    forgotten: BTreeSet<BlockHash>,
}

impl Tree {
    pub(super) fn new(genesis: &Header, hash: BlockHash, cap: usize) -> Tree {
        let mut by_hash = Lookup::default();
        by_hash.insert(hash, 0);
        let root = Slot {
            header: *genesis,
            hash,
            height: 0,
            work: work_of(genesis),
            parent: None,
            children: Vec::new(),
            seen: 0,
            has_body: true,
            linked: true,
            invalid: false,
        };
        Tree {
            slots: vec![root],
            free: Vec::new(),
            by_hash,
            active: vec![0],
            best: vec![0],
            leaves: BTreeSet::new(),
            cap,
            seen: 0,
            forgotten: BTreeSet::new(),
        }
    }

    pub(super) fn slot(&self, index: Index) -> &Slot {
        &self.slots[index as usize]
    }

    fn slot_mut(&mut self, index: Index) -> &mut Slot {
        &mut self.slots[index as usize]
    }

    pub(super) fn index(&self, hash: &BlockHash) -> Option<Index> {
        self.by_hash.get(hash).copied()
    }

    pub(super) fn get(&self, hash: &BlockHash) -> Option<&Slot> {
        self.index(hash).map(|index| self.slot(index))
    }

    pub(super) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(super) fn active_at(&self, height: u64) -> Option<Index> {
        self.active.get(usize::try_from(height).ok()?).copied()
    }

    pub(super) fn best_at(&self, height: u64) -> Option<Index> {
        self.best.get(usize::try_from(height).ok()?).copied()
    }

    /// Genesis is on both chains, so neither is ever empty.
    pub(super) fn active_tip(&self) -> Index {
        self.active.last().copied().unwrap_or_default()
    }

    pub(super) fn best_tip(&self) -> Index {
        self.best.last().copied().unwrap_or_default()
    }

    pub(super) fn is_active(&self, index: Index) -> bool {
        self.active_at(self.slot(index).height) == Some(index)
    }

    fn is_best(&self, index: Index) -> bool {
        self.best_at(self.slot(index).height) == Some(index)
    }

    fn is_side(&self, index: Index) -> bool {
        !self.is_active(index) && !self.is_best(index)
    }

    /// How many blocks the two chains share.
    fn common_len(&self) -> usize {
        // They agree up to where they part, and nowhere after.
        let (mut low, mut high) = (1, self.active.len().min(self.best.len()));
        while low < high {
            let middle = low.midpoint(high + 1);
            if self.active[middle - 1] == self.best[middle - 1] { low = middle } else { high = middle - 1 }
        }
        low
    }

    pub(super) fn common_height(&self) -> u64 {
        self.common_len() as u64 - 1
    }

    /// `index` and its ancestors, nearest first.
    pub(super) fn up_from(&self, index: Index) -> impl Iterator<Item = &Slot> {
        core::iter::successors(Some(self.slot(index)), |slot| slot.parent.map(|parent| self.slot(parent)))
    }

    /// The ancestor of `of` at `height`, itself included.
    pub(super) fn ancestor(&self, of: Index, height: u64) -> Option<Index> {
        let mut at = of;
        loop {
            let slot = self.slot(at);
            if slot.height <= height {
                return (slot.height == height).then_some(at);
            }
            if self.is_active(at) {
                return self.active_at(height);
            }
            if self.is_best(at) {
                return self.best_at(height);
            }
            at = slot.parent?;
        }
    }

    /// Puts in a header whose parent is there, and whose rules are kept.
    pub(super) fn insert(&mut self, header: &Header, hash: BlockHash) {
        let Some(parent) = self.index(&header.previous) else { return };
        self.seen += 1;
        let above = self.slot(parent);
        let slot = Slot {
            header: *header,
            hash,
            height: above.height + 1,
            work: above.work.plus(work_of(header)),
            parent: Some(parent),
            children: Vec::new(),
            seen: self.seen,
            has_body: false,
            linked: false,
            invalid: false,
        };
        let index = match self.free.pop() {
            Some(index) => {
                *self.slot_mut(index) = slot;
                index
            }
            None => {
                self.slots.push(slot);
                (self.slots.len() - 1) as Index
            }
        };
        self.by_hash.insert(hash, index);
        // It may be back before anybody was told that it had gone.
        self.forgotten.remove(&hash);
        self.no_leaf(parent);
        self.slot_mut(parent).children.push(index);
        self.maybe_leaf(index);
        if self.slot(index).work > self.slot(self.best_tip()).work {
            self.switch_best(index);
        }
    }

    /// The body of `index` came: what joined and what left the active chain.
    pub(super) fn add_body(&mut self, index: Index) -> (Vec<BlockHash>, Vec<BlockHash>) {
        self.slot_mut(index).has_body = true;
        let parent_linked = self.slot(index).parent.is_none_or(|parent| self.slot(parent).linked);
        if !parent_linked {
            return (Vec::new(), Vec::new());
        }
        // It, and the descendants whose bodies came before it.
        let mut best = self.active_tip();
        let mut todo = vec![index];
        while let Some(at) = todo.pop() {
            self.slot_mut(at).linked = true;
            let (work, seen) = (self.slot(at).work, self.slot(at).seen);
            let ahead = self.slot(best);
            if work > ahead.work || (work == ahead.work && best != self.active_tip() && seen < ahead.seen) {
                best = at;
            }
            let ready = |child: &&Index| self.slot(**child).has_body && !self.slot(**child).invalid;
            todo.extend(self.slot(at).children.iter().filter(ready).copied().collect::<Vec<_>>());
        }
        if best == self.active_tip() {
            return (Vec::new(), Vec::new());
        }
        let before = self.active_tip();
        let (joined, left) = Tree::path(&self.slots, &self.active, best);
        self.no_leaf(best);
        self.active.truncate(self.active.len() - left.len());
        self.active.extend(joined.iter().rev());
        self.maybe_leaf(before);
        let hash = |index: &Index| self.slot(*index).hash;
        (joined.iter().rev().map(hash).collect(), left.iter().map(hash).collect())
    }

    fn switch_best(&mut self, to: Index) {
        let before = self.best_tip();
        let (joined, left) = Tree::path(&self.slots, &self.best, to);
        self.no_leaf(to);
        self.best.truncate(self.best.len() - left.len());
        self.best.extend(joined.iter().rev());
        self.maybe_leaf(before);
    }

    /// What joins `chain` (highest first) and what leaves it (highest first) when it is to end in `to`.
    fn path(slots: &[Slot], chain: &[Index], to: Index) -> (Vec<Index>, Vec<Index>) {
        let mut joined = Vec::new();
        let mut at = to;
        let fork = loop {
            let slot = &slots[at as usize];
            let height = slot.height as usize;
            if chain.get(height) == Some(&at) {
                break height;
            }
            joined.push(at);
            match slot.parent {
                Some(parent) => at = parent,
                None => break 0,
            }
        };
        (joined, chain[fork + 1..].iter().rev().copied().collect())
    }

    /// Marks `index` and all that builds on it; the best headers' chain leaves them.
    pub(super) fn mark_invalid(&mut self, index: Index) {
        let mut todo = vec![index];
        while let Some(at) = todo.pop() {
            self.slot_mut(at).invalid = true;
            todo.extend_from_slice(&self.slot(at).children.clone());
        }
        if !self.is_best(index) {
            return;
        }
        // Rare, and paid for with proof of work: look at everything that is left.
        let mut best = self.active_tip();
        for at in 0..self.slots.len() as Index {
            let slot = self.slot(at);
            if slot.invalid || self.index(&slot.hash) != Some(at) {
                continue;
            }
            let ahead = self.slot(best);
            if slot.work > ahead.work || (slot.work == ahead.work && slot.seen < ahead.seen) {
                best = at;
            }
        }
        self.switch_best(best);
    }

    fn maybe_leaf(&mut self, index: Index) {
        let slot = self.slot(index);
        if slot.children.is_empty() && self.is_side(index) {
            let key = (slot.work, slot.seen, index);
            self.leaves.insert(key);
        }
    }

    fn no_leaf(&mut self, index: Index) {
        let slot = self.slot(index);
        let key = (slot.work, slot.seen, index);
        self.leaves.remove(&key);
    }

    /// Drops leaves, least work first, until what is on neither chain is within the cap.
    pub(super) fn prune(&mut self) {
        while self.len() - (self.active.len() + self.best.len() - self.common_len()) > self.cap {
            let Some((_, _, index)) = self.leaves.pop_first() else { return };
            let slot = self.slot_mut(index);
            let (hash, parent) = (slot.hash, slot.parent);
            self.by_hash.remove(&hash);
            self.forgotten.insert(hash);
            self.free.push(index);
            if let Some(parent) = parent {
                self.slot_mut(parent).children.retain(|child| *child != index);
                self.maybe_leaf(parent);
            }
        }
    }

    pub(super) fn take_forgotten(&mut self) -> Vec<BlockHash> {
        core::mem::take(&mut self.forgotten).into_iter().collect()
    }
}

fn work_of(header: &Header) -> Work {
    header.bits.to_target().map(|target| target.work()).unwrap_or(Work::ZERO)
}
