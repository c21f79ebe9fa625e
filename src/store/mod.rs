//! Blocks kept for as long as the node keeps them in its tree: written in order, read by anyone.
//!
//! Lives here: [`Store`], the one type that others name; behind it, through a private trait, what keeps the
//! blocks. There are two such keepers: `memory`, whose commits are done when they are submitted, and `disk`,
//! whose thread commits what waits; that is why a commit is acknowledged by number, not by return. Not here:
//! which blocks are worth keeping or active (`chain`), and what a block means; a store knows a hash, bytes
//! and ids.
//!
//! # What is in a node's folder
//!
//! | file | holds | when it is missing or damaged |
//! |---|---|---|
//! | `chain.redb` | blocks, the pool, and whose they are: what must not be lost | the node does not start; nothing is made over it |
//! | `chain.journal` | the newest commits, until `chain.redb` takes them up | missing, or another's: nothing, after an orderly end, or else the node does not start; damaged: the node does not start |
//! | `node.json` | who the node is and where, for people and programs | missing: written again; damaged, or of another node: the node does not start, and a repair sets it aside |
//! | `peers.json` | the nodes it knows | set aside: they can be learnt again |
//! | `bans.json` | the hosts that misbehaved within a day | set aside: whoever misbehaves will again |
//! | `checkpoint.json` | how far the chain was at the last orderly end | set aside: a loss is then not noticed |
//! | `lock` | nothing; locked while a node runs, as `chain.redb` is | made |
//! | `*.new` | what a kill left of a file that was being written | written over |
//!
//! # Where to start reading
//!
//! This file for what a store promises; `open` for how a folder is looked at before anything in it is
//! believed; `disk` and its `writer` for how a block gets to the disk; `disk/tables` for what is in the file;
//! `tests/faults` for what it has to survive.

use core::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::encoding;
use crate::types::{Block, BlockHash, Header, Transaction, TxId};

pub mod chain_file;
mod disk;
mod error;
mod folder;
mod kept;
mod memory;
mod open;
mod repair;
#[cfg(test)]
mod tests;
mod verify;

pub use error::{Damage, Failure, OpenError};
pub use folder::{BANS_FILE, Ban, CHAIN_FILE, Folder, NODE_FILE, PEERS_FILE, Peer, Record, is_own};
pub use open::{Opened, open};
pub use repair::{Made, Repaired, repair};
pub use verify::{Progress, Report, network_of, recorded_network, verify};

/// The version of what is in a node's folder.
pub const FORMAT: u64 = disk::FORMAT;

/// What is committed together, or not at all.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The caller's number for it, which comes back through [`Committed`]; each is more than the last.
    pub seq: u64,
    /// New blocks, parents first. One that is already there is left as it is.
    pub blocks: Vec<StoredBlock>,
    /// The active tip once this batch is committed: where a restarted node goes on.
    pub tip: BlockHash,
    /// Blocks to drop, after the new ones are added: one that is in both lists is gone.
    pub forget: Vec<BlockHash>,
    /// Transactions that wait for a block from now on, by arrival.
    pub waiting: Vec<Waiting>,
    /// Those that wait no longer, after the new ones are added.
    pub gone: Vec<TxId>,
}

impl Batch {
    /// One that changes nothing but the tip.
    fn empty(tip: BlockHash) -> Batch {
        Batch { seq: 0, blocks: Vec::new(), tip, forget: Vec::new(), waiting: Vec::new(), gone: Vec::new() }
    }
}

/// A block as the store takes it: hashed, encoded and taken apart by whoever checked it.
#[derive(Debug, Clone)]
pub struct StoredBlock {
    /// Its name.
    pub hash: BlockHash,
    /// Its canonical encoding.
    pub encoded: Bytes,
    /// Ids of its transactions.
    pub ids: Arc<[TxId]>,
}

impl From<&Block> for StoredBlock {
    fn from(block: &Block) -> StoredBlock {
        let (encoded, ids) = block.encode_with_ids();
        StoredBlock { hash: block.hash(), encoded: encoded.into(), ids: ids.into() }
    }
}

/// A transaction that waits for a block.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Its id.
    pub id: TxId,
    /// Its canonical encoding.
    pub encoded: Bytes,
}

impl From<&Transaction> for Waiting {
    fn from(transaction: &Transaction) -> Waiting {
        Waiting { id: transaction.id(), encoded: encoding::encode(transaction).into() }
    }
}

/// What a store held when it was opened: all that a node needs to go on where it was.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Headers of all blocks but genesis, in the order in which the blocks arrived.
    pub headers: Vec<Header>,
    /// The active tip of the last commit.
    pub tip: BlockHash,
    /// Transactions that wait for a block, by arrival.
    pub waiting: Vec<Transaction>,
}

impl Loaded {
    /// What a store holds that knows genesis only.
    pub fn empty(genesis: BlockHash) -> Loaded {
        Loaded { headers: Vec::new(), tip: genesis, waiting: Vec::new() }
    }
}

/// A handle to the blocks: cheap to clone, and usable from any thread.
#[derive(Clone)]
pub struct Store {
    keeper: Arc<dyn Keeper>,
}

/// The numbers of batches, each once it is committed, in the order in which they were submitted; or why
/// one could not be, which is the last that is told.
#[derive(Debug)]
pub struct Committed(mpsc::UnboundedReceiver<Result<u64, Failure>>);

/// What is behind a [`Store`].
trait Keeper: Send + Sync {
    /// Begins a commit. When it is done, its number goes to [`Committed`]; if it fails, the failure does,
    /// and nothing that is submitted later is committed.
    fn submit(&self, batch: Batch);
    /// The encoding of a block, held against its hash or what stands for it. Blocks of a batch can be read as soon as it was
    /// submitted.
    fn read(&self, hash: &BlockHash) -> Result<Option<Bytes>, Damage>;
    /// The blocks that hold a transaction.
    fn find(&self, id: &TxId) -> Result<Vec<BlockHash>, Damage>;
    /// How many blocks there are, and the bytes of their encodings.
    fn size(&self) -> (usize, u64);
    /// Commits what was submitted, and no more from now on; reads go on. Fails if what is there could not be left in
    /// order.
    fn close(&self) -> Result<(), Failure> {
        Ok(())
    }
}

impl Store {
    /// A store that lasts as long as its handles, with `genesis` in it; what [`Loaded::empty`] says is loaded
    /// from it.
    pub fn memory(genesis: StoredBlock) -> (Store, Committed) {
        // Not bounded here: the caller bounds how many commits it has in flight.
        let (sender, receiver) = mpsc::unbounded_channel();
        (Store { keeper: Arc::new(memory::Memory::new(genesis, sender)) }, Committed(receiver))
    }

    /// Hands over a batch to be committed. Batches are committed in the order of the calls, which one
    /// caller makes; [`Committed`] tells when.
    pub fn submit(&self, batch: Batch) {
        self.keeper.submit(batch);
    }

    /// The canonical encoding of a block, if it is here: exactly what was stored, or an error. A block can
    /// be read as soon as its batch was submitted, because relay does not wait for the disk; what users are
    /// told of is committed.
    pub fn read(&self, hash: &BlockHash) -> Result<Option<Bytes>, Damage> {
        self.keeper.read(hash)
    }

    /// The blocks that hold a transaction, oldest arrival first; the caller says which of them are on its
    /// active chain. Reads each of these blocks, so it is for people's questions, not for validation.
    pub fn find(&self, id: &TxId) -> Result<Vec<BlockHash>, Damage> {
        self.keeper.find(id)
    }

    /// Commits what was submitted, waits for that, and takes no more; what is here can still be read. The
    /// last handle that goes does it, too. A failure is told to who closes it first: all that was acknowledged is
    /// durable, and the file could not be left in order.
    pub fn close(&self) -> Result<(), Failure> {
        self.keeper.close()
    }

    /// How many blocks are here, genesis and side branches included.
    pub fn blocks(&self) -> usize {
        self.keeper.size().0
    }

    /// Bytes of their encodings.
    pub fn bytes(&self) -> u64 {
        self.keeper.size().1
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("blocks", &self.blocks()).finish_non_exhaustive()
    }
}

impl Committed {
    /// The next number, or the failure after which none comes; `None` once all handles of the store are
    /// gone. May be dropped while it waits, as in a `select!`, without losing a number.
    pub async fn recv(&mut self) -> Option<Result<u64, Failure>> {
        self.0.recv().await
    }

    /// The next of them, waited for; in no runtime, which it would block.
    fn wait(&mut self) -> Option<Result<u64, Failure>> {
        self.0.blocking_recv()
    }

    /// The same, for whoever knows that there is one.
    fn settle(&mut self) -> Result<u64, Failure> {
        let ended = || {
            let error = "the store's thread has ended: a defect of this program".to_owned();
            Failure::Io { path: CHAIN_FILE.into(), error }
        };
        self.wait().unwrap_or_else(|| Err(ended()))
    }

    /// The next of them, if it is there already.
    pub fn try_recv(&mut self) -> Option<Result<u64, Failure>> {
        self.0.try_recv().ok()
    }
}
