//! More nodes for a network that runs.

use core::ops::Range;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::{fs, io};

use tokio::task::JoinSet;

use crate::limits::{KILL_AFTER, MAX_NODES};
use crate::manager::child::Children;
use crate::manager::cluster::Member;
use crate::manager::keeper::Keeper;
use crate::manager::names::Name;
use crate::manager::not_done::NotDone;
use crate::manager::stop;
use crate::manager::view::{MiningMode, Node};

impl Keeper {
    /// Starts `count` more nodes, with folders of their own and the next ports, links them as the network's
    /// shape has it, and waits until they are part of it: all of them or none, for a gap could not be filled.
    /// Where it is none, because one could not be started or because everything stops, nothing is left of them
    /// but their logs.
    pub async fn add(&self, count: usize) -> Result<Vec<Node>, NotDone> {
        let _turn = self.unless_stopping(async { Ok(self.adding.lock().await) }).await?;
        let numbers = self.new_numbers(count)?;
        let (first, last) = (numbers.start, numbers.end - 1);
        // What an earlier run kept of such a node is not theirs.
        let folders = numbers.clone().map(|number| self.settings.folder(number));
        let made: Vec<PathBuf> = folders.filter(|folder| !folder.exists()).collect();
        let children = Children::default();
        let added = self.unless_stopping(self.start_all(numbers.clone(), &children)).await;
        if let Err(why) = added {
            self.take_back(numbers, &children, &made).await;
            return Err(why);
        }
        self.children.join(&children);
        // From here on they are there, even if somebody is told that one of them lacks a link.
        self.unless_stopping(async {
            numbers.clone().try_for_each(|number| self.must_run(number))?;
            self.retell_shares().await
        })
        .await?;
        self.cluster.console.say(&match count {
            1 => format!("node {} was added", Name(first)),
            _ => format!("nodes {} to {} were added", Name(first), Name(last)),
        });
        numbers.map(|number| self.node(number)).collect()
    }

    /// Starts nodes with these numbers, which become members. Their processes are entered into `children`.
    async fn start_all(&self, numbers: Range<usize>, children: &Children) -> Result<(), NotDone> {
        let mut starting = JoinSet::new();
        for number in numbers {
            let plan = self.settings.plan(number, &self.cluster.signer.public());
            let (keeper, children) = (self.this()?, children.clone());
            starting.spawn(async move {
                let not_started = |error| NotDone::NotStarted { number, error };
                let begun = keeper.begin(number, &plan, &children).await.map_err(not_started)?;
                let there = keeper.connect(number, begun).await;
                let there = there.map_err(|error| NotDone::Node { number, error })?;
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
        if let Some(why) = failed {
            return Err(why);
        }
        members.sort_by_key(|member: &Member| member.number);
        // By number, so that the shape is what it would have been from the start.
        for member in members {
            self.admit(member).await?;
        }
        Ok(())
    }

    /// Nodes with these numbers are not to be, after all: their processes end, and the folders that these made
    /// are removed.
    async fn take_back(&self, numbers: Range<usize>, children: &Children, made: &[PathBuf]) {
        let cluster = &self.cluster;
        // Nobody is told of their ends, and nobody starts them again.
        cluster.state.send_modify(|state| numbers.clone().for_each(|number| state.ask(number)));
        cluster.remove_from(numbers.start);
        stop::kill(children).await;
        for number in numbers.clone() {
            let _ = self.until_ended(number, KILL_AFTER).await;
        }
        cluster.state.send_modify(|state| state.forget_from(numbers.start));
        for folder in made {
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(folder = %folder.display(), %error, "could not be removed");
                }
                _ => {}
            }
        }
        (self.changed)();
    }

    /// The numbers of `count` nodes that are to be added.
    fn new_numbers(&self, count: usize) -> Result<Range<usize>, NotDone> {
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
        let numbers = next..next + count;
        match numbers.clone().find(|number| !self.settings.has_ports(*number)) {
            None => Ok(numbers),
            Some(number) => Err(NotDone::not_now(
                format!("node {} has no port: those from the base on run into another's", Name(number)),
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
        // Until it has joined, nobody else does anything with it.
        let _turn = member.turn.lock().await;
        self.join(&member).await.map_err(|error| NotDone::Node { number, error })
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
