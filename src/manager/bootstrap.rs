//! From no process to a network whose links are all up.
//!
//! All children are started at once. Each says when it is ready and where; each is then told, over the wire,
//! who the others are and which of them to dial, and tells of every connection that becomes ready. The
//! network is up when every expected link is, at both of its ends.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ed25519_dalek::SigningKey;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::encoding::List;
use crate::limits::{LINKS_TIMEOUT, MANAGER_QUEUE, MAX_REGISTER};
use crate::manager::child::{self, Child, NotStarted, Plan};
use crate::manager::cluster::{self, Cluster, Member, Shared, State};
use crate::manager::console::Console;
use crate::manager::control::{Control, ControlError, Signer};
use crate::manager::ready::Ready;
use crate::manager::{Error, Settings, topology};
use crate::net::Clock;
use crate::peer::Identity;
use crate::types::NodeId;
use crate::wire::manage::{Command, Introduction, ManagerKey};
use crate::wire::message::{PeerAddress, Role};

/// Nodes that are not there, by number.
type Missing = Vec<(usize, NotStarted)>;

/// A node whose process is ready.
struct Started {
    number: usize,
    node: NodeId,
    child: Arc<Child>,
    listen: SocketAddr,
    http: Option<SocketAddr>,
}

/// Starts the network. Processes are entered into `children` as they become ready; whoever drops this, or
/// gets an error of it, ends those. Settings that keep what is there get what is there.
pub async fn start(
    settings: &Settings,
    console: &Console,
    children: &mut Vec<Arc<Child>>,
) -> Result<Cluster, Error> {
    let mut rng = ChaCha12Rng::from_seed(settings.seed);
    let signer = signer(settings, &mut rng);
    let mut missing = Missing::new();
    let started = processes(settings, &signer, children, &mut missing).await;
    enough(settings, started.len(), &mut missing)?;

    let names = started.iter().map(|one| (one.node, one.number)).collect();
    let state = Arc::new(watch::Sender::new(State::new(settings.amount, names)));
    let members = members(settings, started, &signer, &mut rng, &state, console, &mut missing).await;
    enough(settings, members.len(), &mut missing)?;

    let members = introduce(settings, members, &mut rng, &state, &mut missing).await;
    enough(settings, members.len(), &mut missing)?;
    links(settings, members.len(), &state, console).await?;
    for (number, why) in &missing {
        console.say(&format!("node {number} is missing: {why}"));
    }
    mine(settings, &members).await;
    Ok(Cluster { members, state, dice: Mutex::new(rng), console: console.clone() })
}

/// A key and a name for this run only.
fn signer(settings: &Settings, rng: &mut ChaCha12Rng) -> Signer {
    Signer {
        identity: Identity {
            network: settings.params.network(),
            node: NodeId(rng.random()),
            role: Role::Manager,
            listen_port: 0,
        },
        key: Arc::new(SigningKey::from_bytes(&rng.random())),
    }
}

/// Whether to go on with `there` nodes.
fn enough(settings: &Settings, there: usize, missing: &mut Missing) -> Result<(), Error> {
    if missing.is_empty() || (settings.keep && there > 0) {
        return Ok(());
    }
    missing.sort_by_key(|(number, _)| *number);
    Err(Error::Nodes { there, wanted: settings.amount, missing: core::mem::take(missing) })
}

async fn processes(
    settings: &Settings,
    signer: &Signer,
    children: &mut Vec<Arc<Child>>,
    missing: &mut Missing,
) -> Vec<Started> {
    let key = ManagerKey::of(&signer.key).to_string();
    let mut starting = JoinSet::new();
    for number in 0..settings.amount {
        let mut flags = settings.network.clone();
        flags.extend(["--manager-key".to_owned(), key.clone()]);
        flags.extend(["--data-dir".to_owned(), settings.folder(number).display().to_string()]);
        let (listen, http, log) = (settings.listen(number), settings.http(number), settings.log(number));
        let plan = Plan { listen, http, log, flags };
        let program = settings.program.clone();
        starting.spawn(async move { (number, child::start(&program, &plan).await) });
    }
    let mut started = Vec::new();
    while let Some(joined) = starting.join_next().await {
        let Ok((number, outcome)) = joined else { continue };
        match outcome.and_then(|(child, ready)| begun(number, child, &ready, children)) {
            Ok(one) => started.push(one),
            Err(why) => missing.push((number, why)),
        }
    }
    started.sort_by_key(|one| one.number);
    started
}

fn begun(
    number: usize,
    child: Child,
    ready: &Ready,
    children: &mut Vec<Arc<Child>>,
) -> Result<Started, NotStarted> {
    let child = Arc::new(child);
    children.push(child.clone());
    let node = ready.node.parse().map_err(|_| NotStarted::Stranger(ready.node.clone()))?;
    Ok(Started { number, node, child, listen: ready.listen, http: ready.http })
}

/// Connects to every node, and listens to it from now on.
async fn members(
    settings: &Settings,
    started: Vec<Started>,
    signer: &Signer,
    rng: &mut ChaCha12Rng,
    state: &Shared,
    console: &Console,
    missing: &mut Missing,
) -> Vec<Member> {
    let (tell, told) = mpsc::channel(MANAGER_QUEUE);
    tokio::spawn(cluster::listen(told, state.clone(), console.clone(), Clock::start()));
    let mut connecting = JoinSet::new();
    for Started { number, node, child, listen, http } in started {
        let log = settings.log(number);
        tokio::spawn(cluster::watch_exit(number, child.clone(), log.clone(), state.clone(), console.clone()));
        let (signer, challenge, tell) = (signer.clone(), rng.random(), tell.clone());
        connecting.spawn(async move {
            let control = Control::connect(listen, node, &signer, challenge, tell, number).await;
            (number, control.map(|control| Member { number, node, listen, http, log, child, control }))
        });
    }
    gather(connecting, missing).await
}

/// Those that worked, by number.
async fn gather(
    mut tasks: JoinSet<(usize, Result<Member, ControlError>)>,
    missing: &mut Missing,
) -> Vec<Member> {
    let mut members = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok((_, Ok(member))) => members.push(member),
            Ok((number, Err(why))) => missing.push((number, why.into())),
            Err(error) => tracing::error!(%error, "a task failed: a defect of this program"),
        }
    }
    members.sort_by_key(|member| member.number);
    members
}

/// Tells every node who the others are and which of them to dial.
async fn introduce(
    settings: &Settings,
    members: Vec<Member>,
    rng: &mut ChaCha12Rng,
    state: &Shared,
    missing: &mut Missing,
) -> Vec<Member> {
    let dials = topology::links(members.len(), rng);
    let numbers: Vec<usize> = members.iter().map(|member| member.number).collect();
    let pairs = dials.iter().enumerate().flat_map(|(from, to)| to.iter().map(move |to| (from, *to)));
    state.send_modify(|state| {
        numbers.iter().for_each(|number| state.tips.count(*number, true));
        state.links.expect(pairs.map(|(from, to)| (numbers[from], numbers[to])));
    });
    let peers: Arc<[PeerAddress]> = members
        .iter()
        .map(|member| PeerAddress { node: Some(member.node), address: member.listen })
        .collect();
    let mut telling = JoinSet::new();
    for (at, member) in members.into_iter().enumerate() {
        let (peers, dials) = (peers.clone(), dials[at].clone());
        telling.spawn(async move {
            let others = peers.iter().enumerate().filter(|(other, _)| *other != at);
            let introductions: Vec<Introduction> = others
                .map(|(other, peer)| Introduction { peer: *peer, dial: dials.binary_search(&other).is_ok() })
                .collect();
            let told = tell(&member.control, &introductions).await;
            (member.number, told.map(|()| member))
        });
    }
    let members = gather(telling, missing).await;
    tracing::info!(nodes = members.len(), of = settings.amount, "introduced");
    members
}

async fn tell(control: &Control, introductions: &[Introduction]) -> Result<(), ControlError> {
    control.call(Command::Subscribe).await?;
    for some in introductions.chunks(MAX_REGISTER) {
        control.call(Command::Register(List::clipped(some.iter().copied()))).await?;
    }
    Ok(())
}

/// Waits until every link is up, or a node is gone, or it takes too long.
async fn links(settings: &Settings, there: usize, state: &Shared, console: &Console) -> Result<(), Error> {
    let mut changes = state.subscribe();
    let settled = changes.wait_for(|state| state.links.are_up() || !state.exits.is_empty());
    let _ = timeout(LINKS_TIMEOUT, settled).await;
    let state = state.borrow();
    let died = |(number, exit): (&usize, &child::Exit)| {
        let lines = crate::manager::tail::last_lines(&settings.log(*number));
        (*number, NotStarted::Died { exit: *exit, lines })
    };
    let mut missing: Missing = state.exits.iter().map(died).collect();
    enough(settings, there.saturating_sub(missing.len()), &mut missing)?;
    if state.links.are_up() {
        return Ok(());
    }
    let error = Error::Links { expected: state.links.count(), missing: state.links.missing() };
    if !settings.keep {
        return Err(error);
    }
    console.say(&format!("going on without: {error}"));
    Ok(())
}

/// Now that all links are up, so that nobody mines alone: background mining, if it is wanted.
async fn mine(settings: &Settings, members: &[Member]) {
    for member in members {
        let hashrate = settings.share(member.number);
        if hashrate > 0
            && let Err(error) = member.control.call(Command::SetMining { hashrate }).await
        {
            tracing::warn!(number = member.number, %error, "background mining could not be started");
        }
    }
}
