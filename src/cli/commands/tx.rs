//! `networkmngr tx`: where a transaction is, on every branch.

use core::fmt::Write;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::cli::client::{Client, refused};
use crate::cli::commands::Context;
use crate::cli::commands::look::a_node;
use crate::cli::render::{self, Style, safe, short};
use crate::cli::{Failure, names, watch};
use crate::limits::API_TIMEOUT;
use crate::manager::view::{Life, Network};

const EXAMPLES_TX: &str = "\
Examples:
  networkmngr tx 452d338c966efba68b2acef7d1c40c6c28e256a74df7dcc536827f55f747cc6e
  networkmngr tx 452d338c966efba68b2acef7d1c40c6c28e256a74df7dcc536827f55f747cc6e --node B

Without --node, all nodes that run are asked: in a fork one branch may have it, and another not.";

/// Which transaction.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES_TX)]
pub(crate) struct TxArgs {
    /// Its id, as `networkmngr send` gave it; while it waits or is new, the beginning will do.
    #[arg(value_name = "ID")]
    id: String,
    /// Which node to ask; if not given, all that run.
    #[arg(long, value_name = "NODE", value_parser = names::node)]
    node: Option<usize>,
}

/// What some nodes say of it, all the same; none: they do not know it.
#[derive(Debug, PartialEq)]
struct Said {
    nodes: Vec<usize>,
    found: Option<Value>,
}

impl Said {
    /// How many blocks hold it up, its own included.
    fn depth(&self) -> Option<u64> {
        self.found.as_ref()?["blocks"][0]["depth"].as_u64()
    }

    /// For programs.
    fn json(&self) -> Value {
        let state = self.found.as_ref().map_or("unknown".into(), |found| found["state"].clone());
        json!({ "nodes": self.nodes, "state": state, "depth": self.depth() })
    }

    fn line(&self, style: Style) -> String {
        let who = names::several(&self.nodes);
        let node = if self.nodes.len() == 1 { "node" } else { "nodes" };
        let Some(found) = &self.found else {
            return format!("{} {node} {who}", style.bad("unknown to"));
        };
        let place = match found["blocks"].as_array().and_then(|blocks| blocks.first()) {
            Some(block) => {
                let hash = short(block["hash"].as_str().unwrap_or_default());
                let height = block["height"].as_u64().unwrap_or_default();
                let depth = block["depth"].as_u64().unwrap_or_default();
                let confirmations = render::count(depth, "confirmation");
                let confirmations =
                    if depth >= 6 { style.good(&confirmations) } else { style.warn(&confirmations) };
                format!("in block {hash} at height {height}, {confirmations}")
            }
            None => style.warn("waiting in the pool for a block"),
        };
        format!("{place}, by {node} {who}")
    }
}

pub(super) async fn tx(args: &TxArgs, context: &mut Context) -> Result<(), Failure> {
    let network = watch::network(&context.client).await?;
    // There is one at least, or why not is said.
    let best = a_node(&network, args.node)?;
    let nodes = match args.node {
        Some(node) => vec![node],
        None => running(&network, best),
    };
    let id = args.id.trim().trim_end_matches('…').to_ascii_lowercase();
    if id.is_empty() || id.len() > 64 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Failure::usage(
            format!("{:?} is no transaction's id", safe(&id, 80)),
            "name the hex digits that `networkmngr send` printed",
        ));
    }
    let id = match id.len() {
        64 => id,
        _ => whole_id(&id, &sides(&network, &nodes), &context.client).await?,
    };
    let mut all: Vec<Said> = Vec::new();
    for node in nodes {
        let found = match ask(&id, node, &context.client).await {
            // One of many may go away meanwhile.
            Err(_) if args.node.is_none() && node != best => continue,
            found => found?,
        };
        match all.iter_mut().find(|said| said.found == found) {
            Some(said) => said.nodes.push(node),
            None => all.push(Said { nodes: vec![node], found }),
        }
    }
    all.iter_mut().for_each(|said| said.nodes.sort_unstable());
    // What is deepest in a chain first, then where it waits, then who does not know it.
    all.sort_by_key(|said| core::cmp::Reverse((said.depth(), said.found.is_some())));
    let Some(mut first) = all.first().and_then(|said| said.found.clone()) else {
        let nobody = match args.node {
            Some(node) => format!("node {} knows no", names::letters(node)),
            None => "none of the nodes that run knows a".to_owned(),
        };
        return Err(Failure::new(
            format!("{nobody} transaction {}", short(&id)),
            "`networkmngr send TEXT` prints the id of what it sends",
        ));
    };
    first["nodes"] = all.iter().map(Said::json).collect();
    context.output.data(&first, |style| text(&id, &first, &all, style));
    Ok(())
}

/// Nodes that run, one of the best tip first.
fn running(network: &Network, best: usize) -> Vec<usize> {
    let runs = network.nodes.iter().filter(|node| node.state == Life::Running && node.node != best);
    [best].into_iter().chain(runs.map(|node| node.node)).collect()
}

/// One node of each branch in each part of the network, of `nodes`: what one of them knows, the others do.
fn sides(network: &Network, nodes: &[usize]) -> Vec<usize> {
    let group = |node: usize| {
        let groups = network.partition.as_deref().unwrap_or_default();
        groups.iter().position(|group| group.contains(&node))
    };
    let tip = |node: usize| network.nodes.iter().find(|known| known.node == node)?.tip.clone();
    let mut known = Vec::new();
    let is_new = |node: &usize| {
        let side = (group(*node), tip(*node));
        let is_new = !known.contains(&side);
        known.push(side);
        is_new
    };
    nodes.iter().copied().filter(is_new).collect()
}

/// What `node` says of it; none: it does not know it.
async fn ask(id: &str, node: usize, client: &Client) -> Result<Option<Value>, Failure> {
    let path = format!("/node/{node}/api/v1/transactions/{id}");
    let answer = client.call(Method::GET, &path, Bytes::new(), API_TIMEOUT).await?;
    match answer.status {
        StatusCode::NOT_FOUND => Ok(None),
        _ if answer.is_good() => Ok(Some(answer.json())),
        _ => Err(refused(&answer)),
    }
}

/// For people: a line for what each of them says.
fn text(id: &str, found: &Value, all: &[Said], style: Style) -> String {
    let mut text = format!("id     {id}\n");
    if let Some(said) = found["transaction"]["text"].as_str() {
        let _ = writeln!(text, "text   {}", safe(said, 400));
    }
    for (nth, said) in all.iter().enumerate() {
        let _ = writeln!(text, "{:<6} {}", if nth == 0 { "state" } else { "" }, said.line(style));
    }
    text
}

/// The id that begins with `id`, among what waits at these nodes and their newest blocks.
async fn whole_id(id: &str, nodes: &[usize], client: &Client) -> Result<String, Failure> {
    let mut known: Vec<String> = Vec::new();
    for node in nodes {
        known.extend(ids(*node, client).await?);
    }
    known.retain(|known| known.starts_with(id) || known.trim_start_matches('0').starts_with(id));
    known.sort();
    known.dedup();
    match &known[..] {
        [one] => Ok(one.clone()),
        [] => Err(Failure::new(
            format!("nothing that waits or is in the newest 20 blocks begins with {id}"),
            "name the whole id that `networkmngr send` printed",
        )),
        _ => Err(Failure::new(format!("{} transactions begin with {id}", known.len()), "name more digits")),
    }
}

/// The ids of what waits at `node` and is in its newest blocks.
async fn ids(node: usize, client: &Client) -> Result<Vec<String>, Failure> {
    let waiting: Value = client.get(&format!("/node/{node}/api/v1/transactions")).await?;
    let ids = |list: &Value| -> Vec<String> {
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
    };
    let mut known = ids(&waiting["transactions"]);
    let blocks: Value = client.get(&format!("/node/{node}/api/v1/blocks?limit=20")).await?;
    for block in blocks["blocks"].as_array().map(Vec::as_slice).unwrap_or_default() {
        let hash = block["hash"].as_str().unwrap_or_default();
        // Most blocks hold nothing but their coinbase.
        if block["transaction_count"].as_u64().unwrap_or(0) > 1 {
            let block: Value = client.get(&format!("/node/{node}/api/v1/blocks/{hash}")).await?;
            known.extend(ids(&block["transactions"]));
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_branch_says_its_own() {
        let block = |depth: u64| json!([{ "hash": "0a".repeat(32), "height": 1, "depth": depth }]);
        let found = json!({ "state": "chain", "transaction": { "text": "pay Bob" }, "blocks": block(2) });
        let waits = json!({ "state": "pool", "transaction": { "text": "pay Bob" }, "blocks": [] });
        let all = [
            Said { nodes: vec![0, 1, 2], found: Some(found.clone()) },
            Said { nodes: vec![4], found: Some(waits) },
            Said { nodes: vec![3], found: None },
        ];
        assert_eq!(
            text("ab", &found, &all, Style::new(false)),
            "id     ab\n\
             text   pay Bob\n\
             state  in block a0a0a0a0… at height 1, 2 confirmations, by nodes A B C\n       \
             waiting in the pool for a block, by node E\n       unknown to node D\n"
        );
        let json: Vec<Value> = all.iter().map(Said::json).collect();
        assert_eq!(json[0], json!({ "nodes": [0, 1, 2], "state": "chain", "depth": 2 }));
        assert_eq!(json[2], json!({ "nodes": [3], "state": "unknown", "depth": null }));
    }
}
