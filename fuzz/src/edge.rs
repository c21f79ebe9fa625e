//! A node with a fake edge that watches it: whatever it is told, its outputs keep their promises and what
//! it holds stays within its limits.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use p2pnode::encoding::Text;
use p2pnode::limits::{
    MAX_INBOUND, MAX_KNOWN_NODES, MAX_MANAGERS, MAX_MINING_QUEUE, MAX_PENDING_HANDSHAKES, MAX_POOL_BYTES,
    MAX_POOL_COUNT,
};
use p2pnode::node::io::{CommandId, Commit, ConnId, Direction, Event, Input, Job, Output, Timer};
use p2pnode::node::{Config, Node, Remembered};
use p2pnode::params::Params;
use p2pnode::time::Now;
use p2pnode::types::{Block, BlockHash, NodeId, Work};
use p2pnode::wire::manage::{ManagerKey, Outcome, Report};
use p2pnode::wire::message::{Message, Role};
use p2pnode::wire::{Kind, frame};

use super::pool::START;

/// Timers that one address may wait for: each but the first rings sooner than those before it.
const MAX_REDIALS: usize = 16;

/// The node that is fuzzed.
pub const NODE: NodeId = NodeId([1; 16]);

/// Whose commands it obeys.
pub fn manager() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// One connection, as the edge knows it.
pub struct Link {
    pub direction: Direction,
    /// What our Hello on it said, once it was sent.
    pub challenge: Option<[u8; 32]>,
    /// Whether a Hello came.
    heard: bool,
    /// A node at the other end was let in, or a manager obeyed.
    ready: bool,
    manages: bool,
    /// A Bye was sent: nothing may follow but the close.
    bye: bool,
}

/// A node, and all that is around it.
pub struct Edge {
    pub node: Node,
    pub params: Arc<Params>,
    pub now: Now,
    pub links: BTreeMap<ConnId, Link>,
    next_conn: u64,
    timers: BTreeMap<(Duration, u64), Timer>,
    serial: u64,
    /// Dials that have not come to anything yet.
    pub dials: VecDeque<SocketAddr>,
    stored: BTreeMap<BlockHash, Arc<Block>>,
    held: VecDeque<Commit>,
    pub hold_store: bool,
    pub job: Option<Job>,
    asked: BTreeSet<CommandId>,
    next_command: u64,
    best: Work,
    pub stopped: bool,
}

impl Edge {
    pub fn new(params: &Arc<Params>) -> Edge {
        let config = Config {
            node: NODE,
            listen: SocketAddr::from(([10, 0, 0, 1], 6000)),
            manager: Some(ManagerKey::of(&manager())),
            peers: vec![SocketAddr::from(([10, 0, 0, 2], 6000))],
            outbound: 8,
            remembered: Remembered::default(),
            hashrate: 0,
            note: Text::default(),
        };
        let mut edge = Edge {
            node: Node::new(config, params.clone(), [1; 32]),
            params: params.clone(),
            now: Now { elapsed: Duration::ZERO, wall: START },
            links: BTreeMap::new(),
            next_conn: 0,
            timers: BTreeMap::new(),
            serial: 0,
            dials: VecDeque::new(),
            stored: BTreeMap::from([(params.genesis_hash(), Arc::new(params.genesis().clone()))]),
            held: VecDeque::new(),
            hold_store: false,
            job: None,
            asked: BTreeSet::new(),
            next_command: 0,
            best: Work::ZERO,
            stopped: false,
        };
        let outputs = edge.node.start(edge.now);
        edge.carry_out(outputs);
        edge
    }

    /// Tells the node something, and what follows from it.
    pub fn input(&mut self, input: Input) {
        if self.stopped {
            return;
        }
        if let Input::Closed(conn, _) = &input {
            self.links.remove(conn);
        }
        let outputs = self.node.handle(self.now, input);
        self.carry_out(outputs);
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        let mut follow = VecDeque::from([outputs]);
        while let Some(outputs) = follow.pop_front() {
            for output in outputs {
                if let Some(input) = self.one(output)
                    && !self.stopped
                {
                    follow.push_back(self.node.handle(self.now, input));
                }
            }
            let farewells = self.links.values().filter(|link| link.bye).count();
            assert_eq!(farewells, 0, "a bye is followed by the close");
        }
        self.check();
    }

    /// Carries one output out; what the node is told of at once.
    fn one(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Send(to, message) => {
                let sent = frame::encode(&message);
                assert!(sent.len() - 4 <= message.kind().cap(), "{} over its cap", message.kind());
                for conn in to {
                    self.sent(conn, &message);
                }
            }
            Output::SendStored(conn, hashes) => {
                for hash in hashes {
                    let block = self.stored.get(&hash).expect("only stored blocks are sent").clone();
                    self.sent(conn, &Message::Block(block));
                }
            }
            Output::SendTransactions(conn, list) => {
                for message in Message::of_transactions(list) {
                    assert!(frame::encode(&message).len() - 4 <= message.kind().cap(), "over its cap");
                    self.sent(conn, &message);
                }
            }
            Output::Check(conn, block) => return Some(Input::rebuilt(conn, block, &self.params)),
            Output::Dial(address) => self.dials.push_back(address),
            Output::Line(conn, _) => assert!(self.links.contains_key(&conn), "an open connection"),
            Output::Close(conn, _) => drop(self.links.remove(&conn).expect("closed once")),
            Output::SetTimer(timer, after) => {
                self.serial += 1;
                self.timers.insert((self.now.elapsed + after, self.serial), timer);
            }
            Output::Store(commit) => {
                for block in &commit.blocks {
                    self.stored.insert(block.hash(), block.block().clone());
                }
                self.held.push_back(commit);
                return if self.hold_store { None } else { self.durable() };
            }
            Output::Load(hashes) => {
                let blocks = hashes.iter().filter_map(|hash| self.stored.get(hash).cloned());
                return Some(Input::Loaded(blocks.collect()));
            }
            Output::Mine(job) => self.job = job,
            Output::Event(event) => self.event(&event),
            Output::Reply(id, _) => assert!(self.asked.remove(&id), "answered once, and only if asked"),
            Output::Status(conn, sequence, status) => {
                let outcome = Outcome::Status(status);
                self.sent(conn, &Message::Report(Report { sequence, outcome }));
            }
            Output::Stop => self.stopped = true,
        }
        None
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::PeerReady { conn, .. } | Event::ManagerAccepted { conn } => {
                self.links.get_mut(conn).expect("an open connection").ready = true;
            }
            _ => {}
        }
    }

    fn sent(&mut self, conn: ConnId, message: &Message) {
        let link = self.links.get_mut(&conn).expect("nothing is sent to who is gone");
        assert!(!link.bye, "nothing follows a bye");
        match message {
            Message::Hello(hello) => {
                assert!(link.heard || link.direction == Direction::Outbound, "a stranger was greeted");
                assert!(link.challenge.replace(hello.challenge).is_none(), "greeted twice");
            }
            Message::Bye(_) => link.bye = true,
            other => {
                assert!(link.heard && link.challenge.is_some(), "{other:?} before the hellos");
                let for_managers = matches!(other.kind(), Kind::Report | Kind::Event);
                assert!(for_managers == link.manages || matches!(other, Message::Ping(_) | Message::Pong(_)));
            }
        }
    }

    fn durable(&mut self) -> Option<Input> {
        let commit = self.held.pop_front()?;
        for hash in &commit.forget {
            self.stored.remove(hash);
        }
        Some(Input::Stored(commit.seq))
    }

    /// The oldest commit that waits becomes durable.
    pub fn store_one(&mut self) {
        if let Some(input) = self.durable() {
            self.input(input);
        }
    }

    /// A socket to or from `address`.
    pub fn connected(&mut self, address: SocketAddr, direction: Direction) -> ConnId {
        self.next_conn += 1;
        let conn = ConnId(self.next_conn);
        let link =
            Link { direction, challenge: None, heard: false, ready: false, manages: false, bye: false };
        self.links.insert(conn, link);
        self.input(Input::Connected { conn, address, direction });
        conn
    }

    /// A message came, as the connection's task would hand it in.
    pub fn received(&mut self, conn: ConnId, message: Message) {
        if let (Message::Hello(hello), Some(link)) = (&message, self.links.get_mut(&conn)) {
            if !link.heard {
                link.manages = hello.role == Role::Manager;
            }
            link.heard = true;
        }
        self.input(Input::received(conn, message, &self.params));
    }

    pub fn command(&mut self, command: p2pnode::node::io::Command) -> CommandId {
        self.next_command += 1;
        let id = CommandId(self.next_command);
        self.asked.insert(id);
        self.input(Input::Command(id, command));
        id
    }

    /// Whoever asked went away.
    pub fn cancel(&mut self, id: CommandId) {
        self.input(Input::Cancel(id));
    }

    /// Time passes, and timers ring, at most so many.
    pub fn elapse(&mut self, by: Duration, mut rings: usize) {
        let end = self.now.elapsed + by;
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= end) {
            if rings == 0 {
                break;
            }
            rings -= 1;
            let ((at, _), timer) = entry.remove_entry();
            self.now = self.now.plus(at.saturating_sub(self.now.elapsed));
            self.input(Input::Timer(timer));
        }
        self.now = self.now.plus(end.saturating_sub(self.now.elapsed));
    }

    /// What holds at every moment.
    fn check(&mut self) {
        let view = self.node.view();
        let work = view.tip().work;
        assert!(work >= self.best, "the work of the tip fell");
        self.best = work;

        let peers = view.peers();
        let names: BTreeSet<NodeId> = peers.iter().map(|peer| peer.node).collect();
        assert_eq!(names.len(), peers.len(), "one connection to a node");
        assert!(!names.contains(&NODE), "none to itself");
        for peer in &peers {
            assert!(self.links.get(&peer.conn).is_some_and(|link| link.ready), "ready, so it is open");
        }
        let inbound = self.links.values().filter(|link| link.direction == Direction::Inbound);
        let pending = inbound.clone().filter(|link| !link.ready).count();
        assert!(pending <= MAX_PENDING_HANDSHAKES, "{pending} in the waiting room");
        assert!(inbound.filter(|link| link.ready && !link.manages).count() <= MAX_INBOUND);
        assert!(self.links.values().filter(|link| link.ready && link.manages).count() <= MAX_MANAGERS);

        assert!(view.known_nodes().len() <= MAX_KNOWN_NODES);
        assert!(view.mining().waiting <= MAX_MINING_QUEUE);
        let pool = view.pool();
        assert!(
            pool.len() <= MAX_POOL_COUNT
                && pool.iter().map(|(_, size)| size).sum::<usize>() <= MAX_POOL_BYTES
        );
        let mut timers: BTreeMap<Timer, usize> = BTreeMap::new();
        self.timers.values().for_each(|timer| *timers.entry(*timer).or_default() += 1);
        for (timer, count) in timers {
            // An address that was dialled before its time may have to be dialled sooner than its timer rings.
            let most = if matches!(timer, Timer::Redial(_)) { MAX_REDIALS } else { 1 };
            assert!(count <= most, "{timer:?} was handed out {count} times: {:?}", self.timers);
        }
    }
}
