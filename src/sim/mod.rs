//! A simulated network: the real core, a thousand times, in one thread, under a clock that jumps.
//!
//! [`simulate`] runs what [`Settings`] describe and gives a [`Report`]; [`Network`] is what it does it with,
//! for tests that tell a story of their own. Nothing here models a node: every peer is a
//! [`crate::node::Node`], and what is simulated is the world around it.
//!
//! | file | concern |
//! |---|---|
//! | `run` | a run from its first connection to its report |
//! | `network` | the nodes, and what can be done to them |
//! | `edge` | what comes to a node, and what is done about its outputs |
//! | `queue` | what is to happen, by when |
//! | `links` | connections: latency, bandwidth, loss |
//! | `parcel` | messages under way, and every block there is |
//! | `topology` | who begins which link |
//! | `miners` | who finds a block, and when |
//! | `faults`, `conduct` | what goes wrong, and peers that do not behave |
//! | `invariants` | what must hold whatever happens |
//! | `spread`, `traffic`, `trace` | what is measured |
//! | `values` | quantities, as people write them |
//! | `report` | what came of it |
//!
//! The same seed gives the same run on every machine: generators are named, quantities are whole numbers,
//! nothing is walked in the order of a hash. The trace hash in the report holds it to that.
//!
//! Not here: sockets, clocks, threads; flags and progress (`cli`).

mod conduct;
mod edge;
mod faults;
mod invariants;
mod links;
mod miners;
mod network;
mod parcel;
mod queue;
mod report;
mod run;
mod spread;
mod topology;
mod trace;
mod traffic;
mod values;

pub use conduct::Conduct;
pub use faults::Faults;
pub use invariants::{Broken, Violation};
pub use links::{Line, TooSlow};
pub use network::Network;
pub use report::{Blocks, Config, Count, Delays, Report, Spread, predicted_millionths};
pub use run::{Progress, Settings, simulate};
pub use topology::{BadTopology, Topology};
pub use values::{Amount, BadValue, Bandwidth, Interval, Latency, Relay, Share, Span};

#[cfg(test)]
mod tests;
