//! What nodes say to each other: messages, the frames that carry them, and the manager's signed commands.
//! docs/protocol.md is the specification; this is its one implementation.
//!
//! | message | sent by | answered with |
//! |---|---|---|
//! | Hello | the dialler first, then the acceptor | Hello |
//! | Bye | whoever closes, where the other may know why | |
//! | Ping | either | Pong |
//! | GetPeers | who wants more connections | Peers |
//! | GetHeaders | who may lack blocks | Headers |
//! | GetBlocks | who has headers without bodies | one Block each, or NotFound |
//! | NewBlock | who has a new tip | |
//! | GetBlockTransactions | who puts a compact block together | BlockTransactions |
//! | HaveTransactions | whose pool grew | GetTransactions |
//! | GetTransactions | who lacks some of them | Transactions |
//! | Manage | the manager | Report, and Event once subscribed |
//!
//! Lives here: bytes to messages and back. Not here: when to say what (`peer`, `node`), sockets (`net`).

pub mod error;
pub mod frame;
pub mod manage;
pub mod message;
#[cfg(test)]
pub(crate) mod samples;

pub use error::Error;
pub use frame::{Frame, FrameCodec};
pub use message::{Kind, Message};
