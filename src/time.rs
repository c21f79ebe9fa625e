//! The one time type of pure code.
//!
//! A node needs two clocks that must not be confused: how long it has run, which never jumps and drives
//! every timer, and what the wall says, which an operator may set back by an hour and which goes only into
//! block times and records. The edge reads both at once and hands them in; nothing in the core reads a clock.

use core::fmt;
use core::time::Duration;

/// A moment, as the edge read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Time since the process started: monotonic, for timers and intervals.
    pub elapsed: Duration,
    /// The wall clock, for block times and records.
    pub wall: UnixTime,
}

impl Now {
    /// The moment `by` later on both clocks. For tests and simulations, whose clocks agree.
    pub fn plus(self, by: Duration) -> Now {
        Now { elapsed: self.elapsed + by, wall: self.wall.plus(by) }
    }
}

/// Microseconds since 1970-01-01T00:00:00Z, without leap seconds. What happens at two nodes of one machine is
/// compared by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct UnixTime(u64);

impl UnixTime {
    /// A moment that no other is after.
    pub const LAST: UnixTime = UnixTime(u64::MAX);

    /// From milliseconds since 1970.
    pub const fn from_millis(millis: u64) -> Self {
        UnixTime(millis.saturating_mul(1000))
    }

    /// From microseconds since 1970.
    pub const fn from_micros(micros: u64) -> Self {
        UnixTime(micros)
    }

    /// From whole seconds since 1970.
    pub const fn from_secs(secs: u64) -> Self {
        UnixTime(secs.saturating_mul(1_000_000))
    }

    /// The last second that a header can say, in 2106.
    pub const LAST_OF_HEADERS: UnixTime = UnixTime::from_secs(u32::MAX as u64);

    /// Microseconds since 1970.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Milliseconds since 1970, rounded down.
    pub const fn millis(self) -> u64 {
        self.0 / 1000
    }

    /// Whole seconds since 1970, rounded down: the resolution of a block header.
    pub const fn secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// `by` earlier; stays at the beginning of time.
    pub fn minus(self, by: Duration) -> Self {
        UnixTime(self.0.saturating_sub(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }

    /// `by` later; stays at the end of time.
    pub fn plus(self, by: Duration) -> Self {
        UnixTime(self.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.secs(), self.millis() % 1000)
    }
}
