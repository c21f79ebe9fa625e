#![doc = include_str!("../README.md")]
//!
//! # The map
//!
//! | pure, from the bottom up | |
//! |---|---|
//! | [`limits`] | every size, count and timeout, once |
//! | [`encoding`] | the canonical encoding of values |
//! | [`time`] | the one time type |
//! | [`text`] | text as it is shown: to a shell, on a terminal |
//! | [`types`] | hashes, targets, headers, transactions, blocks |
//! | [`params`] | networks and their rules |
//! | [`chain`] | the block tree: which blocks are good, which branch has the most work |
//! | [`mempool`] | what waits for a block |
//! | [`wire`] | messages, frames, signed commands |
//! | [`peer`] | one connection |
//! | [`node`] | the core: all connections, one state machine |
//! | [`sim`] | a network of nodes under a clock that jumps |
//!
//! | the edge, which carries out what the core decides | |
//! |---|---|
//! | [`mod@file`] | files replaced in one step |
//! | [`store`] | blocks kept |
//! | [`miner`] | nonces tried |
//! | [`net`] | sockets and timers, and the loop that owns the core |
//! | [`rest`] | HTTP |
//! | [`manager`] | a network of processes |
//! | [`cli`] | flags, commands, scenarios, logs: the two programs |

pub mod chain;
#[cfg(feature = "programs")]
pub mod cli;
pub mod encoding;
pub mod file;
pub mod limits;
#[cfg(feature = "programs")]
pub mod manager;
pub mod mempool;
pub mod miner;
pub mod net;
pub mod node;
pub mod params;
pub mod peer;
#[cfg(feature = "programs")]
pub mod rest;
pub mod sim;
pub mod store;
pub mod text;
pub mod time;
pub mod types;
pub mod wire;
