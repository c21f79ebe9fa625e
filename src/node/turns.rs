//! Who tells whom of a block at once, and who a moment later.
//!
//! Where nodes have many links, a block would cross most of them for nothing, both ways at the same time. So a
//! node lets a few peers tell it at once (BIP 152 has three of them, too) and asks the others, by TellBlocks, to
//! wait for a moment, and then to send the header if they have not heard of the block by themselves. Those few
//! are the ones whose copies came first, so that they follow the network. Whoever says nothing is told at once:
//! a node of few links never asks anybody to wait.
//!
//! What a node mined itself it tells everybody at once: nobody else can.

use core::time::Duration;

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::io::{ConnId, Output, Timer};
use super::*;
use crate::chain::CheckedBlock;
use crate::limits::{LATER_AT_LEAST, LATER_SPREAD};
use crate::types::{BlockHash, Transaction};
use crate::wire::message::{Message, NewBlock, TellBlocks};

/// What is remembered about one connection.
#[derive(Debug, Default)]
pub(super) struct PeerTurns {
    /// How it wants to be told.
    wants: TellBlocks,
    /// How it was asked to tell us.
    asked: TellBlocks,
}

/// What is remembered of the newest block that peers told of.
#[derive(Debug, Default)]
pub(super) struct Turns {
    newest: BlockHash,
    /// How many have told of it.
    tellers: usize,
    /// Whether a moment is running after which those who wait are told.
    timer: bool,
}

impl Node {
    /// A peer says how it wants to be told.
    pub(super) fn tell_blocks(&mut self, conn: ConnId, wants: TellBlocks) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if let Err(why) = connection.budget.request(self.now.elapsed) {
            return self.close(conn, why);
        }
        connection.turns.wants = wants;
    }

    /// A peer told of a block; `lacked`: it was news. Of the first tellers nobody is asked to wait, and a first
    /// one not any more; the others are.
    pub(super) fn was_told(&mut self, conn: ConnId, hash: BlockHash, lacked: bool) {
        if self.turns.newest != hash {
            self.turns = Turns { newest: hash, tellers: 0, timer: self.turns.timer };
        }
        let nth = self.turns.tellers;
        self.turns.tellers += 1;
        let Some(connection) = self.connections.get(&conn) else { return };
        let wanted = self.policy.tellers;
        match connection.turns.asked {
            TellBlocks::Later if nth == 0 && lacked => self.ask_to_tell(conn, TellBlocks::AtOnce),
            TellBlocks::AtOnce if nth >= wanted && self.tellers() > wanted => {
                self.ask_to_tell(conn, TellBlocks::Later);
            }
            _ => {}
        }
    }

    /// Whether the peer at the other end of `conn` mined the block of this coinbase: that it was the first to
    /// tell of it says nothing.
    pub(super) fn is_its_own(&self, conn: ConnId, coinbase: Option<&Transaction>) -> bool {
        let remote = self.connections.get(&conn).and_then(|connection| connection.remote());
        let coinbase = coinbase.and_then(Transaction::as_coinbase);
        remote.zip(coinbase).is_some_and(|(remote, coinbase)| remote.hello.node == coinbase.miner)
    }

    /// A connection is gone: if it was one of those that tell at once, another one is to.
    pub(super) fn turns_without(&mut self, gone: &PeerTurns) {
        if gone.asked == TellBlocks::Later || self.tellers() >= self.policy.tellers {
            return;
        }
        let waits = |c: &Connection| c.turns.asked == TellBlocks::Later;
        let waiting: Vec<ConnId> = self.ready().filter(|(_, c)| waits(c)).map(|(conn, _)| conn).collect();
        if let Some(conn) = waiting.choose(&mut self.rng) {
            self.ask_to_tell(*conn, TellBlocks::AtOnce);
        }
    }

    /// How many peers tell us at once.
    fn tellers(&self) -> usize {
        self.ready().filter(|(_, c)| c.turns.asked == TellBlocks::AtOnce).count()
    }

    fn ask_to_tell(&mut self, conn: ConnId, when: TellBlocks) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.turns.asked = when;
        self.send(conn, Message::TellBlocks(when));
    }

    /// Whom to tell of `block` at once; the others' moment begins.
    pub(super) fn take_turns(&mut self, block: &CheckedBlock) -> Vec<ConnId> {
        let hash = block.hash();
        let coinbase = block.block().transactions.first().and_then(Transaction::as_coinbase);
        let is_ours = coinbase.is_some_and(|coinbase| coinbase.miner == self.config.node);
        let (mut now, mut later) = (Vec::new(), false);
        for (conn, connection) in &mut self.connections {
            if connection.remote().is_none() || connection.relay.knows(&hash) {
                continue;
            }
            if is_ours || connection.turns.wants == TellBlocks::AtOnce {
                connection.relay.learn(hash);
                now.push(*conn);
            } else {
                later = true;
            }
        }
        if later && !self.turns.timer {
            self.turns.timer = true;
            let spread = LATER_SPREAD.as_micros() as u64;
            let wait = LATER_AT_LEAST + Duration::from_micros(self.rng.random_range(0..=spread));
            self.set_timer(Timer::Later, wait);
        }
        now
    }

    /// Those who wanted to wait have waited: who has not told us of our tip meanwhile gets its header.
    pub(super) fn later_due(&mut self) {
        self.turns.timer = false;
        let tip = self.chain.tip();
        if self.is_catching_up() {
            return;
        }
        let Some(header) = self.chain.get(&tip.hash).map(|entry| entry.header) else { return };
        let lacks = |c: &mut Connection| {
            c.remote().is_some() && c.turns.wants == TellBlocks::Later && c.relay.learn(tip.hash)
        };
        let to: Vec<ConnId> =
            self.connections.iter_mut().filter_map(|(conn, c)| lacks(c).then_some(*conn)).collect();
        if !to.is_empty() {
            self.out.push(Output::Send(to, Message::NewBlock(NewBlock::Announce(header))));
        }
    }
}
