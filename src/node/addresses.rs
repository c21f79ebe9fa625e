//! Whom to dial because somebody said so, and what is known of where nodes are.
//!
//! A manual peer is one that an operator or a manager named: it is dialled, and dialled again with growing
//! pauses for as long as the node runs. Whom a node chooses by itself is `outbound`'s business; both learn
//! here how their dials ended.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use rand::RngExt;

use super::book::{Book, Source, Word};
use super::io::{ConnId, Event, Output, Timer};
use super::outbound::Outbound;
use super::view::KnownAddress;
use super::*;
use crate::limits::{MAX_MANUAL_PEERS, MAX_MET_PAUSE, MAX_REDIAL_PAUSE, MIN_CUT_PAUSE, MIN_REDIAL_PAUSE};
use crate::peer::Disconnect;
use crate::types::{Group, address};
use crate::wire::message::ByeReason;

/// One address to stay connected to.
#[derive(Debug)]
struct Manual {
    state: State,
    /// The next pause.
    pause: Duration,
    /// Who lives there, once we were told or met it.
    node: Option<NodeId>,
    /// When a redial timer rings for it, if one does.
    rings: Option<Duration>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Dialling,
    Connected(ConnId),
    /// Until a redial timer rings.
    Waiting,
    /// Whoever lives there called us, until that ends.
    CalledUs,
}

/// Addresses of others, and our own.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    manual: BTreeMap<SocketAddr, Manual>,
    pub(super) book: Book,
    pub(super) outbound: Outbound,
    /// Addresses at which we met ourselves.
    own: BTreeSet<SocketAddr>,
}

impl Addresses {
    pub(super) fn is_manual(&self, address: &SocketAddr) -> bool {
        self.manual.contains_key(address)
    }

    /// How many more there may be to stay connected to.
    pub(super) fn room_for_manual(&self) -> usize {
        MAX_MANUAL_PEERS.saturating_sub(self.manual.len())
    }

    /// Whether a manual peer is on the host of `ip`.
    pub(super) fn is_manual_host(&self, ip: IpAddr) -> bool {
        self.manual.keys().any(|address| address::host(address.ip()) == address::host(ip))
    }

    /// Whether `node` lives on the host of `ip`, as one of the manual peers.
    pub(super) fn is_home(&self, ip: IpAddr, node: &NodeId) -> bool {
        let lives_at = |at, manual: &Manual| manual.node.or_else(|| self.book.node_at(at));
        let here = |at: &SocketAddr| address::host(at.ip()) == address::host(ip);
        self.manual.iter().any(|(at, manual)| here(at) && lives_at(at, manual) == Some(*node))
    }

    /// All of them, and whether each is one to stay connected to that was named while the node ran: what is
    /// worth writing down. Those in `given` come with the flags each time.
    pub(super) fn worth_keeping(&self, given: &[SocketAddr]) -> Vec<KnownAddress> {
        let dial = |address: &SocketAddr| self.is_manual(address) && !given.contains(address);
        let known = self.book.iter().map(|(at, entry)| KnownAddress {
            node: entry.name.map(|(node, _, _)| node),
            address: *at,
            dial: dial(at),
            reached: entry.reached,
        });
        let unmet = self.manual.keys().filter(|at| dial(at) && self.book.get(at).is_none());
        let unmet = unmet.map(|at| KnownAddress { node: None, address: *at, dial: true, reached: None });
        known.chain(unmet).collect()
    }
}

impl Node {
    /// What an earlier run knew. Those to stay connected to are dialled.
    pub(super) fn remember_addresses(&mut self, known: Vec<KnownAddress>) {
        for KnownAddress { node, address, dial, reached } in known {
            let Ok(address) = address::reachable(address) else { continue };
            if self.is_own(&address) || node == Some(self.identity.node) {
                continue;
            }
            let (book, now) = (&mut self.addresses.book, self.now.elapsed);
            let source = if dial { Source::Named } else { Source::Kept };
            match node {
                Some(node) => book.learn(node, address, Word::Told, source, now),
                None => {
                    book.hear(address, source, now);
                }
            }
            if let Some(at) = reached {
                book.was_reached(&address, at);
            }
            if dial {
                self.stay_connected(address, node);
            }
        }
    }

    /// Somebody with the right to it says that `node` is at `address`.
    pub(super) fn learn_told(&mut self, node: NodeId, address: SocketAddr) {
        if node != self.identity.node && !self.is_own(&address) {
            self.addresses.book.learn(node, address, Word::Told, Source::Named, self.now.elapsed);
        }
    }

    /// `node` called us, and says that it listens at `address`.
    pub(super) fn learn_claimed(&mut self, node: NodeId, address: SocketAddr) {
        let Ok(address) = address::reachable(address) else { return };
        if self.is_own(&address) {
            return;
        }
        // Who was met there stays while it is connected; then the place may have another tenant.
        let tenant = self.addresses.book.node_at(&address);
        if tenant.is_some_and(|tenant| tenant != node && self.ready_to(&tenant).is_none()) {
            self.addresses.book.doubt(&address);
        }
        let source = Source::Peer(Group::of(address.ip()));
        self.addresses.book.learn(node, address, Word::Claimed, source, self.now.elapsed);
    }

    /// Whether dialling `address` could only reach ourselves.
    pub(super) fn is_own(&self, address: &SocketAddr) -> bool {
        *address == address::from_here(self.config.listen) || self.addresses.own.contains(address)
    }

    /// Whether staying connected to `address`, where `node` lives, takes a place among those to stay connected
    /// to.
    pub(super) fn is_new_manual(&self, address: &SocketAddr, node: Option<NodeId>) -> bool {
        node != Some(self.identity.node) && !self.is_own(address) && !self.addresses.is_manual(address)
    }

    /// Connects to `address`, and again whenever that ends; if there is room for it.
    pub(super) fn stay_connected(&mut self, address: SocketAddr, node: Option<NodeId>) {
        if !self.is_new_manual(&address, node) || self.addresses.room_for_manual() == 0 {
            // Whoever names it again thinks that somebody is there by now.
            return self.redial_due(address);
        }
        // Whoever is named is vouched for.
        self.bans.forgive(address.ip());
        let state = match self.take_over_chosen(&address) {
            Some(Some(conn)) => State::Connected(conn),
            Some(None) => State::Dialling,
            None => State::Waiting,
        };
        self.addresses.manual.insert(address, Manual { state, pause: MIN_REDIAL_PAUSE, node, rings: None });
        self.redial_due(address);
    }

    /// Stays connected to `address`, and to wherever else `node` lives, no longer; whether it was to.
    pub(super) fn forget_manual(&mut self, address: &SocketAddr, node: Option<NodeId>) -> bool {
        let before = self.addresses.manual.len();
        let is_it =
            |at: &SocketAddr, manual: &Manual| at == address || (node.is_some() && manual.node == node);
        self.addresses.manual.retain(|at, manual| !is_it(at, manual));
        self.addresses.manual.len() < before
    }

    /// Stays connected to `node` no longer, wherever it lives; whether it was to.
    pub(super) fn forget_manual_node(&mut self, node: &NodeId) -> bool {
        let Addresses { manual, book, .. } = &mut self.addresses;
        let before = manual.len();
        manual.retain(|at, manual| manual.node.or_else(|| book.node_at(at)) != Some(*node));
        manual.len() < before
    }

    /// A redial timer of `address` rings.
    pub(super) fn redial_rings(&mut self, address: SocketAddr) {
        if let Some(manual) = self.addresses.manual.get_mut(&address) {
            manual.rings = manual.rings.filter(|at| *at > self.now.elapsed);
        }
        self.redial_due(address);
    }

    /// The time to dial `address` has come.
    fn redial_due(&mut self, address: SocketAddr) {
        let Some(manual) = self.addresses.manual.get(&address) else { return };
        if manual.state != State::Waiting || self.stopping {
            return;
        }
        // Whoever lives there may have called us in the meantime; `node_gone` rings when that ends. Somebody who
        // called from elsewhere need not be it: the one who answers here says so.
        let there = self.lives_at(&address);
        if there.is_some_and(|node| self.faults.is_cut(&node)) {
            // `redial_now` follows the mending.
            return;
        }
        if let Some(node) = there
            && self.ready_to(&node).is_some_and(|conn| self.is_from_home(conn, &node))
        {
            return self.has_called_us(&address, node);
        }
        if let Some(manual) = self.addresses.manual.get_mut(&address) {
            manual.state = State::Dialling;
        }
        self.out.push(Output::Dial(address));
    }

    fn has_called_us(&mut self, address: &SocketAddr, node: NodeId) {
        if let Some(manual) = self.addresses.manual.get_mut(address) {
            manual.node = Some(node);
            manual.state = State::CalledUs;
        }
    }

    /// Dials `node` wherever it is to be dialled and is not yet, without the pause that failures left.
    pub(super) fn redial_now(&mut self, node: &NodeId) {
        let Addresses { manual, book, .. } = &mut self.addresses;
        let mut waiting = Vec::new();
        for (address, manual) in manual {
            if manual.node.or_else(|| book.node_at(address)) == Some(*node) {
                manual.pause = MIN_CUT_PAUSE;
                if manual.state == State::Waiting {
                    waiting.push(*address);
                }
            }
        }
        for address in waiting {
            self.redial_due(address);
        }
    }

    /// Who lives at `address`, as far as we know.
    pub(super) fn lives_at(&self, address: &SocketAddr) -> Option<NodeId> {
        let manual = self.addresses.manual.get(address).and_then(|manual| manual.node);
        manual.or_else(|| self.addresses.book.node_at(address))
    }

    /// Nobody answered at `address`.
    pub(super) fn dial_failed(&mut self, address: SocketAddr, error: String) {
        self.event(Event::DialFailed { address, error });
        self.addresses.book.silent(&address);
        self.redial_later(address, false);
        self.chosen_failed(address);
    }

    /// A connection that we dialled exists.
    pub(super) fn dialled(&mut self, address: SocketAddr, conn: ConnId) {
        if let Some(manual) = self.addresses.manual.get_mut(&address) {
            manual.state = State::Connected(conn);
        }
        self.addresses.outbound.connected(address, conn);
    }

    /// It is `node` that lives at `address`.
    pub(super) fn dial_met(&mut self, address: SocketAddr, node: NodeId) {
        if let Some(manual) = self.addresses.manual.get_mut(&address) {
            manual.node = Some(node);
        }
        let source = if self.addresses.is_manual(&address) { Source::Named } else { Source::Kept };
        self.addresses.book.learn(node, address, Word::Met, source, self.now.elapsed);
        self.addresses.book.reached(&address, self.now);
        self.addresses.outbound.met(&address);
    }

    /// The handshake at `address` was done: somebody is there, and the next pause is no long one.
    pub(super) fn dial_succeeded(&mut self, address: SocketAddr) {
        if let Some(manual) = self.addresses.manual.get_mut(&address) {
            manual.pause = manual.pause.min(MAX_MET_PAUSE);
        }
    }

    /// The next pause before `address` is dialled.
    pub(super) fn redial_after(&mut self, address: &SocketAddr, pause: Duration) {
        if let Some(manual) = self.addresses.manual.get_mut(address) {
            manual.pause = pause;
        }
    }

    /// A connection that we dialled is no more.
    pub(super) fn dial_ended(&mut self, address: SocketAddr, conn: ConnId, why: &Disconnect) {
        self.chosen_ended(address, conn, why);
        if self.addresses.manual.get(&address).is_none_or(|m| m.state != State::Connected(conn)) {
            return;
        }
        if why.is_self() {
            self.addresses.manual.remove(&address);
            self.met_ourselves(address);
            return;
        }
        if matches!(why, Disconnect::Bye { reason: ByeReason::Duplicate, .. })
            && let Some(node) = self.lives_at(&address).filter(|node| self.ready_to(node).is_some())
        {
            // Its own word that it is the one who called us.
            return self.has_called_us(&address, node);
        }
        // Who follows other rules, or a chain that breaks ours, does so the next time as well.
        self.redial_later(address, why.is_permanent() || why.is_offence());
    }

    pub(super) fn met_ourselves(&mut self, address: SocketAddr) {
        self.addresses.book.forget(&address);
        if self.addresses.own.len() < MAX_MANUAL_PEERS {
            self.addresses.own.insert(address);
        }
    }

    /// A connection to `node` is no more: where it was wanted and called us instead, it is dialled again.
    pub(super) fn node_gone(&mut self, node: &NodeId) {
        let idle = |(address, manual): (&SocketAddr, &Manual)| {
            (manual.node == Some(*node) && manual.state == State::CalledUs).then_some(*address)
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
        let pause = pause * self.rng.random_range(750..=1250) / 1000;
        let at = self.now.elapsed + pause;
        // One that was dialled before its time may have a timer still, which is as good.
        if manual.rings.is_none_or(|rings| rings > at) {
            manual.rings = Some(at);
            self.set_timer(Timer::Redial(address), pause);
        }
    }
}
