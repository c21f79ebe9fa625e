//! Many nodes and one queue of events: what can be done to a network, and how its time passes.
//!
//! Each peer is the real [`Node`] with a fake edge (`edge`): a clock that is this simulation's, a store that
//! commits at once, a miner that is told when to find. A seed is a run: latencies, losses and the nodes' own
//! entropy come from generators that are known by name, and events of one moment keep the order in which
//! they were planned.

use core::time::Duration;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::chain::{Chain, CheckedBlock, Tip};
use crate::encoding::{Blob, Text};
use crate::limits::{MAX_BLOCK_BYTES, MAX_CONTENT_BYTES};
use crate::node::io::{Command, CommandId, ConnId, Direction, Input, Job, Timer};
use crate::node::view::View;
use crate::node::{Config, Node, RelayPolicy, Remembered};
use crate::params::Params;
use crate::sim::conduct::Conduct;
use crate::sim::invariants::{Broken, Violation};
use crate::sim::links::{Line, Links, nanos};
use crate::sim::miners;
use crate::sim::parcel::{Blocks, Parcel};
use crate::sim::queue::Queue;
use crate::sim::spread::Spreads;
use crate::sim::trace::{Trace, What};
use crate::sim::traffic::Traffic;
use crate::time::{Now, UnixTime};
use crate::types::{BlockHash, NodeId, Template, Transaction, TxId};
use crate::wire::message::PeerAddress;

/// What the wall says when a simulation begins.
const BEGINNING: UnixTime = UnixTime::from_secs(1_700_000_000);
/// What contents may weigh together: header, count and coinbase are the rest.
const ROOM: usize = MAX_BLOCK_BYTES - 500;
/// Where nodes take connections: node 0 at 1.0.0.0, node 1 at 1.1.0.0, and so on to 100.255.0.0; the next ones
/// at 1.0.0.1, 1.1.0.1. Hosts of an internet are in many networks, and a node takes few callers of one group (a
/// /16): neighbours in one would not all find a place.
const FIRST_ADDRESS: u32 = 0x0100_0000;
const GROUPS: usize = 100 << 8;
const PORT: u16 = 6000;
/// Where their own connections come from.
const OWN_PORT: u16 = 40_000;

/// What is to happen to a node.
#[derive(Debug)]
pub(super) enum Event {
    Started,
    Connected(ConnId, SocketAddr, Direction),
    DialFailed(SocketAddr),
    Message(ConnId, Rc<Parcel>),
    Closed(ConnId),
    Timer(Timer),
}

/// A node and the edge around it.
#[derive(Debug)]
pub(super) struct Peer {
    /// None while it does not run.
    pub(super) node: Option<Node>,
    pub(super) conduct: Conduct,
    /// Whom it stays connected to.
    pub(super) dials: Vec<usize>,
    /// Its open ends of connections.
    pub(super) ends: BTreeSet<ConnId>,
    /// How many of them are ready.
    pub(super) ready: usize,
    /// Counts its starts: what was planned for an earlier one does not happen.
    pub(super) life: u32,
    /// Since when it runs, in nanoseconds.
    pub(super) since: u64,
    /// Which side of a partition it is on.
    pub(super) side: u8,
    /// When its uplink is free again.
    pub(super) free_at: u64,
    /// Blocks in its store, in the order in which they came.
    pub(super) stored: Vec<BlockHash>,
    /// Its pool, as it was stored, by arrival.
    pub(super) waiting: Vec<(TxId, Arc<Transaction>)>,
    pub(super) tip: Tip,
    pub(super) job: Option<Job>,
    /// Answers to those who waited for a block of it.
    pub(super) answers: u32,
    /// The id of the last content that it took.
    pub(super) submitted: Option<TxId>,
    pub(super) sent_bytes: u64,
}

/// A simulated network.
#[derive(Debug)]
pub struct Network {
    pub(super) params: Arc<Params>,
    pub(super) line: Line,
    /// For latencies and losses.
    pub(super) dice: ChaCha12Rng,
    /// For the nodes' entropy.
    seeds: ChaCha12Rng,
    pub(super) peers: Vec<Peer>,
    /// How many connections a node that starts opens by itself.
    outbound: usize,
    /// How it tells others of blocks.
    policy: RelayPolicy,
    pub(super) links: Links,
    pub(super) queue: Queue<(u32, u32, Event)>,
    pub(super) blocks: Blocks,
    /// Nanoseconds since the beginning.
    pub(super) now: u64,
    pub(super) trace: Trace,
    pub(super) traffic: Traffic,
    pub(super) spreads: Spreads,
}

/// Generators of one seed, so that one more draw for one purpose changes nothing for another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Links = 0,
    Nodes = 1,
    Topology = 2,
    Mining = 3,
    Faults = 4,
    Contents = 5,
}

pub(super) fn generator(seed: u64, purpose: Purpose) -> ChaCha12Rng {
    let mut generator = ChaCha12Rng::seed_from_u64(seed);
    generator.set_stream(purpose as u64);
    generator
}

/// Where node `n` takes connections.
pub(super) fn address(n: usize) -> SocketAddr {
    let (group, host) = ((n % GROUPS) as u32, (n / GROUPS) as u32);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from_bits(FIRST_ADDRESS + (group << 16) + host)), PORT)
}

/// Where a connection that it opens seems to come from.
pub(super) fn own_address(n: usize) -> SocketAddr {
    SocketAddr::new(address(n).ip(), OWN_PORT)
}

/// The node that takes connections at `address`.
pub(super) fn number(address: SocketAddr) -> Option<usize> {
    match address.ip() {
        IpAddr::V4(ip) => {
            let offset = ip.to_bits().checked_sub(FIRST_ADDRESS)?;
            let (group, host) = ((offset >> 16) as usize, (offset & 0xffff) as usize);
            (group < GROUPS).then_some(host * GROUPS + group)
        }
        IpAddr::V6(_) => None,
    }
}

impl Network {
    /// A network without nodes.
    pub fn new(params: &Arc<Params>, line: Line, seed: u64) -> Network {
        Network {
            params: params.clone(),
            line,
            dice: generator(seed, Purpose::Links),
            seeds: generator(seed, Purpose::Nodes),
            peers: Vec::new(),
            outbound: 0,
            policy: RelayPolicy::default(),
            links: Links::default(),
            queue: Queue::default(),
            blocks: Blocks::new(params.clone()),
            now: 0,
            trace: Trace::default(),
            traffic: Traffic::default(),
            spreads: Spreads::default(),
        }
    }

    /// Nodes that start from now on open so many connections by themselves, beside those of the topology.
    pub fn set_outbound(&mut self, count: usize) {
        self.outbound = count;
    }

    /// Nodes that start from now on tell others of blocks in this way.
    pub fn set_relay_policy(&mut self, policy: RelayPolicy) {
        self.policy = policy;
    }

    /// One more node, its number, that does not run yet and will dial `dials`.
    pub fn add(&mut self, dials: Vec<usize>, conduct: Conduct) -> usize {
        self.peers.push(Peer {
            node: None,
            conduct,
            dials,
            ends: BTreeSet::new(),
            ready: 0,
            life: 0,
            since: 0,
            side: 0,
            free_at: 0,
            stored: Vec::new(),
            waiting: Vec::new(),
            tip: Chain::new(self.params.clone()).tip(),
            job: None,
            answers: 0,
            submitted: None,
            sent_bytes: 0,
        });
        self.peers.len() - 1
    }

    /// Node `n` starts after `wait`, with what it had stored when it was stopped.
    pub fn start_in(&mut self, n: usize, wait: Duration) {
        self.plan(self.now.saturating_add(nanos(wait)), n, Event::Started);
    }

    /// Node `n` behaves so from now on.
    pub fn becomes(&mut self, n: usize, conduct: Conduct) {
        self.peers[n].conduct = conduct;
    }

    /// Node `n` is killed.
    pub fn stop(&mut self, n: usize) {
        let peer = &mut self.peers[n];
        if peer.node.take().is_none() {
            return;
        }
        peer.life += 1;
        peer.job = None;
        peer.ready = 0;
        self.trace.add(self.now, n, What::Stopped, &[0; 32]);
        for conn in core::mem::take(&mut self.peers[n].ends) {
            self.links.close(conn);
            self.tell_closed(conn);
        }
    }

    /// Introduces `to` to `from`, which stays connected to it from now on.
    pub fn dial(&mut self, from: usize, to: usize) -> Result<(), Violation> {
        self.peers[from].dials.push(to);
        let peer = PeerAddress { node: None, address: address(to) };
        let introduction = crate::wire::manage::Introduction { peer, dial: true };
        self.input(from, Input::Command(CommandId(0), Command::Register(vec![introduction])))
    }

    /// Node `n` is given a content for its pool; the id, if it takes it.
    pub fn submit(&mut self, n: usize, data: Blob<MAX_CONTENT_BYTES>) -> Result<Option<TxId>, Violation> {
        self.peers[n].submitted = None;
        self.input(n, Input::Command(CommandId(2), Command::Submit(data)))?;
        Ok(self.peers[n].submitted)
    }

    /// Node `n` finds a block on its tip now, with as much of `contents` as fits beside what waits in its pool;
    /// none if it does not run.
    pub fn mine(&mut self, n: usize, contents: Vec<Transaction>) -> Result<Option<BlockHash>, Violation> {
        let Some((job, time)) = self.job(n)? else { return Ok(None) };
        let Template { header, coinbase, contents: waiting, .. } = job.template;
        let height = coinbase.height;
        let mut room = ROOM.saturating_sub(waiting.iter().map(Transaction::size).sum());
        let fits = |content: &Transaction| {
            let left = room.checked_sub(content.size());
            room = left.unwrap_or(room);
            left.is_some()
        };
        let contents = waiting.into_iter().chain(contents.into_iter().filter(fits)).collect();
        let template = Template::new(header, coinbase, contents);
        let Some(block) = miners::solve(&template, time) else { return Ok(None) };
        let hash = block.hash();
        let Ok(block) = self.blocks.check(&Arc::new(block)) else { return Ok(None) };
        self.trace.add(self.now, n, What::Mined, &hash.0);
        if self.peers[n].conduct.is_honest() {
            let nodes = self.honest().filter(|n| self.peers[*n].node.is_some()).count();
            self.spreads.found(height, self.now, nodes);
        }
        self.input(n, Input::Mined { job: job.id, block, tries: 1 })?;
        Ok(Some(hash))
    }

    /// Node `n`, a liar, tells everybody of something it made up at the price of a block.
    pub(super) fn deceive(&mut self, n: usize) -> Result<(), Violation> {
        let Some((job, time)) = self.job(n)? else { return Ok(()) };
        self.input(n, Input::Cancel(CommandId(1)))?;
        let to: Vec<ConnId> = self.view(n).map_or(Vec::new(), |v| v.peers().iter().map(|p| p.conn).collect());
        if let Some(message) = self.peers[n].conduct.invent(&job, time) {
            self.send_as_is(n, &to, message);
        }
        Ok(())
    }

    /// What node `n` would mine, and the time.
    fn job(&mut self, n: usize) -> Result<Option<(Job, u32)>, Violation> {
        self.input(n, Input::Command(CommandId(1), Command::Mine(None)))?;
        let time = u32::try_from(self.moment().wall.secs()).unwrap_or(u32::MAX);
        Ok(self.peers[n].job.clone().map(|job| (job, time)))
    }

    /// Cuts the network into sides: connections across them close, and no dial gets through. All on one
    /// side: it is whole again.
    pub fn cut(&mut self, side_of: impl Fn(usize) -> u8) {
        for (n, peer) in self.peers.iter_mut().enumerate() {
            peer.side = side_of(n);
        }
        for n in 0..self.peers.len() {
            for conn in self.peers[n].ends.iter().copied().collect::<Vec<_>>() {
                let other = Links::other(conn);
                if self.links.hears(conn) && self.peers[self.links.node(other)].side != self.peers[n].side {
                    self.links.cut(conn);
                    self.plan(self.now, n, Event::Closed(conn));
                    if self.links.is_open(other) {
                        self.plan(self.now, self.links.node(other), Event::Closed(other));
                    }
                }
            }
        }
    }

    /// Lets `time` pass.
    pub fn run(&mut self, time: Duration) -> Result<(), Violation> {
        self.run_until(self.now.saturating_add(nanos(time)))
    }

    pub(super) fn run_until(&mut self, end: u64) -> Result<(), Violation> {
        while let Some((at, (n, life, event))) = self.queue.pop(end) {
            self.now = at;
            self.happen(n as usize, life, event)?;
        }
        self.now = end;
        Ok(())
    }

    pub(super) fn plan(&mut self, at: u64, n: usize, event: Event) {
        self.queue.push(at, (n as u32, self.peers[n].life, event));
    }

    /// The moment, as every node's clocks show it.
    pub(super) fn moment(&self) -> Now {
        Now { elapsed: Duration::ZERO, wall: BEGINNING }.plus(Duration::from_nanos(self.now))
    }

    /// Begins the life of a node's core: a new one, or one that goes on with what it stored.
    pub(super) fn born(&mut self, n: usize) -> Result<(), Violation> {
        let mut id = [0; 16];
        id[12..].copy_from_slice(&(n as u32 + 1).to_be_bytes());
        let config = Config {
            node: NodeId(id),
            listen: address(n),
            manager: None,
            peers: self.peers[n].dials.iter().map(|to| address(*to)).collect(),
            outbound: self.outbound,
            remembered: Remembered::default(),
            hashrate: 0,
            note: Text::default(),
        };
        let mut seed = [0; 32];
        self.seeds.fill_bytes(&mut seed);
        let headers: Vec<_> =
            self.peers[n].stored.iter().filter_map(|hash| Some(*self.blocks.get(hash)?.header())).collect();
        let mut node = if self.peers[n].life == 0 {
            Node::new(config, self.params.clone(), seed)
        } else {
            let restored = Chain::restore(self.params.clone(), &headers, self.peers[n].tip.hash);
            let restored = restored.map_err(|error| self.violation(n, Broken::NotRestored(error)))?;
            let waiting =
                self.peers[n].waiting.iter().map(|(_, transaction)| Transaction::clone(transaction));
            Node::restored(config, restored, waiting.collect(), seed)
        };
        node.set_relay_policy(self.policy);
        let outputs = node.start(self.moment());
        let peer = &mut self.peers[n];
        peer.node = Some(node);
        peer.since = self.now;
        self.carry_out(n, outputs)
    }

    pub(super) fn violation(&self, n: usize, what: Broken) -> Violation {
        Violation { at: Duration::from_nanos(self.now), node: n, what: Box::new(what) }
    }

    /// How many nodes there are, running or not.
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// A look at node `n`, if it runs.
    pub fn view(&self, n: usize) -> Option<View<'_>> {
        self.peers[n].node.as_ref().map(Node::view)
    }

    /// The tip of node `n`; the one it had, if it does not run.
    pub fn tip(&self, n: usize) -> Tip {
        self.peers[n].tip
    }

    /// The numbers of the nodes that behave.
    pub fn honest(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.peers.len()).filter(|n| self.is_honest(*n))
    }

    /// Whether node `n` behaves.
    pub fn is_honest(&self, n: usize) -> bool {
        self.peers[n].conduct.is_honest()
    }

    pub(super) fn is_liar(&self, n: usize) -> bool {
        matches!(self.peers[n].conduct, Conduct::Liar(_))
    }

    /// How many links between nodes that run are not up, at one of their ends at least.
    pub(super) fn missing_links(&self) -> usize {
        let runs = |n: &usize| self.peers[*n].node.is_some();
        let running = self.peers.iter().filter(|peer| peer.node.is_some());
        let wanted: usize = running.clone().map(|p| p.dials.iter().filter(|to| runs(to)).count()).sum();
        (2 * wanted).saturating_sub(running.map(|peer| peer.ready).sum()).div_ceil(2)
    }

    /// What was said so far does not count.
    pub(super) fn forget_traffic(&mut self) {
        self.traffic = Traffic::default();
        for peer in &mut self.peers {
            peer.sent_bytes = 0;
        }
    }

    /// A block that some node had.
    pub fn block(&self, hash: &BlockHash) -> Option<&CheckedBlock> {
        self.blocks.get(hash)
    }

    /// How many blocks were mined by call at node `n`, and told to the caller once they were stored.
    pub fn answers(&self, n: usize) -> u32 {
        self.peers[n].answers
    }

    /// Messages delivered so far.
    pub fn messages(&self) -> u64 {
        self.traffic.messages()
    }

    /// The hash of everything that happened anywhere, and when.
    pub fn trace(&self) -> [u8; 32] {
        self.trace.digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_SIMULATED_NODES;
    use crate::types::address::Group;

    #[test]
    fn every_node_has_its_address_and_few_share_a_group() {
        let mut groups = BTreeSet::new();
        for n in 0..MAX_SIMULATED_NODES {
            assert_eq!(number(address(n)), Some(n));
            groups.insert(Group::of(own_address(n).ip()));
            assert!(n >= GROUPS || groups.len() == n + 1, "node {n} has a neighbour");
        }
        assert!(groups.len() == GROUPS && !groups.contains(&Group::Loopback));
        for nobody in ["0.255.255.255:1", "101.0.0.0:1", "255.0.0.1:1"] {
            assert_eq!(number(nobody.parse().expect("an address")), None, "{nobody}");
        }
    }
}
