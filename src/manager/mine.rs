//! Blocks on request: who mines them, and until when somebody waits for them.

use tokio::time::{Instant, timeout_at};

use crate::encoding::Blob;
use crate::limits::{CONTROL_TIMEOUT, MAX_CONTENT_BYTES};
use crate::manager::control::ControlError;
use crate::manager::keeper::Keeper;
use crate::manager::lives::not_so;
use crate::manager::names::{Name, several};
use crate::manager::not_done::{NotDone, Remedy};
use crate::manager::state::{Standing, State};
use crate::manager::tips::TipAt;
use crate::manager::verdict;
use crate::manager::view::{Call, MinedBlock};
use crate::types::TxId;
use crate::wire::manage::{Command, Mined, Outcome};

/// What goes into a block.
pub type Content = Blob<MAX_CONTENT_BYTES>;

impl Keeper {
    /// Has `node` mine a block, or whose turn it is, with `content` first in it.
    pub async fn mine(
        &self,
        node: Option<usize>,
        content: Option<Content>,
        deadline: Instant,
    ) -> Result<(MinedBlock, TipAt), NotDone> {
        let number = match node {
            Some(number) => number,
            None => self.next_miner(|_, _| true)?,
        };
        tracing::info!(number, "asked to mine");
        let Mined { hash, height, nonce, tries, micros } =
            match self.ask(number, Command::Mine { content }, deadline).await? {
                Outcome::Mined(mined) => mined,
                other => return Err(strange(number, &other)),
            };
        tracing::info!(number, %hash, height, tries, micros, "mined on request");
        let seconds = micros as f64 / 1e6;
        let block = MinedBlock { node: number, hash: hash.to_string(), height, nonce, tries, seconds };
        Ok((block, TipAt { height, hash }))
    }

    /// Whose turn it is, of those that run and are fit for it.
    pub(super) fn next_miner(&self, is_fit: impl Fn(&State, usize) -> bool) -> Result<usize, NotDone> {
        let mut next = None;
        self.cluster.state.send_if_modified(|state| {
            let fit: Vec<usize> = state.running().filter(|number| is_fit(state, *number)).collect();
            next = fit.iter().copied().find(|number| *number >= state.turn).or(fit.first().copied());
            state.turn = next.map_or(state.turn, |number| number + 1);
            // Nobody waits for a turn.
            false
        });
        next.ok_or_else(|| nobody(&self.cluster.state.borrow(), "mine"))
    }

    /// Waits until every node that runs and that `miner` can reach has the block.
    pub async fn spread(&self, miner: usize, tip: TipAt, deadline: Instant) -> Result<(), NotDone> {
        let mut changes = self.cluster.state.subscribe();
        let has = changes.wait_for(|state| {
            let near = state.reached_from(miner);
            state.tips.all_have(tip, |node| near.contains(&node))
        });
        if timeout_at(deadline, has).await.is_ok() {
            return Ok(());
        }
        let state = self.cluster.state.borrow();
        let near = state.reached_from(miner);
        let late: Vec<usize> =
            near.iter().copied().filter(|node| !state.tips.all_have(tip, |other| other == *node)).collect();
        Err(NotDone::Late(format!(
            "block {} of node {}, at height {}, did not reach {} in time; it is in the chain of those that have \
             it",
            tip.hash,
            Name(miner),
            tip.height,
            several(&late)
        )))
    }

    /// Puts `content` into the pool of `node`, or of the first that runs.
    pub async fn submit(&self, node: Option<usize>, content: Content) -> Result<(usize, TxId), NotDone> {
        let first = self.cluster.state.borrow().running().next();
        let number = node.or(first).ok_or_else(|| nobody(&self.cluster.state.borrow(), "take it"))?;
        match self.ask(number, Command::Submit { content }, Instant::now() + CONTROL_TIMEOUT).await? {
            Outcome::Submitted(id) => Ok((number, id)),
            other => Err(strange(number, &other)),
        }
    }

    /// What comes of `command` at node `number`, which must run, and go on running.
    pub(super) async fn ask(
        &self,
        number: usize,
        command: Command,
        deadline: Instant,
    ) -> Result<Outcome, NotDone> {
        let control = self.member(number)?.there().control;
        let standing = self.cluster.state.borrow().standing(number);
        if standing != Standing::Running {
            return Err(not_so(number, standing));
        }
        let mut changes = self.cluster.state.subscribe();
        let left = deadline.saturating_duration_since(Instant::now());
        let error = tokio::select! {
            outcome = control.call_within(command, left) => match outcome {
                Ok(outcome) => return Ok(outcome),
                Err(error) => error,
            },
            changed = changes.wait_for(|state| state.standing(number) != Standing::Running) => {
                return Err(meanwhile(number, changed.map_or(Standing::Paused, |state| state.standing(number))));
            }
        };
        Err(NotDone::Node { number, error })
    }
}

/// Why what was asked of a node that ran then does not come: it is `standing` otherwise now.
fn meanwhile(number: usize, standing: Standing) -> NotDone {
    match not_so(number, standing) {
        NotDone::NotSo { number, life, why, remedy } => {
            NotDone::NotSo { number, life, why: format!("{why} by now"), remedy }
        }
        other => other,
    }
}

/// Why there is none to `act`, and what brings one back: one that is paused goes on as it was.
fn nobody(state: &State, act: &str) -> NotDone {
    let first = |is_it: fn(Standing) -> bool| {
        state.standings().find(|(_, standing)| is_it(*standing)).map(|(number, _)| number)
    };
    let paused = first(|standing| standing == Standing::Paused).map(|node| Call::ResumeNode { node });
    let ended = || first(|standing| matches!(standing, Standing::Ended(_)));
    let remedy = match paused.or_else(|| ended().map(|node| Call::RestartNode { node })) {
        Some(call) => call.into(),
        None => Remedy::Said("wait until one is running"),
    };
    NotDone::not_now(format!("{}: none can {act}", verdict::nobody(state)), remedy)
}

fn strange(number: usize, outcome: &Outcome) -> NotDone {
    NotDone::Node { number, error: ControlError::Refused(format!("it answers {outcome:?}")) }
}
