//! Whether this machine's clock is that of its peers, who say what theirs is in their Hello.
//!
//! It is only said: a peer's clock is a claim, so nothing about blocks, relay, mining or bans follows from it.
//! A node whose clock is hours behind keeps others' blocks waiting for their time, one whose clock is ahead
//! makes blocks that nobody takes; and neither breaks a rule, so nobody else would tell.
//!
//! What a peer said is kept together with what both of our clocks said then, so that a wall clock that is set
//! later is noticed. But it may not have been set where it jumped ahead: a machine that sleeps stops the other
//! clock, and so it does those of peers on the same machine. Then as much of the jump is taken for sleep as
//! makes our clock right: one that is set wrong, ahead, is noticed at the next handshake only.

use super::connections::Connection;
use super::io::{ClockOffset, Direction, Event, Timer};
use super::*;
use crate::limits::{CLOCK_OFFSET_PART, CLOCK_POLL};

/// What is remembered beside the connections.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// What was seen last, if it was off: that has been said.
    off: Option<ClockOffset>,
    timer: bool,
}

impl Clocks {
    /// What was seen last, if it was off.
    pub(super) fn off(&self) -> Option<ClockOffset> {
        self.off
    }
}

impl Node {
    /// How far the clocks of the peers are from this machine's; none without peers.
    ///
    /// Callers come as they like, so a crowd of them makes no clock wrong by itself: those that were called have
    /// to say so, too, if there are any.
    pub(super) fn clock_offset(&self) -> Option<ClockOffset> {
        let offsets = |is_meant: fn(&Connection) -> bool| -> Vec<i64> {
            let meant = self.connections.values().filter(|c| is_meant(c)).filter_map(Connection::remote);
            meant.map(|remote| ahead(remote.hello.time, remote.met, self.now)).collect()
        };
        let all = offsets(|_| true);
        let peers = all.len();
        let (mut lower, mut upper) = middle(all)?;
        if let Some((low, high)) = middle(offsets(|c| c.direction == Direction::Outbound)) {
            (lower, upper) = (lower.min(low), upper.max(high));
        }
        let millis = 0.clamp(lower, upper);
        let allowed = self.chain.params().max_future() * 1000 / CLOCK_OFFSET_PART;
        Some(ClockOffset { millis, peers, is_off: millis.unsigned_abs() > allowed })
    }

    /// Peers came or went, or our clock may have been set: it is looked at in a moment, when others have come
    /// that come at the same time, unless it is right and was before. And it is held against the chain.
    pub(super) fn watch_clocks(&mut self) {
        self.watch_chain_time();
        let Some(offset) = self.clock_offset() else { return };
        let is_news = offset.is_off || self.clocks.off.is_some();
        if is_news && !core::mem::replace(&mut self.clocks.timer, true) {
            self.set_timer(Timer::Offset, CLOCK_POLL);
        }
    }

    /// Says that our clock is off, or right again, once. Without peers there is nothing to say.
    pub(super) fn offset_due(&mut self) {
        self.clocks.timer = false;
        let Some(offset) = self.clock_offset() else { return };
        let side = |off: Option<ClockOffset>| off.map(|offset| offset.is_behind());
        let before = core::mem::replace(&mut self.clocks.off, offset.is_off.then_some(offset));
        if side(before) != side(self.clocks.off) {
            self.event(Event::Clock(offset));
        }
        self.watch_clocks();
    }
}

/// By how many milliseconds a peer's clock is ahead of ours, `now`: it said `theirs` when ours said `met`.
fn ahead(theirs: u64, met: Now, now: Now) -> i64 {
    let then = millis(theirs).saturating_sub(millis(met.wall.millis()));
    let passed = millis(now.elapsed.saturating_sub(met.elapsed).as_millis());
    let jumped = millis(now.wall.millis()).saturating_sub(millis(met.wall.millis())).saturating_sub(passed);
    let set = then.saturating_sub(jumped);
    0.clamp(set, set.max(then))
}

/// The two in the middle, which are one of an odd number: what lies between them is not said by more than half.
fn middle(mut offsets: Vec<i64>) -> Option<(i64, i64)> {
    offsets.sort_unstable();
    let upper = offsets.get(offsets.len() / 2)?;
    let lower = offsets.get((offsets.len() - 1) / 2)?;
    Some((*lower, *upper))
}

fn millis(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    const HOUR: i64 = 3_600_000;

    /// (offsets, what lies in the middle, nearest to none)
    #[test]
    fn more_than_half_of_the_clocks_have_to_say_so() {
        let rows: [(&[i64], Option<i64>); 11] = [
            (&[], None),
            (&[7], Some(7)),
            (&[-7], Some(-7)),
            (&[0, HOUR], Some(0)),
            (&[HOUR, 3], Some(3)),
            (&[-HOUR, -3], Some(-3)),
            (&[-HOUR, HOUR], Some(0)),
            (&[HOUR, 0, HOUR], Some(HOUR)),
            (&[i64::MAX, 5, -HOUR], Some(5)),
            (&[i64::MAX, i64::MIN, 5, 6], Some(5)),
            (&[i64::MAX; 3], Some(i64::MAX)),
        ];
        for (offsets, median) in rows {
            let found = middle(offsets.to_vec()).map(|(lower, upper)| 0.clamp(lower, upper));
            assert_eq!(found, median, "{offsets:?}");
        }
    }

    /// (what theirs said in hours, by how many hours ours was set or slept since, how far theirs is ahead)
    #[test]
    fn a_clock_that_is_set_is_told_from_a_machine_that_sleeps() {
        let rows = [
            (10, 0, 0),
            (13, 0, 3),
            (7, 0, -3),
            // Set back: nothing else sets it back.
            (10, -3, 3),
            (7, -3, 0),
            // Set right.
            (13, 3, 0),
            (13, 2, 1),
            // Slept, or set wrong.
            (10, 3, 0),
            (7, 3, -3),
            (13, 4, 0),
        ];
        for (theirs, jump, expected) in rows {
            let hours = |hours: i64| UnixTime::from_secs(hours.unsigned_abs() * 3600);
            let met = Now { elapsed: Duration::from_secs(5), wall: hours(10) };
            let now = Now { elapsed: Duration::from_secs(7205), wall: hours(12 + jump) };
            assert_eq!(ahead(hours(theirs).millis(), met, now), expected * HOUR, "{theirs} {jump}");
        }
    }

    /// Row 91 of docs/hostile.md.
    #[test]
    fn no_time_is_too_large() {
        let ends = [0, 1, 1_700_000_000_000, u64::MAX];
        let moments =
            ends.map(|end| Now { elapsed: Duration::from_secs(end), wall: UnixTime::from_micros(end) });
        for theirs in ends {
            for (met, now) in moments.iter().flat_map(|met| moments.iter().map(move |now| (*met, *now))) {
                let offset = ClockOffset { millis: ahead(theirs, met, now), peers: 1, is_off: true };
                assert!(!offset.to_string().is_empty());
            }
        }
        let start = Now { elapsed: Duration::ZERO, wall: UnixTime::default() };
        assert_eq!(ahead(u64::MAX, start, start), i64::MAX);
    }
}
