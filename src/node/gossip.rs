//! Telling each other where nodes are.
//!
//! Nobody is told unasked, and only those are told of with whom a handshake was done by dialling them, a day
//! ago at most: so what spreads is what was proved, and a lie goes no further than the one it was told to.
//! Asked are only those whom this node chose to call: whoever calls cannot push addresses into the book.

use core::time::Duration;
use std::net::SocketAddr;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::book::Source;
use super::io::{ConnId, Direction};
use super::*;
use crate::encoding::List;
use crate::limits::{ASK_PEERS_PERIOD, MAX_PEERS};
use crate::types::{Group, address};
use crate::wire::message::Message;

/// What is remembered about one connection.
#[derive(Debug, Default)]
pub(super) struct PeerGossip {
    /// When it was asked last.
    asked: Option<Duration>,
    /// Questions without an answer.
    owed: u32,
}

impl Node {
    /// Asks a peer that we called where others are, if connections are to be chosen at all.
    pub(super) fn ask_for_peers(&mut self, conn: ConnId) {
        let now = self.now.elapsed;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if self.config.outbound > 0 && connection.direction == Direction::Outbound {
            connection.gossip.asked = Some(now);
            connection.gossip.owed += 1;
            self.send(conn, Message::GetPeers);
        }
    }

    /// Asks one of those that were not asked lately.
    pub(super) fn ask_somebody_for_peers(&mut self) {
        let now = self.now.elapsed;
        let rested = |at: Duration| now.saturating_sub(at) >= ASK_PEERS_PERIOD;
        let may_ask = |c: &Connection| {
            c.direction == Direction::Outbound && c.gossip.owed == 0 && c.gossip.asked.is_none_or(rested)
        };
        let rested: Vec<ConnId> = self.ready().filter(|(_, c)| may_ask(c)).map(|(conn, _)| conn).collect();
        if !rested.is_empty() {
            let at = self.rng.random_range(0..rested.len());
            self.ask_for_peers(rested[at]);
        }
    }

    /// Somebody asks where others are.
    pub(super) fn get_peers(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if let Err(why) = connection.budget.get_peers(self.now.elapsed) {
            return self.close(conn, why);
        }
        let asker = connection.remote().map(|remote| remote.hello.node);
        // Where it called from, or was called, and where it says that it listens.
        let port = connection.remote().map_or(0, |remote| remote.hello.listen_port);
        let its_own = [connection.address, SocketAddr::new(connection.address.ip(), port)];
        let is_local = Group::of(connection.address.ip()) == Group::Loopback;
        let mut told: Vec<SocketAddr> = Vec::new();
        for (address, entry) in self.addresses.book.iter() {
            let name = entry.name.map(|(node, _, _)| node);
            // What is on this machine is reached from this machine only.
            let reaches = is_local || Group::of(address.ip()) != Group::Loopback;
            let fresh = entry.is_fresh(self.now.wall) || self.is_called(address);
            let is_its_own = its_own.contains(address) || (name.is_some() && name == asker);
            if reaches && fresh && !is_its_own {
                told.push(*address);
            }
        }
        told.shuffle(&mut self.rng);
        told.truncate(MAX_PEERS);
        self.send(conn, Message::Peers(List::clipped(told)));
    }

    /// Whether we called `address`, and are connected.
    fn is_called(&self, address: &SocketAddr) -> bool {
        self.ready().any(|(_, c)| c.direction == Direction::Outbound && c.address == *address)
    }

    /// Addresses arrived.
    pub(super) fn peers(&mut self, conn: ConnId, addresses: &[SocketAddr]) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Some(owed) = connection.gossip.owed.checked_sub(1) else { return self.strike(conn) };
        connection.gossip.owed = owed;
        let from = Group::of(connection.address.ip());
        for given in addresses {
            let Ok(address) = address::reachable(*given) else { continue };
            // Somebody else's machine is not this one; and nobody has us dial into it.
            let is_elsewhere = Group::of(address.ip()) == Group::Loopback && from != Group::Loopback;
            if is_elsewhere || self.is_own(&address) || self.addresses.book.get(&address).is_some() {
                continue;
            }
            let Some(connection) = self.connections.get_mut(&conn) else { return };
            if !connection.budget.new_peer(self.now.elapsed) {
                break;
            }
            self.addresses.book.hear(address, Source::Peer(from), self.now.elapsed);
        }
        self.fill_outbound();
    }
}
