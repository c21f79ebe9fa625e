//! What a hash rate was over the last seconds, without a clock and without a thread that samples.

use core::time::Duration;

/// Seconds that the rate is averaged over, the running one included.
const SECONDS: usize = 5;

/// Hashes by the second in which they were done. Every `now` is the same monotonic clock's.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    /// When the hashing began that has had no longer break since.
    began: Duration,
    /// A second, and the hashes done in it.
    slots: [(u64, u64); SECONDS],
}

impl Meter {
    /// `hashes` were done in the batch that began at `since` and ended at `now`.
    pub fn add(&mut self, since: Duration, now: Duration, hashes: u64) {
        if self.recent(now).sum::<u64>() == 0 {
            self.began = since;
        }
        let second = now.as_secs();
        let slot = &mut self.slots[(second % SECONDS as u64) as usize];
        if slot.0 != second {
            *slot = (second, 0);
        }
        slot.1 += hashes;
    }

    /// Hashes per second at `now`: over the last four to five seconds, or since the hashing began.
    pub fn rate(&self, now: Duration) -> f64 {
        let window = Duration::from_secs(oldest(now));
        let time = now.saturating_sub(window.max(self.began)).as_secs_f64();
        let hashes = self.recent(now).sum::<u64>();
        if time > 0.0 { hashes as f64 / time } else { 0.0 }
    }

    fn recent(&self, now: Duration) -> impl Iterator<Item = u64> {
        let seconds = oldest(now)..=now.as_secs();
        self.slots.iter().filter(move |slot| seconds.contains(&slot.0)).map(|slot| slot.1)
    }
}

/// The first second that still counts.
fn oldest(now: Duration) -> u64 {
    now.as_secs().saturating_sub(SECONDS as u64 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_what_was_done() {
        let ms = Duration::from_millis;
        let mut meter = Meter::default();
        assert_eq!(meter.rate(ms(100)), 0.0);
        let mut at = 12_300;
        for per_slice in [10, 50, 0, 20] {
            for slice in 0..600 {
                meter.add(ms(at), ms(at + 10), per_slice);
                at += 10;
                // Over the break and before the window is full, the average is that of what it covers.
                if slice > 500 || (slice > 20 && at < 18_000) {
                    let wanted = 100.0 * per_slice as f64;
                    assert!((meter.rate(ms(at)) - wanted).abs() <= 0.01 * wanted, "{}", meter.rate(ms(at)));
                }
            }
        }
        assert_eq!(meter.rate(ms(at + 5_000)), 0.0);
    }
}
