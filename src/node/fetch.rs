//! Catching up with bodies: which are missing, who has them, who was asked, who does not answer.
//!
//! Bodies are asked for along the chain of the best headers, within a window ahead of the tip, from every
//! peer whose own chain has them. Whoever gives none for a while loses its slot to the others; its late
//! answers are taken all the same.
//!
//! Headers cost their giver nothing but work: the best ones may be those of somebody who gives no bodies, on one
//! connection after the other. So that chain has a while in all, whoever was asked; if none of it comes, the peers
//! that have another one with more work than ours are asked for theirs beside it.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::io::{ConnId, Output, Timer};
use super::*;
use crate::encoding::List;
use crate::limits::{
    BLOCK_TIMEOUT, DOWNLOAD_WINDOW, IN_FLIGHT_BYTES, MAX_BLOCK_TIMEOUT, MAX_GET_BLOCKS, MAX_IN_FLIGHT,
    MIN_IN_FLIGHT,
};
use crate::peer::Disconnect;
use crate::types::BlockHash;
use crate::wire::message::Message;

/// What is remembered about one connection.
#[derive(Debug)]
pub(super) struct PeerFetch {
    /// The block with the most work that this peer is known to have.
    best: Option<BlockHash>,
    /// Up to which height its chain is the best headers' chain, and for which two tips that was found.
    reach: (BlockHash, BlockHash, u64),
    /// Blocks asked for without an answer, those asked for elsewhere since included.
    owed: BTreeSet<BlockHash>,
    /// How many of them are waited for.
    in_flight: usize,
    /// When it last gave a block, or was asked while it owed none.
    progress: Duration,
    /// How long it may give none.
    patience: Duration,
    /// It gave none for so long, and others were asked.
    stalled: bool,
    /// Of its branch up to a `best`: the lowest blocks whose bodies were missing, lowest first.
    branch: (BlockHash, VecDeque<BlockHash>),
}

impl Default for PeerFetch {
    fn default() -> Self {
        PeerFetch {
            best: None,
            reach: (BlockHash::ZERO, BlockHash::ZERO, 0),
            owed: BTreeSet::new(),
            in_flight: 0,
            progress: Duration::ZERO,
            patience: BLOCK_TIMEOUT,
            stalled: false,
            branch: (BlockHash::ZERO, VecDeque::new()),
        }
    }
}

/// What is remembered beside the connections.
#[derive(Debug, Default)]
pub(super) struct Fetch {
    /// Whom each body is waited for from.
    assigned: BTreeMap<BlockHash, ConnId>,
    /// Bodies to be asked for again, by height.
    retry: BTreeSet<(u64, BlockHash)>,
    /// The lowest height on the best headers' chain whose body is not here.
    lowest: u64,
    /// The next height to ask for, and the best headers' hash below it when that was found.
    cursor: u64,
    below: Option<BlockHash>,
    /// What a block weighs, by those that came lately, in bytes.
    usual_size: usize,
    timer: bool,
    /// Nothing was asked for, because the store was behind.
    held: bool,
    /// While bodies of the best headers' chain are missing: when the last of them came, or the wait began.
    waits_since: Option<Duration>,
}

impl PeerFetch {
    /// The block with the most work that this peer is known to have.
    pub(super) fn best(&self) -> Option<BlockHash> {
        self.best
    }

    /// Whether it was asked for `hash` and has not answered, however late that is.
    pub(super) fn owes(&self, hash: &BlockHash) -> bool {
        self.owed.contains(hash)
    }

    /// Whether one message's worth more may be asked of this peer, of blocks that weigh `usual`: it does not withhold
    /// what it was asked for, and does not owe too much.
    fn has_room(&self, usual: usize) -> bool {
        // While nothing has come yet, blocks may be large.
        let usual = if usual == 0 { IN_FLIGHT_BYTES } else { usual };
        let limit = (IN_FLIGHT_BYTES / usual).clamp(MIN_IN_FLIGHT, MAX_IN_FLIGHT);
        !self.stalled && self.in_flight + MAX_GET_BLOCKS <= limit.max(MAX_GET_BLOCKS)
    }
}

/// The lowest blocks on the way from our own chain to `end` whose bodies are missing, a window's worth, lowest first;
/// none if one of them is bad.
fn lowest_missing(chain: &Chain, end: BlockHash) -> VecDeque<BlockHash> {
    let mut missing = VecDeque::new();
    let mut at = end;
    while !chain.is_active(&at) {
        let Some(entry) = chain.get(&at).filter(|entry| !entry.invalid) else { return VecDeque::new() };
        if !entry.has_body {
            missing.push_front(at);
            missing.truncate(DOWNLOAD_WINDOW as usize);
        }
        at = entry.header.previous;
    }
    missing
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
        let best = self.chain.best_header();
        if self.stopping || best.hash == self.chain.tip().hash {
            self.fetch.waits_since = None;
            return;
        }
        if self.is_store_behind() {
            self.fetch.held = true;
            self.fetch.waits_since = None;
            return;
        }
        self.fetch.waits_since.get_or_insert(self.now.elapsed);
        self.find_lowest();
        self.resume_headers();
        let end = best.height.min(self.fetch.lowest + DOWNLOAD_WINDOW - 1);
        let peers: Vec<ConnId> = self.ready().map(|(conn, _)| conn).collect();
        let mut asked = true;
        while asked {
            asked = false;
            for conn in &peers {
                asked |= self.fetch_from(*conn, end);
            }
        }
        self.fetch.below = self.chain.best_header_at(self.fetch.cursor - 1);
        if self.fetch.assigned.is_empty() || self.is_waiting_in_vain() {
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

    /// Nobody gives the bodies of the best headers' chain. If `conn` has another chain with more work than
    /// ours, that one is worth having meanwhile: or headers alone could keep a node from all others.
    fn fetch_branch(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let fetch = &mut connection.fetch;
        let Some(best) = fetch.best.filter(|_| fetch.has_room(self.fetch.usual_size)) else { return };
        let Some(end) = self.chain.get(&best) else { return };
        // What is on the best headers' chain was asked for above, of whoever has it.
        if end.work <= self.chain.tip().work || self.chain.best_header_at(end.height) == Some(best) {
            return;
        }
        let (of, branch) = &mut fetch.branch;
        while branch.pop_front_if(|hash| !self.chain.lacks_body(hash)).is_some() {}
        if *of != best || branch.is_empty() {
            *of = best;
            *branch = lowest_missing(&self.chain, best);
        }
        // What it owes comes late, or not at all; asked for twice it would come twice, the second time unasked.
        let may_ask = |hash: &&BlockHash| {
            !fetch.owed.contains(*hash)
                && !self.fetch.assigned.contains_key(*hash)
                && self.chain.lacks_body(hash)
        };
        let missing = branch.iter().filter(may_ask).take(MAX_GET_BLOCKS).copied().collect();
        self.ask_blocks(conn, missing);
    }

    /// Asks again, where that was held back by what waited for the store.
    pub(super) fn fetch_again(&mut self) {
        if self.fetch.held && !self.is_store_behind() {
            self.fetch.held = false;
            self.fetch_blocks();
        }
    }

    /// Brings the two marks, and what is to be asked for again, to where they belong on the best headers'
    /// chain, which may be another one now.
    fn find_lowest(&mut self) {
        let common = self.chain.common_height();
        let fetch = &mut self.fetch;
        if fetch.cursor == 0 || self.chain.best_header_at(fetch.cursor - 1) != fetch.below {
            fetch.lowest = common + 1;
            fetch.cursor = common + 1;
        }
        fetch.lowest = fetch.lowest.max(common + 1);
        while self.chain.best_header_at(fetch.lowest).is_some_and(|hash| self.chain.has_body(&hash)) {
            fetch.lowest += 1;
        }
        fetch.cursor = fetch.cursor.max(fetch.lowest);
        // What left that chain is no longer wanted, least of all from those whose chain it never was on.
        let chain = &self.chain;
        fetch.retry.retain(|(height, hash)| chain.best_header_at(*height) == Some(*hash));
    }

    /// How many headers are known beyond the first missing body.
    pub(super) fn headers_ahead(&self) -> u64 {
        let first_missing = self.fetch.lowest.max(self.chain.common_height() + 1);
        (self.chain.best_header().height + 1).saturating_sub(first_missing)
    }

    /// Whether bodies of a chain with more work than ours may come: somebody has them who does not withhold what it is
    /// asked for.
    pub(super) fn is_catching_up(&self) -> bool {
        let work = self.chain.tip().work;
        let has_more = |fetch: &PeerFetch| {
            fetch.best.and_then(|best| self.chain.work(&best)).is_some_and(|more| more > work)
        };
        self.chain.best_header().work > work
            && self.ready().any(|(_, c)| !c.fetch.stalled && has_more(&c.fetch))
    }

    /// Asks `conn` for one message's worth, if it has room and what is missing.
    fn fetch_from(&mut self, conn: ConnId, end: u64) -> bool {
        let reach = self.reach(conn);
        let Some(connection) = self.connections.get(&conn) else { return false };
        let fetch = &connection.fetch;
        if !fetch.has_room(self.fetch.usual_size) {
            return false;
        }
        let mut batch = Vec::new();
        for (height, hash) in self.fetch.retry.iter().take_while(|(height, _)| *height <= reach) {
            if batch.len() < MAX_GET_BLOCKS && !fetch.owed.contains(hash) {
                batch.push((*height, *hash));
            }
        }
        for again in &batch {
            self.fetch.retry.remove(again);
        }
        batch.retain(|(_, hash)| self.is_missing(hash));
        while batch.len() < MAX_GET_BLOCKS && self.fetch.cursor <= end.min(reach) {
            let height = self.fetch.cursor;
            self.fetch.cursor += 1;
            if let Some(hash) = self.chain.best_header_at(height)
                && self.is_missing(&hash)
                && !self.fetch.retry.contains(&(height, hash))
                && !batch.contains(&(height, hash))
            {
                if fetch.owed.contains(&hash) {
                    // It comes late, or not at all: others may be faster.
                    self.fetch.retry.insert((height, hash));
                } else {
                    batch.push((height, hash));
                }
            }
        }
        self.ask_blocks(conn, batch.into_iter().map(|(_, hash)| hash).collect())
    }

    /// Whether the body of `hash` is neither here nor on its way.
    pub(super) fn is_missing(&self, hash: &BlockHash) -> bool {
        !self.fetch.assigned.contains_key(hash) && self.chain.lacks_body(hash)
    }

    fn ask_blocks(&mut self, conn: ConnId, hashes: Vec<BlockHash>) -> bool {
        let is_asked = !hashes.is_empty() && self.expect_from(conn, &hashes);
        if is_asked {
            self.send(conn, Message::GetBlocks(List::clipped(hashes)));
        }
        is_asked
    }

    /// From now on `conn` owes these blocks; whether there is such a connection.
    pub(super) fn expect_from(&mut self, conn: ConnId, hashes: &[BlockHash]) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        let fetch = &mut connection.fetch;
        if fetch.in_flight == 0 {
            fetch.progress = self.now.elapsed;
        }
        fetch.in_flight += hashes.len();
        fetch.owed.extend(hashes);
        self.fetch.assigned.extend(hashes.iter().map(|hash| (*hash, conn)));
        true
    }

    /// A Block message came; whether it was asked for.
    pub(super) fn was_owed(&mut self, conn: ConnId, hash: &BlockHash) -> Result<(), Disconnect> {
        let Some(connection) = self.connections.get_mut(&conn) else { return Ok(()) };
        let fetch = &mut connection.fetch;
        if !fetch.owed.remove(hash) {
            return Err(Disconnect::UnsolicitedBlock);
        }
        fetch.progress = self.now.elapsed;
        fetch.stalled = false;
        fetch.patience = (fetch.patience * 7 / 8).max(BLOCK_TIMEOUT);
        if self.fetch.assigned.get(hash) == Some(&conn) {
            self.fetch.assigned.remove(hash);
            fetch.in_flight = fetch.in_flight.saturating_sub(1);
        }
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
        if let Some(conn) = self.fetch.assigned.remove(hash)
            && let Some(connection) = self.connections.get_mut(&conn)
        {
            connection.fetch.in_flight = connection.fetch.in_flight.saturating_sub(1);
        }
    }

    /// Takes back what `conn` was asked for, to ask others.
    fn take_back(&mut self, conn: ConnId) {
        let theirs: Vec<BlockHash> =
            self.fetch.assigned.iter().filter(|(_, to)| **to == conn).map(|(hash, _)| *hash).collect();
        for hash in theirs {
            self.give_back(&hash);
        }
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.fetch.in_flight = 0;
        }
    }

    /// What was asked for and came, and is not here all the same, is to be asked for again.
    pub(super) fn ask_again_if_missing(&mut self, hash: BlockHash) {
        let was_asked = self.chain.height(&hash).is_some_and(|height| height < self.fetch.cursor);
        if was_asked && self.is_missing(&hash) {
            self.give_back(&hash);
        }
    }

    fn give_back(&mut self, hash: &BlockHash) {
        self.fetch.assigned.remove(hash);
        if let Some(height) = self.chain.height(hash) {
            self.fetch.retry.insert((height, *hash));
        }
    }

    /// What came for `hash` was not its body: others are asked, unless one is already.
    pub(super) fn still_missing(&mut self, hash: &BlockHash) {
        if self.is_missing(hash) {
            self.give_back(hash);
        }
    }

    /// A connection is gone: others are asked for what it owed.
    pub(super) fn fetch_without(&mut self, conn: ConnId) {
        self.partials.without(conn);
        self.take_back(conn);
        self.fetch_blocks();
    }

    /// A peer does not have what it was asked for.
    pub(super) fn not_found(&mut self, conn: ConnId, hashes: &[BlockHash]) {
        for hash in hashes {
            let Some(connection) = self.connections.get_mut(&conn) else { return };
            if connection.fetch.owed.remove(hash) && self.fetch.assigned.get(hash) == Some(&conn) {
                connection.fetch.in_flight = connection.fetch.in_flight.saturating_sub(1);
                // It does not have its best block's ancestor: what it has is to be learned anew.
                connection.fetch.best = None;
                self.give_back(hash);
            }
        }
        self.strike(conn);
        self.ask_headers(conn);
        self.fetch_blocks();
    }

    /// Somebody may have given no block for too long.
    pub(super) fn blocks_due(&mut self) {
        self.fetch.timer = false;
        let now = self.now.elapsed;
        let late: Vec<ConnId> = self
            .ready()
            .filter(|(_, c)| c.fetch.in_flight > 0 && now >= c.fetch.progress + c.fetch.patience)
            .map(|(conn, _)| conn)
            .collect();
        for conn in late {
            let alone =
                self.ready().all(|(other, c)| other == conn || c.fetch.stalled || c.fetch.best.is_none());
            let Some(connection) = self.connections.get_mut(&conn) else { continue };
            let fetch = &mut connection.fetch;
            fetch.patience = (fetch.patience * 2).min(MAX_BLOCK_TIMEOUT);
            if alone {
                // Nobody else has them: a slow peer is better than none.
                fetch.progress = now;
            } else {
                fetch.stalled = true;
                self.take_back(conn);
            }
        }
        self.fetch_blocks();
        self.arm_blocks_timer();
    }

    fn arm_blocks_timer(&mut self) {
        if self.fetch.timer {
            return;
        }
        let due = |c: &Connection| (c.fetch.in_flight > 0).then(|| c.fetch.progress + c.fetch.patience);
        let Some(first) = self.ready().filter_map(|(_, c)| due(c)).min() else { return };
        let in_vain = self.fetch.waits_since.map(|since| since + BLOCK_TIMEOUT);
        let in_vain = in_vain.filter(|at| *at > self.now.elapsed);
        let first = in_vain.map_or(first, |at| first.min(at));
        self.fetch.timer = true;
        let wait = first.saturating_sub(self.now.elapsed).max(Duration::from_millis(1));
        self.set_timer(Timer::Blocks, wait);
    }

    /// Somebody asks for blocks.
    pub(super) fn get_blocks(&mut self, conn: ConnId, hashes: Vec<BlockHash>) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if let Err(why) = connection.budget.request(self.now.elapsed) {
            return self.close(conn, why);
        }
        let (here, missing): (Vec<_>, Vec<_>) =
            hashes.into_iter().partition(|hash| self.chain.has_body(hash));
        let (unwritten, here): (Vec<_>, Vec<_>) =
            here.into_iter().partition(|hash| self.unwritten.get(hash).is_some());
        for hash in unwritten {
            if let Some(block) = self.unwritten.get(&hash).map(|block| block.block().clone()) {
                self.send(conn, Message::Block(block));
            }
        }
        if !here.is_empty() {
            self.out.push(Output::SendStored(conn, here));
        }
        if !missing.is_empty() {
            self.send(conn, Message::NotFound(List::clipped(missing)));
        }
    }
}
