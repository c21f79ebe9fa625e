//! A whole chain that somebody offers at once, checked aside before it touches ours.

use std::sync::Arc;

use crate::chain::{Chain, CheckedBlock, Outcome, Rule, Tip};
use crate::params::Params;
use crate::time::UnixTime;
use crate::types::{Block, BlockHash};

/// Blocks from genesis on, every rule of which holds.
#[derive(Debug, Clone)]
pub struct CheckedBranch {
    blocks: Arc<[CheckedBlock]>,
    tip: Tip,
}

/// Which block of an offered chain broke which rule first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("block {index} (counted from 0) breaks the rule {}: {rule}", rule.name())]
pub struct BadBranch {
    /// Its place in the list, from 0.
    pub index: usize,
    /// Its hash.
    pub hash: BlockHash,
    /// Its parent's hash.
    pub previous: BlockHash,
    /// The rule.
    pub rule: Rule,
}

impl CheckedBranch {
    /// Checks `blocks`, of which the first must be genesis and each other the child of the one before.
    pub fn check(
        blocks: Vec<Block>,
        params: &Arc<Params>,
        now: UnixTime,
    ) -> Result<CheckedBranch, BadBranch> {
        let mut chain = Chain::new(params.clone());
        let mut checked: Vec<CheckedBlock> = Vec::with_capacity(blocks.len());
        for (index, block) in blocks.into_iter().enumerate() {
            let (hash, previous) = (block.hash(), block.header.previous);
            let bad = |rule| BadBranch { index, hash, previous, rule };
            match checked.last() {
                None if block.hash() != params.genesis_hash() => return Err(bad(Rule::GenesisMismatch)),
                Some(parent) if block.header.previous != parent.hash() => return Err(bad(Rule::Unlinked)),
                _ => {}
            }
            let block = CheckedBlock::check(block, params).map_err(bad)?;
            let rule = match chain.import(&block, now) {
                Outcome::Imported { .. } | Outcome::Duplicate => None,
                Outcome::MissingParent => Some(Rule::Unlinked),
                Outcome::TooEarly { .. } => Some(Rule::TimeTooNew),
                Outcome::Invalid(rule) => Some(rule),
            };
            if let Some(rule) = rule {
                return Err(bad(rule));
            }
            checked.push(block);
        }
        if checked.is_empty() {
            let (hash, previous) = (params.genesis_hash(), params.genesis().header.previous);
            return Err(BadBranch { index: 0, hash, previous, rule: Rule::GenesisMismatch });
        }
        Ok(CheckedBranch { blocks: checked.into(), tip: chain.tip() })
    }

    /// The blocks, genesis first.
    pub fn blocks(&self) -> &[CheckedBlock] {
        &self.blocks
    }

    /// Where it ends.
    pub fn tip(&self) -> Tip {
        self.tip
    }
}
