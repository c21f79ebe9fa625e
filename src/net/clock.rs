//! The one place that reads clocks.

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
