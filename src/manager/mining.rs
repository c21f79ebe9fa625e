//! Having the nodes mine in turn: node 0, node 1, …, one block each, the next only when everybody whom its miner
//! can reach has the last.

use core::time::Duration;
use std::sync::{Arc, PoisonError};

use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::limits::{AGREEMENT_TIMEOUT, DEFAULT_MINING_TIMEOUT};
use crate::manager::control::Deadline;
use crate::manager::keeper::Keeper;
use crate::manager::not_done::NotDone;
use crate::manager::pause::Pause;
use crate::manager::state::{Progress, Standing};
use crate::manager::view::Call;

/// What a run of mining came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Run {
    /// Mining requests that were sent.
    pub requests: usize,
    /// The blocks, in order.
    pub blocks: Vec<MinedBlock>,
    /// Blocks of the chain at the end, genesis included.
    pub length: u64,
    /// Nodes that were left out, because they are gone or not back yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<usize>,
    /// The groups into which the nodes fall at the end, if they cannot all reach each other: a block is on the
    /// nodes of its miner's group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apart: Vec<Vec<usize>>,
    /// What brings the blocks to all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A block that was mined on request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MinedBlock {
    /// The node that mined it, by number.
    pub node: usize,
    /// Its hash.
    pub hash: String,
    /// Its place in the chain; genesis is 1.
    pub index: u64,
    /// The nonce that was found.
    pub nonce: u32,
    /// Hashes tried for it.
    pub tries: u64,
    /// Milliseconds from the request to the stored block.
    pub millis: f64,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum MiningError {
    /// There is one already.
    #[error("a mining run is on, {} of its {} requests are done: wait for its end", .0.done, .0.of)]
    Busy(Progress),
    /// A node did not mine, or not everybody whom it can reach got its block.
    #[error(transparent)]
    NotDone(#[from] NotDone),
}

/// The right to run: one at a time. Given back when dropped.
pub struct Turn {
    keeper: Arc<Keeper>,
    rounds: u32,
}

impl Turn {
    /// Takes it, for so many rounds, unless another run is on or everything stops.
    pub fn take(keeper: &Arc<Keeper>, rounds: u32) -> Result<Turn, MiningError> {
        let cluster = &keeper.cluster;
        let of = usize::try_from(rounds).unwrap_or(usize::MAX).saturating_mul(cluster.members().len());
        let mut taken = Ok(());
        cluster.state.send_modify(|state| match state.run {
            _ if state.stopping => taken = Err(state.end().into()),
            Some(progress) => taken = Err(MiningError::Busy(progress)),
            None => state.run = Some(Progress { done: 0, of }),
        });
        taken.map(|()| Turn { keeper: keeper.clone(), rounds })
    }

    /// Requests that there will be if no node is gone.
    pub fn requests(&self) -> usize {
        self.keeper.cluster.state.borrow().run.map(|progress| progress.of).unwrap_or_default()
    }

    /// Runs to the end, or until everything stops: what it came to, and why not to its end.
    pub async fn run(self, pause: Pause) -> (Run, Result<(), NotDone>) {
        let mut run = Run::default();
        let ended = self.keeper.unless_stopping(self.rounds(pause, &mut run)).await;
        let state = self.keeper.cluster.state.borrow();
        run.length = state.tips.height() + 1;
        let groups = state.groups();
        if groups.len() > 1 {
            run.apart = groups.into_iter().map(|group| group.into_iter().collect()).collect();
            let heals = format!("{} {} {}", Call::Heal.method(), Call::Heal.path(), Call::Heal.does());
            run.hint = state.faults.cut_any().then_some(heals);
        }
        drop(state);
        (run, ended)
    }

    async fn rounds(&self, pause: Pause, run: &mut Run) -> Result<(), NotDone> {
        let cluster = &self.keeper.cluster;
        for _ in 0..self.rounds {
            for member in cluster.members() {
                if run.requests > 0 && self.runs(member.number) {
                    sleep(self.next_pause(pause)).await;
                }
                // It may have ended in the pause.
                if !self.runs(member.number) {
                    if !run.skipped.contains(&member.number) {
                        run.skipped.push(member.number);
                    }
                    continue;
                }
                run.requests += 1;
                self.one(member.number, &mut run.blocks).await?;
            }
        }
        Ok(())
    }

    fn runs(&self, number: usize) -> bool {
        self.keeper.cluster.state.borrow().standing(number) == Standing::Running
    }

    fn next_pause(&self, pause: Pause) -> Duration {
        pause.next(&mut self.keeper.cluster.dice.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One block of node `number`, on every node that it can reach.
    async fn one(&self, number: usize, blocks: &mut Vec<MinedBlock>) -> Result<(), NotDone> {
        let limit = Deadline::after(DEFAULT_MINING_TIMEOUT);
        let (mined, tip) = self.keeper.mine(Some(number), None, limit).await?;
        blocks.push(MinedBlock {
            node: number,
            hash: mined.hash,
            index: mined.height + 1,
            nonce: mined.nonce,
            tries: mined.tries,
            millis: millis(mined.seconds),
        });
        self.keeper.spread(number, tip, Instant::now() + AGREEMENT_TIMEOUT).await?;
        self.keeper.cluster.state.send_modify(|state| {
            if let Some(progress) = &mut state.run {
                progress.done += 1;
            }
        });
        Ok(())
    }
}

/// Milliseconds of a time that is whole microseconds, with no digits that say nothing.
fn millis(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e3
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.keeper.cluster.state.send_modify(|state| state.run = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_no_more_digits_than_it_was_measured_with() {
        for (micros, text) in [(105, "0.105"), (1, "0.001"), (57_289, "57.289"), (2_000_000, "2000")] {
            assert_eq!(millis(f64::from(micros) / 1e6).to_string(), text);
        }
    }
}
