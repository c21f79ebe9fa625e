//! Networks: does everybody end on the chain with the most work, whatever happens in between?

use super::network::Net;
use super::secs;
use crate::node::io::Event;
use crate::params::Params;
use crate::types::BlockHash;

#[test]
fn a_block_reaches_everybody_and_everybody_counts_it() {
    let mut net = Net::new(6, &Params::regtest(), 1);
    net.mesh();
    net.run(secs(5));
    for node in &net.nodes {
        assert_eq!(node.node.view().peers().len(), 5);
        assert_eq!(node.node.view().known_nodes().len(), 5);
    }
    for n in 0..6 {
        let hash = net.mine(n);
        net.run(secs(2));
        assert_eq!(net.tips(), [hash; 6], "mined by node {n}");
        assert_eq!(net.answers(n), 1);
    }
    net.assert_honest();
}

#[test]
fn everybody_dials_everybody_and_one_connection_of_each_pair_stays() {
    let mut net = Net::new(6, &Params::regtest(), 2);
    for a in 0..6 {
        for b in (0..6).filter(|b| *b != a) {
            net.link(a, b);
        }
    }
    net.run(secs(120));
    for node in &net.nodes {
        assert_eq!(node.node.view().peers().len(), 5);
    }
    net.assert_honest();
}

#[test]
fn who_joins_late_has_everything_soon() {
    let mut net = Net::new(3, &Params::regtest(), 3);
    net.mesh();
    net.run(secs(2));
    for _ in 0..1000 {
        net.mine(0);
    }
    net.run(secs(10));
    assert!(net.agree());
    let late = net.join(&Params::regtest());
    net.link(late, 1);
    let before = net.messages;
    net.run(secs(20));
    assert!(net.agree());
    assert_eq!(net.nodes[late].height(), 1000);
    // 63 questions for 1,000 bodies, their answers, the headers, and the hellos.
    assert!(net.messages - before < 1000 + 63 + 50, "{} messages", net.messages - before);
    net.assert_honest();
}

/// Row 34 of docs/hostile.md.
#[test]
fn two_halves_that_mined_apart_end_on_the_most_work() {
    for (left, right) in [(3, 5), (5, 3), (300, 40), (2500, 2600)] {
        let mut net = Net::new(6, &Params::regtest(), 4);
        net.mesh();
        net.run(secs(2));
        net.partition(|n| u8::from(n >= 3));
        net.run(secs(2));
        for _ in 0..left {
            net.mine(0);
        }
        for _ in 0..right {
            net.mine(3);
        }
        net.run(secs(30));
        let best = if left > right { net.nodes[0].tip() } else { net.nodes[3].tip() };
        net.heal();
        net.run(secs(90));
        assert_eq!(net.tips(), [best; 6], "{left} blocks against {right}");
        net.assert_honest();
    }
}

/// Row 36 of docs/hostile.md.
#[test]
fn a_tie_stays_until_the_next_block_decides() {
    let mut net = Net::new(4, &Params::regtest(), 5);
    net.mesh();
    net.run(secs(2));
    net.partition(|n| u8::from(n >= 2));
    let (left, right) = (net.mine(0), net.mine(2));
    net.run(secs(5));
    net.heal();
    net.run(secs(90));
    assert_eq!(net.tips(), [left, left, right, right], "each keeps what it saw first");
    let decides = net.mine(3);
    net.run(secs(5));
    assert_eq!(net.tips(), [decides; 4]);
    net.assert_honest();
}

/// Row 51: three groups that mined apart meet again; all end on the most work, and nobody goes back and
/// forth on the way: each node's tip changes a few times, not once for every block of the others.
#[test]
fn three_groups_that_mined_apart_end_on_the_most_work() {
    for (seed, lengths) in [(20, [30, 20, 10]), (21, [5, 40, 39]), (22, [200, 1, 199])] {
        let mut net = Net::new(9, &Params::regtest(), seed);
        net.mesh();
        net.run(secs(2));
        net.partition(|n| (n % 3) as u8);
        net.run(secs(2));
        for (group, count) in lengths.into_iter().enumerate() {
            for _ in 0..count {
                net.mine(group);
            }
        }
        net.run(secs(30));
        let best = (0..3).max_by_key(|n| net.nodes[*n].node.view().tip().work).expect("three");
        let best = net.nodes[best].tip();
        let reverts = |net: &Net| {
            let back = |event: &&Event| matches!(event, Event::TipChanged { reverted, .. } if *reverted > 0);
            net.nodes.iter().map(|node| node.events.iter().filter(back).count()).max().expect("some")
        };
        net.heal();
        net.run(secs(90));
        assert_eq!(net.tips(), [best; 9], "seed {seed}");
        // From its own to the second best and on to the best, at most.
        assert!(reverts(&net) <= 2, "seed {seed}: {} changes of direction", reverts(&net));
        net.assert_honest();
    }
}

fn busy(seed: u64) -> (Vec<BlockHash>, [u8; 32]) {
    let mut net = Net::new(8, &Params::regtest(), seed);
    for n in 0..8 {
        net.link(n, (n + 1) % 8);
        net.link(n, (n + 3) % 8);
    }
    for round in 0..40usize {
        net.mine(round * 5 % 8);
        net.mine(round * 3 % 8);
        net.run(core::time::Duration::from_millis(30));
        if round == 20 {
            net.partition(|n| u8::from(n % 2 == 0));
        }
        if round == 30 {
            net.heal();
        }
    }
    net.run(secs(60));
    net.mine(0);
    net.run(secs(60));
    net.assert_honest();
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
    net.run(secs(2));
    net.partition(|n| u8::from(n >= 2));
    // The left half has much power for a minute, the right one little for ten.
    for second in 0..600 {
        net.run(secs(1));
        if second < 70 {
            net.mine(0);
        }
        if second % 6 == 0 {
            net.mine(2);
        }
    }
    net.run(secs(5));
    let tip = |n: usize| net.nodes[n].node.view().tip();
    let (short, long) = (tip(0), tip(2));
    assert_eq!((short.height, long.height), (70, 100));
    assert!(short.work > long.work, "{} against {}", short.work, long.work);
    let best = short.hash;
    net.heal();
    net.run(secs(90));
    assert_eq!(net.tips(), [best; 4]);
    net.assert_honest();
}
