//! `--join`: the network of a node that is somewhere.

use std::io;
use std::net::SocketAddr;

use tokio::net::lookup_host;
use tokio::time::{Instant, sleep};

use crate::cli::Failure;
use crate::cli::node::Named;
use crate::cli::seed::random;
use crate::limits::{DIAL_TIMEOUT, LOOKUP_PAUSE};
use crate::net::join::{self, NotLearned};
use crate::params::Params;
use crate::types::{NodeId, address};

/// The network of the node at `place`, and how to call that node from then on.
pub(super) async fn learn(place: &str) -> Result<(Named, Params), Failure> {
    let named = Named::parse("--join", place)?;
    let addresses = match &named {
        Named::Address(address) => vec![*address],
        Named::Host(name) => looked_up(name).await?,
    };
    let mut refused = Failure::new(format!("--join {place}: the host has no address"), LOOK_UP);
    for address in addresses {
        match join::learn(address, [NodeId(random()?), NodeId(random()?)]).await {
            Ok(params) => return Ok((named, params)),
            // A name may have several addresses, and a node be at one of them.
            Err(why) => refused = refusal(place, address, &why),
        }
    }
    Err(refused.at("--join"))
}

/// What to do about a name that stands for nothing.
const LOOK_UP: &str =
    "see whether the name is right, and whether this machine can look names up; or give an address";

/// The addresses of a host:port, all of which somebody can be reached at; at least one. What cannot be looked up yet
/// may be in a moment, as where network and node are started together.
async fn looked_up(place: &str) -> Result<Vec<SocketAddr>, Failure> {
    let end = Instant::now() + DIAL_TIMEOUT;
    loop {
        let found = match lookup_host(place).await {
            Ok(found) => found.filter_map(|found| address::reachable(found).ok()).collect(),
            Err(error) if Instant::now() + LOOKUP_PAUSE >= end => return Err(unknown(place, &error)),
            Err(_) => {
                sleep(LOOKUP_PAUSE).await;
                continue;
            }
        };
        return Ok(found);
    }
}

fn unknown(place: &str, error: &io::Error) -> Failure {
    Failure::new(format!("--join {place}: it cannot be looked up: {error}"), LOOK_UP).at("--join")
}

fn refusal(place: &str, address: SocketAddr, why: &NotLearned) -> Failure {
    let hint = match why {
        NotLearned::Unreachable(_) => "start that node, or name another one of the network",
        NotLearned::NoNode(_) => "give the P2P address that a node says when it starts, not that of its HTTP",
        NotLearned::Refused { .. } => "try again later, or name another node of the network",
        NotLearned::Unknown { .. } => "a newer p2pnode may know that network",
        NotLearned::Mismatch { .. } => "name another node of the network: this one lies",
    };
    let at = address.to_string();
    let at = if at == place { String::new() } else { format!(" ({at})") };
    Failure::new(format!("--join {place}{at}: it {why}"), hint).at("--join")
}
