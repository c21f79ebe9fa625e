//! Blocks on request: who mines them, and until when somebody waits for them.

use tokio::time::{Instant, sleep, timeout_at};

use crate::encoding::Blob;
use crate::limits::{CONTROL_TIMEOUT, MAX_CONTENT_BYTES, TERMINATE_AFTER};
use crate::manager::control::{ControlError, Deadline};
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

/// What to do about a block that a wrong clock keeps from nodes.
const SET_CLOCK: &str = "set that clock: where it is behind, blocks wait for their time, and nobody takes those \
                         of a node where it is ahead; that it was set is noticed within a second";

/// What goes into a block.
pub type Content = Blob<MAX_CONTENT_BYTES>;

impl Keeper {
    /// Has `node` mine a block, or whose turn it is, with `content` first in it.
    pub async fn mine(
        &self,
        node: Option<usize>,
        content: Option<Content>,
        deadline: Deadline,
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
        let late: Vec<usize> = state.tips.lacking(tip).filter(|node| near.contains(node)).collect();
        Err(not_everywhere(&state, miner, tip, &late))
    }

    /// Puts `content` into the pool of `node`, or of the first that runs.
    pub async fn submit(&self, node: Option<usize>, content: Content) -> Result<(usize, TxId), NotDone> {
        let first = self.cluster.state.borrow().running().next();
        let number = node.or(first).ok_or_else(|| nobody(&self.cluster.state.borrow(), "take it"))?;
        match self.ask(number, Command::Submit { content }, Deadline::after(CONTROL_TIMEOUT)).await? {
            Outcome::Submitted(id) => Ok((number, id)),
            other => Err(strange(number, &other)),
        }
    }

    /// What comes of `command` at node `number`, which must run, and go on running.
    pub(super) async fn ask(
        &self,
        number: usize,
        command: Command,
        deadline: Deadline,
    ) -> Result<Outcome, NotDone> {
        let control = self.member(number)?.there().control;
        let standing = self.cluster.state.borrow().standing(number);
        if standing != Standing::Running {
            return Err(not_so(number, standing));
        }
        let mut changes = self.cluster.state.subscribe();
        let goes_on = async {
            match control.call_until(command, deadline).await {
                // Its end is known in a moment, and says more than that it was not heard any more.
                Err(error) if error.is_end() => {
                    sleep(TERMINATE_AFTER).await;
                    Err(error)
                }
                outcome => outcome,
            }
        };
        tokio::select! {
            outcome = goes_on => outcome.map_err(|error| NotDone::Node { number, error }),
            changed = changes.wait_for(|state| state.standing(number) != Standing::Running) => {
                Err(meanwhile(number, changed.map_or(Standing::Paused, |state| state.standing(number))))
            }
        }
    }
}

/// Why what was asked of a node that ran then does not come: it is `standing` otherwise now.
pub(super) fn meanwhile(number: usize, standing: Standing) -> NotDone {
    match not_so(number, standing) {
        NotDone::NotSo { number, life, why, remedy } => {
            NotDone::NotSo { number, life, why: format!("{why} by now"), remedy }
        }
        other => other,
    }
}

/// A block that `late` nodes, which its miner can reach, do not have in time, and what brings it to them.
fn not_everywhere(state: &State, miner: usize, tip: TipAt, late: &[usize]) -> NotDone {
    let clocks = verdict::wrong_clocks(state, late.iter().copied().chain([miner]));
    let remedy = match late.first() {
        _ if clocks.is_some() => Remedy::Said(SET_CLOCK),
        _ if state.faults.are_any() => Remedy::Said("wait: it takes its time over slow links"),
        // Nothing keeps it from a node that is well.
        Some(node) => Call::RestartNode { node: *node }.into(),
        None => Remedy::None,
    };
    NotDone::Late {
        why: format!(
            "block {} of node {}, at height {}, did not reach {} in time{}; it is in the chain of those that \
             have it",
            tip.hash,
            Name(miner),
            tip.height,
            several(late),
            clocks.map_or(String::new(), |clocks| format!(" ({clocks})")),
        ),
        remedy,
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
    tracing::error!(
        number,
        ?outcome,
        "an answer to something else: a defect of this program, or of the node's"
    );
    NotDone::Node { number, error: ControlError::Strange }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::collections::BTreeMap;

    use super::*;
    use crate::manager::faults::Slow;
    use crate::manager::modes::Modes;
    use crate::types::{BlockHash, NodeId};
    use crate::wire::manage::{Event, What};

    fn name(n: usize) -> NodeId {
        NodeId([n as u8; 16])
    }

    fn tell(state: &mut State, node: usize, what: What) {
        state.event(node, &Event { at: 0, what });
    }

    fn has(state: &mut State, node: usize, tip: TipAt) {
        let what = What::TipChanged { tip: tip.hash, height: tip.height, work: [0; 32], reverted: 0 };
        tell(state, node, what);
    }

    #[test]
    fn a_block_that_does_not_come_says_who_lacks_it_and_what_brings_it() {
        let names: BTreeMap<NodeId, usize> = (0..3).map(|n| (name(n), n)).collect();
        let mut state = State::new(names, false, Modes::of(0));
        state.links.expect([(0, 1), (0, 2), (1, 2)]);
        let at = |height| TipAt { height, hash: BlockHash([height as u8; 32]) };
        for node in 0..3 {
            state.tips.count(node, true);
            has(&mut state, node, at(3));
            for other in (0..3).filter(|other| *other != node) {
                tell(&mut state, node, What::PeerReady { node: name(other), outbound: false });
            }
        }
        has(&mut state, 0, at(4));
        has(&mut state, 2, at(4));
        let said = |state: &State| {
            let late: Vec<usize> = state.tips.lacking(at(4)).collect();
            match not_everywhere(state, 0, at(4), &late) {
                NotDone::Late { why, remedy } => (why, remedy),
                other => panic!("{other:?}"),
            }
        };
        let (why, remedy) = said(&state);
        assert!(why.contains("of node A, at height 4, did not reach B in time"), "{why}");
        assert_eq!(remedy, Remedy::Call(Call::RestartNode { node: 1 }));

        let slow = Slow { latency: Duration::from_millis(50), ..Slow::default() };
        state.faults.slow_down(0, 1, slow);
        assert!(matches!(said(&state).1, Remedy::Said(hint) if hint.contains("slow links")));

        tell(&mut state, 1, What::Clock { offset: 10_800_000, peers: 2, is_off: true });
        let (why, remedy) = said(&state);
        assert!(why.contains("did not reach B in time (B's clock is 3.0 h behind); it is in"), "{why}");
        assert_eq!(remedy, Remedy::Said(SET_CLOCK), "a new process has the same clock");
    }
}
