//! Catching up with headers: from one peer at a time, the others once that one has no more.
//!
//! Headers come first, because their proof of work is checked before anything is kept and they say which
//! bodies are worth asking for (`fetch`).

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::candidate::{Candidate, Weighed};
use super::io::{ConnId, Direction, Origin, Timer};
use super::*;
use crate::chain::{CheckedBlock, HeaderOutcome};
use crate::encoding::List;
use crate::limits::{
    FUTURE_POLL, HEADERS_TIMEOUT, MAX_FUTURE_BLOCKS, MAX_HEADERS, MAX_HEADERS_AHEAD, MAX_LOCATOR,
};
use crate::peer::Disconnect;
use crate::time::UnixTime;
use crate::types::{BlockHash, Header};
use crate::wire::message::{GetHeaders, Message};

/// What is remembered about one connection.
#[derive(Debug, Default)]
pub(super) struct PeerSync {
    /// When headers were asked for, while the answer is waited for.
    asked: Option<Duration>,
    /// Questions without an answer, those no longer waited for included.
    owed: u32,
    /// Another question is to follow the answer.
    ask_again: bool,
    /// Its branch that is not in the tree yet, if it is weighed.
    pub(super) candidate: Option<Candidate>,
    /// One that was too light is not weighed again before.
    pub(super) rests_until: Duration,
    /// It told of something unknown meanwhile, and is to be asked then.
    pub(super) ask_later: bool,
}

/// Over which connection a block came, and how.
type Came = (ConnId, Origin);

/// What is remembered beside the connections.
#[derive(Debug, Default)]
pub(super) struct Sync {
    /// Ready peers that have not been asked for headers yet.
    waiting: BTreeSet<ConnId>,
    timer: bool,
    /// Blocks from the future, by when they may be tried again.
    future: BTreeMap<(UnixTime, BlockHash), (CheckedBlock, Came)>,
    /// When the first of them, or of the headers that were too early, may be tried again.
    ripe_at: Option<UnixTime>,
    future_timer: bool,
}

impl Sync {
    pub(super) fn future_len(&self) -> usize {
        self.future.len()
    }

    /// Whether blocks or headers that were too early are to be tried again.
    pub(super) fn waits_for_time(&self) -> bool {
        self.ripe_at.is_some()
    }
}

impl Node {
    /// A peer is ready: what does it have? One is asked at a time; but whoever merely called us and is slow
    /// to answer does not keep us from asking one that we chose.
    pub(super) fn sync_with(&mut self, conn: ConnId) {
        self.sync.waiting.insert(conn);
        let chosen = |c: &Connection| c.direction == Direction::Outbound;
        let is_chosen = self.connections.get(&conn).is_some_and(chosen);
        let mut asked = self.connections.values().filter(|c| c.sync.asked.is_some());
        if asked.all(|c| is_chosen && !chosen(c)) {
            self.ask_headers(conn);
        }
    }

    /// A connection is gone: others are asked for what it owed.
    pub(super) fn sync_without(&mut self, conn: ConnId, gone: &PeerSync) {
        self.sync.waiting.remove(&conn);
        if gone.asked.is_some() {
            self.ask_waiting(1);
        }
    }

    /// Whether bodies must follow before more headers are worth having.
    fn is_far_ahead(&self) -> bool {
        self.headers_ahead() > MAX_HEADERS_AHEAD as u64
    }

    /// Bodies came: goes on with the headers where that had to wait for them.
    pub(super) fn resume_headers(&mut self) {
        if !self.sync.waiting.is_empty() && self.connections.values().all(|c| c.sync.asked.is_none()) {
            self.ask_waiting(1);
        }
    }

    fn ask_waiting(&mut self, count: usize) {
        if self.is_far_ahead() {
            return;
        }
        for _ in 0..count {
            let Some(conn) = self.sync.waiting.pop_first() else { return };
            self.ask_headers(conn);
        }
    }

    /// Asks `conn` what follows the best headers we have.
    pub(super) fn ask_headers(&mut self, conn: ConnId) {
        let locator = self.chain.locator();
        self.send_get_headers(conn, locator);
    }

    /// Asks `conn` what follows `hash`; or our chain, if it does not have that any more.
    fn ask_headers_after(&mut self, conn: ConnId, hash: BlockHash) {
        let mut locator = self.chain.locator();
        locator.truncate(MAX_LOCATOR - 1);
        locator.insert(0, hash);
        self.send_get_headers(conn, locator);
    }

    fn send_get_headers(&mut self, conn: ConnId, locator: Vec<BlockHash>) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let sync = &mut connection.sync;
        sync.ask_later = false;
        if sync.asked.is_some() {
            sync.ask_again = true;
            return;
        }
        sync.asked = Some(self.now.elapsed);
        sync.owed += 1;
        self.sync.waiting.remove(&conn);
        let locator = List::clipped(locator);
        self.send(conn, Message::GetHeaders(GetHeaders { locator, stop: None }));
        self.watch_headers(HEADERS_TIMEOUT);
    }

    /// Looks after questions for headers, in a while at the latest or when that is due anyway.
    pub(super) fn watch_headers(&mut self, after: Duration) {
        if !core::mem::replace(&mut self.sync.timer, true) {
            self.set_timer(Timer::Headers, after);
        }
    }

    /// Asks every ready peer; how many that is.
    pub(super) fn ask_everybody(&mut self) -> usize {
        let all: Vec<ConnId> = self.ready().map(|(conn, _)| conn).collect();
        for conn in &all {
            self.ask_headers(*conn);
        }
        all.len()
    }

    /// Headers arrived.
    pub(super) fn headers(&mut self, conn: ConnId, headers: Vec<Header>) {
        if headers.windows(2).any(|pair| pair[1].previous != pair[0].hash()) {
            return self.close(conn, Disconnect::UnlinkedHeaders);
        }
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let sync = &mut connection.sync;
        let Some(owed) = sync.owed.checked_sub(1) else {
            return self.strike(conn);
        };
        sync.owed = owed;
        sync.asked = None;
        let again = core::mem::take(&mut sync.ask_again);
        let last = match self.weigh(conn, &headers) {
            Weighed::Refused => return,
            Weighed::Take => {
                let Some(last) = self.import_headers(conn, &headers) else { return };
                last
            }
            Weighed::AskAfter(hash) => {
                self.ask_headers_after(conn, hash);
                if again {
                    self.ask_headers(conn);
                }
                return;
            }
            Weighed::TooLight => None,
        };
        let full = headers.len() == MAX_HEADERS;
        if let Some(last) = last {
            self.peer_has(conn, last);
            if full && self.is_far_ahead() {
                self.sync.waiting.insert(conn);
            } else if full || again {
                // From the last one on, which need not be on the best chain.
                self.ask_headers_after(conn, last);
            }
        } else if again {
            self.ask_about_unknown(conn);
        }
        if !full || last.is_none() {
            self.ask_waiting(usize::MAX);
        }
        self.fetch_blocks();
    }

    /// The last of `headers` that the tree has now, if any; nothing if the connection was closed.
    fn import_headers(&mut self, conn: ConnId, headers: &[Header]) -> Option<Option<BlockHash>> {
        let mut last = None;
        for header in headers {
            match self.chain.import_header(header, self.now.wall) {
                HeaderOutcome::New | HeaderOutcome::Known => last = Some(header),
                HeaderOutcome::TooEarly { retry_at } => {
                    self.try_again_at(retry_at);
                    break;
                }
                HeaderOutcome::MissingParent => {
                    self.strike(conn);
                    break;
                }
                HeaderOutcome::Invalid(rule) => {
                    self.refuse_block(conn, (header.hash(), header.previous), rule);
                    break;
                }
            }
        }
        self.connections.contains_key(&conn).then(|| last.map(Header::hash))
    }

    /// A header came by itself; whether it is in the tree now, and its giver still a peer.
    pub(super) fn header_announced(&mut self, conn: ConnId, header: &Header) -> bool {
        match self.chain.import_header(header, self.now.wall) {
            HeaderOutcome::New | HeaderOutcome::Known => {
                self.peer_has(conn, header.hash());
                return true;
            }
            HeaderOutcome::MissingParent => self.ask_about_unknown(conn),
            HeaderOutcome::TooEarly { retry_at } => self.try_again_at(retry_at),
            HeaderOutcome::Invalid(rule) => self.refuse_block(conn, (header.hash(), header.previous), rule),
        }
        false
    }

    pub(super) fn strike(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if let Err(why) = connection.budget.strike() {
            self.close(conn, why);
        }
    }

    /// Whoever was asked for headers had its time: the next one is asked, or everybody else.
    pub(super) fn headers_due(&mut self) {
        self.sync.timer = false;
        let now = self.now.elapsed;
        let sooner = |left: Option<Duration>, wait| Some(left.map_or(wait, |left| left.min(wait)));
        let (mut late, mut rested, mut left) = (Vec::new(), Vec::new(), None);
        for (conn, connection) in &mut self.connections {
            let sync = &mut connection.sync;
            if sync.ask_later {
                match sync.rests_until.checked_sub(now) {
                    None | Some(Duration::ZERO) => {
                        sync.ask_later = false;
                        rested.push(*conn);
                    }
                    Some(rest) => left = sooner(left, rest),
                }
            }
            let Some(asked) = sync.asked else { continue };
            let waited = now.saturating_sub(asked);
            if waited >= HEADERS_TIMEOUT {
                sync.asked = None;
                late.push(*conn);
            } else {
                left = sooner(left, HEADERS_TIMEOUT - waited);
            }
        }
        if let Some(left) = left {
            self.watch_headers(left);
        }
        if !late.is_empty() {
            let others: Vec<ConnId> =
                self.ready().map(|(conn, _)| conn).filter(|conn| !late.contains(conn)).collect();
            for conn in others {
                self.ask_headers(conn);
            }
        }
        for conn in rested {
            self.ask_headers(conn);
        }
    }

    /// Keeps a block whose time has not come.
    pub(super) fn keep_for_later(&mut self, retry_at: UnixTime, block: CheckedBlock, came: Came) {
        self.sync.future.insert((retry_at, block.hash()), (block, came));
        if self.sync.future.len() > MAX_FUTURE_BLOCKS {
            self.sync.future.pop_last();
        }
        self.try_again_at(retry_at);
    }

    fn try_again_at(&mut self, at: UnixTime) {
        self.sync.ripe_at = Some(self.sync.ripe_at.map_or(at, |sooner| sooner.min(at)));
        self.watch_future();
    }

    fn watch_future(&mut self) {
        let Some(at) = self.sync.ripe_at else { return };
        if core::mem::replace(&mut self.sync.future_timer, true) {
            return;
        }
        let left = Duration::from_millis(at.millis().saturating_sub(self.now.wall.millis()).max(1));
        self.set_timer(Timer::Future, left.min(FUTURE_POLL));
    }

    /// Blocks from the future may have become present, and headers too.
    pub(super) fn future_due(&mut self) {
        self.sync.future_timer = false;
        self.watch_clocks();
        if self.sync.ripe_at.is_some_and(|at| at <= self.now.wall) {
            self.sync.ripe_at = None;
            self.try_ripe();
            if let Some(((at, _), _)) = self.sync.future.first_key_value() {
                self.try_again_at(*at);
            }
            self.ask_everybody();
        }
        self.watch_future();
    }

    fn try_ripe(&mut self) {
        while let Some(entry) = self.sync.future.first_entry().filter(|e| e.key().0 <= self.now.wall) {
            let (block, (conn, origin)) = entry.remove();
            let hash = block.hash();
            match self.import(core::slice::from_ref(&block), self.giver(conn, origin)) {
                crate::chain::Outcome::Imported { .. } => self.peer_has(conn, hash),
                crate::chain::Outcome::TooEarly { retry_at } => {
                    self.keep_for_later(retry_at, block, (conn, origin));
                }
                _ => {}
            }
        }
    }
}
