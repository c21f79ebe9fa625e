//! What is asked of a tree: locators and the headers that answer them.

use super::*;
use crate::chain::testing::solve;
use crate::limits::MAX_LOCATOR;

#[test]
fn a_locator_steps_back_by_ones_and_then_doubles() {
    let mut chain = regtest();
    let genesis = chain.tip().hash;
    assert_eq!(chain.locator(), [genesis]);
    let heights = |chain: &Chain| -> Vec<u64> {
        chain.locator().iter().map(|hash| chain.get(hash).expect("known").height).collect()
    };
    grow(&mut chain, &genesis, 5, "");
    assert_eq!(heights(&chain), [4, 3, 2, 1, 0]);
    let tip = chain.tip().hash;
    grow(&mut chain, &tip, 95, "");
    assert_eq!(heights(&chain), [99, 98, 97, 96, 95, 94, 93, 92, 91, 90, 88, 84, 76, 60, 28, 0]);
    assert!(chain.locator().len() <= MAX_LOCATOR);
}

#[test]
fn headers_follow_the_first_hash_that_is_on_the_active_chain() {
    let mut chain = regtest();
    let genesis = chain.tip().hash;
    let main = grow(&mut chain, &genesis, 10, "main");
    let side = grow(&mut chain, &main[3].hash(), 2, "side");
    let after = |locator: &[BlockHash], stop: Option<&BlockHash>, max: usize| -> Vec<BlockHash> {
        chain.headers_after(locator, stop, max).iter().map(Header::hash).collect()
    };
    let all = hashes(&main);
    assert_eq!(after(&[], None, 100), all, "no locator: all after genesis");
    assert_eq!(after(&[genesis], None, 3), all[..3]);
    assert_eq!(after(&[genesis], None, 0), []);
    assert_eq!(after(&[side[1].hash(), side[0].hash(), all[3], genesis], None, 100), all[4..]);
    assert_eq!(after(&[BlockHash::ZERO], None, 100), all, "unknown: all after genesis");
    assert_eq!(after(&[all[1]], Some(&all[4]), 100), all[2..5], "up to and including the stop");
    assert_eq!(after(&[all[1]], Some(&side[0].hash()), 100), all[2..], "a stop elsewhere stops nothing");
    assert_eq!(after(&[all[9]], None, 100), []);
}

#[test]
fn branches_end_where_they_end_and_are_worth_what_they_are() {
    let mut chain = regtest();
    let genesis = chain.tip().hash;
    let main = hashes(&grow(&mut chain, &genesis, 6, "main"));
    let side = hashes(&grow(&mut chain, &main[2], 2, "side"));
    let twig = hashes(&grow(&mut chain, &side[0], 1, "twig"));
    // Two headers ahead of the tip, and one beside them that its body discredits.
    let first = solve(other_child(&chain, &main[5], 1));
    chain.import_header(&first, LATE);
    let second = solve(other_child(&chain, &first.hash(), 2));
    chain.import_header(&second, LATE);
    let ahead = [first, second];
    let bad = solve(other_child(&chain, &main[5], 3));
    chain.import_header(&bad, LATE);
    chain.reject(&bad.hash());
    let ends: Vec<_> = chain.branches().iter().map(|e| (e.tip.hash, e.length, e.status)).collect();
    assert_eq!(ends[0], (main[5], 0, Status::Active));
    assert_eq!(ends[1], (ahead[1].hash(), 2, Status::HeadersOnly), "the most work first");
    let others = [(bad.hash(), 1, Status::Invalid), (side[1], 2, Status::Side), (twig[0], 2, Status::Side)];
    assert_eq!(ends.len(), 5, "{ends:?}");
    assert!(others.iter().all(|end| ends.contains(end)), "{ends:?}");
    let beside = |from, to| {
        let mut found = chain.beside(from, to);
        found.sort_unstable();
        found
    };
    let mut fifth = vec![(5, side[1]), (5, twig[0])];
    fifth.sort_unstable();
    assert_eq!(beside(5, 6), fifth);
    assert_eq!(beside(4, 4), [(4, side[0])], "once, though two branches pass");
    assert_eq!(beside(8, 99), [(8, ahead[1].hash())]);
    assert_eq!(beside(0, 99).len(), 6);
}

/// A header on `parent` that no other of the test is like.
fn other_child(chain: &Chain, parent: &BlockHash, version: u32) -> Header {
    Header { version, ..chain.child_of(parent).expect("a known parent").1 }
}

#[test]
fn unknown_hashes_and_heights_have_no_answer() {
    let chain = regtest();
    let unknown = BlockHash([7; 32]);
    assert_eq!((chain.get(&unknown), chain.median_time(&unknown)), (None, None));
    assert_eq!(
        (chain.active_at(1), chain.active_at(u64::MAX), chain.best_header_at(u64::MAX)),
        (None, None, None)
    );
    assert_eq!((chain.is_active(&unknown), chain.ancestor_at(&unknown, 0)), (false, None));
    assert_eq!(chain.ancestor_at(&chain.tip().hash, u64::MAX), None);
    assert_eq!((chain.len(), chain.is_empty(), chain.common_height()), (1, false, 0));
}
