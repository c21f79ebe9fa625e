//! Cost as work grows: a chain ten times as long, a simulated network of ten times as many nodes. Each row is per
//! block or node, or of what should not depend on either; so every row should stay as it is down the table.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench whose world is not as it must be ends")]
#![allow(clippy::disallowed_methods, reason = "figures of time, and a deadline")]

mod harness;
#[path = "../tests/shipped/mod.rs"]
mod shipped;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::blocks::{Line, write_chain};
use harness::{Bench, Figure, Unit, machine, progress, time};
use p2pnode::params::Params;
use p2pnode::types::{Block, BlockHash};
use rustix::process::Signal;
use shipped::{Node, command, request};

/// Blocks that a reorg takes back.
const DEPTH: u64 = 100;
/// Blocks that a simulated network finds.
const FOUND: usize = 10;
/// Address space of a simulation, in KiB: more than any here needs.
const SPACE: u64 = 16 << 20;

fn main() -> ExitCode {
    harness::main("growth", |bench| {
        let place = tempfile::tempdir().expect("a folder");
        bench.config("data directory", machine::file_system(place.path()));
        bench.config("topology", "chains: one process, two for a reorg; networks: simulated, 8 links a node");
        bench.config("block size", "with a coinbase alone");
        bench.config("mining", "none");
        let most = bench.pick(1_000_000, 100_000);
        let mut before = (0, base());
        for blocks in [1000, 10_000, 100_000, 1_000_000].into_iter().filter(|blocks| *blocks <= most) {
            if bench.wants(&format!("growth::chain/blocks={blocks}")) {
                before = (blocks, chain(bench, before, blocks));
            }
        }
        let most = bench.pick(10_000, 1000);
        for nodes in [10, 100, 1000, 10_000].into_iter().filter(|nodes| *nodes <= most) {
            if bench.wants(&format!("growth::network/nodes={nodes}")) {
                network(bench, nodes);
            }
        }
    })
}

/// Bytes that a node has in memory which has nothing to remember.
fn base() -> f64 {
    let place = tempfile::tempdir().expect("a folder");
    let node = Node::start(command(&["--data-dir"]).arg(place.path()).stderr(Stdio::null()));
    resident(&node)
}

fn resident(node: &Node) -> f64 {
    machine::resident(&node.pid().to_string()).expect("a process") as f64
}

/// Imports a chain file into a new folder; how long that took.
fn import(file: &Path, folder: &Path) -> f64 {
    let mut import = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    let (took, ended) = time(|| import.arg("import").args([file, folder]).stderr(Stdio::null()).status());
    assert!(ended.expect("it runs").success());
    took
}

/// A chain of `count` blocks; what its node has in memory, where one with so many blocks had so much `before`.
fn chain(bench: &mut Bench, before: (u64, f64), count: u64) -> f64 {
    let params = Params::regtest();
    let place = tempfile::tempdir().expect("a folder");
    let (file, folder) = (place.path().join("chain.p2p"), place.path().join("node"));
    let of = |what: &str| format!("growth::chain/blocks={count},{what}");
    progress(&of("made"));
    let line = || Line::new(&params).take(count as usize);
    write_chain(&params, line(), &file);

    progress(&of("import"));
    let took = import(&file, &folder);
    bench.record(Figure::new(of("import_per_block"), Unit::Seconds).of([took / count as f64]));

    progress(&of("start"));
    let mut start = command(&["--data-dir"]);
    let (took, node) = time(|| Node::start(start.arg(&folder).stderr(Stdio::null())));
    bench.record(Figure::new(of("start_per_block"), Unit::Seconds).of([took / count as f64]));
    let resident = resident(&node);
    let slope = (resident - before.1) / (count - before.0) as f64;
    let figure = Figure::new(of("memory_per_further_block"), Unit::Bytes).of([slope]);
    // Before, caches fill that have a limit.
    bench.record(if count > 10_000 { figure.target(200.0) } else { figure });

    let page = format!("/chain?from={}&limit=100", count / 2);
    let pages = (0..20).map(|_| time(|| request("GET", &node.http, &page, "").expect("a page")).0);
    bench.record(Figure::new(of("page_of_100"), Unit::Seconds).of(pages));

    progress(&of("reorg"));
    let reorg = reorg(&node, place.path(), line(), count);
    bench.record(Figure::new(of("reorg_of_100"), Unit::Seconds).of([reorg]));
    node.signal(Signal::TERM);
    assert_eq!(node.end().code(), Some(0), "it stops in order");
    let file = std::fs::metadata(folder.join("chain.redb")).expect("a file").len();
    bench.record(Figure::new(of("disk_per_block"), Unit::Bytes).of([file as f64 / count as f64]));
    resident
}

/// Seconds until `node` has another node's chain, which leaves its own a hundred blocks below the tip and has one
/// block more: the introduction, headers, bodies, the change, its commit.
fn reorg(node: &Node, place: &Path, line: impl Iterator<Item = Block>, count: u64) -> f64 {
    let params = Params::regtest();
    let (file, folder) = (place.join("branch.p2p"), place.join("other"));
    let fork = count - DEPTH;
    let mut shared: Vec<Block> = line.take(fork as usize).collect();
    let parent: (BlockHash, u32) =
        shared.last().map(|block| (block.hash(), block.header.time)).expect("a block");
    shared.extend(Line::on(&params, parent, fork).branch(1).take(DEPTH as usize + 1));
    let last = write_chain(&params, shared.into_iter(), &file).to_string();
    import(&file, &folder);
    let other = Node::start(command(&["--data-dir"]).arg(&folder).stderr(Stdio::null()));
    let begun = Instant::now();
    node.meet(&other);
    while node.ask("GET", "/node/id", "").1["tip"] != last.as_str() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the reorg comes");
        thread::sleep(Duration::from_millis(1));
    }
    begun.elapsed().as_secs_f64()
}

/// A simulated network in a process of its own, whose memory is looked at while it runs.
fn network(bench: &mut Bench, nodes: usize) {
    let of = |what: &str| format!("growth::network/nodes={nodes},{what}");
    progress(&of(""));
    let program = env!("CARGO_BIN_EXE_networkmngr");
    let line = format!("ulimit -v {SPACE}; exec {program} simulate --nodes {nodes} --blocks {FOUND}");
    let mut shell = Command::new("sh");
    let shell = shell.args(["-c", line.as_str()]).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = shell.spawn().expect("it runs");
    let mut most = 0;
    let ended = loop {
        most = most.max(machine::most_resident(&child.id().to_string()).unwrap_or(0));
        if let Some(ended) = child.try_wait().expect("a child") {
            break ended;
        }
        thread::sleep(Duration::from_millis(2));
    };
    assert!(ended.success(), "a simulation of {nodes} nodes");
    let work = (nodes * FOUND) as f64;
    let took = begun.elapsed().as_secs_f64() / work;
    bench.record(Figure::new(of("time_per_node_and_block"), Unit::Seconds).of([took]));
    bench.record(Figure::new(of("memory_per_node"), Unit::Bytes).of([most as f64 / nodes as f64]));
}
