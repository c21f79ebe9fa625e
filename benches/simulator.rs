//! The simulator: events a second, by the size of the network.

#![allow(clippy::expect_used, reason = "a bench whose world is not as it must be ends")]

mod harness;

use std::process::ExitCode;
use std::time::Duration;

use harness::{Case, Figure, Unit, time};
use p2pnode::sim::{Faults, Latency, Line, Relay, Settings, Share, Topology, simulate};

const EVENTS: Unit = Unit::PerSecond("events");

fn main() -> ExitCode {
    harness::main("simulator", |bench| {
        bench.config("data directory", "none");
        bench.config("topology", "a ring and links at random, of which each node begins 8; 50 ms ± 20 ms");
        bench.config("block size", "with a coinbase alone; 20 blocks, one every 10 s of simulated time");
        bench.config("mining", "none: blocks are found at the moments that dice say");
        let sizes: &[usize] = bench.pick(&[10, 100, 1000], &[10, 100]);
        let cases = sizes.iter().map(|nodes| {
            let settings = settings(*nodes);
            Case::new(Figure::new(format!("sim::simulate/nodes={nodes}"), EVENTS), move || {
                let (took, report) = time(|| simulate(&settings, &mut |_| {}).expect("all holds"));
                report.events as f64 / took
            })
        });
        bench.group_of(bench.pick(3, 2), cases.collect());
    })
}

fn settings(nodes: usize) -> Settings {
    let millis = Duration::from_millis;
    Settings {
        nodes,
        topology: Topology::Random(8),
        line: Line {
            latency: Latency { mean: millis(50), spread: millis(20) },
            bandwidth: None,
            loss: Share { millionths: 0 },
        },
        blocks: 20,
        interval: Duration::from_secs(10),
        block_bytes: 0,
        content_bytes: 1000,
        pooled: Share { millionths: 0 },
        relay: Relay::Shipped,
        seed: 1,
        faults: Faults::NONE,
    }
}
