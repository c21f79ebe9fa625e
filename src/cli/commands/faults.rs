//! `networkmngr partition`, `heal`, `link` and `unlink`: a network that is broken, and mended.

use core::time::Duration;

use serde_json::json;

use crate::cli::commands::Context;
use crate::cli::render::{span, tip_of};
use crate::cli::{Failure, USAGE, names};
use crate::limits::{API_CHANGE_TIMEOUT, MAX_FAULT_LATENCY_MICROS, MAX_FAULT_LOSS_PPM};
use crate::manager::view::{Condition, Link, Network, Partition, SetLink};
use crate::manager::words;
use crate::sim::{BadValue, Latency, Share};

const EXAMPLES_PARTITION: &str = "\
Examples:
  networkmngr partition --halves
  networkmngr partition A,B/C,D
  networkmngr partition 0-2/3-5

Nodes that are in no group are a group together. Mine on both sides, see `networkmngr tree`, then
`networkmngr heal`.";

/// Who is kept from whom.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES_PARTITION)]
pub(crate) struct PartitionArgs {
    /// The groups.
    #[arg(value_name = "GROUPS", required_unless_present = "halves")]
    groups: Option<names::Groups>,
    /// The lower half of the nodes, and the upper one.
    #[arg(long, conflicts_with = "groups")]
    halves: bool,
}

pub(super) async fn partition(args: &PartitionArgs, context: &mut Context) -> Result<(), Failure> {
    let groups = args.groups.as_ref().map(|groups| groups.0.clone()).unwrap_or_default();
    let partition = Partition { groups, halves: args.halves };
    let network = context.client.post("/api/v1/partition", &partition, API_CHANGE_TIMEOUT).await;
    let network: Network = network.map_err(|failure: Failure| match failure.code {
        USAGE => failure.or_hint("leave some nodes out, or write / between groups: A,B/C,D"),
        _ => failure,
    })?;
    context.output.data(&network, |style| {
        let groups = words::apart(network.partition.as_deref().unwrap_or_default());
        let cut = network.links.iter().filter(|link| link.cut).count();
        format!("{}, {cut} links cut\n", style.warn(&format!("apart: {groups}")))
    });
    Ok(())
}

const EXAMPLES_HEAL: &str = "\
Examples:
  networkmngr heal
  networkmngr heal --keep-slow";

/// What is mended.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES_HEAL)]
pub(crate) struct HealArgs {
    /// Leave latency and loss of links as they are.
    #[arg(long)]
    keep_slow: bool,
}

pub(super) async fn heal(args: &HealArgs, context: &mut Context) -> Result<(), Failure> {
    let path = if args.keep_slow { "/api/v1/heal?links=keep" } else { "/api/v1/heal" };
    let network: Network = context.client.post(path, &json!({}), API_CHANGE_TIMEOUT).await?;
    context.output.data(&network, |style| {
        let (up, all) = (network.links.iter().filter(|link| link.up).count(), network.links.len());
        let whole = if up == all { "whole: " } else { "healed: " };
        let verdict = match network.verdict.condition {
            Condition::InSync => style.good(&network.verdict.text),
            _ => style.warn(&network.verdict.text),
        };
        let mut text = format!("{whole}{up} of {all} links up; {verdict}\n");
        if let [tip] = &network.verdict.tips[..] {
            text += &format!("tip {}\n", tip_of(tip));
        }
        text
    });
    Ok(())
}

const EXAMPLES_LINK: &str = "\
Examples:
  networkmngr link A B
  networkmngr link A B --latency 50ms±20ms --loss 1%

Latency is put on each way. Loss is as TCP has it: what is lost is sent again, and late. Without
either, the link is as fast as it can be.";

/// Which link, and what it is like.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES_LINK)]
pub(crate) struct LinkArgs {
    /// One end.
    #[arg(value_name = "NODE", value_parser = names::node)]
    a: usize,
    /// The other.
    #[arg(value_name = "NODE", value_parser = names::node)]
    b: usize,
    /// How long a message is under way, and how much more or less that may be: 50ms, 50ms±20ms or 50ms+-20ms.
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = latency)]
    latency: Latency,
    /// How much is lost, and sent again: at most 90%.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = loss)]
    loss: Share,
}

fn latency(text: &str) -> Result<Latency, String> {
    let latency: Latency = text.parse().map_err(|error: BadValue| error.to_string())?;
    let most = Duration::from_micros(MAX_FAULT_LATENCY_MICROS.into());
    match latency.mean <= most {
        true => Ok(latency),
        false => Err(format!("at most {}", span(most))),
    }
}

fn loss(text: &str) -> Result<Share, String> {
    let loss: Share = text.parse().map_err(|error: BadValue| error.to_string())?;
    let most = Share { millionths: MAX_FAULT_LOSS_PPM };
    match loss.millionths <= most.millionths {
        true => Ok(loss),
        false => Err(format!("at most {most}")),
    }
}

/// A link in a line.
fn said(link: &Link) -> String {
    let mut text = format!("{} - {}: ", names::letters(link.a), names::letters(link.b));
    text += match (link.cut, link.up) {
        (true, _) => "cut",
        (false, true) => "up",
        (false, false) => "down, and dialled again and again",
    };
    let time = |millis: f64| span(core::time::Duration::try_from_secs_f64(millis / 1e3).unwrap_or_default());
    if link.latency_ms > 0.0 {
        text += &format!(", {} each way", time(link.latency_ms));
    }
    if link.jitter_ms > 0.0 {
        text += &format!(" ±{}", time(link.jitter_ms));
    }
    if link.loss > 0.0 {
        text += &format!(", {:.1} % lost", link.loss * 100.0);
    }
    text + "\n"
}

fn ends(a: usize, b: usize) -> Result<(usize, usize), Failure> {
    match a == b {
        true => Err(Failure::usage("a node has no link with itself", "name two nodes, such as A B")),
        false => Ok((a.min(b), a.max(b))),
    }
}

pub(super) async fn link(args: &LinkArgs, context: &mut Context) -> Result<(), Failure> {
    let (a, b) = ends(args.a, args.b)?;
    let set = SetLink {
        a,
        b,
        latency_ms: args.latency.mean.as_secs_f64() * 1e3,
        jitter_ms: args.latency.spread.as_secs_f64() * 1e3,
        loss: f64::from(args.loss.millionths) / 1e6,
    };
    let link: Link = context.client.post("/api/v1/links", &set, API_CHANGE_TIMEOUT).await?;
    context.output.data(&link, |_| said(&link));
    Ok(())
}

/// Which link.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  networkmngr unlink A B\n\n`networkmngr link A B` mends it.")]
pub(crate) struct UnlinkArgs {
    /// One end.
    #[arg(value_name = "NODE", value_parser = names::node)]
    a: usize,
    /// The other.
    #[arg(value_name = "NODE", value_parser = names::node)]
    b: usize,
}

pub(super) async fn unlink(args: &UnlinkArgs, context: &mut Context) -> Result<(), Failure> {
    let (a, b) = ends(args.a, args.b)?;
    let link: Link = context.client.delete(&format!("/api/v1/links/{a}/{b}")).await?;
    context.output.data(&link, |_| said(&link));
    Ok(())
}
