//! Networks in which nothing goes wrong.

use super::*;

/// A change of this hash is a change of behaviour: of a node, or of the simulated world. If it is meant, put
/// here what the test says it found.
const TRACE: &str = "fa31497c08af2e3db040fd6a8b3c85bb9bbf36a134c8c475cabe70ac5f452b16";

#[test]
fn a_seed_is_a_run() {
    let pinned = |seed| Settings {
        line: Line { loss: "1%".parse().expect("a share"), ..settings(20, "random:3", seed).line },
        faults: Faults {
            churn: "20%".parse().expect("a share"),
            partition: Some("50s..100s".parse().expect("an interval")),
            liars: "1".parse().expect("a number"),
            ..Faults::NONE
        },
        ..settings(20, "random:3", seed)
    };
    let (first, again) = (run(&pinned(7)), run(&pinned(7)));
    assert_eq!(first, again);
    assert_eq!(first.to_string(), again.to_string());
    assert_ne!(run(&pinned(8)).trace, first.trace);
    assert_eq!(first.trace, TRACE, "the behaviour changed");
}

#[test]
fn two_hundred_nodes_at_random() {
    let report = run(&settings(200, "random:8", 1));
    let all = report.propagation[&100];
    assert_eq!(all.heights, report.blocks.height, "every block came to everybody");
    // Two or three hops of at least 30 and at most 70 ms.
    assert!((60_000..280_000).contains(&all.median_us), "{} us", all.median_us);
}

#[test]
fn every_topology_carries_blocks() {
    for topology in ["mesh", "ring", "line", "star", "random:1", "random:4"] {
        let report = run(&settings(30, topology, 2));
        assert_eq!(report.propagation[&100].heights, report.blocks.height, "{topology}");
    }
    run(&settings(1, "mesh", 3));
    run(&settings(2, "ring", 3));
}

/// In a line every hop counts: a block of the end comes to the other end after 29 hops of 50 ms.
#[test]
fn hops_add_up() {
    let line = |topology| {
        let settings = settings(30, topology, 4);
        run(&Settings {
            line: Line { latency: "50ms".parse().expect("a latency"), ..settings.line },
            ..settings
        })
    };
    let (mesh, line) = (line("mesh"), line("line"));
    assert_eq!(mesh.propagation[&100].worst_us, 50_000);
    let median = line.propagation[&100].median_us;
    assert!((15 * 50_000..=29 * 50_000).contains(&median) && median.is_multiple_of(50_000), "{median} us");
    assert!(line.propagation[&100].median_us > 10 * mesh.propagation[&100].median_us);
}

/// A block of 200 kB takes 160 ms on an uplink of 10 Mbit, and is told in short, and what nobody had is fetched, hop by hop.
#[test]
fn large_blocks_take_their_time_on_slow_uplinks() {
    let of = |bandwidth: Option<&str>| {
        let settings = Settings { block_bytes: 200_000, blocks: 10, ..settings(20, "random:3", 5) };
        let bandwidth = bandwidth.map(|text| text.parse().expect("a bandwidth"));
        run(&Settings { line: Line { bandwidth, ..settings.line }, ..settings })
    };
    let (fast, slow) = (of(None), of(Some("10Mbit")));
    let median = |report: &Report| report.propagation[&90].median_us;
    assert!(median(&slow) > median(&fast) + 160_000, "{} and {} us", median(&fast), median(&slow));
    // Nobody is sent a body twice: 19 nodes are given each of the ten.
    assert_eq!(fast.messages["BlockTransactions"].count, 190);
    assert!(fast.messages["BlockTransactions"].bytes > 190 * 200_000);
}

/// The closer together blocks are found, the more of them go stale, about as many as the published analysis
/// says.
#[test]
fn fast_blocks_go_stale_as_predicted() {
    let of = |interval: u64| {
        let settings = Settings { blocks: 1000, ..settings(20, "ring", 6) };
        run(&Settings { interval: Duration::from_millis(interval), ..settings }).blocks
    };
    let (slow, fast) = (of(20_000), of(2_000));
    assert!(slow.stale < fast.stale / 4, "{} and {}", slow.stale, fast.stale);
    for blocks in [slow, fast] {
        let (measured, predicted) = (blocks.stale_millionths, blocks.predicted_millionths);
        let spread = predicted / 4 + 10_000;
        assert!(measured.abs_diff(predicted) < spread, "{measured} measured, {predicted} predicted");
    }
}

#[test]
fn progress_is_told_of_every_block() {
    let mut told = Vec::new();
    simulate(&settings(3, "mesh", 8), &mut |progress| told.push(progress.blocks)).expect("nothing amiss");
    assert!(told.is_sorted() && told.last() == Some(&20));
}
