//! The network at a glance: `networkmngr status`.

use core::time::Duration;

use crate::cli::names;
use crate::cli::render::nodes::state;
use crate::cli::render::{Align, Cell, Style, Table, ago, bytes, count, hashes, short, span};
use crate::manager::view::{Condition, Life, MinedBlock, MiningMode, Network, Tip, Verdict};
use crate::manager::words;

/// A tip and who has it: `6343a951… at height 7, of A B C`.
pub(in crate::cli) fn tip_of(tip: &Tip) -> String {
    format!("{} at height {}, of {}", short(&tip.hash), tip.height, names::several(&tip.nodes))
}

/// The verdict: a word that stands out, and a sentence.
fn verdict(verdict: &Verdict, style: Style) -> String {
    let text = &verdict.text;
    match verdict.condition {
        Condition::InSync => style.good(text),
        Condition::Syncing => text.clone(),
        Condition::Forked | Condition::Partitioned | Condition::Stalled => style.warn(text),
        Condition::Down => style.bad(text),
    }
}

/// Everything at a glance.
pub(in crate::cli) fn status(network: &Network, now: f64, style: Style) -> String {
    use Align::{Left, Right};
    let mut text = format!("{}\n\n", verdict(&network.verdict, style));
    // Nodes with one tip have one number, in the verdict's order: letters say who, the number says what.
    let tips: Vec<&str> = network.verdict.tips.iter().map(|tip| tip.hash.as_str()).collect();
    let mut table = Table::new([
        ("node", Left),
        ("state", Left),
        ("height", Right),
        ("tip", Left),
        ("peers", Right),
        ("pool", Right),
        ("hash rate", Right),
        ("mined", Right),
        ("memory", Right),
    ]);
    for node in &network.nodes {
        let number = |number: Option<u64>| number.map_or(String::new(), |number| number.to_string());
        let is_there = node.state == Life::Running;
        let tip = match (&node.tip, tips.len()) {
            (None, _) => Cell::from(""),
            (Some(tip), ..2) => short(tip).into(),
            (Some(tip), _) => {
                let at = tips.iter().position(|known| known == tip);
                let mark = at.map_or(String::new(), |at| format!(" ({})", at + 1));
                Cell::painted(short(tip) + &mark, if at == Some(0) { Style::good } else { Style::warn })
            }
        };
        table.row([
            names::letters(node.node).into(),
            state(node),
            number(node.height).into(),
            tip,
            if is_there { node.peers.len().to_string() } else { String::new() }.into(),
            number(node.pool).into(),
            if node.hashrate > 0 { hashes(node.hashrate as f64) } else { String::new() }.into(),
            if node.mined > 0 { node.mined.to_string() } else { String::new() }.into(),
            node.memory.map_or(String::new(), bytes).into(),
        ]);
    }
    text += &table.text(style);
    text += "\n";
    if network.verdict.tips.len() > 1 {
        for (at, tip) in network.verdict.tips.iter().enumerate() {
            text += &format!("tip {}        {}\n", at + 1, tip_of(tip));
        }
    }
    if let Some(groups) = &network.partition {
        text += &format!("partition    {}; `networkmngr heal` ends it\n", words::apart(groups));
    }
    text += &format!("mining       {}\n", mining_line(network));
    let spread = &network.propagation;
    if let (Some(p50), Some(p95)) = (spread.p50_ms, spread.p95_ms) {
        let time = |millis: f64| span(Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default());
        let blocks = count(spread.blocks, "block");
        text += &format!("spread       {} (median), {} (95 %), of {blocks}\n", time(p50), time(p95));
    }
    if let Some(reorg) = &network.last_reorg {
        let one = [reorg.node];
        let who = if reorg.nodes.is_empty() { &one[..] } else { &reorg.nodes };
        text += &format!(
            "last reorg   {} gave up {} for {} of another branch, {}\n",
            names::several(who),
            count(reorg.depth, "block"),
            reorg.gained,
            ago(reorg.time, now),
        );
    }
    text += &format!("rules        {}\n", network.rules.text);
    text
}

/// How blocks come to be, in a line: as it was set, and which of those nodes do not run.
fn mining_line(network: &Network) -> String {
    let mining = &network.mining;
    let own: Vec<String> =
        mining.own.iter().map(|own| format!("{} {}", names::letters(own.node), rate(own.hashrate))).collect();
    let own =
        if own.is_empty() { String::new() } else { format!(" (set at the node itself: {})", own.join(", ")) };
    // Whoever was told so at its own HTTP mines, whatever was set for all.
    let mut miners = mining.nodes.clone();
    miners.extend(mining.own.iter().filter(|own| own.hashrate > 0).map(|own| own.node));
    miners.sort_unstable();
    miners.dedup();
    let who = names::several(&mining.nodes);
    let runs =
        |number: &usize| network.nodes.iter().any(|node| node.node == *number && node.state == Life::Running);
    let away: Vec<usize> = miners.iter().copied().filter(|number| !runs(number)).collect();
    let away = match away.len() {
        0 => String::new(),
        all if all == miners.len() => ": none of them runs, and nobody mines".to_owned(),
        1 => format!("; {} does not run", names::several(&away)),
        _ => format!("; {} do not run", names::several(&away)),
    };
    // Proof of work has no memory: a mean and never a countdown.
    let mean = |secs: f64| match secs < 0.0001 {
        true => "0.1 ms or less".to_owned(),
        false => span(Duration::try_from_secs_f64(secs).unwrap_or(Duration::MAX)),
    };
    let background = |end: &str| {
        let every = mining.expected_seconds.map_or(String::new(), |secs| {
            format!("; a block every {} on average, whenever the last one was", mean(secs))
        });
        let who = names::several(&miners);
        format!("{} in the background, by {who}{own}{every}{end}{away}", rate(mining.hashrate))
    };
    match mining.mode {
        MiningMode::Off if miners.is_empty() => {
            "nobody mines unless asked to; `networkmngr mine` asks".to_owned()
        }
        MiningMode::Off => background("; `networkmngr mining stop` ends it"),
        MiningMode::Background => background(""),
        MiningMode::Interval => {
            format!(
                "a block every {}, by {who} in turn{own}{away}",
                mining.interval.map_or("?".to_owned(), mean)
            )
        }
        MiningMode::Auto => format!("a block whenever something waits in a pool, by {who}{own}{away}"),
    }
}

/// A rate of mining, which may be none.
fn rate(hashrate: u64) -> String {
    if hashrate > 0 { hashes(hashrate as f64) } else { "none".to_owned() }
}

/// How blocks come to be: `networkmngr mining`.
pub(in crate::cli) fn mining(network: &Network) -> String {
    format!("{}\n", mining_line(network))
}

/// Blocks beyond which those in the middle are only counted.
const MANY: usize = 10;

/// Blocks that were mined, a line each.
pub(in crate::cli) fn mined(blocks: &[MinedBlock]) -> String {
    let line = |block: &MinedBlock| {
        format!(
            "block {} at height {}, mined by {} in {} with {} tries\n",
            short(&block.hash),
            block.height,
            names::letters(block.node),
            span(Duration::try_from_secs_f64(block.seconds).unwrap_or_default()),
            block.tries,
        )
    };
    match blocks {
        [first, second, hidden @ .., last] if hidden.len() > MANY => {
            format!("{}{}  … {} more\n{}", line(first), line(second), hidden.len(), line(last))
        }
        blocks => blocks.iter().map(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::tree::testing::hash;
    use crate::manager::view::OwnRate;
    use serde_json::json;

    fn network() -> Network {
        let node = |number: usize, tip: u64| {
            json!({"node": number, "id": "00", "http": "127.0.0.1:5000", "p2p": "127.0.0.1:6000", "pid": 7,
                   "state": if number == 3 { "paused" } else { "running" }, "restarts": 0, "ended": null,
                   "height": 5 + number, "tip": hash(tip), "peers": [0, 1], "pool": 1, "hashrate": 20_000,
                   "mined": 2, "memory": 8_808_038})
        };
        serde_json::from_value(json!({
            "manager": {"version": "0.1.0", "pid": 1, "http": "127.0.0.1:4999", "started": 0.0, "data_dir": "x", "ephemeral": false},
            "rules": {"id": "00", "text": "lab", "expected_hashes": "256", "block_time": null},
            "verdict": {"condition": "forked", "text": "forked: 2 tips, 2 nodes to 1", "missing": [3], "tips": [
                {"hash": hash(1), "height": 6, "work": "9", "nodes": [0, 1]},
                {"hash": hash(2), "height": 5, "work": "8", "nodes": [2]}]},
            "nodes": [node(0, 1), node(1, 1), node(2, 2), node(3, 1)],
            "links": [{"a": 0, "b": 1, "up": true, "cut": false, "latency_ms": 50.0, "jitter_ms": 20.0, "loss": 0.01},
                      {"a": 1, "b": 2, "up": false, "cut": true, "latency_ms": 0.0, "jitter_ms": 0.0, "loss": 0.0}],
            "mining": {"mode": "background", "nodes": [0, 1, 2, 3], "hashrate": 80_000, "interval": null,
                       "expected_seconds": 13.1},
            "partition": [[0, 1], [2]],
            "propagation": {"blocks": 20, "p50_ms": 1.5, "p90_ms": 2.0, "p95_ms": 3.0, "p99_ms": 4.0, "max_ms": 4.0},
            "last_reorg": {"node": 2, "nodes": [2, 3], "time": 70.0, "depth": 2, "gained": 3, "old": "", "new": "",
                           "returned": 1},
            "events": {"run": 1, "seq": 2}
        }))
        .expect("a network")
    }

    #[test]
    fn a_glance_says_who_agrees_and_who_does_not() {
        let text = status(&network(), 100.0, Style::new(false));
        assert_eq!(
            text,
            "forked: 2 tips, 2 nodes to 1\n\
             \n\
             node  state    height  tip            peers  pool  hash rate  mined   memory\n\
             A     running       5  10000000… (1)      2     1  20.0 kH/s      2  8.4 MiB\n\
             B     running       6  10000000… (1)      2     1  20.0 kH/s      2  8.4 MiB\n\
             C     running       7  20000000… (2)      2     1  20.0 kH/s      2  8.4 MiB\n\
             D     paused        8  10000000… (1)            1  20.0 kH/s      2  8.4 MiB\n\
             \n\
             tip 1        10000000… at height 6, of A B\n\
             tip 2        20000000… at height 5, of C\n\
             partition    A B / C; `networkmngr heal` ends it\n\
             mining       80.0 kH/s in the background, by A-D; a block every 13 s on average, whenever the last \
             one was; D does not run\n\
             spread       1.5 ms (median), 3.0 ms (95 %), of 20 blocks\n\
             last reorg   C D gave up 2 blocks for 3 of another branch, 30 s ago\n\
             rules        lab\n"
        );
    }

    /// (mode, who mines, a block every so many seconds; the line). Node D is paused.
    #[test]
    fn mining_by_nodes_that_do_not_run_does_not_look_as_if_it_went_on() {
        let rows: [(MiningMode, &[usize], f64, &str); 6] = [
            (MiningMode::Interval, &[0, 1], 1.0, "a block every 1.0 s, by A B in turn"),
            (MiningMode::Interval, &[0, 3], 1.0, "a block every 1.0 s, by A D in turn; D does not run"),
            (
                MiningMode::Interval,
                &[3],
                1.0,
                "a block every 1.0 s, by D in turn: none of them runs, and nobody mines",
            ),
            (
                MiningMode::Auto,
                &[0, 3, 4],
                1.0,
                "a block whenever something waits in a pool, by A D E; D E do not run",
            ),
            (MiningMode::Off, &[], 1.0, "nobody mines unless asked to; `networkmngr mine` asks"),
            (
                MiningMode::Background,
                &[0],
                0.000_000_01,
                "80.0 kH/s in the background, by A; a block every 0.1 ms or less on average, whenever the last one was",
            ),
        ];
        for (mode, nodes, every, line) in rows {
            let mut network = network();
            network.mining.mode = mode;
            network.mining.nodes = nodes.to_vec();
            (network.mining.interval, network.mining.expected_seconds) = (Some(every), Some(every));
            assert_eq!(mining(&network), format!("{line}\n"));
        }
    }

    #[test]
    fn a_rate_that_was_set_at_a_node_itself_is_told_whatever_the_mode() {
        let mut network = network();
        network.mining.own = vec![OwnRate { node: 1, hashrate: 0 }, OwnRate { node: 2, hashrate: 60_000 }];
        network.mining.nodes = vec![0, 1];
        let every = "; a block every 13 s on average, whenever the last one was";
        let own = " (set at the node itself: B none, C 60.0 kH/s)";
        let rows = [
            (MiningMode::Background, format!("80.0 kH/s in the background, by A B C{own}{every}\n")),
            (MiningMode::Interval, format!("a block every ?, by A B in turn{own}\n")),
        ];
        for (mode, line) in rows {
            network.mining.mode = mode;
            assert_eq!(mining(&network), line);
        }
        (network.mining.mode, network.mining.hashrate) = (MiningMode::Off, 60_000);
        network.mining.nodes.clear();
        network.mining.own.remove(0);
        let own = " (set at the node itself: C 60.0 kH/s)";
        let line =
            format!("60.0 kH/s in the background, by C{own}{every}; `networkmngr mining stop` ends it\n");
        assert_eq!(mining(&network), line);
    }

    #[test]
    fn links_say_what_is_wrong_with_them() {
        let text = crate::cli::render::links(&network(), None, Style::new(false));
        assert_eq!(
            text,
            "link   state  latency  varies by   loss\n\
             A - B  up       50 ms     ±20 ms  1.0 %\n\
             B - C  cut\n\
             \n\
             2 links, 1 up\n"
        );
        assert!(
            crate::cli::render::links(&network(), Some(0), Style::new(false)).ends_with("1 link, 1 up\n")
        );
        assert_eq!(crate::cli::render::links(&network(), Some(3), Style::new(false)), "no links\n");
    }
}
