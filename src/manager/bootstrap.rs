//! From nothing to every expected link: start, connect, introduce, wait.

use std::net::SocketAddr;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::encoding::List;
use crate::failure::Failure;
use crate::limits::{LINKS_TIMEOUT, MAX_REGISTER};
use crate::manager::child::{self, Child};
use crate::manager::cluster::{Cluster, Known};
use crate::manager::control::{self, Manager};
use crate::manager::{Plan, console, topology};
use crate::types::NodeId;
use crate::wire::manage::{Command, Introduction, ManagerKey};
use crate::wire::message::PeerAddress;

/// Starts the nodes and links them. If it fails, nothing is left running.
pub(super) async fn start(plan: &Plan) -> Result<Cluster, Failure> {
    let logs = plan.data_dir.join("logs");
    std::fs::create_dir_all(&logs).map_err(|error| {
        Failure::new(
            format!("the folder {} cannot be made: {error}", logs.display()),
            "choose another place with --data-dir",
        )
    })?;
    let mut rng = ChaCha12Rng::from_seed(plan.seed);
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    let mut id = [0; 16];
    rng.fill_bytes(&mut id);
    let manager =
        Manager { key: SigningKey::from_bytes(&secret), network: plan.params.network(), id: NodeId(id) };
    let children = start_children(plan, &ManagerKey::of(&manager.key).to_string()).await?;
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let cluster = take_control(manager, children, seed).await?;
    introduce(&cluster, &topology::links(cluster.known().len(), &mut rng)).await?;
    Ok(cluster)
}

async fn start_children(plan: &Plan, key: &str) -> Result<Vec<Child>, Failure> {
    let shared = Arc::new((plan.clone(), key.to_owned()));
    let mut starting = JoinSet::new();
    for index in 0..plan.amount {
        let shared = shared.clone();
        starting.spawn(async move { (index, child::start(&shared.0, index, &shared.1).await) });
    }
    let (mut ready, mut failed) = (Vec::new(), Vec::new());
    while let Some(started) = starting.join_next().await {
        match started {
            Ok((index, Ok(child))) => ready.push((index, child)),
            Ok((index, Err(failure))) => failed.push((index, failure)),
            Err(error) => failed.push((plan.amount, Failure::new(error.to_string(), ""))),
        }
    }
    ready.sort_by_key(|(index, _)| *index);
    failed.sort_by_key(|(index, _)| *index);
    let count = ready.len();
    let children = ready.into_iter().map(|(_, child)| child).collect();
    let missing: Vec<String> = failed.iter().map(|(index, _)| index.to_string()).collect();
    let Some((_, first)) = failed.into_iter().next() else { return Ok(children) };
    if plan.keep && count > 0 {
        console::line(&format!("error: {} (going on without node {})", first.error, missing.join(", ")));
        return Ok(children);
    }
    end(children).await;
    let error = match plan.amount {
        1 => first.error,
        amount => {
            let missing = missing.join(", ");
            format!("{count} of {amount} nodes were ready (missing: {missing}): {}", first.error)
        }
    };
    Err(Failure::new(error, first.hint))
}

/// Ends children that are of no use without the others.
async fn end(children: Vec<Child>) {
    for mut child in children {
        drop(child.lifeline.take());
        let _ = child.process.kill().await;
    }
}

async fn take_control(manager: Manager, children: Vec<Child>, seed: [u8; 32]) -> Result<Cluster, Failure> {
    let manager = Arc::new(manager);
    let (events, heard) = mpsc::unbounded_channel();
    let mut connecting = JoinSet::new();
    for (index, child) in children.iter().enumerate() {
        let connect = control::connect(manager.clone(), index, child.node, child.listen, events.clone());
        connecting.spawn(async move { (index, connect.await) });
    }
    let mut controls = Vec::new();
    let mut failure = None;
    while let Some(connected) = connecting.join_next().await {
        match connected {
            Ok((index, Ok(control))) => controls.push((index, control)),
            Ok((index, Err(error))) => {
                failure = Some(format!("node {index} cannot be managed: {error}"));
            }
            Err(error) => failure = Some(error.to_string()),
        }
    }
    if let Some(error) = failure {
        end(children).await;
        return Err(Failure::new(error, "see the node's log in the logs folder"));
    }
    controls.sort_by_key(|(index, _)| *index);
    let controls = controls.into_iter().map(|(_, control)| control).collect();
    Ok(Cluster::new(children, controls, heard, seed))
}

/// Tells every node of all others, and whom of them to dial; waits until every link is up at both ends.
async fn introduce(cluster: &Cluster, links: &[(usize, usize)]) -> Result<(), Failure> {
    let known = cluster.known();
    let mut telling = JoinSet::new();
    for index in 0..known.len() {
        let Some(control) = cluster.control(index).cloned() else { continue };
        let introductions = introductions(&known, links, index);
        telling.spawn(async move {
            control.call(Command::Subscribe).await?;
            for some in introductions.chunks(MAX_REGISTER) {
                control.call(Command::Register(List::clipped(some.iter().copied()))).await?;
            }
            Ok::<(), control::Error>(())
        });
    }
    let mut refused = None;
    while let Some(told) = telling.join_next().await {
        if let Ok(Err(error)) = told {
            refused = Some(error.to_string());
        }
    }
    let up = |known: &Vec<Known>, (a, b): &(usize, usize)| {
        known[*a].peers.contains(&known[*b].node) && known[*b].peers.contains(&known[*a].node)
    };
    if refused.is_none()
        && cluster.wait(LINKS_TIMEOUT, |known| links.iter().all(|link| up(known, link))).await
    {
        return Ok(());
    }
    let known = cluster.known();
    let missing = links.iter().filter(|link| !up(&known, link)).map(|(a, b)| format!("{a}-{b}"));
    let missing: Vec<String> = missing.collect();
    cluster.kill_all().await;
    Err(Failure::new(
        match refused {
            Some(error) => format!("a node could not be introduced to the others: {error}"),
            None => format!(
                "{} of {} links did not come up within {} s: {}",
                missing.len(),
                links.len(),
                LINKS_TIMEOUT.as_secs(),
                missing.iter().take(10).cloned().collect::<Vec<_>>().join(", ")
            ),
        },
        "see the nodes' logs in the logs folder; fewer nodes (-a) need less of the machine",
    ))
}

fn introductions(known: &[Known], links: &[(usize, usize)], index: usize) -> Vec<Introduction> {
    let dialled: Vec<usize> = links.iter().filter(|(from, _)| *from == index).map(|(_, to)| *to).collect();
    known
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != index)
        .map(|(other, known)| Introduction {
            peer: PeerAddress { node: Some(known.node), address: known.listen },
            dial: dialled.contains(&other),
        })
        .collect()
}

/// Writes `network.json`: where the manager and every node are, for scripts. Whole or not at all.
pub(super) fn write_record(plan: &Plan, cluster: &Cluster, http: SocketAddr) -> Result<(), Failure> {
    let nodes: Vec<_> = cluster
        .known()
        .iter()
        .map(|known| {
            json!({ "node": known.node.to_string(), "http": known.http, "address": known.listen, "pid": known.pid })
        })
        .collect();
    let record = json!({ "http": http, "pid": std::process::id(), "nodes": nodes });
    let (path, draft) = (plan.data_dir.join("network.json"), plan.data_dir.join("network.json.new"));
    std::fs::write(&draft, format!("{record:#}\n")).and_then(|()| std::fs::rename(&draft, &path)).map_err(
        |error| {
            Failure::new(
                format!("{} cannot be written: {error}", path.display()),
                "choose another place with --data-dir",
            )
        },
    )
}
