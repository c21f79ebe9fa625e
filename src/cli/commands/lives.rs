//! `networkmngr add`, `kill`, `stop`, `pause`, `resume` and `restart`: nodes that come and go.

use bytes::Bytes;
use hyper::Method;

use crate::cli::client::refused;
use crate::cli::commands::Context;
use crate::cli::{Failure, UNREACHABLE, names, render};
use crate::limits::{API_CHANGE_TIMEOUT, MAX_NODES};
use crate::manager::view::{Add, Life, Node, Nodes};

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
    pub(in crate::cli) count: u16,
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

/// What is done to nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Ended at once.
    Kill,
    /// Ended in order.
    Stop,
    /// Stopped by a signal.
    Pause,
    /// Has it go on.
    Resume,
    /// Ended, and started.
    Restart,
}

impl Verb {
    /// As the API calls it.
    fn name(self) -> &'static str {
        match self {
            Verb::Kill => "kill",
            Verb::Stop => "stop",
            Verb::Pause => "pause",
            Verb::Resume => "resume",
            Verb::Restart => "restart",
        }
    }

    /// What a node that is so already is.
    fn already(self, life: Life) -> Option<&'static str> {
        match (self, life) {
            (Verb::Kill | Verb::Stop, Life::Ended) => Some("has ended already"),
            (Verb::Pause, Life::Paused) => Some("is paused already"),
            (Verb::Resume, Life::Running) => Some("is running already"),
            _ => None,
        }
    }
}

/// Does this to each of the nodes, one after the other. What cannot be done to one keeps it from no other; what
/// is so already is no failure.
pub(super) async fn each(verb: Verb, args: &NodesArgs, context: &mut Context) -> Result<(), Failure> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut failed: Vec<(Vec<usize>, Failure)> = Vec::new();
    let (there, absent) = part(&args.nodes.0, context).await?;
    for number in &there {
        let done = one(verb, *number, context).await;
        match done {
            Ok(node) => nodes.push(node),
            Err(failure) => {
                let is_gone = failure.code == UNREACHABLE;
                failed.push((vec![*number], failure));
                if is_gone {
                    break;
                }
            }
        }
    }
    failed.extend(absent);
    if failed.is_empty() || !nodes.is_empty() {
        context.output.data(&Nodes { nodes: nodes.clone() }, |_| render::nodes(&nodes));
    }
    together(args.nodes.0.len(), failed)
}

/// Those of `numbers` that there are; and the others, if they are many, of which one failure tells.
async fn part(
    numbers: &[usize],
    context: &Context,
) -> Result<(Vec<usize>, Option<(Vec<usize>, Failure)>), Failure> {
    if numbers.len() < 2 {
        return Ok((numbers.to_vec(), None));
    }
    let Nodes { nodes } = context.client.get("/api/v1/nodes").await?;
    let (there, absent): (Vec<usize>, Vec<usize>) =
        numbers.iter().partition(|number| nodes.iter().any(|node| node.node == **number));
    let last = nodes.last().map_or(0, |node| node.node);
    if absent.len() < 2 {
        // The call says so itself.
        return Ok((numbers.to_vec(), None));
    }
    let error = format!("there are no nodes {}: {}", names::several(&absent), names::there_are(last));
    Ok((there, Some((absent, Failure::new(error, "`networkmngr ps` lists them")))))
}

async fn one(verb: Verb, number: usize, context: &mut Context) -> Result<Node, Failure> {
    let path = format!("/api/v1/nodes/{number}");
    let (client, what) = (&context.client, format!("{path}/{}", verb.name()));
    let answer = client.call(Method::POST, &what, Bytes::from_static(b"{}"), API_CHANGE_TIMEOUT).await?;
    if answer.is_good() {
        return client.read(&what, &answer);
    }
    let life = serde_json::from_value::<Life>(answer.json()["state"].clone()).ok();
    let Some(already) = life.and_then(|life| verb.already(life)) else { return Err(refused(&answer)) };
    let node = client.get(&path).await?;
    context.output.note(&format!("{} {already}", names::letters(number)));
    Ok(node)
}

/// The failures of some of so many nodes as one.
fn together(of: usize, mut failed: Vec<(Vec<usize>, Failure)>) -> Result<(), Failure> {
    if failed.len() < 2 && (of == 1 || failed.is_empty()) {
        return failed.pop().map_or(Ok(()), |(_, failure)| Err(failure));
    }
    let mut numbers: Vec<usize> = failed.iter().flat_map(|(numbers, _)| numbers).copied().collect();
    numbers.sort_unstable();
    let whys = failed.iter().map(|(_, failure)| format!("\n  {}", failure.error)).collect::<String>();
    let hint = failed.iter().map(|(_, failure)| failure.hint.as_str()).find(|hint| !hint.is_empty());
    let code = failed.iter().map(|(_, failure)| failure.code).max().filter(|code| *code == UNREACHABLE);
    let error = format!("not done to {} of {of} nodes, {}:{whys}", numbers.len(), names::several(&numbers));
    Err(Failure { code: code.unwrap_or(1), ..Failure::new(error, hint.unwrap_or_default()) })
}
