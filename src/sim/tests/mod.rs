//! Networks with a seed, and what must come of them.

mod broken;
mod faults;
mod relay;
mod runs;

use core::time::Duration;

use crate::limits::MAX_CONTENT_BYTES;
use crate::sim::{Faults, Line, Relay, Report, Settings, Share, simulate};

/// Twenty blocks, ten seconds apart, and nothing goes wrong.
fn settings(nodes: usize, topology: &str, seed: u64) -> Settings {
    println!("seed {seed}");
    Settings {
        nodes,
        topology: topology.parse().expect("a topology"),
        line: Line {
            latency: "50ms±20ms".parse().expect("a latency"),
            bandwidth: None,
            loss: Share::default(),
        },
        blocks: 20,
        interval: Duration::from_secs(10),
        block_bytes: 0,
        content_bytes: MAX_CONTENT_BYTES,
        pooled: Share::default(),
        relay: Relay::default(),
        seed,
        faults: Faults::NONE,
    }
}

/// Runs it; that everything holds is looked at in every run.
fn run(settings: &Settings) -> Report {
    let report = simulate(settings, &mut |_| {}).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{report}");
    assert_eq!(report.blocks.found, settings.blocks);
    report
}
