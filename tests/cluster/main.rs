//! The shipped binaries as a real network: started, walked through, stopped, and let down in every way.
//!
//! Ports are 0, so that tests run beside each other; where everything is, `network.json` says. Nobody
//! sleeps to wait for a start: the manager's first line on stdout means that the network is up.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]
#![allow(clippy::disallowed_methods, reason = "a deadline for what processes do that are not our children")]

mod calls;
mod deaths;
mod endings;
mod harness;
mod key;
mod lessons;
mod links;
mod lives;
mod partition;
mod renew;
mod starts;
mod walk;
