//! Networks: does everybody end on the chain with the most work, whatever happens in between?

use core::time::Duration;

use super::network::Net;
use super::secs;
use crate::chain::Tip;
use crate::params::Params;
use crate::types::BlockHash;

#[test]
fn a_block_reaches_everybody_and_everybody_counts_it() {
    let mut net = Net::new(6, &Params::regtest(), 1);
    net.mesh();
    net.pass(secs(5));
    for n in 0..6 {
        assert_eq!(net.peers(n), 5);
        assert_eq!(net.view(n).expect("it runs").known_nodes().len(), 5);
    }
    for n in 0..6 {
        let hash = net.find(n);
        net.pass(secs(2));
        assert_eq!(net.tips(), [hash; 6], "mined by node {n}");
        assert_eq!(net.answers(n), 1);
    }
}

#[test]
fn everybody_dials_everybody_and_one_connection_of_each_pair_stays() {
    let mut net = Net::new(6, &Params::regtest(), 2);
    for a in 0..6 {
        for b in (0..6).filter(|b| *b != a) {
            net.link(a, b);
        }
    }
    net.pass(secs(120));
    for n in 0..6 {
        assert_eq!(net.peers(n), 5);
    }
}

#[test]
fn who_joins_late_has_everything_soon() {
    let mut net = Net::new(3, &Params::regtest(), 3);
    net.mesh();
    net.pass(secs(2));
    for _ in 0..1000 {
        net.find(0);
    }
    net.pass(secs(10));
    assert!(net.agree());
    let late = net.join();
    net.link(late, 1);
    let before = net.messages();
    net.pass(secs(20));
    assert!(net.agree());
    assert_eq!(net.tip(late).height, 1000);
    // 63 questions for 1,000 bodies, their answers, the headers, and the hellos.
    assert!(net.messages() - before < 1000 + 63 + 50, "{} messages", net.messages() - before);
}

/// Row 34 of docs/hostile.md.
#[test]
fn two_halves_that_mined_apart_end_on_the_most_work() {
    for (left, right) in [(3, 5), (5, 3), (300, 40), (2500, 2600)] {
        let mut net = Net::new(6, &Params::regtest(), 4);
        net.mesh();
        net.pass(secs(2));
        net.cut(|n| u8::from(n >= 3));
        net.pass(secs(2));
        for _ in 0..left {
            net.find(0);
        }
        for _ in 0..right {
            net.find(3);
        }
        net.pass(secs(30));
        let best = if left > right { net.tip(0).hash } else { net.tip(3).hash };
        net.cut(|_| 0);
        net.pass(secs(90));
        assert_eq!(net.tips(), [best; 6], "{left} blocks against {right}");
    }
}

/// Row 36 of docs/hostile.md.
#[test]
fn a_tie_stays_until_the_next_block_decides() {
    let mut net = Net::new(4, &Params::regtest(), 5);
    net.mesh();
    net.pass(secs(2));
    net.cut(|n| u8::from(n >= 2));
    let (left, right) = (net.find(0), net.find(2));
    net.pass(secs(5));
    net.cut(|_| 0);
    net.pass(secs(90));
    assert_eq!(net.tips(), [left, left, right, right], "each keeps what it saw first");
    let decides = net.find(3);
    net.pass(secs(5));
    assert_eq!(net.tips(), [decides; 4]);
}

/// Row 51: three groups that mined apart meet again; all end on the most work, and nobody goes back and
/// forth on the way: each node's tip changes a few times, not once for every block of the others.
#[test]
fn three_groups_that_mined_apart_end_on_the_most_work() {
    for (seed, lengths) in [(20, [30, 20, 10]), (21, [5, 40, 39]), (22, [200, 1, 199])] {
        let mut net = Net::new(9, &Params::regtest(), seed);
        net.mesh();
        net.pass(secs(2));
        net.cut(|n| (n % 3) as u8);
        net.pass(secs(2));
        for (group, count) in lengths.into_iter().enumerate() {
            for _ in 0..count {
                net.find(group);
            }
        }
        net.pass(secs(30));
        let best = (0..3).max_by_key(|n| net.tip(*n).work).expect("three");
        let best = net.tip(best).hash;
        net.cut(|_| 0);
        let mut turns = [0; 9];
        for _ in 0..4500 {
            let before: Vec<Tip> = (0..9).map(|n| net.tip(n)).collect();
            net.pass(Duration::from_millis(20));
            for (n, old) in before.into_iter().enumerate() {
                let tip = net.tip(n);
                let there = net.look(n).chain_page(&tip.hash, old.height, 1);
                turns[n] += u32::from(there.first() != Some(&old.hash));
            }
        }
        assert_eq!(net.tips(), [best; 9], "seed {seed}");
        // From its own to the second best and on to the best, at most.
        assert!(turns.iter().all(|turns| *turns <= 2), "seed {seed}: {turns:?} changes of direction");
    }
}

fn busy(seed: u64) -> (Vec<BlockHash>, [u8; 32]) {
    let mut net = Net::new(8, &Params::regtest(), seed);
    for n in 0..8 {
        net.link(n, (n + 1) % 8);
        net.link(n, (n + 3) % 8);
    }
    for round in 0..40usize {
        net.find(round * 5 % 8);
        net.find(round * 3 % 8);
        net.pass(Duration::from_millis(30));
        if round == 20 {
            net.cut(|n| u8::from(n % 2 == 0));
        }
        if round == 30 {
            net.cut(|_| 0);
        }
    }
    net.pass(secs(60));
    net.find(0);
    net.pass(secs(60));
    assert!(net.agree(), "seed {seed}");
    (net.tips(), net.trace())
}

/// Row 51 of docs/hostile.md.
#[test]
fn forks_and_cuts_heal_and_the_same_seed_is_the_same_run() {
    for seed in 10..20 {
        assert_eq!(busy(seed), busy(seed), "seed {seed}");
    }
    assert_ne!(busy(10).1, busy(11).1);
}

/// With a block time, hash power shows in the difficulty: fewer blocks can be more work.
/// Row 37 of docs/hostile.md.
#[test]
fn the_shorter_heavier_chain_wins_over_the_longer_one() {
    let params = Params::lab(4, Some(10)).expect("good rules");
    let mut net = Net::new(4, &params, 6);
    net.mesh();
    net.pass(secs(2));
    net.cut(|n| u8::from(n >= 2));
    // The left half has much power for a minute, the right one little for ten.
    for second in 0..600 {
        net.pass(secs(1));
        if second < 70 {
            net.find(0);
        }
        if second % 6 == 0 {
            net.find(2);
        }
    }
    net.pass(secs(5));
    let (short, long) = (net.tip(0), net.tip(2));
    assert_eq!((short.height, long.height), (70, 100));
    assert!(short.work > long.work, "{} against {}", short.work, long.work);
    let best = short.hash;
    net.cut(|_| 0);
    net.pass(secs(90));
    assert_eq!(net.tips(), [best; 4]);
}
