//! `networkmngr tree`: the block tree, drawn.

use crate::cli::commands::{Context, now};
use crate::cli::{Failure, render};
use crate::limits::MAX_TREE_BLOCKS;
use crate::manager::view::Tree;

const EXAMPLES: &str = "\
Examples:
  networkmngr tree
  networkmngr tree -n 100
  networkmngr tree --from 0 -n 50 --json

Newest on top. ● is on the chain with the most work, ○ on another one, ✗ broke a rule; letters
in brackets are the nodes whose tip it is. Nodes that start tell of their newest 256 heights: ◌
is below the blocks of the best chain that they told of, and may be on it.";

/// How much of the tree.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TreeArgs {
    /// How many heights.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=MAX_TREE_BLOCKS as i64))]
    limit: u32,
    /// From which height up; if not given, the highest ones.
    #[arg(long, value_name = "HEIGHT")]
    from: Option<u64>,
}

pub(super) async fn run(args: &TreeArgs, context: &mut Context) -> Result<(), Failure> {
    let from = args.from.map_or(String::new(), |from| format!("&from={from}"));
    let tree: Tree = context.client.get(&format!("/api/v1/tree?limit={}{from}", args.limit)).await?;
    if let (Some(from), true) = (args.from, tree.blocks.is_empty()) {
        let note = render::older(tree.known_from).filter(|_| from < tree.known_from);
        let none =
            || format!("there is no block from height {from} up: `networkmngr status` shows the height");
        context.output.note(&note.unwrap_or_else(none));
    }
    context.output.data(&tree, |style| render::tree(&tree, now(), style));
    Ok(())
}
