//! What a person at the terminal sees: a table once the network is up, a line for what happens after.

use core::time::Duration;
use std::io::Write;
use std::net::SocketAddr;

use crate::manager::Plan;
use crate::manager::cluster::{Cluster, Ended};
use crate::types::BlockHash;

fn nodes(count: usize) -> String {
    if count == 1 { "1 node".to_owned() } else { format!("{count} nodes") }
}

/// One line. Whoever reads may have gone, which is no reason to stop.
pub(super) fn line(text: &str) {
    tracing::info!("{text}");
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// The network is up.
pub(super) fn started(cluster: &Cluster, http: SocketAddr, took: Duration, plan: &Plan) {
    let known = cluster.known();
    let links: usize = known.iter().map(|known| known.peers.len()).sum::<usize>() / 2;
    let mut text = format!(
        "{} ready and linked ({links} links) in {:.2} s\n\n  {:>4}  {:<32}  {:<22}  {:<15}  {:>7}  {:>5}\n",
        nodes(known.len()),
        took.as_secs_f64(),
        "node",
        "id",
        "HTTP",
        "P2P",
        "pid",
        "peers",
    );
    for (index, node) in known.iter().enumerate() {
        text.push_str(&format!(
            "  {index:>4}  {}  {:<22}  {:<15}  {:>7}  {:>5}\n",
            node.node,
            format!("http://{}", node.http),
            node.listen.to_string(),
            node.pid,
            node.peers.len(),
        ));
    }
    let first = known.first().map_or(http, |node| node.http);
    text.push_str(&format!(
        "\n  network   {}\n  logs      {}\n\n  try       curl http://{http}/start/mining     every node mines a block\n  \
         \u{20}         curl http://{first}/chain            the chain, on any node\n  \
         \u{20}         curl http://{http}/shutdown/all     the end (or Ctrl-C)\n",
        plan.params.rules(),
        plan.data_dir.join("logs").display(),
    ));
    line(&text);
}

/// A block that every node has now.
pub(super) fn block(height: u64, hash: &BlockHash, count: usize, took: Duration) {
    let hash = hash.to_string();
    line(&format!(
        "block {:>5}  {}…  on {}, {:.1} ms after the first",
        height + 1,
        &hash[..16],
        if count == 1 { "the node".to_owned() } else { format!("all {count} nodes") },
        took.as_secs_f64() * 1000.0,
    ));
}

/// The network is no more.
pub(super) fn ended(ended: &Ended) {
    for (index, how) in &ended.badly {
        line(&format!("node {index} {how}"));
    }
    let well = ended.amount - ended.badly.len();
    line(&match ended.badly.len() {
        0 => format!("{} ended in order; nothing is left running", nodes(well)),
        _ => format!("{well} of {} ended in order", nodes(ended.amount)),
    });
}
