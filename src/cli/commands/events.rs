//! `networkmngr events`: what happens, as it happens.

use core::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::cli::client::Events;
use crate::cli::commands::{Context, look};
use crate::cli::{Failure, names, render, values, watch};
use crate::manager::happened::Kind;
use crate::manager::view::Event;

const EXAMPLES: &str = "\
Examples:
  networkmngr events
  networkmngr events --type reorg,tip --node B
  networkmngr events --all -n 100 --json
  networkmngr events --for 10s --json

Times are of the nodes' clocks, in UTC. With --json each event is a line as the API has it. What
the page plays again is what its “Save” keeps, which begins with the network as it was.";

/// Which events.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EventsArgs {
    /// Only of these types.
    #[arg(long = "type", value_name = "TYPES", value_delimiter = ',', value_parser = kind, help = kinds_help())]
    kinds: Vec<String>,
    /// Only what this node told.
    #[arg(long, value_name = "NODE", value_parser = names::node)]
    node: Option<usize>,
    /// Begin with all that is still kept, instead of now.
    #[arg(long)]
    all: bool,
    /// End after so many.
    #[arg(short = 'n', long, value_name = "N")]
    count: Option<u64>,
    /// End after this time.
    #[arg(long = "for", value_name = "TIME", value_parser = values::time)]
    time: Option<Duration>,
}

impl EventsArgs {
    /// Whether it never ends by itself.
    pub(in crate::cli) fn is_endless(&self) -> bool {
        self.count.is_none() && self.time.is_none()
    }
}

/// The names of all events.
fn kinds() -> impl Iterator<Item = &'static str> {
    Kind::all().map(Kind::name)
}

fn kinds_help() -> String {
    format!("Only of these types: {}", kinds().collect::<Vec<_>>().join(", "))
}

/// The name of an event.
fn kind(text: &str) -> Result<String, String> {
    if kinds().any(|known| known == text) {
        return Ok(text.to_owned());
    }
    let meant = values::meant(kinds(), text);
    Err(format!("{meant}There are {}", kinds().collect::<Vec<_>>().join(", ")))
}

/// Whether it says that what comes is no longer of the run that was heard until then.
fn is_of_another_run(event: &Event) -> bool {
    let restarted = event.more.get("restarted").and_then(Value::as_bool);
    event.kind == Kind::Start.name() && restarted == Some(true)
}

pub(super) async fn run(args: &EventsArgs, context: &mut Context) -> Result<(), Failure> {
    if let Some(node) = args.node {
        look::known(&watch::network(&context.client).await?, node)?;
    }
    let after = match args.all {
        true => Some(format!("{}.0", watch::network(&context.client).await?.events.run)),
        false => None,
    };
    let mut events = Events::open(&context.client, after).await?;
    let mut left = args.count.unwrap_or(u64::MAX);
    // A day that nobody waits out stands for no end.
    let until = Instant::now() + args.time.unwrap_or(Duration::from_secs(10 * 365 * 24 * 3600));
    while left > 0 {
        let told = tokio::select! {
            told = events.next() => told?,
            () = sleep_until(until) => return Ok(()),
        };
        let event = &told.event;
        let is_named = args.kinds.contains(&event.kind);
        // The stream's own beginning is for those who ask for it.
        let wanted = is_named || (args.kinds.is_empty() && event.kind != Kind::Start.name());
        // That events were lost, or are of another run, whose numbers are others, is never kept from anybody.
        let is_always_told = event.kind == Kind::Lost.name() || is_of_another_run(event);
        let is_told = is_always_told || (wanted && args.node.is_none_or(|node| event.node == Some(node)));
        if !is_told {
            continue;
        }
        left -= 1;
        let is_read = match context.output.json {
            true => context.output.raw(&told.json),
            false => context.output.item(event, |style| render::event(event, style)),
        };
        if !is_read {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_there_is_not_is_refused_with_the_nearest() {
        assert_eq!(kind("reorg").as_deref(), Ok("reorg"));
        let error = kind("reorgs").expect_err("none");
        assert!(error.starts_with("did you mean reorg? There are peer_ready, "), "{error}");
        assert!(error.contains("mining_set") && error.ends_with("start, lost"), "{error}");
    }
}
