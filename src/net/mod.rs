//! The edge around the core: sockets, timers, storage and mining threads, on one thread of tokio.
//!
//! | file | concern |
//! |---|---|
//! | `driver` | one `select!` that owns the node: inputs in, outputs carried out in order |
//! | `connection` | one socket: bytes to inputs, queued frames to bytes |
//! | `listen`, `dial` | sockets from and to others |
//! | `handle` | what HTTP holds of a running node |
//! | `records` | what is known of other nodes, written down |
//! | `clock` | the one place that reads clocks, and says times to people |
//!
//! Not here: any decision about the protocol (`node`).

pub mod clock;
mod connection;
mod driver;
mod handle;
mod listen;
mod log;
mod records;
mod writer;

pub use clock::{Clock, rfc3339};
pub use driver::{Failed, Settings, start};
pub use handle::{Handle, Stopped};
pub use listen::bind;
pub use records::Written;

#[cfg(test)]
mod tests;
