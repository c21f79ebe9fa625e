//! Telling peers what is new: tips at once, transactions by their ids. (`wanted` asks for those that they name.)

use rand::seq::SliceRandom;

use super::io::{ConnId, Delivery, Input, Output, Timer};
use super::*;
use crate::chain::CheckedBlock;
use crate::encoding::List;
use crate::limits::{
    ANNOUNCE_AGAIN, CATCHING_UP_BLOCKS, MAX_BLOCK_BYTES, MAX_KNOWN_BLOCKS, MAX_KNOWN_TRANSACTIONS,
    MAX_TRANSACTION_IDS,
};
use crate::peer::{Disconnect, Known, Voice};
use crate::types::{BlockHash, TxId};
use crate::wire::message::{Message, NewBlock};

/// What is remembered about one connection.
#[derive(Debug, Default)]
pub(super) struct PeerRelay {
    /// Blocks that it has, or was sent.
    blocks: Known<BlockHash, MAX_KNOWN_BLOCKS>,
    /// Transactions that it has, or was told of.
    pub(super) transactions: Known<TxId, MAX_KNOWN_TRANSACTIONS>,
    /// Of those that wait, by arrival, the first that it may have to be told of.
    untold: u64,
    /// How much it is told.
    voice: Voice,
}

/// What is remembered beside the connections.
#[derive(Debug, Default)]
pub(super) struct Announcing {
    timer: bool,
}

impl Node {
    /// What `input`, which waits its turn, says of who has which block: a copy that is here already need not be
    /// answered with another, though what comes before it is handled first. Copies of one block tend to come
    /// together, so that this spares every other message about it.
    pub fn foresee(&mut self, input: &Input) {
        let (conn, hash) = match input {
            Input::Block(conn, Delivery::Pushed, block) => {
                (conn, block.as_ref().map_or_else(|bad| bad.hash, CheckedBlock::hash))
            }
            Input::Message(conn, Message::NewBlock(NewBlock::Announce(header))) => (conn, header.hash()),
            Input::Message(conn, Message::NewBlock(NewBlock::Compact(compact))) => {
                (conn, compact.header.hash())
            }
            _ => return,
        };
        self.gave_block(*conn, hash);
    }

    /// A peer told us of `hash` by itself: it need not be told.
    pub(super) fn hear_of_block(&mut self, conn: ConnId, hash: BlockHash) -> Result<(), Disconnect> {
        let Some(connection) = self.connections.get_mut(&conn) else { return Ok(()) };
        connection.relay.blocks.insert(hash);
        connection.budget.announce(self.now.elapsed, 1)
    }

    /// A peer gave `hash`, or told of it: it need not be told.
    pub(super) fn gave_block(&mut self, conn: ConnId, hash: BlockHash) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.relay.blocks.insert(hash);
        }
    }

    /// A header without its body, or without all of it.
    pub(super) fn announced(&mut self, conn: ConnId, news: NewBlock) {
        let header = match &news {
            NewBlock::Announce(header) => *header,
            NewBlock::Compact(compact) => compact.header,
            // It comes as a block.
            NewBlock::Push(_) => return,
        };
        let hash = header.hash();
        let was_told = self.connections.get(&conn).is_some_and(|c| c.relay.blocks.contains(&hash));
        if let Err(why) = self.hear_of_block(conn, hash) {
            return self.close(conn, why);
        }
        // What most announcements are about is here.
        if self.chain.get(&hash).is_some_and(|entry| entry.has_body && !entry.invalid) {
            self.peer_has(conn, hash);
            return self.fetch_blocks();
        }
        if !self.is_low_work(&header.previous)
            && self.header_announced(conn, &header)
            && !self.is_too_much_beside(&header, MAX_BLOCK_BYTES)
            && let NewBlock::Compact(compact) = news
            // To look for all of it in the pool takes a while: once for each who tells of it.
            && !was_told
        {
            self.compact_received(conn, compact);
        }
        self.fetch_blocks();
    }

    /// Whether our tip is but a step on the way to the best headers. One beside that way is news, however far
    /// ahead they are: their bodies may be withheld, and our silence what is wanted.
    fn is_on_the_way(&self) -> bool {
        let (tip, best) = (self.chain.tip(), self.chain.best_header());
        best.height > tip.height + CATCHING_UP_BLOCKS
            && self.chain.best_header_at(tip.height) == Some(tip.hash)
    }

    /// Tells every peer that does not know it of our tip, unless we are still catching up ourselves. Where tips come
    /// faster than may be told, the newest is told a moment later.
    pub(super) fn relay_tip(&mut self) {
        if self.is_on_the_way() {
            return;
        }
        let (tip, now) = (self.chain.tip(), self.now.elapsed);
        let (mut to, mut all) = (Vec::new(), true);
        for (conn, connection) in &mut self.connections {
            let is_ready = connection.remote().is_some();
            let relay = &mut connection.relay;
            if !is_ready || relay.blocks.contains(&tip.hash) {
                continue;
            }
            if relay.voice.announce(now, 1) {
                relay.blocks.insert(tip.hash);
                to.push(*conn);
            } else {
                all = false;
            }
        }
        if !all {
            self.announce_later();
        }
        if to.is_empty() {
            return;
        }
        // Each node in an order of its own, so that they do not all tell the same ones first.
        to.shuffle(&mut self.rng);
        let (news, others) = match self.body(&tip.hash).cloned() {
            Some(block) => self.news_of(&block),
            // It came long before what it builds on, and has to be read back: who lacks it asks for it.
            None => match self.chain.get(&tip.hash) {
                Some(entry) => (NewBlock::Announce(entry.header), None),
                None => return,
            },
        };
        let mut rest = Vec::new();
        if others.is_some() && to.len() > self.policy.fan_out {
            rest = to.split_off(self.policy.fan_out);
        }
        for (to, news) in [(to, Some(news)), (rest, others)] {
            if let Some(news) = news.filter(|_| !to.is_empty()) {
                self.out.push(Output::Send(to, Message::NewBlock(news)));
            }
        }
    }

    /// Every peer hears of what waits and it does not know.
    pub(super) fn announce_pool(&mut self) {
        let peers: Vec<ConnId> = self.ready().map(|(conn, _)| conn).collect();
        for conn in peers {
            self.announce_pool_to(conn);
        }
    }

    /// A peer, a new one for instance, hears of what waits and it does not know; of so much now, and of the rest in a
    /// while.
    pub(super) fn announce_pool_to(&mut self, conn: ConnId) {
        let now = self.now.elapsed;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let relay = &mut connection.relay;
        let room = relay.voice.room(now);
        let (mut news, mut all) = (Vec::new(), true);
        for (at, id) in self.pool.since(relay.untold) {
            // Else it told us, or was told when this came and went before.
            if !relay.transactions.contains(&id) {
                if news.len() == room {
                    all = false;
                    break;
                }
                relay.transactions.insert(id);
                news.push(id);
            }
            relay.untold = at + 1;
        }
        relay.voice.announce(now, news.len());
        for ids in news.chunks(MAX_TRANSACTION_IDS) {
            self.send(conn, Message::HaveTransactions(List::clipped(ids.iter().copied())));
        }
        if !all {
            self.announce_later();
        }
    }

    fn announce_later(&mut self) {
        if !self.announcing.timer {
            self.announcing.timer = true;
            self.set_timer(Timer::Announce, ANNOUNCE_AGAIN);
        }
    }

    /// More may be announced.
    pub(super) fn announce_due(&mut self) {
        self.announcing.timer = false;
        self.relay_tip();
        self.announce_pool();
    }
}
