//! Networks in which something goes wrong, as it is bound to.

use super::*;
use crate::sim::{Amount, Interval};

fn some(text: &str) -> Amount {
    text.parse().expect("an amount")
}

fn with(faults: Faults, settings: Settings) -> Report {
    run(&Settings { faults, ..settings })
}

#[test]
fn two_halves_heal() {
    let cut = |text: &str| Some(text.parse::<Interval>().expect("an interval"));
    let whole = run(&settings(20, "random:4", 10));
    let halves = with(Faults { partition: cut("20s..120s"), ..Faults::NONE }, settings(20, "random:4", 10));
    assert!(halves.blocks.stale > whole.blocks.stale + 2, "what the weaker half found is lost");
    // Still cut when the last block is found: it heals at the end.
    with(Faults { partition: cut("20s..1h"), ..Faults::NONE }, settings(20, "mesh", 11));
}

#[test]
fn who_comes_late_catches_up() {
    let report = with(Faults { late: some("5"), ..Faults::NONE }, settings(20, "random:4", 12));
    assert!(report.messages["GetBlocks"].count >= 5, "half of the blocks were there before them");
    with(Faults { late: some("50%"), ..Faults::NONE }, settings(40, "random:4", 13));
}

#[test]
fn nodes_come_and_go() {
    for seed in 14..18 {
        let churn = "50%".parse().expect("a share");
        let report = with(Faults { churn, ..Faults::NONE }, settings(40, "random:6", seed));
        assert!(report.messages["Hello"].count > 0, "connections were made again");
    }
}

#[test]
fn five_per_cent_are_lost_and_nothing_with_them() {
    let settings = settings(30, "ring", 18);
    let line = Line { loss: "5%".parse().expect("a share"), ..settings.line };
    let (whole, lossy) = (run(&settings), run(&Settings { line, ..settings.clone() }));
    let last = |report: &Report| report.propagation[&100].median_us;
    assert!(last(&lossy) > last(&whole));
    assert_eq!(lossy.propagation[&100].heights, lossy.blocks.height);
}

/// What they lie costs them their connections; the others find everything all the same.
#[test]
fn liars_cannot_stop_the_others() {
    for (liars, seed) in [("1", 19), ("20%", 20), ("50%", 21)] {
        let report = with(Faults { liars: some(liars), ..Faults::NONE }, settings(30, "random:6", seed));
        assert!(report.blocks.wasted > 0 || liars == "1");
        assert!(report.messages["Bye"].count > 0, "they are told why they are let go");
        assert!(report.blocks.stale <= 4, "{} stale", report.blocks.stale);
    }
}

/// Blocks that are announced and never given are had from others, after the two seconds that one waits.
#[test]
fn withholding_peers_cost_two_seconds_at_most() {
    for (withhold, seed) in [("1", 22), ("20%", 23), ("50%", 24)] {
        let report =
            with(Faults { withhold: some(withhold), ..Faults::NONE }, settings(30, "random:6", seed));
        assert!(report.propagation[&100].worst_us < 2_000_000, "{withhold}: {:?}", report.propagation[&100]);
    }
}

/// Two of ten find blocks and keep them: at times two in a row, which must silence nobody.
#[test]
fn withheld_blocks_in_a_row_do_not_stop_a_small_network() {
    let settings = Settings { blocks: 200, ..settings(10, "mesh", 25) };
    let report = with(Faults { withhold: some("2"), ..Faults::NONE }, settings);
    assert!(report.blocks.wasted > 20);
    assert!(report.blocks.height > 190, "{} in the chain", report.blocks.height);
}

#[test]
fn everything_at_once() {
    for seed in 26..30 {
        let faults = Faults {
            partition: Some("40s..90s".parse().expect("an interval")),
            churn: "10%".parse().expect("a share"),
            late: some("10%"),
            liars: some("10%"),
            withhold: some("10%"),
        };
        let settings = settings(50, "random:8", seed);
        let line = Line { loss: "2%".parse().expect("a share"), ..settings.line };
        with(faults, Settings { line, ..settings });
    }
}

/// Slow links, and nodes that stop while they are dialled: whoever dialled hears that it came to nothing, and
/// dials again. A node that was not told stayed at the first block for good.
#[test]
fn who_is_dialled_may_be_gone_before_it_answers() {
    let line = Line {
        latency: "200ms±150ms".parse().expect("a latency"),
        loss: "1%".parse().expect("a share"),
        bandwidth: None,
    };
    let faults = Faults {
        churn: "30%".parse().expect("a share"),
        late: some("10%"),
        withhold: some("5%"),
        partition: Some("10s..15s".parse().expect("an interval")),
        ..Faults::NONE
    };
    let pooled = "50%".parse().expect("a share");
    with(faults, Settings { line, pooled, blocks: 30, ..settings(150, "random:2", 217_758_601) });
}
