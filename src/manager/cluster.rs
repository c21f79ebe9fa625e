//! What is known of the running network: its members, and what they tell.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rand_chacha::ChaCha12Rng;
use tokio::sync::{mpsc, watch};

use crate::manager::child::{Child, Exit, quoted};
use crate::manager::console::Console;
use crate::manager::control::{Control, Told};
use crate::manager::links::Links;
use crate::manager::tail::last_lines;
use crate::manager::tips::{Agreed, TipAt, Tips};
use crate::net::Clock;
use crate::types::NodeId;
use crate::wire::manage::Event;

/// A node of the network.
pub struct Member {
    /// Its place: node 0, node 1, …
    pub number: usize,
    /// Its name.
    pub node: NodeId,
    /// Where it takes connections.
    pub listen: SocketAddr,
    /// Where its HTTP is.
    pub http: Option<SocketAddr>,
    /// Its log.
    pub log: PathBuf,
    /// Its process.
    pub child: Arc<Child>,
    /// What it obeys.
    pub control: Control,
}

/// What changes while the network runs. Watched: whoever waits for a fact waits for it here.
#[derive(Debug)]
pub struct State {
    names: BTreeMap<NodeId, usize>,
    /// Which links are up.
    pub links: Links,
    /// Who has which tip.
    pub tips: Tips,
    /// The mining run that is on.
    pub run: Option<Progress>,
    /// Blocks that everybody has got during the run, which alone knows who mined them.
    held: Vec<Agreed>,
    /// Processes that have ended.
    pub exits: BTreeMap<usize, Exit>,
    /// Whether the network is to stop.
    pub stopping: bool,
}

/// How far a mining run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Requests that are done.
    pub done: usize,
    /// Requests that there will be.
    pub of: usize,
}

impl State {
    /// Nothing is known yet of `nodes` nodes but the names of some.
    pub fn new(nodes: usize, names: BTreeMap<NodeId, usize>) -> State {
        State {
            names,
            links: Links::default(),
            tips: Tips::new(nodes),
            run: None,
            held: Vec::new(),
            exits: BTreeMap::new(),
            stopping: false,
        }
    }

    /// Node `number` tells of something. The answer is a block that everybody has, if that is news to tell.
    fn event(&mut self, number: usize, event: Event, clock: &Clock) -> Option<Agreed> {
        match event {
            Event::PeerReady { node } => {
                let other = self.names.get(&node)?;
                self.links.ready(number, *other);
                None
            }
            Event::PeerGone { node } => {
                let other = self.names.get(&node)?;
                self.links.gone(number, *other);
                None
            }
            Event::TipChanged { tip: hash, height, .. } => {
                let agreed = self.tips.changed(number, TipAt { height, hash }, clock.now().elapsed)?;
                if self.run.is_some() {
                    self.held.push(agreed);
                    return None;
                }
                // Everybody starts with genesis.
                (height > 0).then_some(agreed)
            }
        }
    }

    /// What everybody has got since the last look, during a run.
    pub fn take_held(&mut self) -> Vec<Agreed> {
        core::mem::take(&mut self.held)
    }
}

/// The state, shared by those who change it and those who wait for it.
pub type Shared = Arc<watch::Sender<State>>;

/// Enters what nodes tell into the state, for as long as any tells.
pub async fn listen(mut told: mpsc::Receiver<(usize, Told)>, state: Shared, console: Console, clock: Clock) {
    while let Some((number, told)) = told.recv().await {
        match told {
            Told::Event(event) => {
                tracing::debug!(number, ?event, "told");
                let mut news = None;
                state.send_modify(|state| news = state.event(number, event, &clock));
                if let Some(agreed) = news {
                    console.block(&agreed, None);
                }
            }
            Told::Gone(why) => {
                state.send_modify(|state| state.tips.count(number, false));
                let expected = state.borrow().stopping || state.borrow().exits.contains_key(&number);
                match expected {
                    true => tracing::debug!(number, %why, "node not heard any more"),
                    false => tracing::warn!(number, %why, "node not heard any more"),
                }
            }
        }
    }
}

/// Enters a process's end into the state, and says so if nobody wanted it.
pub async fn watch_exit(number: usize, child: Arc<Child>, log: PathBuf, state: Shared, console: Console) {
    let exit = child.ended().await;
    let mut expected = false;
    state.send_modify(|state| {
        expected = state.stopping;
        state.exits.insert(number, exit);
        state.tips.count(number, false);
    });
    if expected {
        return tracing::info!(number, %exit, "node ended");
    }
    tracing::warn!(number, %exit, "node ended, and was not asked to");
    let lines = if exit == Exit::Code(0) { Vec::new() } else { last_lines(&log) };
    console.say(&format!("node {number} ended: {exit} (log: {}){}", log.display(), quoted(&lines)));
}

/// The running network.
pub struct Cluster {
    /// Its nodes, by number.
    pub members: Vec<Member>,
    /// What is known of them.
    pub state: Shared,
    /// Dice for pauses.
    pub dice: Mutex<ChaCha12Rng>,
    /// Where people look.
    pub console: Console,
}

impl Cluster {
    /// Asks for the stop of everything.
    pub fn stop(&self) {
        self.state.send_modify(|state| state.stopping = true);
    }

    /// Ends when everything is to stop, or has.
    pub async fn stopping(&self) {
        let mut state = self.state.subscribe();
        let _ = state.wait_for(|state| state.stopping || state.exits.len() >= self.members.len()).await;
    }
}
