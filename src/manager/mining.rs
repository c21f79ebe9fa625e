//! Having the nodes mine in turn: node 0, node 1, …, one block each, the next only when everybody has the
//! last.

use core::time::Duration;
use std::sync::{Arc, PoisonError};

use serde::Serialize;
use tokio::time::{sleep, timeout};

use crate::limits::{AGREEMENT_TIMEOUT, DEFAULT_MINING_TIMEOUT};
use crate::manager::cluster::{Cluster, Member};
use crate::manager::control::ControlError;
use crate::manager::names::Name;
use crate::manager::pause::Pause;
use crate::manager::state::{Progress, Standing};
use crate::manager::tips::TipAt;
use crate::wire::manage::{Command, Mined, Outcome};

/// What a run of mining came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MiningError {
    /// There is one already.
    #[error("a mining run is on, {} of its {} requests are done: wait for its end", .0.done, .0.of)]
    Busy(Progress),
    /// A node did not mine.
    #[error("node {} did not mine: {error}", Name(*number))]
    Node {
        /// Which.
        number: usize,
        /// Why.
        error: ControlError,
    },
    /// Not everybody got a block.
    #[error("block {index} of node {} did not reach every node within {} s", Name(*number), AGREEMENT_TIMEOUT.as_secs())]
    Disagreement {
        /// Who mined it.
        number: usize,
        /// Its place in the chain.
        index: u64,
    },
    /// The network stops.
    #[error("the network is shutting down")]
    Stopping,
}

/// The right to run: one at a time. Given back when dropped.
pub struct Turn {
    cluster: Arc<Cluster>,
    rounds: u32,
}

impl Turn {
    /// Takes it, for so many rounds, unless another run is on or everything stops.
    pub fn take(cluster: &Arc<Cluster>, rounds: u32) -> Result<Turn, MiningError> {
        let of = usize::try_from(rounds).unwrap_or(usize::MAX).saturating_mul(cluster.members().len());
        let mut taken = Ok(());
        cluster.state.send_modify(|state| match state.run {
            _ if state.stopping => taken = Err(MiningError::Stopping),
            Some(progress) => taken = Err(MiningError::Busy(progress)),
            None => state.run = Some(Progress { done: 0, of }),
        });
        taken.map(|()| Turn { cluster: cluster.clone(), rounds })
    }

    /// Requests that there will be if no node is gone.
    pub fn requests(&self) -> usize {
        self.cluster.state.borrow().run.map(|progress| progress.of).unwrap_or_default()
    }

    /// Runs to the end, or until everything stops.
    pub async fn run(self, pause: Pause) -> Result<Run, MiningError> {
        let stopping = self.cluster.stopping();
        tokio::select! {
            run = self.rounds(pause) => run,
            () = stopping => Err(MiningError::Stopping),
        }
    }

    async fn rounds(&self, pause: Pause) -> Result<Run, MiningError> {
        let mut run = Run { requests: 0, blocks: Vec::new(), length: 0, skipped: Vec::new() };
        for _ in 0..self.rounds {
            for member in self.cluster.members() {
                if self.cluster.state.borrow().standing(member.number) != Standing::Running {
                    if !run.skipped.contains(&member.number) {
                        run.skipped.push(member.number);
                    }
                    continue;
                }
                if run.requests > 0 {
                    sleep(self.next_pause(pause)).await;
                }
                run.requests += 1;
                run.blocks.push(self.one(&member).await?);
            }
        }
        run.length = self.cluster.state.borrow().tips.height() + 1;
        Ok(run)
    }

    fn next_pause(&self, pause: Pause) -> Duration {
        pause.next(&mut self.cluster.dice.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One block of `member`, on every node.
    async fn one(&self, member: &Member) -> Result<MinedBlock, MiningError> {
        let number = member.number;
        let not_mined = |error| MiningError::Node { number, error };
        let control = member.there().control;
        let mining = control.call_within(Command::Mine { content: None }, DEFAULT_MINING_TIMEOUT);
        let mined = match mining.await.map_err(not_mined)? {
            Outcome::Mined(mined) => mined,
            other => return Err(not_mined(ControlError::Refused(format!("it answers {other:?}")))),
        };
        let Mined { hash, height, nonce, tries, micros } = mined;
        let (tip, index) = (TipAt { height, hash }, height + 1);
        tracing::info!(number, %hash, index, tries, micros, "mined");
        let mut changes = self.cluster.state.subscribe();
        let everybody = changes.wait_for(|state| state.tips.everybody_has(tip));
        let has = timeout(AGREEMENT_TIMEOUT, everybody).await.is_ok_and(|has| has.is_ok());
        if !has {
            return Err(MiningError::Disagreement { number, index });
        }
        self.cluster.state.send_modify(|state| {
            if let Some(progress) = &mut state.run {
                progress.done += 1;
            }
        });
        Ok(MinedBlock {
            node: number,
            hash: hash.to_string(),
            index,
            nonce,
            tries,
            millis: micros as f64 / 1e3,
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.cluster.state.send_modify(|state| state.run = None);
    }
}
