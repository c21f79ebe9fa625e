//! A node with a fake edge: a clock that is set by hand, a store that commits at once, a miner that is
//! asked, and the other ends of its connections.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::chain::{Chain, CheckedBlock};
use crate::node::io::*;
use crate::node::{Config, Node};
use crate::params::Params;
use crate::peer::{Disconnect, Identity, Line};
use crate::time::{Now, UnixTime};
use crate::types::{BlockHash, Header, Lookup, NodeId, Transaction, TxId, Work};
use crate::wire::manage::{ManagerKey, Outcome, Report};
use crate::wire::message::{Hello, Message, Role};

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Where the node numbered `n` listens.
pub fn address(n: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 6000 + u16::from(n)))
}

/// What the clocks say at the beginning.
const START: UnixTime = UnixTime::from_secs(1_700_000_000);

/// The Hello of a node numbered `n` that somebody plays by hand.
pub fn bob(n: u8, params: &Params) -> Hello {
    let identity = Identity {
        network: params.network(),
        node: NodeId([n; 16]),
        role: Role::Node,
        listen_port: address(n).port(),
    };
    identity.hello([n; 32], (Work::ZERO, 0), START)
}

/// A node and the edge around it.
pub struct Alice {
    pub node: Node,
    pub params: Arc<Params>,
    config: Config,
    pub now: Now,
    /// What waits for its time: the timer and a serial number that keeps the order of equals.
    pub timers: BTreeMap<(Duration, u64), Timer>,
    serial: u64,
    next_conn: u64,
    /// What was sent on each connection and not looked at yet.
    pub sent: BTreeMap<ConnId, VecDeque<Message>>,
    pub closed: BTreeMap<ConnId, Disconnect>,
    /// What makes what is sent late.
    pub lines: BTreeMap<ConnId, Option<Line>>,
    pub dials: Vec<SocketAddr>,
    pub events: Vec<Event>,
    pub replies: Vec<(CommandId, Answer)>,
    pub job: Option<Job>,
    pub stopped: bool,
    /// Blocks that can be read.
    pub stored: Lookup<BlockHash, CheckedBlock>,
    /// What is durable.
    pub disk: Disk,
    /// While held, commits wait.
    pub hold_store: bool,
    pub held: VecDeque<Commit>,
    /// While held, reading blocks back takes its time; a block can be read once it was handed to the store.
    pub hold_loads: bool,
    pub loads: VecDeque<Vec<BlockHash>>,
}

/// What a store has once it has taken commits.
#[derive(Clone, Default)]
pub struct Disk {
    pub headers: Vec<Header>,
    pub tip: Option<BlockHash>,
    pub waiting: Vec<Transaction>,
}

impl Disk {
    fn take(&mut self, commit: Commit) {
        self.headers.extend(commit.blocks.iter().map(|block| *block.header()));
        if !commit.forget.is_empty() {
            self.headers.retain(|header| !commit.forget.contains(&header.hash()));
        }
        self.tip = Some(commit.tip);
        self.waiting.extend(commit.pool.came.iter().map(|transaction| (**transaction).clone()));
        if !commit.pool.went.is_empty() {
            self.waiting.retain(|transaction| !commit.pool.went.contains(&transaction.id()));
        }
    }
}

impl Alice {
    pub fn new(n: u8, params: Params) -> Alice {
        Alice::with(n, params, |_| {})
    }

    pub fn with(n: u8, params: Params, change: impl FnOnce(&mut Config)) -> Alice {
        let params = Arc::new(params);
        let mut config = Config::alone(NodeId([n; 16]), address(n));
        change(&mut config);
        let node = Node::new(config.clone(), params.clone(), [n; 32]);
        Alice::of(node, config, params).begun()
    }

    fn of(node: Node, config: Config, params: Arc<Params>) -> Alice {
        Alice {
            node,
            params,
            config,
            now: Now { elapsed: Duration::ZERO, wall: START },
            timers: BTreeMap::new(),
            serial: 0,
            next_conn: 0,
            sent: BTreeMap::new(),
            closed: BTreeMap::new(),
            lines: BTreeMap::new(),
            dials: Vec::new(),
            events: Vec::new(),
            replies: Vec::new(),
            job: None,
            stopped: false,
            stored: Lookup::default(),
            disk: Disk::default(),
            hold_store: false,
            held: VecDeque::new(),
            hold_loads: false,
            loads: VecDeque::new(),
        }
    }

    fn begun(mut self) -> Alice {
        let outputs = self.node.start(self.now);
        self.carry_out(outputs);
        self
    }

    pub fn managed(n: u8, params: Params, key: ManagerKey) -> Alice {
        Alice::with(n, params, |config| config.manager = Some(key))
    }

    pub fn input(&mut self, input: Input) {
        let outputs = self.node.handle(self.now, input);
        self.carry_out(outputs);
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send(to, message) => {
                    for conn in to {
                        self.note_sent(conn, message.clone());
                    }
                }
                Output::SendStored(conn, hashes) => {
                    for hash in hashes {
                        let block = self.stored.get(&hash).map(|block| block.block().clone());
                        self.note_sent(conn, Message::Block(block.expect("only stored blocks are sent")));
                    }
                }
                Output::SendTransactions(conn, list) => {
                    for message in Message::of_transactions(list) {
                        self.note_sent(conn, message);
                    }
                }
                Output::Check(conn, block) => {
                    let checked = Input::rebuilt(conn, block, &self.params);
                    self.input(checked);
                }
                Output::Dial(address) => self.dials.push(address),
                Output::Line(conn, line) => {
                    self.lines.insert(conn, line);
                }
                Output::Close(conn, why) => {
                    self.closed.insert(conn, why);
                }
                Output::SetTimer(timer, after) => {
                    self.serial += 1;
                    self.timers.insert((self.now.elapsed + after, self.serial), timer);
                }
                Output::Store(commit) => {
                    for block in &commit.blocks {
                        self.stored.insert(block.hash(), block.clone());
                    }
                    self.held.push_back(commit);
                    if !self.hold_store {
                        self.store_one();
                    }
                }
                Output::Load(hashes) => {
                    self.loads.push_back(hashes);
                    if !self.hold_loads {
                        self.load_one();
                    }
                }
                Output::Mine(job) => self.job = job,
                Output::Event(event) => self.events.push(event),
                Output::Reply(id, answer) => self.replies.push((id, answer)),
                Output::Status(conn, sequence, status) => {
                    let outcome = Outcome::Status(status);
                    self.note_sent(conn, Message::Report(Report { sequence, outcome }));
                }
                Output::Stop => self.stopped = true,
            }
        }
    }

    /// The oldest commit that waits becomes durable.
    pub fn store_one(&mut self) {
        let commit = self.held.pop_front().expect("a commit that waits");
        let seq = commit.seq;
        self.disk.take(commit);
        self.input(Input::Stored(seq));
    }

    /// What was asked for first is read back.
    pub fn load_one(&mut self) {
        let hashes = self.loads.pop_front().expect("blocks that are wanted");
        let blocks = hashes.iter().filter_map(|hash| self.stored.get(hash));
        let blocks = blocks.map(|block| block.block().clone()).collect();
        self.input(Input::Loaded(blocks));
    }

    /// Where a content would be if the power failed now: in the pool, in the active chain, or in both.
    pub fn durable_places(&self, id: &TxId) -> (bool, bool) {
        let Disk { headers, tip, waiting } = &self.disk;
        let tip = tip.unwrap_or(self.params.genesis_hash());
        let chain = Chain::restore(self.params.clone(), headers, tip).expect("what was stored").chain;
        let has = |hash: BlockHash| self.stored.get(&hash).is_some_and(|block| block.ids().contains(id));
        let in_chain = (0..=chain.tip().height).filter_map(|height| chain.active_at(height)).any(has);
        (waiting.iter().any(|transaction| transaction.id() == *id), in_chain)
    }

    /// The node after a power cut: it has what was durable, and has met nobody.
    pub fn started_again(self) -> Alice {
        let Disk { headers, tip, waiting } = self.disk.clone();
        let tip = tip.unwrap_or(self.params.genesis_hash());
        let restored = Chain::restore(self.params.clone(), &headers, tip).expect("what was stored");
        let node = Node::restored(self.config.clone(), restored, waiting, [0; 32]);
        let Alice { params, config, now, stored, disk, .. } = self;
        Alice { stored, disk, now, ..Alice::of(node, config, params) }.begun()
    }

    fn note_sent(&mut self, conn: ConnId, message: Message) {
        assert!(!self.closed.contains_key(&conn), "{message:?} was sent after the close");
        self.sent.entry(conn).or_default().push_back(message);
    }

    /// What was sent on `conn` since the last look.
    pub fn said(&mut self, conn: ConnId) -> Vec<Message> {
        self.sent.remove(&conn).unwrap_or_default().into()
    }

    /// A socket to or from `address`.
    pub fn connected(&mut self, address: SocketAddr, direction: Direction) -> ConnId {
        self.next_conn += 1;
        let conn = ConnId(self.next_conn);
        self.input(Input::Connected { conn, address, direction });
        conn
    }

    pub fn received(&mut self, conn: ConnId, message: Message) {
        let input = Input::received(conn, message, &self.params);
        self.input(input);
    }

    /// Somebody calls, says hello, and is let in.
    pub fn meet(&mut self, n: u8) -> ConnId {
        self.meet_at(n, self.now.wall.millis())
    }

    /// The same, and its clock says so many milliseconds since 1970.
    pub fn meet_at(&mut self, n: u8, time: u64) -> ConnId {
        let conn = self.connected(SocketAddr::from(([127, 0, 0, 1], 40_000)), Direction::Inbound);
        let hello = Hello { time, ..bob(n, &self.params) };
        self.received(conn, Message::Hello(hello));
        conn
    }

    /// Time passes, and timers ring.
    pub fn elapse(&mut self, by: Duration) {
        let end = self.now.plus(by);
        while let Some(entry) = self.timers.first_entry() {
            let ((at, _), timer) = (*entry.key(), *entry.get());
            if at > end.elapsed {
                break;
            }
            entry.remove();
            self.now = self.now.plus(at.saturating_sub(self.now.elapsed));
            self.input(Input::Timer(timer));
        }
        self.now = end;
    }

    pub fn command(&mut self, id: u64, command: Command) {
        self.input(Input::Command(CommandId(id), command));
    }

    pub fn answer(&mut self) -> Answer {
        self.replies.pop().expect("an answer").1
    }

    /// The miner finds what it was told to.
    pub fn find_block(&mut self) -> BlockHash {
        let (hash, found) = self.found();
        self.input(found);
        hash
    }

    /// What the miner finds, before anybody hears of it.
    pub fn found(&self) -> (BlockHash, Input) {
        let job = self.job.clone().expect("a job");
        let time = u32::try_from(self.now.wall.secs()).expect("before 2106");
        let mut header = job.template.header(0, time);
        let target = header.bits.to_target().expect("good bits");
        while !target.is_met_by(&header.hash()) {
            header.nonce += 1;
        }
        let block = job.template.block(header, 0);
        let block = CheckedBlock::check(block, &self.params).expect("our own block is good");
        (block.hash(), Input::Mined { job: job.id, block, tries: u64::from(header.nonce) + 1 })
    }

    /// Mines `count` blocks, one a minute.
    pub fn mine(&mut self, count: usize) -> Vec<BlockHash> {
        let mine = |alice: &mut Alice| {
            alice.elapse(secs(60));
            alice.command(999, Command::Mine(None));
            let hash = alice.find_block();
            alice.replies.retain(|(id, _)| *id != CommandId(999));
            hash
        };
        (0..count).map(|_| mine(self)).collect()
    }

    pub fn block(&self, hash: &BlockHash) -> Message {
        Message::Block(self.stored.get(hash).expect("a stored block").block().clone())
    }

    pub fn height(&self) -> u64 {
        self.node.view().tip().height
    }

    pub fn tip(&self) -> BlockHash {
        self.node.view().tip().hash
    }
}
