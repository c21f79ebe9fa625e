//! What happens, as log lines.

use crate::net::clock::rfc3339;
use crate::node::io::Event;

/// Writes `event` at the level it deserves: what an operator wants to see by default is info, trouble is
/// warn, the rest is debug.
pub(super) fn log(event: &Event) {
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
        Event::DialFailed { address, error } => tracing::debug!(%address, %error, "dial failed"),
        Event::TipChanged { tip, reverted: 0, connected } => {
            tracing::info!(height = tip.height, hash = %tip.hash, connected, "tip");
        }
        Event::TipChanged { tip, reverted, connected } => {
            tracing::info!(height = tip.height, hash = %tip.hash, connected, reverted, "tip after a reorg");
        }
        Event::BlockMined { hash, height, tries } => tracing::info!(height, %hash, tries, "mined"),
        Event::MiningPaused { until } => {
            let until = rfc3339(*until);
            tracing::warn!(
                until,
                "mining waits: the chain's time is ahead of this machine's clock; set the clock"
            );
        }
        Event::BlockRefused { hash, rule, from, .. } => match from {
            Some(node) => tracing::warn!(%hash, rule = rule.name(), %node, "block refused: {rule}"),
            None => tracing::error!(%hash, rule = rule.name(), "our own block was refused: {rule}"),
        },
        Event::ManagerAccepted { conn } => tracing::info!(conn = conn.0, "manager accepted"),
        Event::BlockSeen { hash, height, giver, .. } => {
            tracing::debug!(height, %hash, origin = giver.origin.name(), node = ?giver.node, "block");
        }
        // The line of the new tip says it.
        Event::Reorg { .. } => {}
        Event::PoolChanged { came, went, count, .. } => {
            tracing::debug!(came = came.count, went = went.count, count, "pool");
        }
        Event::MiningSet { hashrate } => tracing::info!(hashrate, "background mining"),
        Event::FaultsSet { cut, slow } => tracing::info!(cut, slow, "faults of links"),
        // The driver has said it, with what to do about it.
        Event::StoreFailed { .. } => {}
    }
}
