//! What events are made of: how a block came, which transactions are meant, and the events' names.

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

impl Event {
    /// Its name, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Event::PeerReady { .. } => "peer_ready",
            Event::PeerClosed { .. } => "peer_closed",
            Event::DialFailed { .. } => "dial_failed",
            Event::TipChanged { .. } => "tip",
            Event::BlockMined { .. } => "block_mined",
            Event::BlockRefused { .. } => "block_refused",
            Event::ManagerAccepted { .. } => "manager",
            Event::BlockSeen { .. } => "block",
            Event::Reorg { .. } => "reorg",
            Event::PoolChanged { .. } => "pool",
            Event::MiningSet { .. } => "mining",
            Event::MiningPaused { .. } => "mining_paused",
            Event::FaultsSet { .. } => "faults",
            Event::StoreFailed { .. } => "fault",
        }
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
