//! The running network: its members, and who enters what becomes of them into the state.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rand::RngExt;
use rand_chacha::ChaCha12Rng;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::manager::child::{Child, quoted};
use crate::manager::console::Console;
use crate::manager::control::{Control, Signer, Told};
use crate::manager::exit::Exit;
use crate::manager::state::State;
use crate::manager::tail::last_lines;
use crate::net::Clock;
use crate::types::NodeId;

/// A node of the network: its place, and what is there now.
pub struct Member {
    /// Its place: node 0, node 1, …
    pub number: usize,
    /// Its log.
    pub log: PathBuf,
    there: Mutex<There>,
    /// Whose turn it is to change what becomes of it.
    pub turn: tokio::sync::Mutex<()>,
}

/// A node that was started, as long as its process lives.
#[derive(Clone)]
pub struct There {
    /// Its name.
    pub node: NodeId,
    /// Where it takes connections.
    pub listen: SocketAddr,
    /// Where its HTTP is.
    pub http: Option<SocketAddr>,
    /// Its process.
    pub child: Arc<Child>,
    /// What it obeys.
    pub control: Control,
}

impl Member {
    /// A node at its place.
    pub fn new(number: usize, log: PathBuf, there: There) -> Member {
        Member { number, log, there: Mutex::new(there), turn: tokio::sync::Mutex::default() }
    }

    /// What is there now, or was there last.
    pub fn there(&self) -> There {
        self.there.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another process has taken its place.
    pub fn replace(&self, there: There) {
        *self.there.lock().unwrap_or_else(PoisonError::into_inner) = there;
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
                state.send_modify(|state| news = state.event(number, event.what, clock.now().elapsed));
                if let Some(agreed) = news {
                    console.block(&agreed, None);
                }
            }
            Told::Gone(why) => {
                state.send_modify(|state| state.tips.count(number, false));
                let expected = state.borrow().stopping || state.borrow().standing(number).exit().is_some();
                match expected {
                    true => tracing::debug!(number, %why, "node not heard any more"),
                    false => tracing::warn!(number, %why, "node not heard any more"),
                }
            }
        }
    }
}

/// Enters a process's end into the state, and says so, and what follows, if nobody wanted it.
pub async fn watch_exit(number: usize, child: Arc<Child>, log: PathBuf, state: Shared, console: Console) {
    let since = Instant::now();
    let exit = child.ended().await;
    let mut ended = None;
    state.send_modify(|state| ended = Some((state.stopping, state.ended(number, exit, since.elapsed()))));
    let Some((false, fate)) = ended else {
        return tracing::info!(number, %exit, "node ended");
    };
    tracing::warn!(number, %exit, ?fate, "node ended, and was not asked to");
    let lines = if exit == Exit::Code(0) { Vec::new() } else { last_lines(&log) };
    console.say(&format!("node {number} ended: {exit}{fate} (log: {}){}", log.display(), quoted(&lines)));
}

/// How nodes are reached, and where what they tell goes.
pub struct Wire {
    /// Who they obey.
    pub signer: Signer,
    /// Where what they tell goes.
    pub told: mpsc::Sender<(usize, Told)>,
}

/// The running network.
pub struct Cluster {
    members: RwLock<Vec<Arc<Member>>>,
    /// What is known of them.
    pub state: Shared,
    /// Height of the chain that the nodes had when they started.
    pub resumed: u64,
    /// Dice for pauses and challenges.
    pub dice: Mutex<ChaCha12Rng>,
    /// Where people look.
    pub console: Console,
    /// Who the nodes obey.
    pub signer: Signer,
    /// Where what they tell goes.
    pub told: mpsc::Sender<(usize, Told)>,
}

impl Cluster {
    /// A network of these nodes, by number, of which `state` is known.
    pub fn new(
        members: Vec<Member>,
        state: Shared,
        dice: ChaCha12Rng,
        console: Console,
        wire: Wire,
    ) -> Cluster {
        let resumed = state.borrow().tips.height();
        let members = RwLock::new(members.into_iter().map(Arc::new).collect());
        let Wire { signer, told } = wire;
        Cluster { members, state, resumed, dice: Mutex::new(dice), console, signer, told }
    }

    /// Its nodes, by number.
    pub fn members(&self) -> Vec<Arc<Member>> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Their numbers.
    pub fn numbers(&self) -> Vec<usize> {
        self.members().iter().map(|member| member.number).collect()
    }

    /// Node `number`, if there is one.
    pub fn member(&self, number: usize) -> Option<Arc<Member>> {
        let members = self.members.read().unwrap_or_else(PoisonError::into_inner);
        let at = members.binary_search_by_key(&number, |member| member.number).ok()?;
        members.get(at).cloned()
    }

    /// Another node, whose number is the highest.
    pub fn add(&self, member: Member) -> Arc<Member> {
        let member = Arc::new(member);
        self.members.write().unwrap_or_else(PoisonError::into_inner).push(member.clone());
        member
    }

    /// Asks for the stop of everything.
    pub fn stop(&self) {
        self.state.send_modify(|state| state.stopping = true);
    }

    /// Ends when everything is to stop, or has.
    pub async fn stopping(&self) {
        let mut state = self.state.subscribe();
        let _ = state.wait_for(|state| state.stopping || state.is_over()).await;
    }

    /// A challenge for a new connection.
    pub fn challenge(&self) -> [u8; 32] {
        self.dice.lock().unwrap_or_else(PoisonError::into_inner).random()
    }
}
