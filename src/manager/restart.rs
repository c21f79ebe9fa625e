//! Starting nodes that died again: in the same place, with the same folder and ports.
//!
//! What the start of a network does for all nodes at once is done here for one: its process, the control
//! connection, the introductions. It dials everybody it had a link with, whoever began that link, so that it
//! is back at once; the others learn its name, and dial when theirs are due.

use core::time::Duration;
use std::sync::Arc;

use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::encoding::List;
use crate::limits::LINKS_TIMEOUT;
use crate::manager::Settings;
use crate::manager::bootstrap::{background, tell};
use crate::manager::child::{self, Children, NotStarted, Plan};
use crate::manager::cluster::{self, Cluster, Member, There};
use crate::manager::control::{Control, ControlError};
use crate::manager::fate::Fate;
use crate::manager::state::Standing;
use crate::wire::manage::{Command, Introduction};
use crate::wire::message::PeerAddress;

/// What it takes to start a node of a running network again.
pub struct Keeper {
    /// The network.
    pub cluster: Arc<Cluster>,
    /// What it is made of.
    pub settings: Arc<Settings>,
    /// Where processes are entered that became ready.
    pub children: Children,
    /// Told when a node has become another process.
    pub changed: Box<dyn Fn() + Send + Sync>,
}

impl Keeper {
    /// Starts whoever is due, until everything stops. Then nobody is being started any more.
    pub async fn run(self) {
        let keeper = Arc::new(self);
        let mut watches = JoinSet::new();
        for at in 0..keeper.cluster.members.len() {
            let keeper = keeper.clone();
            watches.spawn(async move { keeper.watch(&keeper.cluster.members[at]).await });
        }
        keeper.cluster.stopping().await;
        watches.shutdown().await;
    }

    async fn watch(&self, member: &Member) {
        let (number, cluster) = (member.number, &self.cluster);
        let mut changes = cluster.state.subscribe();
        loop {
            let is_due = changes.wait_for(|state| matches!(state.standing(number), Standing::Due(..))).await;
            let Ok(Standing::Due(_, again)) = is_due.map(|state| state.standing(number)) else { return };
            sleep(again.after).await;
            if let Err(why) = self.start(member).await {
                self.failed(number, &why);
            }
        }
    }

    /// A new process in `member`'s place. What becomes of it from then on is for whoever watches its end.
    async fn start(&self, member: &Member) -> Result<(), NotStarted> {
        let (number, cluster, before) = (member.number, &self.cluster, member.there());
        let plan = self.settings.plan(number, &cluster.signer.public());
        // The same places, even where any would have done before: others know them.
        let plan = Plan { listen: before.listen, http: before.http.unwrap_or(plan.http), ..plan };
        let (child, ready) = child::start(&self.settings.program, &plan).await?;
        let child = Arc::new(child);
        self.children.add(child.clone());
        let node = ready.node.parse().map_err(|_| {
            child.signal(Signal::KILL);
            NotStarted::Stranger(ready.node.clone())
        })?;
        let height = cluster.state.borrow().tips.height();
        cluster.state.send_modify(|state| state.started(number, node));
        let (state, console) = (cluster.state.clone(), cluster.console.clone());
        tokio::spawn(cluster::watch_exit(number, child.clone(), plan.log, state, console));
        let (challenge, told) = (cluster.challenge(), cluster.told.clone());
        let control = Control::connect(ready.listen, node, &cluster.signer, challenge, told, number);
        let joined = async {
            let there = There {
                node,
                listen: ready.listen,
                http: ready.http,
                child: child.clone(),
                control: control.await?,
            };
            self.join(member, there, height).await
        };
        if let Err(error) = joined.await {
            tracing::warn!(number, %error, "a node that was started again cannot be managed");
            child.signal(Signal::KILL);
        }
        Ok(())
    }

    /// `there` takes `member`'s place in the network, whose chain is `height` high.
    async fn join(&self, member: &Member, there: There, height: u64) -> Result<(), ControlError> {
        let (number, cluster) = (member.number, &self.cluster);
        let peer = PeerAddress { node: Some(there.node), address: there.listen };
        let (own, pid) = (there.control.clone(), there.child.pid());
        // Before it looks who is there: of two that return at once, the later one to look sees the other.
        member.replace(there);
        let mut introductions = Vec::new();
        let mut others = Vec::new();
        for other in cluster.members.iter().filter(|other| other.number != number) {
            let state = cluster.state.borrow();
            if state.standing(other.number).exit().is_some() {
                continue;
            }
            let is_linked = state.links.is_expected(number, other.number)
                || state.links.is_expected(other.number, number);
            let There { node, listen, control, .. } = other.there();
            introductions.push(Introduction {
                peer: PeerAddress { node: Some(node), address: listen },
                dial: is_linked,
            });
            others.push((control, state.links.is_expected(other.number, number)));
        }
        cluster.state.send_modify(|state| state.tips.count(number, true));
        tell(&own, &introductions).await?;
        for (control, dial) in others {
            // One that does not answer has its own troubles; this node dials it.
            let _ = control.call(Command::Register(List::clipped([Introduction { peer, dial }]))).await;
        }
        (self.changed)();
        background(&self.settings, member).await;
        self.settle(number, height, pid).await;
        Ok(())
    }

    /// Waits until it is back where it was, and says so; or that it runs at least.
    async fn settle(&self, number: usize, height: u64, pid: u32) {
        let mut changes = self.cluster.state.subscribe();
        let settled = changes.wait_for(|state| {
            state.standing(number) != Standing::Returning || state.has_caught_up(number, height)
        });
        let caught_up = timeout(LINKS_TIMEOUT, settled).await.is_ok();
        self.cluster.state.send_modify(|state| state.returned(number));
        if self.cluster.state.borrow().standing(number) == Standing::Running {
            let short = if caught_up { "" } else { ", but not all of its links or blocks are there yet" };
            tracing::info!(number, pid, caught_up, "node runs again");
            self.cluster.console.say(&format!("node {number} runs again, as process {pid}{short}"));
        }
    }

    /// It could not be started.
    fn failed(&self, number: usize, why: &NotStarted) {
        let mut fate = Fate::Stays;
        self.cluster.state.send_modify(|state| fate = state.ended(number, why.exit(), Duration::ZERO));
        tracing::warn!(number, %why, ?fate, "node could not be started again");
        self.cluster.console.say(&format!("node {number} could not be started{fate}: {why}"));
    }
}
