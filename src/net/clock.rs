//! The one place that reads clocks, and says times to people.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::{Now, UnixTime};

/// A monotonic clock that starts at zero, beside the wall's.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts at zero.
    #[allow(clippy::disallowed_methods, reason = "the edge reads the clock, here and nowhere else")]
    pub fn start() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Both clocks at once.
    pub fn now(&self) -> Now {
        Now { elapsed: self.start.elapsed(), wall: Clock::wall() }
    }

    /// The wall clock. One that says it is before 1970 is taken to say 1970.
    #[allow(clippy::disallowed_methods, reason = "the edge reads the clock, here and nowhere else")]
    pub fn wall() -> UnixTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        UnixTime::default().plus(since)
    }

    /// When `elapsed` is over, for a timer to wait for.
    pub fn at(&self, elapsed: Duration) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + elapsed)
    }
}

/// A time as people and programs read it: `2026-01-31T12:00:00Z`.
pub fn rfc3339(time: UnixTime) -> String {
    let secs = i64::try_from(time.secs()).ok().and_then(|secs| jiff::Timestamp::from_second(secs).ok());
    secs.map_or_else(|| format!("second {} since 1970", time.secs()), |secs| secs.to_string())
}

/// The time that such a text is; none if it is no such text.
pub fn unix_time(text: &str) -> Option<UnixTime> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_microsecond()).ok().map(UnixTime::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_so_that_people_can_read_it() {
        let rows = [(0, "1970-01-01T00:00:00Z"), (1_700_000_000, "2023-11-14T22:13:20Z")];
        for (secs, text) in rows {
            assert_eq!(rfc3339(UnixTime::from_secs(secs)), text);
        }
        assert_eq!(rfc3339(UnixTime::from_millis(u64::MAX)), "second 18446744073709 since 1970");
    }
}
