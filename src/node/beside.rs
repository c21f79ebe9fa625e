//! Bodies beside the best chain: a pushed block that its branch's work does not make the tip is kept, so that a fork can
//! be seen and followed at once; but not where more than so many bytes are there already, whoever asked for them.
//!
//! What was asked for is taken however much there is, and so is what makes a branch with more work than ours: this
//! keeps nobody from the chain with the most.

use std::collections::VecDeque;

use super::*;
use crate::limits::MAX_SIDE_BYTES;
use crate::types::{Block, BlockHash, Header, Lookup};

/// What the stored bodies beside the best chain weigh.
#[derive(Debug, Default)]
pub(super) struct Beside {
    sizes: Lookup<BlockHash, usize>,
    bytes: usize,
    /// Those that an earlier run stored, and that are yet to be read back and weighed.
    unweighed: VecDeque<BlockHash>,
}

impl Beside {
    /// What is beside the best chain of `chain`, which was taken up again.
    pub(super) fn of(chain: &Chain) -> Beside {
        let stored = chain.beside(0, u64::MAX).into_iter().map(|(_, hash)| hash);
        Beside { unweighed: stored.filter(|hash| chain.has_body(hash)).collect(), ..Beside::default() }
    }

    /// A block of so many bytes is in the tree, and not on the best chain.
    pub(super) fn add(&mut self, hash: BlockHash, size: usize) {
        if self.sizes.insert(hash, size).is_none() {
            self.bytes += size;
        }
    }

    /// Blocks that are on the best chain now, or in the tree no more.
    pub(super) fn remove(&mut self, hashes: &[BlockHash]) {
        for size in hashes.iter().filter_map(|hash| self.sizes.remove(hash)) {
            self.bytes -= size;
        }
    }

    /// Up to `count` blocks that are to be weighed; none once it is known that there is no room.
    pub(super) fn take_unweighed(&mut self, count: usize) -> Vec<BlockHash> {
        let count = if self.bytes > MAX_SIDE_BYTES { 0 } else { count.min(self.unweighed.len()) };
        self.unweighed.drain(..count).collect()
    }
}

impl Node {
    /// Whether a block of this header and size, which nobody asked for, would be one too many beside the chain.
    pub(super) fn is_too_much_beside(&self, header: &Header, bytes: usize) -> bool {
        let work = || Some(self.chain.work(&header.previous)?.plus(header.bits.to_target().ok()?.work()));
        self.beside.bytes + bytes > MAX_SIDE_BYTES && work().is_some_and(|work| work <= self.chain.tip().work)
    }

    /// A block was read back, which may be beside the chain: one that an earlier run stored, or that a reorg left.
    pub(super) fn weigh_beside(&mut self, block: &Block) {
        let hash = block.hash();
        if self.chain.has_body(&hash) && !self.chain.is_active(&hash) {
            self.beside.add(hash, block.size());
        }
    }

    /// How many bytes of bodies are kept beside the chain.
    pub(super) fn beside_bytes(&self) -> usize {
        self.beside.bytes
    }
}
