//! What came of a run: as a value, as JSON, and as a table for people.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::sim::network::Network;
use crate::sim::run::{Outcome, Settings};
use crate::sim::spread::MARKS;
use crate::types::BlockHash;
use crate::types::hash::write_hex;
use crate::wire::Kind;

/// What came of a run. Times are in microseconds, shares in millionths: whole numbers, so that the same seed
/// gives the same bytes everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was asked for.
    pub config: Config,
    /// Simulated time, from the first node's start to the end.
    pub simulated_us: u64,
    /// Simulated time in which blocks were found.
    pub mining_us: u64,
    /// Of it, the time in which the network was in two halves.
    pub partitioned_us: u64,
    /// Links of the topology that were not up when mining began.
    pub missing_links: usize,
    /// What was delivered to nodes: messages, timers, connections.
    pub events: u64,
    /// Blocks.
    pub blocks: Blocks,
    /// Honest nodes without the chain in the end: only peers that do not behave link them with the others.
    pub cut_off: usize,
    /// How long it took a block to come to so many of the nodes, by percent.
    pub propagation: BTreeMap<u32, Delays>,
    /// The mean time until a node has a block of a height, over all nodes and heights: the integral of
    /// 1 - f(t).
    pub mean_delay_us: u64,
    /// What the nodes sent since the first block could be found.
    pub bytes_per_node: Spread,
    /// What the honest nodes' blocks weigh together: what a node has to be sent if it is sent each once.
    pub floor_bytes: u64,
    /// What a node was sent about blocks, on average.
    pub told_of_blocks: u64,
    /// What a node was sent about contents before they were in a block, on average.
    pub told_of_contents: u64,
    /// The messages behind it, by kind.
    pub messages: BTreeMap<String, Count>,
    /// SHA-256 over everything that happened, and when.
    pub trace: String,
}

/// What was asked for, as the flags have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "each is the flag of that name")]
pub struct Config {
    pub nodes: usize,
    pub topology: String,
    pub latency: String,
    pub bandwidth: Option<String>,
    pub loss: String,
    pub blocks: u64,
    pub interval: String,
    pub block_bytes: usize,
    pub content_bytes: usize,
    pub pooled: String,
    pub relay: String,
    pub partition: Option<String>,
    pub churn: String,
    pub late: String,
    pub liars: String,
    pub withhold: String,
    pub seed: u64,
}

/// What became of the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Blocks {
    /// Found by honest nodes.
    pub found: u64,
    /// Not on the chain in the end.
    pub stale: u64,
    /// `stale` of `found`.
    pub stale_millionths: u64,
    /// The mean time between two that were found. Where nodes do not run or do not behave it is longer than the
    /// interval that was asked for.
    pub interval_us: u64,
    /// What Decker and Wattenhofer's formula makes of the mean delay and that time.
    pub predicted_millionths: u64,
    /// What liars and withholding peers spent theirs on.
    pub wasted: u64,
    /// Blocks of the chain in the end.
    pub height: u64,
}

/// Delays of the heights whose blocks came so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Delays {
    /// How many heights that were.
    pub heights: u64,
    /// Half of them were not slower.
    pub median_us: u64,
    /// Nine of ten were not slower.
    pub p90_us: u64,
    /// None was slower.
    pub worst_us: u64,
}

/// How something differs from node to node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "each is what it is called")]
pub struct Spread {
    pub least: u64,
    pub median: u64,
    pub mean: u64,
    pub most: u64,
}

/// Messages of one kind that were delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "each is what it is called")]
pub struct Count {
    pub count: u64,
    pub bytes: u64,
}

/// The value that `percent` of `sorted` are not above.
fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

/// 1 - (1 - P_b)^(the integral of 1 - f(t)): P_b is the chance that a block is found in one microsecond, the
/// integral is the mean delay in microseconds.
pub fn predicted_millionths(mean_delay_us: u64, interval: Duration) -> u64 {
    if mean_delay_us == 0 {
        // Who is never behind forks nothing, however fast blocks come.
        return 0;
    }
    let per_microsecond = 1e-6 / interval.as_secs_f64();
    let chance = 1e6 * -f64::exp_m1(mean_delay_us as f64 * f64::ln_1p(-per_microsecond));
    if chance.is_finite() { chance.round() as u64 } else { 1_000_000 }
}

impl Report {
    pub(super) fn new(settings: &Settings, net: &Network, outcome: &Outcome) -> Report {
        let Outcome { found, wasted, missing_links, mining } = outcome;
        let interval = mining.checked_div(u32::try_from(found.len()).unwrap_or(u32::MAX)).unwrap_or_default();
        let partitioned = settings.faults.partition.map(|cut| cut.to.min(*mining).saturating_sub(cut.from));
        let view = net.best().and_then(|n| net.view(n));
        let chain = view.map_or(Vec::new(), |view| view.chain_page(&view.tip().hash, 1, usize::MAX));
        let height = chain.len() as u64;
        let chain: BTreeSet<BlockHash> = chain.into_iter().collect();
        let stale = found.iter().filter(|hash| !chain.contains(hash)).count() as u64;
        let heights = || net.spreads.iter();
        let at_mark = |mark: usize| {
            let mut delays: Vec<u64> = heights().filter_map(|s| Some(s.marks[mark]? / 1000)).collect();
            delays.sort_unstable();
            Delays {
                heights: delays.len() as u64,
                median_us: percentile(&delays, 50),
                p90_us: percentile(&delays, 90),
                worst_us: percentile(&delays, 100),
            }
        };
        let (sum, count) =
            heights().fold((0, 0), |(sum, count), s| (sum + s.sum, count + u128::from(s.informed)));
        let mean_delay_us =
            u64::try_from(sum.checked_div(count * 1000).unwrap_or_default()).unwrap_or(u64::MAX);
        let mut sent: Vec<u64> = net.honest().map(|n| net.peers[n].sent_bytes).collect();
        sent.sort_unstable();
        let messages = net.traffic.by_kind();
        let about = |wanted: About| {
            let bytes =
                net.traffic.by_kind().filter(|(kind, ..)| subject(*kind) == wanted).map(|(.., bytes)| bytes);
            bytes.sum::<u64>().checked_div(settings.nodes as u64).unwrap_or_default()
        };
        let floor = found.iter().filter_map(|hash| Some(net.block(hash)?.encoded().len() as u64));
        Report {
            config: Config::of(settings),
            simulated_us: net.now / 1000,
            mining_us: micros(*mining),
            partitioned_us: micros(partitioned.unwrap_or_default()),
            missing_links: *missing_links,
            events: net.trace.events(),
            blocks: Blocks {
                found: found.len() as u64,
                stale,
                stale_millionths: (stale * 1_000_000).checked_div(found.len() as u64).unwrap_or_default(),
                interval_us: micros(interval),
                predicted_millionths: predicted_millionths(mean_delay_us, interval),
                wasted: *wasted,
                height,
            },
            cut_off: net.cut_off(),
            propagation: MARKS.into_iter().enumerate().map(|(i, percent)| (percent, at_mark(i))).collect(),
            mean_delay_us,
            bytes_per_node: Spread {
                least: percentile(&sent, 0),
                median: percentile(&sent, 50),
                mean: sent.iter().sum::<u64>().checked_div(sent.len() as u64).unwrap_or_default(),
                most: percentile(&sent, 100),
            },
            floor_bytes: floor.sum(),
            told_of_blocks: about(About::Blocks),
            told_of_contents: about(About::Contents),
            messages: messages
                .map(|(kind, count, bytes)| (kind.to_string(), Count { count, bytes }))
                .collect(),
            trace: Hex(net.trace()).to_string(),
        }
    }
}

/// What messages are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Blocks,
    Contents,
    /// Each other.
    Nodes,
}

fn subject(kind: Kind) -> About {
    match kind {
        Kind::GetHeaders | Kind::Headers | Kind::GetBlocks | Kind::Block | Kind::NotFound => About::Blocks,
        Kind::NewBlock | Kind::GetBlockTransactions | Kind::BlockTransactions => About::Blocks,
        Kind::HaveTransactions | Kind::GetTransactions | Kind::Transactions => About::Contents,
        Kind::Hello | Kind::Bye | Kind::Ping | Kind::Pong | Kind::GetPeers | Kind::Peers => About::Nodes,
        Kind::Manage | Kind::Report | Kind::Event => About::Nodes,
    }
}

struct Hex([u8; 32]);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, self.0.iter())
    }
}

impl Config {
    fn of(settings: &Settings) -> Config {
        let Settings { nodes, topology, line, blocks, interval, block_bytes, seed, faults, .. } = settings;
        Config {
            nodes: *nodes,
            topology: topology.to_string(),
            latency: line.latency.to_string(),
            bandwidth: line.bandwidth.map(|bandwidth| bandwidth.to_string()),
            loss: line.loss.to_string(),
            blocks: *blocks,
            interval: format!("{interval:?}"),
            block_bytes: *block_bytes,
            content_bytes: settings.content_bytes,
            pooled: settings.pooled.to_string(),
            relay: settings.relay.to_string(),
            partition: faults.partition.map(|partition| partition.to_string()),
            churn: faults.churn.to_string(),
            late: faults.late.to_string(),
            liars: faults.liars.to_string(),
            withhold: faults.withhold.to_string(),
            seed: *seed,
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds, as people read times.
fn time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..100_000 => format!("{}.{} ms", us / 1000, us % 1000 / 100),
        100_000..1_000_000 => format!("{} ms", us / 1000),
        1_000_000..100_000_000 => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
        _ => format!("{} s", us / 1_000_000),
    }
}

/// Bytes, as people read them.
fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// How many times `whole` is in `bytes`.
fn times(bytes: u64, whole: u64) -> String {
    let hundredths = (bytes * 100 + whole / 2).checked_div(whole).unwrap_or_default();
    format!("{}.{:02} times", hundredths / 100, hundredths % 100)
}

/// Millionths, as a percentage.
fn percent(millionths: u64) -> String {
    let hundredths = (millionths + 50) / 100;
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

impl fmt::Display for Report {
    /// Two blocks of lines: CONFIG and RESULTS.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)?;
        let Report { blocks, messages, bytes_per_node: per_node, .. } = self;
        let Blocks { found, stale, stale_millionths, interval_us, predicted_millionths, wasted, height } =
            blocks;
        writeln!(f, "\nRESULTS")?;
        let simulated = time(self.simulated_us);
        writeln!(f, "  simulated     {simulated}, {} events, in which everything held", self.events)?;
        if self.missing_links > 0 {
            writeln!(f, "  links         {} were not up when mining began", self.missing_links)?;
        }
        if self.config.partition.is_some() && self.partitioned_us == 0 {
            let mining = time(self.mining_us);
            writeln!(f, "  partition     never began: the last block was found after {mining} of mining")?;
        }
        writeln!(f, "  blocks        {found} found, {height} in the chain")?;
        if *wasted > 0 {
            writeln!(f, "  wasted        {wasted} blocks, by peers that do not behave")?;
        }
        if self.cut_off > 0 {
            writeln!(f, "  cut off       {} nodes, by peers that do not behave", self.cut_off)?;
        }
        let [delay, interval] = [self.mean_delay_us, *interval_us].map(time);
        writeln!(f, "  stale         {stale} blocks, {}", percent(*stale_millionths))?;
        let predicted = percent(*predicted_millionths);
        writeln!(
            f,
            "  predicted     {predicted}, by the mean delay of {delay} and a block every {interval}"
        )?;
        writeln!(f, "\n  a block is at         median        90 %       worst   (of {found} blocks)")?;
        for (share, Delays { heights, median_us, p90_us, worst_us }) in &self.propagation {
            let name = format!("{share} % of nodes");
            let times = [median_us, p90_us, worst_us].map(|us| time(*us));
            write!(f, "  {name:<16}{:>12}{:>12}{:>12}", times[0], times[1], times[2])?;
            let all = self.propagation.values().map(|delays| delays.heights).max();
            if Some(*heights) == all { writeln!(f)? } else { writeln!(f, "   (of {heights})")? }
        }
        let columns = [per_node.least, per_node.median, per_node.mean, per_node.most].map(size);
        writeln!(
            f,
            "\n  sent by a node   least {}, median {}, mean {}, most {}",
            columns[0], columns[1], columns[2], columns[3]
        )?;
        let [blocks, contents] = [self.told_of_blocks, self.told_of_contents].map(size);
        let times = |bytes: u64| times(bytes, self.floor_bytes);
        write!(f, "  sent to a node   {blocks} for blocks, {} what they weigh", times(self.told_of_blocks))?;
        if self.told_of_contents > 0 {
            let all = times(self.told_of_blocks + self.told_of_contents);
            write!(f, "; {contents} for contents before, {all} in all")?;
        }
        writeln!(f, "\n\n  message               count       bytes")?;
        for (kind, Count { count, bytes }) in messages {
            writeln!(f, "  {kind:<16}{count:>12}{:>12}", size(*bytes))?;
        }
        writeln!(f, "\n  trace         {}", self.trace)
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "CONFIG")?;
        writeln!(f, "  nodes         {}, {}", self.nodes, self.topology)?;
        writeln!(f, "  latency       {}", self.latency)?;
        writeln!(f, "  bandwidth     {}", self.bandwidth.as_deref().unwrap_or("unlimited"))?;
        writeln!(f, "  loss          {}", self.loss)?;
        writeln!(
            f,
            "  blocks        {}, one in {}, {} bytes of content each",
            self.blocks, self.interval, self.block_bytes
        )?;
        if self.block_bytes > 0 {
            let (pooled, size) = (&self.pooled, self.content_bytes);
            writeln!(f, "  contents      {pooled} of them known before, {size} bytes each at most")?;
        }
        if let Some(partition) = &self.partition {
            writeln!(f, "  partition     {partition}")?;
        }
        let rest = [
            ("relay", &self.relay),
            ("churn", &self.churn),
            ("late", &self.late),
            ("liars", &self.liars),
            ("withhold", &self.withhold),
        ];
        for (name, value) in
            rest.into_iter().filter(|(_, value)| !["0", "0%", "shipped"].contains(&value.as_str()))
        {
            writeln!(f, "  {name:<14}{value}")?;
        }
        writeln!(f, "  seed          {}", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decker and Wattenhofer's own figures: nodes are uninformed for 11.37 s on average, blocks come every
    /// 633.68 s, and 1.78 % of them are expected to fork.
    #[test]
    fn the_prediction_is_the_papers() {
        let interval = Duration::from_millis(633_680);
        assert_eq!(percent(predicted_millionths(11_370_000, interval)), "1.78 %");
        assert_eq!(
            [interval, Duration::from_micros(1), Duration::ZERO].map(|i| predicted_millionths(0, i)),
            [0; 3]
        );
        assert_eq!(predicted_millionths(1, Duration::from_micros(1)), 1_000_000);
        assert_eq!(predicted_millionths(u64::MAX, interval), 1_000_000);
    }

    #[test]
    fn percentiles_are_values_that_were_there() {
        let sorted: Vec<u64> = (1..=10).collect();
        assert_eq!([0, 50, 90, 91, 100].map(|p| percentile(&sorted, p)), [1, 5, 9, 10, 10]);
        assert_eq!(percentile(&[], 50), 0);
    }

    #[test]
    fn quantities_are_shown_as_people_read_them() {
        assert_eq!([7, 50_250, 162_999, 1_500_000].map(time), ["7 µs", "50.2 ms", "162 ms", "1.50 s"]);
        assert_eq!([999, 12_345, 12_345_678].map(size), ["999 B", "12.3 kB", "12.3 MB"]);
        assert_eq!(percent(16_900), "1.69 %");
    }
}
