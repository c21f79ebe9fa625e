//! Networks of real processes that keep their chains on disk: how long they take to start, what they cost when
//! nothing happens, and how fast a block is everybody's.
//!
//! A block's way is timed by the nodes' own words, which carry microseconds of one machine's clock: `tip` is
//! from the block's import at the node that mined it, just before its first byte is sent, until the last node
//! has imported it as its tip, from when on it relays it and mines on it; `commit` is from the first commit to
//! the last, from when on users are told of it.

#![allow(clippy::expect_used, reason = "a bench whose world is not as it must be ends")]
#![allow(clippy::disallowed_methods, reason = "a network is given time to be idle")]

mod cluster;
mod harness;

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use cluster::{Network, memory, processor_time};
use harness::figure::quantile;
use harness::{Bench, Figure, Unit};
use serde_json::{Value, json};

const MIB: f64 = 1024.0 * 1024.0;

/// Contents of a block of 100 KB.
const CONTENTS: usize = 10;
const CONTENT_BYTES: usize = 10_000;

/// (nodes, their links, seconds to start, milliseconds of a block to the last: of half of them, of 99 of 100)
type Measured = (usize, &'static str, f64, Option<f64>, Option<f64>);

/// Those that are measured.
const NETWORKS: [Measured; 4] = [
    (6, "mesh", 0.15, Some(0.5), Some(3.0)),
    (32, "random:4", f64::INFINITY, Some(4.0), None),
    (32, "random:8", f64::INFINITY, None, None),
    (100, "random:8", 2.0, Some(15.0), None),
];

/// How many nodes the largest network has.
const MOST: usize = 500;

fn main() -> ExitCode {
    harness::main("network", |bench| {
        bench.config("data directory", "of each node, in the temporary folder");
        bench.config("topology", "mesh; random:N: each node dials N others, and has twice as many links");
        bench.config(
            "block size",
            "a coinbase alone, 141 bytes in its frame; 100 KB: ten contents of 10 kB in all pools",
        );
        bench.config("mining", "on request, in turn, 20 ms after everybody has the last block; 16 zero bits");
        for network in NETWORKS {
            if network.0 <= bench.pick(usize::MAX, 32) {
                one(bench, network);
            }
        }
        if bench.wants("nodes=500") && bench.pick(true, false) {
            many(bench);
        }
        if bench.wants("network::add/blocks=1000") {
            late(bench);
        }
    })
}

fn one(bench: &mut Bench, network: (usize, &str, f64, Option<f64>, Option<f64>)) {
    let (nodes, links, start, half, most) = network;
    let at = format!("nodes={nodes},links={links}");
    let names = ["start", "resident", "idle_processor", "tip", "commit"];
    if !names.iter().any(|name| bench.wants(&format!("network::{name}/{at}"))) {
        return;
    }
    let flags = ["--difficulty", "16", "--topology", links];
    let mut ups = Vec::new();
    for _ in 1..bench.rounds() {
        let network = Network::start(nodes, &flags);
        ups.push(network.up_in);
        network.stop();
    }
    let network = Network::start(nodes, &flags);
    ups.push(network.up_in);
    record(bench, "start", &at, Unit::Seconds, ups, Some(start).filter(|start| start.is_finite()));
    idle(bench, &network, &at, nodes == 6);
    let blocks = (bench.pick(600, 120) / nodes).max(2);
    network.get(&format!("/start/mining?pause=20ms&rounds={blocks}"));
    let told = spreads(&network, blocks * nodes);
    let large = large_blocks(&network, bench.pick(30, 5));
    let commits = commits(&network.stop());
    let (small, big) = commits.split_at(commits.len().min(blocks * nodes));
    for (bytes, tips, commits, targets) in
        [("141", told, small, (half, most)), ("100k", large, big, (None, None))]
    {
        let at = format!("{at},bytes={bytes}");
        let millis = |target: Option<f64>| target.map(|millis| millis / 1e3);
        let last = vec![quantile(&tips, 0.99)];
        record(bench, "tip", &at, Unit::Seconds, tips, millis(targets.0));
        record(bench, "tip_99%", &at, Unit::Seconds, last, millis(targets.1));
        record(bench, "commit", &at, Unit::Seconds, commits.to_vec(), None);
        record(bench, "commit_99%", &at, Unit::Seconds, vec![quantile(commits, 0.99)], None);
    }
}

/// A network that is as large as is sensible on one machine: it starts, mines at the default rate, and agrees.
fn many(bench: &mut Bench) {
    let at = format!("nodes={MOST},links=random:8");
    let network = Network::start(MOST, &["--mine"]);
    record(bench, "start", &at, Unit::Seconds, vec![network.up_in], Some(15.0));
    let height = |answer: &Value| {
        answer["nodes"]
            .as_array()
            .is_some_and(|nodes| nodes.iter().any(|node| node["height"].as_u64() >= Some(3)))
    };
    network.wait("/api/v1/nodes", "three blocks at the default rate", height);
    network.post("/api/v1/mining", &json!({ "mode": "off" }));
    let agreed =
        network.wait("/api/v1/network", "agreement", |network| network["verdict"]["condition"] == "in-sync");
    record(bench, "agree", &at, Unit::Seconds, vec![agreed], Some(15.0));
    record(bench, "tip", &format!("{at},bytes=141"), Unit::Seconds, spreads(&network, 3), None);
    idle(bench, &network, &at, true);
    network.stop();
}

/// A node that is added to a network with a history: its process is started, linked, and has all of it.
fn late(bench: &mut Bench) {
    let network = Network::start(2, &["--difficulty", "8"]);
    network.post("/api/v1/mine", &json!({ "node": 0, "count": 1000 }));
    let add = |_| harness::time(|| network.post("/api/v1/nodes", &json!({ "count": 1 }))).0;
    let times = (0..bench.rounds()).map(add).collect();
    record(bench, "add", "blocks=1000", Unit::Seconds, times, None);
    network.stop();
}

/// What a network costs when nothing happens.
fn idle(bench: &mut Bench, network: &Network, at: &str, has_targets: bool) {
    sleep(Duration::from_secs(1));
    let times = || network.pids.iter().map(|pid| processor_time(*pid)).collect::<Vec<_>>();
    let (before, seconds) = (times(), bench.pick(10, 3));
    sleep(Duration::from_secs(seconds));
    let shares =
        times().iter().zip(before).map(|(now, then)| (now - then) / seconds as f64 * 100.0).collect();
    let target = |target: f64| Some(target).filter(|_| has_targets);
    record(bench, "idle_processor", at, Unit::Count("% of a core"), shares, target(0.1));
    let bytes: Vec<[f64; 3]> = network.pids.iter().map(|pid| memory(*pid)).collect();
    let by = |which: usize| bytes.iter().map(|bytes| bytes[which]).collect::<Vec<f64>>();
    record(bench, "resident", at, Unit::Bytes, by(0), target(6.0 * MIB));
    record(bench, "resident_share", at, Unit::Bytes, by(1), None);
    record(bench, "resident_alone", at, Unit::Bytes, by(2), None);
}

fn record(bench: &mut Bench, what: &str, at: &str, unit: Unit, samples: Vec<f64>, target: Option<f64>) {
    let figure = Figure::new(format!("network::{what}/{at}"), unit).of(samples);
    if bench.wants(&figure.name) {
        bench.record(match target {
            Some(target) => figure.target(target),
            None => figure,
        });
    }
}

/// How long each of the newest `blocks` took to be the last node's tip, in seconds.
fn spreads(network: &Network, blocks: usize) -> Vec<f64> {
    let told = network.get(&format!("/api/v1/propagation?limit={}", blocks.min(1000)));
    let blocks = told["blocks"].as_array().expect("blocks").iter();
    blocks.map(|block| block["to_100_ms"].as_f64().expect("a time") / 1e3).collect()
}

/// The same of blocks of 100 KB, whose contents all nodes have before.
fn large_blocks(network: &Network, blocks: usize) -> Vec<f64> {
    let pools = |count: usize| {
        move |answer: &Value| {
            answer["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["pool"] == count))
        }
    };
    for _ in 0..blocks {
        for _ in 0..CONTENTS {
            network.post("/api/v1/transactions", &json!({ "content": "x".repeat(CONTENT_BYTES) }));
        }
        network.wait("/api/v1/nodes", "contents in all pools", pools(CONTENTS));
        sleep(Duration::from_millis(20));
        network.post("/api/v1/mine", &json!({}));
        network.wait("/api/v1/nodes", "a block everywhere", pools(0));
    }
    spreads(network, blocks)
}

/// How long each block took from the first commit to the last, in seconds, as the manager said.
fn commits(said: &[String]) -> Vec<f64> {
    let time = |line: &String| -> Option<f64> {
        let (number, unit) = line.rsplit_once(" after ")?.1.split_once(' ')?;
        Some(number.parse::<f64>().ok()? * if unit == "s" { 1.0 } else { 1e-3 })
    };
    said.iter().filter(|line| line.starts_with("block ")).filter_map(time).collect()
}
