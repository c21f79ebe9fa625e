//! How many hashes are due: the arithmetic of a hash rate, without a clock.
//!
//! What is due is always counted from a fixed beginning (rate × time − done), never added up from slices,
//! so rounding does not drift. Two things move that beginning: a pause, for which nothing is due, and a
//! stall (a busy machine), after which only a little is made up for: nobody wants a burst.

use core::time::Duration;

use crate::limits::{
    MAX_MINING_BACKLOG, MAX_MINING_GRANT, MAX_MINING_SLICE, MINING_HELP_AFTER, MINING_SLICE,
};

const NANOS: u128 = 1_000_000_000;

/// The account of one hash rate. Every `now` is the same monotonic clock's.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Hashes per second.
    rate: u64,
    /// When counting began, moved on by the pauses since.
    origin: Duration,
    /// Hashes granted or written off since.
    done: u128,
    /// Since when nothing more becomes due.
    paused: Option<Duration>,
    /// Times something was written off since all that was due was done.
    behind: u32,
}

impl Pace {
    /// An account of `rate` hashes per second, empty at `now`.
    pub fn new(rate: u64, now: Duration) -> Pace {
        Pace { rate, origin: now, done: 0, paused: None, behind: 0 }
    }

    /// Hashes per second.
    pub fn rate(&self) -> u64 {
        self.rate
    }

    /// Hashes to do now; 0 until a slice's worth is due, so that a thread need not wake for each.
    pub fn take(&mut self, now: Duration) -> u64 {
        let most = self.after(MAX_MINING_BACKLOG).max(1);
        let mut due = self.earned(now).saturating_sub(self.done);
        if due > most {
            self.done += due - most;
            due = most;
            self.behind = self.behind.saturating_add(1);
        }
        if due < self.chunk() {
            self.behind = 0;
            return 0;
        }
        let granted = due.min(u128::from(MAX_MINING_GRANT));
        self.done += granted;
        // At most MAX_MINING_GRANT, a u64.
        granted as u64
    }

    /// Hashes that were granted and not done, because their job was replaced.
    pub fn give_back(&mut self, hashes: u64) {
        self.done = self.done.saturating_sub(u128::from(hashes));
    }

    /// Whether those who take cannot keep up; the next answer is that of those who are more by then.
    pub fn is_overtaxed(&mut self) -> bool {
        let overtaxed = self.behind >= MINING_HELP_AFTER;
        if overtaxed {
            self.behind = 0;
        }
        overtaxed
    }

    /// Time until [`Pace::take`] grants something.
    pub fn wait(&self, now: Duration) -> Duration {
        let Some(nanos) = ((self.done + self.chunk()) * NANOS).checked_div(u128::from(self.rate)) else {
            return Duration::MAX;
        };
        // Rounded up: a nanosecond early would grant nothing.
        let at =
            self.origin.saturating_add(Duration::from_nanos(u64::try_from(nanos + 1).unwrap_or(u64::MAX)));
        at.saturating_sub(now)
    }

    /// From `now` on nothing becomes due; what is due stays so.
    pub fn pause(&mut self, now: Duration) {
        self.paused.get_or_insert(now);
    }

    /// Ends a pause, if there is one.
    pub fn resume(&mut self, now: Duration) {
        if let Some(paused) = self.paused.take() {
            self.origin += now.saturating_sub(paused);
        }
    }

    /// The least that is granted at once: a slice's worth.
    fn chunk(&self) -> u128 {
        let least = Duration::from_nanos(16 * NANOS as u64 / self.rate.max(1));
        let slice = least.clamp(MINING_SLICE, MAX_MINING_SLICE);
        self.after(slice).clamp(1, u128::from(MAX_MINING_GRANT))
    }

    fn earned(&self, now: Duration) -> u128 {
        self.after(self.paused.unwrap_or(now).saturating_sub(self.origin))
    }

    fn after(&self, time: Duration) -> u128 {
        u128::from(self.rate).saturating_mul(time.as_nanos()) / NANOS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: [u64; 4] = [10, 1_000, 20_000, 1_000_000];
    const MINUTE: Duration = Duration::from_secs(60);

    /// A thread that hashes at `speed` until `end`, and oversleeps by what `late` says.
    fn mine(pace: &mut Pace, now: &mut Duration, end: Duration, speed: u64, late: Duration) -> u64 {
        let mut done = 0;
        while *now < end {
            let granted = pace.take(*now);
            done += granted;
            *now += match granted {
                0 => pace.wait(*now) + late,
                granted => Duration::from_nanos(granted * NANOS as u64 / speed),
            };
        }
        done
    }

    #[track_caller]
    fn assert_exact(done: u64, wanted: u64) {
        assert!(done.abs_diff(wanted) * 100 <= wanted, "{done} instead of {wanted}");
    }

    #[test]
    fn a_minute_is_exact_however_late_a_thread_wakes() {
        for rate in RATES {
            for late in [0, 60, 3_000, 90_000] {
                let (mut now, mut pace) = (Duration::ZERO, Pace::new(rate, Duration::ZERO));
                let done = mine(&mut pace, &mut now, MINUTE, 7_000_000, Duration::from_micros(late));
                assert_exact(done, rate * 60);
            }
        }
    }

    #[test]
    fn job_changes_grant_nothing_and_lose_nothing() {
        for rate in RATES {
            let (mut now, mut pace) = (Duration::ZERO, Pace::new(rate, Duration::ZERO));
            let mut done = 0;
            for change in 1..=100 {
                let end = MINUTE * change / 100;
                done += mine(&mut pace, &mut now, end, 7_000_000, Duration::ZERO);
                // A job is replaced in the middle of a grant, and the rest of it comes back.
                let granted = pace.take(now);
                pace.give_back(granted / 2);
                done += granted - granted / 2;
                // For a while there is no job at all; the pause is not owed.
                pace.pause(now);
                pace.pause(now + Duration::from_millis(3));
                now += Duration::from_millis(7);
                pace.resume(now);
                pace.resume(now);
            }
            let paused = Duration::from_millis(700);
            assert_exact(done, rate * (now - paused).as_millis() as u64 / 1000);
        }
    }

    #[test]
    fn after_a_stall_only_the_backlog_is_made_up_for() {
        for rate in RATES {
            let (mut now, mut pace) = (Duration::ZERO, Pace::new(rate, Duration::ZERO));
            mine(&mut pace, &mut now, MINUTE, 7_000_000, Duration::ZERO);
            now += Duration::from_secs(3600);
            let mut burst = 0;
            loop {
                match pace.take(now) {
                    0 => break,
                    granted => burst += granted,
                }
            }
            let most = (rate as f64 * MAX_MINING_BACKLOG.as_secs_f64()) as u64;
            assert!(burst <= most.max(1), "{burst} at {rate}");
            let end = now + MINUTE;
            assert_exact(mine(&mut pace, &mut now, end, 7_000_000, Duration::ZERO), rate * 60);
        }
    }

    #[test]
    fn only_who_cannot_keep_up_is_overtaxed() {
        for (speed, expected) in [(1_100_000, false), (900_000, true)] {
            let (mut now, mut pace) = (Duration::ZERO, Pace::new(1_000_000, Duration::ZERO));
            let mut overtaxed = false;
            for _ in 0..10 {
                let end = now + Duration::from_secs(5);
                mine(&mut pace, &mut now, end, speed, Duration::ZERO);
                overtaxed |= pace.is_overtaxed();
                now += Duration::from_secs(5);
            }
            assert_eq!(overtaxed, expected, "{speed}");
        }
    }

    #[test]
    fn slices_are_neither_tiny_nor_long() {
        for (rate, slices) in [(100, 20), (1_000, 65), (20_000, 101), (1_000_000, 101)] {
            let (mut now, mut pace, mut grants) = (Duration::ZERO, Pace::new(rate, Duration::ZERO), 0);
            while now < Duration::from_secs(1) {
                grants += u32::from(pace.take(now) > 0);
                now += pace.wait(now);
            }
            assert!(grants <= slices, "{grants} at {rate}");
        }
    }

    #[test]
    fn the_extreme_rates_are_no_special_case() {
        let mut none = Pace::new(0, Duration::ZERO);
        assert_eq!((none.take(MINUTE), none.wait(MINUTE)), (0, Duration::MAX));
        let mut most = Pace::new(u64::MAX, Duration::ZERO);
        assert_eq!(most.take(MINUTE), MAX_MINING_GRANT);
        assert_eq!(most.wait(MINUTE), Duration::ZERO);
    }
}
