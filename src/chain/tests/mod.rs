//! The chain held against Bitcoin's headers, tables of rules and its own statistics.
//! tests/model holds it against a naive model.

mod branches;
mod difficulty;
mod mainnet;
mod queries;
mod refusals;
mod restore;

use std::sync::Arc;

use super::*;
use crate::chain::testing::{LATE, grow, mine_on};

fn regtest() -> Chain {
    Chain::new(Arc::new(Params::regtest()))
}

fn hashes(blocks: &[CheckedBlock]) -> Vec<BlockHash> {
    blocks.iter().map(CheckedBlock::hash).collect()
}

/// That a block was imported, and which joined and left the active chain.
#[track_caller]
fn switched(outcome: Outcome) -> (Vec<BlockHash>, Vec<BlockHash>) {
    match outcome {
        Outcome::Imported { connected, reverted } => (connected, reverted),
        other => panic!("not imported: {other:?}"),
    }
}
