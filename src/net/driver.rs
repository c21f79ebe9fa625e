//! One `select!` that owns the node: whatever happens becomes an input, and the outputs are carried out in
//! their order.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::timeout;

use crate::chain::{Chain, CheckedBlock, NotRestored};
use crate::encoding;
use crate::limits::{
    CHECK_ELSEWHERE_BYTES, DIAL_TIMEOUT, DRIVER_QUEUE, MAX_EVENTS, MAX_INBOUND, MAX_LINGERING, MAX_MANAGERS,
    MAX_MANUAL_PEERS, MAX_OUTBOUND, MAX_PENDING_HANDSHAKES,
};
use crate::miner::{self, Found, Kernel, Miner};
use crate::net::arrivals::{Arrival, Arrivals};
use crate::net::clock::Clock;
use crate::net::connection::{self, Incoming};
use crate::net::handle::{Handle, Request};
use crate::net::log::Log;
use crate::net::names::Names;
use crate::net::records::{Records, Written};
use crate::net::traffic::Traffic;
use crate::net::{events, listen, writer};
use crate::node::io::{Answer, Command, CommandId, Commit, ConnId, Direction, Event, Input, Output, Timer};
use crate::node::{Config, Node};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::store::{self, Batch, Committed, Folder, Loaded, Store, StoredBlock, Waiting};
use crate::types::{Block, BlockHash};
use crate::wire::manage::{Outcome, Report, Status};
use crate::wire::{Message, frame};

/// Time that what is queued for a connection may take to be written after its close, and to be read at the other end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Sockets at once, whatever they say they are: what the core lets in, and its waiting room.
const MAX_SOCKETS: usize =
    MAX_INBOUND + MAX_PENDING_HANDSHAKES + MAX_MANUAL_PEERS + MAX_OUTBOUND + MAX_MANAGERS;

/// Inputs handled in a row before other things get their turn.
const BURST: usize = 64;

/// What a running node is made of.
pub struct Settings {
    /// What the core is told.
    pub config: Config,
    /// The network.
    pub params: Arc<Params>,
    /// The core's entropy, from the operating system.
    pub seed: [u8; 32],
    /// Where it takes connections; `config.listen` is its address.
    pub listener: TcpListener,
    /// Mining threads at most.
    pub threads: usize,
    /// How they search.
    pub kernel: Kernel,
    /// Where blocks are kept.
    pub store: Store,
    /// What it says of its commits.
    pub committed: Committed,
    /// What it held at the start.
    pub loaded: Loaded,
    /// Where it is written down what is known of other nodes, if anywhere.
    pub folder: Option<Arc<Folder>>,
    /// What is written down there.
    pub written: Written,
    /// Peers that are named by their host, for [`follow`](crate::net::names::follow) to look up.
    pub names: Names,
}

impl Settings {
    /// A node that keeps everything in memory and starts from nothing.
    pub fn ephemeral(config: Config, params: Arc<Params>, seed: [u8; 32], listener: TcpListener) -> Settings {
        let (store, committed) = Store::memory(StoredBlock::from(params.genesis()));
        let loaded = Loaded::empty(params.genesis_hash());
        Settings {
            config,
            params,
            seed,
            listener,
            threads: 1,
            kernel: Kernel::fastest(),
            store,
            committed,
            loaded,
            folder: None,
            written: Written::default(),
            names: Names::default(),
        }
    }
}

/// The node could not go on.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failed {
    /// What it has to make durable cannot be.
    #[error(transparent)]
    Store(#[from] store::Failure),
    /// What was stored is no chain.
    #[error(transparent)]
    Stored(#[from] NotRestored),
}

/// Starts a node: what others hold of it, and the future that runs it until it stops.
pub fn start(settings: Settings) -> Result<(Handle, impl Future<Output = Result<(), Failed>>), NotRestored> {
    let (handle, driver, world) = assemble(settings)?;
    Ok((handle, driver.run(world)))
}

/// A node that has not begun to run.
fn assemble(settings: Settings) -> Result<(Handle, Driver, World), NotRestored> {
    let Settings { config, params, seed, listener, threads, kernel, .. } = settings;
    let Settings { store, committed, loaded, folder, written, names, .. } = settings;
    let restored = Chain::restore(params.clone(), &loaded.headers, loaded.tip)?;
    let (found, founds) = mpsc::unbounded_channel();
    let miner = Miner::start(threads, kernel, Clock::wall, move |block| {
        let _ = found.send(block);
    });
    let (requests, requested) = mpsc::unbounded_channel();
    let start = Clock::wall();
    let (publisher, events) = events::channel(start, MAX_EVENTS);
    let (arrivals, traffic) = (Arrivals::default(), Traffic::default());
    arrivals.loaded(&loaded.headers, start);
    let clock = Clock::start();
    let handle = Handle {
        requests,
        next: Arc::new(AtomicU64::new(1)),
        moment: Arc::default(),
        store: store.clone(),
        miner: Arc::new(miner),
        clock,
        start,
        events,
        arrivals: arrivals.clone(),
        traffic: traffic.clone(),
    };
    // Another stream than the core's.
    let mut dice = ChaCha12Rng::from_seed(seed);
    dice.set_stream(1);
    let (core, incoming) = mpsc::channel(DRIVER_QUEUE);
    let (sockets, accepted) = listen::channel();
    let driver = Driver {
        node: Node::restored(config, restored, loaded.waiting, seed),
        clock,
        params,
        store,
        miner: handle.miner.clone(),
        moment: handle.moment.clone(),
        core,
        links: BTreeMap::new(),
        tasks: JoinSet::new(),
        dials: JoinSet::new(),
        timers: BTreeMap::new(),
        serial: 0,
        next_conn: 0,
        replies: BTreeMap::new(),
        records: Records::new(folder, written, names),
        log: Log::default(),
        publisher,
        arrivals,
        traffic,
        lingering: Arc::new(Semaphore::new(MAX_LINGERING)),
        dice,
        stopping: false,
    };
    let world = World { listener, sockets, incoming, accepted, committed, founds, requested };
    Ok((handle, driver, world))
}

/// Where inputs come from.
struct World {
    listener: TcpListener,
    /// Where the sockets go that it accepts, until `accepted` is asked for them.
    sockets: mpsc::Sender<listen::Accepted>,
    incoming: mpsc::Receiver<Incoming>,
    accepted: mpsc::Receiver<listen::Accepted>,
    committed: Committed,
    founds: mpsc::UnboundedReceiver<Found>,
    requested: mpsc::UnboundedReceiver<Request>,
}

/// The tasks of one connection.
struct Link {
    queue: writer::Queue,
    reader: AbortHandle,
    writer: AbortHandle,
}

type Dialled = (SocketAddr, std::io::Result<TcpStream>);

/// How a reader or a writer ended.
type Ended = (ConnId, Result<(), Disconnect>);

struct Driver {
    node: Node,
    clock: Clock,
    params: Arc<Params>,
    store: Store,
    miner: Arc<Miner>,
    /// Inputs that were handled.
    moment: Arc<AtomicU64>,
    core: mpsc::Sender<Incoming>,
    links: BTreeMap<ConnId, Link>,
    /// Readers and writers, each with the number of its connection.
    tasks: JoinSet<Ended>,
    dials: JoinSet<Dialled>,
    timers: BTreeMap<(Duration, u64), Timer>,
    serial: u64,
    next_conn: u64,
    replies: BTreeMap<CommandId, oneshot::Sender<Answer>>,
    records: Records,
    log: Log,
    publisher: events::Publisher,
    arrivals: Arrivals,
    traffic: Traffic,
    /// Places for connections that are closed and read on.
    lingering: Arc<Semaphore>,
    /// For links that are slow.
    dice: ChaCha12Rng,
    stopping: bool,
}

impl Driver {
    async fn run(mut self, mut from: World) -> Result<(), Failed> {
        let listening = tokio::spawn(listen::accept(from.listener, from.sockets));
        let outputs = self.node.start(self.clock.now());
        self.carry_out(outputs);
        let mut ended = Ok(());
        while !self.stopping {
            let next = self.timers.first_key_value().map(|((at, _), _)| self.clock.at(*at));
            tokio::select! {
                Some(incoming) = from.incoming.recv() => self.receive(incoming, &mut from.incoming),
                Some((socket, address)) = from.accepted.recv() => self.accept(socket, address),
                Some(dialled) = self.dials.join_next() => self.dialled(dialled),
                Some(ended) = self.tasks.join_next_with_id() => self.ended(ended),
                () = sleep_until(next) => self.ring(),
                Some(told) = from.committed.recv() => {
                    if let Err(failure) = self.committed(told, &mut from.committed) {
                        tracing::error!(%failure, hint = failure.hint(), "the store failed: stopping");
                        self.input(Input::StoreFailed(failure.to_string()));
                        ended = Err(Failed::Store(failure));
                    }
                }
                Some(found) = from.founds.recv() => self.found(found),
                Some(request) = from.requested.recv() => {
                    self.request(request);
                    let more = core::iter::from_fn(|| from.requested.try_recv().ok()).take(BURST - 1);
                    more.for_each(|request| self.request(request));
                }
                () = tokio::time::sleep_until(self.records.due()) => self.records.look(&self.node.view()),
            }
        }
        listening.abort();
        self.miner.set(None);
        self.links.clear();
        self.records.settle().await;
        self.records.look(&self.node.view());
        self.records.settle().await;
        // What was said last, byes among it, is written; nobody is waited for long.
        let _ = timeout(FLUSH_TIMEOUT, async { while self.tasks.join_next().await.is_some() {} }).await;
        ended
    }

    fn input(&mut self, input: Input) {
        let outputs = self.node.handle(self.clock.now(), input);
        // Before anybody is told of it.
        self.moment.fetch_add(1, Ordering::Release);
        self.carry_out(outputs);
    }

    /// Commits are done. The last one's number stands for those before it.
    fn committed(
        &mut self,
        told: Result<u64, store::Failure>,
        more: &mut Committed,
    ) -> Result<(), store::Failure> {
        let mut seq = told?;
        let mut failed = Ok(());
        while let Some(told) = more.try_recv() {
            match told {
                Ok(later) => seq = later,
                Err(failure) => failed = Err(failure),
            }
        }
        self.input(Input::Stored(seq));
        failed
    }

    fn receive(&mut self, first: Incoming, queue: &mut mpsc::Receiver<Incoming>) {
        let more = core::iter::from_fn(|| queue.try_recv().ok()).take(BURST - 1);
        let burst: Vec<Incoming> = core::iter::once(first).chain(more).collect();
        for incoming in &burst[1..] {
            self.node.foresee(&incoming.input);
        }
        for incoming in burst {
            self.handle(incoming);
        }
    }

    fn handle(&mut self, incoming: Incoming) {
        if let Input::Closed(conn, _) = &incoming.input {
            self.hang_up(*conn);
        }
        let Incoming { input, place } = incoming;
        self.input(input);
        drop(place);
    }

    fn accept(&mut self, socket: TcpStream, address: SocketAddr) {
        if self.links.len() >= MAX_SOCKETS {
            tracing::debug!(%address, "too many sockets: not let in");
            return;
        }
        self.connect(socket, address, Direction::Inbound);
    }

    fn dialled(&mut self, dialled: Result<Dialled, JoinError>) {
        match dialled {
            Ok((address, Ok(socket))) => self.connect(socket, address, Direction::Outbound),
            Ok((address, Err(error))) => {
                self.input(Input::DialFailed { address, error: error.to_string() });
            }
            Err(error) => tracing::error!(%error, "a dial failed inside"),
        }
    }

    fn connect(&mut self, socket: TcpStream, address: SocketAddr, direction: Direction) {
        // A block is one write: waiting for more to send would only delay it.
        let _ = socket.set_nodelay(true);
        self.next_conn += 1;
        let conn = ConnId(self.next_conn);
        let (reading, writing) = socket.into_split();
        let (params, core, store) = (self.params.clone(), self.core.clone(), self.store.clone());
        let meter = self.traffic.open(conn);
        let (queue, drain) = writer::queue(writing, meter.clone());
        let arrivals = self.arrivals.clone();
        let reader = self.tasks.spawn(async move {
            connection::read(conn, reading, params, core, meter, arrivals).await;
            (conn, Ok(()))
        });
        let lingering = self.lingering.clone();
        let drained = async move { (conn, writer::drain(drain, store, lingering).await) };
        let writer = self.tasks.spawn(drained);
        self.links.insert(conn, Link { queue, reader, writer });
        self.input(Input::Connected { conn, address, direction });
    }

    /// Takes nothing more at once, and writes what is queued before the socket closes.
    fn hang_up(&mut self, conn: ConnId) {
        let Some(link) = self.links.remove(&conn) else { return };
        self.traffic.close(conn);
        link.reader.abort();
        let writer = link.writer;
        if !writer.is_finished() {
            tokio::spawn(async move {
                tokio::time::sleep(FLUSH_TIMEOUT).await;
                writer.abort();
            });
        }
    }

    /// A reader or writer is done. A reader has told the core itself, unless it panicked.
    fn ended(&mut self, ended: Result<(tokio::task::Id, Ended), JoinError>) {
        let (conn, why) = match ended {
            Ok((_, (_, Ok(())))) => return,
            Ok((_, (conn, Err(why)))) => (conn, why),
            Err(error) if error.is_cancelled() => return,
            Err(error) => {
                let id = error.id();
                let is_it = |link: &Link| link.reader.id() == id || link.writer.id() == id;
                let Some(conn) = self.links.iter().find(|(_, link)| is_it(link)).map(|(conn, _)| *conn)
                else {
                    return;
                };
                tracing::error!(conn = conn.0, %error, "a connection's task failed: a defect of this program");
                (conn, Disconnect::Failed("internal error".to_owned()))
            }
        };
        if self.links.contains_key(&conn) {
            self.hang_up(conn);
            self.input(Input::Closed(conn, why));
        }
    }

    fn ring(&mut self) {
        let now = self.clock.now().elapsed;
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= now) {
            let timer = entry.remove();
            self.input(Input::Timer(timer));
        }
    }

    fn found(&mut self, found: Found) {
        let Found { job, block, tries, .. } = found;
        match CheckedBlock::check(block, &self.params) {
            Ok(block) => self.input(Input::Mined { job, block, tries }),
            Err(rule) => tracing::error!(%rule, "our miner made a bad block: a defect of this program"),
        }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::View(read) => read(&self.node.view()),
            Request::Command(id, command, reply) => {
                if matches!(command, Command::Shutdown) {
                    tracing::info!("shutting down");
                }
                self.replies.insert(id, reply);
                self.input(Input::Command(id, command));
            }
            // It is answered all the same, once that is known: its block may have been found.
            Request::Cancel(id) => self.input(Input::Cancel(id)),
        }
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send(to, message) => self.send(&to, &message),
                Output::SendStored(conn, hashes) => self.queue(conn, |queue| queue.stored(hashes)),
                Output::SendTransactions(conn, list) => self.queue(conn, |queue| queue.transactions(&list)),
                Output::Check(conn, block) => self.check(conn, block),
                Output::Dial(address) => {
                    self.dials.spawn(dial(address));
                }
                Output::Line(conn, line) => {
                    if let Some(link) = self.links.get_mut(&conn) {
                        link.queue.set_line(line, || ChaCha12Rng::from_rng(&mut self.dice));
                    }
                }
                Output::Close(conn, _) => self.hang_up(conn),
                Output::SetTimer(timer, after) => {
                    self.serial += 1;
                    self.timers.insert((self.clock.now().elapsed + after, self.serial), timer);
                }
                Output::Store(commit) => self.store.submit(batch(commit)),
                Output::Load(hashes) => {
                    let blocks = hashes.iter().filter_map(|hash| read(&self.store, hash));
                    let blocks = blocks.filter_map(|bytes| encoding::decode::<Block>(&bytes).ok());
                    let input = Input::Loaded(blocks.map(Arc::new).collect());
                    self.later(input);
                }
                Output::Mine(job) => self.miner.set(job.map(|job| miner::Job {
                    id: job.id,
                    template: job.template,
                    rate: job.rate,
                })),
                Output::Event(event) => self.tell(event),
                Output::Reply(id, answer) => {
                    if let Some(reply) = self.replies.remove(&id) {
                        let _ = reply.send(answer);
                    }
                }
                Output::Status(conn, sequence, status) => {
                    let status = Status { hashes: self.miner.stats().total_hashes, ..status };
                    let report = Report { sequence, outcome: Outcome::Status(status) };
                    self.send(&[conn], &Message::Report(report));
                }
                Output::Stop => self.stopping = true,
            }
        }
    }

    /// Encodes a message once, for all who get it.
    fn send(&mut self, to: &[ConnId], message: &Message) {
        let frame = frame::encode(message);
        // What peers wait for does not wait for the end of all that a block changes here.
        let is_news = matches!(message, Message::NewBlock(_));
        for conn in to {
            let frame = frame.clone();
            self.queue(*conn, |queue| if is_news { queue.frame_now(frame) } else { queue.frame(frame) });
        }
    }

    /// Something happened: for the log, and for whoever reads events.
    fn tell(&mut self, event: Event) {
        self.log.event(&event, self.clock.now().elapsed);
        let at = Clock::wall();
        if let Event::BlockSeen { hash, giver, .. } = &event {
            self.arrivals.came(*hash, Arrival { at, giver: *giver });
        }
        if matches!(event, Event::HostBanned(_)) {
            self.records.hurry();
        }
        self.publisher.publish(at, event);
    }

    /// Checks a block that the core put together: a large one on another thread.
    fn check(&self, conn: ConnId, block: Block) {
        let (params, core) = (self.params.clone(), self.core.clone());
        let is_large = block.size() >= CHECK_ELSEWHERE_BYTES;
        let check = move || Input::rebuilt(conn, block, &params);
        tokio::spawn(async move {
            let checked = match is_large {
                true => tokio::task::spawn_blocking(check).await,
                false => Ok(check()),
            };
            match checked {
                Ok(input) => drop(core.send(Incoming { input, place: None }).await),
                Err(error) => tracing::error!(%error, "checking a block failed: a defect of this program"),
            }
        });
    }

    /// Hands `input` to the core after the outputs at hand.
    fn later(&mut self, input: Input) {
        let core = self.core.clone();
        tokio::spawn(async move {
            let _ = core.send(Incoming { input, place: None }).await;
        });
    }

    fn queue(&mut self, conn: ConnId, put: impl FnOnce(&writer::Queue) -> Result<(), Disconnect>) {
        let Some(link) = self.links.get(&conn) else { return };
        if let Err(why) = put(&link.queue) {
            // Cut off rather than hung up: it does not read what is queued.
            if let Some(link) = self.links.remove(&conn) {
                self.traffic.close(conn);
                link.reader.abort();
                link.writer.abort();
            }
            self.later(Input::Closed(conn, why));
        }
    }
}

/// A stored block; one that cannot be read is not here, and the log says why.
pub(super) fn read(store: &Store, hash: &BlockHash) -> Option<Bytes> {
    store.read(hash).unwrap_or_else(|damage| {
        tracing::error!(%hash, %damage, hint = damage.hint(), "a block cannot be read");
        None
    })
}

fn batch(commit: Commit) -> Batch {
    let stored = |block: CheckedBlock| StoredBlock {
        hash: block.hash(),
        encoded: block.encoded().clone(),
        ids: block.ids().clone(),
    };
    let Commit { seq, blocks, tip, forget, pool } = commit;
    let blocks = blocks.into_iter().map(stored).collect();
    let waiting = pool.came.iter().map(|transaction| Waiting::from(&**transaction)).collect();
    Batch { seq, blocks, tip, forget, waiting, gone: pool.went }
}

async fn dial(address: SocketAddr) -> Dialled {
    let connected = timeout(DIAL_TIMEOUT, TcpStream::connect(address)).await;
    (address, connected.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())))
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => core::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
