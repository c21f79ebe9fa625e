//! Bodies of blocks in memory: the newest ones, and those that are read back.

use std::collections::VecDeque;
use std::sync::Arc;

use super::io::Output;
use super::*;
use crate::chain::CheckedBlock;
use crate::limits::{BODY_CACHE_BYTES, MAX_GET_BLOCKS, RECENT_BLOCKS};
use crate::types::{Block, BlockHash, Lookup, TxId};

/// What the pool is to do about a block.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// It joined the chain: what it has waits no longer.
    Joined(BlockHash),
    /// It left: what it has waits again.
    Left(BlockHash),
    /// It joined, so deep that it is not recent: what it has and blocks that left gave back waits no longer.
    Buried(BlockHash),
}

impl Step {
    fn hash(&self) -> BlockHash {
        match self {
            Step::Joined(hash) | Step::Left(hash) | Step::Buried(hash) => *hash,
        }
    }
}

/// The newest bodies, so that what just came can be relayed and taken back without reading storage.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    blocks: Lookup<BlockHash, CheckedBlock>,
    order: VecDeque<BlockHash>,
    bytes: usize,
    /// Steps that wait for bodies to be read back, their own or one before it.
    wanted: VecDeque<Step>,
    loading: bool,
    /// Of those, the ones whose bodies are read back now; none, if that is only to weigh them.
    reading: Vec<Step>,
}

impl Bodies {
    pub(super) fn get(&self, hash: &BlockHash) -> Option<&CheckedBlock> {
        self.blocks.get(hash)
    }

    pub(super) fn insert(&mut self, block: CheckedBlock) {
        let hash = block.hash();
        let size = block.encoded().len();
        if self.blocks.insert(hash, block).is_some() {
            return;
        }
        self.order.push_back(hash);
        self.bytes += size;
    }

    /// Lets go of the oldest beyond what there is room for; the newest stays, however large.
    pub(super) fn trim(&mut self) {
        while self.bytes > BODY_CACHE_BYTES && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front().and_then(|hash| self.blocks.remove(&hash)) else {
                return;
            };
            self.bytes -= oldest.encoded().len();
        }
    }
}

impl Node {
    /// A block, if it need not be read back.
    pub(super) fn body(&self, hash: &BlockHash) -> Option<&CheckedBlock> {
        self.bodies.get(hash).or_else(|| self.unwritten.get(hash))
    }

    /// The pool takes a step: at once, unless this block or one before it has to be read back for that.
    pub(super) fn pool_step(&mut self, step: Step) {
        match self.body(&step.hash()).cloned() {
            Some(block) if !self.unwritten.is_held() => self.pool_takes(step, block.block(), block.ids()),
            _ => {
                self.unwritten.hold();
                self.bodies.wanted.push_back(step);
            }
        }
    }

    fn pool_takes(&mut self, step: Step, block: &Block, ids: &Arc<[TxId]>) {
        match step {
            Step::Joined(hash) => self.pool_connects(hash, ids.clone()),
            Step::Left(hash) => self.pool_disconnects(hash, block, ids),
            Step::Buried(_) => self.pool.bury(ids),
        }
    }

    /// Asks for the newest bodies of a chain that was taken up again: what they have is not to be repeated.
    pub(super) fn load_recent(&mut self) {
        let tip = self.chain.tip().height;
        // Not genesis: it has nothing to repeat, and its body is in no cache.
        let from = tip.saturating_sub(RECENT_BLOCKS as u64 - 1).max(1);
        let for_managers = self.want_seen();
        // The tip is the last one: whoever knows it was told of all.
        let active = (from..=tip).filter_map(|height| self.chain.active_at(height));
        self.bodies.wanted.extend(for_managers.into_iter().chain(active).map(Step::Joined));
        self.load_more();
    }

    /// Reads back a few bodies at a time, so that a deep reorg costs time and not memory. Once none is missing, what
    /// waited for them is made durable.
    pub(super) fn load_more(&mut self) {
        if self.bodies.loading {
            return;
        }
        while let Some(step) = self.bodies.wanted.front().copied()
            && let Some(block) = self.body(&step.hash()).cloned()
        {
            self.bodies.wanted.pop_front();
            self.pool_takes(step, block.block(), block.ids());
        }
        let is_elsewhere = |step: &&Step| self.body(&step.hash()).is_none();
        let count = self.bodies.wanted.iter().take(MAX_GET_BLOCKS).take_while(is_elsewhere).count();
        self.bodies.reading = self.bodies.wanted.drain(..count).collect();
        let mut hashes: Vec<BlockHash> = self.bodies.reading.iter().map(Step::hash).collect();
        if hashes.is_empty() && self.unwritten.is_held() {
            self.write();
        }
        // What is beside the chain can wait, and nothing has to wait for it.
        if hashes.is_empty() {
            hashes = self.beside.take_unweighed(MAX_GET_BLOCKS);
        }
        if !hashes.is_empty() {
            self.bodies.loading = true;
            self.out.push(Output::Load(hashes));
        }
    }

    /// Bodies that were read back.
    pub(super) fn loaded(&mut self, blocks: Vec<Arc<Block>>) {
        self.bodies.loading = false;
        let mut steps = core::mem::take(&mut self.bodies.reading).into_iter();
        for block in blocks {
            self.weigh_beside(&block);
            let hash = block.hash();
            // One that could not be read is passed over.
            let Some(step) = steps.find(|step| step.hash() == hash) else { continue };
            if !self.read_back(&block) {
                self.pool_takes(step, &block, &block.ids().into());
            }
        }
        self.load_more();
        if !self.unwritten.is_held() {
            self.pool_followed();
            self.commit_pool();
            self.pool_changed();
        }
    }
}
