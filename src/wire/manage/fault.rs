//! What a manager makes wrong with a node's links.

use crate::encoding::{Decode, Encode};
use crate::limits::{MAX_FAULT_LATENCY_MICROS, MAX_FAULT_LOSS_PPM};
use crate::types::NodeId;

/// What is wrong with what a node sends to another one. Each end has its own: a link that is slow both ways
/// is told so to both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Fault {
    /// The node at the other end.
    pub node: NodeId,
    /// There is no link: none is begun, and none taken.
    pub cut: bool,
    /// How long what is sent is under way, in microseconds, beside what it takes anyway.
    pub latency_micros: u32,
    /// By how much at most that is less or more, in microseconds: uniform, and at most the latency.
    pub jitter_micros: u32,
    /// How many of a million segments are lost, and sent again.
    pub loss_ppm: u32,
}

/// Why a fault cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFault {
    /// Over [`MAX_FAULT_LATENCY_MICROS`].
    #[error("a latency of {0} µs, at most {MAX_FAULT_LATENCY_MICROS} µs")]
    Latency(u32),
    /// Over the latency: something would arrive before it was sent.
    #[error("a jitter of {jitter} µs, at most the latency of {latency} µs")]
    Jitter {
        /// What was asked for.
        jitter: u32,
        /// What it may be at most.
        latency: u32,
    },
    /// Over [`MAX_FAULT_LOSS_PPM`].
    #[error("a loss of {0} ppm, at most {MAX_FAULT_LOSS_PPM} ppm")]
    Loss(u32),
}

impl Fault {
    /// Nothing wrong with the link to `node`: to be changed where something is.
    pub fn none(node: NodeId) -> Fault {
        Fault { node, cut: false, latency_micros: 0, jitter_micros: 0, loss_ppm: 0 }
    }

    /// Whether there can be such a fault.
    pub fn check(&self) -> Result<(), BadFault> {
        let Fault { latency_micros: latency, jitter_micros: jitter, loss_ppm, .. } = *self;
        match () {
            () if latency > MAX_FAULT_LATENCY_MICROS => Err(BadFault::Latency(latency)),
            () if jitter > latency => Err(BadFault::Jitter { jitter, latency }),
            () if loss_ppm > MAX_FAULT_LOSS_PPM => Err(BadFault::Loss(loss_ppm)),
            () => Ok(()),
        }
    }

    /// Whether what is sent is late, or lost now and then.
    pub fn is_slow(&self) -> bool {
        self.latency_micros > 0 || self.loss_ppm > 0
    }
}
