//! Keeping nodes from each other, and letting them meet again.
//!
//! What holds is in the state, whole; each node is told all of its own part, and replaces what it had. So a
//! node that was away has to be told once, whatever it missed.
//!
//! Changes are made and told one after the other, so that what a node is told last is what holds. What comes of
//! them is waited for beside each other: it may take long, and is no reason to keep somebody else waiting.

use core::time::Duration;
use std::collections::BTreeMap;

use tokio::time::timeout;

use crate::encoding::List;
use crate::limits::{CONTROL_TIMEOUT, HEAL_TIMEOUT, LINKS_TIMEOUT};
use crate::manager::faults::{Faults, Slow, pair};
use crate::manager::keeper::Keeper;
use crate::manager::names::Name;
use crate::manager::not_done::NotDone;
use crate::manager::state::{Standing, State};
use crate::manager::view::{Call, Link, Partition, SetLink};
use crate::manager::{report, verdict};
use crate::types::NodeId;
use crate::wire::manage::{Command, Introduction};
use crate::wire::message::PeerAddress;

impl Keeper {
    /// Keeps groups of nodes from each other. Done when no link between them is left.
    pub async fn partition(&self, partition: &Partition) -> Result<(), NotDone> {
        self.unless_stopping(async {
            let turn = self.faults.lock().await;
            let all = self.cluster.numbers();
            for number in partition.groups.iter().flatten() {
                self.member(*number)?;
            }
            let groups = Faults::groups_of(partition, &all).map_err(NotDone::Bad)?;
            tracing::info!(?groups, "partition");
            self.cluster.state.send_modify(|state| state.faults.partition(Some(groups)));
            self.tell_faults().await?;
            drop(turn);
            self.until("links between the groups are left", CONTROL_TIMEOUT, |state| !has_cut_links(state))
                .await
        })
        .await
    }

    /// Ends every partition and cut, and makes links as fast as they are unless `keep_slow`. Waits until every
    /// link is up and the nodes agree, or only a block can make them, but not for ever: they may have much to
    /// tell each other.
    pub async fn heal(&self, keep_slow: bool) -> Result<(), NotDone> {
        self.unless_stopping(async {
            let turn = self.faults.lock().await;
            self.cluster.state.send_modify(|state| state.faults.heal(keep_slow));
            let told = self.tell_faults().await;
            let down = self.cluster.state.borrow().down_links(None);
            self.introduce_again(&down).await;
            drop(turn);
            told?;
            tracing::info!(keep_slow, "healing");
            // Whoever cuts them again meanwhile does not want them to agree.
            let agree = |state: &State| {
                state.faults.cut_any()
                    || (state.running().all(|number| state.has_links(number))
                        && verdict::are_even(&state.running_tips()))
            };
            let healed = self.until("links are not up, or tips differ", HEAL_TIMEOUT, agree).await;
            tracing::info!(agreed = healed.is_ok(), "healed");
            Ok(())
        })
        .await
    }

    /// Makes a link, if it was not there, and has it be as slow as that says.
    pub async fn set_link(&self, set: &SetLink) -> Result<Link, NotDone> {
        self.unless_stopping(async {
            let turn = self.faults.lock().await;
            let (a, b, slow) = (set.a, set.b, Slow::of(set).map_err(NotDone::Bad)?);
            if a == b {
                return Err(NotDone::Bad(format!("a link has two ends: {} is one node", Name(a))));
            }
            self.member(a)?;
            self.member(b)?;
            if self.cluster.state.borrow().faults.are_apart(a, b) {
                return Err(NotDone::not_now(
                    format!("nodes {} and {} are in different groups of a partition", Name(a), Name(b)),
                    Call::Heal,
                ));
            }
            let mut is_new = false;
            self.cluster.state.send_modify(|state| {
                is_new = !state.links.is_expected(a, b) && !state.links.is_expected(b, a);
                state.faults.cut(a, b, false);
                state.faults.slow_down(a, b, slow);
                if is_new {
                    state.links.expect([(a, b)]);
                }
            });
            // Whoever hears of it late hears of all of it: that a link is expected is told only once.
            let told = self.tell_faults_of(&[a, b]).await;
            // One that should be there and is not: its ends may not know of each other.
            let down = self.cluster.state.borrow().down_links(Some(a));
            let down = down.into_iter().find(|ends| [(a, b), (b, a)].contains(ends));
            let met = match down.or(is_new.then_some((a, b))) {
                Some(link) => self.introduce(&[link]).await,
                None => Ok(()),
            };
            drop(turn);
            told.and(met)?;
            // A handshake over a slow link takes its time.
            let patience = LINKS_TIMEOUT + 8 * (slow.latency + slow.jitter);
            let both_run = |state: &State| [a, b].iter().all(|n| state.standing(*n) == Standing::Running);
            let up = |state: &State| state.links.is_up(a, b) || !both_run(state) || state.faults.is_cut(a, b);
            self.until(&format!("the link {}-{} is not up", Name(a), Name(b)), patience, up).await?;
            Ok(report::link(&self.cluster.state.borrow(), a, b))
        })
        .await
    }

    /// Cuts a link. Done when it is down.
    pub async fn cut_link(&self, a: usize, b: usize) -> Result<Link, NotDone> {
        self.unless_stopping(async {
            let turn = self.faults.lock().await;
            self.member(a)?;
            self.member(b)?;
            if !self.cluster.state.borrow().links.pairs().contains(&pair(a, b)) {
                return Err(NotDone::NotFound(format!(
                    "there is no link between nodes {} and {}",
                    Name(a),
                    Name(b)
                )));
            }
            self.cluster.state.send_modify(|state| state.faults.cut(a, b, true));
            self.tell_faults_of(&[a, b]).await?;
            drop(turn);
            self.until(&format!("the link {}-{} is still up", Name(a), Name(b)), CONTROL_TIMEOUT, |state| {
                let runs = |end| state.standing(end) == Standing::Running;
                !state.links.is_heard_of(a, b, runs) || !state.faults.is_cut(a, b)
            })
            .await?;
            Ok(report::link(&self.cluster.state.borrow(), a, b))
        })
        .await
    }

    /// Tells the ends of each of these links of each other, and the first one to dial.
    async fn introduce(&self, links: &[(usize, usize)]) -> Result<(), NotDone> {
        let mut introductions: BTreeMap<usize, Vec<Introduction>> = BTreeMap::new();
        for (from, to) in links {
            for (at, other, dial) in [(*to, *from, false), (*from, *to, true)] {
                let there = self.member(other)?.there();
                let peer = PeerAddress { node: Some(there.node), address: there.listen };
                introductions.entry(at).or_default().push(Introduction { peer, dial });
            }
        }
        let register = |(at, all)| (at, Command::Register(List::clipped(all)));
        self.tell_all(introductions.into_iter().map(register).collect()).await
    }

    /// Does so where they should have met already. Who does not listen now has its own troubles.
    pub(super) async fn introduce_again(&self, links: &[(usize, usize)]) {
        if let Err(why) = self.introduce(links).await {
            tracing::info!(%why, "not every end of a link that is down could be told of the other");
        }
    }

    /// Tells every node what is wrong with its links. One that is away is told when it is back.
    pub(super) async fn tell_faults(&self) -> Result<(), NotDone> {
        self.tell_faults_of(&self.cluster.numbers()).await
    }

    pub(super) async fn tell_faults_of(&self, numbers: &[usize]) -> Result<(), NotDone> {
        let commands = numbers.iter().map(|number| (*number, self.faults_for(*number))).collect();
        self.tell_all(commands).await
    }

    /// What node `number` has to know of what is wrong with its links.
    pub(super) fn faults_for(&self, number: usize) -> Command {
        let names: BTreeMap<usize, NodeId> =
            self.cluster.members().iter().map(|member| (member.number, member.there().node)).collect();
        Command::SetFaults { faults: List::clipped(self.cluster.state.borrow().faults.of(number, &names)) }
    }

    /// Waits until it is so; `what` is the case if it takes too long.
    async fn until(
        &self,
        what: &str,
        patience: Duration,
        is_so: impl FnMut(&State) -> bool,
    ) -> Result<(), NotDone> {
        let mut changes = self.cluster.state.subscribe();
        match timeout(patience, changes.wait_for(is_so)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(NotDone::late(format!("after {} s, {what}", patience.as_secs()))),
        }
    }
}

/// Whether a node that runs has a link that is cut.
fn has_cut_links(state: &State) -> bool {
    let runs = |end: usize| state.standing(end) == Standing::Running;
    let pairs = state.links.pairs().into_iter();
    pairs.filter(|(a, b)| state.faults.is_cut(*a, *b)).any(|(a, b)| state.links.is_heard_of(a, b, runs))
}
