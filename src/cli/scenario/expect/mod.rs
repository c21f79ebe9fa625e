//! What a scenario may expect, and whether it is so. The grammar is in the help of `scenario run`.

mod check;
mod read;
#[cfg(test)]
mod tests;

use core::time::Duration;

use crate::cli::commands::Command;
use crate::manager::view::{Condition, Life};

pub(super) use check::{hashes, texts};
pub(super) use read::parse;

/// How a number is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// The same; what a bare number means.
    Is,
    /// Not less.
    AtLeast,
    /// Not more.
    AtMost,
    /// More.
    Above,
    /// Less.
    Below,
}

/// A number to be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    relation: Relation,
    value: u64,
}

impl Number {
    fn holds(self, there: u64) -> bool {
        match self.relation {
            Relation::Is => there == self.value,
            Relation::AtLeast => there >= self.value,
            Relation::AtMost => there <= self.value,
            Relation::Above => there > self.value,
            Relation::Below => there < self.value,
        }
    }
}

/// A number that a network, or a node, has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    /// Height of the best tip; of a node's tip.
    Height,
    /// What waits: in the fullest pool; in a node's.
    Pool,
    /// A node's connections.
    Peers,
}

/// Where the difficulty is to have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trend {
    /// Blocks take more hashes than before.
    Rises,
    /// Fewer.
    Falls,
    /// As many.
    Stays,
}

/// What is to be so.
#[derive(Debug)]
pub(super) enum What {
    /// The verdict is this one.
    Condition(Condition),
    /// There are so many tips.
    Tips(Number),
    /// The network as a whole has so much.
    Network(Quantity, Number),
    /// A node has so much.
    Node(usize, Quantity, Number),
    /// A node is there in its life.
    Life(usize, Life),
    /// A node gave up so many blocks.
    Reorg(Number),
    /// A content of this text is in the best chain.
    Contains(String),
    /// None is.
    Lacks(String),
    /// It is so deep in it.
    Confirmations(String, Number),
    /// Blocks have become harder, or easier.
    Difficulty(Trend),
    /// A command fails, and says this when it does.
    Fails {
        /// What is run.
        command: Box<Command>,
        /// What stands in its error; empty: anything will do.
        because: String,
    },
}

impl What {
    /// The node that it is about, if it is about one.
    pub(super) fn node(&self) -> Option<usize> {
        match self {
            What::Node(node, ..) | What::Life(node, _) => Some(*node),
            _ => None,
        }
    }
}

/// An expectation.
#[derive(Debug)]
pub(super) struct Expect {
    /// What is to be so.
    pub what: What,
    /// How long it may take to become so.
    pub within: Duration,
}

/// What was there when something else was expected.
pub(super) type Found = String;

/// What an expectation is held against beside the network itself.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Depths of reorgs since the last time that one was expected.
    pub reorgs: Vec<u64>,
    /// Hashes a block took when the difficulty was last looked at.
    pub difficulty: Option<f64>,
    /// Texts of the best chain, from genesis up: one list a block.
    pub chain: Vec<Vec<String>>,
}
