//! `networkmngr wait`: until the network is as one wants it.

use core::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::cli::commands::Context;
use crate::cli::output::spinner;
use crate::cli::render::count;
use crate::cli::watch::{Watch, timed_out};
use crate::cli::{Failure, values};
use crate::manager::view::{Condition, Network};

const EXAMPLES: &str = "\
Examples:
  networkmngr wait --ready
  networkmngr wait --in-sync --timeout 30s
  networkmngr wait --height 10
  networkmngr wait --tips 2

Of several, all have to be so at once. Exit code 4 says that it was not so in time. With mining
in the background, `networkmngr status` says how long a block takes on average: no wait makes
the next one more likely.";

/// What to wait for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("what").args(["ready", "in_sync", "height", "tips"]).required(true).multiple(true))]
pub(crate) struct WaitArgs {
    /// Until every node runs that nobody wants away, and every link that is not cut is up.
    #[arg(long)]
    ready: bool,
    /// Until all nodes that run have one tip.
    #[arg(long)]
    in_sync: bool,
    /// Until every node that runs has a chain of this height or more.
    #[arg(long, value_name = "N")]
    height: Option<u64>,
    /// Until there are so many tips.
    #[arg(long, value_name = "N")]
    tips: Option<usize>,
    /// How long: a time such as 500ms or 2m, or seconds.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::time)]
    timeout: Duration,
}

impl WaitArgs {
    fn is_met(&self, network: &Network) -> bool {
        let verdict = &network.verdict;
        (!self.ready || network.not_ready.is_none())
            && (!self.in_sync || verdict.condition == Condition::InSync)
            && self.height.is_none_or(|height| {
                !verdict.tips.is_empty() && verdict.tips.iter().all(|tip| tip.height >= height)
            })
            && self.tips.is_none_or(|tips| verdict.tips.len() == tips)
    }

    fn said(&self) -> String {
        let mut parts = Vec::new();
        if self.ready {
            parts.push("ready".to_owned());
        }
        if self.in_sync {
            parts.push("in sync".to_owned());
        }
        parts.extend(self.height.map(|height| format!("height {height}")));
        parts.extend(self.tips.map(|tips| count(tips, "tip")));
        parts.join(", ")
    }
}

pub(super) async fn run(args: &WaitArgs, context: &mut Context) -> Result<(), Failure> {
    let start = Instant::now();
    let mut watch = Watch::begin(&context.client).await?;
    let bar = spinner(format!("waiting for {}", args.said()));
    let is_met = watch
        .until(start + args.timeout, |network| {
            bar.set_message(format!("waiting for {}; {}", args.said(), network.verdict.text));
            args.is_met(network)
        })
        .await;
    bar.finish_and_clear();
    if !is_met? {
        let network = watch.network();
        let mut there = network.verdict.text.clone();
        if let Some(why) = network.not_ready.as_ref().filter(|why| args.ready && !there.contains(*why)) {
            there.push_str(&format!("; {why}"));
        }
        return Err(timed_out(&args.said(), args.timeout.as_secs_f64(), &there));
    }
    let took = start.elapsed();
    let verdict = &watch.network().verdict;
    context.output.data(&json!({"seconds": took.as_secs_f64(), "verdict": verdict}), |style| {
        format!("{} after {}: {}\n", args.said(), crate::cli::render::span(took), style.good(&verdict.text))
    });
    Ok(())
}
