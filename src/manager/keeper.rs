//! Who starts nodes of a running network: those that died, where that was asked for, and those that somebody
//! wants back.

use core::pin::pin;
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::manager::Settings;
use crate::manager::child::{Children, NotStarted};
use crate::manager::cluster::Cluster;
use crate::manager::fate::Fate;
use crate::manager::names::Name;
use crate::manager::not_done::NotDone;
use crate::manager::state::{Standing, State};

/// What it takes to start a node of a running network.
pub struct Keeper {
    /// The network.
    pub cluster: Arc<Cluster>,
    /// What it is made of.
    pub settings: Arc<Settings>,
    /// Where processes are entered.
    pub children: Children,
    /// Told when a node has become another process.
    pub changed: Box<dyn Fn() + Send + Sync>,
    /// Whose turn it is to add nodes.
    pub adding: Mutex<()>,
    /// Whose turn it is to change who can reach whom, and to tell nodes of it.
    pub faults: Mutex<()>,
    /// Whose turn it is to change how blocks come to be, and to tell nodes of it.
    pub shares: Mutex<()>,
    /// Itself, for what goes on beside.
    pub this: Weak<Keeper>,
}

impl Keeper {
    /// Starts whoever is due, until everything stops. Then nobody is being started any more.
    pub async fn run(self: Arc<Self>) {
        let start = |number| {
            let keeper = self.clone();
            async move { keeper.again(number).await }
        };
        start_due(self.cluster.state.subscribe(), self.cluster.stopping(), start).await;
    }

    /// Itself; gone only when everything is.
    pub(super) fn this(&self) -> Result<Arc<Keeper>, NotDone> {
        self.this.upgrade().ok_or_else(|| self.cluster.state.borrow().end())
    }

    /// Starts a node that died, if nobody did anything else with it meanwhile. One that is still being added
    /// is none of the network's yet: whoever adds it sees to it.
    async fn again(&self, number: usize) {
        let Some(member) = self.cluster.member(number) else { return };
        let _turn = member.turn.lock().await;
        if !matches!(self.cluster.state.borrow().standing(number), Standing::Due(..)) {
            return;
        }
        if let Err(why) = self.start(&member).await {
            self.failed(number, &why);
        }
    }

    /// It could not be started.
    pub(super) fn failed(&self, number: usize, why: &NotStarted) {
        let mut fate = Fate::Stays;
        self.cluster
            .state
            .send_modify(|state| fate = state.ended(number, why.exit(), core::time::Duration::ZERO));
        tracing::warn!(number, %why, ?fate, "node could not be started again");
        self.cluster.console.say(&format!("node {} could not be started{fate}: {why}", Name(number)));
    }
}

/// Has `start` start every node that is due, each once its pause is over, until `stopping` ends. One that is due
/// after that has its pause again.
async fn start_due<F>(
    mut changes: watch::Receiver<State>,
    stopping: impl Future<Output = ()>,
    start: impl Fn(usize) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut stopping = pin!(stopping);
    let mut starting = JoinSet::new();
    let mut begun = BTreeSet::new();
    loop {
        let next = |state: &State| state.due().any(|(number, _)| !begun.contains(&number));
        tokio::select! {
            () = &mut stopping => break,
            due = changes.wait_for(next) => {
                let Ok(due) = due.map(|state| state.due().collect::<Vec<_>>()) else { break };
                for (number, again) in due {
                    if begun.insert(number) {
                        let started = start(number);
                        starting.spawn(async move {
                            sleep(again.after).await;
                            started.await;
                            number
                        });
                    }
                }
            }
            Some(done) = starting.join_next() => match done {
                Ok(number) => drop(begun.remove(&number)),
                Err(error) => tracing::error!(%error, "a start failed inside: a defect of this program"),
            },
        }
    }
    starting.shutdown().await;
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::limits::RESTART_PAUSE;
    use crate::manager::exit::Exit;
    use crate::manager::modes::Modes;
    use crate::types::NodeId;

    /// As one that dies while it is being added.
    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_due_and_cannot_be_started_yet_has_its_pause_every_time() {
        let mut state = State::new([(NodeId([1; 16]), 0)].into(), true, Modes::of(0));
        state.up = true;
        state.ended(0, Exit::Signal(9), Duration::ZERO);
        assert!(state.due().any(|due| due.0 == 0));
        let state = watch::Sender::new(state);
        let tries = Arc::new(AtomicU32::new(0));
        let start = |_| {
            let tries = tries.clone();
            // Without pauses the clock of this test would stand still.
            async move { assert!(tries.fetch_add(1, Ordering::Relaxed) < 100, "without a pause") }
        };
        start_due(state.subscribe(), sleep(RESTART_PAUSE * 7 / 2), start).await;
        assert_eq!(tries.load(Ordering::Relaxed), 3);
    }
}
