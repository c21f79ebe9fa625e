//! `networkmngr simulate`: a network under a clock that jumps, and what came of it.

use std::io::IsTerminal;
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Failure;
use crate::cli::output::print_report;
use crate::limits::{
    MAX_CONTENT_BYTES, MAX_SIMULATED_BLOCKS, MAX_SIMULATED_CONTENT, MAX_SIMULATED_NODES, MAX_SIMULATION_SECS,
    SETTLE_TIMEOUT,
};
use crate::sim::{
    self, Amount, Bandwidth, Broken, Faults, Interval, Latency, Line, Progress, Relay, Settings, Share, Span,
    TooSlow, Topology, Violation,
};

/// Most of what is sent that may be lost: beyond it, TCP hardly works either.
const MOST_LOSS: Share = Share { millionths: 500_000 };

const EXAMPLES: &str = "\
Examples:
  networkmngr simulate
  networkmngr simulate --nodes 1000 --loss 1% --seed 7
  networkmngr simulate --interval 1s --latency 100ms±50ms --blocks 1000
  networkmngr simulate --block-bytes 500000 --bandwidth 20Mbit --interval 1m
  networkmngr simulate --nodes 200 --partition 100s..300s --churn 5% --late 10%
  networkmngr simulate --nodes 200 --liars 5% --withhold 5% --json

The same flags give the same run, on every machine: the trace in the report is a hash over all
that happened. With --json the report is one document, its times in microseconds and its shares in
millionths. If something that must hold does not, the run ends with exit code 1 and the command
that repeats it.";

/// Simulate a network: the nodes are real, the world around them is not. Proof of work is real and easy; who
/// finds a block, and when, is drawn.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct SimulateArgs {
    /// How many nodes.
    #[arg(short, long, value_name = "N", default_value_t = 100, value_parser = nodes, allow_negative_numbers = true)]
    nodes: usize,
    /// Who is linked with whom: mesh, ring, line, star, or random:K, where each node begins K links.
    #[arg(short, long, value_name = "SHAPE", default_value = "random:8")]
    topology: Topology,
    /// How long a message is under way, and how much more or less that may be: 50ms±20ms or 50ms+-20ms. It stays
    /// below 2.5s: two of them make a handshake, which has 5 s.
    #[arg(short, long, value_name = "TIME", default_value = "50ms±20ms")]
    latency: Latency,
    /// What a node sends at most, over all its connections, such as 500kbit or 20Mbit; without it, any. At least
    /// 9kbit, and enough for a block in 64 s.
    #[arg(short = 'w', long, value_name = "RATE")]
    bandwidth: Option<Bandwidth>,
    /// How many of the TCP segments are lost, and sent again: up to 50%.
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = loss)]
    loss: Share,
    /// How many blocks are found.
    #[arg(short, long, value_name = "N", default_value_t = 100, value_parser = blocks, allow_negative_numbers = true)]
    blocks: u64,
    /// Mean time between blocks; the times themselves are exponential.
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = interval)]
    interval: Span,
    /// Bytes of content for each block, up to 999000.
    #[arg(long, value_name = "BYTES", default_value_t = 0, value_parser = block_bytes, allow_negative_numbers = true)]
    block_bytes: usize,
    /// Bytes of one content, at most.
    #[arg(long, value_name = "BYTES", default_value_t = MAX_CONTENT_BYTES, value_parser = content_bytes, allow_negative_numbers = true)]
    content_bytes: usize,
    /// How many of the contents are given to nodes as they come up, and wait in everybody's pool for a block.
    /// The others nobody knows before the block that has them.
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    pooled: Share,
    /// How nodes tell each other of blocks: as they do (shipped); or, to compare, always whole (flood), whole to
    /// K peers and by the header to the others (push:K), by the header (announce), or in short (compact).
    #[arg(long, value_name = "FORM", default_value = "shipped")]
    relay: Relay,
    /// While it lasts the network is in two halves, counted from the time when mining begins: 60s..120s.
    #[arg(long, value_name = "FROM..TO")]
    partition: Option<Interval>,
    /// How many of the nodes leave each minute; each comes back after a minute, on average.
    #[arg(long, value_name = "SHARE", default_value = "0%")]
    churn: Share,
    /// Nodes that start when half of the blocks are found: a number, or a percentage of all.
    #[arg(long, value_name = "NODES", default_value = "0")]
    late: Amount,
    /// Nodes that send invalid blocks, and headers whose blocks nobody ever gets.
    #[arg(long, value_name = "NODES", default_value = "0")]
    liars: Amount,
    /// Nodes that announce every block and give none.
    #[arg(long, value_name = "NODES", default_value = "0")]
    withhold: Amount,
    /// Decides all that is left to chance.
    #[arg(short, long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

fn nodes(text: &str) -> Result<usize, String> {
    let wanted = text.parse().ok().filter(|nodes| (1..=MAX_SIMULATED_NODES).contains(nodes));
    wanted.ok_or_else(|| format!("a simulation has 1 to {MAX_SIMULATED_NODES} nodes"))
}

fn blocks(text: &str) -> Result<u64, String> {
    let wanted = text.parse().ok().filter(|blocks| (1..=MAX_SIMULATED_BLOCKS).contains(blocks));
    wanted.ok_or_else(|| format!("a simulation finds 1 to {MAX_SIMULATED_BLOCKS} blocks"))
}

fn block_bytes(text: &str) -> Result<usize, String> {
    let wanted = text.parse().ok().filter(|bytes| *bytes <= MAX_SIMULATED_CONTENT);
    wanted.ok_or_else(|| format!("a block has room for 0 to {MAX_SIMULATED_CONTENT} bytes of content"))
}

fn content_bytes(text: &str) -> Result<usize, String> {
    let wanted = text.parse().ok().filter(|bytes| (1..=MAX_CONTENT_BYTES).contains(bytes));
    wanted.ok_or_else(|| format!("a content has 1 to {MAX_CONTENT_BYTES} bytes"))
}

fn loss(text: &str) -> Result<Share, String> {
    let share: Share = text.parse().map_err(|error: sim::BadValue| error.to_string())?;
    if share <= MOST_LOSS { Ok(share) } else { Err(format!("expected at most {MOST_LOSS}")) }
}

fn interval(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error: sim::BadValue| error.to_string())?;
    if span.0.is_zero() { Err("expected a time above 0".to_owned()) } else { Ok(span) }
}

impl SimulateArgs {
    fn settings(&self) -> Result<Settings, Failure> {
        let SimulateArgs { nodes, topology, .. } = *self;
        if let Some(most) = topology.most().filter(|most| nodes > *most) {
            let error = format!("a {topology} of {nodes} nodes cannot be: no node takes so many connections");
            return Err(Failure::usage(error, format!("use at most {most} nodes, or --topology random:8")));
        }
        let others = self.late.of(nodes) + self.liars.of(nodes) + self.withhold.of(nodes);
        if others >= nodes {
            let error = format!("of {nodes} nodes, {others} come late or do not behave: nobody is left");
            return Err(Failure::usage(error, "lower --late, --liars or --withhold"));
        }
        // Who does not behave, or is not there yet, finds no block that counts.
        let draws = u128::from(self.blocks) * nodes as u128 / (nodes - others) as u128;
        let years = |secs: u128| secs / (365 * 24 * 60 * 60);
        let lasts = draws * self.interval.0.as_nanos() / 1_000_000_000;
        if lasts > u128::from(MAX_SIMULATION_SECS) {
            let most = years(MAX_SIMULATION_SECS.into());
            let error = format!(
                "{} blocks, one in {}, take some {} years of simulated time: more than {most}",
                self.blocks,
                self.interval,
                years(lasts)
            );
            return Err(Failure::usage(error, "lower --blocks or --interval"));
        }
        let line = Line { latency: self.latency, bandwidth: self.bandwidth, loss: self.loss };
        if nodes > 1 {
            line.check(self.block_bytes).map_err(|slow| {
                let hint = match slow {
                    TooSlow::Latency { .. } => "use a lower --latency",
                    TooSlow::Frame { .. } => "use a higher --bandwidth",
                    TooSlow::Block { .. } => "use a higher --bandwidth, or lower --block-bytes",
                };
                Failure::usage(slow.to_string(), hint)
            })?;
        }
        Ok(Settings {
            nodes,
            topology,
            line,
            blocks: self.blocks,
            interval: self.interval.0,
            block_bytes: self.block_bytes,
            content_bytes: self.content_bytes,
            pooled: self.pooled,
            relay: self.relay,
            seed: self.seed,
            faults: Faults {
                partition: self.partition,
                churn: self.churn,
                late: self.late,
                liars: self.liars,
                withhold: self.withhold,
            },
        })
    }

    /// The command that repeats this run.
    fn command(&self) -> String {
        let SimulateArgs { nodes, topology, latency, loss, blocks, interval, block_bytes, seed, .. } = self;
        let mut command = format!(
            "networkmngr simulate --nodes {nodes} --topology {topology} --latency {latency} --loss {loss} \
             --blocks {blocks} --interval {interval} --block-bytes {block_bytes} --content-bytes {} --pooled {} \
             --relay {} --churn {} --late {} --liars {} --withhold {}",
            self.content_bytes, self.pooled, self.relay, self.churn, self.late, self.liars, self.withhold
        );
        if let Some(bandwidth) = self.bandwidth {
            command.push_str(&format!(" --bandwidth {bandwidth}"));
        }
        if let Some(partition) = self.partition {
            command.push_str(&format!(" --partition {partition}"));
        }
        command.push_str(&format!(" --seed {seed}"));
        command
    }
}

/// Runs it, and says what came of it.
pub(super) fn run(args: &SimulateArgs, json: bool) -> Result<ExitCode, Failure> {
    let settings = args.settings()?;
    let bar = bar(settings.blocks);
    let mut progress = |Progress { blocks, elapsed }: Progress| {
        bar.set_position(blocks);
        bar.set_message(format!("{} s", elapsed.as_secs()));
    };
    let ended = sim::simulate(&settings, &mut progress);
    bar.finish_and_clear();
    let report = ended.map_err(|violation| broken(args, &violation))?;
    print_report(&report, json)?;
    Ok(ExitCode::SUCCESS)
}

fn broken(args: &SimulateArgs, violation: &Violation) -> Failure {
    let error = format!("seed {}: {violation}", args.seed);
    let says = match *violation.what {
        // Who is behind may have had too slow a way to the others; nothing else is the links' doing.
        Broken::Behind { .. } => {
            format!(
                "unless the links are too slow for the blocks to be everywhere {} minutes after the last one, that \
                 must never be",
                SETTLE_TIMEOUT.as_secs() / 60
            )
        }
        _ => "that must never be".to_owned(),
    };
    Failure::new(error, format!("{says}; this repeats it: {}", args.command()))
}

/// Shown on a terminal only.
fn bar(blocks: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} blocks, {msg} simulated, {eta} to go");
    ProgressBar::new(blocks).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn args(flags: &str) -> Result<SimulateArgs, clap::Error> {
        Only::try_parse_from(["simulate"].into_iter().chain(flags.split_whitespace())).map(|only| only.args)
    }

    #[test]
    fn the_command_of_a_run_repeats_it() {
        for flags in [
            "",
            "--nodes 1000 --topology random:8 --latency 50ms+-20ms --loss 1% --blocks 100 --seed 7",
            "--bandwidth 1.5Mbit --partition 60s..2m --churn 0.5% --late 3 --liars 5% --withhold 1",
            "--interval 1.5h --block-bytes 999000 --topology star",
            "--block-bytes 10000 --content-bytes 500 --pooled 90% --relay push:4",
        ] {
            let first = args(flags).unwrap_or_else(|error| panic!("{flags}: {error}"));
            let command = first.command();
            let again = command.strip_prefix("networkmngr simulate").expect("the command");
            let again = args(again).unwrap_or_else(|error| panic!("{command}: {error}"));
            assert_eq!(first.settings(), again.settings(), "{command}");
        }
    }

    #[test]
    fn flags_that_make_no_sense_are_refused_for_what_they_are() {
        for (flags, why) in [
            ("--nodes 0", "a simulation has 1 to 100000 nodes"),
            ("--nodes -1", "a simulation has 1 to 100000 nodes"),
            ("--blocks -1", "a simulation finds 1 to 1000000 blocks"),
            ("--topology torus", "expected mesh, ring, line, star, random or random:K"),
            ("--latency soon", "expected a time such as 50ms, or one and its spread such as 50ms±20ms"),
            ("--latency 10ms±20ms", "expected a spread of at most the latency itself"),
            ("--loss 51%", "expected at most 50%"),
            ("--loss 1", "expected a percentage such as 1%"),
            ("--interval 0s", "expected a time above 0"),
            ("--block-bytes 1000000", "a block has room for 0 to 999000 bytes"),
            ("--content-bytes 0", "a content has 1 to 65536 bytes"),
            ("--relay pull", "expected shipped, flood, announce, compact, or push"),
            ("--relay push:0", "expected shipped, flood, announce, compact, or push"),
            ("--partition 60s", "expected two times"),
            ("--liars some", "expected a number of nodes such as 5, or a percentage"),
            ("--bandwidth 10", "expected bits a second"),
        ] {
            let error = args(flags).expect_err(flags).to_string();
            assert!(error.contains(why), "{flags}: {error}");
        }
        for (flags, why) in [
            ("--nodes 258 --topology star", "a star of 258 nodes cannot be"),
            (
                "--latency 2500ms",
                "a latency of 2.5s lets no link come up: a handshake takes two of them, and has 5 s",
            ),
            ("--latency 3s±3s", "a latency of 3s lets no link come up"),
            (
                "--bandwidth 8kbit",
                "a bandwidth of 8kbit is too little: a frame has to arrive at 1024 bytes a second",
            ),
            (
                "--bandwidth 100kbit --block-bytes 999000",
                "too little for blocks of 999000 bytes: each takes 79.92s, and a node that asked for it waits for 64 s",
            ),
            (
                "--nodes 1 --blocks 30000 --interval 240h",
                "take some 821 years of simulated time: more than 50",
            ),
            ("--blocks 1000000 --interval 6h", "1000000 blocks, one in 21600s, take some 684 years"),
            ("--withhold 99 --blocks 1000 --interval 24h", "take some 273 years"),
            ("--nodes 10 --liars 50% --withhold 5", "of 10 nodes, 10 come late or do not behave"),
        ] {
            let failure = args(flags).expect("flags").settings().expect_err(flags);
            assert!(failure.error.contains(why) && failure.code == crate::cli::USAGE, "{failure}");
        }
    }
}
