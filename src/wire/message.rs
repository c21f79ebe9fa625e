//! The message table: one enum, and what each kind is called, may weigh and when it may be said.

use core::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::encoding::{self, Decode, Encode, List, Text};
use crate::limits::{
    BLOCK_FRAME_OVERHEAD_BYTES, COMPACT_BLOCK_BYTES, MAX_AGENT_BYTES, MAX_BLOCK_BYTES,
    MAX_BLOCK_TRANSACTIONS, MAX_COMMAND_BYTES, MAX_DETAIL_BYTES, MAX_GET_BLOCKS, MAX_HANDSHAKE_FRAME_BYTES,
    MAX_HEADERS, MAX_LOCATOR, MAX_PEERS, MAX_SHORT_IDS, MAX_TRANSACTION_IDS, MAX_TRANSACTIONS_BYTES,
    SHORT_ID_BYTES,
};
use crate::params::{NetworkId, Rules};
use crate::types::{Block, BlockHash, Header, NodeId, ShortId, Transaction, TxId};
use crate::wire::error::Error;
use crate::wire::manage::{Event, Manage, Report};

/// Protocol versions this program speaks, the oldest and the newest.
pub const VERSIONS: (u16, u16) = (1, 1);

/// Everything that one program says to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Who I am; the first message of either side.
    Hello(Hello),
    /// Why I close.
    Bye(Bye),
    /// Are you there?
    Ping(Ping),
    /// I am.
    Pong(Ping),
    /// Where are other nodes?
    GetPeers,
    /// Here, where a handshake was done lately.
    Peers(List<SocketAddr, MAX_PEERS>),
    /// Which headers follow these?
    GetHeaders(GetHeaders),
    /// These do, each the child of the one before; fewer than the most there may be: I have no more.
    Headers(List<Header, MAX_HEADERS>),
    /// Send me these blocks.
    GetBlocks(List<BlockHash, MAX_GET_BLOCKS>),
    /// One that was asked for.
    Block(Arc<Block>),
    /// These, of those asked for, I do not have.
    NotFound(List<BlockHash, MAX_GET_BLOCKS>),
    /// My tip is new.
    NewBlock(NewBlock),
    /// Which transactions of a compact block do I lack?
    GetBlockTransactions(GetBlockTransactions),
    /// These.
    BlockTransactions(BlockTransactions),
    /// These transactions wait in my pool.
    HaveTransactions(List<TxId, MAX_TRANSACTION_IDS>),
    /// Send me these transactions.
    GetTransactions(List<TxId, MAX_TRANSACTION_IDS>),
    /// Those I still have.
    Transactions(List<Transaction, MAX_TRANSACTION_IDS>),
    /// A signed command of the network's manager.
    Manage(Manage),
    /// What came of a command.
    Report(Report),
    /// What happened, told to a manager that subscribed.
    Event(Event),
}

/// Who speaks, and what it needs to know of a node before it says more.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// Oldest protocol version spoken.
    pub min_version: u16,
    /// Newest protocol version spoken; both use the greatest that both speak.
    pub max_version: u16,
    /// The network; another one's nodes are refused.
    pub network: NetworkId,
    /// The sender's name. A claim, not a proof.
    pub node: NodeId,
    /// What the sender is.
    pub role: Role,
    /// TCP port on which the sender takes connections, at the address it is seen from; 0: none.
    pub listen_port: u16,
    /// Random bytes, new on every connection, that a manager's signatures cover.
    pub challenge: [u8; 32],
    /// Program and version, for people.
    pub agent: Text<MAX_AGENT_BYTES>,
    /// Work of the sender's active chain, little-endian. A claim: only headers count.
    pub best_work: [u8; 32],
    /// Height of the sender's tip. A claim as well.
    pub best_height: u64,
    /// The sender's clock, in milliseconds since 1970.
    pub time: u64,
}

/// What a program at the other end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Role {
    /// Keeps and relays the chain.
    Node,
    /// Manages nodes, and takes no part in the chain. What it may do is decided by its signatures.
    Manager,
}

/// The reason of a close.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Bye {
    /// For programs.
    pub reason: ByeReason,
    /// For people; empty or a sentence.
    pub detail: Text<MAX_DETAIL_BYTES>,
    /// With [`ByeReason::WrongNetwork`]: the sender's network, from which its id can be computed.
    pub rules: Option<Rules>,
}

/// Why a connection is closed, as far as the other side may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum ByeReason {
    /// An orderly stop.
    ShuttingDown,
    /// The networks differ.
    WrongNetwork,
    /// No common protocol version.
    BadVersion,
    /// You are me.
    SelfConnection,
    /// There is another connection between us.
    Duplicate,
    /// No room; try later.
    TooManyPeers,
    /// You took too long.
    Timeout,
    /// You broke the protocol, or sent what breaks a rule.
    Misbehaviour,
    /// You sent a command without the right to.
    NotAuthorised,
    /// The operator wants it so.
    Requested,
    /// The link between us is cut, for a test of what follows: until somebody mends it.
    Cut,
}

/// A number to be sent back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Ping {
    /// Random.
    pub nonce: u64,
}

/// A question for headers.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GetHeaders {
    /// Hashes on the asker's best chain from its tip back, sparser with depth: the first one that the
    /// answerer has on its own active chain is where the answer begins.
    pub locator: List<BlockHash, MAX_LOCATOR>,
    /// The last header wanted; none: as many as there may be.
    pub stop: Option<BlockHash>,
}

/// News of a tip.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum NewBlock {
    /// The whole block, if it is at most [`MAX_PUSH_BYTES`](crate::limits::MAX_PUSH_BYTES).
    Push(Arc<Block>),
    /// Its header; the body is to be asked for.
    Announce(Header),
    /// What is needed to put it together from a pool.
    Compact(CompactBlock),
}

/// A block whose transactions the receiver may have (BIP 152).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct CompactBlock {
    /// Its header.
    pub header: Header,
    /// What the short ids are keyed with beside the header: new with every sender.
    pub nonce: u64,
    /// Its first transaction, which nobody else can have.
    pub coinbase: Transaction,
    /// The others, in order.
    pub short_ids: List<ShortId, MAX_SHORT_IDS>,
}

/// Asks for transactions of a block by their places in it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GetBlockTransactions {
    /// The block.
    pub block: BlockHash,
    /// Places from 0, each greater than the one before.
    pub places: List<u16, MAX_BLOCK_TRANSACTIONS>,
}

/// Transactions of a block that were asked for by their places.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct BlockTransactions {
    /// The block.
    pub block: BlockHash,
    /// The transactions, in the order of the question.
    pub transactions: List<Transaction, MAX_BLOCK_TRANSACTIONS>,
}

/// The kind byte of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is the message of that name")]
pub enum Kind {
    Hello = 0x00,
    Bye = 0x01,
    Ping = 0x02,
    Pong = 0x03,
    GetPeers = 0x04,
    Peers = 0x05,
    GetHeaders = 0x06,
    Headers = 0x07,
    GetBlocks = 0x08,
    Block = 0x09,
    NotFound = 0x0a,
    NewBlock = 0x0b,
    GetBlockTransactions = 0x0c,
    BlockTransactions = 0x0d,
    HaveTransactions = 0x0e,
    GetTransactions = 0x0f,
    Transactions = 0x10,
    Manage = 0x40,
    Report = 0x41,
    Event = 0x42,
}

impl Kind {
    /// All of them, in the order of their bytes.
    pub const ALL: [Kind; 20] = [
        Kind::Hello,
        Kind::Bye,
        Kind::Ping,
        Kind::Pong,
        Kind::GetPeers,
        Kind::Peers,
        Kind::GetHeaders,
        Kind::Headers,
        Kind::GetBlocks,
        Kind::Block,
        Kind::NotFound,
        Kind::NewBlock,
        Kind::GetBlockTransactions,
        Kind::BlockTransactions,
        Kind::HaveTransactions,
        Kind::GetTransactions,
        Kind::Transactions,
        Kind::Manage,
        Kind::Report,
        Kind::Event,
    ];

    /// The kind of a byte, if it is one.
    pub fn from_byte(byte: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// Largest frame content (kind byte and body) of this kind, in bytes.
    pub const fn cap(self) -> usize {
        /// Kind byte and a count.
        const LIST: usize = 1 + 8;
        /// The larger family: a tag, sixteen bytes and a port.
        const ADDRESS: usize = 4 + 16 + 2;
        match self {
            Kind::Hello | Kind::Bye => MAX_HANDSHAKE_FRAME_BYTES,
            Kind::Ping | Kind::Pong => 1 + 8,
            Kind::GetPeers => 1,
            Kind::Peers => LIST + ADDRESS * MAX_PEERS,
            Kind::GetHeaders => LIST + 32 * MAX_LOCATOR + 33,
            Kind::Headers => LIST + Header::LEN * MAX_HEADERS,
            Kind::GetBlocks | Kind::NotFound => LIST + 32 * MAX_GET_BLOCKS,
            Kind::Block => MAX_BLOCK_BYTES + BLOCK_FRAME_OVERHEAD_BYTES,
            Kind::NewBlock => 1 + COMPACT_BLOCK_BYTES + SHORT_ID_BYTES * MAX_SHORT_IDS,
            Kind::GetBlockTransactions => LIST + 32 + 2 * MAX_BLOCK_TRANSACTIONS,
            Kind::BlockTransactions => MAX_BLOCK_BYTES + BLOCK_FRAME_OVERHEAD_BYTES,
            Kind::HaveTransactions | Kind::GetTransactions => LIST + 32 * MAX_TRANSACTION_IDS,
            Kind::Transactions => LIST + MAX_TRANSACTIONS_BYTES,
            Kind::Manage => MAX_COMMAND_BYTES + 1024,
            Kind::Report | Kind::Event => 4096,
        }
    }

    /// Whether a node takes this kind from a connection whose handshake is done (`ready`) or is not.
    /// Reports and events go to managers only; no node takes them.
    pub const fn is_taken_by_node(self, ready: bool) -> bool {
        match self {
            Kind::Hello => !ready,
            Kind::Bye => true,
            Kind::Report | Kind::Event => false,
            _ => ready,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Message {
    /// The Transactions messages that say `list`, each made when it is asked for: as few as their cap allows.
    pub fn of_transactions(
        list: impl IntoIterator<Item = Arc<Transaction>>,
    ) -> impl Iterator<Item = Message> {
        let mut list = list.into_iter().peekable();
        core::iter::from_fn(move || {
            let (mut message, mut bytes) = (Vec::new(), 0);
            while let Some(next) = list.next_if(|next| {
                bytes += next.size();
                message.len() < MAX_TRANSACTION_IDS && bytes <= MAX_TRANSACTIONS_BYTES
            }) {
                message.push(Arc::unwrap_or_clone(next));
            }
            (!message.is_empty()).then(|| Message::Transactions(List::clipped(message)))
        })
    }

    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Message::Hello(_) => Kind::Hello,
            Message::Bye(_) => Kind::Bye,
            Message::Ping(_) => Kind::Ping,
            Message::Pong(_) => Kind::Pong,
            Message::GetPeers => Kind::GetPeers,
            Message::Peers(_) => Kind::Peers,
            Message::GetHeaders(_) => Kind::GetHeaders,
            Message::Headers(_) => Kind::Headers,
            Message::GetBlocks(_) => Kind::GetBlocks,
            Message::Block(_) => Kind::Block,
            Message::NotFound(_) => Kind::NotFound,
            Message::NewBlock(_) => Kind::NewBlock,
            Message::GetBlockTransactions(_) => Kind::GetBlockTransactions,
            Message::BlockTransactions(_) => Kind::BlockTransactions,
            Message::HaveTransactions(_) => Kind::HaveTransactions,
            Message::GetTransactions(_) => Kind::GetTransactions,
            Message::Transactions(_) => Kind::Transactions,
            Message::Manage(_) => Kind::Manage,
            Message::Report(_) => Kind::Report,
            Message::Event(_) => Kind::Event,
        }
    }

    /// Appends its body's encoding to `bytes`.
    pub fn encode_body(&self, bytes: &mut Vec<u8>) {
        match self {
            Message::Hello(body) => encoding::encode_into(body, bytes),
            Message::Bye(body) => encoding::encode_into(body, bytes),
            Message::Ping(body) | Message::Pong(body) => encoding::encode_into(body, bytes),
            Message::GetPeers => {}
            Message::Peers(body) => encoding::encode_into(body, bytes),
            Message::GetHeaders(body) => encoding::encode_into(body, bytes),
            Message::Headers(body) => encoding::encode_into(body, bytes),
            Message::GetBlocks(body) | Message::NotFound(body) => encoding::encode_into(body, bytes),
            Message::Block(body) => encoding::encode_into(body, bytes),
            Message::NewBlock(body) => encoding::encode_into(body, bytes),
            Message::GetBlockTransactions(body) => encoding::encode_into(body, bytes),
            Message::BlockTransactions(body) => encoding::encode_into(body, bytes),
            Message::HaveTransactions(body) | Message::GetTransactions(body) => {
                encoding::encode_into(body, bytes);
            }
            Message::Transactions(body) => encoding::encode_into(body, bytes),
            Message::Manage(body) => encoding::encode_into(body, bytes),
            Message::Report(body) => encoding::encode_into(body, bytes),
            Message::Event(body) => encoding::encode_into(body, bytes),
        }
    }

    /// The message whose kind is `kind` and whose body is exactly `body`.
    pub fn decode_body(kind: Kind, body: &[u8]) -> Result<Message, Error> {
        fn read<T: Decode<()>>(kind: Kind, body: &[u8]) -> Result<T, Error> {
            encoding::decode(body).map_err(|error| Error::BadBody { kind, error })
        }
        Ok(match kind {
            Kind::Hello => Message::Hello(read(kind, body)?),
            Kind::Bye => Message::Bye(read(kind, body)?),
            Kind::Ping => Message::Ping(read(kind, body)?),
            Kind::Pong => Message::Pong(read(kind, body)?),
            Kind::GetPeers => {
                read::<()>(kind, body)?;
                Message::GetPeers
            }
            Kind::Peers => Message::Peers(read(kind, body)?),
            Kind::GetHeaders => Message::GetHeaders(read(kind, body)?),
            Kind::Headers => Message::Headers(read(kind, body)?),
            Kind::GetBlocks => Message::GetBlocks(read(kind, body)?),
            Kind::Block => Message::Block(read(kind, body)?),
            Kind::NotFound => Message::NotFound(read(kind, body)?),
            Kind::NewBlock => Message::NewBlock(read(kind, body)?),
            Kind::GetBlockTransactions => Message::GetBlockTransactions(read(kind, body)?),
            Kind::BlockTransactions => Message::BlockTransactions(read(kind, body)?),
            Kind::HaveTransactions => Message::HaveTransactions(read(kind, body)?),
            Kind::GetTransactions => Message::GetTransactions(read(kind, body)?),
            Kind::Transactions => Message::Transactions(read(kind, body)?),
            Kind::Manage => Message::Manage(read(kind, body)?),
            Kind::Report => Message::Report(read(kind, body)?),
            Kind::Event => Message::Event(read(kind, body)?),
        })
    }
}

/// A node as others are told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct PeerAddress {
    /// Its name, if the teller knows it.
    pub node: Option<NodeId>,
    /// Where it takes connections.
    pub address: SocketAddr,
}
