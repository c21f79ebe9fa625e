//! More nodes for a network that runs.

use std::sync::PoisonError;

use rustix::process::Signal;
use tokio::task::JoinSet;

use crate::limits::MAX_NODES;
use crate::manager::cluster::Member;
use crate::manager::keeper::Keeper;
use crate::manager::names::Name;
use crate::manager::not_done::NotDone;
use crate::manager::view::{MiningMode, Node};

impl Keeper {
    /// Starts `count` more nodes, with folders of their own and the next ports, links them as the network's
    /// shape has it, and waits until they are part of it. If one of them cannot be started, none is added.
    pub async fn add(&self, count: usize) -> Result<Vec<Node>, NotDone> {
        self.unless_stopping(async {
            let _turn = self.adding.lock().await;
            let numbers = self.new_numbers(count)?;
            let mut starting = JoinSet::new();
            for number in &numbers {
                let plan = self.settings.plan(*number, &self.cluster.signer.public());
                let (number, keeper) = (*number, self.this()?);
                starting.spawn(async move {
                    let not_started = |error| NotDone::NotStarted { number, error };
                    let begun = keeper.begin(number, &plan).await.map_err(not_started)?;
                    let child = begun.child.clone();
                    let there = keeper.connect(number, begun).await.map_err(|error| {
                        child.signal(Signal::KILL);
                        NotDone::Node { number, error }
                    })?;
                    Ok(Member::new(number, plan.log, there))
                });
            }
            let mut members = Vec::new();
            let mut failed = None;
            while let Some(started) = starting.join_next().await {
                match started {
                    Ok(Ok(member)) => members.push(member),
                    Ok(Err(why)) => failed = Some(why),
                    Err(error) => tracing::error!(%error, "a start failed inside: a defect of this program"),
                }
            }
            if failed.is_some() {
                // All of them or none: a gap could not be filled.
                members.drain(..).for_each(|member: Member| member.there().child.signal(Signal::KILL));
            }
            members.sort_by_key(|member| member.number);
            // By number, so that the shape is what it would have been from the start.
            for member in members {
                let admitted = self.admit(member).await;
                failed = failed.or(admitted.err());
            }
            let first = numbers.first().copied().unwrap_or_default();
            if let Some(why) = failed {
                self.cluster.state.send_modify(|state| state.forget_from(first, &self.cluster.numbers()));
                return Err(why);
            }
            self.retell_shares().await?;
            let (count, last) = (numbers.len(), numbers.last().copied().unwrap_or_default());
            self.cluster.console.say(&match count {
                1 => format!("node {} was added", Name(first)),
                _ => format!("nodes {} to {} were added", Name(first), Name(last)),
            });
            numbers.into_iter().map(|number| self.node(number)).collect()
        })
        .await
    }

    /// The numbers of `count` nodes that are to be added.
    fn new_numbers(&self, count: usize) -> Result<Vec<usize>, NotDone> {
        let there = self.cluster.members().len();
        if count == 0 || count > MAX_NODES {
            return Err(NotDone::Bad(format!("count {count}: expected 1 to {MAX_NODES} nodes")));
        }
        let next = self.cluster.members().last().map_or(0, |member| member.number + 1);
        if next + count > MAX_NODES {
            return Err(NotDone::not_now(
                format!("there are {there} nodes, and a network has at most {MAX_NODES}"),
                "add fewer",
            ));
        }
        let numbers: Vec<usize> = (next..next + count).collect();
        match numbers.iter().find(|number| !self.settings.has_ports(**number)) {
            None => Ok(numbers),
            Some(number) => Err(NotDone::not_now(
                format!("node {} has no port: those from the base on run into another's", Name(*number)),
                "start the network with --base-http 0 --base-listen 0, which takes any free ones",
            )),
        }
    }

    /// `member`, whose process is ready, is linked and becomes part of the network.
    async fn admit(&self, member: Member) -> Result<(), NotDone> {
        let number = member.number;
        let others = self.cluster.numbers();
        let dials = {
            let mut dice = self.cluster.dice.lock().unwrap_or_else(PoisonError::into_inner);
            self.settings.shape.dials(&others, &mut dice)
        };
        self.cluster.state.send_modify(|state| {
            state.links.expect(dials.into_iter().map(|other| (number, other)));
            state.faults.add(number);
        });
        let member = self.cluster.add(member);
        self.join(&member).await.map_err(|error| NotDone::Node { number, error })?;
        self.must_run(number)
    }

    /// Tells every node its share of the background mining, which is smaller now.
    async fn retell_shares(&self) -> Result<(), NotDone> {
        let _turn = self.shares.lock().await;
        if self.cluster.state.borrow().modes.mode == MiningMode::Background {
            self.tell_shares().await?;
        }
        Ok(())
    }
}
