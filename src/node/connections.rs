//! From a connected socket to a ready peer, and to its end.
//!
//! A node id proves nothing, so a ready connection is never displaced by a claim: when another connection
//! claims to come from the same node, the old one is pinged, and only its silence lets the new one in. There
//! are two exceptions. Of two nodes that dialled each other at the same moment both keep the connection that
//! the node with the greater id dialled. And an address proves something: whoever answers with that name at
//! one that an operator or a manager named gets the place of somebody who has it and is elsewhere.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use rand::{Rng, RngExt};

use super::fetch::PeerFetch;
use super::gossip::PeerGossip;
use super::io::{ConnId, Direction, Event, Output, Timer};
use super::relay::PeerRelay;
use super::sync::PeerSync;
use super::wanted::PeerWanted;
use super::*;
use crate::limits::{
    CONTENDER_PAUSE, CONTENDER_TIMEOUT, HANDSHAKE_TIMEOUT, MAX_INBOUND, MAX_INBOUND_PER_GROUP,
    MAX_INBOUND_PER_HOST, MAX_MANAGERS, MAX_PENDING_HANDSHAKES, MIN_CUT_PAUSE, MIN_REDIAL_PAUSE,
    SIMULTANEOUS_WINDOW, STEADY_LINK,
};
use crate::peer::ping::Due;
use crate::peer::{Budget, Disconnect, Line, Liveness};
use crate::types::{Group, address};
use crate::wire::message::{Bye, ByeReason, Hello, Message, Ping, Role};

/// One connection, and what each concern keeps about it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) address: SocketAddr,
    pub(super) direction: Direction,
    pub(super) phase: Phase,
    pub(super) budget: Budget,
    /// What our Hello on this connection says, or will say.
    pub(super) challenge: [u8; 32],
    live: Liveness,
    /// A timer will look whether it is silent, because another connection claims its place.
    questioned: bool,
    /// What makes what we send late.
    pub(super) line: Option<Line>,
    began: Duration,
    pub(super) sync: PeerSync,
    pub(super) fetch: PeerFetch,
    pub(super) relay: PeerRelay,
    pub(super) wanted: PeerWanted,
    pub(super) gossip: PeerGossip,
}

/// How far a connection has come.
#[derive(Debug)]
pub(super) enum Phase {
    /// Their Hello has not come.
    Greeting,
    /// Their Hello has come, but another connection to that node is ready and has been pinged.
    Contending(Hello),
    /// A node of our network.
    Ready(Remote),
    /// Says it is a manager; obeyed from its first valid signature on.
    Manager(Managing),
}

/// A node at the other end.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) hello: Hello,
    /// When the handshake was done.
    pub(super) met: Now,
}

/// A manager at the other end.
#[derive(Debug, Default)]
pub(super) struct Managing {
    /// Sequence of the last command that was its own: 0, none yet.
    pub(super) sequence: u64,
    pub(super) subscribed: bool,
}

impl Connection {
    /// The node at the other end, if the handshake is done.
    pub(super) fn remote(&self) -> Option<&Remote> {
        match &self.phase {
            Phase::Ready(remote) => Some(remote),
            _ => None,
        }
    }

    /// How long the last ping took to be answered.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.live.round_trip()
    }

    fn is_pending(&self) -> bool {
        match &self.phase {
            Phase::Greeting | Phase::Contending(_) => true,
            Phase::Ready(_) => false,
            Phase::Manager(managing) => managing.sequence == 0,
        }
    }
}

impl Node {
    /// Connections to nodes, ready.
    pub(super) fn ready(&self) -> impl Iterator<Item = (ConnId, &Connection)> {
        self.connections.iter().filter(|(_, c)| c.remote().is_some()).map(|(conn, c)| (*conn, c))
    }

    /// The ready connection to `node`.
    pub(super) fn ready_to(&self, node: &NodeId) -> Option<ConnId> {
        let is_it = |c: &Connection| c.remote().is_some_and(|remote| remote.hello.node == *node);
        self.connections.iter().find(|(_, c)| is_it(c)).map(|(conn, _)| *conn)
    }

    pub(super) fn connected(&mut self, conn: ConnId, address: SocketAddr, direction: Direction) {
        if self.stopping {
            self.out.push(Output::Close(conn, Disconnect::ShuttingDown));
            return;
        }
        // A dial is known by the address as it was dialled.
        let address = if direction == Direction::Inbound { address::canonical(address) } else { address };
        if direction == Direction::Inbound {
            if self.is_banned(address.ip()) {
                let why = Disconnect::Banned;
                self.out.push(Output::Close(conn, why.clone()));
                return self.event(Event::PeerClosed { conn, node: None, address, why });
            }
            self.make_room_for_handshake();
        }
        let mut challenge = [0; 32];
        self.rng.fill_bytes(&mut challenge);
        let connection = Connection {
            address,
            direction,
            phase: Phase::Greeting,
            budget: Budget::default(),
            challenge,
            live: Liveness::new(self.now.elapsed),
            questioned: false,
            line: None,
            began: self.now.elapsed,
            sync: PeerSync::default(),
            fetch: PeerFetch::default(),
            relay: PeerRelay::default(),
            wanted: PeerWanted::default(),
            gossip: PeerGossip::default(),
        };
        self.connections.insert(conn, connection);
        self.set_timer(Timer::Handshake(conn), HANDSHAKE_TIMEOUT);
        if direction == Direction::Outbound {
            self.dialled(address, conn);
            if let Some(node) = self.lives_at(&address) {
                self.shape(conn, &node);
            }
            self.say_hello(conn);
        }
    }

    /// The waiting room is small. Of the host that takes the most room in it, whoever has said nothing for
    /// longest goes: a crowd pushes out its own.
    fn make_room_for_handshake(&mut self) {
        let silent = |c: &Connection| c.is_pending() && c.direction == Direction::Inbound;
        let mut crowds: BTreeMap<IpAddr, (usize, ConnId)> = BTreeMap::new();
        for (conn, connection) in self.connections.iter().filter(|(_, c)| silent(c)) {
            crowds.entry(address::host(connection.address.ip())).or_insert((0, *conn)).0 += 1;
        }
        if crowds.values().map(|(count, _)| count).sum::<usize>() >= MAX_PENDING_HANDSHAKES
            && let Some((_, oldest)) =
                crowds.into_values().max_by_key(|(count, oldest)| (*count, Reverse(*oldest)))
        {
            self.close(oldest, Disconnect::TooManyPending);
        }
    }

    /// Whether one more peer may call from `ip`: there is room, and neither its host nor its network has
    /// more than its share of it.
    fn has_room_for(&self, ip: IpAddr) -> bool {
        let inbound = |c: &&Connection| c.direction == Direction::Inbound && c.remote().is_some();
        let ips = || self.connections.values().filter(inbound).map(|c| c.address.ip());
        let (host, group) = (address::host(ip), Group::of(ip));
        ips().count() < MAX_INBOUND
            && (group == Group::Loopback
                || ips().filter(|ip| address::host(*ip) == host).count() < MAX_INBOUND_PER_HOST
                    && ips().filter(|ip| Group::of(*ip) == group).count() < MAX_INBOUND_PER_GROUP)
    }

    fn say_hello(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let tip = self.chain.tip();
        let hello = self.identity.hello(connection.challenge, (tip.work, tip.height), self.now.wall);
        self.send(conn, Message::Hello(hello));
    }

    /// A message that is no block: to whom it belongs, if it may be said now.
    pub(super) fn message(&mut self, conn: ConnId, message: Message) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.live.heard(self.now.elapsed);
        let kind = message.kind();
        let in_turn = match &connection.phase {
            Phase::Greeting => kind.is_taken_by_node(false),
            Phase::Contending(_) => kind.is_taken_by_node(true),
            Phase::Ready(_) => kind.is_taken_by_node(true) && !matches!(message, Message::Manage(_)),
            Phase::Manager(_) => {
                use Message::{Bye, Manage, Ping, Pong};
                matches!(message, Manage(_) | Ping(_) | Pong(_) | Bye(_))
            }
        };
        if !in_turn {
            return self.close(conn, Disconnect::Unexpected(kind));
        }
        let contending = matches!(connection.phase, Phase::Contending(_));
        match message {
            Message::Hello(hello) => self.hello(conn, hello),
            Message::Bye(bye) => self.bye(conn, bye),
            // Not let in yet, nor greeted; what it says now it will be asked for again.
            _ if contending => {}
            Message::Ping(ping) => self.ping(conn, ping),
            Message::Pong(ping) => self.pong(conn, ping),
            Message::GetPeers => self.get_peers(conn),
            Message::Peers(addresses) => self.peers(conn, &addresses),
            Message::GetHeaders(question) => self.get_headers(conn, question),
            Message::Headers(headers) => self.headers(conn, headers.into_vec()),
            Message::GetBlocks(hashes) => self.get_blocks(conn, hashes.into_vec()),
            Message::NotFound(hashes) => self.not_found(conn, &hashes),
            Message::NewBlock(news) => self.announced(conn, news),
            Message::GetBlockTransactions(asked) => self.get_block_transactions(conn, asked),
            Message::BlockTransactions(came) => self.block_transactions(conn, came),
            Message::HaveTransactions(ids) => self.have_transactions(conn, &ids),
            Message::GetTransactions(ids) => self.get_transactions(conn, &ids),
            Message::Transactions(list) => self.transactions(conn, list.into_vec()),
            Message::Manage(manage) => self.manage(conn, &manage),
            Message::Block(_) | Message::Report(_) | Message::Event(_) => {
                self.close(conn, Disconnect::Unexpected(kind));
            }
        }
    }

    /// A block arrived on `conn`; whether one may, here.
    pub(super) fn may_send_blocks(&mut self, conn: ConnId, kind: crate::wire::Kind) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        connection.live.heard(self.now.elapsed);
        match connection.phase {
            Phase::Ready(_) => true,
            Phase::Contending(_) => false,
            Phase::Greeting | Phase::Manager(_) => {
                self.close(conn, Disconnect::Unexpected(kind));
                false
            }
        }
    }

    pub(super) fn arriving(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.live.heard(self.now.elapsed);
        }
    }

    pub(super) fn unknown_kind(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.live.heard(self.now.elapsed);
        if let Err(why) = connection.budget.unknown() {
            self.close(conn, why);
        }
    }

    fn hello(&mut self, conn: ConnId, hello: Hello) {
        if let Err(why) = self.identity.meet(&hello) {
            return self.close(conn, why);
        }
        let Some(connection) = self.connections.get(&conn) else { return };
        if hello.role == Role::Manager {
            return match connection.direction {
                Direction::Inbound => self.greet_manager(conn),
                Direction::Outbound => self.close(conn, Disconnect::ManagerAnswers),
            };
        }
        let (address, direction) = (connection.address, connection.direction);
        self.shape(conn, &hello.node);
        if direction == Direction::Outbound {
            self.dial_met(address, hello.node);
        }
        if self.faults.is_cut(&hello.node) {
            return self.close(conn, Disconnect::Cut);
        }
        if direction == Direction::Outbound && self.was_probe(conn) {
            return self.close(conn, Disconnect::TooManyPeers);
        }
        let Some(connection) = self.connections.get(&conn) else { return };
        if connection.direction == Direction::Inbound && !self.has_room_for(connection.address.ip()) {
            return self.close(conn, Disconnect::TooManyPeers);
        }
        let Some(old) = self.ready_to(&hello.node) else { return self.become_ready(conn, hello) };
        let is_ours = direction == Direction::Outbound;
        let is_at_home = is_ours && self.addresses.is_manual(&address);
        let takes_over = if is_at_home && !self.is_from_home(old, &hello.node) {
            Some(true)
        } else {
            self.is_simultaneous(old, conn).then_some((self.identity.node > hello.node) == is_ours)
        };
        match takes_over {
            Some(true) => {
                // Whoever else claims the place would get it with the close.
                self.keep_from_contenders(old);
                self.close(old, Disconnect::Duplicate);
                self.become_ready(conn, hello);
            }
            Some(false) => self.close(conn, Disconnect::Duplicate),
            None if self.answered_just_now(old) => self.close(conn, Disconnect::Duplicate),
            None => {
                if let Some(connection) = self.connections.get_mut(&conn) {
                    connection.phase = Phase::Contending(hello);
                }
                self.question(old);
            }
        }
    }

    /// Whether `conn` leads to a host at which somebody with the right to it has `node` live.
    pub(super) fn is_from_home(&self, conn: ConnId, node: &NodeId) -> bool {
        self.connections.get(&conn).is_some_and(|c| self.addresses.is_home(c.address.ip(), node))
    }

    /// Whether two connections to one node are the two halves of both dialling at once.
    fn is_simultaneous(&self, old: ConnId, new: ConnId) -> bool {
        let (Some(old), Some(new)) = (self.connections.get(&old), self.connections.get(&new)) else {
            return false;
        };
        let Some(remote) = old.remote() else { return false };
        old.direction != new.direction && new.began <= remote.met.elapsed + SIMULTANEOUS_WINDOW
    }

    /// A manager called.
    fn greet_manager(&mut self, conn: ConnId) {
        if self.config.manager.is_none() {
            return self.close(conn, Disconnect::NoManager("this node obeys no manager"));
        }
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.phase = Phase::Manager(Managing::default());
        self.say_hello(conn);
    }

    /// The first valid signature takes a manager's slot; the oldest makes room.
    pub(super) fn manager_accepted(&mut self, conn: ConnId) {
        let managers: Vec<ConnId> = self
            .connections
            .iter()
            .filter(|(_, c)| matches!(&c.phase, Phase::Manager(managing) if managing.sequence > 0))
            .map(|(conn, _)| *conn)
            .collect();
        if managers.len() > MAX_MANAGERS
            && let Some(oldest) = managers.into_iter().find(|other| *other != conn)
        {
            self.close(oldest, Disconnect::Duplicate);
        }
        self.set_timer(Timer::Ping(conn), crate::limits::PING_INTERVAL);
        self.event(Event::ManagerAccepted { conn });
    }

    fn become_ready(&mut self, conn: ConnId, hello: Hello) {
        let node = hello.node;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let (address, direction) = (connection.address, connection.direction);
        let listen_port = hello.listen_port;
        connection.phase = Phase::Ready(Remote { hello, met: self.now });
        match direction {
            Direction::Inbound => {
                self.say_hello(conn);
                self.learn_claimed(node, SocketAddr::new(address.ip(), listen_port));
            }
            Direction::Outbound => self.dial_succeeded(address),
        }
        self.set_timer(Timer::Ping(conn), crate::limits::PING_INTERVAL);
        self.event(Event::PeerReady { conn, node, address, direction });
        self.sync_with(conn);
        self.announce_pool_to(conn);
        self.ask_for_peers(conn);
        self.watch_clocks();
    }

    fn bye(&mut self, conn: ConnId, bye: Bye) {
        self.close(conn, Disconnect::Bye { reason: bye.reason, detail: bye.detail.to_string() });
    }

    fn ping(&mut self, conn: ConnId, ping: Ping) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match connection.budget.ping(self.now.elapsed) {
            Ok(()) => self.send(conn, Message::Pong(ping)),
            Err(why) => self.close(conn, why),
        }
    }

    fn pong(&mut self, conn: ConnId, ping: Ping) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if connection.live.pong(ping.nonce, self.now.elapsed) {
            return self.keep_from_contenders(conn);
        }
        if let Err(why) = connection.budget.ping(self.now.elapsed) {
            self.close(conn, why);
        }
    }

    fn send_ping(&mut self, conn: ConnId) {
        let nonce = self.rng.random();
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.live.pinged(nonce, self.now.elapsed);
            self.send(conn, Message::Ping(Ping { nonce }));
        }
    }

    /// The connections that claim to come from the node at the other end of `conn`.
    fn contenders(&self, conn: ConnId) -> Vec<ConnId> {
        let Some(remote) = self.connections.get(&conn).and_then(Connection::remote) else {
            return Vec::new();
        };
        let claims =
            |c: &Connection| matches!(&c.phase, Phase::Contending(hello) if hello.node == remote.hello.node);
        self.connections.iter().filter(|(_, c)| claims(c)).map(|(conn, _)| *conn).collect()
    }

    /// The old connection answered: whoever claimed its place has none.
    fn keep_from_contenders(&mut self, conn: ConnId) {
        for contender in self.contenders(conn) {
            self.close(contender, Disconnect::Duplicate);
        }
    }

    /// Whether `conn` has shown just now that it is there.
    fn answered_just_now(&self, conn: ConnId) -> bool {
        let ago = self.connections.get(&conn).and_then(|c| c.live.answered_ago(self.now.elapsed));
        ago.is_some_and(|ago| ago < CONTENDER_PAUSE)
    }

    /// Another connection claims the place of `old`, which has a while to show that it is there. However
    /// many claim it, it is asked once and has all of that while.
    fn question(&mut self, old: ConnId) {
        let Some(connection) = self.connections.get_mut(&old) else { return };
        let was_questioned = core::mem::replace(&mut connection.questioned, true);
        if connection.live.owed_for(self.now.elapsed).is_none() {
            self.send_ping(old);
        }
        if !was_questioned {
            self.set_timer(Timer::Contender(old), CONTENDER_TIMEOUT);
        }
    }

    /// The old connection may have had its time to answer.
    pub(super) fn contender_due(&mut self, old: ConnId) {
        let Some(connection) = self.connections.get_mut(&old) else { return };
        connection.questioned = false;
        let Some(waited) = connection.live.owed_for(self.now.elapsed) else { return };
        if self.contenders(old).is_empty() {
            return;
        }
        match CONTENDER_TIMEOUT.checked_sub(waited) {
            None | Some(Duration::ZERO) => self.close(old, Disconnect::PongTimeout),
            Some(left) => {
                if let Some(connection) = self.connections.get_mut(&old) {
                    connection.questioned = true;
                }
                self.set_timer(Timer::Contender(old), left);
            }
        }
    }

    pub(super) fn handshake_due(&mut self, conn: ConnId) {
        if self.connections.get(&conn).is_some_and(Connection::is_pending) {
            self.close(conn, Disconnect::HandshakeTimeout);
        }
    }

    pub(super) fn ping_due(&mut self, conn: ConnId) {
        // An idle node has no other occasion to see that its clock was set.
        self.watch_clocks();
        let Some(connection) = self.connections.get(&conn) else { return };
        match connection.live.due(self.now.elapsed) {
            Due::Wait(left) => self.set_timer(Timer::Ping(conn), left),
            Due::Ping(again) => {
                self.send_ping(conn);
                self.set_timer(Timer::Ping(conn), again);
            }
            Due::Dead => self.close(conn, Disconnect::PongTimeout),
        }
    }

    /// Ends a connection, and tells the other side why if it is one that was let in or asked to be.
    pub(super) fn close(&mut self, conn: ConnId, why: Disconnect) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let strangers = matches!(connection.phase, Phase::Greeting)
            && !matches!(
                why,
                Disconnect::WrongNetwork
                    | Disconnect::AsksNetwork
                    | Disconnect::BadVersion { .. }
                    | Disconnect::SelfConnection
                    | Disconnect::Duplicate
                    | Disconnect::TooManyPeers
                    | Disconnect::NoManager(_)
                    | Disconnect::ManagerAnswers
                    | Disconnect::Cut
                    | Disconnect::ShuttingDown
            );
        if let Some(mut bye) = why.bye()
            && !strangers
        {
            if bye.reason == ByeReason::WrongNetwork {
                bye.rules = Some(self.chain.params().rules().clone());
            }
            self.send(conn, Message::Bye(bye));
        }
        self.out.push(Output::Close(conn, why.clone()));
        self.closed(conn, why);
    }

    /// A connection is gone: everything that hung on it is let go.
    pub(super) fn closed(&mut self, conn: ConnId, why: Disconnect) {
        let Some(connection) = self.connections.remove(&conn) else { return };
        let node = connection.remote().map(|remote| remote.hello.node);
        let address = connection.address;
        self.event(Event::PeerClosed { conn, node, address, why: why.clone() });
        self.punish(&connection, &why);
        let held = |remote: &Remote| self.now.elapsed.saturating_sub(remote.met.elapsed) >= STEADY_LINK;
        if node.is_some() && why.is_cut() {
            // It is mended as suddenly.
            self.redial_after(&address, MIN_CUT_PAUSE);
        } else if connection.remote().is_some_and(held) {
            self.redial_after(&address, MIN_REDIAL_PAUSE);
        }
        self.dial_ended(address, conn, &why);
        self.cancel_mining_of(conn);
        self.sync_without(conn, &connection.sync);
        self.fetch_without(conn);
        self.wanted_without(conn);
        let Some(node) = node else { return };
        if let Some(contender) = self.next_contender(&node)
            && let Some(Connection { phase: Phase::Contending(hello), .. }) = self.connections.get(&contender)
        {
            let hello = hello.clone();
            self.become_ready(contender, hello);
            // Whoever else waits for the place is held against who has it now.
            if self.next_contender(&node).is_some() {
                self.question(contender);
            }
        }
        // Another one with that name need not be the same node.
        self.node_gone(&node);
        self.watch_clocks();
    }

    pub(super) fn next_contender(&self, node: &NodeId) -> Option<ConnId> {
        let claims = |c: &Connection| matches!(&c.phase, Phase::Contending(hello) if hello.node == *node);
        self.connections.iter().find(|(_, c)| claims(c)).map(|(conn, _)| *conn)
    }

    /// Tells everybody, and lets go of everybody.
    pub(super) fn close_all(&mut self, why: &Disconnect) {
        let all: Vec<ConnId> = self.connections.keys().copied().collect();
        for conn in all {
            self.close(conn, why.clone());
        }
    }
}
