//! The chain against a naive model of it, on generated trees delivered in any order, good blocks and bad.
//!
//! What is said and how it is compared lives in `compare`, which the fuzz target `chain` shares: both know
//! of the chain what any program may know. Here: what is generated, with shrinking.

#![allow(clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

mod compare;

use p2pnode::params::Params;
use proptest::prelude::*;
use proptest::test_runner::Config;

use compare::{Bad, Delivery, Run, Step, compare};

/// Runs of up to `len` blocks; every eighth or so has a bad one.
fn runs(count: usize, len: u16, gaps: &'static [u32]) -> impl Strategy<Value = Vec<Run>> {
    let rule =
        prop_oneof![3 => Just(Bad::Height), 1 => Just(Bad::Pow), 1 => Just(Bad::Bits), 1 => Just(Bad::Time)];
    let run = (any::<u16>(), 1..=len, prop::sample::select(gaps), 0..8 * len, rule)
        .prop_map(|(on, len, gap, at, bad)| Run { on, len, gap, bad: (at < len).then_some((at, bad)) });
    prop::collection::vec(run, 1..=count)
}

fn deliveries(count: usize, len: u16) -> impl Strategy<Value = Vec<Delivery>> {
    let step = prop_oneof![
        20 => Just(Step::Header),
        20 => Just(Step::Body),
        1 => Just(Step::Reject),
        1 => Just(Step::EarlyHeader),
        1 => Just(Step::EarlyBody),
        4 => Just(Step::Forgotten),
    ];
    let swept = prop_oneof![Just(1), 1..=len];
    let delivery = (step, any::<u16>(), swept, any::<bool>()).prop_map(|(step, from, len, down)| Delivery {
        step,
        from,
        len,
        down,
    });
    prop::collection::vec(delivery, 1..=count)
}

/// Seldom pruned, often pruned, nothing kept beside the chains.
fn caps() -> impl Strategy<Value = usize> {
    prop_oneof![2 => Just(1000usize), 2 => 1..8usize, 1 => Just(0)]
}

proptest! {
    #![proptest_config(Config { cases: 256, failure_persistence: None, ..Config::default() })]

    /// Every block weighs the same: height is work, and ties abound.
    #[test]
    fn on_a_fixed_network(
        runs in runs(8, 4, &[0, 1]),
        deliveries in deliveries(40, 12),
        cap in caps(),
    ) {
        compare(Params::regtest(), &runs, &deliveries, cap);
    }

    /// Forks of more than a window, fast or slow: a block weighs 8 or 32, and height is not work.
    #[test]
    fn on_a_network_whose_difficulty_moves(
        runs in runs(6, 24, &[1, 60]),
        deliveries in deliveries(16, 60),
        cap in caps(),
    ) {
        compare(Params::lab(3, Some(10)).expect("good rules"), &runs, &deliveries, cap);
    }
}
