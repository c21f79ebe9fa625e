//! Catching up with bodies: which are missing, who has them, who was asked, who does not answer.
//!
//! Bodies are asked for along the chain of the best headers, within a window ahead of the tip, from every
//! peer whose own chain has them. Whoever gives none for a while loses its slot to the others; its late
//! answers are taken all the same.
//!
//! Headers cost their giver nothing but work: the best ones may be those of somebody who gives no bodies, on one
//! connection after the other. So that chain has a while in all, whoever was asked; if none of it comes, the peers
//! that have another one with more work than ours are asked for theirs beside it.
//!
//! | file | concern |
//! |---|---|
//! | `owed` | which bodies are on their way and from whom, and what is to be asked for again |
//! | `cursor` | how far the best headers' chain has been asked for |
//! | `branch` | other chains |
//! | `stall` | who gives none for too long |
//! | `proven` | whom the block at the tip is asked of |

mod branch;
mod cursor;
mod owed;
mod proven;
mod stall;

use core::time::Duration;

use super::io::ConnId;
use super::*;
use crate::encoding::List;
use crate::limits::{BLOCK_TIMEOUT, IN_FLIGHT_BYTES, MAX_GET_BLOCKS, MAX_IN_FLIGHT, MIN_IN_FLIGHT};
use crate::peer::Disconnect;
use crate::types::BlockHash;
use crate::wire::message::Message;
use branch::Branch;
use cursor::Cursor;
use owed::Owed;
use proven::Late;
use stall::Pace;

/// What is remembered about one connection.
#[derive(Debug)]
pub(super) struct PeerFetch {
    /// The block with the most work that this peer is known to have.
    best: Option<BlockHash>,
    /// Up to which height its chain is the best headers' chain, and for which two tips that was found.
    reach: (BlockHash, BlockHash, u64),
    pace: Pace,
    branch: Branch,
}

impl Default for PeerFetch {
    fn default() -> Self {
        PeerFetch {
            best: None,
            reach: (BlockHash::ZERO, BlockHash::ZERO, 0),
            pace: Pace::default(),
            branch: Branch::default(),
        }
    }
}

impl PeerFetch {
    /// The block with the most work that this peer is known to have.
    pub(super) fn best(&self) -> Option<BlockHash> {
        self.best
    }
}

/// What is remembered beside the connections.
#[derive(Debug, Default)]
pub(super) struct Fetch {
    owed: Owed,
    cursor: Cursor,
    late: Late,
    /// What a block weighs, by those that came lately, in bytes.
    usual_size: usize,
    /// When somebody may be late.
    timer: Option<Duration>,
    /// Nothing was asked for, because the store was behind.
    held: bool,
    /// While bodies of the best headers' chain are missing: when the last of them came, or the wait began.
    waits_since: Option<Duration>,
}

impl Fetch {
    /// Whether one message's worth more may be asked of `conn`: it does not withhold what it was asked for, and does not
    /// owe too much.
    fn has_room(&self, conn: ConnId, pace: &Pace) -> bool {
        // While nothing has come yet, blocks may be large.
        let usual = if self.usual_size == 0 { IN_FLIGHT_BYTES } else { self.usual_size };
        let limit = (IN_FLIGHT_BYTES / usual).clamp(MIN_IN_FLIGHT, MAX_IN_FLIGHT);
        !pace.is_stalled() && self.owed.in_flight(conn) + MAX_GET_BLOCKS <= limit.max(MAX_GET_BLOCKS)
    }

    /// Whether `conn` was asked for `hash` and has not answered, however late that is.
    pub(super) fn owes(&self, conn: ConnId, hash: &BlockHash) -> bool {
        self.owed.owes(conn, hash)
    }
}

impl Node {
    /// `conn` is known to have `hash` and all below it.
    pub(super) fn peer_has(&mut self, conn: ConnId, hash: BlockHash) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let best = connection.fetch.best;
        if best != Some(hash) && self.chain.work(&hash) > best.and_then(|best| self.chain.work(&best)) {
            connection.fetch.best = Some(hash);
        }
    }

    /// Up to which height the best headers' chain is also the chain of `conn`.
    fn reach(&mut self, conn: ConnId) -> u64 {
        let best_header = self.chain.best_header().hash;
        let Some(connection) = self.connections.get_mut(&conn) else { return 0 };
        let fetch = &mut connection.fetch;
        let Some(best) = fetch.best else { return 0 };
        if (fetch.reach.0, fetch.reach.1) == (best, best_header) {
            return fetch.reach.2;
        }
        let mut at = self.chain.get(&best);
        while let Some(entry) = at {
            if self.chain.best_header_at(entry.height) == Some(entry.hash) {
                break;
            }
            at = self.chain.get(&entry.header.previous);
        }
        fetch.reach = (best, best_header, at.map_or(0, |entry| entry.height));
        fetch.reach.2
    }

    /// Asks for what is missing, wherever there is room.
    pub(super) fn fetch_blocks(&mut self) {
        if self.stopping || self.chain.best_header().hash == self.chain.tip().hash {
            self.fetch.waits_since = None;
            return;
        }
        if self.is_store_behind() {
            self.fetch.held = true;
            self.fetch.waits_since = None;
            return;
        }
        self.fetch.waits_since.get_or_insert(self.now.elapsed);
        let chain = &self.chain;
        self.fetch.cursor.follow(chain);
        // What left that chain is no longer wanted, least of all from those whose chain it never was on.
        self.fetch.owed.keep_retries(|height, hash| chain.best_header_at(height) == Some(*hash));
        self.resume_headers();
        let end = self.fetch.cursor.end(&self.chain);
        let peers = self.likely_first();
        let mut asked = true;
        while asked {
            asked = false;
            for conn in &peers {
                asked |= self.fetch_from(*conn, end);
            }
        }
        self.fetch.cursor.rest(&self.chain);
        if self.fetch.owed.awaits_none() || self.is_waiting_in_vain() {
            for conn in peers {
                self.fetch_branch(conn);
            }
        }
        self.arm_blocks_timer();
    }

    /// Whether no body of the best headers' chain has come for as long as a peer may take for one. Whom they were
    /// asked of does not matter: who withholds them may be another connection each second.
    fn is_waiting_in_vain(&self) -> bool {
        self.fetch.waits_since.is_some_and(|since| self.now.elapsed >= since + BLOCK_TIMEOUT)
    }

    /// Asks `conn` for one message's worth, if it has room and what is missing.
    fn fetch_from(&mut self, conn: ConnId, end: u64) -> bool {
        let reach = self.reach(conn);
        let Some(connection) = self.connections.get(&conn) else { return false };
        if !self.fetch.has_room(conn, &connection.fetch.pace) {
            return false;
        }
        let mut batch = self.fetch.owed.take_retries(conn, reach);
        batch.retain(|(_, hash)| self.is_missing(hash));
        while batch.len() < MAX_GET_BLOCKS
            && let Some(height) = self.fetch.cursor.take(end.min(reach))
        {
            if let Some(hash) = self.chain.best_header_at(height)
                && self.is_missing(&hash)
                && !self.fetch.owed.is_to_retry(height, hash)
                && !batch.contains(&(height, hash))
            {
                if self.fetch.owes(conn, &hash) {
                    // It comes late, or not at all: others may be faster.
                    self.fetch.owed.ask_again(height, hash);
                } else {
                    batch.push((height, hash));
                }
            }
        }
        self.ask_blocks(conn, batch.into_iter().map(|(_, hash)| hash).collect())
    }

    /// Nobody gives the bodies of the best headers' chain. If `conn` has another chain with more work than
    /// ours, that one is worth having meanwhile: or headers alone could keep a node from all others.
    fn fetch_branch(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let peer = &mut connection.fetch;
        let Some(best) = peer.best.filter(|_| self.fetch.has_room(conn, &peer.pace)) else { return };
        let Some(end) = self.chain.get(&best) else { return };
        // What is on the best headers' chain was asked for above, of whoever has it.
        if end.work <= self.chain.tip().work || self.chain.best_header_at(end.height) == Some(best) {
            return;
        }
        let missing = peer.branch.missing(&self.chain, best);
        // What it owes comes late, or not at all; asked for twice it would come twice, the second time unasked.
        let owed = &self.fetch.owed;
        let may_ask = |hash: &&BlockHash| !owed.owes(conn, hash) && !owed.is_awaited(hash);
        let missing = missing.filter(may_ask).take(MAX_GET_BLOCKS).copied().collect();
        self.ask_blocks(conn, missing);
    }

    fn ask_blocks(&mut self, conn: ConnId, hashes: Vec<BlockHash>) -> bool {
        let is_asked = !hashes.is_empty() && self.expect_from(conn, &hashes);
        if is_asked {
            self.send(conn, Message::GetBlocks(List::clipped(hashes)));
        }
        is_asked
    }

    /// Asks again, where that was held back by what waited for the store.
    pub(super) fn fetch_again(&mut self) {
        if self.fetch.held && !self.is_store_behind() {
            self.fetch.held = false;
            self.fetch_blocks();
        }
    }

    /// How many headers are known beyond the first missing body.
    pub(super) fn headers_ahead(&self) -> u64 {
        self.fetch.cursor.headers_ahead(&self.chain)
    }

    /// Whether bodies of a chain with more work than ours may come: somebody has them who does not withhold what it is
    /// asked for.
    pub(super) fn is_catching_up(&self) -> bool {
        let work = self.chain.tip().work;
        let has_more = |fetch: &PeerFetch| {
            fetch.best.and_then(|best| self.chain.work(&best)).is_some_and(|more| more > work)
        };
        self.chain.best_header().work > work
            && self.ready().any(|(_, c)| !c.fetch.pace.is_stalled() && has_more(&c.fetch))
    }

    /// Whether the body of `hash` is neither here nor on its way.
    pub(super) fn is_missing(&self, hash: &BlockHash) -> bool {
        !self.fetch.owed.is_awaited(hash) && self.chain.lacks_body(hash)
    }

    /// From now on `conn` owes these blocks; whether there is such a connection.
    pub(super) fn expect_from(&mut self, conn: ConnId, hashes: &[BlockHash]) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        if self.fetch.owed.in_flight(conn) == 0 {
            connection.fetch.pace.begins(self.now.elapsed);
        }
        self.fetch.owed.expect(conn, hashes);
        true
    }

    /// A Block message came; whether it was asked for.
    pub(super) fn was_owed(&mut self, conn: ConnId, hash: &BlockHash) -> Result<(), Disconnect> {
        let Some(connection) = self.connections.get_mut(&conn) else { return Ok(()) };
        if self.fetch.owed.answered(conn, hash).is_none() {
            return Err(Disconnect::UnsolicitedBlock);
        }
        connection.fetch.pace.gave(self.now.elapsed);
        Ok(())
    }

    /// A body is here, wherever it came from.
    pub(super) fn arrived(&mut self, hash: &BlockHash, size: usize) {
        self.partials.forget(hash);
        let usual = self.fetch.usual_size;
        self.fetch.usual_size = if usual == 0 { size } else { (usual * 7 + size) / 8 };
        // The wait for the next one begins anew. It cost a block's work: who gives them one by one pays for the time.
        let height = self.chain.height(hash);
        if height.is_some_and(|height| self.chain.best_header_at(height) == Some(*hash)) {
            self.fetch.waits_since = None;
        }
        self.fetch.owed.release(hash);
    }

    /// A peer does not have what it was asked for.
    pub(super) fn not_found(&mut self, conn: ConnId, hashes: &[BlockHash]) {
        for hash in hashes {
            let Some(connection) = self.connections.get_mut(&conn) else { return };
            if self.fetch.owed.answered(conn, hash) == Some(true) {
                // It does not have its best block's ancestor: what it has is to be learned anew.
                connection.fetch.best = None;
                self.still_missing(hash);
            }
        }
        self.strike(conn);
        self.ask_headers(conn);
        self.fetch_blocks();
    }

    /// What came for `hash` was not its body: others are asked, unless one is already.
    pub(super) fn still_missing(&mut self, hash: &BlockHash) {
        if self.is_missing(hash)
            && let Some(height) = self.chain.height(hash)
        {
            self.fetch.owed.ask_again(height, *hash);
        }
    }

    /// What was asked for and came, and is not here all the same, is to be asked for again.
    pub(super) fn ask_again_if_missing(&mut self, hash: BlockHash) {
        if self.chain.height(&hash).is_some_and(|height| self.fetch.cursor.has_passed(height)) {
            self.still_missing(&hash);
        }
    }

    /// Takes back what `conn` was asked for, to ask others.
    fn take_back(&mut self, conn: ConnId) {
        self.fetch.owed.take_back(conn, |hash| self.chain.height(hash));
    }

    /// A connection is gone: others are asked for what it owed.
    pub(super) fn fetch_without(&mut self, conn: ConnId) {
        self.partials.without(conn);
        self.take_back(conn);
        self.fetch.owed.forget(conn);
        self.fetch_blocks();
    }
}
