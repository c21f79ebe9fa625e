//! Why a connection closed: whose fault it was, and what the other side is told.

use crate::encoding::Text;
use crate::types::BlockHash;
use crate::wire::manage::Refusal;
use crate::wire::message::{Bye, ByeReason};
use crate::wire::{self, Kind};

/// The reason of a close, ours or theirs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Disconnect {
    /// The other side ended the stream.
    #[error("closed by the peer")]
    Ended,
    /// The socket failed.
    #[error("the connection failed: {0}")]
    Failed(String),
    /// The other side said why.
    #[error("the peer said bye: {reason:?} {detail}")]
    Bye {
        /// For programs.
        reason: ByeReason,
        /// For people.
        detail: String,
    },
    /// The handshake was not done in time.
    #[error("no handshake in time")]
    HandshakeTimeout,
    /// Not a byte for a minute, a ping unanswered.
    #[error("no answer to a ping")]
    PongTimeout,
    /// A frame trickled in too slowly.
    #[error("a frame came in too slowly")]
    SlowFrame,
    /// What we wrote was not read.
    #[error("our bytes were not read in time")]
    WriteTimeout,
    /// What we had to write did not fit the queue.
    #[error("too much was waiting to be read by the peer")]
    SendQueueFull,
    /// The bytes were no message.
    #[error("{0}")]
    Malformed(#[from] wire::Error),
    /// A message out of turn.
    #[error("{0} was not expected here")]
    Unexpected(Kind),
    /// Too many messages of kinds we do not know.
    #[error("too many messages of unknown kinds")]
    UnknownKinds,
    /// The networks differ.
    #[error("the peer is on another network")]
    WrongNetwork,
    /// Whoever says that it is of no network asks which one this is.
    #[error("it asked which network this is")]
    AsksNetwork,
    /// No common version.
    #[error("we speak versions {}..={}, the peer {min}..={max}", ours.0, ours.1)]
    BadVersion {
        /// What we speak.
        ours: (u16, u16),
        /// The oldest that the peer speaks.
        min: u16,
        /// The newest that the peer speaks.
        max: u16,
    },
    /// We called ourselves.
    #[error("that is this node itself")]
    SelfConnection,
    /// Another connection to the same node stays.
    #[error("there is another connection to that node")]
    Duplicate,
    /// No room.
    #[error("too many connections")]
    TooManyPeers,
    /// Its host misbehaved lately.
    #[error("its host misbehaved within a day")]
    Banned,
    /// Pushed out of the waiting room before its handshake was done.
    #[error("too many unfinished handshakes")]
    TooManyPending,
    /// More messages than anybody needs to send.
    #[error("too many {0} messages")]
    Flood(&'static str),
    /// A block or header breaks a consensus rule.
    #[error("block {hash} breaks the rule {rule}")]
    InvalidBlock {
        /// Its hash.
        hash: BlockHash,
        /// The rule's name.
        rule: &'static str,
    },
    /// Headers of one message that are not each the child of the one before.
    #[error("headers that are not linked")]
    UnlinkedHeaders,
    /// Transactions of a block asked for by places that it does not have, or in no order.
    #[error("places that the block does not have, or not in order")]
    NoSuchPlaces,
    /// A body nobody asked for.
    #[error("a block that was not asked for")]
    UnsolicitedBlock,
    /// Too many wrong or empty answers.
    #[error("too many wrong answers")]
    Strikes,
    /// A command without the right to give one.
    #[error("not authorised: {0}")]
    NotAuthorised(Refusal),
    /// A manager, where no manager's key is set.
    #[error("not authorised: {0}")]
    NoManager(&'static str),
    /// Whom we dialled says that it is a manager: those call, and are not called.
    #[error("not authorised: a manager answers there, which is to call by itself")]
    ManagerAnswers,
    /// This node stops.
    #[error("shutting down")]
    ShuttingDown,
    /// The operator wants it so.
    #[error("asked to disconnect")]
    Requested,
    /// A manager wants no link between the two.
    #[error("the link is cut")]
    Cut,
}

impl Disconnect {
    /// Whether an honest program never causes it.
    pub fn is_offence(&self) -> bool {
        use Disconnect::*;
        matches!(
            self,
            Malformed(_)
                | Unexpected(_)
                | UnknownKinds
                | Flood(_)
                | InvalidBlock { .. }
                | UnlinkedHeaders
                | UnsolicitedBlock
                | NoSuchPlaces
                | Strikes
                | NotAuthorised(_)
                | NoManager(_)
                | ManagerAnswers
        )
    }

    /// Whether it is an offence for which its host is kept out for a while: bytes that lie, blocks that lie.
    /// Not what a program may do that is merely too eager, too new, or mistaken about its rights.
    pub fn is_remembered(&self) -> bool {
        use Disconnect::*;
        matches!(self, Malformed(_) | InvalidBlock { .. } | UnlinkedHeaders | UnsolicitedBlock)
    }

    /// Whether both ends are this node. Who is dialled finds out first, and says so.
    pub fn is_self(&self) -> bool {
        matches!(self, Disconnect::SelfConnection | Disconnect::Bye { reason: ByeReason::SelfConnection, .. })
    }

    /// Whether there is no link because somebody cut it, at either end.
    pub fn is_cut(&self) -> bool {
        matches!(self, Disconnect::Cut | Disconnect::Bye { reason: ByeReason::Cut, .. })
    }

    /// Whether dialling the same address again could never end otherwise, until somebody changes a setting.
    pub fn is_permanent(&self) -> bool {
        use ByeReason as R;
        matches!(
            self,
            Disconnect::WrongNetwork
                | Disconnect::BadVersion { .. }
                | Disconnect::SelfConnection
                | Disconnect::ManagerAnswers
                | Disconnect::Bye { reason: R::WrongNetwork | R::BadVersion | R::SelfConnection, .. }
        )
    }

    /// What the other side is told; none where there is nobody to tell, or a stranger whose bytes were
    /// noise.
    pub fn bye(&self) -> Option<Bye> {
        use Disconnect::*;
        let reason = match self {
            Ended
            | Failed(_)
            | Bye { .. }
            | WriteTimeout
            | SendQueueFull
            | Malformed(_)
            | TooManyPending
            | Banned => {
                return None;
            }
            HandshakeTimeout | PongTimeout | SlowFrame => ByeReason::Timeout,
            WrongNetwork | AsksNetwork => ByeReason::WrongNetwork,
            BadVersion { .. } => ByeReason::BadVersion,
            SelfConnection => ByeReason::SelfConnection,
            Duplicate => ByeReason::Duplicate,
            TooManyPeers => ByeReason::TooManyPeers,
            ShuttingDown => ByeReason::ShuttingDown,
            Requested => ByeReason::Requested,
            Cut => ByeReason::Cut,
            NotAuthorised(_) | NoManager(_) | ManagerAnswers => ByeReason::NotAuthorised,
            Unexpected(_)
            | UnknownKinds
            | Flood(_)
            | InvalidBlock { .. }
            | UnlinkedHeaders
            | UnsolicitedBlock
            | NoSuchPlaces
            | Strikes => ByeReason::Misbehaviour,
        };
        Some(wire::message::Bye { reason, detail: Text::clipped(&self.to_string()), rules: None })
    }
}
