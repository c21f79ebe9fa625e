//! What events are made of: how a block came, which transactions are meant, and what events are called.

use super::io::{Delivery, Event};
use crate::limits::MAX_EVENT_IDS;
use crate::types::{NodeId, TxId};

pub use crate::wire::manage::Origin;

impl From<Delivery> for Origin {
    fn from(delivery: Delivery) -> Origin {
        match delivery {
            Delivery::Requested => Origin::Requested,
            Delivery::Pushed => Origin::Pushed,
            Delivery::Rebuilt => Origin::Compact,
        }
    }
}

/// By which way a block came, and who gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Giver {
    /// The way.
    pub origin: Origin,
    /// The peer, if it was one.
    pub node: Option<NodeId>,
}

/// What an event is: one for each, and its name for programs, here alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A handshake was done.
    PeerReady,
    /// A connection closed.
    PeerClosed,
    /// An address could not be reached.
    DialFailed,
    /// The tip is another one.
    Tip,
    /// Our miner found a block.
    BlockMined,
    /// A block was refused.
    BlockRefused,
    /// A manager was accepted.
    Manager,
    /// A block was seen.
    Block,
    /// Blocks were given up for others.
    Reorg,
    /// What waits changed.
    Pool,
    /// Background mining was set.
    Mining,
    /// Mining waits for the clock.
    MiningPaused,
    /// Links are wrong on purpose.
    Faults,
    /// The store failed.
    Fault,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 14] = [
        Kind::PeerReady,
        Kind::PeerClosed,
        Kind::DialFailed,
        Kind::Tip,
        Kind::BlockMined,
        Kind::BlockRefused,
        Kind::Manager,
        Kind::Block,
        Kind::Reorg,
        Kind::Pool,
        Kind::Mining,
        Kind::MiningPaused,
        Kind::Faults,
        Kind::Fault,
    ];

    /// Its name, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::PeerReady => "peer_ready",
            Kind::PeerClosed => "peer_closed",
            Kind::DialFailed => "dial_failed",
            Kind::Tip => "tip",
            Kind::BlockMined => "block_mined",
            Kind::BlockRefused => "block_refused",
            Kind::Manager => "manager",
            Kind::Block => "block",
            Kind::Reorg => "reorg",
            Kind::Pool => "pool",
            Kind::Mining => "mining",
            Kind::MiningPaused => "mining_paused",
            Kind::Faults => "faults",
            Kind::Fault => "fault",
        }
    }
}

impl Event {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Event::PeerReady { .. } => Kind::PeerReady,
            Event::PeerClosed { .. } => Kind::PeerClosed,
            Event::DialFailed { .. } => Kind::DialFailed,
            Event::TipChanged { .. } => Kind::Tip,
            Event::BlockMined { .. } => Kind::BlockMined,
            Event::BlockRefused { .. } => Kind::BlockRefused,
            Event::ManagerAccepted { .. } => Kind::Manager,
            Event::BlockSeen { .. } => Kind::Block,
            Event::Reorg { .. } => Kind::Reorg,
            Event::PoolChanged { .. } => Kind::Pool,
            Event::MiningSet { .. } => Kind::Mining,
            Event::MiningPaused { .. } => Kind::MiningPaused,
            Event::FaultsSet { .. } => Kind::Faults,
            Event::StoreFailed { .. } => Kind::Fault,
        }
    }

    /// Its name, for programs.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }
}

/// Ids of transactions: the first few by name, and how many there are. What may be kept for a reader who
/// never comes has to be small.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ids {
    /// At most [`MAX_EVENT_IDS`].
    pub first: Vec<TxId>,
    /// All of them.
    pub count: usize,
}

impl From<&[TxId]> for Ids {
    fn from(ids: &[TxId]) -> Ids {
        Ids { first: ids[..ids.len().min(MAX_EVENT_IDS)].to_vec(), count: ids.len() }
    }
}
