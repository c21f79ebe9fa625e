//! What somebody does with one node on purpose: kill it, stop it, pause it, start it again.
//!
//! Whoever was killed or stopped on request stays away, whatever is done with those that die by themselves;
//! its share of the background mining stays its own until it is back.

use core::time::Duration;
use std::sync::Arc;

use rustix::process::Signal;
use tokio::sync::MutexGuard;
use tokio::time::timeout;

use crate::limits::{CONTROL_TIMEOUT, KILL_AFTER, LINKS_TIMEOUT};
use crate::manager::cluster::Member;
use crate::manager::control::ControlError;
use crate::manager::keeper::Keeper;
use crate::manager::names::Name;
use crate::manager::not_done::{NotDone, Remedy};
use crate::manager::report;
use crate::manager::state::Standing;
use crate::manager::stop;
use crate::manager::view::Call;
use crate::net::Clock;
use crate::wire::manage::Command;

/// What can be done with a node's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// End it at once; it stays away.
    Kill,
    /// End it in order; it stays away.
    Stop,
    /// Stop its process by a signal.
    Pause,
    /// Have it go on.
    Resume,
    /// Start it in its place, after it has ended in order.
    Restart,
}

impl Keeper {
    /// Does this with node `number`.
    pub async fn act(&self, deed: Deed, number: usize) -> Result<(), NotDone> {
        match deed {
            Deed::Kill => self.kill(number).await,
            Deed::Stop => self.stop(number).await,
            Deed::Pause => self.pause(number).await,
            Deed::Resume => self.resume(number).await,
            Deed::Restart => self.restart(number).await,
        }
    }

    /// Kills node `number`; it stays away.
    async fn kill(&self, number: usize) -> Result<(), NotDone> {
        self.unless_stopping(async {
            let member = self.member(number)?;
            let _turn = turn(&member)?;
            self.must_be_there(number)?;
            self.cluster.state.send_modify(|state| state.ask(number));
            member.there().child.signal(Signal::KILL);
            self.until_ended(number, CONTROL_TIMEOUT).await?;
            self.cluster.console.say(&format!("node {} was killed, and stays away", Name(number)));
            Ok(())
        })
        .await
    }

    /// Has node `number` stop in order; it stays away.
    async fn stop(&self, number: usize) -> Result<(), NotDone> {
        self.unless_stopping(async {
            let member = self.member(number)?;
            let _turn = turn(&member)?;
            self.must_be_there(number)?;
            self.end(&member).await?;
            self.cluster.console.say(&format!("node {} was stopped, and stays away", Name(number)));
            Ok(())
        })
        .await
    }

    /// Stops the process of node `number` by a signal, until it is resumed. The others see a node that does
    /// not answer.
    async fn pause(&self, number: usize) -> Result<(), NotDone> {
        self.unless_stopping(async {
            let member = self.member(number)?;
            let _turn = turn(&member)?;
            match self.cluster.state.borrow().standing(number) {
                Standing::Running => {}
                standing => return Err(not_so(number, standing)),
            }
            self.cluster.state.send_modify(|state| state.pause(number, true, Clock::wall().micros()));
            member.there().child.pause().await;
            self.cluster.console.say(&format!("node {} is paused", Name(number)));
            Ok(())
        })
        .await
    }

    /// Has the process of node `number` go on.
    async fn resume(&self, number: usize) -> Result<(), NotDone> {
        self.unless_stopping(async {
            let member = self.member(number)?;
            let _turn = turn(&member)?;
            match self.cluster.state.borrow().standing(number) {
                Standing::Paused => {}
                standing => return Err(not_so(number, standing)),
            }
            let there = member.there();
            there.child.signal(Signal::CONT);
            self.cluster.state.send_modify(|state| state.pause(number, false, Clock::wall().micros()));
            if let Err(error) = there.control.call(Command::Status).await {
                // It took our silence for our end, or the pause was longer than its patience.
                tracing::info!(number, %error, "connecting to a resumed node anew");
                self.reconnect(&member).await.map_err(|error| NotDone::Node { number, error })?;
            }
            self.welcome_back(&member).await.map_err(|error| NotDone::Node { number, error })?;
            self.cluster.console.say(&format!("node {} goes on", Name(number)));
            Ok(())
        })
        .await
    }

    /// Starts node `number` in its place, after it has stopped in order if it runs. Done when it is back
    /// where it was, with its links.
    async fn restart(&self, number: usize) -> Result<(), NotDone> {
        self.unless_stopping(async {
            let member = self.member(number)?;
            let _turn = turn(&member)?;
            if self.cluster.state.borrow().standing(number).exit().is_none() {
                self.end(&member).await?;
            }
            self.start(&member).await.map_err(|error| {
                self.failed(number, &error);
                self.cluster.state.send_modify(|state| state.miss(number));
                NotDone::NotStarted { number, error }
            })?;
            self.must_run(number)
        })
        .await
    }

    /// Whether node `number` came back with all that it had.
    pub(super) fn must_run(&self, number: usize) -> Result<(), NotDone> {
        let state = self.cluster.state.borrow();
        let late = || {
            let waited = LINKS_TIMEOUT.as_secs();
            NotDone::late(format!(
                "node {} runs, but not all of its links are up within {waited} s",
                Name(number)
            ))
        };
        match state.standing(number) {
            Standing::Running if state.has_links(number) => Ok(()),
            Standing::Running => Err(late()),
            standing => {
                let error = ControlError::Connection(format!("its process is {standing} again"));
                Err(NotDone::Node { number, error })
            }
        }
    }

    /// Ends the process of a node in order, with force if it must be.
    async fn end(&self, member: &Member) -> Result<(), NotDone> {
        let (number, there) = (member.number, member.there());
        self.cluster.state.send_modify(|state| state.ask(number));
        let ended = stop::one(number, &there.child, &there.control).await;
        tracing::info!(number, exit = %ended.exit, forced = ended.forced, "ended on request");
        self.until_ended(number, KILL_AFTER).await
    }

    /// Waits until the end of a process is known here.
    pub(super) async fn until_ended(&self, number: usize, patience: Duration) -> Result<(), NotDone> {
        let mut changes = self.cluster.state.subscribe();
        let ended = changes.wait_for(|state| state.standing(number).exit().is_some());
        let late =
            || NotDone::late(format!("node {} did not end within {} s", Name(number), patience.as_secs()));
        timeout(patience, ended).await.map(drop).map_err(|_| late())
    }

    /// Node `number`, if there is one.
    pub fn member(&self, number: usize) -> Result<Arc<Member>, NotDone> {
        self.cluster.member(number).ok_or_else(|| {
            let last = self.cluster.members().last().map_or(0, |member| member.number);
            NotDone::NoNode { number, last }
        })
    }

    fn must_be_there(&self, number: usize) -> Result<(), NotDone> {
        let standing = self.cluster.state.borrow().standing(number);
        match standing {
            Standing::Ended(_) => Err(not_so(number, standing)),
            _ => Ok(()),
        }
    }

    /// What `action` comes to, unless everything stops first.
    pub(super) async fn unless_stopping<T>(
        &self,
        action: impl Future<Output = Result<T, NotDone>>,
    ) -> Result<T, NotDone> {
        tokio::select! {
            biased;
            () = self.cluster.stopping() => Err(self.cluster.state.borrow().end()),
            done = action => done,
        }
    }
}

/// The right to change what becomes of a node, one at a time.
fn turn(member: &Member) -> Result<MutexGuard<'_, ()>, NotDone> {
    member.turn.try_lock().map_err(|_| {
        let why = format!("node {} is just being started or stopped", Name(member.number));
        NotDone::not_now(why, "wait until that is over")
    })
}

/// Why a node that is `standing` cannot be dealt with so, and what can be done with it.
pub(super) fn not_so(number: usize, standing: Standing) -> NotDone {
    let (why, remedy) = match standing {
        Standing::Running => ("is not paused".to_owned(), Remedy::None),
        Standing::Paused => ("is paused".to_owned(), Remedy::Call(Call::ResumeNode { node: number })),
        Standing::Due(..) | Standing::Returning => {
            (format!("is {standing}"), Remedy::Said("wait until it is running"))
        }
        Standing::Ended(_) => ("has ended".to_owned(), Remedy::Call(Call::RestartNode { node: number })),
    };
    let life = report::life(standing);
    NotDone::NotSo { number, life, why: format!("node {} {why}", Name(number)), remedy }
}
