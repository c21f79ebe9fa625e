//! Reading: what HTTP, tests and people may know of a node. Chain and tip are the committed ones, so that
//! nobody is told of a block that a power cut could still take back.

use core::time::Duration;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Node;
use super::io::{ClockOffset, ConnId, Direction};
use crate::chain::{BranchEnd, Entry, Status, Tip};
use crate::params::{NetworkId, Params};
use crate::peer::Line;
use crate::peer::handshake::AGENT;
use crate::time::UnixTime;
use crate::types::{BlockHash, NodeId, Transaction, TxId};

/// A look at a node between two inputs.
#[derive(Debug, Clone, Copy)]
pub struct View<'a>(&'a Node);

/// Who a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// Its name.
    pub node: NodeId,
    /// Its network.
    pub network: NetworkId,
    /// Where it takes connections.
    pub listen: SocketAddr,
    /// The network's name and rules, as text.
    pub rules: String,
    /// Its program, as other nodes are told.
    pub agent: &'static str,
}

/// Some heights of the block tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeSlice {
    /// The lowest height.
    pub from: u64,
    /// The blocks and headers there, with what their branches are worth: by height, the committed chain's first.
    pub blocks: Vec<(Entry, Status)>,
    /// Whether there were more than was asked for.
    pub cut: bool,
}

/// Another node that this one has heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownNode {
    /// Its name.
    pub node: NodeId,
    /// Where it takes connections.
    pub address: SocketAddr,
}

/// An address worth keeping over a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownAddress {
    /// Who lives there, if anybody was met.
    pub node: Option<NodeId>,
    /// Where it takes connections.
    pub address: SocketAddr,
    /// Whether the node was told, while it ran, to stay connected to it.
    pub dial: bool,
    /// When a dial there last met a node of this network.
    pub reached: Option<UnixTime>,
}

/// A host that misbehaved, and is kept out for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ban {
    /// An IPv4 address, or the first of an IPv6 /64.
    pub host: IpAddr,
    /// Until then.
    pub until: UnixTime,
    /// What it did.
    pub why: String,
}

/// A ready connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its number.
    pub conn: ConnId,
    /// The node at the other end.
    pub node: NodeId,
    /// Where it is.
    pub address: SocketAddr,
    /// Who opened it.
    pub direction: Direction,
    /// Its program, control characters escaped.
    pub agent: String,
    /// When the handshake was done.
    pub since: UnixTime,
    /// The height of the block with the most work that it is known to have; what it claims counts for
    /// nothing.
    pub height: Option<u64>,
    /// How long it took to answer the last ping, of which a connection that is never quiet sees none.
    pub round_trip: Option<Duration>,
    /// What makes what is sent to it late, if a manager wants that.
    pub line: Option<Line>,
}

/// How far the node is, on disk and ahead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The tip that is durable: what users are told.
    pub committed: Tip,
    /// The tip that is relayed and mined on, ahead of the disk.
    pub in_memory: Tip,
    /// The best header, ahead of the bodies.
    pub best_header: Tip,
}

/// What the miner is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MiningInfo {
    /// Hashes a second in the background; 0: none.
    pub background: u64,
    /// Explicit calls that wait, the one being served included.
    pub waiting: usize,
}

/// How much a node keeps of what others may make it keep. Each is bounded in `limits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Connections that other nodes opened.
    pub inbound: usize,
    /// Nodes in the address book.
    pub known_nodes: usize,
    /// Transactions that wait.
    pub pool_count: usize,
    /// Their bytes.
    pub pool_bytes: usize,
    /// Headers beside the active chain and the best headers' chain.
    pub side_headers: usize,
    /// Headers ahead of the bodies.
    pub headers_ahead: u64,
    /// Bytes of blocks beside the active chain, as far as they were weighed.
    pub beside_bytes: usize,
    /// Blocks from the future.
    pub future_blocks: usize,
    /// Transactions that were asked for.
    pub wanted: usize,
    /// Blocks that are being put together from compact ones.
    pub partial_blocks: usize,
    /// Bytes of blocks that are not durable yet.
    pub unstored_bytes: usize,
}

impl<'a> View<'a> {
    pub(super) fn new(node: &'a Node) -> View<'a> {
        View(node)
    }

    /// Who it is.
    pub fn info(&self) -> NodeInfo {
        NodeInfo {
            node: self.0.identity.node,
            network: self.0.identity.network,
            listen: self.0.config.listen,
            rules: self.0.chain.params().rules().to_string(),
            agent: AGENT,
        }
    }

    /// The network's rules.
    pub fn params(&self) -> &Arc<Params> {
        self.0.chain.params()
    }

    /// All other nodes it has heard of.
    pub fn known_nodes(&self) -> Vec<KnownNode> {
        let known = self.0.addresses.book.names().into_iter();
        known.map(|(node, address)| KnownNode { node, address }).collect()
    }

    /// Addresses worth keeping over a restart; those of its flags come again anyway.
    pub fn addresses(&self) -> Vec<KnownAddress> {
        self.0.addresses.worth_keeping(&self.0.config.peers)
    }

    /// Hosts that are neither let in nor dialled.
    pub fn bans(&self) -> Vec<Ban> {
        self.0.bans.list(self.0.now.wall)
    }

    /// Its ready connections.
    pub fn peers(&self) -> Vec<PeerInfo> {
        let ready = self.0.ready().filter_map(|(conn, c)| Some((conn, c, c.remote()?)));
        let now = self.0.now;
        let height = |hash| self.0.chain.get(&hash).map(|entry| entry.height);
        ready
            .map(|(conn, connection, remote)| PeerInfo {
                conn,
                node: remote.hello.node,
                address: connection.address,
                direction: connection.direction,
                agent: remote.hello.agent.to_string(),
                since: now.wall.minus(now.elapsed.saturating_sub(remote.met.elapsed)),
                height: connection.fetch.best().and_then(height),
                round_trip: connection.round_trip(),
                line: connection.line,
            })
            .collect()
    }

    /// Nodes to which a manager cut the link.
    pub fn cuts(&self) -> Vec<NodeId> {
        self.0.faults.cuts().copied().collect()
    }

    /// The committed tip.
    pub fn tip(&self) -> Tip {
        self.0.committed
    }

    /// The tips: what is durable, and what is ahead of that.
    pub fn progress(&self) -> Progress {
        Progress {
            committed: self.0.committed,
            in_memory: self.0.chain.tip(),
            best_header: self.0.chain.best_header(),
        }
    }

    /// Whether the bodies of a chain with more work than ours are missing, and somebody is there who has them.
    pub fn is_catching_up(&self) -> bool {
        self.0.is_catching_up()
    }

    /// When others take the newest blocks of its chain, if one of them is from the future for a clock that says
    /// `now`.
    pub fn from_future(&self, now: UnixTime) -> Option<UnixTime> {
        self.0.chain.from_future(now)
    }

    /// How far the clocks of its peers are from this machine's; none without peers.
    pub fn clock_offset(&self) -> Option<ClockOffset> {
        self.0.clock_offset()
    }

    /// Whether blocks or headers wait for their time.
    pub fn waits_for_time(&self) -> bool {
        self.0.sync.waits_for_time()
    }

    /// A header of the tree and what is known of it.
    pub fn entry(&self, hash: &BlockHash) -> Option<Entry> {
        self.0.chain.get(hash)
    }

    /// The hashes at `from` and up to `limit` heights on, on the branch that ends in `tip`.
    pub fn chain_page(&self, tip: &BlockHash, from: u64, limit: usize) -> Vec<BlockHash> {
        let Some(end) = self.0.chain.get(tip) else { return Vec::new() };
        (from..=end.height).take(limit).map_while(|height| self.0.chain.ancestor_at(tip, height)).collect()
    }

    /// The height of `hash`, if it is on the committed chain.
    pub fn block_place(&self, hash: &BlockHash) -> Option<u64> {
        let entry = self.0.chain.get(hash)?;
        let there = self.0.chain.ancestor_at(&self.0.committed.hash, entry.height)?;
        (there == *hash).then_some(entry.height)
    }

    /// The block at `height` of the committed chain.
    pub fn committed_at(&self, height: u64) -> Option<BlockHash> {
        self.0.chain.ancestor_at(&self.0.committed.hash, height)
    }

    /// Whether `hash` is on the active chain, and not on the committed one yet.
    pub fn is_on_its_way(&self, hash: &BlockHash) -> bool {
        self.0.chain.is_active(hash) && self.block_place(hash).is_none()
    }

    /// What the branch of `hash` is worth. None, if it is not known, or on its way to the committed chain
    /// and not durable yet: nobody is told of that.
    pub fn status(&self, hash: &BlockHash) -> Option<Status> {
        match self.0.chain.status(hash)? {
            _ if self.block_place(hash).is_some() => Some(Status::Active),
            Status::Active => None,
            other => Some(other),
        }
    }

    /// Where branches end: the committed chain, then the others, the most work first.
    pub fn tips(&self) -> Vec<BranchEnd> {
        let committed = self.0.committed;
        let first = BranchEnd { tip: committed, length: 0, status: Status::Active };
        let others =
            self.0.chain.branches().into_iter().filter(|end| {
                end.tip.hash != committed.hash && self.status(&end.tip.hash) == Some(end.status)
            });
        core::iter::once(first).chain(others).collect()
    }

    /// The blocks and headers at `heights` heights from `from` up, at most `max` of them; if it is not said
    /// from where, at the highest, as many heights as have no more than that together.
    pub fn tree(&self, from: Option<u64>, heights: u64, max: usize) -> TreeSlice {
        let heights = heights.clamp(1, max as u64);
        let highest = self.0.chain.best_header().height.max(self.0.committed.height);
        let lowest = from.unwrap_or((highest + 1).saturating_sub(heights));
        let to = lowest.saturating_add(heights - 1);
        let committed = (lowest..=to.min(self.0.committed.height))
            .filter_map(|height| Some((height, self.committed_at(height)?)));
        let mut found: BTreeSet<(u64, BlockHash)> = committed.collect();
        found.extend(self.0.chain.beside(lowest, to));
        let one_too_many = found.iter().rev().nth(max).copied();
        let begin = match (from, one_too_many) {
            (None, Some((height, _))) => (height + 1).min(highest),
            _ => lowest,
        };
        let known = |(_, hash): &(u64, BlockHash)| Some((self.0.chain.get(hash)?, self.status(hash)?));
        let mut blocks: Vec<(Entry, Status)> =
            found.iter().filter(|(height, _)| *height >= begin).take(max).filter_map(known).collect();
        blocks.sort_by_key(|(entry, status)| (entry.height, *status != Status::Active, entry.hash));
        TreeSlice { from: begin, blocks, cut: one_too_many.is_some() }
    }

    /// A transaction that waits; to people, one of a block that the store was not given yet waits still.
    pub fn pool_get(&self, id: &TxId) -> Option<Arc<Transaction>> {
        let unwritten = || self.0.unwritten.transaction(id).cloned().map(Arc::new);
        self.0.pool.get(id).cloned().or_else(unwritten)
    }

    /// All that wait, by arrival: ids and sizes in bytes.
    pub fn pool(&self) -> Vec<(TxId, usize)> {
        self.0.pool.iter().collect()
    }

    /// How much it keeps of what others may make it keep.
    pub fn usage(&self) -> Usage {
        let node = self.0;
        let inbound = node.connections.values().filter(|c| c.direction == Direction::Inbound);
        Usage {
            inbound: inbound.count(),
            known_nodes: node.addresses.book.names().len(),
            pool_count: node.pool.len(),
            pool_bytes: node.pool.bytes(),
            side_headers: node.chain.side_len(),
            headers_ahead: node.headers_ahead(),
            beside_bytes: node.beside_bytes(),
            future_blocks: node.sync.future_len(),
            wanted: node.wanted.len(),
            partial_blocks: node.partials.len(),
            unstored_bytes: node.unstored_bytes,
        }
    }

    /// How many wait, and their bytes.
    pub fn pool_size(&self) -> (usize, usize) {
        (self.0.pool.len(), self.0.pool.bytes())
    }

    /// What the miner is told to do.
    pub fn mining(&self) -> MiningInfo {
        MiningInfo { background: self.0.mining.background(), waiting: self.0.mining.waiting() }
    }
}
