//! `--join`: the network of a node that is somewhere.

use std::net::SocketAddr;

use crate::cli::Failure;
use crate::cli::node::addresses_of;
use crate::cli::seed::random;
use crate::net::join::{self, NotLearned};
use crate::params::Params;
use crate::types::NodeId;

/// The network of the node at `place`, and which of that host's addresses it answers at.
pub(super) async fn learn(place: &str) -> Result<(SocketAddr, Params), Failure> {
    let mut refused = None;
    for address in addresses_of("--join", place).await? {
        match join::learn(address, [NodeId(random()?), NodeId(random()?)]).await {
            Ok(params) => return Ok((address, params)),
            // A name may have several addresses, and a node be at one of them.
            Err(why) => refused = Some(refusal(place, address, &why)),
        }
    }
    #[allow(clippy::expect_used, reason = "addresses_of gives at least one")]
    Err(refused.expect("an address was tried"))
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
