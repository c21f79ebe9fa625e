//! The tree of blocks as the nodes tell of it: every branch, who has which block, and since when. Pure.
//!
//! Bounded: the newest blocks by height are kept, and of the newest that were seen on their way also who told
//! of them when. Of those that broke a rule, the newest that were told of are kept besides.

use std::collections::{BTreeMap, VecDeque};

use crate::limits::{MAX_FOLLOWED_BLOCKS, MAX_KEPT_BLOCKS, MAX_REFUSED_BLOCKS};
use crate::manager::node_set::NodeSet;
use crate::manager::view::Branch;
use crate::types::{BlockHash, CompactTarget, Work};
use crate::wire::manage::{Origin, SeenBlock};

/// A block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its hash.
    pub hash: BlockHash,
    /// Its parent.
    pub previous: BlockHash,
    /// Its height; genesis is 0.
    pub height: u64,
    /// The time in its header, in seconds since 1970.
    pub time: u32,
    /// Its target.
    pub bits: CompactTarget,
    /// Work of its chain.
    pub work: Work,
    /// Its transactions.
    pub transactions: u32,
    /// Bytes of its encoding.
    pub bytes: u32,
    /// Beginning of its first content, if that is text.
    pub text: Option<Box<str>>,
    /// The node that mined it, if it is one of ours.
    pub miner: Option<usize>,
    /// When the first node had it, in microseconds since 1970; the time in its header, if it was there before
    /// the network was.
    pub seen: u64,
    /// The rule it broke, and why.
    pub refused: Option<String>,
    /// Whether it is on the best chain.
    pub best: bool,
    /// Nodes that told of it.
    pub holders: NodeSet,
    /// Nodes that had a way to the first one that had it; none: all had.
    pub near: Option<NodeSet>,
    /// Who had it when, by time, if it was seen on its way.
    pub arrivals: Vec<Arrival>,
}

/// When a node had a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Who.
    pub node: usize,
    /// When, in microseconds since 1970.
    pub at: u64,
    /// The node that gave it, if it is one of ours.
    pub from: Option<usize>,
    /// How it came.
    pub origin: Origin,
    /// Whether the node was there to hear of it when the first one had it, and had a way to that one.
    pub live: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Blocks {
    by_hash: BTreeMap<BlockHash, Block>,
    by_height: BTreeMap<u64, Vec<BlockHash>>,
    /// The tip of the best chain.
    best: Option<BlockHash>,
    /// From this height up every block of the best chain is known.
    known_from: u64,
    /// Blocks of the best chain, by who mined them.
    mined: BTreeMap<usize, u64>,
    /// Blocks whose arrivals are kept, oldest first.
    followed: VecDeque<BlockHash>,
    /// Blocks that broke a rule, oldest first.
    refused: VecDeque<BlockHash>,
}

impl Blocks {
    /// `arrival` of `seen`, which `miner` mined. Whether it is news of this node.
    pub fn seen(&mut self, seen: &SeenBlock, miner: Option<usize>, arrival: Arrival) -> bool {
        // What was refused under this name was this header with what is not its own: here is the block.
        self.forget_refused(&seen.hash);
        let is_new = !self.by_hash.contains_key(&seen.hash);
        let is_followed = is_new && arrival.live && arrival.origin != Origin::Loaded;
        if is_new {
            let text = seen.content.as_str();
            self.insert(Block {
                hash: seen.hash,
                previous: seen.previous,
                height: seen.height,
                time: seen.time,
                bits: seen.bits,
                work: Work::from_le_bytes(seen.work),
                transactions: seen.transactions,
                bytes: seen.bytes,
                text: (!text.is_empty()).then(|| text.into()),
                miner,
                seen: match is_followed {
                    true => arrival.at,
                    false => (u64::from(seen.time) * 1_000_000).min(arrival.at),
                },
                refused: None,
                best: false,
                holders: NodeSet::default(),
                near: None,
                arrivals: Vec::new(),
            });
            self.join_below();
            if is_followed {
                self.followed.push_back(seen.hash);
                if self.followed.len() > MAX_FOLLOWED_BLOCKS
                    && let Some(block) =
                        self.followed.pop_front().and_then(|hash| self.by_hash.get_mut(&hash))
                {
                    (block.arrivals, block.near) = (Vec::new(), None);
                }
            }
        }
        let Some(block) = self.by_hash.get_mut(&seen.hash) else { return false };
        let is_news = block.holders.insert(arrival.node);
        // A node that was started again has what it had: that is no arrival.
        let is_arrival = arrival.origin != Origin::Loaded
            && block.arrivals.iter().all(|before| before.node != arrival.node);
        if is_news && is_arrival && (is_followed || !block.arrivals.is_empty()) {
            let at = block.arrivals.partition_point(|other| other.at <= arrival.at);
            block.arrivals.insert(at, arrival);
            block.seen = block.seen.min(arrival.at);
        }
        is_news
    }

    /// No others than `near` had a way to the first node that had this block.
    pub fn keep_near(&mut self, hash: &BlockHash, near: NodeSet) {
        if let Some(block) = self.by_hash.get_mut(hash) {
            block.near = Some(near);
        }
    }

    /// A block that broke a rule. Only where it belongs is known, and not always that.
    pub fn refused(
        &mut self,
        hash: BlockHash,
        previous: BlockHash,
        height: Option<u64>,
        why: String,
        at: u64,
    ) {
        let height = height.or_else(|| Some(self.by_hash.get(&previous)?.height + 1));
        let Some(height) = height.filter(|_| !self.by_hash.contains_key(&hash)) else { return };
        self.refused.push_back(hash);
        self.insert(Block {
            hash,
            previous,
            height,
            time: 0,
            bits: CompactTarget(0),
            work: Work::ZERO,
            transactions: 0,
            bytes: 0,
            text: None,
            miner: None,
            seen: at,
            refused: Some(why),
            best: false,
            holders: NodeSet::default(),
            near: None,
            arrivals: Vec::new(),
        });
        if self.refused.len() > MAX_REFUSED_BLOCKS
            && let Some(oldest) = self.refused.front().copied()
        {
            self.forget_refused(&oldest);
        }
    }

    /// Forgets the block of this hash, if it is one that broke a rule.
    fn forget_refused(&mut self, hash: &BlockHash) {
        let refused = self.by_hash.get(hash).filter(|block| block.refused.is_some());
        let Some(height) = refused.map(|block| block.height) else { return };
        self.by_hash.remove(hash);
        self.refused.retain(|other| other != hash);
        if let Some(there) = self.by_height.get_mut(&height) {
            there.retain(|other| other != hash);
            if there.is_empty() {
                self.by_height.remove(&height);
            }
        }
    }

    fn insert(&mut self, block: Block) {
        self.by_height.entry(block.height).or_default().push(block.hash);
        self.by_hash.insert(block.hash, block);
        while self.by_hash.len() - self.refused.len() > MAX_KEPT_BLOCKS {
            let Some((height, lowest)) = self.by_height.pop_first() else { return };
            for hash in lowest {
                if self.by_hash.remove(&hash).is_some_and(|block| block.refused.is_some()) {
                    self.refused.retain(|other| *other != hash);
                }
            }
            self.known_from = self.known_from.max(height + 1);
        }
    }

    /// `node` has nothing any more: its process has ended.
    pub fn forget(&mut self, node: usize) {
        self.by_hash.values_mut().for_each(|block| block.holders.remove(node));
    }

    /// The tip with the most work is this one now.
    pub fn set_best(&mut self, tip: BlockHash) {
        if self.best == Some(tip) || self.whole(&tip).is_none() {
            return;
        }
        let mut joined = Vec::new();
        let mut next = self.by_hash.get(&tip);
        while let Some(block) = next.filter(|block| !block.best) {
            joined.push(block.hash);
            next = self.parent(block);
        }
        let fork = next.map(|block| block.hash);
        let lowest = joined.last().and_then(|hash| self.get(hash)).map(|block| block.height);
        let mut left = self.best;
        while let Some(hash) = left.filter(|hash| fork != Some(*hash)) {
            left = self.get(&hash).and_then(|block| self.parent(block)).map(|parent| parent.hash);
            self.mark(&hash, false);
        }
        joined.iter().for_each(|hash| self.mark(hash, true));
        if let (None, Some(lowest)) = (fork, lowest) {
            self.known_from = lowest;
        }
        self.best = Some(tip);
    }

    /// The best chain goes on below the lowest of its blocks that was known, if what is there has come: nodes tell
    /// of their newest blocks first, and of older ones when they get them.
    fn join_below(&mut self) {
        while let Some((hash, height)) = self.below_known() {
            self.mark(&hash, true);
            self.known_from = height;
        }
    }

    /// The parent of the lowest block that is known of the best chain, if it has come.
    fn below_known(&self) -> Option<(BlockHash, u64)> {
        let parent = self.parent(self.at(self.known_from).find(|block| block.best)?)?;
        Some((parent.hash, parent.height))
    }

    fn mark(&mut self, hash: &BlockHash, best: bool) {
        let Some(block) = self.by_hash.get_mut(hash) else { return };
        if core::mem::replace(&mut block.best, best) == best {
            return;
        }
        if let Some(miner) = block.miner.filter(|_| block.height > 0) {
            let count = self.mined.entry(miner).or_default();
            *count = if best { *count + 1 } else { count.saturating_sub(1) };
        }
    }

    /// The height from which up every block of the best chain is known; of older ones nobody told, or they were
    /// forgotten.
    pub fn known_from(&self) -> u64 {
        self.known_from
    }

    /// Where a block stands. What is below all that is known of the best chain may be on it.
    pub fn branch(&self, block: &Block) -> Branch {
        match block {
            Block { refused: Some(_), .. } => Branch::Refused,
            Block { best: true, .. } | Block { height: 0, .. } => Branch::Best,
            _ if self.best.is_some() && block.height >= self.known_from => Branch::Side,
            _ => Branch::Unknown,
        }
    }

    /// Blocks of the best chain that `node` mined, as far as that is known.
    pub fn mined(&self, node: usize) -> u64 {
        self.mined.get(&node).copied().unwrap_or_default()
    }

    /// The tip of the best chain.
    pub fn best(&self) -> Option<&Block> {
        self.get(self.best.as_ref()?)
    }

    /// The block of this hash.
    pub fn get(&self, hash: &BlockHash) -> Option<&Block> {
        self.by_hash.get(hash)
    }

    /// The blocks of a height, by when they were seen: the best chain's own is not always the first.
    pub fn at(&self, height: u64) -> impl Iterator<Item = &Block> {
        self.by_height.get(&height).into_iter().flatten().filter_map(|hash| self.get(hash))
    }

    /// The blocks from height `from` on, by height.
    pub fn from(&self, from: u64) -> impl Iterator<Item = &Block> {
        self.by_height.range(from..).flat_map(|(_, hashes)| hashes).filter_map(|hash| self.get(hash))
    }

    /// The greatest height of all.
    pub fn highest(&self) -> u64 {
        self.by_height.last_key_value().map_or(0, |(height, _)| *height)
    }

    /// The lowest height from `lowest` on from which there are no more than `most` blocks; the greatest of all,
    /// if there are more at that alone.
    pub fn fitting(&self, lowest: u64, most: usize) -> u64 {
        let heights = self.by_height.range(lowest..).rev();
        let one_too_many = heights.flat_map(|(height, hashes)| hashes.iter().map(move |_| *height)).nth(most);
        one_too_many.map_or(lowest, |height| (height + 1).min(self.highest()))
    }

    /// The newest blocks that were seen on their way, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Block> {
        self.followed.iter().rev().filter_map(|hash| self.get(hash))
    }

    /// The block of this hash, if it is known for more than a rule that it broke.
    pub fn whole(&self, hash: &BlockHash) -> Option<&Block> {
        self.get(hash).filter(|block| block.refused.is_none())
    }

    /// Its parent, if it is known.
    fn parent(&self, block: &Block) -> Option<&Block> {
        // Whatever nodes tell, a walk comes to an end.
        self.whole(&block.previous).filter(|parent| parent.height < block.height)
    }

    /// `tip` and its ancestors down to height `from`, as far as they are known.
    pub fn chain(&self, tip: BlockHash, from: u64) -> impl Iterator<Item = &Block> {
        let known = self.get(&tip);
        let chain = core::iter::successors(known, |block| self.parent(block));
        chain.take_while(move |block| block.height >= from)
    }

    /// Whether `ancestor` is on the chain that ends in `tip`.
    pub fn is_ancestor(&self, ancestor: BlockHash, tip: BlockHash) -> bool {
        let Some(block) = self.get(&ancestor) else { return false };
        match self.best == Some(tip) {
            true => block.best,
            false => self.chain(tip, block.height).any(|block| block.hash == ancestor),
        }
    }
}

#[cfg(test)]
mod tests;
