//! Fork choice: work, not height; the first seen; deep switches; whole chains; what is dropped.

use super::*;
use crate::chain::testing::{block_of, checked, coinbase, mine_at, solve};
use crate::types::Block;

/// Row 34 of docs/hostile.md.
#[test]
fn a_reorg_of_two_thousand_blocks_is_one_switch() {
    let mut chain = regtest();
    let genesis = chain.tip().hash;
    let common = grow(&mut chain, &genesis, 3, "common");
    let fork = chain.tip().hash;
    let old = grow(&mut chain, &fork, 2000, "old");
    let mut new = grow(&mut chain, &fork, 2000, "new");
    assert_eq!(chain.tip().hash, old[1999].hash(), "of equal work, the first seen stays");
    let last = mine_on(&chain, &new[1999].hash(), Vec::new(), "new");
    let (connected, reverted) = switched(chain.import(&last, LATE));
    new.push(last);
    assert_eq!(connected, hashes(&new));
    assert_eq!(reverted, hashes(&old).into_iter().rev().collect::<Vec<_>>());
    assert_eq!((chain.tip().height, chain.tip()), (2004, chain.best_header()));
    assert_eq!(chain.active_at(3), Some(common[2].hash()));
    assert_eq!(chain.active_at(4), Some(new[0].hash()));
    assert!(chain.is_active(&new[2000].hash()) && !chain.is_active(&old[0].hash()));
    assert_eq!(chain.ancestor_at(&old[1999].hash(), 3), Some(fork));
    assert_eq!(chain.ancestor_at(&old[1999].hash(), 2003), Some(old[1999].hash()));
    assert_eq!(chain.ancestor_at(&old[0].hash(), 5), None, "not above itself");
}

#[test]
fn bodies_may_come_from_the_end_to_the_start() {
    let mut source = regtest();
    let genesis = source.tip().hash;
    let blocks = grow(&mut source, &genesis, 500, "");
    let mut chain = regtest();
    assert_eq!(chain.import(&blocks[1], LATE), Outcome::MissingParent);
    for block in &blocks {
        assert_eq!(chain.import_header(block.header(), LATE), HeaderOutcome::New);
        assert_eq!(chain.import_header(block.header(), LATE), HeaderOutcome::Known);
    }
    assert_eq!((chain.best_header(), chain.tip().height), (source.tip(), 0));
    for block in blocks[1..].iter().rev() {
        assert_eq!(switched(chain.import(block, LATE)), (vec![], vec![]));
        assert_eq!(chain.import(block, LATE), Outcome::Duplicate);
    }
    assert_eq!((chain.tip().height, chain.common_height()), (0, 0));
    assert_eq!(switched(chain.import(&blocks[0], LATE)), (hashes(&blocks), vec![]));
    assert_eq!((chain.tip(), chain.common_height()), (source.tip(), 500));
}

/// Row 36 of docs/hostile.md.
#[test]
fn of_equal_work_the_first_seen_stays_until_the_next_block_decides() {
    for winner in [0, 1] {
        let mut chain = regtest();
        let genesis = chain.tip().hash;
        let pair = ["first", "second"].map(|note| mine_on(&chain, &genesis, Vec::new(), note));
        assert_eq!(switched(chain.import(&pair[0], LATE)).0, [pair[0].hash()]);
        assert_eq!(switched(chain.import(&pair[1], LATE)), (vec![], vec![]));
        assert_eq!((chain.tip().hash, chain.best_header()), (pair[0].hash(), chain.tip()));
        let next = mine_on(&chain, &pair[winner].hash(), Vec::new(), "next");
        switched(chain.import(&next, LATE));
        assert_eq!(chain.tip().hash, next.hash());
        assert_eq!(chain.active_at(1), Some(pair[winner].hash()));
    }
}

/// One body completes two branches of equal work at once: the one whose last header came first wins, in
/// whichever order the rest came.
#[test]
fn of_two_branches_completed_at_once_the_first_seen_wins() {
    let mut source = regtest();
    let genesis = source.tip().hash;
    let root = grow(&mut source, &genesis, 1, "root")[0].clone();
    let pair = ["a", "b"].map(|note| grow(&mut source, &root.hash(), 2, note));
    for (lower, first) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut chain = regtest();
        chain.import_header(root.header(), LATE);
        for block in [&pair[lower][0], &pair[1 - lower][0], &pair[first][1], &pair[1 - first][1]] {
            assert_eq!(chain.import_header(block.header(), LATE), HeaderOutcome::New);
        }
        for block in pair.iter().flatten() {
            assert_eq!(switched(chain.import(block, LATE)), (vec![], vec![]));
        }
        let joined = [vec![root.hash()], hashes(&pair[first])].concat();
        assert_eq!(switched(chain.import(&root, LATE)), (joined, vec![]));
        assert_eq!(chain.best_header(), chain.tip());
    }
}

/// Thirty blocks mined slowly against twenty-five mined fast, whose last four are four times as hard.
/// Row 37 of docs/hostile.md.
#[test]
fn a_longer_chain_with_less_work_is_not_adopted() {
    let params = Arc::new(Params::lab(4, Some(10)).expect("good rules"));
    let mut chain = Chain::new(params);
    let genesis = chain.tip().hash;
    let branch = |chain: &mut Chain, count: usize, gap: u32, note: &str| {
        let (mut last, mut time) = (genesis, chain.params().genesis().header.time);
        for _ in 0..count {
            time += gap;
            let block = mine_at(chain, &last, time, Vec::new(), note);
            switched(chain.import(&block, LATE));
            last = block.hash();
        }
        chain.get(&last).expect("just imported")
    };
    let fast = branch(&mut chain, 25, 1, "fast");
    let slow = branch(&mut chain, 30, 40, "slow");
    assert!(slow.height > fast.height && slow.work < fast.work, "{slow:?} {fast:?}");
    assert_eq!((chain.tip().hash, chain.best_header()), (fast.hash, chain.tip()));
    // Work decides the other way round, too: 16 a block, 64 from block 22 on.
    assert_eq!(fast.work.to_string(), (16 * 22 + 64 * 4).to_string());
    assert_eq!(slow.work.to_string(), (16 * 31).to_string());
    let more = branch(&mut chain, 45, 40, "slower");
    assert_eq!(chain.tip().hash, more.hash, "until it has more");
}

#[test]
fn a_hundred_thousand_blocks_in_one_second_never_run_ahead_of_the_clock() {
    let mut chain = regtest();
    let now = LATE.secs() as u32;
    for height in 1..=100_000 {
        let (due, mut header) = chain.next_header();
        assert_eq!(due, height);
        assert!(header.time <= now, "height {height} would have to wait");
        header.time = header.time.max(now);
        let block = checked(block_of(header, vec![coinbase(height, "")]), chain.params());
        assert_eq!(switched(chain.import(&block, LATE)).0, [block.hash()]);
    }
    assert_eq!((chain.tip().height, chain.median_time(&chain.tip().hash)), (100_000, Some(now)));
}

/// Row 38 of docs/hostile.md.
#[test]
fn beyond_the_cap_the_leaf_with_the_least_work_goes_first() {
    let mut chain = Chain::with_cap(Arc::new(Params::regtest()), 4);
    let genesis = chain.tip().hash;
    let main = grow(&mut chain, &genesis, 6, "main");
    let low = grow(&mut chain, &genesis, 2, "low");
    let high = grow(&mut chain, &main[2].hash(), 2, "high");
    assert_eq!((chain.len(), chain.take_forgotten()), (11, vec![]), "four beside the chain are within");
    // One more: the tip of the low branch goes, then its root, never the root first.
    let extra = grow(&mut chain, &main[3].hash(), 1, "extra");
    assert_eq!(chain.take_forgotten(), [low[1].hash()]);
    assert_eq!(chain.get(&low[1].hash()), None);
    grow(&mut chain, &main[4].hash(), 1, "extra");
    assert_eq!(chain.take_forgotten(), [low[0].hash()]);
    // What has less work than all goes at once; it may come back later.
    let dwarf = mine_on(&chain, &genesis, Vec::new(), "dwarf");
    assert_eq!(switched(chain.import(&dwarf, LATE)), (vec![], vec![]));
    assert_eq!((chain.take_forgotten(), chain.take_forgotten()), (vec![dwarf.hash()], vec![]));
    // The chains themselves are never pruned, however long.
    grow(&mut chain, &main[5].hash(), 50, "main");
    assert_eq!((chain.len(), chain.take_forgotten()), (61, vec![]));
    assert!(chain.get(&high[1].hash()).is_some() && chain.get(&extra[0].hash()).is_some());
}

/// A family beside the chain goes leaf by leaf, its middle children too, and its root last.
/// Row 38 of docs/hostile.md.
#[test]
fn siblings_go_one_by_one_and_their_parent_after_them() {
    let mut chain = Chain::with_cap(Arc::new(Params::regtest()), 7);
    let genesis = chain.tip().hash;
    let main = grow(&mut chain, &genesis, 20, "main");
    let root = grow(&mut chain, &genesis, 1, "root")[0].hash();
    let child = ["c1", "c2", "c3", "c4"].map(|note| grow(&mut chain, &root, 1, note)[0].hash());
    let second = grow(&mut chain, &child[1], 1, "")[0].hash();
    let fourth = grow(&mut chain, &child[3], 1, "")[0].hash();
    assert_eq!(chain.len(), 1 + 20 + 7);
    for gone in [child[0], child[2], second, child[1], fourth, child[3], root] {
        // A heavier one beside the chain pushes one out.
        grow(&mut chain, &main[10].hash(), 1, &gone.to_string());
        assert_eq!(chain.take_forgotten(), [gone]);
        assert_eq!((chain.get(&gone), chain.len()), (None, 1 + 20 + 7));
    }
}

/// What was refused counts as well, and what a switch leaves behind.
#[test]
fn the_cap_holds_after_invalid_blocks_and_after_switches() {
    let cap = 5;
    let mut chain = Chain::with_cap(Arc::new(Params::regtest()), cap);
    let genesis = chain.tip().hash;
    for nonce in 0..20 {
        let (_, header) = chain.next_header();
        let bad = checked(
            block_of(Header { nonce, ..header }, vec![coinbase(9, &nonce.to_string())]),
            chain.params(),
        );
        assert_eq!(chain.import(&bad, LATE), Outcome::Invalid(Rule::BadHeight));
        assert!(chain.len() <= 1 + cap, "{} entries", chain.len());
    }
    let header = solve(chain.next_header().1);
    chain.import_header(&header, LATE);
    chain.reject(&header.hash());
    assert!(chain.len() <= 1 + cap);
    let old = grow(&mut chain, &genesis, 10, "old");
    // A branch that is behind for longer than the cap loses its own end: that bounds how deep a fork heals.
    let mut donor = regtest();
    for block in grow(&mut donor, &genesis, 11, "new") {
        chain.import_header(block.header(), LATE);
        assert!(chain.len() <= 1 + 10 + cap, "{} entries", chain.len());
    }
    assert_eq!(chain.tip().hash, old[9].hash());
}

#[test]
fn the_best_headers_never_fall_back_to_what_was_dropped() {
    let mut source = regtest();
    let genesis = source.tip().hash;
    let (best, side) = (grow(&mut source, &genesis, 5, "best"), grow(&mut source, &genesis, 3, "side"));
    let mut chain = Chain::with_cap(source.params().clone(), 3);
    for block in side.iter().chain(&best) {
        chain.import_header(block.header(), LATE);
    }
    assert_eq!((chain.len(), chain.best_header().height), (1 + 5 + 3, 5));
    // A heavier branch beside pushes the light one out, and is refused with the block they share.
    let beside = grow(&mut source, &best[1].hash(), 3, "beside");
    for block in &beside {
        chain.import_header(block.header(), LATE);
    }
    assert!(side.iter().all(|block| chain.get(&block.hash()).is_none()));
    chain.reject(&best[0].hash());
    assert_eq!((chain.best_header().hash, chain.tip().hash), (genesis, genesis));
}

/// Told are those that may be stored: of a header without a body there is nothing to drop.
#[test]
fn of_what_is_dropped_only_bodies_are_told() {
    let params = Arc::new(Params::regtest());
    let mut chain = Chain::with_cap(params.clone(), 3);
    let genesis = params.genesis_hash();
    let siblings: Vec<_> =
        (0..20).map(|n| mine_on(&chain, &genesis, Vec::new(), &format!("sibling {n}"))).collect();
    let stored = [1, 2];
    for (n, block) in siblings.iter().enumerate() {
        if stored.contains(&n) {
            chain.import(block, LATE);
        } else {
            chain.import_header(block.header(), LATE);
        }
    }
    assert_eq!(chain.side_len(), 3);
    // The first to have a body is the tip, and stays.
    assert_eq!(chain.tip().hash, siblings[1].hash());
    assert_eq!(chain.take_forgotten(), [siblings[2].hash()]);
}

/// Until its body is here again, it is still to be dropped where it was stored.
#[test]
fn a_header_that_comes_back_does_not_take_back_that_its_block_was_dropped() {
    for with_body in [false, true] {
        let params = Arc::new(Params::regtest());
        let mut chain = Chain::with_cap(params.clone(), 1);
        let genesis = params.genesis_hash();
        let [best, first, second] =
            ["best", "first", "second"].map(|note| mine_on(&chain, &genesis, Vec::new(), note));
        // The second pushes the first one out.
        [&best, &first, &second].into_iter().for_each(|block| drop(chain.import(block, LATE)));
        assert!(chain.get(&first.hash()).is_none());
        // Back, it pushes the second out.
        if with_body {
            chain.import(&first, LATE);
        } else {
            chain.import_header(first.header(), LATE);
        }
        let mut dropped = if with_body { vec![second.hash()] } else { vec![first.hash(), second.hash()] };
        dropped.sort();
        assert!(chain.get(&second.hash()).is_none());
        assert_eq!(chain.take_forgotten(), dropped, "{with_body}");
    }
}

#[test]
fn a_whole_chain_is_checked_aside() {
    let params = Arc::new(Params::regtest());
    let mut chain = Chain::new(params.clone());
    let genesis = params.genesis().clone();
    let grown = grow(&mut chain, &params.genesis_hash(), 3, "");
    let blocks: Vec<_> =
        core::iter::once(genesis.clone()).chain(grown.iter().map(|b| (**b.block()).clone())).collect();
    let branch = CheckedBranch::check(blocks.clone(), &params, LATE).expect("a good chain");
    assert_eq!(branch.tip(), chain.tip());
    assert_eq!(hashes(&branch.blocks()[1..]), hashes(&grown));
    let only = CheckedBranch::check(vec![genesis.clone()], &params, LATE).expect("genesis alone");
    assert_eq!(only.tip().height, 0);

    let wrong_height = block_of(chain.next_header().1, vec![coinbase(9, "")]);
    let with = |change: &dyn Fn(&mut Vec<Block>)| {
        let mut blocks = blocks.clone();
        change(&mut blocks);
        CheckedBranch::check(blocks, &params, LATE)
            .map(|branch| branch.tip())
            .map_err(|bad| (bad.index, bad.rule))
    };
    assert_eq!(with(&|b| b.clear()), Err((0, Rule::GenesisMismatch)));
    assert_eq!(with(&|b| drop(b.remove(0))), Err((0, Rule::GenesisMismatch)));
    assert_eq!(with(&|b| drop(b.remove(2))), Err((2, Rule::Unlinked)));
    assert_eq!(with(&|b| b.insert(1, genesis.clone())), Err((1, Rule::Unlinked)));
    assert_eq!(with(&|b| b[2].transactions = Default::default()), Err((2, Rule::BadMerkleRoot)));
    assert_eq!(with(&|b| b[0].transactions = Default::default()), Err((0, Rule::BadMerkleRoot)));
    assert_eq!(with(&|b| b.push(wrong_height.clone())), Err((4, Rule::BadHeight)));
    let other = Arc::new(Params::lab(20, None).expect("good rules"));
    let bad = CheckedBranch::check(blocks.clone(), &other, LATE).expect_err("another network's");
    assert_eq!((bad.index, bad.rule), (0, Rule::GenesisMismatch));
}
