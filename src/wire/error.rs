//! The bytes lie: why a frame is not a message.

use crate::encoding;
use crate::wire::message::Kind;

/// What is wrong with the bytes. Each is the sender's fault, and closes the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Returned on the length alone when a frame claims more than its kind may have.
    #[error("a frame of {length} bytes is over its cap of {cap}")]
    FrameTooLarge {
        /// What the length says: kind and body.
        length: u32,
        /// What this kind may have, in this phase.
        cap: u32,
    },
    /// Returned for length 0: there is no kind.
    #[error("an empty frame")]
    EmptyFrame,
    /// Returned when the body is not the encoding of its kind.
    #[error("a bad {kind} body: {error}")]
    BadBody {
        /// The kind that the frame names.
        kind: Kind,
        /// What is wrong with the bytes.
        error: encoding::Error,
    },
}
