//! `networkmngr mine`, `mining` and `send`: how blocks come to be, and what is in them.

use core::time::Duration;

use clap::Subcommand;
use hyper::{Method, StatusCode};

use crate::cli::client::{Answer, refused};
use crate::cli::commands::Context;
use crate::cli::commands::forecast::{self, Forecast};
use crate::cli::output::spinner;
use crate::cli::render::{self, short};
use crate::cli::{Failure, TIMED_OUT, USAGE, names, values, watch};
use crate::limits::{API_CHANGE_TIMEOUT, MAX_MINED_AT_ONCE};
use crate::manager::view::{Mine, MinedBlocks, Mining, MiningMode, Send, Sent, SetMining};

const EXAMPLES_MINE: &str = "\
Examples:
  networkmngr mine
  networkmngr mine A
  networkmngr mine 0 -n 3 --data \"hello, chain\"
  networkmngr mine -q                the hash alone, for a script

Without a node, the nodes have their turns. Returns when every node that can be reached from the
miner has the last block. Each try is as likely as any other to find a block, however many were
in vain.";

/// What to mine.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES_MINE)]
pub(crate) struct MineArgs {
    /// By which node.
    #[arg(value_name = "NODE", value_parser = names::node)]
    node: Option<usize>,
    /// How many blocks.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=MAX_MINED_AT_ONCE as i64))]
    count: u32,
    /// A text to put into the first of them; an empty one is a content, too.
    #[arg(long, value_name = "TEXT")]
    data: Option<String>,
    /// Print the blocks' hashes alone, one a line.
    #[arg(short, long)]
    quiet: bool,
    /// How long it may take: a time such as 10s or 5m, or seconds.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = values::time)]
    timeout: Duration,
}

pub(super) async fn mine(args: &MineArgs, context: &mut Context) -> Result<(), Failure> {
    let rules = watch::network(&context.client).await?.rules;
    let expected_hashes = rules.expected_hashes.parse().unwrap_or(0.0);
    // The API takes whole seconds.
    let timeout = Duration::from_secs(args.timeout.as_secs_f64().ceil() as u64);
    let forecast = Forecast { blocks: args.count, expected_hashes, patience: timeout };
    if let Some(warning) = forecast.warning(forecast::rate) {
        context.output.note(&warning);
    }
    let mine = Mine { node: args.node, count: Some(args.count), content: args.data.clone() };
    let path = format!("/api/v1/mine?timeout={}", timeout.as_secs());
    let body = serde_json::to_vec(&mine).map_err(|error| Failure::new(error.to_string(), ""))?;
    let bar = spinner(format!("mining {}", render::count(args.count, "block")));
    let patience = timeout + API_CHANGE_TIMEOUT;
    let answer = context.client.call(Method::POST, &path, body.into(), patience).await;
    bar.finish_and_clear();
    let answer = answer?;
    let (mined, failure) = match answer.is_good() {
        true => (context.client.read::<MinedBlocks>(&path, &answer)?, None),
        false => not_mined(&answer, forecast),
    };
    if failure.is_none() || !mined.blocks.is_empty() {
        context.output.data(&mined, |_| match args.quiet {
            true => mined.blocks.iter().map(|block| format!("{}\n", block.hash)).collect(),
            false => render::mined(&mined.blocks),
        });
    }
    failure.map_or(Ok(()), Err)
}

/// What was mined before something went wrong, and what that was.
fn not_mined(answer: &Answer, forecast: Forecast) -> (MinedBlocks, Option<Failure>) {
    let problem = answer.json();
    let blocks = serde_json::from_value(problem["blocks"].clone()).unwrap_or_default();
    let mined = MinedBlocks { blocks };
    let failure = refused(answer);
    let (there, asked) = (mined.blocks.len(), forecast.blocks);
    // Of a node that was asked and did not find it; not of one to which it did not come.
    let is_late = failure.code == TIMED_OUT && problem["node"].is_u64();
    let failure = match is_late {
        true => Failure {
            error: forecast.missed(&mined.blocks, forecast::rate),
            hint: "wait longer with --timeout, or start a network with a lower --difficulty; the search goes on \
                   meanwhile: `networkmngr tree` shows what comes of it"
                .to_owned(),
            ..failure
        },
        false if asked > 1 && answer.status != StatusCode::BAD_REQUEST => Failure {
            error: format!("{there} of {} mined: {}", render::count(asked, "block"), failure.error),
            ..failure
        },
        false => failure,
    };
    (mined, Some(failure))
}

const EXAMPLES_MINING: &str = "\
Examples:
  networkmngr mining
  networkmngr mining start --hashrate 500k
  networkmngr mining stop

Without start, stop or set: shows how blocks come to be.";

/// How blocks come to be.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES_MINING)]
pub(crate) struct MiningArgs {
    #[command(subcommand)]
    what: Option<MiningCommand>,
}

/// What to change.
#[derive(Debug, Subcommand)]
enum MiningCommand {
    /// Have nodes mine from now on; in the background, if not told otherwise.
    #[command(after_help = EXAMPLES_START)]
    Start(ModeArgs),
    /// Mine no more, unless asked to.
    #[command(after_help = "Examples:\n  networkmngr mining stop")]
    Stop,
    /// Change how they mine, and leave the rest as it is.
    #[command(
        after_help = "Examples:\n  networkmngr mining set --nodes A,B\n\nA --hashrate is of nodes that mine in the \
                      background, an --interval of those that mine at intervals."
    )]
    Set(ModeArgs),
}

const EXAMPLES_START: &str = "\
Examples:
  networkmngr mining start
  networkmngr mining start --nodes A-C --hashrate 500k
  networkmngr mining start --interval 2s
  networkmngr mining start --auto";

/// Who mines, and when.
#[derive(Debug, Default, clap::Args)]
struct ModeArgs {
    /// Which nodes: A,B or 0-2, or all; if not given, those that were named last, at first all.
    #[arg(long, value_name = "NODES", value_parser = miners)]
    nodes: Option<names::Nodes>,
    /// Hashes a second of all of them together, such as 120k or 1.5M.
    #[arg(long, value_name = "RATE", value_parser = values::hashrate, conflicts_with_all = ["interval", "auto"])]
    hashrate: Option<u64>,
    /// A block every so often, by the nodes in turn.
    #[arg(long, value_name = "TIME", value_parser = values::time, conflicts_with = "auto")]
    interval: Option<Duration>,
    /// A block whenever something waits in a pool.
    #[arg(long)]
    auto: bool,
}

/// Who mines, as the API has it: no node in particular stands for all.
fn miners(text: &str) -> Result<names::Nodes, String> {
    match text.trim() {
        "all" => Ok(names::Nodes(Vec::new())),
        _ => text.parse().map_err(|error| format!("{error}, or all")),
    }
}

impl ModeArgs {
    /// From now on so: in the mode that what was said belongs to.
    fn start(&self) -> SetMining {
        let mode = match self {
            ModeArgs { auto: true, .. } => MiningMode::Auto,
            ModeArgs { interval: Some(_), .. } => MiningMode::Interval,
            _ => MiningMode::Background,
        };
        SetMining { mode: Some(mode), ..self.set() }
    }

    /// What was said, and no more: what belongs to another mode than that which is on is refused.
    fn set(&self) -> SetMining {
        SetMining {
            mode: self.auto.then_some(MiningMode::Auto),
            nodes: self.nodes.as_ref().map(|nodes| nodes.0.clone()),
            hashrate: self.hashrate,
            interval: self.interval.map(|interval| interval.as_secs_f64()),
        }
    }
}

pub(super) async fn mining(args: &MiningArgs, context: &mut Context) -> Result<(), Failure> {
    let set = match &args.what {
        None => None,
        Some(MiningCommand::Start(mode)) => Some(mode.start()),
        Some(MiningCommand::Stop) => Some(SetMining { mode: Some(MiningMode::Off), ..SetMining::default() }),
        Some(MiningCommand::Set(mode)) => {
            let set = mode.set();
            if set == SetMining::default() {
                let hint = "name one: `networkmngr mining set --nodes A,B`";
                return Err(Failure::usage("nothing to be set is named", hint));
            }
            Some(set)
        }
    };
    if let Some(set) = set {
        let done = context.client.post::<Mining>("/api/v1/mining", &set, API_CHANGE_TIMEOUT).await;
        done.map_err(|failure| hinted(failure, &set))?;
    }
    // With how they mine it says who of them runs.
    let network = watch::network(&context.client).await?;
    context.output.data(&network.mining, |_| render::mining(&network));
    Ok(())
}

/// What to do about a refusal that does not say so itself.
fn hinted(failure: Failure, set: &SetMining) -> Failure {
    if failure.code != USAGE {
        return failure;
    }
    failure.or_hint(match set {
        SetMining { mode: None, hashrate: Some(_), .. } => {
            "`networkmngr mining start --hashrate RATE` has them mine in the background"
        }
        SetMining { mode: None, interval: Some(_), .. } => {
            "`networkmngr mining start --interval TIME` has them mine every so often"
        }
        SetMining { interval: Some(_), .. } => "name a time such as 2s",
        _ => "`networkmngr mining start --help` says what there is",
    })
}

const EXAMPLES_SEND: &str = "\
Examples:
  networkmngr send \"hello, chain\"
  networkmngr send \"hello, chain\" --to B

Prints its id. It waits in the pools of all nodes until somebody mines a block: `networkmngr
mine`, then `networkmngr tx ID`.";

/// What to send.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES_SEND)]
pub(crate) struct SendArgs {
    /// The text; an empty one is a content, too.
    #[arg(value_name = "TEXT")]
    text: String,
    /// To which node; if not given, the first that runs.
    #[arg(long, value_name = "NODE", value_parser = names::node)]
    to: Option<usize>,
}

pub(super) async fn send(args: &SendArgs, context: &mut Context) -> Result<(), Failure> {
    let send = Send { content: Some(args.text.clone()), node: args.to };
    let sent: Sent = context.client.post("/api/v1/transactions", &send, API_CHANGE_TIMEOUT).await?;
    let (id, node) = (&sent.id, names::letters(sent.node));
    let begin = short(id);
    let begin = begin.trim_end_matches('…');
    context
        .output
        .note(&format!("sent to {node}; it waits for a block: `networkmngr tx {begin}` shows where it is"));
    context.output.data(&sent, |_| format!("{id}\n"));
    Ok(())
}
