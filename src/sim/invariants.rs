//! What must hold whatever happens, and is looked at in every run.
//!
//! Cheap things are watched while time passes: the work of a tip never falls, no honest node blames another, nobody
//! keeps more than it may. The rest is held at the end.

use core::time::Duration;
use std::collections::BTreeMap;

use crate::chain::{Chain, CheckedBlock, NotRestored, Outcome, Tip};
use crate::limits::{
    MAX_FUTURE_BLOCKS, MAX_HEADERS, MAX_HEADERS_AHEAD, MAX_INBOUND, MAX_KNOWN_NODES, MAX_PENDING_HANDSHAKES,
    MAX_POOL_BYTES, MAX_POOL_COUNT, MAX_SIDE_ENTRIES, MAX_UNSTORED_BYTES,
};
use crate::node::view::Usage;
use crate::peer::Disconnect;
use crate::sim::network::Network;
use crate::types::BlockHash;

/// An invariant that does not hold: a defect of the node, or of the simulator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("node {node}, {at:?} after the beginning: {what}")]
pub struct Violation {
    /// When it was seen.
    pub at: Duration,
    /// The node's number.
    pub node: usize,
    /// What is wrong.
    pub what: Box<Broken>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A node went from more work to less.
    #[error("the work of its tip fell from {} (height {}) to {} (height {})", from.work, from.height, to.work, to.height)]
    WorkFell {
        /// The tip before.
        from: Tip,
        /// The tip after.
        to: Tip,
    },
    /// An honest node closed a connection to another for an offence.
    #[error("it blamed node {other}, which behaves: {why}")]
    Blamed {
        /// The other node.
        other: usize,
        /// What it said.
        why: Disconnect,
    },
    /// A started node could not take up what it had stored.
    #[error("it could not start again: {0}")]
    NotRestored(NotRestored),
    /// A node wanted a block sent that no node has.
    #[error("it has no body of the block {0}")]
    NoBody(BlockHash),
    /// A block of an active chain was refused by a fresh chain.
    #[error("a fresh chain refuses block {hash} at height {height} of its chain: {why}")]
    Invalid {
        /// Its height.
        height: u64,
        /// Its hash.
        hash: BlockHash,
        /// What the fresh chain, or the check before it, said.
        why: String,
    },
    /// It keeps more of something than it may.
    #[error("it keeps {count} {what}, and may keep {most}")]
    OverCap {
        /// Of what.
        what: &'static str,
        /// How much it keeps.
        count: u64,
        /// How much it may keep.
        most: u64,
    },
    /// An honest node that can be reached over honest nodes has less work than another.
    #[error(
        "its tip is at height {} with work {}, and node {best} has work {}", tip.height, tip.work, ahead.work
    )]
    Behind {
        /// Its tip.
        tip: Tip,
        /// Who has more.
        best: usize,
        /// The tip with more.
        ahead: Tip,
    },
}

impl Network {
    /// Whether every node that runs keeps no more than it may.
    pub fn check_caps(&self) -> Result<(), Violation> {
        (0..self.len()).try_for_each(|n| self.check_cap(n))
    }

    /// Whether node `n`, if it runs, keeps no more than it may.
    pub(super) fn check_cap(&self, n: usize) -> Result<(), Violation> {
        let Some(view) = self.view(n) else { return Ok(()) };
        match over_cap(&view.usage()) {
            Some((what, count, most)) => Err(self.violation(n, Broken::OverCap { what, count, most })),
            None => Ok(()),
        }
    }

    /// Whether every active chain is good: checked and imported into a fresh chain from genesis on.
    pub fn check_chains(&self) -> Result<(), Violation> {
        let mut good: BTreeMap<BlockHash, Vec<BlockHash>> = BTreeMap::new();
        for n in 0..self.len() {
            let Some(view) = self.view(n) else { continue };
            let tip = view.tip();
            let hashes = view.chain_page(&tip.hash, 1, usize::MAX);
            let has_body = |hash: &BlockHash| view.entry(hash).is_some_and(|entry| entry.has_body);
            if let Some(missing) = hashes.iter().find(|hash| !has_body(hash)) {
                return Err(self.violation(n, Broken::NoBody(*missing)));
            }
            if good.get(&tip.hash) != Some(&hashes) {
                self.import_again(&hashes, &tip).map_err(|what| self.violation(n, *what))?;
                good.insert(tip.hash, hashes);
            }
        }
        Ok(())
    }

    fn import_again(&self, hashes: &[BlockHash], tip: &Tip) -> Result<(), Box<Broken>> {
        let mut chain = Chain::new(self.params.clone());
        for (height, hash) in (1..).zip(hashes) {
            let invalid = |why: String| Box::new(Broken::Invalid { height, hash: *hash, why });
            let block = self.block(hash).ok_or(Box::new(Broken::NoBody(*hash)))?;
            // Not what is remembered of the check: the check.
            let block = CheckedBlock::check(block.block().clone(), &self.params)
                .map_err(|rule| invalid(rule.to_string()))?;
            match chain.import(&block, self.moment().wall) {
                Outcome::Imported { connected, .. } if connected == [*hash] => {}
                outcome => return Err(invalid(format!("{outcome:?}"))),
            }
        }
        let end = chain.tip();
        let why = || format!("the chain ends in {} with work {}, not {}", end.hash, end.work, tip.work);
        if end == *tip {
            Ok(())
        } else {
            Err(Box::new(Broken::Invalid { height: tip.height, hash: tip.hash, why: why() }))
        }
    }

    /// Whether every honest node that runs, and that the best one can reach over honest nodes, has as much
    /// work as that one. Whoever hangs on the others by peers alone that do not behave can be kept from
    /// anything: see [`Network::cut_off`].
    pub fn check_agreement(&self) -> Result<(), Violation> {
        let Some(best) = self.best() else { return Ok(()) };
        let ahead = self.tip(best);
        let group = self.honest_groups().into_iter().find(|group| group.contains(&best));
        match group.into_iter().flatten().find(|n| self.tip(*n).work < ahead.work) {
            Some(behind) => {
                let tip = self.tip(behind);
                Err(self.violation(behind, Broken::Behind { tip, best, ahead }))
            }
            None => Ok(()),
        }
    }

    /// The honest node with the most work; of equals the first.
    pub(super) fn best(&self) -> Option<usize> {
        self.honest().max_by_key(|n| (self.tip(*n).work, core::cmp::Reverse(*n)))
    }

    /// How many honest nodes have less work than the best.
    pub fn cut_off(&self) -> usize {
        let most = self.best().map(|n| self.tip(n).work);
        self.honest().filter(|n| Some(self.tip(*n).work) < most).count()
    }

    /// Honest nodes that run, in groups that hang together over each other.
    fn honest_groups(&self) -> Vec<Vec<usize>> {
        let is_in = |n: usize| self.peers[n].conduct.is_honest() && self.peers[n].node.is_some();
        let mut near: Vec<Vec<usize>> = vec![Vec::new(); self.len()];
        for (from, peer) in self.peers.iter().enumerate() {
            for to in peer.dials.iter().copied().filter(|to| is_in(from) && is_in(*to)) {
                near[from].push(to);
                near[to].push(from);
            }
        }
        let mut seen = vec![false; self.len()];
        let mut groups = Vec::new();
        for first in (0..self.len()).filter(|n| is_in(*n)) {
            let (mut group, mut next) = (Vec::new(), vec![first]);
            while let Some(n) = next.pop() {
                if !core::mem::replace(&mut seen[n], true) {
                    group.push(n);
                    next.extend(&near[n]);
                }
            }
            groups.push(group);
        }
        groups
    }
}

/// What a node keeps too much of, how much, and how much it may.
pub(super) fn over_cap(usage: &Usage) -> Option<(&'static str, u64, u64)> {
    let rows = [
        ("inbound connections", usage.inbound, MAX_INBOUND + MAX_PENDING_HANDSHAKES),
        ("known nodes", usage.known_nodes, MAX_KNOWN_NODES),
        ("transactions", usage.pool_count, MAX_POOL_COUNT),
        ("bytes of transactions", usage.pool_bytes, MAX_POOL_BYTES),
        ("headers off its chains", usage.side_headers, MAX_SIDE_ENTRIES),
        ("headers ahead of bodies", usage.headers_ahead as usize, MAX_HEADERS_AHEAD + MAX_HEADERS),
        ("blocks from the future", usage.future_blocks, MAX_FUTURE_BLOCKS),
        ("transactions on their way", usage.wanted, MAX_POOL_COUNT),
        ("bytes on their way to the store", usage.unstored_bytes, MAX_UNSTORED_BYTES),
    ];
    let over = rows.into_iter().find(|(_, count, most)| count > most);
    over.map(|(what, count, most)| (what, count as u64, most as u64))
}
