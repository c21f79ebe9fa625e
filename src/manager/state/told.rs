//! What nodes tell, entered into the state.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Standing, State};
use crate::manager::blocks::Arrival;
use crate::manager::node_set::NodeSet;
use crate::manager::reach;
use crate::manager::reorg::Reorg;
use crate::manager::tips::{Agreed, TipAt};
use crate::node::event::ClockOffset;
use crate::types::{BlockHash, NodeId, Work};
use crate::wire::manage::{Event, Origin, SeenBlock, What};

/// A block that everybody has, and who mined it, if it is one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// The block, and how it spread.
    pub agreed: Agreed,
    /// Who mined it.
    pub miner: Option<usize>,
    /// Whether some had no way to whoever had it first: then it waited for one, and did not take that long.
    pub waited: bool,
}

/// A tip, its height and work, and the running nodes whose it is.
pub type RunningTip = (BlockHash, u64, Work, Vec<usize>);

/// What comes of what a node told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entered {
    /// A block that everybody has, if that is news to tell people.
    pub news: Option<News>,
    /// Whether it is a reorganisation that no other node went through before.
    pub is_reorg: bool,
    /// Whether it was known before, or from before the network was up.
    pub is_old: bool,
}

impl State {
    /// The number of the node of this name.
    pub fn number_of(&self, node: &NodeId) -> Option<usize> {
        self.names.get(node).copied()
    }

    /// The numbers of all nodes, by name.
    pub fn names(&self) -> Arc<BTreeMap<NodeId, usize>> {
        self.names.clone()
    }

    /// Node `number` tells of something.
    pub fn event(&mut self, number: usize, event: &Event) -> Entered {
        let mut entered = Entered { is_old: !self.up, ..Entered::default() };
        match &event.what {
            What::PeerReady { node, .. } => {
                if let Some(other) = self.number_of(node) {
                    self.links.ready(number, other);
                }
            }
            What::PeerGone { node, .. } => {
                if let Some(other) = self.number_of(node) {
                    self.links.gone(number, other);
                }
            }
            What::BlockSeen(seen) => entered.is_old |= !self.block_seen(number, event.at, seen),
            What::BlockRefused { hash, previous, height, rule, why, .. } => {
                let why = format!("{}: {}", rule.as_str(), why.as_str());
                self.blocks.refused(*hash, *previous, *height, why, event.at);
            }
            What::TipChanged { tip: hash, height, work, .. } => {
                let tip = TipAt { height: *height, hash: *hash };
                if let Some(reorg) = &mut self.last_reorg {
                    reorg.follow(number, *hash, &self.blocks);
                }
                entered.news = self.tip_changed(number, tip, Work::from_le_bytes(*work), event.at);
            }
            What::Reorg { old, new, ancestor, depth, returned } => {
                let places = (*old, *ancestor, *new);
                let told = Reorg::of(number, event.at, places, (*depth, returned.count));
                match self.last_reorg.as_mut().filter(|last| last.is_of(&told, &self.blocks)) {
                    Some(last) => last.join(told, &self.blocks),
                    None => {
                        self.last_reorg = Some(told);
                        entered.is_reorg = self.up;
                    }
                }
            }
            What::PoolChanged { count, .. } => drop(self.pools.insert(number, u64::from(*count))),
            What::MiningSet { hashrate } => self.mining_set(number, event.at, *hashrate),
            What::Clock { offset, peers, is_off } => {
                entered.is_old |= !self.clock_told(number, ClockOffset::told(*offset, *peers, *is_off));
            }
            What::BlockMined { .. }
            | What::MiningPaused { .. }
            | What::FaultsSet { .. }
            | What::StoreFailed { .. } => {}
        }
        entered
    }

    /// Whether it is news that the clock of node `number` is off, or right.
    fn clock_told(&mut self, number: usize, offset: ClockOffset) -> bool {
        let before = match offset.is_off {
            true => self.clocks.insert(number, offset),
            false => self.clocks.remove(&number),
        };
        before.map(|before| before.is_behind()) != offset.is_off.then_some(offset.is_behind())
    }

    /// Node `number` mines in the background at that rate.
    fn mining_set(&mut self, number: usize, at: u64, hashrate: u64) {
        let up = self.up;
        let Some(node) = self.nodes.get_mut(&number) else { return };
        // How it starts, it says before it is part of the network.
        let set = up && matches!(node.standing, Standing::Running | Standing::Paused);
        if node.rate.says(hashrate, set) && set {
            self.last_progress = self.last_progress.max(at);
        }
    }

    /// Whether it is news that node `number` has the block.
    fn block_seen(&mut self, number: usize, at: u64, seen: &SeenBlock) -> bool {
        let from = seen.from.and_then(|node| self.number_of(&node));
        let since = self.nodes.get(&number).map_or(u64::MAX, |node| node.since);
        let known = self.blocks.whole(&seen.hash);
        let first = known.map_or(at, |block| block.seen.min(at));
        let could_hear = known.and_then(|block| block.near.as_ref()).is_none_or(|near| near.contains(number));
        let live = self.up && since <= first && could_hear;
        let near = if known.is_none() && live { self.near(number) } else { None };
        if live && first == at && seen.origin != Origin::Loaded {
            self.last_progress = self.last_progress.max(at);
        }
        let arrival = Arrival { node: number, at, from, origin: seen.origin, live };
        let miner = self.number_of(&seen.miner);
        let is_news = self.blocks.seen(seen, miner, arrival);
        if let Some(near) = near {
            self.blocks.keep_near(&seen.hash, near);
        }
        // A node that has just started says what its tip is before it has read it back.
        if is_news && self.tips.of(number).is_some_and(|tip| tip.hash == seen.hash) {
            self.choose_best();
        }
        is_news && seen.origin != Origin::Loaded
    }

    /// The running nodes that node `number` has a way to now, over links that are up; none: all of them.
    fn near(&self, number: usize) -> Option<NodeSet> {
        if self.links.are_up() && !self.faults.cut_any() {
            return None;
        }
        let is_way = |(a, b): &(usize, usize)| self.links.is_up(*a, *b) && !self.faults.is_cut(*a, *b);
        let ways = self.links.pairs().into_iter().filter(is_way);
        let groups = reach::groups(&self.running().collect(), ways);
        let mut near = NodeSet::default();
        let own = groups.into_iter().find(|group| group.contains(&number));
        for node in own.into_iter().flatten().chain([number]) {
            near.insert(node);
        }
        Some(near)
    }

    fn tip_changed(&mut self, number: usize, tip: TipAt, work: Work, at: u64) -> Option<News> {
        if let Some(node) = self.nodes.get_mut(&number) {
            node.work = work;
        }
        let agreed = self.tips.changed(number, tip, Duration::from_micros(at));
        if self.blocks.best().is_none_or(|best| best.hash != tip.hash) {
            self.choose_best();
        }
        let block = self.blocks.get(&tip.hash);
        let miner = block.and_then(|block| block.miner);
        let near = block.and_then(|block| block.near.as_ref());
        let waited = near.is_some_and(|near| self.running().any(|node| !near.contains(node)));
        let news = agreed.map(|agreed| News { agreed, miner, waited });
        // Everybody starts with genesis, or with the chain of the last run.
        news.filter(|_| self.up && tip.height > 0)
    }

    /// The tip with the most work that a running node has is the best one; of equal ones the one that was.
    fn choose_best(&mut self) {
        let tips = self.running().filter_map(|number| Some((self.work(number), self.tips.of(number)?.hash)));
        let best = self.blocks.best().map(|block| block.hash);
        let most = tips.max_by_key(|(work, hash)| (*work, best == Some(*hash)));
        if let Some((_, hash)) = most {
            self.blocks.set_best(hash);
        }
    }

    /// Whether every node that can be heard has told of its tip's block: of those below it, it tells first.
    pub fn all_told(&self) -> bool {
        let tip = |node| self.tips.of(node).and_then(|tip| self.blocks.get(&tip.hash));
        self.tips.counting().all(|node| tip(node).is_some())
    }

    /// Work of the tip of node `number`.
    pub fn work(&self, number: usize) -> Work {
        self.nodes.get(&number).map_or(Work::ZERO, |node| node.work)
    }

    /// The tips of those that run: most work first, and of the same work most nodes.
    pub fn running_tips(&self) -> Vec<RunningTip> {
        let mut tips: Vec<RunningTip> = Vec::new();
        for number in self.running() {
            let Some(TipAt { height, hash }) = self.tips.of(number) else { continue };
            match tips.iter_mut().find(|(known, ..)| *known == hash) {
                Some((.., nodes)) => nodes.push(number),
                None => tips.push((hash, height, self.work(number), vec![number])),
            }
        }
        tips.sort_by_key(|(_, _, work, nodes)| core::cmp::Reverse((*work, nodes.len())));
        tips
    }
}
