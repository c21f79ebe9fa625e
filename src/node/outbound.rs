//! The connections that a node opens by itself: so many, chosen at random from the book, spread over
//! networks, so that nobody who has one network surrounds the node.
//!
//! Beside them one address at a time is probed that was only heard of: dialled, and let go once it has
//! answered. That is how an address is proved before others are told of it (`gossip`), and how a node to
//! whom all others came learns where they can be reached. Bitcoin Core calls it a feeler.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand::RngExt;

use super::book::Entry;
use super::io::{ConnId, Direction, Output, Timer};
use super::*;
use crate::limits::OUTBOUND_PERIOD;
use crate::peer::Disconnect;
use crate::types::Group;
use crate::wire::message::ByeReason;

/// What a dial is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To stay connected.
    Stay,
    /// To see who is there.
    Probe,
}

#[derive(Debug)]
struct Chosen {
    purpose: Purpose,
    /// Once it is connected.
    conn: Option<ConnId>,
    /// A node of our network was met there.
    met: bool,
}

/// The dials that the node chose, those that became connections included.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    chosen: BTreeMap<SocketAddr, Chosen>,
}

impl Outbound {
    pub(super) fn connected(&mut self, address: SocketAddr, conn: ConnId) {
        if let Some(chosen) = self.chosen.get_mut(&address) {
            chosen.conn = Some(conn);
        }
    }

    pub(super) fn met(&mut self, address: &SocketAddr) {
        if let Some(chosen) = self.chosen.get_mut(address) {
            chosen.met = true;
        }
    }

    fn count(&self, purpose: Purpose) -> usize {
        self.chosen.values().filter(|chosen| chosen.purpose == purpose).count()
    }
}

impl Node {
    /// The time to look after the connections that were chosen has come.
    pub(super) fn outbound_due(&mut self) {
        if self.config.outbound == 0 || self.stopping {
            return;
        }
        self.fill_outbound();
        self.probe();
        if self.wants_outbound() {
            self.ask_somebody_for_peers();
        }
        self.set_timer(Timer::Outbound, OUTBOUND_PERIOD);
    }

    fn wants_outbound(&self) -> bool {
        self.addresses.outbound.count(Purpose::Stay) < self.config.outbound
    }

    /// Dials until as many are chosen as are wanted, or nobody is left to choose.
    pub(super) fn fill_outbound(&mut self) {
        while self.wants_outbound() && !self.stopping {
            let Some(address) = self.choose() else { return };
            self.dial_chosen(address, Purpose::Stay);
        }
    }

    fn dial_chosen(&mut self, address: SocketAddr, purpose: Purpose) {
        self.addresses.outbound.chosen.insert(address, Chosen { purpose, conn: None, met: false });
        self.out.push(Output::Dial(address));
    }

    /// An address to connect to: of a network that no chosen one is in, if there is one, else of one that has
    /// less than half of them. This machine's are all as good.
    fn choose(&mut self) -> Option<SocketAddr> {
        let mut taken: BTreeMap<Group, usize> = BTreeMap::new();
        for (address, chosen) in &self.addresses.outbound.chosen {
            if chosen.purpose == Purpose::Stay {
                *taken.entry(Group::of(address.ip())).or_default() += 1;
            }
        }
        let most = self.config.outbound.div_ceil(2);
        let (mut far, mut near) = (Vec::new(), Vec::new());
        for (address, entry) in self.addresses.book.iter() {
            if !self.may_dial(address, entry) || self.is_connected(address, entry) {
                continue;
            }
            match Group::of(address.ip()) {
                Group::Loopback => far.push(*address),
                group => match taken.get(&group) {
                    None => far.push(*address),
                    Some(count) if *count < most => near.push(*address),
                    Some(_) => {}
                },
            }
        }
        let from = if far.is_empty() { near } else { far };
        self.any_of(&from)
    }

    fn any_of(&mut self, addresses: &[SocketAddr]) -> Option<SocketAddr> {
        if addresses.is_empty() {
            return None;
        }
        addresses.get(self.rng.random_range(0..addresses.len())).copied()
    }

    fn may_dial(&self, address: &SocketAddr, entry: &Entry) -> bool {
        entry.next <= self.now.elapsed
            && !self.addresses.is_manual(address)
            && !self.addresses.outbound.chosen.contains_key(address)
            && !self.is_own(address)
            && !self.is_banned(address.ip())
            && !entry.name.is_some_and(|(node, _, _)| self.faults.is_cut(&node))
    }

    fn is_connected(&self, address: &SocketAddr, entry: &Entry) -> bool {
        entry.name.is_some_and(|(node, _, _)| self.ready_to(&node).is_some())
            || self.connections.values().any(|c| c.address == *address)
    }

    /// Tries one address that nobody was met at lately. Who called us counts: whether it can be called is
    /// what others want to know.
    fn probe(&mut self) {
        if self.addresses.outbound.count(Purpose::Probe) > 0 {
            return;
        }
        let unproved = |(address, entry): (&SocketAddr, &Entry)| {
            let stale = !entry.is_fresh(self.now.wall) && self.may_dial(address, entry);
            (stale && !self.connections.values().any(|c| c.address == *address)).then_some(*address)
        };
        let unproved: Vec<SocketAddr> = self.addresses.book.iter().filter_map(unproved).collect();
        if let Some(address) = self.any_of(&unproved) {
            self.dial_chosen(address, Purpose::Probe);
        }
    }

    /// A node of our network answered a dial: whether that is all we wanted to know.
    pub(super) fn was_probe(&mut self, conn: ConnId) -> bool {
        let wanted = self.wants_outbound();
        let chosen = self.addresses.outbound.chosen.values_mut().find(|chosen| chosen.conn == Some(conn));
        match chosen {
            Some(chosen) if chosen.purpose == Purpose::Probe && wanted => {
                chosen.purpose = Purpose::Stay;
                false
            }
            chosen => chosen.is_some_and(|chosen| chosen.purpose == Purpose::Probe),
        }
    }

    /// An address that was chosen is named by somebody: whether it is, and its connection, if it has one.
    pub(super) fn take_over_chosen(&mut self, address: &SocketAddr) -> Option<Option<ConnId>> {
        self.addresses.outbound.chosen.remove(address).map(|chosen| chosen.conn)
    }

    /// Nobody answered where we chose to dial.
    pub(super) fn chosen_failed(&mut self, address: SocketAddr) {
        if self.addresses.outbound.chosen.remove(&address).is_some() {
            self.count_failure(&address);
            self.fill_outbound();
        }
    }

    fn count_failure(&mut self, address: &SocketAddr) {
        let somebody_answers = self.ready().any(|(_, c)| c.direction == Direction::Outbound);
        self.addresses.book.failed(address, somebody_answers, self.now.elapsed);
    }

    /// A connection that we chose to open is no more.
    pub(super) fn chosen_ended(&mut self, address: SocketAddr, conn: ConnId, why: &Disconnect) {
        let chosen = &mut self.addresses.outbound.chosen;
        if chosen.get(&address).is_none_or(|chosen| chosen.conn != Some(conn)) {
            return;
        }
        let was_met = chosen.remove(&address).is_some_and(|chosen| chosen.met);
        // Only a node of our network has another connection to us, or no room, or a link that is cut.
        let is_there = matches!(
            why,
            Disconnect::Duplicate
                | Disconnect::TooManyPeers
                | Disconnect::Bye { reason: ByeReason::Duplicate | ByeReason::TooManyPeers, .. }
        ) || why.is_cut();
        match why {
            why if why.is_self() => self.met_ourselves(address),
            why if why.is_permanent() || why.is_offence() => self.addresses.book.forget(&address),
            _ if is_there || was_met => self.addresses.book.reached(&address, self.now),
            _ => self.count_failure(&address),
        }
        self.fill_outbound();
    }
}
