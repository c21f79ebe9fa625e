//! What changes while a network runs: who is there, which links are up, who has which tip.
//!
//! A function of what nodes tell and how their processes end; who enters it, and who waits for what, is in
//! `cluster`.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use crate::manager::exit::Exit;
use crate::manager::fate::{Again, Fate, Starts};
use crate::manager::links::Links;
use crate::manager::modes::Modes;
use crate::manager::reach;
use crate::manager::tips::{Agreed, TipAt, Tips};
use crate::types::NodeId;
use crate::wire::manage::What;

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
    names: BTreeMap<NodeId, usize>,
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
    /// The mining run that is on.
    pub run: Option<Progress>,
    /// Blocks that everybody has got during the run, which alone knows who mined them.
    held: Vec<Agreed>,
    /// Whether the network is up: what everybody has before that is no news.
    pub up: bool,
    /// Whether the network is to stop.
    pub stopping: bool,
}

impl State {
    /// Nothing is known yet of these nodes but their names. `restart`: those that die are started again.
    pub fn new(names: BTreeMap<NodeId, usize>, restart: bool, modes: Modes) -> State {
        let node = Node { standing: Standing::Running, starts: Starts::default(), asked: false };
        State {
            nodes: names.values().map(|number| (*number, node)).collect(),
            names,
            restart,
            links: Links::default(),
            tips: Tips::default(),
            modes,
            turn: 0,
            pools: BTreeMap::new(),
            run: None,
            held: Vec::new(),
            up: false,
            stopping: false,
        }
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

    /// All nodes, by number.
    pub fn numbers(&self) -> Vec<usize> {
        self.nodes.keys().copied().collect()
    }

    /// The rate at which node `number` is to mine in the background.
    pub fn share(&self, number: usize) -> u64 {
        self.modes.share(number, &self.numbers())
    }

    /// The running nodes, and each one's rate.
    pub fn shares(&self) -> Vec<(usize, u64)> {
        let all = self.numbers();
        self.running().map(|number| (number, self.modes.share(number, &all))).collect()
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

    /// Forgets the nodes from `first` on that did not become `members`.
    pub fn forget_from(&mut self, first: usize, members: &[usize]) {
        let stays = |number: usize| number < first || members.contains(&number);
        self.nodes.retain(|number, _| stays(*number));
        self.names.retain(|_, number| stays(*number));
    }

    /// The groups of running nodes that can reach each other.
    pub fn groups(&self) -> Vec<BTreeSet<usize>> {
        reach::groups(&self.running().collect(), self.links.pairs())
    }

    /// The running nodes that node `number` can reach, itself included.
    pub fn reached_from(&self, number: usize) -> BTreeSet<usize> {
        self.groups().into_iter().find(|group| group.contains(&number)).unwrap_or_default()
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
        self.names.retain(|_, number| numbers.contains(number));
    }

    /// Whether somebody asked for the end of node `number`.
    pub fn was_asked(&self, number: usize) -> bool {
        self.nodes.get(&number).is_some_and(|node| node.asked)
    }

    /// Somebody asks for the end of node `number`: it is no news then, and nobody starts it again.
    pub fn ask(&mut self, number: usize) {
        if let Some(node) = self.nodes.get_mut(&number) {
            node.asked = true;
            if let Standing::Due(exit, _) = node.standing {
                node.standing = Standing::Ended(exit);
            }
        }
    }

    /// The process of node `number` was stopped by a signal, or goes on.
    pub fn pause(&mut self, number: usize, paused: bool) {
        let Some(node) = self.nodes.get_mut(&number) else { return };
        let (from, to) = match paused {
            true => (Standing::Running, Standing::Paused),
            false => (Standing::Paused, Standing::Running),
        };
        if node.standing == from {
            node.standing = to;
            self.tips.count(number, !paused);
        }
    }

    /// Node `number` tells of something. The answer is a block that everybody has, if that is news to tell.
    pub fn event(&mut self, number: usize, what: What, now: Duration) -> Option<Agreed> {
        match what {
            What::PeerReady { node, .. } => {
                let other = self.names.get(&node)?;
                self.links.ready(number, *other);
                None
            }
            What::PeerGone { node, .. } => {
                let other = self.names.get(&node)?;
                self.links.gone(number, *other);
                None
            }
            What::TipChanged { tip: hash, height, .. } => {
                let agreed = self.tips.changed(number, TipAt { height, hash }, now)?;
                if self.run.is_some() {
                    self.held.push(agreed);
                    return None;
                }
                // Everybody starts with genesis, or with the chain of the last run.
                (self.up && height > 0).then_some(agreed)
            }
            _ => None,
        }
    }

    /// What everybody has got since the last look, during a run.
    pub fn take_held(&mut self) -> Vec<Agreed> {
        core::mem::take(&mut self.held)
    }

    /// The process of node `number` ended after `ran`; what becomes of the node.
    pub fn ended(&mut self, number: usize, exit: Exit, ran: Duration) -> Fate {
        self.tips.forget(number);
        self.links.lost(number);
        self.pools.remove(&number);
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

    /// A process of node `number` is there, again or for the first time, under the name of `node`.
    pub fn started(&mut self, number: usize, node: NodeId) {
        self.names.retain(|_, other| *other != number);
        self.names.insert(node, number);
        let new = Node { standing: Standing::Returning, starts: Starts::default(), asked: false };
        match self.nodes.get_mut(&number) {
            Some(node) => {
                node.starts.total += 1;
                (node.standing, node.asked) = (Standing::Returning, false);
            }
            None => drop(self.nodes.insert(number, new)),
        }
    }

    /// Whether the links of node `number` to all that run are up.
    pub fn has_links(&self, number: usize) -> bool {
        let runs = |other: usize| self.standing(other) == Standing::Running;
        let waits = |(from, to): (usize, usize)| (from == number && runs(to)) || (to == number && runs(from));
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
mod tests {
    use super::*;
    use crate::encoding::Text;
    use crate::types::BlockHash;

    fn name(n: usize) -> NodeId {
        NodeId([n as u8; 16])
    }

    fn tip(height: u64) -> What {
        What::TipChanged { tip: BlockHash([height as u8; 32]), height, work: [0; 32], reverted: 0 }
    }

    fn ready(n: usize) -> What {
        What::PeerReady { node: name(n), outbound: false }
    }

    fn gone(n: usize) -> What {
        What::PeerGone { node: name(n), why: Text::default() }
    }

    /// Three nodes whose links are up, at height 3.
    fn three(restart: bool) -> State {
        let mut state = State::new((0..3).map(|n| (name(n), n)).collect(), restart, Modes::of(0));
        state.links.expect([(0, 1), (0, 2), (1, 2)]);
        for n in 0..3 {
            state.tips.count(n, true);
            assert_eq!(state.event(n, tip(3), Duration::ZERO), None, "not up: no news");
            for other in (0..3).filter(|other| *other != n) {
                state.event(n, ready(other), Duration::ZERO);
            }
        }
        assert!(state.links.are_up() && state.tips.all_said());
        state.up = true;
        state
    }

    #[test]
    fn a_node_that_dies_comes_back_under_another_name() {
        let mut state = three(true);
        let fate = state.ended(1, Exit::Signal(9), Duration::ZERO);
        assert!(matches!(fate, Fate::Again(Again { attempt: 1, .. })));
        assert_eq!((state.standing(1).to_string(), state.links.peers(1)), ("restarting".to_owned(), 0));
        for other in [0, 2] {
            state.event(other, gone(1), Duration::ZERO);
        }
        state.started(1, name(7));
        state.tips.count(1, true);
        assert_eq!((state.standing(1), state.restarts(1)), (Standing::Returning, 1));
        assert!(!state.has_caught_up(1, 3));
        for other in [0, 2] {
            state.event(1, ready(other), Duration::ZERO);
            state.event(other, ready(7), Duration::ZERO);
        }
        assert!(state.links.are_up() && !state.has_caught_up(1, 3), "its chain is not what it was");
        state.event(1, tip(3), Duration::ZERO);
        assert!(state.has_caught_up(1, 3));
        state.returned(1);
        assert_eq!(state.standing(1), Standing::Running);
    }

    #[test]
    fn links_to_those_who_are_gone_are_not_waited_for() {
        let mut state = three(true);
        state.ended(1, Exit::Signal(9), Duration::ZERO);
        state.ended(2, Exit::Code(65), Duration::ZERO);
        state.started(1, name(1));
        state.event(0, ready(1), Duration::ZERO);
        state.event(1, ready(0), Duration::ZERO);
        state.event(1, tip(3), Duration::ZERO);
        assert!(state.has_caught_up(1, 3));
        state.ended(1, Exit::Signal(9), Duration::ZERO);
        state.returned(1);
        assert!(state.standing(1).exit().is_some(), "it did not return");
    }

    #[test]
    fn nobody_is_started_again_unasked_or_while_everything_stops() {
        let mut state = three(false);
        assert_eq!(state.ended(1, Exit::Signal(9), Duration::ZERO), Fate::Stays);
        assert_eq!(state.exits().collect::<Vec<_>>(), [(1, Exit::Signal(9))]);
        let mut state = three(true);
        state.stopping = true;
        assert_eq!(state.ended(1, Exit::Signal(9), Duration::ZERO), Fate::Stays);
        assert_eq!(state.standing(1), Standing::Ended(Exit::Signal(9)));
    }
}
