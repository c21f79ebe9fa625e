//! Ending every process: in order if it can be, and in any case.

use core::time::Duration;

use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::limits::{KILL_AFTER, TERMINATE_AFTER};
use crate::manager::child::{Child, Children};
use crate::manager::cluster::Cluster;
use crate::manager::control::{Control, Deadline};
use crate::manager::exit::Exit;
use crate::wire::manage::Command;

/// Time for the system to end a process that was killed.
const KILLED: Duration = Duration::from_secs(2);

/// How a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its number.
    pub number: usize,
    /// How its process ended.
    pub exit: Exit,
    /// Whether it needed a signal for it.
    pub forced: bool,
    /// Whether it had ended before, because somebody wanted that.
    pub asked: bool,
}

impl Ended {
    /// Whether it ended in order and needed no signal, or as somebody wanted.
    pub fn is_well(&self) -> bool {
        self.asked || (self.exit == Exit::Code(0) && !self.forced)
    }
}

/// Asks every node to shut down and waits for every process; one that stays is sent SIGTERM, then SIGKILL.
pub async fn all(cluster: &Cluster) -> Vec<Ended> {
    let mut stopping = JoinSet::new();
    for member in cluster.members() {
        let (number, there) = (member.number, member.there());
        let (asked, before) = {
            let state = cluster.state.borrow();
            (state.was_asked(number), state.standing(number).exit())
        };
        stopping.spawn(async move {
            let ended = one(number, &there.child, &there.control).await;
            // What was to take the place of its last process may have failed since.
            Ended { asked, exit: before.unwrap_or(ended.exit), ..ended }
        });
    }
    let mut ended = Vec::new();
    while let Some(joined) = stopping.join_next().await {
        match joined {
            Ok(one) => ended.push(one),
            Err(error) => tracing::error!(%error, "a stop failed inside: a defect of this program"),
        }
    }
    ended.sort_by_key(|one: &Ended| one.number);
    ended
}

pub(super) async fn one(number: usize, child: &Child, control: &Control) -> Ended {
    if let Some(exit) = child.exit() {
        return Ended { number, exit, forced: false, asked: false };
    }
    // One that is paused hears nothing.
    child.signal(Signal::CONT);
    let asked = async {
        // Its process ends whether or not the answer comes; without a connection there is none to ask.
        if let Err(error) = control.call_until(Command::Shutdown, Deadline::after(TERMINATE_AFTER)).await
            && child.exit().is_none()
        {
            tracing::debug!(number, %error, "no answer to the shutdown");
        }
        child.ended().await
    };
    if let Ok(exit) = timeout(TERMINATE_AFTER, asked).await {
        return Ended { number, exit, forced: false, asked: false };
    }
    tracing::warn!(number, pid = child.pid(), "still there: SIGTERM");
    child.signal(Signal::TERM);
    if let Ok(exit) = timeout(KILL_AFTER.saturating_sub(TERMINATE_AFTER), child.ended()).await {
        return Ended { number, exit, forced: true, asked: false };
    }
    tracing::warn!(number, pid = child.pid(), "still there: SIGKILL");
    child.signal(Signal::KILL);
    let exit = timeout(KILLED, child.ended()).await.unwrap_or(Exit::Unknown);
    Ended { number, exit, forced: true, asked: false }
}

/// Ends processes in order that are no network yet, and have nobody to ask them; one that stays is killed.
pub async fn begun(children: &Children) {
    for child in &children.all() {
        child.signal(Signal::TERM);
        child.signal(Signal::CONT);
    }
    let gone = async {
        for child in &children.all() {
            child.ended().await;
        }
    };
    if timeout(TERMINATE_AFTER, gone).await.is_err() {
        tracing::warn!("some are still there: SIGKILL");
    }
    kill(children).await;
}

/// Ends processes at once, and waits until they are gone.
pub async fn kill(children: &Children) {
    let children = children.all();
    for child in &children {
        child.signal(Signal::KILL);
    }
    let gone = async {
        for child in &children {
            child.ended().await;
        }
    };
    if timeout(KILLED, gone).await.is_err() {
        tracing::error!("killed processes are still there");
    }
}
