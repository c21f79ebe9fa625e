//! Rows of what the nodes have, and what is said of it.

use std::collections::BTreeMap;

use super::*;
use crate::manager::exit::Exit;
use crate::manager::modes::Modes;
use crate::manager::view::SetMining;
use crate::types::{BlockHash, CompactTarget, NodeId};
use crate::wire::manage::{Event, Origin, SeenBlock, What};

const START: u64 = 1_700_000_000_000_000;

fn hash(name: u8) -> BlockHash {
    BlockHash([name; 32])
}

fn work(height: u64) -> [u8; 32] {
    let mut work = [0; 32];
    work[0] = height as u8 + 1;
    work
}

/// Four nodes in a mesh. Blocks are named by numbers: below 10 the height, on the main branch; 10 and the
/// height on the other one, which begins at genesis.
fn four(tips: [u8; 4], hashrate: u64) -> State {
    let name = |node: usize| NodeId([node as u8 + 1; 16]);
    let names: BTreeMap<NodeId, usize> = (0..4).map(|node| (name(node), node)).collect();
    let mut state = State::new(names, false, Modes::of(hashrate));
    let pairs = (0..4).flat_map(|a| (a + 1..4).map(move |b| (a, b)));
    state.links.expect(pairs);
    (state.up, state.last_progress) = (true, START);
    for (node, tip) in tips.into_iter().enumerate() {
        state.tell_rate(node);
        tells(&mut state, node, tip, 0);
    }
    state
}

/// A node tells of its blocks from a height on, and of its tip.
fn tells(state: &mut State, node: usize, tip: u8, from: u64) {
    state.tips.count(node, true);
    let height = u64::from(tip % 10);
    for at in from..=height {
        let branch = |at: u64| if at == 0 { 0 } else { tip - tip % 10 + at as u8 };
        let seen = SeenBlock {
            hash: hash(branch(at)),
            previous: hash(branch(at.saturating_sub(1))),
            height: at,
            time: 0,
            bits: CompactTarget(0x2000_ffff),
            work: work(at),
            transactions: 1,
            bytes: 200,
            origin: Origin::Requested,
            from: None,
            miner: NodeId([1; 16]),
            content: Default::default(),
        };
        state.event(node, &Event { at: START, what: What::BlockSeen(seen) });
    }
    let what = What::TipChanged { tip: hash(tip), height, work: work(height), reverted: 0 };
    state.event(node, &Event { at: START, what });
}

#[test]
fn a_node_whose_tip_is_below_all_that_is_known_is_behind() {
    let mut state = four([3, 3, 3, 3], 0);
    for (node, tip, from) in [(0, 9, 6), (1, 9, 6), (2, 9, 6)] {
        tells(&mut state, node, tip, from);
    }
    let verdict = of(&state, START);
    assert_eq!(verdict.text, "syncing: 3 nodes at height 9, 1 behind", "of blocks 4 and 5 nobody told");
}

#[test]
fn tips_make_the_verdict() {
    let rows = [
        ([3, 3, 3, 3], Condition::InSync, "in sync: 4 nodes at height 3"),
        ([0, 0, 0, 0], Condition::InSync, "in sync: 4 nodes at height 0"),
        ([3, 2, 3, 1], Condition::Syncing, "syncing: 2 nodes at height 3, 2 behind"),
        ([3, 3, 3, 12], Condition::Forked, "forked: 2 tips, 3 nodes to 1"),
        ([3, 12, 12, 12], Condition::Forked, "forked: 2 tips, 1 node to 3"),
        (
            [3, 3, 13, 13],
            Condition::Forked,
            "forked: 2 tips, 2 nodes to 2; their work is the same: the next block decides",
        ),
        ([3, 3, 2, 12], Condition::Forked, "forked: 3 tips, 2, 1, 1 nodes"),
    ];
    for (tips, condition, text) in rows {
        let verdict = of(&four(tips, 0), START);
        assert_eq!((verdict.condition, verdict.text.as_str()), (condition, text), "{tips:?}");
        let nodes: usize = verdict.tips.iter().map(|tip| tip.nodes.len()).sum();
        assert_eq!((nodes, verdict.missing.len()), (4, 0));
    }
    let verdict = of(&four([3, 13, 13, 12], 0), START);
    assert_eq!((verdict.tips[0].nodes.as_slice(), verdict.tips[0].work.as_str()), ([1, 2].as_slice(), "4"));
    let verdict = of(&four([3, 12, 12, 12], 0), START);
    assert_eq!(verdict.tips[0].nodes, [0], "most work first, whoever has it");
    let verdict = of(&four([3, 13, 13, 13], 0), START);
    assert_eq!(verdict.tips[0].nodes, [1, 2, 3], "of the same work, most nodes first");
}

#[test]
fn a_partition_shows_and_a_fork_goes_before_it() {
    let apart = |tips| {
        let mut state = four(tips, 0);
        state.faults.partition(Some(vec![[0, 1].into(), [2, 3].into()]));
        state
    };
    let rows = [
        ([3, 3, 3, 3], Condition::Partitioned, "partitioned: 2 to 2, one tip"),
        ([3, 3, 2, 2], Condition::Partitioned, "partitioned: 2 to 2, one chain"),
        ([3, 3, 12, 12], Condition::Forked, "forked: 2 tips, 2 nodes to 2; partitioned 2 to 2"),
    ];
    for (tips, condition, text) in rows {
        let verdict = of(&apart(tips), START);
        assert_eq!((verdict.condition, verdict.text.as_str()), (condition, text), "{tips:?}");
    }
    // Those who are down are in no group.
    let mut state = apart([3, 3, 3, 3]);
    state.ended(3, Exit::Signal(9), Duration::ZERO);
    assert_eq!(of(&state, START).text, "partitioned: 2 to 1, one tip (D is down)");
    let mut state = apart([3, 3, 12, 12]);
    state.pause(3, true, START);
    assert_eq!(of(&state, START).text, "forked: 2 tips, 2 nodes to 1; partitioned 2 to 1 (D is away)");
}

#[test]
fn those_who_are_away_are_named_and_have_no_say() {
    let mut state = four([3, 3, 3, 12], 0);
    state.ended(3, Exit::Signal(9), Duration::ZERO);
    let verdict = of(&state, START);
    assert_eq!((verdict.condition, verdict.missing.as_slice()), (Condition::InSync, [3].as_slice()));
    assert_eq!(verdict.text, "in sync: 3 nodes at height 3 (D is down)");
    state.pause(0, true, START);
    assert_eq!(of(&state, START).text, "in sync: 2 nodes at height 3 (D is down, A is away)");
    for node in 0..3 {
        state.ended(node, Exit::Signal(9), Duration::ZERO);
    }
    let verdict = of(&state, START);
    assert_eq!((verdict.condition, verdict.text.as_str()), (Condition::Down, "down: no node runs"));
}

#[test]
fn whose_clock_is_wrong_is_said_for_as_long_as_it_is_known() {
    let mut state = four([3, 3, 3, 1], 0);
    let hour = 3_600_000;
    let tells = |state: &mut State, node, offset, is_off| {
        let what = What::Clock { offset, peers: 3, is_off };
        state.event(node, &Event { at: START, what })
    };
    let syncing = "syncing: 3 nodes at height 3, 1 behind";
    assert!(!tells(&mut state, 3, 3 * hour, true).is_old);
    assert!(tells(&mut state, 3, 3 * hour, true).is_old, "told again, to a manager that comes again");
    assert_eq!(of(&state, START).text, format!("{syncing} (D's clock is 3.0 h behind)"));
    tells(&mut state, 1, -2 * hour, true);
    let both = "B's clock is 2.0 h ahead, D's is 3.0 h behind";
    assert_eq!(of(&state, START).text, format!("{syncing} ({both})"));
    tells(&mut state, 2, -2 * hour, true);
    assert_eq!(of(&state, START).text, format!("{syncing} (the clocks of B C D are wrong)"));
    assert!(!tells(&mut state, 1, 0, false).is_old);
    tells(&mut state, 2, 0, false);
    state.ended(0, Exit::Signal(9), Duration::ZERO);
    let one_down = "syncing: 2 nodes at height 3, 1 behind (A is down, D's clock is 3.0 h behind)";
    assert_eq!(of(&state, START).text, one_down);
    state.ended(3, Exit::Signal(9), Duration::ZERO);
    state.started(3, NodeId([4; 16]), START);
    state.returned(3);
    assert!(!of(&state, START).text.contains("clock"), "another process may have another clock");
}

#[test]
fn nodes_that_are_paused_are_not_gone() {
    let mut state = four([3; 4], 0);
    (0..4).for_each(|node| state.pause(node, true, START));
    let said = |state: &State| (of(state, START).condition, of(state, START).text);
    assert_eq!(said(&state), (Condition::Down, "down: all nodes are paused".to_owned()));
    state.ended(0, Exit::Code(0), Duration::ZERO);
    assert_eq!(said(&state).1, "down: no node runs; B C D are paused");
    state.ended(1, Exit::Code(0), Duration::ZERO);
    state.ended(2, Exit::Code(0), Duration::ZERO);
    assert_eq!(said(&state).1, "down: no node runs; D is paused");
}

#[test]
fn a_network_without_a_block_for_long_is_stalled_if_somebody_mines() {
    // A block takes 256 hashes.
    let after = |hashrate, secs: u64| of(&four([3, 3, 3, 3], hashrate), START + secs * 1_000_000).condition;
    assert_eq!(after(0, 1_000_000), Condition::InSync, "nobody mines");
    assert_eq!(after(128, 19), Condition::InSync);
    assert_eq!(after(128, 21), Condition::Stalled);
    assert_eq!(after(100_000, 4), Condition::InSync, "too short to say anything");
    let mut state = four([3, 3, 3, 3], 128);
    for node in 0..4 {
        state.pause(node, true, START);
    }
    assert_eq!(expected_seconds(&state), None);
}

#[test]
fn a_network_is_ready_when_all_run_that_should_and_have_their_links() {
    let ready = || {
        let mut state = four([3, 3, 3, 3], 0);
        for (a, b) in (0..4).flat_map(|a| (0..4).map(move |b| (a, b))).filter(|(a, b)| a != b) {
            state.links.ready(a, b);
        }
        state
    };
    let said = |change: fn(&mut State)| {
        let mut state = ready();
        change(&mut state);
        not_ready(&state)
    };
    let end = |state: &mut State, node, asked| {
        if asked {
            state.ask(node);
        }
        state.ended(node, Exit::Signal(9), Duration::ZERO);
    };
    assert_eq!(not_ready(&ready()), None);
    let mut state = ready();
    end(&mut state, 1, false);
    assert_eq!(not_ready(&state).as_deref(), Some("B has ended"));
    end(&mut state, 2, false);
    assert_eq!(not_ready(&state).as_deref(), Some("B C have ended"));
    state.started(1, NodeId([2; 16]), 0);
    assert_eq!(not_ready(&state).as_deref(), Some("B is returning, C has ended"));
    let mut state = ready();
    end(&mut state, 1, true);
    assert_eq!(not_ready(&state), None, "somebody wants it so");
    (0..4).for_each(|node| end(&mut state, node, true));
    assert_eq!(not_ready(&state).as_deref(), Some("no node runs"));
    let mut state = ready();
    (0..4).for_each(|node| state.pause(node, true, 0));
    assert_eq!(not_ready(&state).as_deref(), Some("all nodes are paused"));
    assert_eq!(said(|state| state.links.gone(2, 0)).as_deref(), Some("the link A-C is down"));
    let two = |state: &mut State| [(2, 0), (1, 3)].into_iter().for_each(|(at, to)| state.links.gone(at, to));
    assert_eq!(said(two).as_deref(), Some("the links A-C B-D are down"));
    let cut = |state: &mut State| {
        state.faults.cut(0, 2, true);
        state.links.gone(2, 0);
    };
    assert_eq!(said(cut), None);
}

#[test]
fn whoever_was_told_at_its_own_http_to_mine_mines() {
    let says = |state: &mut State, node, hashrate| {
        state.event(node, &Event { at: START, what: What::MiningSet { hashrate } });
    };
    let mut state = four([3; 4], 0);
    says(&mut state, 2, 512);
    assert_eq!(expected_seconds(&state), Some(0.5), "nobody was asked to by the manager");
    assert_eq!((state.rate(1), state.rate(2), state.own_rate(2)), (0, 512, Some(512)));
    assert_eq!(of(&state, START + 6_000_000).condition, Condition::Stalled);
    state.set_modes(Modes::of(1024), START);
    let told: Vec<u64> = (0..4).map(|node| state.tell_rate(node)).collect();
    assert_eq!((told, expected_seconds(&state)), (vec![256; 4], Some(0.25)), "the newest wish");
    (0..4).for_each(|node| says(&mut state, node, 256));
    says(&mut state, 1, 0);
    assert_eq!((expected_seconds(&state), state.own_rate(1)), (Some(1.0 / 3.0), Some(0)));
    let everywhere =
        state.modes.with(&SetMining { mode: Some(MiningMode::Interval), ..SetMining::default() });
    state.set_modes(everywhere.expect("a mode"), START);
    let told: Vec<u64> = (0..4).map(|node| state.tell_rate(node)).collect();
    assert_eq!((told, expected_seconds(&state)), (vec![0; 4], Some(10.0)));
    says(&mut state, 0, 128);
    assert_eq!(expected_seconds(&state), Some(1.0 / (0.1 + 0.5)), "both ways");
}
