//! The edge around the core: sockets, timers, storage and mining threads, on one thread of tokio.
//!
//! | file | concern |
//! |---|---|
//! | `driver` | one `select!` that owns the node: inputs in, outputs carried out in order |
//! | `connection` | one socket: bytes to inputs |
//! | `listen` | sockets from others (`driver` dials) |
//! | `names` | peers that are named by their host: which addresses that stands for, and again |
//! | `join` | the rules of a network whose node is at an address |
//! | `handle` | what HTTP holds of a running node |
//! | `events` | what happened, numbered, for readers who come and go |
//! | `arrivals`, `traffic` | when recent blocks came and from whom; bytes read and written |
//! | `writer`, `faults` | queued frames to bytes, each at its time where somebody made the link slow |
//! | `log` | what happened, as log lines |
//! | `records` | what is known of other nodes, written down |
//! | `clock` | the one place that reads clocks, and says times to people |
//!
//! Not here: any decision about the protocol (`node`).

mod arrivals;
pub mod clock;
mod connection;
mod driver;
pub mod events;
mod faults;
mod handle;
pub mod join;
mod listen;
mod log;
pub mod names;
mod records;
mod traffic;
mod writer;

pub use arrivals::Arrival;
pub use clock::{Clock, rfc3339, unix_time};
pub use driver::{Failed, Settings, start};
pub use handle::{Handle, Stopped};
pub use listen::bind;
pub use log::CallerLines;
pub use records::Written;
pub use traffic::{Bytes, Traffic};

#[cfg(test)]
mod tests;
