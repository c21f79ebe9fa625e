//! What a node tells a manager that subscribed.

use crate::encoding::{Decode, Encode, List, Text};
use crate::limits::{MAX_DETAIL_BYTES, MAX_EXCERPT_BYTES, MAX_RULE_NAME_BYTES, MAX_TOLD_IDS};
use crate::types::{BlockHash, CompactTarget, NodeId, TxId};

/// Something that happened at a node.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Event {
    /// The node's clock when it happened, in microseconds since 1970. The clocks of one machine's processes
    /// are one clock, so that a block's way from node to node is seen in it.
    pub at: u64,
    /// What happened.
    pub what: What,
}

/// What happened. Tips, reorganisations and the pool are told of when they are durable, blocks when they are
/// in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum What {
    /// A connection to this node became ready.
    PeerReady {
        /// Its name.
        node: NodeId,
        /// Whether the teller dialled it.
        outbound: bool,
    },
    /// The last connection to this node closed.
    PeerGone {
        /// Its name.
        node: NodeId,
        /// Why, for people.
        why: Text<MAX_DETAIL_BYTES>,
    },
    /// The tip is another one.
    TipChanged {
        /// The new tip.
        tip: BlockHash,
        /// Its height.
        height: u64,
        /// Work of its chain, little-endian.
        work: [u8; 32],
        /// Blocks of the old chain that the new one does not have; 0: it only grew.
        reverted: u32,
    },
    /// A block is in the tree, on whichever branch.
    BlockSeen(SeenBlock),
    /// The node's own miner found a block.
    BlockMined {
        /// Its hash.
        hash: BlockHash,
        /// Its height.
        height: u64,
        /// Hashes tried for it.
        tries: u64,
    },
    /// A block or header broke a rule.
    BlockRefused {
        /// Its hash.
        hash: BlockHash,
        /// Its parent.
        previous: BlockHash,
        /// Its height, if its parent is known.
        height: Option<u64>,
        /// The rule's name, for programs.
        rule: Text<MAX_RULE_NAME_BYTES>,
        /// What it says, for people.
        why: Text<MAX_DETAIL_BYTES>,
        /// Who gave it; none: the node's own miner, or whoever offered a chain over HTTP.
        from: Option<NodeId>,
    },
    /// The chain took another branch; its TipChanged comes next.
    Reorg {
        /// The old tip.
        old: Place,
        /// The new tip.
        new: Place,
        /// The last block that both chains have.
        ancestor: Place,
        /// Blocks that left the chain.
        depth: u32,
        /// Transactions of theirs that wait again.
        returned: Ids,
    },
    /// Other transactions wait than before.
    PoolChanged {
        /// How many wait now.
        count: u32,
        /// Their bytes.
        bytes: u64,
        /// Those that wait since, by arrival.
        came: Ids,
        /// Those that wait no longer.
        went: Ids,
    },
    /// The rate of background mining is another one.
    MiningSet {
        /// Hashes a second; 0: off.
        hashrate: u64,
    },
    /// The node's clock allows no block: it is behind the chain's time, or past all that a header can say.
    MiningPaused {
        /// What the clock has to say before one can be mined, in microseconds since 1970.
        until: u64,
    },
    /// The faults of the node's links are others.
    FaultsSet {
        /// Links that are cut.
        cut: u32,
        /// Links that are slow, or lose some of what is sent.
        slow: u32,
    },
    /// Nothing can be made durable any more; the node stops.
    StoreFailed {
        /// Why.
        why: Text<MAX_DETAIL_BYTES>,
    },
    /// The node's clock is too far from those of its peers, or no longer.
    Clock {
        /// By how many milliseconds theirs are ahead, by their median.
        offset: i64,
        /// How many they are.
        peers: u32,
        /// Whether that is more than is well.
        is_off: bool,
    },
}

/// A block, as it came into a node's tree.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SeenBlock {
    /// Its hash.
    pub hash: BlockHash,
    /// Its parent.
    pub previous: BlockHash,
    /// Its height; genesis is 0.
    pub height: u64,
    /// What its header says of its time, in seconds since 1970.
    pub time: u32,
    /// Its target, in compact form.
    pub bits: CompactTarget,
    /// Work of its chain up to it, little-endian.
    pub work: [u8; 32],
    /// Its transactions, the coinbase included.
    pub transactions: u32,
    /// Bytes of its encoding.
    pub bytes: u32,
    /// By which way it came.
    pub origin: Origin,
    /// The peer that gave it, if it was one.
    pub from: Option<NodeId>,
    /// Who mined it, as its coinbase says.
    pub miner: NodeId,
    /// The beginning of its first content, if that is text; else empty.
    pub content: Text<MAX_EXCERPT_BYTES>,
}

/// By which way a block came into the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Origin {
    /// The node's own miner found it.
    Mined,
    /// A peer pushed it whole.
    Pushed,
    /// Put together, of a peer's compact announcement and what waited in the pool.
    Compact,
    /// A peer gave it because it was asked.
    Requested,
    /// In a chain that somebody offered over HTTP.
    Imported,
    /// It was stored when the node started.
    Loaded,
}

impl Origin {
    /// Its name, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Mined => "mined",
            Origin::Pushed => "pushed",
            Origin::Compact => "compact",
            Origin::Requested => "requested",
            Origin::Imported => "imported",
            Origin::Loaded => "loaded",
        }
    }
}

/// A block by its hash and its height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Place {
    /// Its hash.
    pub hash: BlockHash,
    /// Its height; genesis is 0.
    pub height: u64,
}

/// Transactions: the first few by their ids, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Ids {
    /// The first of them.
    pub first: List<TxId, MAX_TOLD_IDS>,
    /// All of them.
    pub count: u32,
}
