//! From no process to a network whose links are all up.
//!
//! All children are started at once. Each says when it is ready and where; each is then told, over the wire,
//! who the others are and which of them to dial, and tells of every connection that becomes ready. The
//! network is up when every expected link is, at both of its ends.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::encoding::List;
use crate::limits::{LINKS_TIMEOUT, MANAGER_QUEUE, MAX_MANAGER_EVENTS, MAX_REGISTER};
use crate::manager::child::{self, Child, Children, NotStarted};
use crate::manager::cluster::{self, Cluster, Member, Shared, There, Wire};
use crate::manager::console::Console;
use crate::manager::control::{Control, ControlError, Signer, Told};
use crate::manager::modes::Modes;
use crate::manager::names::Name;
use crate::manager::ready::Ready;
use crate::manager::state::State;
use crate::manager::tail::last_lines;
use crate::manager::{Error, Settings, key};
use crate::net::{Clock, events};
use crate::peer::Identity;
use crate::types::NodeId;
use crate::wire::manage::{Command, Introduction};
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

/// Starts the network. Processes are entered into `children` as they are started; whoever drops this, or
/// gets an error of it, ends those. Settings that keep what is there get what is there.
pub async fn start(settings: &Settings, console: &Console, children: &Children) -> Result<Cluster, Error> {
    let mut rng = ChaCha12Rng::from_seed(settings.seed);
    let signer = signer(settings, &mut rng)?;
    let mut missing = Missing::new();
    let started = processes(settings, &signer, children, &mut missing).await;
    enough(settings, started.len(), &mut missing)?;
    each_is_one(settings, &started)?;

    let names = started.iter().map(|one| (one.node, one.number)).collect();
    let state =
        Arc::new(watch::Sender::new(State::new(names, settings.restart, Modes::of(settings.hashrate))));
    let (told, hear) = mpsc::channel(MANAGER_QUEUE);
    let (publisher, events) = events::channel(Clock::wall(), MAX_MANAGER_EVENTS);
    let publisher = Arc::new(publisher);
    tokio::spawn(cluster::listen(hear, state.clone(), console.clone(), publisher.clone()));
    watch(settings, &started, &state, console);
    let members = members(settings, started, &signer, &mut rng, &told, &mut missing).await;
    enough(settings, members.len(), &mut missing)?;

    let members = introduce(settings, members, &mut rng, &state, &mut missing).await;
    enough(settings, members.len(), &mut missing)?;
    links(settings, members.len(), &state, console).await?;
    for (number, why) in &missing {
        console.say(&format!("node {} is missing: {why}", Name(*number)));
    }
    let numbers: Vec<usize> = members.iter().map(|member| member.number).collect();
    state.send_modify(|state| {
        state.keep(&numbers);
        state.up = true;
        state.last_progress = Clock::wall().micros();
    });
    for member in &members {
        background(&state, member).await;
    }
    Ok(Cluster::new(members, state, rng, console.clone(), Wire { signer, told, publisher, events }))
}

/// The key that is kept in the network's folder, or one for this run only, and a name for this run only.
fn signer(settings: &Settings, rng: &mut ChaCha12Rng) -> Result<Signer, Error> {
    let fresh = rng.random();
    let key = match settings.ephemeral {
        true => SigningKey::from_bytes(&fresh),
        false => key::keep(&settings.data_dir.join(key::FILE), &fresh)?,
    };
    Ok(Signer {
        identity: Identity {
            network: settings.params.network(),
            node: NodeId(rng.random()),
            role: Role::Manager,
            listen_port: 0,
        },
        key: Arc::new(key),
    })
}

/// Whether to go on with `there` nodes.
fn enough(settings: &Settings, there: usize, missing: &mut Missing) -> Result<(), Error> {
    if missing.is_empty() || (settings.keep && there > 0) {
        return Ok(());
    }
    missing.sort_by_key(|(number, _)| *number);
    Err(Error::Nodes { there, wanted: settings.amount, missing: core::mem::take(missing) })
}

/// Whether every node has a name of its own: a folder that was copied is the same node twice, and whoever has
/// met one of them takes no other by its name.
fn each_is_one(settings: &Settings, started: &[Started]) -> Result<(), Error> {
    let mut names: BTreeMap<NodeId, usize> = BTreeMap::new();
    for Started { number, node, .. } in started {
        if let Some(first) = names.insert(*node, *number) {
            let folder = settings.folder(*number);
            return Err(Error::Twins { first, second: *number, node: *node, folder });
        }
    }
    Ok(())
}

async fn processes(
    settings: &Settings,
    signer: &Signer,
    children: &Children,
    missing: &mut Missing,
) -> Vec<Started> {
    let key = signer.public();
    let mut starting = JoinSet::new();
    for number in 0..settings.amount {
        let plan = settings.plan(number, &key);
        let (program, children) = (settings.program.clone(), children.clone());
        starting.spawn(async move { (number, child::start(&program, &plan, &children).await) });
    }
    let mut started = Vec::new();
    while let Some(joined) = starting.join_next().await {
        let Ok((number, outcome)) = joined else { continue };
        match outcome.and_then(|(child, ready)| begun(number, child, &ready)) {
            Ok(one) => started.push(one),
            Err(why) => missing.push((number, why)),
        }
    }
    started.sort_by_key(|one| one.number);
    started
}

fn begun(number: usize, child: Arc<Child>, ready: &Ready) -> Result<Started, NotStarted> {
    let node = ready.node.parse().map_err(|_| NotStarted::Stranger(ready.node.clone()))?;
    tracing::info!(number, %node, pid = child.pid(), "its process is ready");
    Ok(Started { number, node, child, listen: ready.listen, http: ready.http })
}

/// Watches the end of every process from now on.
fn watch(settings: &Settings, started: &[Started], state: &Shared, console: &Console) {
    for Started { number, child, .. } in started {
        let (state, console) = (state.clone(), console.clone());
        tokio::spawn(cluster::watch_exit(*number, child.clone(), settings.log(*number), state, console));
    }
}

/// Connects to every node, and listens to it from now on.
async fn members(
    settings: &Settings,
    started: Vec<Started>,
    signer: &Signer,
    rng: &mut ChaCha12Rng,
    told: &mpsc::Sender<(usize, Told)>,
    missing: &mut Missing,
) -> Vec<Member> {
    let mut connecting = JoinSet::new();
    for Started { number, node, child, listen, http } in started {
        let log = settings.log(number);
        let (signer, challenge, told) = (signer.clone(), rng.random(), told.clone());
        connecting.spawn(async move {
            let control = Control::connect(listen, node, &signer, challenge, told, number).await;
            let there = |control| There { node, listen, http, child, control };
            (number, control.map(|control| Member::new(number, log, there(control))))
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
    let numbers: Vec<usize> = members.iter().map(|member| member.number).collect();
    let links: Arc<BTreeSet<(usize, usize)>> =
        Arc::new(settings.shape.links(&numbers, rng).into_iter().collect());
    state.send_modify(|state| {
        numbers.iter().for_each(|number| state.tips.count(*number, true));
        state.links.expect(links.iter().copied());
    });
    let peer = |there: There| PeerAddress { node: Some(there.node), address: there.listen };
    let peers: Arc<[(usize, PeerAddress)]> =
        members.iter().map(|member| (member.number, peer(member.there()))).collect();
    let mut telling = JoinSet::new();
    for member in members {
        let (peers, links) = (peers.clone(), links.clone());
        telling.spawn(async move {
            let others = peers.iter().filter(|(other, _)| *other != member.number);
            let dials = |other: usize| links.contains(&(member.number, other));
            let introductions: Vec<Introduction> =
                others.map(|(other, peer)| Introduction { peer: *peer, dial: dials(*other) }).collect();
            let control = member.there().control;
            let told = async {
                control.call(Command::Subscribe).await?;
                tell(&control, &introductions).await
            };
            (member.number, told.await.map(|()| member))
        });
    }
    let members = gather(telling, missing).await;
    tracing::info!(nodes = members.len(), of = settings.amount, "introduced");
    members
}

/// Has a node know the others.
pub(super) async fn tell(control: &Control, introductions: &[Introduction]) -> Result<(), ControlError> {
    for some in introductions.chunks(MAX_REGISTER) {
        control.call(Command::Register(List::clipped(some.iter().copied()))).await?;
    }
    Ok(())
}

/// Waits until every link is up and every tip was told of, or a node is gone, or it takes too long.
async fn links(settings: &Settings, there: usize, state: &Shared, console: &Console) -> Result<(), Error> {
    let mut changes = state.subscribe();
    let settled = changes
        .wait_for(|state| (state.links.are_up() && state.all_told()) || state.exits().next().is_some());
    let _ = timeout(LINKS_TIMEOUT, settled).await;
    let state = state.borrow();
    let died = |(number, exit)| {
        let log = settings.log(number);
        (number, NotStarted::Died { exit, lines: last_lines(&log), log })
    };
    let mut missing: Missing = state.exits().map(died).collect();
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

/// Background mining, if it is wanted: once links are up, so that nobody mines alone.
async fn background(state: &Shared, member: &Member) {
    let hashrate = cluster::tell_rate(state, member.number);
    if hashrate > 0
        && let Err(error) = member.there().control.call(Command::SetMining { hashrate }).await
    {
        tracing::warn!(number = member.number, %error, "background mining could not be started");
    }
}
