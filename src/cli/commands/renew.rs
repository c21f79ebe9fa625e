//! `networkmngr renew`: a new network in the place of the one that runs, by the same manager.

use std::io::{self, IsTerminal, Write};

use hyper::Method;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::cli::commands::Context;
use crate::cli::manager::amount;
use crate::cli::output::spinner;
use crate::cli::render::{count, span};
use crate::cli::{Failure, TIMED_OUT, UNREACHABLE, USAGE, values, watch};
use crate::limits::{API_TIMEOUT, DOWN_POLL, RENEW_TIMEOUT};
use crate::manager::record;
use crate::manager::view::{Network, Renew, Renewed};
use crate::params::Params;
use crate::sim::Topology;

const EXAMPLES: &str = "\
Examples:
  networkmngr renew --difficulty 16
  networkmngr renew --block-time 10 --mine --hashrate 500k
  networkmngr renew -a 12 --topology ring --yes

What is not said is as it is now. The new network is at the same address and ports, and begins at
genesis; what the nodes kept until now moves to a folder beside them, whose name is said.";

/// What the new network is to be.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RenewArgs {
    /// How many nodes.
    #[arg(short, long, value_name = "N", value_parser = amount)]
    amount: Option<usize>,
    /// Who is linked with whom: mesh, ring, line, star, random or random:K.
    #[arg(long, value_name = "SHAPE")]
    topology: Option<String>,
    /// Leading zero bits of a block's hash, 1 to 64: each one more doubles the work.
    #[arg(long, value_name = "BITS")]
    difficulty: Option<u32>,
    /// Wanted time between blocks, in whole seconds, which the difficulty then follows; or none: it stays as it is.
    #[arg(long, value_name = "TIME|none", value_parser = block_time)]
    block_time: Option<BlockTime>,
    /// Have all nodes mine in the background all the time.
    #[arg(long)]
    mine: bool,
    /// Have none of them do so.
    #[arg(long, conflicts_with_all = ["mine", "hashrate"])]
    no_mine: bool,
    /// Hashes a second that all nodes together mine in the background, such as 120k or 1.5M.
    #[arg(long, value_name = "RATE", value_parser = values::hashrate)]
    hashrate: Option<u64>,
    /// Do not ask before.
    #[arg(short, long)]
    yes: bool,
}

/// A block time, or that there is to be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BlockTime(Option<u32>);

fn block_time(text: &str) -> Result<BlockTime, String> {
    match text {
        "none" => Ok(BlockTime(None)),
        _ => values::seconds(text).map(|seconds| BlockTime(Some(seconds))),
    }
    .map_err(|_| "expected whole seconds, or none".to_owned())
}

impl RenewArgs {
    /// What makes no sense is said before anybody is asked.
    fn check(&self) -> Result<(), Failure> {
        let wrong = |error: String| Failure::usage(error, "`networkmngr renew --help` lists the flags");
        let block_time = self.block_time.and_then(|BlockTime(seconds)| seconds);
        Params::lab(self.difficulty.unwrap_or(1), block_time).map_err(|error| wrong(error.to_string()))?;
        if let Some(shape) = &self.topology {
            let shaped: Result<Topology, _> = shape.parse();
            shaped.map_err(|error| wrong(format!("--topology {shape}: {error}")))?;
        }
        Ok(())
    }

    fn wanted(&self) -> Renew {
        Renew {
            amount: self.amount,
            topology: self.topology.clone(),
            difficulty: self.difficulty,
            block_time: self.block_time.map(|BlockTime(seconds)| seconds),
            mine: if self.no_mine { Some(false) } else { self.mine.then_some(true) },
            hashrate: self.hashrate,
        }
    }
}

pub(super) async fn run(args: &RenewArgs, context: &mut Context) -> Result<(), Failure> {
    args.check()?;
    let old = watch::network(&context.client).await?;
    if !args.yes {
        confirm(&old)?;
    }
    let start = Instant::now();
    let said = context.client.post("/api/v1/restart", &args.wanted(), API_TIMEOUT).await;
    let said: Renewed = said.map_err(|failure: Failure| match failure.code {
        USAGE => failure.or_hint("`networkmngr renew --help` lists the flags"),
        _ => failure,
    })?;
    let bar = spinner("a new network starts".to_owned());
    let new = ready(context, &old, &said).await;
    bar.finish_and_clear();
    let (new, took) = (new?, start.elapsed());
    let data = json!({
        "message": said.message, "old_run": said.run, "run": new.events.run, "rules": new.rules,
        "nodes": new.nodes.len(), "verdict": new.verdict, "seconds": took.as_secs_f64(),
    });
    context.output.data(&data, |style| {
        let (nodes, rules) = (count(new.nodes.len(), "node"), &new.rules.text);
        let message = &said.message;
        format!("{message}\n{nodes}, up after {}: {rules}\n{}\n", span(took), style.good(&new.verdict.text))
    });
    Ok(())
}

/// Asks on a terminal whether that is really wanted.
fn confirm(network: &Network) -> Result<(), Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        let error = "there is no terminal to ask on whether the network is to end";
        return Err(Failure::usage(error, "say `networkmngr renew --yes` with the other flags"));
    }
    let nodes = count(network.nodes.len(), "node");
    let folder = network.manager.data_dir.display();
    let kept = match network.manager.ephemeral {
        true => "their chain is gone then".to_owned(),
        false => format!("what they kept stays, in {folder}/before-…"),
    };
    let mut stderr = io::stderr().lock();
    let _ = write!(
        stderr,
        "{nodes} at {} stop, and a new network starts; {kept}. Go on? [y/N] ",
        network.manager.http
    )
    .and_then(|()| stderr.flush());
    let mut answer = String::new();
    let _ = io::stdin().read_line(&mut answer);
    match ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        true => Ok(()),
        false => Err(Failure::new("nothing was changed", "")),
    }
}

/// Waits until the new network is there.
async fn ready(context: &Context, old: &Network, said: &Renewed) -> Result<Network, Failure> {
    let deadline = Instant::now() + RENEW_TIMEOUT;
    loop {
        match context.client.call(Method::GET, "/api/v1/readyz", bytes::Bytes::new(), API_TIMEOUT).await {
            Ok(answer) if answer.is_good() => {
                let new = watch::network(&context.client).await?;
                if new.events.run != said.run {
                    return Ok(new);
                }
            }
            Err(failure) if failure.code == UNREACHABLE => {
                let log = old.manager.data_dir.join(record::LOGS).join(record::MANAGER_LOG);
                let error =
                    format!("the new network did not start, and its manager ended ({})", said.message);
                let hint = format!("see why in its log, {}", log.display());
                return Err(Failure { code: 1, ..Failure::new(error, hint) });
            }
            _ => {}
        }
        if Instant::now() >= deadline {
            let error = format!("the new network is not there within {} s", RENEW_TIMEOUT.as_secs());
            let hint = "it may still come: `networkmngr status` shows it then";
            return Err(Failure { code: TIMED_OUT, ..Failure::new(error, hint) });
        }
        sleep(DOWN_POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_time_is_seconds_or_none() {
        assert_eq!(block_time("10"), Ok(BlockTime(Some(10))));
        assert_eq!(block_time("2m"), Ok(BlockTime(Some(120))));
        assert_eq!(block_time("none"), Ok(BlockTime(None)));
        for bad in ["", "soon", "-1", "1.5"] {
            assert!(block_time(bad).is_err(), "{bad}");
        }
    }
}
