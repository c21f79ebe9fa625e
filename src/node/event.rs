//! What events are made of: how a block came, which transactions are meant, how far clocks are apart, and what
//! events are called.

use core::fmt;
use core::time::Duration;

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
    /// A host is kept out.
    Ban,
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
    /// The clock allows no block.
    MiningPaused,
    /// The clock is wrong, or right again.
    Clock,
    /// Links are wrong on purpose.
    Faults,
    /// The store failed.
    Fault,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 16] = [
        Kind::PeerReady,
        Kind::PeerClosed,
        Kind::DialFailed,
        Kind::Ban,
        Kind::Tip,
        Kind::BlockMined,
        Kind::BlockRefused,
        Kind::Manager,
        Kind::Block,
        Kind::Reorg,
        Kind::Pool,
        Kind::Mining,
        Kind::MiningPaused,
        Kind::Clock,
        Kind::Faults,
        Kind::Fault,
    ];

    /// Its name, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::PeerReady => "peer_ready",
            Kind::PeerClosed => "peer_closed",
            Kind::DialFailed => "dial_failed",
            Kind::Ban => "ban",
            Kind::Tip => "tip",
            Kind::BlockMined => "block_mined",
            Kind::BlockRefused => "block_refused",
            Kind::Manager => "manager",
            Kind::Block => "block",
            Kind::Reorg => "reorg",
            Kind::Pool => "pool",
            Kind::Mining => "mining",
            Kind::MiningPaused => "mining_paused",
            Kind::Clock => "clock",
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
            Event::HostBanned(_) => Kind::Ban,
            Event::TipChanged { .. } => Kind::Tip,
            Event::BlockMined { .. } => Kind::BlockMined,
            Event::BlockRefused { .. } => Kind::BlockRefused,
            Event::ManagerAccepted { .. } => Kind::Manager,
            Event::BlockSeen { .. } => Kind::Block,
            Event::Reorg { .. } => Kind::Reorg,
            Event::PoolChanged { .. } => Kind::Pool,
            Event::MiningSet { .. } => Kind::Mining,
            Event::MiningPaused { .. } => Kind::MiningPaused,
            Event::Clock(_) => Kind::Clock,
            Event::FaultsSet { .. } => Kind::Faults,
            Event::StoreFailed { .. } => Kind::Fault,
        }
    }

    /// Its name, for programs.
    pub fn name(&self) -> &'static str {
        self.kind().name()
    }
}

/// How far the clocks of a node's peers are from its own, by the median of what they said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// Milliseconds; positive: theirs are ahead.
    pub millis: i64,
    /// How many they are.
    pub peers: usize,
    /// Whether that is more than is well.
    pub is_off: bool,
}

impl ClockOffset {
    /// As a node tells its managers.
    pub fn told(millis: i64, peers: u32, is_off: bool) -> ClockOffset {
        ClockOffset { millis, peers: peers as usize, is_off }
    }

    /// Whether ours is the one that is behind.
    pub fn is_behind(&self) -> bool {
        self.millis > 0
    }

    /// The same in seconds, for programs.
    pub fn seconds(&self) -> f64 {
        self.millis as f64 / 1000.0
    }

    /// Where our clock is, seen from theirs: `3.0 h behind`.
    pub fn ours(&self) -> String {
        let secs = Duration::from_millis(self.millis.unsigned_abs()).as_secs_f64();
        let span = match secs {
            ..60.0 => format!("{secs:.1} s"),
            ..3600.0 => format!("{:.1} min", secs / 60.0),
            ..86_400.0 => format!("{:.1} h", secs / 3600.0),
            _ => format!("{:.1} d", secs / 86_400.0),
        };
        format!("{span} {}", if self.is_behind() { "behind" } else { "ahead" })
    }
}

impl fmt::Display for ClockOffset {
    /// Of one or two clocks that differ from ours nobody knows which is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} ", self.ours(), if self.is_behind() { "" } else { " of" })?;
        match self.peers {
            1 => f.write_str("that of its only peer, or that one is wrong"),
            2 => f.write_str("those of its two peers, or those are wrong"),
            peers => write!(f, "those of its peers (median of {peers})"),
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
