//! Whole runs.

use core::time::Duration;

use crate::sim::*;

fn settings(nodes: usize, topology: Topology, seed: u64) -> Settings {
    println!("seed {seed}");
    Settings {
        nodes,
        topology,
        line: Line {
            latency: "50ms±20ms".parse().expect("a latency"),
            bandwidth: None,
            loss: Share::default(),
        },
        blocks: 20,
        interval: Duration::from_secs(10),
        block_bytes: 0,
        seed,
        faults: Faults::NONE,
    }
}

fn run(settings: &Settings) -> Report {
    let report = simulate(settings, &mut |_| {}).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{report}");
    report
}

#[test]
fn two_hundred_nodes_at_random() {
    let report = run(&settings(200, Topology::Random(8), 1));
    assert_eq!(report.blocks.found, 20);
    assert_eq!(report.propagation[&100].heights, report.blocks.height);
}
