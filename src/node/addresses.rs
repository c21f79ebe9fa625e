//! Whom to dial, and whom one has heard of.
//!
//! A manual peer is one that an operator or a manager named: it is dialled, and dialled again with growing
//! pauses for as long as the node runs. Everybody else is only known: shown to users, and dialled by
//! nobody yet.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand::RngExt;

use super::io::{ConnId, Event, Output, Timer};
use super::view::KnownAddress;
use super::*;
use crate::limits::{MAX_KNOWN_NODES, MAX_MANUAL_PEERS, MAX_REDIAL_PAUSE, MIN_REDIAL_PAUSE};
use crate::peer::Disconnect;

/// One address to stay connected to.
#[derive(Debug)]
struct Manual {
    state: State,
    /// The next pause.
    pause: Duration,
    /// Who lives there, once we were told or met it.
    node: Option<NodeId>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Dialling,
    Connected(ConnId),
    /// Until a redial timer rings.
    Waiting,
}

/// The address book.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    manual: BTreeMap<SocketAddr, Manual>,
    known: BTreeMap<NodeId, SocketAddr>,
    /// Addresses at which we met ourselves.
    own: Vec<SocketAddr>,
}

impl Addresses {
    /// Every other node ever heard of.
    pub(super) fn known(&self) -> &BTreeMap<NodeId, SocketAddr> {
        &self.known
    }

    /// All of them, and whether each is one to stay connected to that was named while the node ran: what is
    /// worth writing down. Those in `given` come with the flags each time.
    pub(super) fn worth_keeping(&self, given: &[SocketAddr]) -> Vec<KnownAddress> {
        let dial = |address: &SocketAddr| self.manual.contains_key(address) && !given.contains(address);
        let known = self.known.iter();
        let mut kept: Vec<KnownAddress> = known
            .map(|(node, at)| KnownAddress { node: Some(*node), address: *at, dial: dial(at) })
            .collect();
        let unmet = self.manual.keys().filter(|at| dial(at) && self.node_at(at).is_none());
        kept.extend(unmet.map(|at| KnownAddress { node: None, address: *at, dial: true }));
        kept
    }

    fn node_at(&self, address: &SocketAddr) -> Option<NodeId> {
        self.known.iter().find(|(_, at)| *at == address).map(|(node, _)| *node)
    }

    /// Remembers where `node` is; a full book takes nobody new.
    fn learn(&mut self, node: NodeId, address: SocketAddr) {
        if !self.known.contains_key(&node) && self.known.len() >= MAX_KNOWN_NODES {
            return;
        }
        // Another name at the same address is the same place, started anew.
        self.known.retain(|other, at| *other == node || *at != address);
        self.known.insert(node, address);
    }
}

impl Node {
    /// Remembers that `node` is at `address`, unless that is us.
    pub(super) fn learn(&mut self, node: NodeId, address: SocketAddr) {
        if node != self.identity.node && !self.is_own(&address) {
            self.addresses.learn(node, address);
        }
    }

    /// Whether dialling `address` could only reach ourselves.
    pub(super) fn is_own(&self, address: &SocketAddr) -> bool {
        *address == self.config.listen || self.addresses.own.contains(address)
    }

    /// Connects to `address`, and again whenever that ends.
    pub(super) fn stay_connected(&mut self, address: SocketAddr, node: Option<NodeId>) {
        if node == Some(self.identity.node)
            || self.is_own(&address)
            || self.addresses.manual.contains_key(&address)
            || self.addresses.manual.len() >= MAX_MANUAL_PEERS
        {
            return;
        }
        let pause = MIN_REDIAL_PAUSE;
        let manual = Manual { state: State::Waiting, pause, node };
        self.addresses.manual.insert(address, manual);
        self.redial_due(address);
    }

    /// The time to dial `address` has come.
    pub(super) fn redial_due(&mut self, address: SocketAddr) {
        let Some(manual) = self.addresses.manual.get(&address) else { return };
        if manual.state != State::Waiting || self.stopping {
            return;
        }
        // Whoever lives there may have called us in the meantime; `node_gone` rings when that ends.
        let there = manual.node.or_else(|| self.addresses.node_at(&address));
        if there.is_some_and(|node| self.ready_to(&node).is_some()) {
            if let Some(manual) = self.addresses.manual.get_mut(&address) {
                manual.node = there;
            }
            return;
        }
        if let Some(manual) = self.addresses.manual.get_mut(&address) {
            manual.state = State::Dialling;
        }
        self.out.push(Output::Dial(address));
    }

    /// Nobody answered at `address`.
    pub(super) fn dial_failed(&mut self, address: SocketAddr, error: String) {
        self.event(Event::DialFailed { address, error });
        self.redial_later(address, false);
    }

    /// A connection that we dialled exists.
    pub(super) fn dialled(&mut self, address: SocketAddr, conn: ConnId) {
        if let Some(manual) = self.addresses.manual.get_mut(&address) {
            manual.state = State::Connected(conn);
        }
    }

    /// It is `node` that lives at `address`.
    pub(super) fn dial_met(&mut self, address: SocketAddr, node: NodeId) {
        if let Some(manual) = self.addresses.manual.get_mut(&address) {
            manual.node = Some(node);
        }
    }

    /// The handshake at `address` was done: the next pause is a short one again.
    pub(super) fn dial_succeeded(&mut self, address: SocketAddr) {
        if let Some(manual) = self.addresses.manual.get_mut(&address) {
            manual.pause = MIN_REDIAL_PAUSE;
        }
    }

    /// A connection that we dialled is no more.
    pub(super) fn dial_ended(&mut self, address: SocketAddr, conn: ConnId, why: &Disconnect) {
        if self.addresses.manual.get(&address).is_none_or(|m| m.state != State::Connected(conn)) {
            return;
        }
        if matches!(why, Disconnect::SelfConnection) {
            self.addresses.manual.remove(&address);
            self.addresses.known.retain(|_, at| *at != address);
            if self.addresses.own.len() < MAX_MANUAL_PEERS {
                self.addresses.own.push(address);
            }
            return;
        }
        self.redial_later(address, why.is_permanent());
    }

    /// No connection to `node` is left: where it was wanted and called us instead, it is dialled again.
    pub(super) fn node_gone(&mut self, node: &NodeId) {
        let idle = |(address, manual): (&SocketAddr, &Manual)| {
            (manual.node == Some(*node) && manual.state == State::Waiting).then_some(*address)
        };
        let waiting: Vec<SocketAddr> = self.addresses.manual.iter().filter_map(idle).collect();
        for address in waiting {
            self.redial_later(address, false);
        }
    }

    fn redial_later(&mut self, address: SocketAddr, hopeless: bool) {
        let Some(manual) = self.addresses.manual.get_mut(&address) else { return };
        manual.state = State::Waiting;
        let pause = if hopeless { MAX_REDIAL_PAUSE } else { manual.pause };
        manual.pause = (manual.pause * 2).min(MAX_REDIAL_PAUSE);
        // Spread, so that two nodes that lost each other do not knock in step for ever.
        let spread = self.rng.random_range(750..=1250);
        self.set_timer(Timer::Redial(address), pause * spread / 1000);
    }
}
