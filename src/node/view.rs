//! Reading: what HTTP, tests and people may know of a node. Chain and tip are the committed ones, so that
//! nobody is told of a block that a power cut could still take back.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Node;
use super::io::{ConnId, Direction};
use crate::chain::{Entry, Tip};
use crate::params::{NetworkId, Params};
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
    /// Blocks from the future.
    pub future_blocks: usize,
    /// Transactions that were asked for.
    pub wanted: usize,
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
        ready
            .map(|(conn, connection, remote)| PeerInfo {
                conn,
                node: remote.hello.node,
                address: connection.address,
                direction: connection.direction,
                agent: remote.hello.agent.to_string(),
            })
            .collect()
    }

    /// The committed tip.
    pub fn tip(&self) -> Tip {
        self.0.committed
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

    /// A transaction that waits.
    pub fn pool_get(&self, id: &TxId) -> Option<Arc<Transaction>> {
        self.0.pool.get(id).cloned()
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
            future_blocks: node.sync.future_len(),
            wanted: node.wanted.len(),
            unstored_bytes: node.unstored_bytes,
        }
    }

    /// What the miner is told to do.
    pub fn mining(&self) -> MiningInfo {
        MiningInfo { background: self.0.mining.background(), waiting: self.0.mining.waiting() }
    }
}
