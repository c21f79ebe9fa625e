//! Blocks kept for as long as the node keeps them in its tree: written in order, read by anyone.
//!
//! Lives here: [`Store`], the one type that others name; behind it, through a private trait, what keeps the
//! blocks. There is one such keeper today, `memory`, whose commits are done when they are submitted; one on
//! disk, with its own thread, fits the same seam: that is why a commit is acknowledged by number, not by
//! return. Not here: which blocks are worth keeping or active (`chain`), and what a block means; a store
//! knows a hash, bytes and ids.

use core::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::encoding;
use crate::types::{Block, BlockHash, TxId};

mod memory;
#[cfg(test)]
mod tests;

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
        StoredBlock { hash: block.hash(), encoded: encoding::encode(block).into(), ids: block.ids().into() }
    }
}

/// A handle to the blocks: cheap to clone, and usable from any thread.
#[derive(Clone)]
pub struct Store {
    keeper: Arc<dyn Keeper>,
}

/// The numbers of batches, each once it is committed, in the order in which they were submitted.
#[derive(Debug)]
pub struct Committed(mpsc::UnboundedReceiver<u64>);

/// What is behind a [`Store`].
trait Keeper: Send + Sync {
    /// Begins a commit. When it is done, its number goes to [`Committed`]; if it fails, the sender of those
    /// numbers is dropped and none follows.
    fn submit(&self, batch: Batch);
    /// The encoding of a block.
    fn read(&self, hash: &BlockHash) -> Option<Bytes>;
    /// The blocks that hold a transaction.
    fn find(&self, id: &TxId) -> Vec<BlockHash>;
    /// How many blocks there are, and the bytes of their encodings.
    fn size(&self) -> (usize, u64);
}

impl Store {
    /// A store that lasts as long as its handles, with `genesis` in it.
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

    /// The canonical encoding of a block, if it is here. A block is readable once its batch is committed,
    /// perhaps a little before that is told.
    pub fn read(&self, hash: &BlockHash) -> Option<Bytes> {
        self.keeper.read(hash)
    }

    /// The blocks that hold a transaction, oldest arrival first; the caller says which of them are on its
    /// active chain. Reads each of these blocks, so it is for people's questions, not for validation.
    pub fn find(&self, id: &TxId) -> Vec<BlockHash> {
        self.keeper.find(id)
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
    /// The next number; `None` once the store has failed, or all its handles are gone. May be dropped while
    /// it waits, as in a `select!`, without losing a number.
    pub async fn recv(&mut self) -> Option<u64> {
        self.0.recv().await
    }

    /// The next number, if one is there already.
    pub fn try_recv(&mut self) -> Option<u64> {
        self.0.try_recv().ok()
    }
}
