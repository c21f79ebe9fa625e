//! Other chains than the best headers', each a peer's own: what is asked for while nobody gives those bodies.

use std::collections::VecDeque;

use crate::chain::Chain;
use crate::limits::DOWNLOAD_WINDOW;
use crate::types::BlockHash;

/// Of a peer's branch up to a block: the lowest blocks whose bodies were missing, lowest first.
#[derive(Debug)]
pub(super) struct Branch {
    end: BlockHash,
    missing: VecDeque<BlockHash>,
}

impl Default for Branch {
    fn default() -> Self {
        Branch { end: BlockHash::ZERO, missing: VecDeque::new() }
    }
}

impl Branch {
    /// The lowest blocks on the way to `end` whose bodies are missing, as far as they were looked for.
    pub(super) fn missing(&mut self, chain: &Chain, end: BlockHash) -> impl Iterator<Item = &BlockHash> {
        while self.missing.pop_front_if(|hash| !chain.lacks_body(hash)).is_some() {}
        if self.end != end || self.missing.is_empty() {
            self.end = end;
            self.missing = lowest_missing(chain, end);
        }
        self.missing.iter().filter(|hash| chain.lacks_body(hash))
    }
}

/// The lowest blocks on the way from our own chain to `end` whose bodies are missing, a window's worth, lowest first;
/// none if one of them is bad.
fn lowest_missing(chain: &Chain, end: BlockHash) -> VecDeque<BlockHash> {
    let mut missing = VecDeque::new();
    let mut at = end;
    while !chain.is_active(&at) {
        let Some(entry) = chain.get(&at).filter(|entry| !entry.invalid) else { return VecDeque::new() };
        if !entry.has_body {
            missing.push_front(at);
            missing.truncate(DOWNLOAD_WINDOW as usize);
        }
        at = entry.header.previous;
    }
    missing
}
