//! Who gives no block for too long.

use core::time::Duration;

use crate::limits::{BLOCK_TIMEOUT, MAX_BLOCK_TIMEOUT};
use crate::node::connections::Connection;
use crate::node::io::{ConnId, Timer};
use crate::node::*;

/// How fast one connection gives what it was asked for.
#[derive(Debug)]
pub(super) struct Pace {
    /// When it last gave a block, or was asked while it owed none.
    progress: Duration,
    /// How long it may give none.
    patience: Duration,
    /// It gave none for so long, and others were asked.
    is_stalled: bool,
    /// It gave a good one since.
    has_given: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { progress: Duration::ZERO, patience: BLOCK_TIMEOUT, is_stalled: false, has_given: false }
    }
}

impl Pace {
    /// It was asked while nothing was waited for from it.
    pub(super) fn begins(&mut self, now: Duration) {
        self.progress = now;
    }

    /// It gave a block.
    pub(super) fn gave(&mut self, now: Duration) {
        self.progress = now;
        self.is_stalled = false;
        self.patience = (self.patience * 7 / 8).max(BLOCK_TIMEOUT);
    }

    /// It gave a good one, asked or not.
    pub(super) fn gave_good(&mut self) {
        self.has_given = true;
    }

    pub(super) fn has_given(&self) -> bool {
        self.has_given
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// When it must have given one, if it may take no longer than `at_most`.
    fn due(&self, at_most: Option<Duration>) -> Duration {
        self.progress + at_most.map_or(self.patience, |at_most| at_most.min(self.patience))
    }

    /// It gave none in time. One that is `alone` has more time: a slow peer is better than none.
    fn is_late(&mut self, alone: bool, now: Duration) {
        self.patience = (self.patience * 2).min(MAX_BLOCK_TIMEOUT);
        self.has_given = false;
        if alone {
            self.progress = now;
        } else {
            self.is_stalled = true;
        }
    }
}

impl Node {
    /// When `connection`, from which something is waited for, must have given a block.
    fn block_due(&self, conn: ConnId, connection: &Connection) -> Option<Duration> {
        let haste = || self.haste(conn, connection);
        (self.fetch.owed.in_flight(conn) > 0).then(|| connection.fetch.pace.due(haste()))
    }

    /// Somebody may have given no block for too long.
    pub(in crate::node) fn blocks_due(&mut self) {
        let now = self.now.elapsed;
        if self.fetch.timer.is_some_and(|at| now < at) {
            // An older one: it was needed sooner since.
            return;
        }
        self.fetch.timer = None;
        let is_late = |conn, c: &Connection| self.block_due(conn, c).is_some_and(|due| now >= due);
        let late: Vec<ConnId> =
            self.ready().filter(|(conn, c)| is_late(*conn, c)).map(|(conn, _)| conn).collect();
        for conn in late {
            let is_of_no_help = |c: &Connection| c.fetch.pace.is_stalled() || c.fetch.best.is_none();
            let alone = self.ready().all(|(other, c)| other == conn || is_of_no_help(c));
            self.was_late(conn);
            let Some(connection) = self.connections.get_mut(&conn) else { continue };
            connection.fetch.pace.is_late(alone, now);
            if !alone {
                self.take_back(conn);
            }
        }
        self.fetch_blocks();
        self.arm_blocks_timer();
    }

    pub(super) fn arm_blocks_timer(&mut self) {
        let due = self.ready().filter_map(|(conn, c)| self.block_due(conn, c));
        let Some(first) = due.min() else { return };
        let in_vain = self.fetch.waits_since.map(|since| since + BLOCK_TIMEOUT);
        let in_vain = in_vain.filter(|at| *at > self.now.elapsed);
        let first = in_vain.map_or(first, |at| first.min(at));
        let at = first.max(self.now.elapsed + Duration::from_millis(1));
        if self.fetch.timer.is_none_or(|before| at < before) {
            self.fetch.timer = Some(at);
            self.set_timer(Timer::Blocks, at - self.now.elapsed);
        }
    }
}
