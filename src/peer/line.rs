//! How late what is sent on a link arrives. What a network loses TCP sends again: to those who talk over it,
//! loss is delay, and what comes later waits behind it.
//!
//! Times are in nanoseconds. Simulated links and those of a node that was told of a fault are made of this.

use core::time::Duration;

use rand::{Rng, RngExt};

use crate::limits::{FAST_RETRANSMIT_SEGMENTS, MAX_RETRANSMIT_PAUSE, RETRANSMIT_AFTER, SEGMENT_BYTES};
use crate::wire::manage::Fault;

/// What is wrong with one direction of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// How long what is sent is under way.
    pub latency: Duration,
    /// By how much at most that is less or more.
    pub jitter: Duration,
    /// How many of a million segments are lost.
    pub loss_ppm: u32,
}

impl Line {
    /// The line that a fault makes, if it makes one.
    pub fn of(fault: &Fault) -> Option<Line> {
        let micros = |micros: u32| Duration::from_micros(micros.into());
        fault.is_slow().then(|| Line {
            latency: micros(fault.latency_micros),
            jitter: micros(fault.jitter_micros),
            loss_ppm: fault.loss_ppm,
        })
    }

    /// How late so many bytes are.
    pub fn delay(&self, bytes: usize, dice: &mut impl Rng) -> Duration {
        let latency = nanos(self.latency);
        let trip = trip(latency, nanos(self.jitter), dice);
        let repair = repair(bytes, self.loss_ppm, 2 * latency, dice);
        Duration::from_nanos(trip.saturating_add(repair))
    }
}

/// How long a message that weighs nothing is under way.
pub fn trip(mean: u64, spread: u64, dice: &mut impl Rng) -> u64 {
    if spread == 0 { mean } else { mean - spread + dice.random_range(0..=2 * spread) }
}

/// How long so many bytes wait for what was lost of them to be sent again.
pub fn repair(bytes: usize, loss_ppm: u32, round_trip: u64, dice: &mut impl Rng) -> u64 {
    if loss_ppm == 0 {
        return 0;
    }
    let mut is_lost = || dice.random_range(0..1_000_000u32) < loss_ppm;
    let most = nanos(MAX_RETRANSMIT_PAUSE);
    let mut timeout = nanos(RETRANSMIT_AFTER) + round_trip;
    let mut delay = 0u64;
    let mut segments = bytes.div_ceil(SEGMENT_BYTES);
    // What follows a lost segment tells of it; a short message ends too soon, and waits for the clock.
    let mut told = segments > FAST_RETRANSMIT_SEGMENTS;
    loop {
        segments = (0..segments).filter(|_| is_lost()).count();
        if segments == 0 {
            return delay;
        }
        if core::mem::take(&mut told) {
            delay = delay.saturating_add(round_trip);
        } else {
            delay = delay.saturating_add(timeout);
            timeout = timeout.saturating_mul(2).min(most.max(timeout));
        }
        if loss_ppm >= 1_000_000 {
            return u64::MAX;
        }
    }
}

/// A time in whole nanoseconds.
pub fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    use super::*;
    use crate::types::NodeId;

    #[test]
    fn a_fault_makes_a_line_if_anything_is_late() {
        let none = Fault::none(NodeId([1; 16]));
        assert_eq!(Line::of(&none), None);
        assert_eq!(Line::of(&Fault { cut: true, ..none }), None);
        let line = Line::of(&Fault { latency_micros: 80_000, jitter_micros: 20_000, ..none });
        let line = line.expect("a slow one");
        let mut dice = ChaCha12Rng::seed_from_u64(1);
        let ms = Duration::from_millis;
        assert!((0..1000).all(|_| (ms(60)..=ms(100)).contains(&line.delay(100, &mut dice))));
        let lossy = Line::of(&Fault { loss_ppm: 500_000, ..none }).expect("a lossy one");
        let late: Vec<Duration> = (0..1000).map(|_| lossy.delay(100, &mut dice)).collect();
        assert!(late.iter().all(|late| late.as_millis() % 200 == 0), "a timeout, or two, or four");
        assert!((400..600).contains(&late.iter().filter(|late| late.is_zero()).count()));
    }

    #[test]
    fn no_pause_is_longer_than_the_longest() {
        let mut dice = ChaCha12Rng::seed_from_u64(2);
        let worst = (0..1000).map(|_| repair(100, 900_000, 0, &mut dice)).max();
        // Doubled without end, so many losses in a row would take years.
        assert!(worst < Some(nanos(MAX_RETRANSMIT_PAUSE) * 200), "{worst:?}");
    }
}
