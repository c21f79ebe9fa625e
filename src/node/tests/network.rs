//! Many nodes and the links between them, driven by one queue of events: a small simulator.
//!
//! Latency is drawn from a seeded generator; a link keeps its order. Blocks are mined for real, against the
//! easy target of the test network. The same seed gives the same trace, which a test holds.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use sha2::{Digest, Sha256};

use super::alice::{self, Alice, Done};
use crate::node::Config;
use crate::node::io::{Command, CommandId, ConnId, Direction, Input, Timer};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::BlockHash;
use crate::wire::message::Message;

/// What is on its way to a node.
#[derive(Debug)]
enum Arrival {
    Connected(ConnId, SocketAddr, Direction),
    DialFailed(SocketAddr),
    Message(ConnId, Message),
    Closed(ConnId),
    Timer(Timer),
}

/// What becomes of a message.
pub type Lie = fn(Message) -> Option<Message>;

/// A network of nodes numbered from 0.
pub struct Net {
    pub nodes: Vec<Alice>,
    /// The other end of each connection.
    wires: BTreeMap<(usize, ConnId), (usize, ConnId)>,
    /// When the last message of a connection arrives, so that the next does not overtake it.
    last: BTreeMap<(usize, ConnId), Duration>,
    queue: BTreeMap<(Duration, u64), (usize, Arrival)>,
    serial: u64,
    rng: ChaCha12Rng,
    now: Duration,
    /// Which side of a partition each node is on.
    side: Vec<u8>,
    /// What a liar makes of what its node says.
    liars: BTreeMap<usize, Lie>,
    trace: Sha256,
    pub messages: u64,
    next_conn: u64,
}

impl Net {
    pub fn new(count: u8, params: &Params, seed: u64) -> Net {
        println!("seed {seed}");
        let mut net = Net {
            nodes: Vec::new(),
            wires: BTreeMap::new(),
            last: BTreeMap::new(),
            queue: BTreeMap::new(),
            serial: 0,
            rng: ChaCha12Rng::seed_from_u64(seed),
            now: Duration::ZERO,
            side: Vec::new(),
            liars: BTreeMap::new(),
            trace: Sha256::new(),
            messages: 0,
            next_conn: 0,
        };
        for _ in 0..count {
            net.join(params);
        }
        net
    }

    /// One more node, which knows nobody.
    pub fn join(&mut self, params: &Params) -> usize {
        self.join_with(params, |_| {})
    }

    /// One more node, which is told what `change` says.
    pub fn join_with(&mut self, params: &Params, change: impl FnOnce(&mut Config)) -> usize {
        let n = u8::try_from(self.nodes.len() + 1).expect("few nodes");
        self.add(Alice::with(n, params.clone(), change))
    }

    /// One more node, number as many as there are and one.
    pub fn add(&mut self, mut node: Alice) -> usize {
        let n = self.nodes.len();
        node.now = node.now.plus(self.now);
        self.nodes.push(node);
        self.side.push(0);
        self.carry(n);
        n
    }

    /// Introduces `a` to `b`, for `a` to dial.
    pub fn link(&mut self, a: usize, b: usize) {
        let to = alice::address(u8::try_from(b + 1).expect("few nodes"));
        let peer = crate::wire::message::PeerAddress { node: None, address: to };
        let introduction = crate::wire::manage::Introduction { peer, dial: true };
        self.with(a, |node| {
            node.command(0, Command::Register(vec![introduction]));
            node.answer();
        });
    }

    /// From now on what node `n` says arrives as `lie` has it, or not at all.
    pub fn lie(&mut self, n: usize, lie: Lie) {
        self.liars.insert(n, lie);
    }

    pub fn mesh(&mut self) {
        for a in 0..self.nodes.len() {
            for b in a + 1..self.nodes.len() {
                self.link(a, b);
            }
        }
    }

    /// Does something at a node, and carries what follows into the network.
    pub fn with<T>(&mut self, n: usize, act: impl FnOnce(&mut Alice) -> T) -> T {
        let result = act(&mut self.nodes[n]);
        self.carry(n);
        result
    }

    pub fn mine(&mut self, n: usize) -> BlockHash {
        self.with(n, |node| {
            node.command(1, Command::Mine(None));
            node.find_block()
        })
    }

    fn push(&mut self, at: Duration, n: usize, arrival: Arrival) {
        self.serial += 1;
        self.queue.insert((at, self.serial), (n, arrival));
    }

    fn latency(&mut self) -> Duration {
        Duration::from_millis(self.rng.random_range(10..100u64))
    }

    fn carry(&mut self, n: usize) {
        while let Some(done) = self.nodes[n].done.pop_front() {
            match done {
                Done::Timer(at, timer) => self.push(at, n, Arrival::Timer(timer)),
                Done::Dialled(address) => self.dial(n, address),
                Done::Sent(conn, message) => {
                    let said = match self.liars.get(&n) {
                        Some(lie) => lie(message),
                        None => Some(message),
                    };
                    if let Some(message) = said {
                        self.deliver(n, conn, |conn| Arrival::Message(conn, message));
                    }
                }
                Done::Closed(conn) => {
                    self.deliver(n, conn, Arrival::Closed);
                    self.wires.remove(&(n, conn));
                }
            }
        }
        self.nodes[n].sent.clear();
        self.nodes[n].timers.clear();
    }

    fn deliver(&mut self, n: usize, conn: ConnId, arrival: impl FnOnce(ConnId) -> Arrival) {
        let Some((to, there)) = self.wires.get(&(n, conn)).copied() else { return };
        let at = (self.now + self.latency()).max(self.last.get(&(n, conn)).copied().unwrap_or_default());
        self.last.insert((n, conn), at);
        self.push(at, to, arrival(there));
    }

    fn dial(&mut self, n: usize, address: SocketAddr) {
        let at = self.now + self.latency();
        let to = usize::from(address.port() - 6001);
        if to >= self.nodes.len() || self.side[to] != self.side[n] {
            return self.push(at, n, Arrival::DialFailed(address));
        }
        self.next_conn += 2;
        let (here, there) = (ConnId(self.next_conn), ConnId(self.next_conn + 1));
        self.wires.insert((n, here), (to, there));
        self.wires.insert((to, there), (n, here));
        let from = SocketAddr::from(([127, 0, 0, 1], 40_000));
        self.push(at, n, Arrival::Connected(here, address, Direction::Outbound));
        self.push(at, to, Arrival::Connected(there, from, Direction::Inbound));
    }

    /// Cuts the network: connections across close, and no dial gets through.
    pub fn partition(&mut self, side_of: impl Fn(usize) -> u8) {
        self.side = (0..self.nodes.len()).map(side_of).collect();
        let across: Vec<(usize, ConnId)> = self
            .wires
            .iter()
            .filter(|((a, _), (b, _))| self.side[*a] != self.side[*b])
            .map(|(end, _)| *end)
            .collect();
        for (n, conn) in across {
            self.wires.remove(&(n, conn));
            self.push(self.now, n, Arrival::Closed(conn));
        }
    }

    pub fn heal(&mut self) {
        self.partition(|_| 0);
    }

    /// Lets `time` pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((at, _), (n, arrival)) = entry.remove_entry();
            self.now = at;
            self.arrive(n, arrival);
        }
        self.now = end;
        for node in &mut self.nodes {
            node.now = node.now.plus(end.saturating_sub(node.now.elapsed));
        }
    }

    fn arrive(&mut self, n: usize, arrival: Arrival) {
        self.trace.update(format!("{:?} {n} {arrival:?}", self.now));
        let node = &mut self.nodes[n];
        node.now = node.now.plus(self.now.saturating_sub(node.now.elapsed));
        let before = node.node.view().tip().work;
        match arrival {
            Arrival::Connected(conn, address, direction) => {
                node.input(Input::Connected { conn, address, direction });
            }
            Arrival::DialFailed(address) => {
                node.input(Input::DialFailed { address, error: "unreachable".to_owned() });
            }
            Arrival::Message(conn, message) => {
                self.messages += 1;
                node.received(conn, message);
            }
            Arrival::Closed(conn) => {
                self.wires.remove(&(n, conn));
                self.nodes[n].input(Input::Closed(conn, Disconnect::Ended));
            }
            Arrival::Timer(timer) => node.input(Input::Timer(timer)),
        }
        let after = self.nodes[n].node.view().tip().work;
        assert!(after >= before, "the work of node {n}'s tip fell");
        self.carry(n);
    }

    pub fn tips(&self) -> Vec<BlockHash> {
        self.nodes.iter().map(Alice::tip).collect()
    }

    pub fn agree(&self) -> bool {
        self.tips().windows(2).all(|pair| pair[0] == pair[1])
    }

    /// The hash of everything that arrived anywhere, and when.
    pub fn trace(&self) -> [u8; 32] {
        self.trace.clone().finalize().into()
    }

    /// Nobody was thrown out for an offence.
    pub fn assert_honest(&self) {
        for (n, node) in self.nodes.iter().enumerate() {
            for why in node.closed.values() {
                assert!(!why.is_offence(), "node {n} closed an honest connection: {why}");
            }
        }
    }

    /// What a caller was answered, at node `n`.
    pub fn answers(&self, n: usize) -> usize {
        self.nodes[n].replies.iter().filter(|(id, _)| *id == CommandId(1)).count()
    }
}
