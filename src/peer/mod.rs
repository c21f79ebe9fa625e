//! One connection, as a pure value: its handshake, its pings, its budgets, and why it closed.
//!
//! Lives here: what can be said of a connection without knowing of any other. Not here: which of two
//! connections stays, what is asked of whom (`node`), sockets (`net`).

pub mod budget;
pub mod disconnect;
pub mod handshake;
pub mod known;
pub mod line;
pub mod ping;

pub use budget::{Budget, Voice};
pub use disconnect::Disconnect;
pub use handshake::Identity;
pub use known::Known;
pub use line::Line;
pub use ping::Liveness;
