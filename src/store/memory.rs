//! The store's twin in memory: for tests, simulations, and nodes that need not outlive their process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;

use crate::encoding;
use crate::store::{Batch, Damage, Failure, Keeper, StoredBlock};
use crate::types::{Block, BlockHash, Lookup, TxId};

/// Blocks in memory.
pub(super) struct Memory {
    blocks: RwLock<Blocks>,
    committed: UnboundedSender<Result<u64, Failure>>,
}

#[derive(Default)]
struct Blocks {
    /// A block's number: its place in the order of arrival.
    numbers: Lookup<BlockHash, u64>,
    by_number: BTreeMap<u64, (BlockHash, Bytes)>,
    /// The beginning of a transaction's id and the number of a block that holds such a one: 16 bytes each.
    /// Two ids may begin alike, so a block found here is looked into.
    index: BTreeSet<(u64, u64)>,
    next: u64,
    bytes: u64,
}

impl Memory {
    /// With `genesis` in it; the numbers of commits go to `committed`.
    pub(super) fn new(genesis: StoredBlock, committed: UnboundedSender<Result<u64, Failure>>) -> Memory {
        let mut blocks = Blocks::default();
        blocks.add(genesis);
        Memory { blocks: RwLock::new(blocks), committed }
    }

    fn lock(&self) -> RwLockReadGuard<'_, Blocks> {
        self.blocks.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper for Memory {
    fn submit(&self, batch: Batch) {
        let mut blocks = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
        batch.blocks.into_iter().for_each(|block| blocks.add(block));
        batch.forget.iter().for_each(|hash| blocks.forget(hash));
        drop(blocks);
        // Nobody listens: then nobody needs to know.
        let _ = self.committed.send(Ok(batch.seq));
    }

    fn read(&self, hash: &BlockHash) -> Result<Option<Bytes>, Damage> {
        let blocks = self.lock();
        let stored = blocks.numbers.get(hash).and_then(|number| blocks.by_number.get(number));
        Ok(stored.map(|(_, encoded)| encoded.clone()))
    }

    fn find(&self, id: &TxId) -> Result<Vec<BlockHash>, Damage> {
        let mut candidates = self.lock().candidates(id);
        candidates.retain(|(_, encoded)| ids(encoded).contains(id));
        Ok(candidates.into_iter().map(|(hash, _)| hash).collect())
    }

    fn size(&self) -> (usize, u64) {
        let blocks = self.lock();
        (blocks.by_number.len(), blocks.bytes)
    }
}

impl Blocks {
    fn add(&mut self, block: StoredBlock) {
        if self.numbers.contains(&block.hash) {
            return;
        }
        let number = self.next;
        self.next += 1;
        self.index.extend(block.ids.iter().map(|id| (id.beginning(), number)));
        self.bytes += block.encoded.len() as u64;
        self.numbers.insert(block.hash, number);
        self.by_number.insert(number, (block.hash, block.encoded));
    }

    fn forget(&mut self, hash: &BlockHash) {
        let Some(number) = self.numbers.remove(hash) else { return };
        let Some((_, encoded)) = self.by_number.remove(&number) else { return };
        self.bytes -= encoded.len() as u64;
        for id in ids(&encoded) {
            self.index.remove(&(id.beginning(), number));
        }
    }

    /// Blocks that may hold a transaction.
    fn candidates(&self, id: &TxId) -> Vec<(BlockHash, Bytes)> {
        let begins = id.beginning();
        let numbers = self.index.range((begins, 0)..=(begins, u64::MAX)).map(|(_, number)| number);
        numbers.filter_map(|number| self.by_number.get(number).cloned()).collect()
    }
}

/// The ids in a block: taken from its bytes when they are needed, which is seldom, and not kept.
fn ids(encoded: &[u8]) -> Vec<TxId> {
    encoding::decode::<Block>(encoded).map(|block| block.ids()).unwrap_or_default()
}
