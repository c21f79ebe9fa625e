//! The commands of `networkmngr`: one that starts a network, and those that talk to one that runs.
//!
//! A command takes its flags and a `Context`, says what it has to say, and ends well or with a [`Failure`].
//! What it shows is made in `render`; how it talks is in `client`. Here is what calls for what.

mod config;
mod context;
mod detach;
mod doctor;
mod down;
mod events;
mod faults;
mod forecast;
mod lives;
mod logs;
mod look;
mod mine;
mod named;
mod ps;
mod renew;
mod status;
mod tamper;
#[cfg(test)]
mod tests;
mod tree;
mod tx;
mod wait;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::manager::UpArgs;
use crate::cli::node::NodeArgs;
use crate::cli::output::{Output, unread};
use crate::cli::scenario::ScenarioArgs;
use crate::cli::settings::{self, Asked, NotAsked};
use crate::cli::simulate::SimulateArgs;
use crate::cli::{Failure, kept, manager, node, scenario, simulate};
use lives::Verb;

pub(super) use context::{Context, Here, for_manager, now};
pub(super) use detach::{Detached, start as start_detached};
pub(super) use down::{down, ended};
pub(super) use named::with_manager;

const EXAMPLES: &str = "\
Examples:
  networkmngr -p 4999 -a 6           a network of six nodes, until Ctrl-C
  networkmngr up --detach            the same in the background
  networkmngr status                 whether they agree
  networkmngr mine A -n 3            three blocks by node A
  networkmngr partition --halves     break it, and see it fork
  networkmngr tree                   both branches
  networkmngr heal                   and see who gives up what
  networkmngr down                   stop everything
  networkmngr scenario list          lessons that do such things step by step

Without a command, the network is started: `networkmngr -a 6` is `networkmngr up -a 6`.
Nodes are named by number or letter: node 0 is A. Exit codes: 0 done, 1 failed, 2 makes no sense,
3 no manager there, 4 took too long, 5 a scenario expected something else.";

/// A proof-of-work network on this machine: start it, look at it, break it, stop it.
#[derive(Debug, Parser)]
#[command(name = "networkmngr", version, max_term_width = 100, after_help = EXAMPLES)]
#[command(args_override_self = true, subcommand_required = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub talk: Talk,
    #[command(subcommand)]
    pub command: Command,
}

/// How to talk, for every command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Talk {
    /// The manager of the network; if not given, that of ./network, or else http://127.0.0.1:4999.
    #[arg(
        long,
        value_name = "URL",
        global = true,
        env = "NETWORKMNGR_MANAGER",
        hide_env_values = true,
        help_heading = "Everywhere"
    )]
    pub manager: Option<String>,
    /// Whether that is said by the flag, and not by the variable.
    #[arg(skip)]
    pub by_flag: bool,
    /// Print JSON: one document, or for what goes on, one on each line.
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a network: what is done without a command, too.
    #[command(after_help = EXAMPLES_UP)]
    Up(Box<UpArgs>),
    /// Stop the network, and wait until every process has ended.
    #[command(
        after_help = "Examples:\n  networkmngr down\n  networkmngr down --manager http://127.0.0.1:4999"
    )]
    Down,
    /// Start a new network in place of this one: with other rules, more nodes, another shape.
    Renew(renew::RenewArgs),
    /// List the processes: addresses, memory, restarts.
    #[command(after_help = "Examples:\n  networkmngr ps\n  networkmngr ps --json")]
    Ps,
    /// Show whether the nodes agree: heights, tips, peers, pools, and a verdict in words.
    Status(status::StatusArgs),
    /// Wait until the network is so.
    Wait(wait::WaitArgs),
    /// Have blocks mined now.
    Mine(mine::MineArgs),
    /// Have blocks mined from now on: in the background, every so often, or whenever something waits.
    Mining(mine::MiningArgs),
    /// Send a text to be put into a block.
    Send(mine::SendArgs),
    /// List the best chain, newest first.
    Chain(look::ChainArgs),
    /// Show a block, and who had it when.
    Block(look::BlockArgs),
    /// Show where a transaction is, and how deep.
    Tx(tx::TxArgs),
    /// List the links, and what is wrong with them.
    Peers(look::PeersArgs),
    /// Draw the block tree with its forks.
    Tree(tree::TreeArgs),
    /// Show logs, of all nodes merged by time.
    Logs(logs::LogsArgs),
    /// Show what happens, as it happens.
    Events(events::EventsArgs),
    /// Keep groups of nodes from each other.
    Partition(faults::PartitionArgs),
    /// End every partition, cut and slow link, and wait for agreement.
    Heal(faults::HealArgs),
    /// Link two nodes, or make their link slow or lossy.
    Link(faults::LinkArgs),
    /// Cut the link of two nodes.
    Unlink(faults::UnlinkArgs),
    /// Add nodes.
    Add(lives::AddArgs),
    /// Kill nodes, as a power cut would; they stay away.
    #[command(after_help = "Examples:\n  networkmngr kill B\n  networkmngr kill 1,2")]
    Kill(lives::NodesArgs),
    /// Stop nodes in order; they stay away.
    #[command(after_help = "Examples:\n  networkmngr stop B\n  networkmngr stop 1-3")]
    Stop(lives::NodesArgs),
    /// Pause nodes: their processes stand still, and their connections stay.
    #[command(after_help = "Examples:\n  networkmngr pause B\n  networkmngr pause A,C")]
    Pause(lives::NodesArgs),
    /// Let paused nodes go on.
    #[command(after_help = "Examples:\n  networkmngr resume B\n  networkmngr resume A,C")]
    Resume(lives::NodesArgs),
    /// Stop nodes and start them again where they were; those that have ended are started.
    #[command(after_help = "Examples:\n  networkmngr restart B\n  networkmngr restart 0-2")]
    Restart(lives::NodesArgs),
    /// Change a content in a node's chain, offer that to another node, and show why it is refused.
    Tamper(tamper::TamperArgs),
    /// Run a scenario: a lesson and a test at once.
    Scenario(ScenarioArgs),
    /// Check what `up` would meet: ports, limits, cores, memory.
    #[command(after_help = "Examples:\n  networkmngr doctor\n  networkmngr doctor -a 100 --mine")]
    Doctor(Box<UpArgs>),
    /// Show the settings of `up`, and whether each comes from a flag, the environment, the file or nowhere.
    #[command(after_help = EXAMPLES_CONFIG)]
    Config(Box<UpArgs>),
    /// Print completions for a shell.
    Completions(config::CompletionsArgs),
    /// Run a network of thousands of nodes in one process, under a clock that jumps.
    Simulate(Box<SimulateArgs>),
    /// Be a node: how the manager starts them.
    #[command(hide = true)]
    Node(Box<NodeArgs>),
}

const EXAMPLES_UP: &str = "\
Examples:
  networkmngr up -p 4999 -a 6
  networkmngr up --detach -a 4 --difficulty 16
  networkmngr up --mine --hashrate 500k --block-time 10
  networkmngr up -p 0 --base-http 0 --base-listen 0 --data-dir ./other

Each flag (but -v, which is the log level) can also be set by a variable, such as
NETWORKMNGR_AMOUNT=4 or NETWORKMNGR_BASE_HTTP=5100, and by a line of the file that --config
names. A flag wins over a variable, and a variable over the file; `networkmngr config` shows what
holds.";

const EXAMPLES_CONFIG: &str = "\
Examples:
  networkmngr config
  networkmngr config -a 4 --json

The file that --config names has a line for each flag, without the dashes: amount = 4, mine =
true, hashrate = \"500k\", data-dir = \"here\" (relative to the file). Text stands in quotes.";

/// Does what the command line says.
pub fn main() -> ExitCode {
    let asked = match settings::read(std::env::args_os().collect()) {
        Ok(asked) => asked,
        Err(NotAsked::Shown(help)) => {
            return super::shown(&help);
        }
        Err(NotAsked::Wrong(failure)) => return failure.report(),
    };
    match asked.cli.command {
        Command::Node(node) => node::run(*node),
        Command::Simulate(args) => {
            simulate::run(&args, asked.cli.talk.json).unwrap_or_else(|failure| failure.report())
        }
        _ => super::run(dispatch(asked)),
    }
}

async fn dispatch(mut asked: Asked) -> Result<ExitCode, Failure> {
    let Talk { json, .. } = asked.cli.talk;
    let mut output = Output::stdout(json);
    let mut code = ExitCode::SUCCESS;
    let mut goes_on = None;
    if let Command::Up(args) | Command::Doctor(args) | Command::Config(args) = &mut asked.cli.command {
        // What makes no sense is said with its place, before anything is done.
        manager::settings(args).map_err(|failure| settings::placed(failure, &asked.settings))?;
        goes_on = kept::go_on(args, &mut asked.settings)?;
    }
    if let (Command::Up(args), Some(said)) = (&asked.cli.command, goes_on)
        && !args.detached
    {
        output.note(&said);
    }
    match &asked.cli.command {
        Command::Up(args) if args.detach && !args.detached => {
            detach::up(args, &asked.words, &mut output).await?;
        }
        Command::Up(args) => return manager::network(args, json).await,
        Command::Doctor(args) => code = doctor::run(args, &mut output)?,
        Command::Config(_) => config::show(&asked.settings, &asked.cli.talk, &mut output)?,
        Command::Completions(args) => config::completions(args, &mut output),
        Command::Scenario(args) => code = scenario::run(args, &mut output).await?,
        command => {
            let mut context = Context::new(&asked.cli.talk)?;
            let goes_on = matches!(command, Command::Events(_) | Command::Logs(_) | Command::Status(_));
            tokio::select! {
                done = run(command, &mut context) => done.map_err(|failure| context.named(failure))?,
                // Whoever stopped reading wanted no more.
                () = unread(), if goes_on => {}
            }
            output = context.output;
        }
    }
    output.end()?;
    Ok(code)
}

/// Runs a command that talks to a manager.
pub(super) async fn run(command: &Command, context: &mut Context) -> Result<(), Failure> {
    match command {
        Command::Down => down(context).await,
        Command::Renew(args) => renew::run(args, context).await,
        Command::Ps => ps::run(context).await,
        Command::Status(args) => status::run(args, context).await,
        Command::Wait(args) => wait::run(args, context).await,
        Command::Mine(args) => mine::mine(args, context).await,
        Command::Mining(args) => mine::mining(args, context).await,
        Command::Send(args) => mine::send(args, context).await,
        Command::Chain(args) => look::chain(args, context).await,
        Command::Block(args) => look::block(args, context).await,
        Command::Tx(args) => tx::tx(args, context).await,
        Command::Peers(args) => look::peers(args, context).await,
        Command::Tree(args) => tree::run(args, context).await,
        Command::Logs(args) => logs::run(args, context).await,
        Command::Events(args) => events::run(args, context).await,
        Command::Partition(args) => faults::partition(args, context).await,
        Command::Heal(args) => faults::heal(args, context).await,
        Command::Link(args) => faults::link(args, context).await,
        Command::Unlink(args) => faults::unlink(args, context).await,
        Command::Add(args) => lives::add(args, context).await,
        Command::Kill(args) => lives::each(Verb::Kill, args, context).await,
        Command::Stop(args) => lives::each(Verb::Stop, args, context).await,
        Command::Pause(args) => lives::each(Verb::Pause, args, context).await,
        Command::Resume(args) => lives::each(Verb::Resume, args, context).await,
        Command::Restart(args) => lives::each(Verb::Restart, args, context).await,
        Command::Tamper(args) => tamper::run(args, context).await,
        Command::Up(_)
        | Command::Scenario(_)
        | Command::Doctor(_)
        | Command::Config(_)
        | Command::Completions(_)
        | Command::Simulate(_)
        | Command::Node(_) => {
            Err(Failure::usage("this command does not talk to a manager", "run it at a shell"))
        }
    }
}
