//! Why something that was asked of a running network is not done.

use crate::manager::child::NotStarted;
use crate::manager::control::ControlError;

/// What keeps it from being done, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// There is no such node.
    #[error("there is no node {number}: there are nodes 0 to {last}")]
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
        hint: String,
    },
    /// A node did not do its part.
    #[error("node {number}: {error}")]
    Node {
        /// Which.
        number: usize,
        /// Why.
        error: ControlError,
    },
    /// A process could not be started.
    #[error("node {number} could not be started: {error}")]
    NotStarted {
        /// Which.
        number: usize,
        /// Why.
        error: NotStarted,
    },
    /// It takes longer than somebody waits.
    #[error("{0}")]
    Late(String),
    /// Everything stops.
    #[error("the network is shutting down")]
    Stopping,
}

impl NotDone {
    /// Not as things are: why, and what to do.
    pub fn not_now(why: impl Into<String>, hint: impl Into<String>) -> NotDone {
        NotDone::NotNow { why: why.into(), hint: hint.into() }
    }
}
