//! A new node takes a chain from another over loopback, end to end: headers, bodies, every rule, a durable
//! store; until the tip that it tells people is the chain's last block. Beside it what bounds it in the same
//! round: the store's library with the same blocks, and the loopback with the same bytes.

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
use harness::{Bench, Case, Figure, Unit, machine, raw};
use p2pnode::encoding;
use p2pnode::params::Params;
use p2pnode::types::Block;
use p2pnode::wire::frame;
use shipped::{Node, command};
use tempfile::TempDir;

const BLOCKS: Unit = Unit::PerSecond("blocks");

fn main() -> ExitCode {
    harness::main("sync", |bench| {
        let place = tempfile::tempdir().expect("a folder");
        bench.config("data directory", machine::file_system(place.path()));
        bench.config("topology", "two processes, one link over loopback");
        bench.config("block size", "as each row says; 1MB is 1,900 contents of 500 bytes, or 15 of 65,000");
        bench.config("mining", "none");
        let (short, long, full) = bench.pick((1000, 100_000, 300), (1000, 10_000, 30));
        sync(bench, "coinbase", Line::new(&Params::regtest()).take(short), None);
        sync(bench, "coinbase", Line::new(&Params::regtest()).take(long), Some(50_000.0));
        sync(bench, "1MBof64KB", Line::new(&Params::regtest()).with_contents(15, 65_000).take(full), None);
        sync(bench, "1MBof500B", Line::new(&Params::regtest()).with_contents(1900, 500).take(full), None);
    })
}

/// Syncs `blocks`, so many times.
fn sync(bench: &mut Bench, size: &str, blocks: impl Iterator<Item = Block>, target: Option<f64>) {
    let label = |what: &str, count: usize| format!("{what}/size={size},blocks={count}");
    let blocks: Vec<Block> = blocks.collect();
    let count = blocks.len();
    let (sync, commit, loopback) =
        (label("sync::end_to_end", count), label("redb::commit", count), label("tcp::loopback", count));
    if ![&sync, &commit, &loopback].iter().any(|name| bench.wants(name)) {
        return;
    }
    let place = tempfile::tempdir().expect("a folder");
    let giver = Giver::start(place.path(), blocks.iter().cloned());
    let encoded: Vec<Vec<u8>> = blocks.iter().map(encoding::encode).collect();
    drop(blocks);
    let bytes = encoded.iter().map(|block| frame::before_block(block).len() + block.len()).sum();
    let figure = Figure::new(sync.as_str(), BLOCKS).beside(commit.as_str()).beside(loopback.as_str());
    let figure = match target {
        Some(target) => figure.target(target),
        None if size.starts_with("1MB") => figure.target_share(0.6),
        None => figure,
    };
    let rate = |took: f64| count as f64 / took;
    bench.group_of(
        bench.pick(5, 3),
        vec![
            Case::new(Figure::new(commit, BLOCKS), || rate(raw::commit(place.path(), &encoded))),
            Case::new(Figure::new(loopback, BLOCKS), || rate(raw::loopback(bytes))),
            Case::new(figure, || rate(giver.sync(place.path()))),
        ],
    );
}

/// A node that has a chain.
struct Giver {
    node: Node,
    /// The hash of its last block.
    last: String,
}

impl Giver {
    fn start(place: &Path, blocks: impl Iterator<Item = Block>) -> Giver {
        let (file, folder) = (place.join("chain.p2p"), place.join("giver"));
        let last = write_chain(&Params::regtest(), blocks, &file).to_string();
        let mut import = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
        let import = import.arg("import").args([&file, &folder]).stderr(Stdio::null()).status();
        assert!(import.expect("it runs").success());
        let node = Node::start(command(&["--data-dir"]).arg(&folder).stderr(Stdio::null()));
        Giver { node, last }
    }

    /// Seconds until a new node, which was told of this one, says that it has the chain.
    fn sync(&self, place: &Path) -> f64 {
        let folder = TempDir::new_in(place).expect("a folder");
        let taker = Node::start(command(&["--data-dir"]).arg(folder.path()).stderr(Stdio::null()));
        let begun = Instant::now();
        let deadline = begun + Duration::from_secs(300);
        taker.meet(&self.node);
        while taker.ask("GET", "/node/id", "").1["tip"] != self.last.as_str() {
            assert!(Instant::now() < deadline, "the sync ends");
            thread::sleep(Duration::from_millis(5));
        }
        begun.elapsed().as_secs_f64()
    }
}
