//! Nodes that come and go, and what everybody has.

use super::*;
use crate::encoding::Text;
use crate::manager::spread;
use crate::types::BlockHash;
use crate::types::CompactTarget;
use crate::wire::manage::{Event, Origin, SeenBlock, What};

fn name(n: usize) -> NodeId {
    NodeId([n as u8; 16])
}

fn tip(height: u64) -> What {
    What::TipChanged { tip: BlockHash([height as u8; 32]), height, work: [0; 32], reverted: 0 }
}

fn ready(n: usize) -> What {
    What::PeerReady { node: name(n), outbound: false }
}

fn gone(n: usize) -> What {
    What::PeerGone { node: name(n), why: Text::default() }
}

fn told(what: What) -> Event {
    Event { at: 0, what }
}

/// Three nodes whose links are up, at height 3.
fn three(restart: bool) -> State {
    let mut state = State::new((0..3).map(|n| (name(n), n)).collect(), restart, Modes::of(0));
    state.links.expect([(0, 1), (0, 2), (1, 2)]);
    for n in 0..3 {
        state.tips.count(n, true);
        assert_eq!(state.event(n, &told(tip(3))).news, None, "not up: no news");
        for other in (0..3).filter(|other| *other != n) {
            state.event(n, &told(ready(other)));
        }
    }
    assert!(state.links.are_up());
    state.up = true;
    state
}

#[test]
fn a_node_that_dies_comes_back_under_another_name() {
    let mut state = three(true);
    let fate = state.ended(1, Exit::Signal(9), Duration::ZERO);
    assert!(matches!(fate, Fate::Again(Again { attempt: 1, .. })));
    assert_eq!((state.standing(1).to_string(), state.links.peers(1)), ("restarting".to_owned(), 0));
    for other in [0, 2] {
        state.event(other, &told(gone(1)));
    }
    state.started(1, name(7), 0);
    state.tips.count(1, true);
    assert_eq!((state.standing(1), state.restarts(1)), (Standing::Returning, 1));
    assert!(!state.has_caught_up(1, 3));
    for other in [0, 2] {
        state.event(1, &told(ready(other)));
        state.event(other, &told(ready(7)));
    }
    assert!(state.links.are_up() && !state.has_caught_up(1, 3), "its chain is not what it was");
    state.event(1, &told(tip(3)));
    assert!(state.has_caught_up(1, 3));
    state.returned(1);
    assert_eq!(state.standing(1), Standing::Running);
}

#[test]
fn links_to_those_who_are_gone_are_not_waited_for() {
    let mut state = three(true);
    state.ended(1, Exit::Signal(9), Duration::ZERO);
    state.ended(2, Exit::Code(65), Duration::ZERO);
    state.started(1, name(1), 0);
    state.event(0, &told(ready(1)));
    state.event(1, &told(ready(0)));
    state.event(1, &told(tip(3)));
    assert!(state.has_caught_up(1, 3));
    state.ended(1, Exit::Signal(9), Duration::ZERO);
    state.returned(1);
    assert!(state.standing(1).exit().is_some(), "it did not return");
}

#[test]
fn nobody_is_started_again_unasked_or_while_everything_stops() {
    let mut state = three(false);
    assert_eq!(state.ended(1, Exit::Signal(9), Duration::ZERO), Fate::Stays);
    assert_eq!(state.exits().collect::<Vec<_>>(), [(1, Exit::Signal(9))]);
    let mut state = three(true);
    state.stopping = true;
    assert_eq!(state.ended(1, Exit::Signal(9), Duration::ZERO), Fate::Stays);
    assert_eq!(state.standing(1), Standing::Ended(Exit::Signal(9)));
}

#[test]
fn whoever_is_ended_on_request_stays_away_and_is_no_loss() {
    let mut state = three(true);
    state.ask(1);
    assert_eq!(state.ended(1, Exit::Signal(9), Duration::ZERO), Fate::Stays);
    assert!(state.was_asked(1) && state.is_ready(1));
    state.ended(0, Exit::Code(65), Duration::ZERO);
    state.ended(2, Exit::Code(65), Duration::ZERO);
    assert!(!state.is_over() && !state.is_ready(0), "somebody may want node 1 back");
    // Whoever is about to be started again is not, once somebody asked for its end.
    let mut state = three(true);
    state.ended(1, Exit::Signal(9), Duration::ZERO);
    state.ask(1);
    assert_eq!((state.standing(1), state.due().count()), (Standing::Ended(Exit::Signal(9)), 0));
    // Whoever wants it back wants it, also if it does not come; and may try again.
    state.miss(1);
    assert!(!state.was_asked(1) && !state.is_ready(1));
    for n in [0, 2] {
        state.ended(n, Exit::Code(65), Duration::ZERO);
        state.ask(n);
    }
    assert!(!state.is_over());
    state.ask(1);
    assert!(state.was_asked(1));
    state.started(1, name(1), 0);
    assert!(!state.was_asked(1));
}

#[test]
fn a_paused_node_does_not_count_and_keeps_its_tip() {
    let mut state = three(true);
    state.pause(1, true, 0);
    assert_eq!((state.standing(1), state.running().count()), (Standing::Paused, 2));
    assert!(state.tips.of(1).is_some() && state.is_ready(1));
    for n in [0, 2] {
        state.event(n, &told(tip(4)));
    }
    let tip = crate::manager::tips::TipAt { height: 4, hash: BlockHash([4; 32]) };
    assert!(state.tips.all_have(tip, |_| true));
    state.pause(1, false, 0);
    assert!(!state.tips.all_have(tip, |_| true));
    state.pause(1, false, 0);
    assert_eq!(state.standing(1), Standing::Running);
}

#[test]
fn who_can_reach_whom_follows_cuts_and_those_who_are_away() {
    let mut state = three(true);
    let groups = |state: &State| state.groups().len();
    assert_eq!((groups(&state), state.reached_from(1).len()), (1, 3));
    state.faults.cut(0, 1, true);
    assert_eq!(groups(&state), 1, "by way of node 2");
    assert!(state.has_links(1), "a link that is cut is not waited for");
    state.ended(2, Exit::Signal(9), Duration::ZERO);
    assert_eq!((groups(&state), state.reached_from(1).len()), (2, 1));
    state.faults.heal(false);
    assert_eq!(groups(&state), 1);
}

/// Node `node` has block `name` at `at`.
fn has(state: &mut State, name: u8, node: usize, at: u64, origin: Origin) {
    let seen = SeenBlock {
        hash: BlockHash([name; 32]),
        previous: BlockHash([3; 32]),
        height: u64::from(name),
        time: 0,
        bits: CompactTarget(0x207f_ffff),
        work: [name; 32],
        transactions: 1,
        bytes: 200,
        origin,
        from: None,
        miner: NodeId([0; 16]),
        content: Default::default(),
    };
    state.event(node, &Event { at, what: What::BlockSeen(seen) });
}

#[test]
fn the_time_of_a_cut_is_none_of_a_blocks_spread() {
    let spread = |state: &State, name: u8| {
        let spread = state.blocks.get(&BlockHash([name; 32])).and_then(spread::of);
        spread.map(|spread| (spread.nodes, spread.to_100_ms))
    };
    let mut state = three(false);
    state.faults.partition(Some(vec![[0, 1].into(), [2].into()]));
    has(&mut state, 4, 0, 1_000, Origin::Mined);
    has(&mut state, 4, 1, 3_000, Origin::Pushed);
    has(&mut state, 14, 2, 4_000, Origin::Mined);
    state.faults.heal(false);
    // Healed, but the links are not up yet.
    state.event(2, &told(gone(0)));
    state.event(2, &told(gone(1)));
    has(&mut state, 5, 0, 5_000, Origin::Mined);
    state.event(2, &told(ready(0)));
    state.event(2, &told(ready(1)));
    for name in [4, 5] {
        has(&mut state, name, 2, 9_000_000, Origin::Requested);
    }
    has(&mut state, 5, 1, 6_000, Origin::Pushed);
    has(&mut state, 14, 0, 9_000_000, Origin::Requested);
    assert_eq!([4, 14, 5].map(|name| spread(&state, name)), [Some((2, 2.0)), None, Some((2, 1.0))]);
    for (node, at) in [(0, 10_000_000), (1, 10_001_000), (2, 10_004_000)] {
        has(&mut state, 6, node, at, Origin::Pushed);
    }
    assert_eq!(spread(&state, 6), Some((3, 4.0)), "whole again");
    assert_eq!(spread::over(state.blocks.newest(), 20).to_all.max_ms, Some(4.0));
    let waited = |state: &mut State, name: u64| -> Vec<bool> {
        (0..3).filter_map(|node| Some(state.event(node, &told(tip(name))).news?.waited)).collect()
    };
    assert_eq!(
        [5, 6].map(|name| waited(&mut state, name)),
        [[true], [false]],
        "nor is it when people are told"
    );
}

#[test]
fn blocks_that_are_read_back_are_no_progress() {
    let mut state = three(false);
    has(&mut state, 4, 0, 7_000, Origin::Mined);
    has(&mut state, 5, 0, 9_000, Origin::Loaded);
    assert_eq!(state.last_progress, 7_000);
}

#[test]
fn a_chain_that_is_read_back_is_the_best_one_once_its_tip_was_told_of() {
    let mut state = three(false);
    // Tips come first: nodes say what they have, and read it back then.
    for name in 1..4 {
        has(&mut state, name, 0, 0, Origin::Loaded);
        assert_eq!((state.all_told(), state.blocks.best().is_some()), (name == 3, name == 3));
    }
    state.tips.count(3, true);
    assert!(!state.all_told(), "node 3 said nothing yet");
}
