//! Bodies beside the best chain that nobody asked for: a pushed block that its branch's work does not make the tip is
//! kept, so that a fork can be seen and followed at once, but not more of them than so many bytes.

use super::*;
use crate::chain::CheckedBlock;
use crate::limits::MAX_SIDE_BYTES;
use crate::types::{BlockHash, Header, Lookup};

/// What such bodies weigh.
#[derive(Debug, Default)]
pub(super) struct Beside {
    sizes: Lookup<BlockHash, usize>,
    bytes: usize,
}

impl Beside {
    /// `block` was taken into the tree, and is not on the best chain.
    pub(super) fn add(&mut self, block: &CheckedBlock) {
        let size = block.encoded().len();
        if self.sizes.insert(block.hash(), size).is_none() {
            self.bytes += size;
        }
    }

    /// Blocks that are on the best chain now, or in the tree no more.
    pub(super) fn remove(&mut self, hashes: &[BlockHash]) {
        for size in hashes.iter().filter_map(|hash| self.sizes.remove(hash)) {
            self.bytes -= size;
        }
    }
}

impl Node {
    /// Whether a block of this header and size, which nobody asked for, would be one too many beside the chain.
    pub(super) fn is_too_much_beside(&self, header: &Header, bytes: usize) -> bool {
        let work = || Some(self.chain.work(&header.previous)?.plus(header.bits.to_target().ok()?.work()));
        self.beside.bytes + bytes > MAX_SIDE_BYTES && work().is_some_and(|work| work <= self.chain.tip().work)
    }

    /// How many bytes of bodies are kept beside the chain that nobody asked for.
    pub(super) fn beside_bytes(&self) -> usize {
        self.beside.bytes
    }
}
