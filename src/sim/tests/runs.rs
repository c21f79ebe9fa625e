//! Networks in which nothing goes wrong.

use std::sync::Arc;

use super::*;
use crate::limits::{MAX_INBOUND, MAX_INBOUND_PER_GROUP};
use crate::params::Params;
use crate::sim::{Conduct, Network, predicted_millionths};

/// A change of this hash is a change of behaviour: of a node, or of the simulated world. If it is meant, put
/// here what the test says it found.
const TRACE: &str = "744e3096bddef4c1d2ea9ab46527b9b35221070168c6377ee3101b0fd3aaa187";

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

/// As many as a node takes: nobody finds its place taken by its neighbours, or dials for the whole run.
#[test]
fn a_hub_takes_whom_it_has_room_for() {
    for (nodes, topology) in [(MAX_INBOUND + 1, "star"), (MAX_INBOUND_PER_GROUP + 6, "mesh")] {
        let report = run(&Settings { blocks: 3, ..settings(nodes, topology, 9) });
        let byes = report.messages.get("Bye").map_or(0, |byes| byes.count);
        assert_eq!((report.missing_links, byes), (0, 0), "{topology} of {nodes}");
        assert!(!report.to_string().contains("when mining began"), "nothing amiss, nothing said");
    }
}

/// One leaf more than that, which hangs on the others all the same: said, not passed over in silence.
#[test]
fn links_that_do_not_come_up_are_counted() {
    let mut net = Network::new(&Arc::new(Params::regtest()), settings(1, "mesh", 9).line, 9);
    net.add(Vec::new(), Conduct::Honest);
    for n in 1..=MAX_INBOUND + 1 {
        net.add(vec![0, n - 1][..if n == 1 { 1 } else { 2 }].to_vec(), Conduct::Honest);
    }
    for n in 0..net.len() {
        net.start_in(n, Duration::from_millis(40 * n as u64));
    }
    net.run(Duration::from_secs(60)).expect("nothing amiss");
    assert_eq!(net.missing_links(), 1);
    let report = Report { missing_links: 1, ..run(&settings(2, "mesh", 9)) };
    assert!(report.to_string().contains("links         1 were not up when mining began"), "{report}");
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

/// Half of the blocks are withheld, so those that count come half as often: the prediction is by what came.
#[test]
fn the_prediction_is_by_the_blocks_that_came() {
    let faults = Faults { withhold: "50%".parse().expect("a share"), ..Faults::NONE };
    let settings =
        Settings { blocks: 100, interval: Duration::from_secs(1), faults, ..settings(20, "random:4", 31) };
    let report = run(&settings);
    let interval = Duration::from_micros(report.mining_us / report.blocks.found);
    assert!(interval > Duration::from_millis(1500), "{interval:?}");
    let predicted = predicted_millionths(report.mean_delay_us, interval);
    assert!(report.blocks.predicted_millionths.abs_diff(predicted) <= 1, "{:?} {predicted}", report.blocks);
}

#[test]
fn a_partition_after_the_last_block_is_said_to_have_been_none() {
    let of = |partition: &str| {
        let faults = Faults { partition: Some(partition.parse().expect("an interval")), ..Faults::NONE };
        run(&Settings { blocks: 3, faults, ..settings(4, "mesh", 32) })
    };
    let (never, part) = (of("5h..6h"), of("1ms..6h"));
    assert!(
        never.to_string().contains("partition     never began: the last block was found after"),
        "{never}"
    );
    assert!(!part.to_string().contains("never began"), "{part}");
    assert_eq!((never.partitioned_us, part.partitioned_us), (0, part.mining_us - 1000));
}

#[test]
fn progress_is_told_of_every_block() {
    let mut told = Vec::new();
    simulate(&settings(3, "mesh", 8), &mut |progress| told.push(progress.blocks)).expect("nothing amiss");
    assert!(told.is_sorted() && told.last() == Some(&20));
}
