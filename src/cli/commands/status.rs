//! `networkmngr status`: the network at a glance, once or as it changes.

use tokio::time::{Instant, sleep_until};

use crate::cli::commands::{Context, now};
use crate::cli::watch::{self, Watch};
use crate::cli::{Failure, render};
use crate::limits::REFRESH_PERIOD;
use crate::manager::view::Network;

const EXAMPLES: &str = "\
Examples:
  networkmngr status
  networkmngr status --watch
  networkmngr status --json

A, B, C are the nodes. Where nodes disagree, their tips are numbered. A height without a tip is
not known yet.";

/// How to show it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StatusArgs {
    /// Show it again whenever something changes, at most once a second, until Ctrl-C.
    #[arg(short, long)]
    watch: bool,
}

impl StatusArgs {
    /// Whether it never ends by itself.
    pub(in crate::cli) fn is_endless(&self) -> bool {
        self.watch
    }
}

pub(super) async fn run(args: &StatusArgs, context: &mut Context) -> Result<(), Failure> {
    if !args.watch {
        let network = watch::network(&context.client).await?;
        context.output.data(&network, |style| render::status(&network, now(), style));
        return Ok(());
    }
    let mut watch = Watch::begin(&context.client).await?;
    let is_terminal = context.output.is_terminal();
    let mut last = None;
    loop {
        let network = watch.network();
        let now_told = told(network);
        // On a terminal times go on, elsewhere the same is not said twice.
        if is_terminal || last.as_ref() != Some(&now_told) {
            let is_read = context.output.item(network, |style| {
                let text = render::status(network, now(), style);
                // On a terminal the old one goes; elsewhere a line is between them.
                if is_terminal { format!("\x1b[H\x1b[2J{text}") } else { format!("{text}\n") }
            });
            if !is_read {
                return Ok(());
            }
            last = Some(now_told);
        }
        let shown = Instant::now();
        watch.changed().await?;
        // What comes right behind is shown with it.
        let until = shown + REFRESH_PERIOD;
        while Instant::now() < until {
            tokio::select! {
                changed = watch.changed() => changed?,
                () = sleep_until(until) => {}
            }
        }
        watch.refresh().await?;
    }
}

/// What makes a network another one to whoever looks: not that a process took a page more.
fn told(network: &Network) -> Network {
    let mut told = network.clone();
    told.events.seq = 0;
    told.nodes.iter_mut().for_each(|node| node.memory = None);
    told
}
