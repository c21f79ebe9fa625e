//! The manager's plane: commands that a node obeys because they are signed.
//!
//! A signature covers everything that could be confused with something else: the network, the node, the
//! challenge that this node drew for this connection, the command's place in the sequence and its bytes.
//! So a recorded command is worth nothing on another connection, another node, or a second time. It is
//! verified before the command is decoded: a stranger cannot even make us parse one.

mod event;
mod fault;

use core::fmt;
use core::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::encoding::{self, Blob, Decode, Encode, List, Text};
use crate::limits::{MAX_COMMAND_BYTES, MAX_CONTENT_BYTES, MAX_DETAIL_BYTES, MAX_NODES, MAX_REGISTER};
use crate::params::NetworkId;
use crate::types::hash::{parse_hex, write_hex};
use crate::types::{BlockHash, NodeId, TxId};
use crate::wire::message::PeerAddress;

pub use event::{Event, Ids, Origin, Place, SeenBlock, What};
pub use fault::{BadFault, Fault};

/// What the signature begins with, so that the key's other signatures cannot pass for commands.
pub const SIGNATURE_TAG: &[u8] = b"p2pnode-manage-v1";

/// A signed command.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Manage {
    /// 1 for the first command of a connection, then one more each time.
    pub sequence: u64,
    /// The encoding of a [`Command`].
    pub command: Blob<MAX_COMMAND_BYTES>,
    /// ed25519 over tag ‖ network id ‖ node id ‖ challenge ‖ sequence (u64 little-endian) ‖ command bytes.
    pub signature: [u8; 64],
}

/// What a manager asks of a node.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Command {
    /// Know these nodes, and stay connected to those marked so.
    Register(List<Introduction, MAX_REGISTER>),
    /// How are you?
    Status,
    /// Mine one block at full speed, with this content first in it.
    Mine {
        /// What to put into the block.
        content: Option<Blob<MAX_CONTENT_BYTES>>,
    },
    /// Mine in the background, or stop doing so.
    SetMining {
        /// Hashes a second; 0: off.
        hashrate: u64,
    },
    /// Put this into the pool.
    Submit {
        /// What to put into a block.
        content: Blob<MAX_CONTENT_BYTES>,
    },
    /// Tell me what happens, from now on.
    Subscribe,
    /// Stop in order.
    Shutdown,
    /// These, and no others, are the faults of your links.
    SetFaults {
        /// At most one for each node.
        faults: List<Fault, MAX_NODES>,
    },
    /// Let go of these nodes: close the connections to them, and dial them no more.
    Forget {
        /// Those that are not known are none.
        nodes: List<NodeId, MAX_REGISTER>,
    },
    /// Nobody waits for the block of that [`Command::Mine`] of this connection any more.
    CancelMining {
        /// The sequence of that call. One that does not wait is none.
        sequence: u64,
    },
}

/// One node told of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Introduction {
    /// Who and where.
    pub peer: PeerAddress,
    /// Whether to connect to it and stay connected.
    pub dial: bool,
}

/// The answer to the command of the same sequence.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Report {
    /// The command's.
    pub sequence: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// How a node says that it stops, and does nothing else that it is told.
pub const STOPPING: &str = "the node is shutting down";

/// How a node says that a mining call was cancelled.
pub const CANCELLED: &str = "the call was cancelled";

/// How a node says that it takes no more mining calls just now.
pub const BUSY: &str = "too many mining calls wait already";

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// Done; there is nothing more to say (Register, SetMining, Subscribe, Shutdown, SetFaults, Forget, CancelMining).
    Done,
    /// How the node is.
    Status(Status),
    /// The block that was mined and stored.
    Mined(Mined),
    /// The content's id; it waits in the pool.
    Submitted(TxId),
    /// Not done, and why.
    Failed(Text<MAX_DETAIL_BYTES>),
}

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Status {
    /// Height of its committed tip.
    pub height: u64,
    /// Hash of its committed tip.
    pub tip: BlockHash,
    /// Connections whose handshake is done, managers left out.
    pub peers: u32,
    /// Transactions in its pool.
    pub pool: u32,
    /// Background mining's hashes a second; 0: off.
    pub hashrate: u64,
    /// Bytes of those transactions.
    pub pool_bytes: u64,
    /// Hashes that its miner has tried since it started.
    pub hashes: u64,
    /// How long it has run, in seconds.
    pub uptime: u64,
    /// Height of the tip that it relays and mines on, which may be ahead of the committed one.
    pub memory_height: u64,
    /// Hash of that tip.
    pub memory_tip: BlockHash,
}

/// A block as its miner tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Mined {
    /// Its hash.
    pub hash: BlockHash,
    /// Its height; genesis is 0.
    pub height: u64,
    /// The nonce that was found.
    pub nonce: u32,
    /// Hashes tried for it.
    pub tries: u64,
    /// Microseconds from the command to the stored block: the easiest ones take less than a millisecond.
    pub micros: u64,
}

/// The public key whose commands a node obeys. As text, 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ManagerKey(VerifyingKey);

/// A text is not the hex of an ed25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a manager key is the 64 hex digits of an ed25519 public key")]
pub struct BadManagerKey;

/// Why a command is not obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not the next number.
    #[error("sequence {got} where {expected} was due")]
    Sequence {
        /// What came.
        got: u64,
        /// What was due.
        expected: u64,
    },
    /// Not signed by the key, or for another node, network, connection or place.
    #[error("the signature is not the manager's for this connection")]
    Signature,
    /// Signed, but not the encoding of a command.
    #[error("the command cannot be read: {0}")]
    Unreadable(encoding::Error),
}

/// What a signature is bound to beside the command: one connection of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The node's network.
    pub network: NetworkId,
    /// The node that is to obey.
    pub node: NodeId,
    /// The challenge in that node's Hello on this connection.
    pub challenge: [u8; 32],
}

impl Binding {
    fn message(&self, sequence: u64, command: &[u8]) -> Vec<u8> {
        [SIGNATURE_TAG, &self.network.0, &self.node.0, &self.challenge, &sequence.to_le_bytes(), command]
            .concat()
    }

    /// Signs a command.
    pub fn sign(&self, key: &SigningKey, sequence: u64, command: &Command) -> Manage {
        let bytes = encoding::encode(command);
        let signature = key.sign(&self.message(sequence, &bytes)).to_bytes();
        #[allow(clippy::expect_used, reason = "limits.rs asserts that every command fits")]
        let command = bytes.try_into().expect("a command fits its cap");
        Manage { sequence, command, signature }
    }

    /// The command in `manage`, if it is the next one and `key`'s.
    pub fn open(&self, key: &ManagerKey, expected: u64, manage: &Manage) -> Result<Command, Refusal> {
        if manage.sequence != expected {
            return Err(Refusal::Sequence { got: manage.sequence, expected });
        }
        let message = self.message(manage.sequence, &manage.command);
        key.0
            .verify_strict(&message, &Signature::from_bytes(&manage.signature))
            .map_err(|_| Refusal::Signature)?;
        encoding::decode(&manage.command).map_err(Refusal::Unreadable)
    }
}

impl ManagerKey {
    /// The public half of `key`.
    pub fn of(key: &SigningKey) -> ManagerKey {
        ManagerKey(key.verifying_key())
    }
}

impl FromStr for ManagerKey {
    type Err = BadManagerKey;
    fn from_str(text: &str) -> Result<Self, BadManagerKey> {
        let bytes = parse_hex::<32>(text).ok_or(BadManagerKey)?;
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() => Ok(ManagerKey(key)),
            _ => Err(BadManagerKey),
        }
    }
}

impl fmt::Display for ManagerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, self.0.as_bytes().iter())
    }
}

impl fmt::Debug for ManagerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManagerKey({self})")
    }
}

#[cfg(test)]
mod tests;
