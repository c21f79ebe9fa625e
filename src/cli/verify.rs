//! `p2pnode verify`: a look over a node's folder while it does not run, and its repair.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::idle::{Interrupts, UNLOCKED};
use crate::cli::network::NetworkArgs;
use crate::cli::output::Output;
use crate::cli::seed::random;
use crate::cli::{DATA, Failure, idle};
use crate::file;
use crate::store::{self, Made, Repaired, Report};
use crate::text::quoted;
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
    idle::quiet_panics();
    let interrupts = Interrupts::watch()?;
    if args.repair {
        interrupts.clear(file::beside(&args.folder.join(store::CHAIN_FILE)));
    }
    let params = idle::network(&args.network, &args.folder)?;
    let fresh = NodeId(random()?);
    let looked = idle::with_bar(|progress| match args.repair {
        true => store::repair(&args.folder, &params, fresh, progress),
        false => store::verify(&args.folder, &params, progress).map(|report| Repaired { report, made: None }),
    });
    let Repaired { report, made } = looked.map_err(|error| idle::refused(&error))?;
    let mut text = described(&report);
    text.push_str(&match &made {
        Some(made) => outcome(made),
        None if report.findings.is_empty() => "nothing is damaged\n".to_owned(),
        None => format!(
            "\n`p2pnode verify {} --repair{}` keeps what is whole, and sets aside what is not\n",
            quoted(&args.folder.to_string_lossy()),
            args.network.unusual().iter().map(|flag| format!(" {flag}")).collect::<String>(),
        ),
    });
    let is_damaged = !report.findings.is_empty() && made.is_none();
    let code = if is_damaged { DATA } else { 0 };
    let mut output = Output::stdout(false);
    output.write(&text);
    // Damage is what the exit code says, whoever hears of it.
    output
        .end()
        .map_err(|failure| Failure { code: if is_damaged { code } else { failure.code }, ..failure })?;
    Ok(ExitCode::from(code))
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
    if let Some(kept) = &report.kept {
        text.push_str(&format!("whole    up to height {}, {}\n", kept.height, kept.hash));
    }
    if report.unclosed {
        text.push_str("the node was killed when it ran last");
        // With what is wrong it may not start at all.
        text.push_str(if report.findings.is_empty() { ": its next start recovers\n" } else { "\n" });
    }
    if report.unlocked {
        text.push_str(&format!("{UNLOCKED}\n"));
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
