//! `p2pnode verify`: a look over a node's folder while it does not run, and its repair.

use std::io::{IsTerminal, Write};
use std::panic;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::network::NetworkArgs;
use crate::cli::seed::random;
use crate::cli::{DATA, Failure, folder};
use crate::store::{self, Made, OpenError, Repaired, Report};
use crate::types::NodeId;

/// Check everything in a node's folder; the node must not run.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The node's folder, as given to it with --data-dir.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Where something is damaged, set it aside and keep what is whole; the rest comes from peers again.
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    network: NetworkArgs,
}

/// Checks, and repairs if that was asked for: 0 where all is well, [`DATA`] where something is damaged.
pub(super) fn run(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    quiet_panics();
    let params = Arc::new(args.network.params()?);
    let bar = bar();
    let mut progress = |done, all: u64| {
        bar.set_length(all.max(done));
        bar.set_position(done);
    };
    let looked = if args.repair {
        store::repair(&args.folder, &params, NodeId(random()?), &mut progress)
    } else {
        store::verify(&args.folder, &params, &mut progress).map(|report| Repaired { report, made: None })
    };
    bar.finish_and_clear();
    let Repaired { report, made } = looked.map_err(|error| refused(&error))?;
    let mut text = described(&report);
    text.push_str(&match &made {
        Some(made) => outcome(made),
        None if report.findings.is_empty() => "nothing is damaged\n".to_owned(),
        None => format!(
            "\n`p2pnode verify {} --repair{}` keeps what is whole, and sets aside what is not\n",
            args.folder.display(),
            args.network.unusual().iter().map(|flag| format!(" {flag}")).collect::<String>(),
        ),
    });
    // Nobody may be reading: the exit code says it all the same.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let is_damaged = !report.findings.is_empty() && made.is_none();
    Ok(if is_damaged { ExitCode::from(DATA) } else { ExitCode::SUCCESS })
}

fn refused(error: &OpenError) -> Failure {
    let failure = folder::refused(error);
    match error {
        OpenError::Locked { .. } => {
            Failure { hint: "stop that node first, with Ctrl-C or SIGTERM".to_owned(), ..failure }
        }
        OpenError::OtherNetwork { .. } => Failure {
            hint: "give the flags that the node was given (--network, --difficulty, --block-time)".to_owned(),
            ..failure
        },
        _ => failure,
    }
}

/// The library that keeps the chain may panic over a damaged file. That is caught and told as a finding;
/// what the panic says of itself helps nobody.
fn quiet_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|at| at.file().contains("redb-")) {
            usual(panic);
        }
    }));
}

/// Shown on a terminal only.
pub(super) fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What is there, and each finding on a line.
fn described(report: &Report) -> String {
    let node = report.node.map_or("not known".to_owned(), |node| node.to_string());
    let tip = report.tip.map_or("none that hangs together".to_owned(), |tip| {
        format!("{} at height {}", tip.hash, tip.height)
    });
    let Report { blocks, transactions, bytes, waiting, .. } = report;
    let mut text = format!(
        "node     {node}\nblocks   {blocks} ({transactions} transactions, {bytes} bytes)\n\
         waiting  {waiting} transactions\ntip      {tip}\n"
    );
    if report.unclosed {
        text.push_str("the node was killed when it ran last: its next start recovers, nothing is lost\n");
    }
    for damage in &report.findings {
        text.push_str(&format!("damaged  {}: {}\n", damage.path.display(), damage.what));
    }
    if report.more > 0 {
        text.push_str(&format!("         and {} findings more\n", report.more));
    }
    text
}

fn outcome(made: &Made) -> String {
    let Made { node, blocks, waiting, tip, aside } = made;
    let mut text = format!(
        "\nrepaired: the node {node} has {blocks} blocks up to height {} and {waiting} waiting \
         transactions; the rest comes from its peers\n",
        tip.height
    );
    for path in aside {
        text.push_str(&format!("aside    {}\n", path.display()));
    }
    text.push_str("start the node; what was set aside may go once it is back where it was\n");
    text
}
