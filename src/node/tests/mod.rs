//! Conversations with one node, and networks of many, under a fake clock.
//!
//! `alice` is a node and the edge around it; the other files talk to her, or put many of her into a
//! network. Nothing here sleeps, and every run of a test is the same.

mod addresses;
mod alice;
mod blocks;
mod contents;
mod handshakes;
mod hostile;
mod lowwork;
mod management;
mod network;
mod punishments;
mod restarts;
mod simulation;
mod sync;

use alice::{Alice, bob, secs};
