//! What changes while a network runs: who is there, which links are up, who has which tip, and the blocks.
//!
//! A function of what nodes tell and how their processes end; who enters it, and who waits for what, is in
//! `cluster`.

mod told;

pub use told::{News, RunningTip};

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::manager::blocks::Blocks;
use crate::manager::exit::Exit;
use crate::manager::fate::{Again, Fate, Starts};
use crate::manager::faults::Faults;
use crate::manager::links::Links;
use crate::manager::modes::Modes;
use crate::manager::not_done::NotDone;
use crate::manager::rate::Rate;
use crate::manager::reach;
use crate::manager::reorg::Reorg;
use crate::manager::tips::Tips;
use crate::node::event::ClockOffset;
use crate::types::{NodeId, Work};

/// Where a node is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It takes part.
    Running,
    /// Its process is stopped by a signal, until somebody has it go on.
    Paused,
    /// Its process has ended, and is to be started again.
    Due(Exit, Again),
    /// Its process was started again and finds its way back into the network.
    Returning,
    /// Its process has ended for good.
    Ended(Exit),
}

impl Standing {
    /// How its process ended, if none is there.
    pub fn exit(self) -> Option<Exit> {
        match self {
            Standing::Due(exit, _) | Standing::Ended(exit) => Some(exit),
            Standing::Running | Standing::Paused | Standing::Returning => None,
        }
    }

    /// Whether the node does what it is told: on its way back, too, once it is connected.
    pub fn hears(self) -> bool {
        matches!(self, Standing::Running | Standing::Returning)
    }
}

impl core::fmt::Display for Standing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Standing::Running => "running",
            Standing::Paused => "paused",
            Standing::Due(..) => "restarting",
            Standing::Returning => "returning",
            Standing::Ended(_) => "ended",
        })
    }
}

/// One node.
#[derive(Debug, Clone, Copy)]
struct Node {
    standing: Standing,
    starts: Starts,
    /// Whether somebody asked for the end of its process.
    asked: bool,
    /// Whether somebody wanted it back since, and it could not be started.
    missed: bool,
    /// Since when it can hear of blocks without a break, in microseconds since 1970.
    since: u64,
    /// Work of its tip, where it said.
    work: Work,
    /// At which rate it mines in the background.
    rate: Rate,
}

impl Node {
    fn new(standing: Standing, since: u64) -> Node {
        Node {
            standing,
            starts: Starts::default(),
            asked: false,
            missed: false,
            since,
            work: Work::ZERO,
            rate: Rate::default(),
        }
    }
}

/// How far a mining run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Requests that are done.
    pub done: usize,
    /// Requests that there will be.
    pub of: usize,
}

/// What changes while the network runs. Watched: whoever waits for a fact waits for it here.
#[derive(Debug)]
pub struct State {
    /// Shared with what was told, which is put into words later.
    names: Arc<BTreeMap<NodeId, usize>>,
    nodes: BTreeMap<usize, Node>,
    /// Whether nodes whose process ended are started again.
    restart: bool,
    /// Which links are up.
    pub links: Links,
    /// Who has which tip.
    pub tips: Tips,
    /// How blocks come to be.
    pub modes: Modes,
    /// The first node whose turn it is to mine.
    pub turn: usize,
    /// Transactions that wait, by node, where it said.
    pub pools: BTreeMap<usize, u64>,
    /// Clocks that are wrong, as their nodes have it from their peers.
    pub clocks: BTreeMap<usize, ClockOffset>,
    /// Every block that was told of.
    pub blocks: Blocks,
    /// Who is kept from whom, and which links are slow.
    pub faults: Faults,
    /// The newest reorganisation.
    pub last_reorg: Option<Reorg>,
    /// When a node had a block that nobody had, or mining was set, in microseconds since 1970.
    pub last_progress: u64,
    /// The mining run that is on.
    pub run: Option<Progress>,
    /// Whether the network is up: what everybody has before that is no news.
    pub up: bool,
    /// Whether the network is to stop.
    pub stopping: bool,
    /// Whether another one takes its place then.
    pub renewing: bool,
}

impl State {
    /// Nothing is known yet of these nodes but their names. `restart`: those that die are started again.
    pub fn new(names: BTreeMap<NodeId, usize>, restart: bool, modes: Modes) -> State {
        let node = Node::new(Standing::Running, 0);
        State {
            nodes: names.values().map(|number| (*number, node)).collect(),
            names: Arc::new(names),
            restart,
            links: Links::default(),
            tips: Tips::default(),
            modes,
            turn: 0,
            pools: BTreeMap::new(),
            clocks: BTreeMap::new(),
            blocks: Blocks::default(),
            faults: Faults::default(),
            last_reorg: None,
            last_progress: 0,
            run: None,
            up: false,
            stopping: false,
            renewing: false,
        }
    }

    /// Why nothing is done any more, once everything stops.
    pub fn end(&self) -> NotDone {
        if self.renewing { NotDone::Renewing } else { NotDone::Stopping }
    }

    /// Where node `number` is in its life.
    pub fn standing(&self, number: usize) -> Standing {
        self.nodes.get(&number).map_or(Standing::Ended(Exit::Unknown), |node| node.standing)
    }

    /// How often node `number` was started again.
    pub fn restarts(&self, number: usize) -> u32 {
        self.nodes.get(&number).map_or(0, |node| node.starts.total)
    }

    /// Nodes whose process has ended, and how.
    pub fn exits(&self) -> impl Iterator<Item = (usize, Exit)> {
        self.nodes.iter().filter_map(|(number, node)| Some((*number, node.standing.exit()?)))
    }

    /// Nodes that take part, by number.
    pub fn running(&self) -> impl Iterator<Item = usize> {
        let runs = |node: &Node| node.standing == Standing::Running;
        self.nodes.iter().filter(move |(_, node)| runs(node)).map(|(number, _)| *number)
    }

    /// Where each node is in its life, by number.
    pub fn standings(&self) -> impl Iterator<Item = (usize, Standing)> {
        self.nodes.iter().map(|(number, node)| (*number, node.standing))
    }

    /// All nodes, by number.
    pub fn numbers(&self) -> Vec<usize> {
        self.nodes.keys().copied().collect()
    }

    /// The rate at which node `number` is to mine in the background: what was set at it, or its share.
    pub fn share(&self, number: usize) -> u64 {
        self.own_rate(number).unwrap_or_else(|| self.modes.share(number, &self.numbers()))
    }

    /// The rate at which node `number` mines in the background: as it says, or is told when it runs.
    pub fn rate(&self, number: usize) -> u64 {
        match self.nodes.get(&number) {
            Some(node) if node.standing == Standing::Running => node.rate.said(),
            _ => self.share(number),
        }
    }

    /// The rate that was set at node `number` itself, if one was.
    pub fn own_rate(&self, number: usize) -> Option<u64> {
        self.nodes.get(&number)?.rate.own()
    }

    /// Every rate that was set at a node itself, by number.
    pub fn own_rates(&self) -> impl Iterator<Item = (usize, u64)> {
        self.nodes.iter().filter_map(|(number, node)| Some((*number, node.rate.own()?)))
    }

    /// Node `number` is being told at which rate to mine: that rate.
    pub fn tell_rate(&mut self, number: usize) -> u64 {
        let rate = self.share(number);
        if let Some(node) = self.nodes.get_mut(&number) {
            node.rate.tell(rate);
        }
        rate
    }

    /// Blocks come in another way from `now` on, in microseconds since 1970, by whoever mined as it was set at
    /// itself, too.
    pub fn set_modes(&mut self, modes: Modes, now: u64) {
        (self.modes, self.last_progress) = (modes, now);
        self.nodes.values_mut().for_each(|node| node.rate.forget_own());
    }

    /// The links of these nodes, or of all, that are down, are not cut, and both of whose ends can be told so.
    pub fn down_links(&self, of: Option<usize>) -> Vec<(usize, usize)> {
        let is_down = |(from, to): &(usize, usize)| {
            of.is_none_or(|of| [*from, *to].contains(&of))
                && [*from, *to].iter().all(|end| self.standing(*end).hears())
                && !self.faults.is_cut(*from, *to)
        };
        self.links.missing().into_iter().filter(is_down).collect()
    }

    /// Whether node `number` runs and has its links, or is away because somebody wants it so.
    pub fn is_ready(&self, number: usize) -> bool {
        match self.standing(number) {
            Standing::Running => self.has_links(number),
            Standing::Paused => true,
            Standing::Ended(_) => self.was_asked(number),
            Standing::Due(..) | Standing::Returning => false,
        }
    }

    /// Forgets the nodes from `first` on, which did not become part of the network.
    pub fn forget_from(&mut self, first: usize) {
        self.nodes.retain(|number, _| *number < first);
        Arc::make_mut(&mut self.names).retain(|_, number| *number < first);
        self.links.forget_from(first);
        self.faults.forget_from(first);
    }

    /// The groups of running nodes that can reach each other.
    pub fn groups(&self) -> Vec<BTreeSet<usize>> {
        self.groups_of(&self.running().collect())
    }

    fn groups_of(&self, nodes: &BTreeSet<usize>) -> Vec<BTreeSet<usize>> {
        let links = self.links.pairs().into_iter().filter(|(a, b)| !self.faults.is_cut(*a, *b));
        reach::groups(nodes, links)
    }

    /// The greatest height of those that node `number`, which need not run yet, can reach.
    pub fn height_near(&self, number: usize) -> u64 {
        let nodes = self.running().chain([number]).collect();
        let near = self.groups_of(&nodes).into_iter().find(|group| group.contains(&number));
        let heights = near.into_iter().flatten().filter_map(|node| self.tips.of(node));
        heights.map(|tip| tip.height).max().unwrap_or_default()
    }

    /// The running nodes that node `number` can reach, itself included.
    pub fn reached_from(&self, number: usize) -> BTreeSet<usize> {
        self.groups().into_iter().find(|group| group.contains(&number)).unwrap_or_default()
    }

    /// Nodes that take part, and tell nothing any more.
    pub fn unheard(&self) -> impl Iterator<Item = usize> {
        self.running().filter(|number| self.up && !self.stopping && !self.tips.counts(*number))
    }

    /// Nodes that are to be started, and why.
    pub fn due(&self) -> impl Iterator<Item = (usize, Again)> {
        self.nodes.iter().filter_map(|(number, node)| match node.standing {
            Standing::Due(_, again) => Some((*number, again)),
            _ => None,
        })
    }

    /// Whether no node is left, and nobody wanted it so.
    pub fn is_over(&self) -> bool {
        let is_lost = |node: &Node| matches!(node.standing, Standing::Ended(_)) && !node.asked;
        self.nodes.values().all(is_lost)
    }

    /// Forgets those nodes that never became part of the network.
    pub fn keep(&mut self, numbers: &[usize]) {
        self.nodes.retain(|number, _| numbers.contains(number));
        Arc::make_mut(&mut self.names).retain(|_, number| numbers.contains(number));
    }

    /// Whether node `number` is away, or about to be, because somebody asked for it.
    pub fn was_asked(&self, number: usize) -> bool {
        self.nodes.get(&number).is_some_and(|node| node.asked && !node.missed)
    }

    /// Somebody wants node `number` back, and it could not be started: it is not away on request any more. Nor
    /// is it lost: that somebody may try again.
    pub fn miss(&mut self, number: usize) {
        if let Some(node) = self.nodes.get_mut(&number) {
            node.missed = true;
        }
    }

    /// Somebody asks for the end of node `number`: it is no news then, and nobody starts it again.
    pub fn ask(&mut self, number: usize) {
        if let Some(node) = self.nodes.get_mut(&number) {
            (node.asked, node.missed) = (true, false);
            if let Standing::Due(exit, _) = node.standing {
                node.standing = Standing::Ended(exit);
            }
        }
    }

    /// The process of node `number` was stopped by a signal, or goes on, since `now`, in
    /// microseconds since 1970.
    pub fn pause(&mut self, number: usize, paused: bool, now: u64) {
        let Some(node) = self.nodes.get_mut(&number) else { return };
        let (from, to) = match paused {
            true => (Standing::Running, Standing::Paused),
            false => (Standing::Paused, Standing::Running),
        };
        if node.standing == from {
            (node.standing, node.since) = (to, now);
            self.tips.count(number, !paused);
        }
    }

    /// The process of node `number` ended after `ran`; what becomes of the node.
    pub fn ended(&mut self, number: usize, exit: Exit, ran: Duration) -> Fate {
        self.tips.forget(number);
        self.links.lost(number);
        self.pools.remove(&number);
        self.clocks.remove(&number);
        self.blocks.forget(number);
        // Before it is up, a network without one of its nodes is none.
        let wanted = self.restart && self.up && !self.stopping;
        let Some(node) = self.nodes.get_mut(&number) else { return Fate::Stays };
        let fate = if wanted && !node.asked { node.starts.ended(exit, ran) } else { Fate::Stays };
        node.standing = match fate {
            Fate::Again(again) => Standing::Due(exit, again),
            Fate::Stays | Fate::Final(_) => Standing::Ended(exit),
        };
        fate
    }

    /// A process of node `number` is there, again or for the first time, under the name of
    /// `node`; since `now`, in microseconds since 1970.
    pub fn started(&mut self, number: usize, node: NodeId, now: u64) {
        let names = Arc::make_mut(&mut self.names);
        names.retain(|_, other| *other != number);
        names.insert(node, number);
        match self.nodes.get_mut(&number) {
            Some(node) => {
                node.starts.total += 1;
                node.rate.restarted();
                (node.standing, node.since) = (Standing::Returning, now);
                (node.asked, node.missed) = (false, false);
            }
            None => drop(self.nodes.insert(number, Node::new(Standing::Returning, now))),
        }
    }

    /// Links between nodes that run which are not up and not cut.
    pub fn missing_links(&self) -> Vec<(usize, usize)> {
        let runs = |end: usize| self.standing(end) == Standing::Running;
        let is_missing =
            |(from, to): &(usize, usize)| runs(*from) && runs(*to) && !self.faults.is_cut(*from, *to);
        self.links.missing().into_iter().filter(is_missing).collect()
    }

    /// Whether the links of node `number` to all that run are up, but for those that are cut.
    pub fn has_links(&self, number: usize) -> bool {
        let runs = |other: usize| self.standing(other) == Standing::Running;
        let waits = |(from, to): (usize, usize)| {
            ((from == number && runs(to)) || (to == number && runs(from))) && !self.faults.is_cut(from, to)
        };
        !self.links.missing().into_iter().any(waits)
    }

    /// Whether a node that returns is where it was: its links to all that run are up, and its chain is
    /// `height` high.
    pub fn has_caught_up(&self, number: usize, height: u64) -> bool {
        self.has_links(number) && self.tips.of(number).is_some_and(|tip| tip.height >= height)
    }

    /// A node that returned takes part again, unless it has ended meanwhile.
    pub fn returned(&mut self, number: usize) {
        if let Some(node) = self.nodes.get_mut(&number)
            && node.standing == Standing::Returning
        {
            node.standing = Standing::Running;
        }
    }
}

#[cfg(test)]
mod tests;
