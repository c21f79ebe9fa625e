//! Difficulty: Bitcoin's vectors, where windows lie, and block times under steady hash power.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;
use crate::chain::difficulty::{retarget, window};
use crate::chain::testing::mine_at;
use crate::params::{Retarget, Window};
use crate::types::{CompactTarget, Target};

const BITCOIN: Retarget = Retarget { interval: 2016, spacing: 600, window: Window::OffByOne };
const LAB: Retarget = Retarget { interval: 20, spacing: 10, window: Window::WholeGaps };

/// Bitcoin Core's own vectors (src/test/pow_tests.cpp): first time, last time, last height, bits before
/// and after.
#[test]
fn bitcoins_vectors_hold() {
    let limit = Params::mainnet().limit();
    for (first, last, height, old, new) in [
        (1_261_130_161, 1_262_152_739, 32_255, 0x1d00_ffff, 0x1d00_d86a),
        // The limit binds.
        (1_231_006_505, 1_233_061_996, 2_015, 0x1d00_ffff, 0x1d00_ffff),
        // At most four times harder.
        (1_279_008_237, 1_279_297_671, 68_543, 0x1c05_a3f4, 0x1c01_68fd),
        // At most four times easier.
        (1_263_163_443, 1_269_211_443, 46_367, 0x1c38_7f6f, 0x1d00_e1fd),
    ] {
        assert_eq!(window(height + 1, &BITCOIN), Some((height - 2015, height)));
        let actual: i64 = last - first;
        assert_eq!(retarget(CompactTarget(old), actual, &BITCOIN, limit), CompactTarget(new), "{height}");
    }
}

#[test]
fn windows_lie_where_they_should() {
    let due = |rule: &Retarget, to: u64| -> Vec<(u64, (u64, u64))> {
        (0..=to).filter_map(|height| Some((height, window(height, rule)?))).collect()
    };
    assert_eq!(due(&LAB, 70), [(22, (1, 21)), (42, (21, 41)), (62, (41, 61))]);
    assert_eq!(due(&BITCOIN, 5000), [(2016, (0, 2015)), (4032, (2016, 4031))]);
}

#[test]
fn a_window_is_clamped_to_a_factor_of_four_and_may_run_backwards() {
    let limit = Target::from_leading_zeros(8);
    let old = Target::from_leading_zeros(20).to_compact();
    let after = |secs| retarget(old, secs, &LAB, limit);
    assert_eq!(after(200), old);
    assert_eq!(after(50), old.to_target().expect("bits").scaled(1, 4).to_compact());
    for secs in [49, 0, -1, i64::MIN] {
        assert_eq!(after(secs), after(50), "{secs}");
    }
    for secs in [801, i64::MAX] {
        assert_eq!(after(secs), after(800), "{secs}");
    }
    assert_eq!(retarget(limit.to_compact(), 800, &LAB, limit), limit.to_compact());
}

/// Bits move at 22 and 42, by the times of blocks 1 and 21, 21 and 41: genesis' age does not count.
#[test]
fn a_lab_network_retargets_over_whole_gaps() {
    let mut chain = Chain::new(Arc::new(Params::lab(6, Some(10)).expect("good rules")));
    let start = chain.params().rules().start;
    let mut time = chain.params().genesis().header.time + 500_000_000;
    let mut bits = Vec::new();
    for height in 1..=42u32 {
        // Twice as fast as wanted at first, then just right.
        time += if height <= 21 { 5 } else { 10 };
        let block = mine_at(&chain, &chain.tip().hash, time, Vec::new(), "");
        assert_eq!(block.header().time, time);
        switched(chain.import(&block, LATE));
        bits.push(block.header().bits);
    }
    let twice = start.to_target().expect("bits").scaled(1, 2).to_compact();
    assert!(bits[..21].iter().all(|b| *b == start) && bits[21..].iter().all(|b| *b == twice), "{bits:?}");
    // A block that keeps the old bits is refused.
    let (height, header) = chain.next_header();
    assert_eq!((height, header.bits), (43, twice));
    let old = Header { bits: start, ..header };
    assert_eq!(chain.import_header(&testing::solve(old), LATE), HeaderOutcome::Invalid(Rule::BadBits));
}

/// Mean seconds between blocks over 200 windows, after ten to settle in, when hash power would find a
/// block of the starting difficulty every `first` seconds. Proof of work is taken as given; bits, times
/// and ancestors go through the rules and the tree itself.
fn mean_spacing(seed: u64, spacing: u32, first: f64) -> f64 {
    let params = Params::lab(20, Some(spacing)).expect("good rules");
    let work = |bits: CompactTarget| bits.to_target().expect("good bits").work().to_f64();
    let rate = work(params.rules().start) / first;
    let genesis = params.genesis_hash();
    let mut tree = Tree::new(&params.genesis().header, genesis, 0);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut previous, mut clock, mut settled) = (genesis, 1_750_000_000f64, 0f64);
    let (skipped, counted) = (10 * 20, 200 * 20);
    for height in 1..=skipped + counted {
        let parent = tree.best_tip();
        let bits = rules::required_bits(&tree, parent, &params);
        // An exponential interval: 53 random bits, never zero.
        let uniform = ((rng.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        clock -= uniform.ln() * work(bits) / rate;
        let time = (clock as u32).max(rules::earliest_time(&tree, parent, &params));
        let header = Header { previous, time, bits, ..params.genesis().header };
        rules::check_header(&header, &tree, parent, &params).expect("a header by the rules");
        let now = UnixTime::from_millis((clock * 1000.0) as u64);
        assert_eq!(rules::too_early(header.time, now, &params), None, "height {height} runs ahead");
        previous = header.hash();
        tree.insert(&header, previous);
        if height == skipped {
            settled = clock;
        }
    }
    (clock - settled) / f64::from(counted)
}

#[test]
fn blocks_come_at_the_wanted_pace_whatever_the_start() {
    let spacing = 10;
    for first in [0.1, 10.0, 1000.0] {
        let mean = mean_spacing(1, spacing, first);
        assert!((mean / 10.0 - 1.0).abs() < 0.1, "{mean:.2} s a block, starting at {first} s");
    }
}

/// A window's luck goes into the next one's target, so the mean is not the spacing but 20/19 of it: the
/// mean of 1/G for a gamma variable of twenty exponentials. Over many seeds that is what comes out.
#[test]
fn the_mean_is_what_theory_says() {
    let seeds = 1..=16u64;
    for first in [0.1, 1000.0] {
        let mean = seeds.clone().map(|seed| mean_spacing(seed, 10, first)).sum::<f64>() / 16.0;
        assert!((mean / (10.0 * 20.0 / 19.0) - 1.0).abs() < 0.02, "{mean:.3} s a block");
    }
}
