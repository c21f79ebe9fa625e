//! `networkmngr chain`, `block` and `peers`: what there is.

use serde_json::json;

use crate::cli::client::Client;
use crate::cli::commands::{Context, now};
use crate::cli::render::{self, safe, short};
use crate::cli::{Failure, names, watch};
use crate::limits::MAX_TREE_BLOCKS;
use crate::manager::view::{BlockReport, Branch, Life, Network, Tree, TreeBlock};

const EXAMPLES_CHAIN: &str = "\
Examples:
  networkmngr chain
  networkmngr chain -n 100 --json";

/// How much of the chain.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES_CHAIN)]
pub(crate) struct ChainArgs {
    /// How many blocks, from the tip down.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=MAX_TREE_BLOCKS as i64))]
    limit: u32,
}

pub(super) async fn chain(args: &ChainArgs, context: &mut Context) -> Result<(), Failure> {
    let client = &context.client;
    let blocks = newest(args.limit as usize, |from, heights| async move {
        let from = from.map_or(String::new(), |from| format!("&from={from}"));
        client.get(&format!("/api/v1/tree?limit={heights}{from}")).await
    })
    .await?;
    let lowest = blocks.last().map_or(0, |block| block.height);
    if let Some(older) = render::older(lowest).filter(|_| blocks.len() < args.limit as usize) {
        context.output.note(&older);
    }
    context.output.data(&json!({ "blocks": blocks }), |style| render::chain(&blocks, now(), style));
    Ok(())
}

/// So many of the newest blocks on the best chain, from the tip down. `ask` has the tree: from a height up or else
/// the newest, and so many heights. Where there are many branches, an answer holds fewer of them, and those below
/// are asked for as well.
async fn newest<Asking>(
    count: usize,
    ask: impl Fn(Option<u64>, u64) -> Asking,
) -> Result<Vec<TreeBlock>, Failure>
where
    Asking: Future<Output = Result<Tree, Failure>>,
{
    let mut chain: Vec<TreeBlock> = Vec::new();
    let mut tree = ask(None, count as u64).await?;
    let mut heights = count as u64;
    loop {
        let lowest = tree.from;
        let before = chain.len();
        let mut best: Vec<_> = tree.blocks.into_iter().filter(|block| block.branch == Branch::Best).collect();
        best.sort_by_key(|block| core::cmp::Reverse(block.height));
        for block in best {
            // Another branch may have become the best one since the last answer.
            if chain.last().is_none_or(|above| above.previous == block.hash) {
                chain.push(block);
            }
        }
        chain.truncate(count);
        // Blocks are forgotten once they are old.
        if chain.len() == count || chain.len() == before || lowest == 0 {
            return Ok(chain);
        }
        heights = heights.min((count - chain.len()) as u64).min(lowest);
        tree = loop {
            let tree = ask(Some(lowest - heights), heights).await?;
            if !tree.cut || heights == 1 {
                break tree;
            }
            heights /= 2;
        };
    }
}

const EXAMPLES_BLOCK: &str = "\
Examples:
  networkmngr block 7
  networkmngr block 6343a951

A block is named by its height on the best chain, by its hash, or by the beginning of that, with
or without the zeros in front.";

/// Which block.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES_BLOCK)]
pub(crate) struct BlockArgs {
    /// Its height or hash, or the beginning of that.
    #[arg(value_name = "ID")]
    id: String,
}

pub(super) async fn block(args: &BlockArgs, context: &mut Context) -> Result<(), Failure> {
    let id = resolve(&args.id, &context.client).await?;
    let report = context.client.get::<BlockReport>(&format!("/api/v1/blocks/{id}")).await;
    let report = report.map_err(|failure| match failure.hint.is_empty() {
        true => Failure { hint: "`networkmngr chain` lists the newest".to_owned(), ..failure },
        false => failure,
    })?;
    context.output.data(&report, |style| render::block(&report, now(), style));
    Ok(())
}

/// What an answer may call a block: a height, or a whole hash in place of its beginning.
async fn resolve(id: &str, client: &Client) -> Result<String, Failure> {
    let id = id.trim().trim_end_matches('…').to_ascii_lowercase();
    let is_height = id.len() < 8 && id.bytes().all(|byte| byte.is_ascii_digit());
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Failure::usage(
            format!("{:?} is no block", safe(&id, 80)),
            "name a height, or a hash or its beginning: `networkmngr chain` lists them",
        ));
    }
    if is_height || id.len() == 64 {
        return Ok(id);
    }
    let tree: Tree = client.get(&format!("/api/v1/tree?limit={MAX_TREE_BLOCKS}")).await?;
    let begins = |hash: &str| hash.starts_with(&id) || hash.trim_start_matches('0').starts_with(&id);
    let found: Vec<&str> =
        tree.blocks.iter().map(|block| block.hash.as_str()).filter(|hash| begins(hash)).collect();
    match found[..] {
        [one] => Ok(one.to_owned()),
        [] => Err(Failure::new(
            format!("no block among the newest begins with {id}"),
            "name its height, or its whole hash: `networkmngr chain` lists them",
        )),
        _ => {
            let all: Vec<String> = found.iter().take(4).map(|hash| short(hash)).collect();
            Err(Failure::new(
                format!("{} blocks begin with {id}: {}", found.len(), all.join(" ")),
                "name more digits",
            ))
        }
    }
}

/// Makes sure that there is such a node.
pub(super) fn known(network: &Network, node: usize) -> Result<(), Failure> {
    if network.nodes.iter().any(|known| known.node == node) {
        return Ok(());
    }
    let last = network.nodes.iter().map(|known| known.node).max().unwrap_or_default();
    let (name, there_are) = (names::letters(node), names::there_are(last));
    Err(Failure::new(format!("there is no node {name} ({node}): {there_are}"), "`networkmngr ps` lists them"))
}

/// A node that runs: that one, or one with the best tip.
pub(super) fn a_node(network: &Network, wanted: Option<usize>) -> Result<usize, Failure> {
    if let Some(node) = wanted {
        known(network, node)?;
    }
    let best = network.verdict.tips.first().and_then(|tip| tip.nodes.first().copied());
    let running = || network.nodes.iter().find(|node| node.state == Life::Running).map(|node| node.node);
    wanted.or(best).or_else(running).ok_or_else(|| {
        match network.nodes.iter().find(|node| node.state == Life::Paused) {
            Some(paused) => {
                let hint = format!("have one go on: `networkmngr resume {}`", names::letters(paused.node));
                Failure::new(network.verdict.text.clone(), hint)
            }
            None => Failure::new("no node runs", "start one again: `networkmngr restart A`"),
        }
    })
}

const EXAMPLES_PEERS: &str = "\
Examples:
  networkmngr peers
  networkmngr peers A";

/// Whose links.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES_PEERS)]
pub(crate) struct PeersArgs {
    /// Of which node; all if not given.
    #[arg(value_name = "NODE", value_parser = names::node)]
    node: Option<usize>,
}

pub(super) async fn peers(args: &PeersArgs, context: &mut Context) -> Result<(), Failure> {
    let network = watch::network(&context.client).await?;
    if let Some(node) = args.node {
        known(&network, node)?;
    }
    let links: Vec<_> = network
        .links
        .iter()
        .filter(|link| args.node.is_none_or(|node| link.a == node || link.b == node))
        .collect();
    context.output.data(&json!({ "links": links }), |style| render::links(&network, args.node, style));
    Ok(())
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    /// What a manager answers that gives at most `most` blocks, and knows `width` of each height from `oldest` to 99,
    /// the first of them on the best chain.
    fn tree(most: u64, width: u64, oldest: u64, from: Option<u64>, heights: u64) -> Tree {
        let newest = 100_u64.saturating_sub(heights).max(oldest);
        let start = from.unwrap_or_else(|| newest.max(100_u64.saturating_sub((most / width).max(1))));
        let all = (start.max(oldest)..100.min(start + heights)).flat_map(|height| {
            (0..width).map(move |side| TreeBlock {
                hash: format!("{height}.{side}"),
                previous: format!("{}.0", height.wrapping_sub(1)),
                height,
                time: 0,
                bits: String::new(),
                work: String::new(),
                transactions: 1,
                bytes: 132,
                text: None,
                miner: None,
                seen: 0.0,
                tip_of: Vec::new(),
                held_by: Vec::new(),
                branch: if side == 0 { Branch::Best } else { Branch::Side },
                refused: None,
            })
        });
        let all: Vec<TreeBlock> = all.collect();
        let cut = all.len() > most as usize || (from.is_none() && start > newest);
        Tree { from: start, cut, known_from: oldest, blocks: all.into_iter().take(most as usize).collect() }
    }

    /// (blocks in an answer, blocks of a height, the oldest height known; asked for; given)
    #[tokio::test]
    async fn the_newest_blocks_are_all_there_however_many_branches_there_are() {
        let rows = [
            (1000, 1, 0, 20, 20),
            (1000, 1, 0, 100, 100),
            (1000, 1, 0, 300, 100),
            (50, 1, 0, 50, 50),
            (50, 10, 0, 50, 50),
            (50, 7, 0, 300, 100),
            (50, 10, 30, 300, 70),
            (10, 10, 0, 100, 100),
            // The whole of a height is more than an answer.
            (5, 10, 0, 100, 100),
        ];
        for (most, width, oldest, count, given) in rows {
            let asked = Cell::new(0);
            let chain = newest(count, |from, heights| {
                asked.set(asked.get() + 1);
                core::future::ready(Ok(tree(most, width, oldest, from, heights)))
            });
            let chain = chain.await.expect("an answer");
            let heights: Vec<u64> = chain.iter().map(|block| block.height).collect();
            let expected: Vec<u64> = (100 - given..100).rev().collect();
            assert_eq!(heights, expected, "{most} {width} {oldest} {count}");
            assert!(asked.get() <= 2 * given * width / most + 10, "{}", asked.get());
        }
    }

    #[tokio::test]
    async fn what_another_branch_has_become_the_best_one_of_meanwhile_is_left_out() {
        let chain = newest(20, |from, heights| {
            let mut tree = tree(10, 1, 0, from, heights);
            if from.is_some() {
                for block in &mut tree.blocks {
                    block.hash += " of another branch";
                }
            }
            core::future::ready(Ok(tree))
        });
        assert_eq!(chain.await.expect("an answer").len(), 10);
    }
}
