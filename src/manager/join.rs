//! A process in a node's place, and its way into the network: again, or for the first time.
//!
//! What the start of a network does for all nodes at once is done here for one: its process, the control
//! connection, the introductions. It dials everybody it had a link with, whoever began that link, so that it
//! is back at once; the others learn its name, and dial when theirs are due.

use std::sync::Arc;

use rustix::process::Signal;
use tokio::time::timeout;

use crate::encoding::List;
use crate::limits::{LINKS_TIMEOUT, MAX_MANUAL_PEERS};
use crate::manager::bootstrap::tell;
use crate::manager::child::{self, Child, Children, NotStarted, Plan};
use crate::manager::cluster::{self, Member, There};
use crate::manager::control::{Control, ControlError};
use crate::manager::keeper::Keeper;
use crate::manager::names::Name;
use crate::manager::ready::Ready;
use crate::manager::state::Standing;
use crate::net::Clock;
use crate::types::NodeId;
use crate::wire::manage::{Command, Introduction};
use crate::wire::message::PeerAddress;

/// A process that is ready.
pub(super) struct Begun {
    pub(super) child: Arc<Child>,
    pub(super) node: NodeId,
    pub(super) ready: Ready,
}

impl Keeper {
    /// A new process in `member`'s place, and back in the network. What becomes of it from then on is for
    /// whoever watches its end.
    pub(super) async fn start(&self, member: &Member) -> Result<(), NotStarted> {
        let (number, before) = (member.number, member.there());
        let plan = self.settings.plan(number, &self.cluster.signer.public());
        // The same places, even where any would have done before: others know them.
        let plan = Plan { listen: before.listen, http: before.http.unwrap_or(plan.http), ..plan };
        let begun = self.begin_again(number, plan).await?;
        let child = begun.child.clone();
        let joined = async {
            let there = self.connect(number, begun).await?;
            // Before it looks who is there: of two that return at once, the later one to look sees the other.
            member.replace(there);
            self.join(member).await
        };
        if let Err(error) = joined.await {
            tracing::warn!(number, %error, "a node that was started again cannot be managed");
            child.signal(Signal::KILL);
        }
        Ok(())
    }

    /// A process of node `number` at its places; at any other that is free where any does and another program
    /// has taken its last one meanwhile.
    async fn begin_again(&self, number: usize, mut plan: Plan) -> Result<Begun, NotStarted> {
        loop {
            let begun = self.begin(number, &plan, &self.children).await;
            let flag = match &begun {
                Err(NotStarted::Refused { why, .. }) => why.flag.clone(),
                _ => return begun,
            };
            let (place, base) = match flag.as_deref() {
                Some("--listen") => (&mut plan.listen, self.settings.listen(number)),
                Some("--http") => (&mut plan.http, self.settings.http(number)),
                _ => return begun,
            };
            if base.port() != 0 || *place == base {
                return begun;
            }
            tracing::info!(number, %place, "its last place is taken: any other does");
            *place = base;
        }
    }

    /// A process of node `number`, known and watched, and entered into `children`.
    pub(super) async fn begin(
        &self,
        number: usize,
        plan: &Plan,
        children: &Children,
    ) -> Result<Begun, NotStarted> {
        let (child, ready) = child::start(&self.settings.program, plan, children).await?;
        let node = ready.node.parse().map_err(|_| {
            child.signal(Signal::KILL);
            NotStarted::Stranger(ready.node.clone())
        })?;
        self.cluster.state.send_modify(|state| state.started(number, node, Clock::wall().micros()));
        let (state, console) = (self.cluster.state.clone(), self.cluster.console.clone());
        tokio::spawn(cluster::watch_exit(number, child.clone(), plan.log.clone(), state, console));
        Ok(Begun { child, node, ready })
    }

    /// A management connection to it.
    pub(super) async fn connect(&self, number: usize, begun: Begun) -> Result<There, ControlError> {
        let Begun { child, node, ready } = begun;
        let control = self.control(ready.listen, node, number).await?;
        // A manager that commands nothing in time is closed, and whoever is added waits for those before it.
        control.call(Command::Status).await?;
        Ok(There { node, listen: ready.listen, http: ready.http, child, control })
    }

    async fn control(
        &self,
        listen: std::net::SocketAddr,
        node: NodeId,
        number: usize,
    ) -> Result<Control, ControlError> {
        let (challenge, told) = (self.cluster.challenge(), self.cluster.told.clone());
        Control::connect(listen, node, &self.cluster.signer, challenge, told, number).await
    }

    /// Another management connection to a node that has lost its own.
    pub(super) async fn reconnect(&self, member: &Member) -> Result<(), ControlError> {
        let there = member.there();
        let control = self.control(there.listen, there.node, member.number).await?;
        control.call(Command::Subscribe).await?;
        member.replace(There { control, ..there });
        self.cluster.state.send_modify(|state| state.tips.count(member.number, true));
        Ok(())
    }

    /// Has a node that was away without ending, and has `member`'s place still, do again what it was told to,
    /// and it and the others meet that it should be linked with.
    pub(super) async fn welcome_back(&self, member: &Member) -> Result<(), ControlError> {
        self.remind(member).await?;
        let _turn = self.faults.lock().await;
        let down = self.cluster.state.borrow().down_links(Some(member.number));
        self.introduce_again(&down).await;
        Ok(())
    }

    /// Has a node do again what it was told to, in case it did not hear it.
    pub(super) async fn remind(&self, member: &Member) -> Result<(), ControlError> {
        let control = member.there().control;
        {
            let _turn = self.faults.lock().await;
            control.call(self.faults_for(member.number)).await?;
        }
        let _turn = self.shares.lock().await;
        let hashrate = cluster::tell_rate(&self.cluster.state, member.number);
        control.call(Command::SetMining { hashrate }).await.map(drop)
    }

    /// `member`, whose process is there, takes its place in the network.
    pub(super) async fn join(&self, member: &Member) -> Result<(), ControlError> {
        let (number, cluster, there) = (member.number, &self.cluster, member.there());
        let peer = PeerAddress { node: Some(there.node), address: there.listen };
        let mut introductions = Vec::new();
        let (mut others, mut dialled) = (Vec::new(), 0);
        for other in cluster.members() {
            let state = cluster.state.borrow();
            if other.number == number || state.standing(other.number).exit().is_some() {
                continue;
            }
            let is_linked = state.links.is_expected(number, other.number)
                || state.links.is_expected(other.number, number);
            let There { node, listen, control, .. } = other.there();
            // Whom it is not told to dial dials it, once that one's own is due.
            dialled += usize::from(is_linked);
            introductions.push(Introduction {
                peer: PeerAddress { node: Some(node), address: listen },
                dial: is_linked && dialled <= MAX_MANUAL_PEERS,
            });
            if state.standing(other.number) != Standing::Paused {
                others.push((control, state.links.is_expected(other.number, number)));
            }
        }
        cluster.state.send_modify(|state| state.tips.count(number, true));
        there.control.call(Command::Subscribe).await?;
        // Before anybody is dialled, and before anybody hears of it: its name may be a new one.
        {
            let _turn = self.faults.lock().await;
            there.control.call(self.faults_for(number)).await?;
            if cluster.state.borrow().faults.are_any() {
                let _ = self.tell_faults().await;
            }
        }
        tell(&there.control, &introductions).await?;
        for (control, dial) in others {
            // One that does not answer has its own troubles; this node dials it.
            let _ = control.call(Command::Register(List::clipped([Introduction { peer, dial }]))).await;
        }
        (self.changed)();
        self.remind(member).await?;
        self.settle(number, there.child.pid()).await;
        Ok(())
    }

    /// Waits until it is back where it was, and says so; or that it runs at least.
    async fn settle(&self, number: usize, pid: u32) {
        let height = self.cluster.state.borrow().height_near(number);
        let mut changes = self.cluster.state.subscribe();
        let settled = changes.wait_for(|state| {
            state.standing(number) != Standing::Returning || state.has_caught_up(number, height)
        });
        let caught_up = timeout(LINKS_TIMEOUT, settled).await.is_ok();
        self.cluster.state.send_modify(|state| state.returned(number));
        if self.cluster.state.borrow().standing(number) == Standing::Running {
            let short = if caught_up { "" } else { ", but not all of its links or blocks are there yet" };
            let again = if self.cluster.state.borrow().restarts(number) > 0 { " again" } else { "" };
            tracing::info!(number, pid, caught_up, "node runs{again}");
            let name = Name(number);
            self.cluster.console.say(&format!("node {name} runs{again}, as process {pid}{short}"));
        }
    }
}
