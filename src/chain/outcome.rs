//! What is asked of the tree, and what it answers.

use crate::chain::Rule;
use crate::time::UnixTime;
use crate::types::{BlockHash, Header, Work};

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// Its last block.
    pub hash: BlockHash,
    /// That block's height; genesis is 0.
    pub height: u64,
    /// Work of all its blocks, genesis included.
    pub work: Work,
}

/// A header in the tree, and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The header.
    pub header: Header,
    /// Its hash.
    pub hash: BlockHash,
    /// Its height; genesis is 0.
    pub height: u64,
    /// Work of it and all its ancestors.
    pub work: Work,
    /// Whether its body has come.
    pub has_body: bool,
    /// Whether it, or an ancestor, broke a rule.
    pub invalid: bool,
}

/// What came of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the tree. Both lists empty: on a side branch, or before an ancestor's body.
    Imported {
        /// Blocks that joined the active chain, lowest first.
        connected: Vec<BlockHash>,
        /// Blocks that left it, highest first.
        reverted: Vec<BlockHash>,
    },
    /// It was in the tree.
    Duplicate,
    /// Its parent is not in the tree.
    MissingParent,
    /// Its time is too far ahead; nothing is held against it.
    TooEarly {
        /// When it may be offered again.
        retry_at: UnixTime,
    },
    /// It breaks a rule.
    Invalid(Rule),
}

/// What came of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderOutcome {
    /// It is in the tree now.
    New,
    /// It was in the tree.
    Known,
    /// Its parent is not in the tree.
    MissingParent,
    /// Its time is too far ahead; nothing is held against it.
    TooEarly {
        /// When it may be offered again.
        retry_at: UnixTime,
    },
    /// It breaks a rule.
    Invalid(Rule),
}
