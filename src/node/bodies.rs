//! Bodies of blocks in memory: the newest ones, and those that are read back.

use std::collections::VecDeque;
use std::sync::Arc;

use super::io::Output;
use super::*;
use crate::chain::CheckedBlock;
use crate::limits::{BODY_CACHE_BYTES, MAX_GET_BLOCKS, RECENT_BLOCKS};
use crate::types::{Block, BlockHash, Lookup};

/// The newest bodies, so that what just came can be relayed and taken back without reading storage.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    blocks: Lookup<BlockHash, CheckedBlock>,
    order: VecDeque<BlockHash>,
    bytes: usize,
    /// Bodies to be read back, for the pool.
    wanted: VecDeque<BlockHash>,
    loading: bool,
    /// Those that are read back now are only to be weighed.
    weighing: bool,
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

    /// A block must be read back before the pool is what the chain makes it.
    pub(super) fn want_for_pool(&mut self, hash: BlockHash) {
        self.unwritten.hold();
        self.bodies.wanted.push_back(hash);
    }

    /// Asks for the newest bodies of a chain that was taken up again: what they have is not to be repeated.
    pub(super) fn load_recent(&mut self) {
        let tip = self.chain.tip().height;
        // Not genesis: it has nothing to repeat, and its body is in no cache.
        let from = tip.saturating_sub(RECENT_BLOCKS as u64 - 1).max(1);
        let for_managers = self.want_seen();
        // The tip is the last one: whoever knows it was told of all.
        self.bodies.wanted.extend(for_managers);
        self.bodies.wanted.extend((from..=tip).filter_map(|height| self.chain.active_at(height)));
        self.load_more();
    }

    /// Reads back a few bodies at a time, so that a deep reorg costs time and not memory.
    pub(super) fn load_more(&mut self) {
        if self.bodies.loading {
            return;
        }
        let count = self.bodies.wanted.len().min(MAX_GET_BLOCKS);
        let mut hashes: Vec<BlockHash> = self.bodies.wanted.drain(..count).collect();
        // What is beside the chain can wait, and nothing has to wait for it.
        self.bodies.weighing = hashes.is_empty() && !self.unwritten.is_held();
        if self.bodies.weighing {
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
        for block in blocks {
            self.weigh_beside(&block);
            if self.bodies.weighing || self.read_back(&block) {
                continue;
            }
            let hash = block.hash();
            if self.chain.is_active(&hash) {
                self.pool_connects(hash, block.ids().into());
            } else {
                self.return_contents(&block);
            }
        }
        self.load_more();
        if self.unwritten.is_held() && !self.bodies.loading {
            self.write();
        }
        self.pool_has_room();
        self.commit_pool();
        self.pool_changed();
    }
}
