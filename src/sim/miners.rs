//! Who finds a block, and when.
//!
//! Proof of work has no memory: the time to the next block is exponential, whoever works on what. So the
//! network's next block is drawn, and its finder after it, each node being as likely as any other. The
//! block is found for real, by trying nonces against the network's own target, which is an easy one.

use core::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use crate::sim::links::nanos;
use crate::types::{Block, Template};

/// ln 2 in units of 2^-32.
const LN_2: u64 = 2_977_044_472;

/// A time, exponential around `mean`.
pub(super) fn exponential(mean: Duration, dice: &mut ChaCha12Rng) -> u64 {
    let scaled = (u128::from(nanos(mean)) * u128::from(minus_ln(dice.random()))) >> 32;
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// -ln((x + 1) / 2^64) in units of 2^-32, in whole numbers: a library's logarithm differs from machine to
/// machine in its last bit, and a seed must not.
fn minus_ln(x: u64) -> u64 {
    let bits = (64 << 32) - log2(x.saturating_add(1));
    ((u128::from(bits) * u128::from(LN_2)) >> 32) as u64
}

/// log2(x) in units of 2^-32, rounded down, for x of at least 1: the whole part is where the highest bit
/// stands, and each squaring of the rest tells the next bit.
fn log2(x: u64) -> u64 {
    let zeros = x.leading_zeros();
    let mut rest = u128::from(x) << zeros;
    let mut log = u64::from(63 - zeros);
    for _ in 0..32 {
        rest = (rest * rest) >> 63;
        let bit = rest >> 64;
        rest >>= bit;
        log = (log << 1) | bit as u64;
    }
    log
}

/// The first block of `template` at `time` that meets its target.
pub(super) fn solve(template: &Template, time: u32) -> Option<Block> {
    let mut header = template.header(0, time);
    let target = header.bits.to_target().ok()?;
    while !target.is_met_by(&header.hash()) {
        header.nonce = header.nonce.checked_add(1)?;
    }
    Some(template.block(header, 0))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_logarithm_is_one() {
        for (x, expected) in
            [(1, 0.0), (2, 1.0), (3, 1.584_962_500), (10, core::f64::consts::LOG2_10), (u64::MAX, 64.0)]
        {
            let found = log2(x) as f64 / 2f64.powi(32);
            assert!((found - expected).abs() < 1e-8, "log2({x}) = {found}");
        }
        assert_eq!(minus_ln(u64::MAX), 0);
        let smallest = minus_ln(0) as f64 / 2f64.powi(32);
        assert!((smallest - 44.361_419_555).abs() < 1e-8, "{smallest}");
    }

    /// Mean and quantiles of an exponential distribution: 1, ln 2 and ln 100.
    #[test]
    fn times_between_blocks_are_exponential() {
        let mut dice = ChaCha12Rng::seed_from_u64(3);
        let mut times: Vec<u64> =
            (0..100_000).map(|_| exponential(Duration::from_secs(1000), &mut dice)).collect();
        times.sort_unstable();
        let secs = |nanos: u64| nanos / 1_000_000_000;
        let mean = secs(times.iter().sum::<u64>() / 100_000);
        assert!((990..=1010).contains(&mean), "mean {mean}");
        assert!((683..=703).contains(&secs(times[50_000])), "median {}", secs(times[50_000]));
        assert!((4450..=4760).contains(&secs(times[99_000])), "99 % {}", secs(times[99_000]));
    }
}
