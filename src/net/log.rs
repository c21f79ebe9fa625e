//! What happens, as log lines.

use core::time::Duration;

use crate::limits::{CALLER_LINE_EVERY, CALLER_LINES};
use crate::net::clock::rfc3339;
use crate::node::io::Event;
use crate::node::view::Ban;
use crate::peer::budget::Bucket;

/// How much may still be said of those who call: whoever does could fill a disk with that.
#[derive(Debug)]
pub struct CallerLines {
    bucket: Bucket,
    /// How much was not said.
    unsaid: u64,
}

impl Default for CallerLines {
    fn default() -> Self {
        CallerLines { bucket: Bucket::slow(CALLER_LINE_EVERY, CALLER_LINES), unsaid: 0 }
    }
}

impl CallerLines {
    /// Whether one more line may be written, `now` since some start; and before it, how many were not.
    pub fn take(&mut self, now: Duration) -> Option<u64> {
        if self.bucket.take(now, 1) {
            return Some(core::mem::take(&mut self.unsaid));
        }
        self.unsaid += 1;
        None
    }
}

/// What writes events down.
#[derive(Default)]
pub(super) struct Log {
    callers: CallerLines,
}

impl Log {
    /// Writes down that `event` happened, `now` since the start.
    pub(super) fn event(&mut self, event: &Event, now: Duration) {
        let is_of_callers = match event {
            Event::PeerReady { .. } | Event::PeerClosed { node: Some(_), .. } | Event::HostBanned(_) => true,
            Event::BlockRefused { from, .. } => from.is_some(),
            Event::PeerClosed { node: None, why, .. } => why.is_permanent(),
            _ => false,
        };
        if is_of_callers {
            let Some(unsaid) = self.callers.take(now) else { return };
            if unsaid > 0 {
                tracing::warn!(
                    unsaid,
                    "connections came and went, or blocks were refused, faster than is written down"
                );
            }
        }
        log(event);
    }
}

/// Writes `event` at the level it deserves: what an operator wants to see by default is info, trouble is
/// warn, the rest is debug.
fn log(event: &Event) {
    match event {
        Event::PeerReady { conn, node, address, direction } => {
            tracing::info!(conn = conn.0, %node, %address, ?direction, "peer ready");
        }
        Event::PeerClosed { conn, node: Some(node), address, why } => {
            tracing::info!(conn = conn.0, %node, %address, %why, "peer gone");
        }
        Event::PeerClosed { conn, node: None, address, why } if why.is_permanent() => {
            tracing::warn!(conn = conn.0, %address, %why, "connection refused");
        }
        Event::PeerClosed { conn, node: None, address, why } => {
            tracing::debug!(conn = conn.0, %address, %why, "connection closed");
        }
        Event::HostBanned(Ban { host, until, why }) => {
            tracing::warn!(%host, until = rfc3339(*until), "the host is kept out until then: {why}");
        }
        Event::DialFailed { address, error } => tracing::debug!(%address, %error, "dial failed"),
        Event::TipChanged { tip, reverted: 0, connected } => {
            tracing::info!(height = tip.height, hash = %tip.hash, connected, "tip");
        }
        Event::TipChanged { tip, reverted, connected } => {
            tracing::info!(height = tip.height, hash = %tip.hash, connected, reverted, "tip after a reorg");
        }
        Event::BlockMined { hash, height, tries } => tracing::info!(height, %hash, tries, "mined"),
        Event::MiningPaused { until, is_past } => {
            let until = rfc3339(*until);
            let why = match is_past {
                false => "the chain has blocks from the future, which nobody else takes before their time",
                true => "this machine's clock is past all times that a block can have",
            };
            tracing::warn!(until, "no block can be mined: {why}; set the clock");
        }
        Event::Clock(offset) if !offset.is_off => {
            tracing::info!(
                offset = offset.seconds(),
                "this machine's clock is right again, by those of its peers"
            );
        }
        Event::Clock(offset) => {
            let what = match offset.is_behind() {
                true => "blocks of theirs may have to wait for their time",
                false => "others may not take its blocks",
            };
            tracing::warn!("this machine's clock is {offset}: {what}; set the clock");
        }
        Event::BlockRefused { hash, rule, from, is_own, .. } => match from {
            Some(node) => tracing::warn!(%hash, rule = rule.name(), %node, "block refused: {rule}"),
            None if *is_own => {
                tracing::error!(%hash, rule = rule.name(), "our own block was refused: {rule}")
            }
            None => tracing::warn!(%hash, rule = rule.name(), "block of an offered chain refused: {rule}"),
        },
        Event::ManagerAccepted { conn } => tracing::info!(conn = conn.0, "manager accepted"),
        Event::BlockSeen { hash, height, giver, .. } => {
            tracing::debug!(height, %hash, origin = giver.origin.name(), node = ?giver.node, "block");
        }
        // The line of the new tip says the rest.
        Event::Reorg { dropped: 0, .. } => {}
        Event::Reorg { dropped, .. } => {
            tracing::warn!(dropped, "the pool is full: contents of the branch that was given up are dropped");
        }
        Event::PoolChanged { came, went, count, .. } => {
            tracing::debug!(came = came.count, went = went.count, count, "pool");
        }
        Event::MiningSet { hashrate } => tracing::info!(hashrate, "background mining"),
        Event::FaultsSet { cut, slow } => tracing::info!(cut, slow, "faults of links"),
        // The driver has said it, with what to do about it.
        Event::StoreFailed { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BlockHash, NodeId};

    #[test]
    fn who_calls_all_the_time_does_not_fill_the_log() {
        let gone = Event::PeerClosed {
            conn: crate::node::io::ConnId(1),
            node: None,
            address: ([127, 0, 0, 1], 1).into(),
            why: crate::peer::Disconnect::WrongNetwork,
        };
        let refused = Event::BlockRefused {
            hash: BlockHash::ZERO,
            previous: BlockHash::ZERO,
            height: None,
            rule: crate::chain::Rule::BadPow,
            from: Some(NodeId::default()),
            is_own: false,
        };
        for event in [gone, refused] {
            let mut log = Log::default();
            let mut said = 0;
            for second in 0..1000 {
                for _ in 0..10 {
                    log.event(&event, Duration::from_secs(second));
                    said += u32::from(log.callers.unsaid == 0);
                }
            }
            let per_second = 1000 / CALLER_LINE_EVERY.as_secs() as u32;
            assert!((CALLER_LINES..=CALLER_LINES + per_second).contains(&said), "{said} lines: {event:?}");
        }
    }
}
