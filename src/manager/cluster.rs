//! The running network: its members, and who enters what becomes of them into the state.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rand::RngExt;
use rand_chacha::ChaCha12Rng;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::limits::TOLD_AT_ONCE;
use crate::manager::child::{Child, quoted};
use crate::manager::console::{self, Console};
use crate::manager::control::{Control, ControlError, Signer, Told};
use crate::manager::exit::Exit;
use crate::manager::happened::Happened;
use crate::manager::names::Name;
use crate::manager::renew::Next;
use crate::manager::state::State;
use crate::manager::tail::last_lines;
use crate::net::Clock;
use crate::net::events::{Events, Publisher};
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

/// The rate at which node `number` is to mine in the background, which whoever asks tells it now.
pub fn tell_rate(state: &Shared, number: usize) -> u64 {
    let mut rate = 0;
    state.send_modify(|state| rate = state.tell_rate(number));
    rate
}

/// Enters what nodes tell into the state, for as long as any tells, and then tells readers of it. What has
/// come meanwhile is entered at once, so that those who watch the state look once.
pub async fn listen(
    mut told: mpsc::Receiver<(usize, Told)>,
    state: Shared,
    console: Console,
    publisher: Arc<Publisher<Happened>>,
) {
    let mut batch = Vec::new();
    while told.recv_many(&mut batch, TOLD_AT_ONCE).await > 0 {
        let (mut happened, mut lines) = (Vec::new(), Vec::new());
        state.send_modify(|state| {
            for (number, told) in batch.drain(..) {
                match told {
                    Told::Event(event) => {
                        tracing::debug!(number, ?event, "told");
                        let entered = state.event(number, &event);
                        if entered.is_reorg {
                            lines.extend(console::reorg_line(number, &event.what));
                        }
                        lines.extend(entered.news.as_ref().map(console::block_line));
                        if !entered.is_old {
                            lines.extend(console::clock_line(number, &event.what));
                            happened.push(Happened::at_node(number, event, state));
                        }
                    }
                    Told::Gone(why) => gone(state, number, &why),
                }
            }
        });
        let now = Clock::wall();
        happened.into_iter().for_each(|happened| publisher.publish(now, happened));
        lines.iter().for_each(|line| console.say(line));
    }
}

fn gone(state: &mut State, number: usize, why: &ControlError) {
    state.tips.count(number, false);
    // It tells anew how things stand, but for a clock that is right.
    state.clocks.remove(&number);
    match state.stopping || state.standing(number).exit().is_some() {
        true => tracing::debug!(number, %why, "node not heard any more"),
        false => tracing::warn!(number, %why, "node not heard any more"),
    }
}

/// Enters a process's end into the state, and says so, and what follows, if nobody wanted it.
pub async fn watch_exit(number: usize, child: Arc<Child>, log: PathBuf, state: Shared, console: Console) {
    let since = Instant::now();
    let exit = child.ended().await;
    let mut ended = None;
    state.send_modify(|state| {
        let asked = state.stopping || state.was_asked(number);
        ended = Some((asked, state.ended(number, exit, since.elapsed())));
    });
    let Some((false, fate)) = ended else {
        return tracing::info!(number, %exit, "node ended");
    };
    tracing::warn!(number, %exit, ?fate, "node ended, and was not asked to");
    let lines = if exit == Exit::Code(0) { Vec::new() } else { last_lines(&log) };
    let name = Name(number);
    console.say(&format!("node {name} ended: {exit}{fate} (log: {}){}", log.display(), quoted(&lines)));
}

/// How nodes are reached, and where what they tell goes.
pub struct Wire {
    /// Who they obey.
    pub signer: Signer,
    /// Where what they tell goes.
    pub told: mpsc::Sender<(usize, Told)>,
    /// Where readers are told of it.
    pub publisher: Arc<Publisher<Happened>>,
    /// Where readers find it.
    pub events: Events<Happened>,
}

/// The running network.
pub struct Cluster {
    members: RwLock<Vec<Arc<Member>>>,
    /// What is known of them.
    pub state: Shared,
    /// Height of the chain that the nodes had when they started.
    pub resumed: u64,
    /// The network that is wanted in its place.
    next: Mutex<Option<Next>>,
    /// Dice for pauses and challenges.
    pub dice: Mutex<ChaCha12Rng>,
    /// Where people look.
    pub console: Console,
    /// Who the nodes obey.
    pub signer: Signer,
    /// Where what they tell goes.
    pub told: mpsc::Sender<(usize, Told)>,
    /// Where readers are told of what happens.
    pub publisher: Arc<Publisher<Happened>>,
    /// Where readers find it.
    pub events: Events<Happened>,
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
        let Wire { signer, told, publisher, events } = wire;
        let dice = Mutex::new(dice);
        let next = Mutex::default();
        Cluster { members, state, resumed, next, dice, console, signer, told, publisher, events }
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

    /// The nodes from `first` on are none any more.
    pub fn remove_from(&self, first: usize) {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        members.retain(|member| member.number < first);
    }

    /// Asks for the stop of everything. Whether that is news: another network was wanted until now, or none.
    pub fn stop(&self) -> bool {
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let begins = self.state.send_if_modified(|state| {
            state.renewing = false;
            !core::mem::replace(&mut state.stopping, true)
        });
        next.is_some() || begins
    }

    /// Asks for the stop of all nodes, and for another network then. Whether there will be one.
    pub fn renew(&self, wanted: Next) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = self.state.send_if_modified(|state| {
            let begins = !core::mem::replace(&mut state.stopping, true);
            state.renewing |= begins;
            begins
        });
        if begins {
            *next = Some(wanted);
        }
        begins
    }

    /// Whether another network is wanted in its place.
    pub fn is_renewed(&self) -> bool {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The network that is wanted in its place.
    pub fn next(&self) -> Option<Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).take()
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
