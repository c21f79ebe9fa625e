//! Why something that was asked of a running network is not done.

use crate::manager::child::NotStarted;
use crate::manager::control::ControlError;
use crate::manager::names::{Name, there_are};
use crate::manager::view::{Call, Life};

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing that could be said.
    None,
    /// Something for people.
    Said(&'static str),
    /// A call.
    Call(Call),
}

impl From<&'static str> for Remedy {
    fn from(said: &'static str) -> Remedy {
        Remedy::Said(said)
    }
}

impl From<Call> for Remedy {
    fn from(call: Call) -> Remedy {
        Remedy::Call(call)
    }
}

/// What keeps it from being done, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// There is no such node.
    #[error("there is no node {} ({number}): {}", Name(*number), there_are(*last))]
    NoNode {
        /// What was asked for.
        number: usize,
        /// The highest number there is.
        last: usize,
    },
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// It makes no sense.
    #[error("{0}")]
    Bad(String),
    /// Not as things are.
    #[error("{why}")]
    NotNow {
        /// Why.
        why: String,
        /// What to do.
        remedy: Remedy,
    },
    /// Not as a node is.
    #[error("{why}")]
    NotSo {
        /// Which.
        number: usize,
        /// Where it is in its life.
        life: Life,
        /// Why.
        why: String,
        /// What to do.
        remedy: Remedy,
    },
    /// A node did not do its part.
    #[error("node {}: {error}", Name(*number))]
    Node {
        /// Which.
        number: usize,
        /// Why.
        error: ControlError,
    },
    /// A node does not answer when it is told of a change, which the others were told of.
    #[error("node {}: {error}; the change holds: the others have been told, and it is when it answers again", Name(*number))]
    NotTold {
        /// Which.
        number: usize,
        /// Why.
        error: ControlError,
    },
    /// A process could not be started.
    #[error("node {} could not be started: {error}", Name(*number))]
    NotStarted {
        /// Which.
        number: usize,
        /// Why.
        error: NotStarted,
    },
    /// It takes longer than somebody waits.
    #[error("{why}")]
    Late {
        /// What takes longer.
        why: String,
        /// What to do.
        remedy: Remedy,
    },
    /// Everything stops, for good.
    #[error("the network is being stopped")]
    Stopping,
    /// Everything stops, and another network takes its place.
    #[error("the network is being stopped, and a new one takes its place")]
    Renewing,
}

impl NotDone {
    /// Not in time, and there is nothing to do about it that could be said.
    pub fn late(why: impl Into<String>) -> NotDone {
        NotDone::Late { why: why.into(), remedy: Remedy::None }
    }

    /// Not as things are: why, and what to do.
    pub fn not_now(why: impl Into<String>, remedy: impl Into<Remedy>) -> NotDone {
        NotDone::NotNow { why: why.into(), remedy: remedy.into() }
    }
}
