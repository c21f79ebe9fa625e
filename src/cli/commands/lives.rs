//! `networkmngr add`, `kill`, `stop`, `pause`, `resume` and `restart`: nodes that come and go.

use serde_json::json;

use crate::cli::commands::Context;
use crate::cli::{Failure, names, render};
use crate::limits::{API_CHANGE_TIMEOUT, MAX_NODES};
use crate::manager::view::{Add, Node, Nodes};

const EXAMPLES_ADD: &str = "\
Examples:
  networkmngr add
  networkmngr add 3

A new node has a folder of its own, is linked as the others are, and gets the chain from them.";

/// How many.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES_ADD)]
pub(crate) struct AddArgs {
    /// How many.
    #[arg(value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=MAX_NODES as i64))]
    count: u16,
}

pub(super) async fn add(args: &AddArgs, context: &mut Context) -> Result<(), Failure> {
    let add = Add { count: Some(usize::from(args.count)) };
    let added: Nodes = context.client.post("/api/v1/nodes", &add, API_CHANGE_TIMEOUT).await?;
    context.output.data(&added, |_| render::nodes(&added.nodes));
    Ok(())
}

/// Which nodes.
#[derive(Debug, clap::Args)]
pub(crate) struct NodesArgs {
    /// Which: A, 0,2 or B-D.
    #[arg(value_name = "NODES")]
    nodes: names::Nodes,
}

/// Has `what` done to each of the nodes, one after the other, up to the first that fails.
pub(super) async fn each(what: &str, args: &NodesArgs, context: &mut Context) -> Result<(), Failure> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut failed = None;
    for number in &args.nodes.0 {
        match context
            .client
            .post(&format!("/api/v1/nodes/{number}/{what}"), &json!({}), API_CHANGE_TIMEOUT)
            .await
        {
            Ok(node) => nodes.push(node),
            Err(failure) => {
                failed = Some(failure);
                break;
            }
        }
    }
    if failed.is_none() || !nodes.is_empty() {
        context.output.data(&Nodes { nodes: nodes.clone() }, |_| render::nodes(&nodes));
    }
    failed.map_or(Ok(()), Err)
}
