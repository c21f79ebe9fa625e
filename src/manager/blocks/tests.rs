//! The tree as nodes tell of it: branches, reorganisations, who has what.

use super::*;
use crate::types::NodeId;

fn hash(name: u8) -> BlockHash {
    BlockHash([name; 32])
}

fn block(name: u8, previous: u8, height: u64) -> SeenBlock {
    let mut work = [0; 32];
    work[0] = height as u8 + 1;
    SeenBlock {
        hash: hash(name),
        previous: hash(previous),
        height,
        time: 1_700_000_000,
        bits: CompactTarget(0x207f_ffff),
        work,
        transactions: 1,
        bytes: 200,
        origin: Origin::Pushed,
        from: None,
        miner: NodeId([0; 16]),
        content: Default::default(),
    }
}

fn arrival(node: usize, at: u64) -> Arrival {
    Arrival { node, at, from: None, origin: Origin::Pushed, live: true }
}

/// 0 - 1 - 2 - 3, mined by nodes 0, 0, 1; and a branch 1 - 12 - 13 - 14 of node 2's.
fn forked() -> Blocks {
    let mut blocks = Blocks::default();
    let rows = [(0, 99, 0, 0), (1, 0, 1, 0), (2, 1, 2, 0), (3, 2, 3, 1)];
    for (name, previous, height, miner) in rows {
        assert!(blocks.seen(&block(name, previous, height), Some(miner), arrival(0, 100 + height)));
    }
    blocks.set_best(hash(3));
    for (name, previous, height) in [(12, 1, 2), (13, 12, 3), (14, 13, 4)] {
        assert!(blocks.seen(&block(name, previous, height), Some(2), arrival(1, 200 + height)));
    }
    blocks
}

#[test]
fn of_the_highest_blocks_as_many_heights_are_told_as_fit() {
    let blocks = forked();
    // Blocks by height from genesis on: 1, 1, 2, 2, 1.
    let rows =
        [(0, 9, 0), (0, 7, 0), (0, 6, 1), (0, 5, 2), (0, 4, 3), (0, 3, 3), (0, 2, 4), (3, 9, 3), (3, 2, 4)];
    for (lowest, most, from) in rows {
        assert_eq!(blocks.fitting(lowest, most), from, "{lowest} {most}");
        assert!(blocks.from(from).count() <= most, "{lowest} {most}");
    }
    assert_eq!(blocks.fitting(0, 0), 4, "one height at least");
}

fn best(blocks: &Blocks) -> Vec<u8> {
    blocks.from(0).filter(|block| block.best).map(|block| block.hash.0[0]).collect()
}

#[test]
fn the_best_chain_follows_the_best_tip_over_a_fork_and_back() {
    let mut blocks = forked();
    assert_eq!((best(&blocks), blocks.mined(0), blocks.mined(1)), (vec![0, 1, 2, 3], 2, 1));
    blocks.set_best(hash(14));
    assert_eq!(best(&blocks), [0, 1, 12, 13, 14]);
    assert_eq!([0, 1, 2].map(|node| blocks.mined(node)), [1, 0, 3]);
    blocks.set_best(hash(3));
    assert_eq!((best(&blocks), blocks.mined(2)), (vec![0, 1, 2, 3], 0));
    blocks.set_best(hash(77));
    assert_eq!(best(&blocks), [0, 1, 2, 3], "a tip that nobody told of changes nothing");
}

#[test]
fn who_is_an_ancestor_of_whom() {
    let blocks = forked();
    let rows = [(1, 3, true), (1, 14, true), (2, 14, false), (12, 3, false), (3, 3, true), (77, 3, false)];
    for (ancestor, tip, is_one) in rows {
        assert_eq!(blocks.is_ancestor(hash(ancestor), hash(tip)), is_one, "{ancestor} of {tip}");
    }
}

#[test]
fn arrivals_are_by_time_and_told_once() {
    let mut blocks = Blocks::default();
    let seen = block(1, 0, 1);
    for (node, at, is_news) in [(0, 1000, true), (2, 1700, true), (1, 1500, true), (1, 1900, false)] {
        assert_eq!(blocks.seen(&seen, None, arrival(node, at)), is_news, "{node} at {at}");
    }
    // The first to be heard need not be the first to have had it.
    assert!(blocks.seen(&seen, None, arrival(3, 900)));
    let block = blocks.get(&hash(1)).expect("it is known");
    assert_eq!(
        block.arrivals.iter().map(|a| (a.node, a.at)).collect::<Vec<_>>(),
        [(3, 900), (0, 1000), (1, 1500), (2, 1700)]
    );
    assert_eq!(block.seen, 900);
    blocks.forget(0);
    assert!(
        blocks.seen(&seen, None, Arrival { origin: Origin::Loaded, ..arrival(0, 5000) }),
        "it has it again"
    );
    assert_eq!(blocks.get(&hash(1)).map(|block| block.arrivals.len()), Some(4));
    blocks.forget(1);
    let block = blocks.get(&hash(1)).expect("it is known");
    assert_eq!(block.holders.iter().collect::<Vec<_>>(), [0, 2, 3]);
}

#[test]
fn blocks_that_were_stored_before_are_not_on_their_way() {
    let mut blocks = Blocks::default();
    let found = 1_700_000_000_000_000;
    let loaded = Arrival { origin: Origin::Loaded, ..arrival(0, found + 9_000_000) };
    assert!(blocks.seen(&block(1, 0, 1), None, loaded));
    assert!(blocks.seen(&block(1, 0, 1), None, arrival(1, found + 9_500_000)));
    // One that a node had from another before the network was up; and one of a clock that is ahead.
    assert!(blocks.seen(&block(2, 1, 2), None, Arrival { live: false, ..arrival(1, found + 9_600_000) }));
    assert!(blocks.seen(&block(3, 2, 3), None, Arrival { at: found - 5, ..loaded }));
    let seen = [1, 2, 3].map(|name| blocks.get(&hash(name)).map(|block| block.seen));
    assert_eq!(seen, [Some(found), Some(found), Some(found - 5)], "their age is not that of this run");
    assert_eq!(blocks.newest().count(), 0);
    assert!(blocks.get(&hash(1)).is_some_and(|block| block.arrivals.is_empty() && block.holders.contains(1)));
}

#[test]
fn a_refused_block_has_its_place_if_its_parent_is_known() {
    let mut blocks = forked();
    blocks.refused(hash(50), hash(2), None, "bad".to_owned(), 7);
    blocks.refused(hash(51), hash(88), None, "nowhere".to_owned(), 7);
    blocks.refused(hash(3), hash(2), Some(3), "known to be good".to_owned(), 7);
    let place = blocks.get(&hash(50)).map(|block| (block.height, block.refused.as_deref()));
    assert_eq!(place, Some((3, Some("bad"))));
    assert!(blocks.get(&hash(51)).is_none());
    assert!(blocks.get(&hash(3)).is_some_and(|block| block.refused.is_none()));
}

/// A liar gives a good header with another body first, or a child of such a one comes before the block itself.
#[test]
fn a_block_that_comes_after_what_was_refused_under_its_name_is_that_block() {
    for tip_first in [false, true] {
        let mut blocks = forked();
        blocks.refused(hash(4), hash(3), Some(4), "BadMerkleRoot".to_owned(), 7);
        let (own, child) = (block(4, 3, 4), block(5, 4, 5));
        let tell = |blocks: &mut Blocks, seen: &SeenBlock| {
            assert!(blocks.seen(seen, Some(1), arrival(0, 300)));
            assert!(!blocks.seen(seen, Some(1), arrival(0, 301)), "once");
        };
        if tip_first {
            blocks.set_best(hash(4));
            tell(&mut blocks, &child);
            blocks.set_best(hash(5));
            assert_eq!(best(&blocks), [5], "what it stands on is not known yet");
        }
        tell(&mut blocks, &own);
        if !tip_first {
            blocks.set_best(hash(4));
            tell(&mut blocks, &child);
            blocks.set_best(hash(5));
        }
        let known = blocks.get(&hash(4)).expect("it is known");
        assert_eq!((blocks.branch(known), &known.refused, known.bytes), (Branch::Best, &None, 200));
        assert_eq!((known.work, known.time), (Work::from_le_bytes(own.work), own.time));
        assert_eq!((best(&blocks), blocks.mined(1)), (vec![0, 1, 2, 3, 4, 5], 3));
        assert_eq!(blocks.at(4).filter(|block| block.hash == hash(4)).count(), 1);
    }
}

#[test]
fn blocks_that_were_refused_drive_out_none_that_were_not() {
    let name = |nth: u64| {
        let mut hash = [0xff; 32];
        hash[..8].copy_from_slice(&nth.to_le_bytes());
        BlockHash(hash)
    };
    let mut blocks = forked();
    let many = MAX_KEPT_BLOCKS as u64 + 10;
    (0..many).for_each(|nth| blocks.refused(name(nth), hash(3), None, "InvalidParent".to_owned(), nth));
    assert_eq!(best(&blocks), [0, 1, 2, 3]);
    let (refused, whole): (Vec<&Block>, Vec<&Block>) =
        blocks.from(0).partition(|block| block.refused.is_some());
    assert_eq!((refused.len(), whole.len()), (MAX_REFUSED_BLOCKS, 7));
    assert!(refused.iter().all(|block| block.seen >= many - MAX_REFUSED_BLOCKS as u64), "the newest stay");
}

#[test]
fn the_lowest_go_when_there_are_too_many() {
    let mut blocks = Blocks::default();
    let name = |height: u64| {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&height.to_le_bytes());
        BlockHash(hash)
    };
    let most = MAX_KEPT_BLOCKS as u64 + 10;
    for height in 1..=most {
        let seen = SeenBlock { hash: name(height), previous: name(height - 1), height, ..block(0, 0, 0) };
        blocks.seen(&seen, Some(1), arrival(0, height));
        blocks.set_best(name(height));
    }
    assert_eq!(blocks.from(0).count(), MAX_KEPT_BLOCKS);
    assert_eq!(blocks.from(0).next().map(|block| block.height), Some(11));
    assert_eq!(blocks.known_from(), 11);
    assert_eq!((blocks.highest(), blocks.mined(1)), (most, most), "those that went count as well");
    assert_eq!(blocks.newest().count(), MAX_FOLLOWED_BLOCKS);
    assert!(blocks.get(&name(20)).is_some_and(|block| block.arrivals.is_empty()));
}

#[test]
fn what_is_below_the_known_blocks_of_the_best_chain_is_on_no_side_branch() {
    // After a restart nodes tell of their newest blocks alone; one that is added, of all that it syncs.
    let mut blocks = Blocks::default();
    for name in [6, 7, 8] {
        blocks.seen(&block(name, name - 1, name.into()), Some(1), arrival(0, 100));
    }
    blocks.set_best(hash(8));
    blocks.seen(&block(17, 6, 7), Some(2), arrival(0, 100));
    for name in [0, 1, 2, 3] {
        blocks.seen(&block(name, name.wrapping_sub(1), name.into()), Some(2), arrival(3, 200));
    }
    blocks.seen(&block(12, 1, 2), Some(2), arrival(3, 200));
    let branches = |blocks: &Blocks, names: &[u8]| -> Vec<Branch> {
        names.iter().filter_map(|name| Some(blocks.branch(blocks.get(&hash(*name))?))).collect()
    };
    use Branch::{Best, Side, Unknown};
    let all = [0, 1, 2, 12, 3, 6, 7, 17, 8];
    assert_eq!(branches(&blocks, &all), [Best, Unknown, Unknown, Unknown, Unknown, Best, Best, Side, Best]);
    assert_eq!((blocks.known_from(), blocks.mined(1), blocks.mined(2)), (6, 3, 0));
    // The gap is filled, from either end.
    blocks.seen(&block(5, 4, 5), Some(1), arrival(3, 200));
    assert_eq!((blocks.known_from(), blocks.mined(1)), (5, 4));
    blocks.seen(&block(4, 3, 4), Some(1), arrival(3, 200));
    assert_eq!(branches(&blocks, &all), [Best, Best, Best, Side, Best, Best, Best, Side, Best]);
    assert_eq!((blocks.known_from(), best(&blocks)), (0, vec![0, 1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!([1, 2].map(|node| blocks.mined(node)), [5, 3]);
    // A tip whose chain is not known further down than this.
    blocks.seen(&block(30, 29, 9), Some(1), arrival(3, 300));
    blocks.set_best(hash(30));
    assert_eq!((blocks.known_from(), branches(&blocks, &[8, 1, 30])), (9, vec![Unknown, Unknown, Best]));
}
