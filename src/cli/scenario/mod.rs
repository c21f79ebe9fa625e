//! Scenarios: a lesson for people and a test for machines at once.
//!
//! A scenario is text. Each line is a command of `networkmngr`, or says what is expected to be so by then;
//! what stands behind a `#` is for the reader, and printed as it goes. It starts its own network by an `up`
//! line, on free ports and in a folder that goes with it, and that network ends however the scenario does.

mod expect;
mod parse;
mod run;
mod session;
mod shipped;
mod steps;

use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use crate::cli::output::Output;
use crate::cli::render::lines;
use crate::cli::settings::read_text;
use crate::cli::{Failure, values};

#[cfg(test)]
pub(super) use parse::words;
pub(super) use steps::Shelf;

const EXAMPLES: &str = "\
Examples:
  networkmngr scenario list
  networkmngr scenario run fork-and-reorg
  networkmngr scenario show partition-healed
";

/// Lessons that run by themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ScenarioArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List the lessons that come with this program.
    #[command(after_help = "Examples:\n  networkmngr scenario list")]
    List,
    /// Print one of them, to be changed and run; or that of a file.
    #[command(after_help = "Examples:\n  networkmngr scenario show first-network")]
    Show {
        /// A lesson's name, or a file.
        #[arg(value_name = "NAME|FILE")]
        name: String,
    },
    /// Run one of them, or that of a file.
    #[command(after_help = GRAMMAR)]
    Run(RunArgs),
}

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// A lesson's name, or a file.
    #[arg(value_name = "NAME|FILE")]
    what: String,
    /// Print what is expected and came, and nothing else.
    #[arg(short, long)]
    quiet: bool,
    /// Wait for so long before each command, so that one can read along.
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    pace: Option<Duration>,
}

const GRAMMAR: &str = "\
Examples:
  networkmngr scenario run first-network
  networkmngr scenario run --pace 3s fork-and-reorg
  networkmngr scenario run --quiet my.scn

A scenario's line is a command of networkmngr without that word, a comment behind #, or
  expect in-sync | syncing | forked | partitioned | stalled | down
  expect tips N | height N | pool N            of the network; pool: the fullest of the pools
  expect node NODE height N | pool N | peers N
  expect node NODE running | paused | ended
  expect reorg depth N                         of any node, since the last such line or the start
  expect contains \"TEXT\" | lacks \"TEXT\"        as a whole text in the best chain
  expect confirmations \"TEXT\" N
  expect difficulty rises | falls | stays      since the last such line or the start
  expect fails [because \"TEXT\"] COMMAND…         TEXT: something that its error says
N may have =, >=, <=, > or < in front. `within 10s` at the end of the line is how long it may
take to become so; 10 s if it is not there. Behind a line `down`, `expect down` is so. The first
command is `up`, with the flags of `networkmngr up`; its ports are free ones and its folder goes
with it, unless it says otherwise.
Commands without an end (`logs -f`) have no place here.
Exit code 5 says that an expectation was not met.";

/// Lists, shows or runs.
pub(super) async fn run(args: &ScenarioArgs, output: &mut Output) -> Result<ExitCode, Failure> {
    match &args.what {
        What::List => {
            let all: Vec<_> =
                shipped::ALL.iter().map(|one| json!({"name": one.name, "title": one.title()})).collect();
            output.data(&json!({ "scenarios": all }), shipped::listed);
        }
        What::Show { name } => {
            let (_, text) = source(name)?;
            output.data(&json!({ "name": name, "text": text }), |_| lines(&text));
        }
        What::Run(args) => {
            let (name, text) = source(&args.what)?;
            let scenario = parse::scenario(&name, &text)?;
            run::run(&scenario, args, output).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The name and the text of a lesson, or of a file.
fn source(what: &str) -> Result<(String, String), Failure> {
    match shipped::ALL.iter().find(|one| one.name == what) {
        Some(one) => Ok((format!("{}.scn", one.name), one.text.to_owned())),
        None => of_file(what),
    }
}

/// The scenario of a file; a name that is none is told which there are.
fn of_file(name: &str) -> Result<(String, String), Failure> {
    let path = PathBuf::from(name);
    if !path.exists() && !name.contains(['/', '.']) {
        shipped::named(name)?;
    }
    let text = read_text(Path::new(name), "`networkmngr scenario list` names those that are there already")?;
    Ok((name.to_owned(), text))
}
