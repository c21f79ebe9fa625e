//! Ways to tell of blocks, compared.

use super::*;

/// Fifty nodes with slow uplinks, whose blocks have ten contents of 2 kB.
fn told_by(relay: &str, pooled: &str) -> Report {
    let settings = settings(50, "random:6", 50);
    let bandwidth = Some("10Mbit".parse().expect("a bandwidth"));
    run(&Settings {
        line: Line { bandwidth, ..settings.line },
        interval: Duration::from_secs(60),
        block_bytes: 20_000,
        content_bytes: 2000,
        pooled: pooled.parse().expect("a share"),
        relay: relay.parse().expect("a way to tell"),
        ..settings
    })
}

/// How many bodies' worth a node is sent about blocks, in hundredths, and when half of the blocks are at all.
fn costs(report: &Report) -> (u64, u64) {
    (report.told_of_blocks * 100 / report.floor_bytes, report.propagation[&100].median_us)
}

#[test]
fn the_more_bytes_the_fewer_round_trips() {
    let [flood, push, announce] = ["flood", "push:3", "announce"].map(|relay| costs(&told_by(relay, "0%")));
    assert!(flood.0 > 700, "{flood:?}: nearly every link carries it");
    assert!(push.0 < flood.0 / 2 && announce.0 < push.0 / 2, "{flood:?} {push:?} {announce:?}");
    assert!((100..130).contains(&announce.0), "{announce:?}: each body once");
    assert!(announce.1 > push.1, "{push:?} {announce:?}");
}

#[test]
fn what_waits_in_the_pools_is_not_sent_again() {
    let report = told_by("shipped", "100%");
    let (bodies, delay) = costs(&report);
    assert!(bodies < 30, "{bodies} hundredths of each body");
    assert!(delay < costs(&told_by("flood", "100%")).1);
    assert!(
        report.told_of_contents > report.floor_bytes,
        "they came before the block, each once and its name"
    );
    assert!(report.messages["Transactions"].count >= 49 * 180, "nearly all came to everybody");
    let half = costs(&told_by("compact", "50%"));
    assert!((50..90).contains(&half.0), "{half:?}: what nobody had is fetched");
}
