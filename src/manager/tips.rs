//! What every node says its tip is, and when a block is everybody's.

use core::time::Duration;
use std::collections::VecDeque;

use crate::limits::MAX_SIGHTINGS;
use crate::types::BlockHash;

/// A tip as a node tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TipAt {
    /// Height of the block; genesis is 0.
    pub height: u64,
    /// Its hash.
    pub hash: BlockHash,
}

/// A block that has become every node's tip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// The block.
    pub tip: TipAt,
    /// The node that told of it first.
    pub first: usize,
    /// Time from the first node's word to the last one's.
    pub spread: Duration,
    /// How many nodes have it.
    pub nodes: usize,
}

/// The tips of all nodes.
#[derive(Debug, Clone, Default)]
pub struct Tips {
    /// By node; none: it is not there, or has not said.
    nodes: Vec<Option<TipAt>>,
    /// Which of them count: those that can be heard.
    counted: Vec<bool>,
    sightings: VecDeque<Sighting>,
    /// The greatest height there was when the last of them went.
    left: Option<u64>,
}

/// A block on its way to every node.
#[derive(Debug, Clone)]
struct Sighting {
    hash: BlockHash,
    first: usize,
    at: Duration,
    last: Duration,
    /// Nodes whose tip it has been, by number.
    seen: Vec<bool>,
    told: bool,
}

impl Tips {
    /// From now on `node` counts, or does not.
    pub fn count(&mut self, node: usize, counts: bool) {
        if counts && node >= self.nodes.len() {
            self.nodes.resize(node + 1, None);
            self.counted.resize(node + 1, false);
        }
        if let Some(counted) = self.counted.get_mut(node) {
            *counted = counts;
        }
    }

    /// Whether `node` counts.
    pub fn counts(&self, node: usize) -> bool {
        self.counted.get(node).copied().unwrap_or_default()
    }

    /// `node` is gone, and what it had with it.
    pub fn forget(&mut self, node: usize) {
        self.count(node, false);
        self.left = self.last_height();
        if let Some(tip) = self.nodes.get_mut(node) {
            *tip = None;
        }
        for seen in self.sightings.iter_mut().filter_map(|sighting| sighting.seen.get_mut(node)) {
            *seen = false;
        }
    }

    /// The tip of `node`, if it has said.
    pub fn of(&self, node: usize) -> Option<TipAt> {
        self.nodes.get(node).copied().flatten()
    }

    /// The greatest height of all.
    pub fn height(&self) -> u64 {
        self.greatest().unwrap_or_default()
    }

    /// The greatest height of all; where no node is left, the one that there was then. None: nobody ever said.
    pub fn last_height(&self) -> Option<u64> {
        self.greatest().or(self.left)
    }

    fn greatest(&self) -> Option<u64> {
        self.nodes.iter().flatten().map(|tip| tip.height).max()
    }

    /// `node` says that its tip is another one, since `now` by its clock. The answer is the block if it is every node's tip now, once.
    pub fn changed(&mut self, node: usize, tip: TipAt, now: Duration) -> Option<Agreed> {
        let total = self.nodes.len();
        *self.nodes.get_mut(node)? = Some(tip);
        let at = match self.sightings.iter().position(|sighting| sighting.hash == tip.hash) {
            Some(at) => at,
            None => {
                if self.sightings.len() >= MAX_SIGHTINGS {
                    self.sightings.pop_front();
                }
                let (hash, seen) = (tip.hash, vec![false; total]);
                self.sightings.push_back(Sighting {
                    hash,
                    first: node,
                    at: now,
                    last: now,
                    seen,
                    told: false,
                });
                self.sightings.len() - 1
            }
        };
        let everybody = self.counting().all(|other| self.of(other) == Some(tip));
        let sighting = self.sightings.get_mut(at)?;
        if sighting.seen.len() < total {
            sighting.seen.resize(total, false);
        }
        *sighting.seen.get_mut(node)? = true;
        // What several nodes tell need not be heard in the order in which it happened.
        if now < sighting.at {
            (sighting.first, sighting.at) = (node, now);
        }
        sighting.last = sighting.last.max(now);
        if !everybody || core::mem::replace(&mut sighting.told, true) {
            return None;
        }
        let (first, spread) = (sighting.first, sighting.last.saturating_sub(sighting.at));
        Some(Agreed { tip, first, spread, nodes: self.counting().count() })
    }

    /// Whether every node that is `among` the ones meant has, or has had, `tip`: each has told of it, or all agree on
    /// one at least as high.
    pub fn all_have(&self, tip: TipAt, among: impl Fn(usize) -> bool) -> bool {
        if self.counting().filter(|node| among(*node)).all(self.has_told(tip)) {
            return true;
        }
        let mut tips = self.counting().filter(|node| among(*node)).map(|node| self.of(node));
        let Some(Some(first)) = tips.next() else { return false };
        first.height >= tip.height && tips.all(|other| other == Some(first))
    }

    /// Nodes that have not told of this block.
    pub fn lacking(&self, tip: TipAt) -> impl Iterator<Item = usize> {
        let has_told = self.has_told(tip);
        self.counting().filter(move |node| !has_told(*node) && self.of(*node) != Some(tip))
    }

    /// Whether a node has told of this block.
    fn has_told(&self, tip: TipAt) -> impl Fn(usize) -> bool {
        let sighting = self.sightings.iter().find(|sighting| sighting.hash == tip.hash);
        move |node| sighting.is_some_and(|s| s.seen.get(node).copied().unwrap_or_default())
    }

    /// Nodes that count, by number.
    pub fn counting(&self) -> impl Iterator<Item = usize> {
        self.counted.iter().enumerate().filter(|(_, counts)| **counts).map(|(node, _)| node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tip(height: u64, name: u8) -> TipAt {
        TipAt { height, hash: BlockHash([name; 32]) }
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn everybody_has(tips: &Tips, tip: TipAt) -> bool {
        tips.all_have(tip, |_| true)
    }

    fn three() -> Tips {
        let mut tips = Tips::default();
        (0..3).for_each(|node| tips.count(node, true));
        for node in 0..3 {
            tips.changed(node, tip(0, 0), ms(0));
        }
        tips
    }

    #[test]
    fn what_the_last_node_had_is_known_after_it_is_gone() {
        let mut tips = Tips::default();
        assert_eq!(tips.last_height(), None, "nobody has said");
        for node in 0..2 {
            tips.count(node, true);
            tips.changed(node, tip(5 + node as u64, 1), Duration::ZERO);
        }
        tips.forget(1);
        assert_eq!(tips.last_height(), Some(5), "of those that are there");
        tips.forget(0);
        tips.forget(1);
        assert_eq!((tips.height(), tips.last_height()), (0, Some(5)));
    }

    #[test]
    fn a_block_is_everybodys_when_the_last_one_tells_of_it_and_is_told_once() {
        let mut tips = three();
        assert_eq!(tips.changed(1, tip(1, 7), ms(10)), None);
        assert_eq!(tips.changed(0, tip(1, 7), ms(11)), None);
        assert!(!everybody_has(&tips, tip(1, 7)));
        let agreed = Agreed { tip: tip(1, 7), first: 1, spread: ms(3), nodes: 3 };
        assert_eq!(tips.changed(2, tip(1, 7), ms(13)), Some(agreed));
        assert_eq!(tips.changed(2, tip(1, 7), ms(14)), None);
        assert!(everybody_has(&tips, tip(1, 7)));
        assert_eq!(tips.height(), 1);
    }

    #[test]
    fn one_that_rushed_on_has_had_it() {
        let mut tips = three();
        for node in 0..3 {
            tips.changed(node, tip(1, 7), ms(1));
            tips.changed(node, tip(2, 8 + node as u8), ms(2));
        }
        assert!(everybody_has(&tips, tip(1, 7)));
        assert!(!everybody_has(&tips, tip(2, 8)), "three tips at one height");
    }

    #[test]
    fn a_block_that_lost_its_race_is_waited_for_until_all_agree() {
        let mut tips = three();
        tips.changed(0, tip(1, 7), ms(1));
        tips.changed(1, tip(1, 8), ms(1));
        tips.changed(2, tip(1, 8), ms(1));
        assert!(!everybody_has(&tips, tip(1, 7)));
        for node in 0..3 {
            assert!(!everybody_has(&tips, tip(1, 7)));
            tips.changed(node, tip(2, 9), ms(2));
        }
        assert!(everybody_has(&tips, tip(1, 7)), "all agree on a higher one");
    }

    #[test]
    fn nodes_that_cannot_be_heard_do_not_count() {
        let mut tips = three();
        tips.count(2, false);
        tips.changed(0, tip(1, 7), ms(1));
        assert!(tips.changed(1, tip(1, 7), ms(1)).is_some_and(|agreed| agreed.nodes == 2));
        assert!(everybody_has(&tips, tip(1, 7)));
        // Node 2 comes back, with nothing.
        tips.forget(2);
        tips.count(2, true);
        assert!(!everybody_has(&tips, tip(1, 7)));
        tips.changed(2, tip(0, 0), ms(2));
        assert!(!everybody_has(&tips, tip(1, 7)));
        assert_eq!(tips.changed(2, tip(1, 7), ms(3)), None, "it was everybody's before");
        assert!(everybody_has(&tips, tip(1, 7)));
    }
}
