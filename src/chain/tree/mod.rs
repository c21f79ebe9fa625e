//! The tree itself: slots in an arena, found by hash, and two chains through it by height.
//!
//! Lives here: work, bodies, validity and the two chains. Not here: any rule of consensus (`rules`,
//! `check`).

mod arena;
mod prune;
mod slot;

use std::collections::BTreeSet;

use crate::types::{BlockHash, Header, Places, Work};
use arena::Arena;
pub(super) use slot::{Index, Slot};

#[derive(Debug)]
pub(super) struct Tree {
    slots: Arena,
    /// Places in `slots` that hold nothing any more.
    free: Vec<Index>,
    /// By the beginnings of their hashes.
    by_hash: Places<Index>,
    /// The chain with the most work whose bodies are all here, by height.
    active: Vec<Index>,
    /// The chain of valid headers with the most work, by height.
    best: Vec<Index>,
    /// Entries on neither chain that have no children, least work first.
    leaves: BTreeSet<(Work, u32, Index)>,
    /// How many entries may be on neither chain.
    cap: usize,
    /// How many headers were put in, ever.
    seen: u32,
    /// Pruned, of those that had bodies, and not told yet.
    forgotten: BTreeSet<BlockHash>,
}

impl Tree {
    /// A tree of genesis alone, with its body.
    pub(super) fn new(genesis: &Header, hash: BlockHash, cap: usize) -> Tree {
        let mut by_hash = Places::default();
        by_hash.insert(Index::ROOT, |_| hash.beginning());
        let mut root = Slot::new(genesis, hash, 0, work_of(genesis), 0);
        root.has_body = true;
        root.linked = true;
        Tree {
            slots: Arena::of(root),
            free: Vec::new(),
            by_hash,
            active: vec![Index::ROOT],
            best: vec![Index::ROOT],
            leaves: BTreeSet::new(),
            cap,
            seen: 0,
            forgotten: BTreeSet::new(),
        }
    }

    pub(super) fn slot(&self, index: Index) -> &Slot {
        self.slots.at(index)
    }

    fn slot_mut(&mut self, index: Index) -> &mut Slot {
        self.slots.at_mut(index)
    }

    pub(super) fn index(&self, hash: &BlockHash) -> Option<Index> {
        self.by_hash.find(hash.beginning(), |at| self.slot(*at).hash == *hash)
    }

    pub(super) fn get(&self, hash: &BlockHash) -> Option<&Slot> {
        self.index(hash).map(|index| self.slot(index))
    }

    /// The header at `index`, whole.
    pub(super) fn header(&self, index: Index) -> Header {
        let slot = self.slot(index);
        slot.header(slot.parent.map_or(BlockHash::ZERO, |parent| self.slot(parent).hash))
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
        self.active.last().copied().unwrap_or(Index::ROOT)
    }

    pub(super) fn best_tip(&self) -> Index {
        self.best.last().copied().unwrap_or(Index::ROOT)
    }

    pub(super) fn is_active(&self, index: Index) -> bool {
        self.active_at(self.slot(index).height) == Some(index)
    }

    fn is_best(&self, index: Index) -> bool {
        self.best_at(self.slot(index).height) == Some(index)
    }

    /// How many blocks the two chains share: they agree up to where they part, and nowhere after.
    fn common_len(&self) -> usize {
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

    /// Where branches end: the active tip, the best headers' tip, and every other header without children.
    pub(super) fn ends(&self) -> impl Iterator<Item = Index> {
        let (active, best) = (self.active_tip(), self.best_tip());
        let chains = core::iter::once(active).chain((best != active).then_some(best));
        chains.chain(self.leaves.iter().map(|(_, _, index)| *index))
    }

    /// `index` and its ancestors, nearest first, up to the first that is on the active chain; each with
    /// whether it is.
    pub(super) fn up_to_active(&self, index: Index) -> impl Iterator<Item = (Index, bool)> {
        let with = |index| (index, self.is_active(index));
        core::iter::successors(Some(with(index)), move |(at, active)| {
            if *active { None } else { self.slot(*at).parent.map(with) }
        })
    }

    fn children(&self, index: Index) -> impl Iterator<Item = Index> {
        core::iter::successors(self.slot(index).first_child, |child| self.slot(*child).next_sibling)
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

    /// Puts in a header that keeps the rules; nothing, if its parent is not there or the arena is full.
    pub(super) fn insert(&mut self, header: &Header, hash: BlockHash) -> Option<Index> {
        let parent = self.index(&header.previous)?;
        let index = self.free.pop().or_else(|| Index::at(self.slots.len()))?;
        self.seen = self.seen.saturating_add(1);
        let above = self.slot(parent);
        let mut slot =
            Slot::new(header, hash, above.height + 1, above.work().plus(work_of(header)), self.seen);
        slot.parent = Some(parent);
        slot.next_sibling = above.first_child;
        if let Some(sibling) = slot.next_sibling {
            self.slot_mut(sibling).previous_sibling = Some(index);
        }
        self.slots.put(index, slot);
        self.by_hash.insert(index, |at| self.slots.at(*at).hash.beginning());
        self.no_leaf(parent);
        self.slot_mut(parent).first_child = Some(index);
        self.maybe_leaf(index);
        if self.slot(index).outdoes(self.slot(self.best_tip())) {
            self.switch_best(index);
        }
        Some(index)
    }

    /// Takes `index`, which has no children, from its parent, which comes back. Its place is marked
    /// invalid, so that nobody takes what is left there for a header.
    fn unlink(&mut self, index: Index) -> Option<Index> {
        self.slot_mut(index).invalid = true;
        let slot = self.slot(index);
        let (parent, next, previous) = (slot.parent?, slot.next_sibling, slot.previous_sibling);
        if let Some(next) = next {
            self.slot_mut(next).previous_sibling = previous;
        }
        match previous {
            Some(previous) => self.slot_mut(previous).next_sibling = next,
            None => self.slot_mut(parent).first_child = next,
        }
        Some(parent)
    }

    /// The body of `index` came: what joined the active chain, lowest first, and what left it, highest
    /// first.
    pub(super) fn add_body(&mut self, index: Index) -> (Vec<BlockHash>, Vec<BlockHash>) {
        self.slot_mut(index).has_body = true;
        // It may be back before anybody was told that it had gone; its header alone is not it.
        let hash = self.slot(index).hash;
        self.forgotten.remove(&hash);
        let parent_linked = self.slot(index).parent.is_none_or(|parent| self.slot(parent).linked);
        if !parent_linked {
            return (Vec::new(), Vec::new());
        }
        // It, and the descendants whose bodies came before it. What the tip ties with, it wins.
        let before = self.active_tip();
        let mut best = before;
        let mut todo = vec![index];
        while let Some(at) = todo.pop() {
            self.slot_mut(at).linked = true;
            let (slot, ahead) = (self.slot(at), self.slot(best));
            if slot.outdoes(ahead) || (best != before && slot.beats(ahead)) {
                best = at;
            }
            // What was refused has no body, so nothing on the way is invalid.
            todo.extend(self.children(at).filter(|child| self.slot(*child).has_body));
        }
        if best == before {
            return (Vec::new(), Vec::new());
        }
        let (joined, left) = self.switch_active(best);
        let hash = |index: &Index| self.slot(*index).hash;
        (joined.iter().rev().map(hash).collect(), left.iter().map(hash).collect())
    }

    /// Makes `tip`, which has as much work as the active tip and all its bodies, the active one, as if it
    /// had been seen first. Nothing, if it is not so.
    pub(super) fn prefer(&mut self, tip: Index) -> bool {
        let before = self.active_tip();
        if tip == before {
            return true;
        }
        if !self.slot(tip).linked || self.slot(tip).work() != self.slot(before).work() {
            return false;
        }
        self.switch_active(tip);
        if self.slot(self.best_tip()).work() == self.slot(tip).work() {
            self.switch_best(tip);
        }
        true
    }

    /// What joined (highest first) and what left (highest first).
    fn switch_active(&mut self, to: Index) -> (Vec<Index>, Vec<Index>) {
        let before = self.active_tip();
        let (joined, left) = self.path(&self.active, to);
        self.no_leaf(to);
        self.active.truncate(self.active.len() - left.len());
        self.active.extend(joined.iter().rev());
        self.maybe_leaf(before);
        (joined, left)
    }

    fn switch_best(&mut self, to: Index) {
        let before = self.best_tip();
        let (joined, left) = self.path(&self.best, to);
        self.no_leaf(to);
        self.best.truncate(self.best.len() - left.len());
        self.best.extend(joined.iter().rev());
        self.maybe_leaf(before);
    }

    /// What joins `chain` (highest first) and what leaves it (highest first) when it is to end in `to`.
    fn path(&self, chain: &[Index], to: Index) -> (Vec<Index>, Vec<Index>) {
        let on_chain = |index: Index| {
            let height = usize::try_from(self.slot(index).height).unwrap_or(usize::MAX);
            (chain.get(height) == Some(&index)).then_some(height)
        };
        let mut joined = Vec::new();
        let mut at = to;
        let fork = loop {
            if let Some(height) = on_chain(at) {
                break height;
            }
            joined.push(at);
            match self.slot(at).parent {
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
            todo.extend(self.children(at));
        }
        if !self.is_best(index) {
            return;
        }
        // Rare, and paid for with proof of work: look at everything that is left.
        let mut best = self.active_tip();
        for (index, slot) in self.slots.iter() {
            if !slot.invalid && slot.beats(self.slot(best)) {
                best = index;
            }
        }
        self.switch_best(best);
    }
}

fn work_of(header: &Header) -> Work {
    header.bits.to_target().map(|target| target.work()).unwrap_or(Work::ZERO)
}
