//! Who starts nodes of a running network: those that died, where that was asked for, and those that somebody
//! wants back.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::manager::Settings;
use crate::manager::child::{Children, NotStarted};
use crate::manager::cluster::Cluster;
use crate::manager::fate::{Again, Fate};
use crate::manager::names::Name;
use crate::manager::not_done::NotDone;
use crate::manager::state::{Standing, State};

/// What it takes to start a node of a running network.
pub struct Keeper {
    /// The network.
    pub cluster: Arc<Cluster>,
    /// What it is made of.
    pub settings: Arc<Settings>,
    /// Where processes are entered that became ready.
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
        let mut changes = self.cluster.state.subscribe();
        let mut starting = JoinSet::new();
        let mut begun = BTreeSet::new();
        loop {
            let next = |state: &State| state.due().any(|(number, _)| !begun.contains(&number));
            tokio::select! {
                () = self.cluster.stopping() => break,
                due = changes.wait_for(next) => {
                    let Ok(due) = due.map(|state| state.due().collect::<Vec<_>>()) else { break };
                    for (number, again) in due {
                        if begun.insert(number) {
                            let keeper = self.clone();
                            starting.spawn(async move {
                                keeper.again(number, again).await;
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

    /// Itself; gone only when everything is.
    pub(super) fn this(&self) -> Result<Arc<Keeper>, NotDone> {
        self.this.upgrade().ok_or(NotDone::Stopping)
    }

    /// Starts a node that died, when its pause is over and if nobody did anything else with it meanwhile.
    async fn again(&self, number: usize, again: Again) {
        let Some(member) = self.cluster.member(number) else { return };
        sleep(again.after).await;
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
