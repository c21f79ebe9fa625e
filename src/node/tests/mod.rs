//! Conversations with one node, and networks of many, under a fake clock.
//!
//! `alice` is a node and the edge around it, to whom the other files talk; `network` is many nodes in
//! one simulation. Nothing here sleeps, and every run of a test is the same.

mod addresses;
mod alice;
mod blocks;
mod calls;
mod clocks;
mod compact;
mod contents;
mod events;
mod faults;
mod handshakes;
mod hostile;
mod lowwork;
mod management;
mod network;
mod punishments;
mod relay;
mod restarts;
mod simulation;
mod sync;
mod wanted;
mod withheld;

use alice::{Alice, bob, secs};
