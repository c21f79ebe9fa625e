//! The core: all connections, the chain, the pool and the miner's orders, as one state machine.
//!
//! [`Node::handle`] takes the time and one input and returns what is to be done about it. It opens no
//! socket, reads no clock and draws no entropy but from the seed it was made with: so the same code runs in
//! the product, in a test that is a conversation, and in a simulation, and the same inputs give the same
//! outputs, byte for byte.
//!
//! | file | concern |
//! |---|---|
//! | `io`, `event` | inputs and outputs: the whole contract with the world |
//! | `connections` | from a connected socket to a ready peer and to its end; which of two connections stays |
//! | `addresses` | whom to dial because somebody said so |
//! | `book` | where other nodes are, bounded, and on whose word |
//! | `outbound` | whom to dial by oneself, and which addresses to probe |
//! | `bans` | who misbehaved, and is kept out for a day |
//! | `gossip` | telling each other where nodes are |
//! | `candidate` | weighing headers before they are kept |
//! | `sync` | headers, from one peer at a time |
//! | `fetch` | bodies, from all peers that have them |
//! | `serve` | headers, blocks and transactions, to whoever asks |
//! | `import` | what a new block changes: the path every block takes |
//! | `beside` | how much is kept that is not on the best chain |
//! | `bodies` | the newest ones, and those that are read back |
//! | `commits` | what is on its way to the disk, and what users are told once it is there |
//! | `compact` | blocks told in six bytes a transaction, and put together from the pool |
//! | `relay` | telling peers of tips and transactions |
//! | `wanted` | getting the transactions that they name |
//! | `clocks` | whether our clock is that of our peers |
//! | `policy` | what is said of a block, and to how many |
//! | `mining` | what the miner is to do, and who waits for it |
//! | `commands` | what users and managers ask for |
//! | `faults` | links that a manager cut or made slow |
//! | `told` | what managers that subscribed are told |
//! | `view` | reading |
//!
//! Not here: bytes (`wire`), rules (`chain`), anything that waits (`net`).

mod addresses;
mod bans;
mod beside;
mod bodies;
mod book;
mod candidate;
mod clocks;
mod commands;
mod commits;
mod compact;
mod connections;
pub mod event;
mod faults;
mod fetch;
mod gossip;
mod import;
pub mod io;
mod mining;
mod outbound;
mod policy;
mod relay;
mod serve;
mod sync;
mod told;
pub mod view;
mod wanted;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

use crate::chain::{Chain, Restored, Tip};
use crate::encoding::Text;
use crate::limits::MAX_NOTE_BYTES;
use crate::mempool::{Mempool, Source};
use crate::params::Params;
use crate::peer::Identity;
use crate::time::Now;
use crate::types::{BlockHash, NodeId, Transaction, address};
use crate::wire::manage::ManagerKey;
use crate::wire::message::{Message, Role};
use addresses::Addresses;
use bans::Bans;
use beside::Beside;
use bodies::Bodies;
use clocks::Clocks;
use commits::Unwritten;
use compact::Partials;
use connections::Connection;
use faults::Faults;
use fetch::Fetch;
use import::Forgiven;
use io::{ConnId, Input, Output, Timer};
use mining::Mining;
pub use policy::RelayPolicy;
use relay::Announcing;
use sync::Sync;
use told::Seen;
use wanted::Wanted;

/// What a node is told when it is made.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its name.
    pub node: NodeId,
    /// Where it takes connections: one address, or all of its machine.
    pub listen: SocketAddr,
    /// Whose commands it obeys; none: nobody's.
    pub manager: Option<ManagerKey>,
    /// Addresses to connect to and stay connected to.
    pub peers: Vec<SocketAddr>,
    /// How many connections to open by itself, to addresses of its book; 0: none but to `peers`.
    pub outbound: usize,
    /// What an earlier run knew of others.
    pub remembered: Remembered,
    /// Hashes a second to mine in the background; 0: none.
    pub hashrate: u64,
    /// What its coinbases say.
    pub note: Text<MAX_NOTE_BYTES>,
}

#[cfg(test)]
impl Config {
    /// A node at `listen` that nobody manages and that calls nobody.
    pub(crate) fn alone(node: NodeId, listen: SocketAddr) -> Config {
        Config {
            node,
            listen,
            manager: None,
            peers: Vec::new(),
            outbound: 0,
            remembered: Remembered::default(),
            hashrate: 0,
            note: Text::default(),
        }
    }
}

/// What a node knows of others that is worth keeping over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remembered {
    /// Where they are.
    pub addresses: Vec<view::KnownAddress>,
    /// Which of them misbehaved lately.
    pub bans: Vec<view::Ban>,
}

/// A node of the network.
#[derive(Debug)]
pub struct Node {
    config: Config,
    identity: Identity,
    rng: ChaCha12Rng,
    now: Now,
    out: Vec<Output>,
    chain: Chain,
    bodies: Bodies,
    pool: Mempool,
    connections: BTreeMap<ConnId, Connection>,
    addresses: Addresses,
    bans: Bans,
    sync: Sync,
    fetch: Fetch,
    wanted: Wanted,
    announcing: Announcing,
    beside: Beside,
    partials: Partials,
    forgiven: Forgiven,
    mining: Mining,
    clocks: Clocks,
    faults: Faults,
    seen: Seen,
    policy: RelayPolicy,
    /// The tip that is durable: what users are told.
    committed: Tip,
    /// Commits on their way, oldest first.
    commits: VecDeque<commits::Pending>,
    /// What of them the store was not given yet.
    unwritten: Unwritten,
    next_commit: u64,
    /// Bytes of blocks in those commits.
    unstored_bytes: usize,
    /// Stored blocks that the chain could not take up again, to be dropped at the start.
    orphans: Vec<BlockHash>,
    stopping: bool,
}

impl Node {
    /// A node that knows genesis and has met nobody. `seed` is its entropy.
    pub fn new(config: Config, params: Arc<Params>, seed: [u8; 32]) -> Node {
        Node::restored(config, Restored { chain: Chain::new(params), orphans: Vec::new() }, Vec::new(), seed)
    }

    /// A node that goes on with a chain and a pool that were stored. `seed` is its entropy.
    pub fn restored(config: Config, restored: Restored, waiting: Vec<Transaction>, seed: [u8; 32]) -> Node {
        let Restored { chain, orphans } = restored;
        let mut pool = Mempool::default();
        for transaction in waiting {
            // The pool was this large when it was stored; a smaller one of today takes what fits.
            let _ = pool.insert(transaction.id(), Arc::new(transaction), Source::Local);
        }
        // All of that is stored already.
        pool.take_changes();
        Node {
            identity: Identity {
                network: chain.params().network(),
                node: config.node,
                role: Role::Node,
                listen_port: config.listen.port(),
            },
            rng: ChaCha12Rng::from_seed(seed),
            now: Now { elapsed: Duration::ZERO, wall: crate::time::UnixTime::default() },
            out: Vec::new(),
            committed: chain.tip(),
            beside: Beside::of(&chain),
            chain,
            bodies: Bodies::default(),
            pool,
            connections: BTreeMap::new(),
            addresses: Addresses::default(),
            bans: Bans::default(),
            sync: Sync::default(),
            fetch: Fetch::default(),
            wanted: Wanted::default(),
            announcing: Announcing::default(),
            partials: Partials::default(),
            forgiven: Forgiven::default(),
            mining: Mining::new(config.hashrate),
            clocks: Clocks::default(),
            faults: Faults::default(),
            seen: Seen::default(),
            policy: RelayPolicy::default(),
            commits: VecDeque::new(),
            unwritten: Unwritten::default(),
            next_commit: 0,
            unstored_bytes: 0,
            orphans,
            stopping: false,
            config,
        }
    }

    /// Tells peers of blocks in another way than usual from now on: for measurements.
    pub fn set_relay_policy(&mut self, policy: RelayPolicy) {
        self.policy = policy;
    }

    /// What is to be done at the start: dial the peers it was told of, mine if it was told to.
    pub fn start(&mut self, now: Now) -> Vec<Output> {
        self.now = now;
        let orphans = core::mem::take(&mut self.orphans);
        self.commit_forgotten(orphans);
        self.load_recent();
        let Remembered { addresses, bans } = core::mem::take(&mut self.config.remembered);
        self.remember_bans(bans);
        for address in self.config.peers.iter_mut() {
            *address = address::canonical(*address);
        }
        for address in self.config.peers.clone() {
            self.stay_connected(address, None);
        }
        self.remember_addresses(addresses);
        self.outbound_due();
        self.refresh_job();
        core::mem::take(&mut self.out)
    }

    /// What `input`, at `now`, changes; and what is to be done about it, in this order.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Output> {
        self.now = now;
        match input {
            Input::Connected { conn, address, direction } => self.connected(conn, address, direction),
            Input::DialFailed { address, error } => self.dial_failed(address, error),
            Input::Message(conn, message) => self.message(conn, message),
            Input::Block(conn, delivery, block) => self.block_received(conn, delivery, block),
            Input::Arriving(conn) => self.arriving(conn),
            Input::UnknownKind(conn, _) => self.unknown_kind(conn),
            Input::Closed(conn, why) => self.closed(conn, why),
            Input::Timer(timer) => self.timer(timer),
            Input::Command(id, command) => self.command(commands::Caller::Edge(id), command),
            Input::Cancel(id) => self.cancel_mining(commands::Caller::Edge(id)),
            Input::Mined { job, block, tries } => self.mined(job, block, tries),
            Input::Stored(seq) => self.stored(seq),
            Input::StoreFailed(why) => self.store_failed(&why),
            Input::Loaded(blocks) => self.loaded(blocks),
        }
        core::mem::take(&mut self.out)
    }

    /// Reading, of the committed tip.
    pub fn view(&self) -> view::View<'_> {
        view::View::new(self)
    }

    fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Handshake(conn) => self.handshake_due(conn),
            Timer::Ping(conn) => self.ping_due(conn),
            Timer::Contender(conn) => self.contender_due(conn),
            Timer::Redial(address) => self.redial_rings(address),
            Timer::Outbound => self.outbound_due(),
            Timer::Headers => self.headers_due(),
            Timer::Blocks => self.blocks_due(),
            Timer::Transactions => self.transactions_due(),
            Timer::Announce => self.announce_due(),
            Timer::Future => self.future_due(),
            Timer::Template => self.template_due(),
            Timer::Clock => self.clock_due(),
            Timer::Offset => self.offset_due(),
        }
    }

    fn send(&mut self, conn: ConnId, message: Message) {
        self.out.push(Output::Send(vec![conn], message));
    }

    fn set_timer(&mut self, timer: Timer, after: Duration) {
        self.out.push(Output::SetTimer(timer, after));
    }
}

#[cfg(test)]
mod tests;
