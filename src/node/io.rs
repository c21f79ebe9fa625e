//! What goes into the core and what comes out: the whole of its contract with the world.
//!
//! Everything is plain data, so that a run can be logged, replayed and simulated. The edge (`net::driver`)
//! turns sockets, clocks, threads and storage into inputs, and carries outputs out in their order.

use core::time::Duration;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::view::Ban;
use crate::chain::{BadBranch, CheckedBlock, CheckedBranch, Rule, Tip};
use crate::encoding::{Blob, Text};
use crate::limits::{MAX_CONTENT_BYTES, MAX_EXCERPT_BYTES};
use crate::mempool;
use crate::params::Params;
use crate::peer::{Disconnect, Line};
use crate::time::UnixTime;
use crate::types::{Block, BlockHash, CompactTarget, NodeId, Template, Transaction, TxId, Unreachable, Work};
use crate::wire::manage::{self, Fault, Introduction, Mined};
use crate::wire::message::{Message, NewBlock};

pub use super::event::{ClockOffset, Giver, Ids, Origin};

/// A connection's number. Never used twice, so that the late close of an old socket cannot hit a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// They did.
    Inbound,
    /// We did.
    Outbound,
}

/// What the world tells the core.
#[derive(Debug, Clone)]
pub enum Input {
    /// A socket is connected.
    Connected {
        /// Its number from now on.
        conn: ConnId,
        /// The other side's address; of an outbound one, as it was dialled.
        address: SocketAddr,
        /// Who opened it.
        direction: Direction,
    },
    /// A dial came to nothing.
    DialFailed {
        /// As it was dialled.
        address: SocketAddr,
        /// What the system said.
        error: String,
    },
    /// A message without a block arrived. ([`Input::received`] makes these inputs of messages.)
    Message(ConnId, Message),
    /// A block arrived, its context-free rules checked.
    Block(ConnId, Delivery, Result<CheckedBlock, BadBlock>),
    /// A long message is arriving: its sender is alive.
    Arriving(ConnId),
    /// A well-framed message of a kind that we do not know arrived.
    UnknownKind(ConnId, u8),
    /// A connection is gone, by the other side or by the edge; not sent for those that the core closed.
    Closed(ConnId, Disconnect),
    /// The time of a timer has come.
    Timer(Timer),
    /// Somebody with the right to it wants something; the answer carries the same number.
    Command(CommandId, Command),
    /// Whoever sent the command no longer waits for its answer.
    Cancel(CommandId),
    /// Our miner found a block.
    Mined {
        /// The job's number.
        job: u64,
        /// The block.
        block: CheckedBlock,
        /// Hashes tried for this job.
        tries: u64,
    },
    /// A commit is durable.
    Stored(u64),
    /// A commit failed for this reason, and none will be durable any more.
    StoreFailed(String),
    /// Blocks that the core asked for, read back; one that could not be read is left out.
    Loaded(Vec<Arc<Block>>),
}

/// How a block came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// As a Block message, which answers GetBlocks.
    Requested,
    /// As a NewBlock message with a body.
    Pushed,
    /// Put together here, of what came with a compact one and what was in the pool.
    Rebuilt,
}

/// A block that broke a context-free rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadBlock {
    /// Its header's hash.
    pub hash: BlockHash,
    /// Its parent.
    pub previous: BlockHash,
    /// The rule.
    pub rule: Rule,
}

impl Input {
    /// The input that `message` is. The context-free check of a block costs time in proportion to its
    /// size, so the edge calls this where it may take long.
    pub fn received(conn: ConnId, message: Message, params: &Params) -> Input {
        Input::received_with(conn, message, |block| CheckedBlock::check(block.clone(), params))
    }

    /// The same for whoever knows already what [`CheckedBlock::check`], a pure function, says of the block:
    /// a simulation, where one block comes to a thousand nodes.
    pub fn received_with(
        conn: ConnId,
        message: Message,
        check: impl FnOnce(&Arc<Block>) -> Result<CheckedBlock, Rule>,
    ) -> Input {
        let (delivery, block) = match message {
            Message::Block(block) => (Delivery::Requested, block),
            Message::NewBlock(NewBlock::Push(block)) => (Delivery::Pushed, block),
            other => return Input::Message(conn, other),
        };
        Input::block(conn, delivery, &block, check)
    }

    /// The answer to [`Output::Check`].
    pub fn rebuilt(conn: ConnId, block: Block, params: &Params) -> Input {
        let block = Arc::new(block);
        Input::block(conn, Delivery::Rebuilt, &block, |block| CheckedBlock::check(block.clone(), params))
    }

    /// A block that came in this way, checked.
    pub fn block(
        conn: ConnId,
        delivery: Delivery,
        block: &Arc<Block>,
        check: impl FnOnce(&Arc<Block>) -> Result<CheckedBlock, Rule>,
    ) -> Input {
        let bad = |rule| BadBlock { hash: block.hash(), previous: block.header.previous, rule };
        Input::Block(conn, delivery, check(block).map_err(bad))
    }
}

/// Timers of the core: each is handed out once and handed back once; one that is no longer due is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A connection must have finished its handshake.
    Handshake(ConnId),
    /// A connection may have been quiet for long.
    Ping(ConnId),
    /// A ready connection that another claims to replace must have answered.
    Contender(ConnId),
    /// A manual peer may be dialled again.
    Redial(SocketAddr),
    /// The connections that the node chooses are looked after.
    Outbound,
    /// A peer asked for headers must have made progress.
    Headers,
    /// Blocks that were asked for must have come.
    Blocks,
    /// Transactions that were asked for must have come.
    Transactions,
    /// What was too much to be announced at once may be announced.
    Announce,
    /// Blocks from the future may have become present.
    Future,
    /// The miner's job may take in the contents that came meanwhile.
    Template,
    /// The clock may have come up to the chain's time.
    Clock,
    /// The clock differed from those of the peers.
    Offset,
}

/// Numbers a command and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// What somebody with the right to it wants.
#[derive(Debug, Clone)]
pub enum Command {
    /// Know these nodes, and stay connected to those marked so.
    Register(Vec<Introduction>),
    /// Mine one block at full speed, this content first in it.
    Mine(Option<Blob<MAX_CONTENT_BYTES>>),
    /// Mine in the background at so many hashes a second; 0: stop.
    SetMining(u64),
    /// Put a content into the pool.
    Submit(Blob<MAX_CONTENT_BYTES>),
    /// Ask every peer for headers beyond our tip.
    AskPeers,
    /// Adopt this chain if it has strictly more work; of one that breaks a rule, tell what was refused.
    Replace(Result<CheckedBranch, BadBranch>),
    /// Connect to this address, and again whenever that ends.
    Connect(SocketAddr),
    /// Close a connection and dial its address no more.
    Disconnect(Place),
    /// Let this host in again, whatever it did.
    Forgive(IpAddr),
    /// These, and no others, are the faults of the links.
    SetFaults(Vec<Fault>),
    /// Close the connections to these nodes and dial them no more.
    Forget(Vec<NodeId>),
    /// Stop in order.
    Shutdown,
}

/// Which peer is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The one at the other end of this connection.
    Conn(ConnId),
    /// The one that is, or would be, dialled at this address.
    Address(SocketAddr),
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Every node known now.
    Registered(Vec<NodeId>),
    /// None of them is taken, because one cannot be reached.
    NotRegistered {
        /// Its address.
        address: SocketAddr,
        /// Why not.
        why: Unreachable,
    },
    /// The block, stored.
    Mined(Mined),
    /// The call was cancelled, and no block was found for it.
    Cancelled,
    /// Too many mining calls wait already.
    MiningQueueFull,
    /// With what this machine's clock says nobody would take a block.
    WrongClock {
        /// What it has to say before one can be mined.
        until: UnixTime,
        /// How long that is from now, by itself; none: it is past all times that a header can say.
        wait: Option<Duration>,
    },
    /// So be it.
    MiningSet,
    /// In the pool, under this id.
    Submitted(TxId),
    /// Not taken into the pool.
    NotSubmitted(mempool::Refusal),
    /// So many peers were asked.
    Asked(usize),
    /// The chain was adopted, and is stored.
    Replaced(Tip),
    /// The chain breaks a rule.
    Refused(BadBranch),
    /// The chain has no more work than ours.
    NotReplaced {
        /// What ours has.
        ours: Tip,
        /// What was offered.
        offered: Tip,
    },
    /// The address is one to stay connected to.
    Connecting,
    /// It is not, because it is this node's own.
    OwnAddress,
    /// What is new of them is too much to stay connected to: nothing was taken.
    TooManyAddresses {
        /// How many more would be taken.
        room: usize,
    },
    /// The connection is closed, and the address forgotten.
    Disconnected,
    /// There is no such connection, and no such address to dial.
    NoSuchPeer,
    /// The host is let in again.
    Forgiven,
    /// It is not kept out.
    NoSuchBan,
    /// So many of the nodes were known, and are let go of.
    Forgotten(usize),
    /// The faults are these now.
    FaultsSet,
    /// The faults are what they were.
    BadFaults(String),
    /// The stop that was asked for has begun.
    ShuttingDown,
    /// It is not done, because the node stops.
    Stopping,
    /// It cannot be made durable, for this reason; the node stops.
    NotStored(String),
}

/// What the core wants done.
#[derive(Debug, Clone)]
pub enum Output {
    /// Write a message to these connections; encoded once.
    Send(Vec<ConnId>, Message),
    /// Write these stored blocks to a connection, one Block message each, as its queue drains.
    SendStored(ConnId, Vec<BlockHash>),
    /// Write these transactions of the pool to a connection, in Transactions messages, as its queue drains; one that
    /// has left the pool by then need not be sent.
    SendTransactions(ConnId, Vec<Arc<Transaction>>),
    /// Check the context-free rules of this block, which was put together here from what this connection
    /// told of it; the result comes back as [`Input::Block`].
    Check(ConnId, Block),
    /// Connect.
    Dial(SocketAddr),
    /// What is sent on this connection from now on is late like that; none: not any more, what is under way
    /// included.
    Line(ConnId, Option<Line>),
    /// Close, once what was sent before is written.
    Close(ConnId, Disconnect),
    /// Hand this timer back after so long.
    SetTimer(Timer, Duration),
    /// Make this durable, then say so.
    Store(Commit),
    /// Read these blocks back.
    Load(Vec<BlockHash>),
    /// Mine this and nothing else, or nothing.
    Mine(Option<Job>),
    /// Something happened that people or other programs may want to know.
    Event(Event),
    /// What came of a command.
    Reply(CommandId, Answer),
    /// Tell a manager how the node is, under this sequence: the edge counts the hashes.
    Status(ConnId, u64, manage::Status),
    /// Nothing is left to do: stop.
    Stop,
}

/// What is to become durable together.
#[derive(Debug, Clone)]
pub struct Commit {
    /// More than that of any before it; the commits between them are part of this one.
    pub seq: u64,
    /// New bodies, parents first.
    pub blocks: Vec<CheckedBlock>,
    /// The active tip after it.
    pub tip: BlockHash,
    /// Blocks that the tree no longer keeps.
    pub forget: Vec<BlockHash>,
    /// How the pool changed.
    pub pool: mempool::Changes,
}

/// What to mine.
#[derive(Debug, Clone)]
pub struct Job {
    /// Counts up by one.
    pub id: u64,
    /// The block, without its proof of work.
    pub template: Template,
    /// Hashes a second; none: full speed.
    pub rate: Option<u64>,
}

/// What happened. A block that was seen, mined or refused is told of at once; a tip and a reorg once they are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A handshake was done.
    PeerReady {
        /// The connection.
        conn: ConnId,
        /// The other node.
        node: NodeId,
        /// Where it is.
        address: SocketAddr,
        /// Who opened it.
        direction: Direction,
    },
    /// A connection closed.
    PeerClosed {
        /// The connection.
        conn: ConnId,
        /// The other node, if the handshake was done.
        node: Option<NodeId>,
        /// Where it was.
        address: SocketAddr,
        /// Why.
        why: Disconnect,
    },
    /// An address could not be reached.
    DialFailed {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: String,
    },
    /// A host misbehaved, and is kept out.
    HostBanned(Ban),
    /// The tip is another one, and durable.
    TipChanged {
        /// The new tip.
        tip: Tip,
        /// How many blocks joined the active chain.
        connected: u64,
        /// How many left it.
        reverted: u64,
    },
    /// Our miner found a block.
    BlockMined {
        /// Its hash.
        hash: BlockHash,
        /// Its height.
        height: u64,
        /// Hashes tried.
        tries: u64,
    },
    /// No block can be mined, because of this machine's clock: it is behind the chain's time, or past all that
    /// a header can say.
    MiningPaused {
        /// What the clock has to say before one can.
        until: UnixTime,
        /// Whether it is past that.
        is_past: bool,
    },
    /// A block was refused.
    BlockRefused {
        /// Its hash.
        hash: BlockHash,
        /// Its parent.
        previous: BlockHash,
        /// Its height, if its parent is known.
        height: Option<u64>,
        /// The rule it broke.
        rule: Rule,
        /// Who gave it, if a peer did.
        from: Option<NodeId>,
        /// Whether this node's miner found it.
        is_own: bool,
    },
    /// A manager was let in.
    ManagerAccepted {
        /// The connection.
        conn: ConnId,
    },
    /// A block is in the tree for the first time, on whichever branch. It need not be durable yet.
    BlockSeen {
        /// Its hash.
        hash: BlockHash,
        /// Its parent.
        previous: BlockHash,
        /// Its height.
        height: u64,
        /// What its header says of its time, in seconds since 1970.
        time: u32,
        /// Its target.
        bits: CompactTarget,
        /// Work of its chain up to it.
        work: Work,
        /// Bytes of its encoding.
        bytes: usize,
        /// Its transactions, the coinbase included.
        transactions: usize,
        /// Who mined it, as its coinbase says.
        miner: NodeId,
        /// The beginning of its first content, if that is text.
        content: Text<MAX_EXCERPT_BYTES>,
        /// How it came.
        giver: Giver,
    },
    /// The active chain took another branch, and that is durable; its `TipChanged` comes next.
    Reorg {
        /// The old tip.
        from: Tip,
        /// The new tip.
        to: Tip,
        /// The last block that both chains have.
        ancestor: Tip,
        /// Blocks that left the active chain.
        depth: u64,
        /// Contents of theirs that wait in the pool again.
        returned: Ids,
        /// How many others do not, because it is full: they are nowhere any more.
        dropped: u64,
    },
    /// Other transactions wait than before, and that is durable.
    PoolChanged {
        /// Those that wait since, by arrival.
        came: Ids,
        /// Those that wait no longer.
        went: Ids,
        /// How many wait now.
        count: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The rate of background mining is another one.
    MiningSet {
        /// Hashes a second; 0: none.
        hashrate: u64,
    },
    /// This machine's clock is too far from those of its peers, or no longer.
    Clock(ClockOffset),
    /// The faults of the links are others.
    FaultsSet {
        /// Links that are cut.
        cut: usize,
        /// Links that are slow, or lose some of what is sent.
        slow: usize,
    },
    /// Nothing can be made durable any more; the node stops.
    StoreFailed {
        /// Why.
        why: String,
    },
}
