//! Whom the block at the tip is asked of. Whoever calls may tell of a block before all others and never give it, under
//! one name after the other, and each would cost the time that one has to answer. So whom we called, and who gave blocks,
//! are asked before newcomers; a newcomer that was asked already has little time once one of those has the block, too;
//! and of newcomers that are asked one after the other each has half the time of the one before.

use core::time::Duration;

use super::*;
use crate::limits::{BLOCK_TIMEOUT, MAX_HASTE, NEWCOMER_TIMEOUT};
use crate::node::connections::Connection;
use crate::node::io::Direction;

/// How often in a row the same block was not given in time.
#[derive(Debug, Default)]
pub(super) struct Late {
    block: Option<BlockHash>,
    count: u32,
}

impl Late {
    fn add(&mut self, hash: BlockHash) {
        self.count = if self.block == Some(hash) { self.count.saturating_add(1) } else { 1 };
        self.block = Some(hash);
    }

    /// How long the next newcomer has that is asked for `hash`.
    fn patience(&self, hash: &BlockHash) -> Option<Duration> {
        (self.block.as_ref() == Some(hash)).then(|| BLOCK_TIMEOUT / (1 << self.count.min(MAX_HASTE)))
    }
}

impl Node {
    /// Whether it is likely that `connection` gives what it tells of.
    fn is_proven(connection: &Connection) -> bool {
        let pace = &connection.fetch.pace;
        !pace.is_stalled() && (connection.direction == Direction::Outbound || pace.has_given())
    }

    /// A good block came of `conn`.
    pub(in crate::node) fn gave_good(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.fetch.pace.gave_good();
        }
    }

    /// Ready connections, those first that are likely to give what they have.
    pub(super) fn likely_first(&self) -> Vec<ConnId> {
        let mut peers: Vec<(bool, ConnId)> =
            self.ready().map(|(conn, c)| (!Self::is_proven(c), conn)).collect();
        peers.sort_unstable();
        peers.into_iter().map(|(_, conn)| conn).collect()
    }

    /// The block at the tip, if it is all that is missing, and whom it is waited for from.
    fn tip_awaited(&self) -> Option<(BlockHash, ConnId)> {
        let tip = self.chain.best_header();
        let from = self.fetch.owed.awaited_from(&tip.hash)?;
        self.fetch.cursor.is_lowest(tip.height).then_some((tip.hash, from))
    }

    /// Whether `hash` is the block at the tip, and `conn` is likelier to give it than the newcomer that was asked.
    pub(in crate::node) fn is_likelier_to_give(&self, conn: ConnId, hash: &BlockHash) -> bool {
        let is_proven = |conn| self.connections.get(&conn).is_some_and(Self::is_proven);
        self.tip_awaited().is_some_and(|(tip, from)| tip == *hash && !is_proven(from)) && is_proven(conn)
    }

    /// `conn` gave nothing in time.
    pub(super) fn was_late(&mut self, conn: ConnId) {
        if let Some((tip, from)) = self.tip_awaited()
            && from == conn
        {
            self.fetch.late.add(tip);
        }
    }

    /// How long `conn` has for what it was asked for, if that is less than others have.
    pub(super) fn haste(&self, conn: ConnId, connection: &Connection) -> Option<Duration> {
        let (tip, _) =
            self.tip_awaited().filter(|(_, from)| *from == conn && !Self::is_proven(connection))?;
        let is_likelier = |(other, c): (ConnId, &Connection)| {
            Self::is_proven(c) && c.fetch.best == Some(tip) && !self.fetch.owes(other, &tip)
        };
        let beside_a_likelier_one = self.ready().any(is_likelier).then_some(NEWCOMER_TIMEOUT);
        beside_a_likelier_one.into_iter().chain(self.fetch.late.patience(&tip)).min()
    }
}
