//! What the miner is to do, and who waits for it.
//!
//! Explicit calls are served one after the other at full speed; when none waits, the background rate, if
//! one is set, goes on. A new tip or new contents make a new job at once: proof of work has no memory, so
//! nothing is lost by starting over.
//!
//! Nothing is mined while this machine's clock is so far behind the chain's time that the block would be from
//! the future, or would build on one that is: a block that was mined or taken while the clock was ahead stays
//! in the chain when that is set right, and nobody else takes it, or what builds on it, before its time.
//! Whoever waits for one is told, unless it is a matter of seconds; the background rate goes on when the time
//! has come.

use core::time::Duration;
use std::collections::VecDeque;

use rand::RngExt;

use super::commands::Caller;
use super::io::{Answer, ConnId, Event, Giver, Job, Origin, Output, Timer};
use super::*;
use crate::chain::{CheckedBlock, Outcome};
use crate::encoding::{self, Blob};
use crate::limits::{CLOCK_POLL, MAX_BLOCK_BYTES, MAX_CLOCK_WAIT, MAX_CONTENT_BYTES, MAX_MINING_QUEUE};
use crate::time::UnixTime;
use crate::types::{Coinbase, Content, Header, Template, Transaction};
use crate::wire::manage::Mined;

/// How long contents that came meanwhile wait before the job is made anew with them.
const TEMPLATE_REFRESH: Duration = Duration::from_secs(1);

/// Whoever waits for one block.
#[derive(Debug)]
struct Waiting {
    caller: Caller,
    content: Option<Transaction>,
    since: Duration,
}

/// Orders for the miner.
#[derive(Debug)]
pub(super) struct Mining {
    /// Hashes a second when nobody waits; 0: none.
    background: u64,
    queue: VecDeque<Waiting>,
    /// Number of the last job.
    job: u64,
    /// Whether that job is to be worked on.
    active: bool,
    timer: bool,
    /// Whether it was said that the clock allows no block, and whether it is looked at again.
    paused: bool,
    clock_timer: bool,
}

impl Mining {
    pub(super) fn new(background: u64) -> Mining {
        Mining {
            background,
            queue: VecDeque::new(),
            job: 0,
            active: false,
            timer: false,
            paused: false,
            clock_timer: false,
        }
    }

    pub(super) fn background(&self) -> u64 {
        self.background
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl Node {
    /// A content with a random nonce of ours, so that the same text can be posted twice.
    pub(super) fn content(&mut self, data: Blob<MAX_CONTENT_BYTES>) -> Transaction {
        Transaction::Content(Content { nonce: self.rng.random(), data })
    }

    /// Somebody wants one block.
    pub(super) fn mine_one(&mut self, caller: Caller, content: Option<Blob<MAX_CONTENT_BYTES>>) {
        if self.mining.queue.len() >= MAX_MINING_QUEUE {
            return self.reply(caller, Answer::MiningQueueFull);
        }
        let content = content.map(|data| self.content(data));
        self.mining.queue.push_back(Waiting { caller, content, since: self.now.elapsed });
        if self.mining.queue.len() == 1 {
            self.refresh_job();
        }
    }

    pub(super) fn set_mining(&mut self, hashrate: u64) {
        if self.mining.background != hashrate {
            self.event(Event::MiningSet { hashrate });
        }
        self.mining.background = hashrate;
        if self.mining.queue.is_empty() {
            self.refresh_job();
        }
    }

    /// Whoever waited for a block does not any more. A call whose block was found waits no longer, and is
    /// answered with it once it is stored: whoever is told of a cancelled call has no block.
    pub(super) fn cancel_mining(&mut self, caller: Caller) {
        if self.cancel_where(|waiting| waiting.caller == caller) {
            self.reply(caller, Answer::Cancelled);
        }
    }

    /// Nor does whoever asked over a connection that is gone.
    pub(super) fn cancel_mining_of(&mut self, conn: ConnId) {
        self.cancel_where(|waiting| matches!(waiting.caller, Caller::Manager { conn: of, .. } if of == conn));
    }

    /// Whether there was one.
    fn cancel_where(&mut self, is_it: impl Fn(&Waiting) -> bool) -> bool {
        let Some(at) = self.mining.queue.iter().position(&is_it) else { return false };
        self.mining.queue.retain(|waiting| !is_it(waiting));
        if at == 0 {
            self.refresh_job();
        }
        true
    }

    /// Everybody who waits for a block learns that none will come.
    pub(super) fn stop_mining(&mut self) {
        self.mining.background = 0;
        while let Some(waiting) = self.mining.queue.pop_front() {
            self.reply(waiting.caller, Answer::Stopping);
        }
        self.refresh_job();
    }

    /// Gives the miner what it should do now.
    pub(super) fn refresh_job(&mut self) {
        let until = self.mineable_from();
        match until {
            Some(until) => self.wait_for_clock(until),
            None => self.mining.paused = false,
        }
        let rate = match (self.mining.queue.front(), self.mining.background) {
            (None, 0) => return self.rest(),
            _ if until.is_some() => return self.rest(),
            (Some(_), _) => None,
            (None, rate) => Some(rate),
        };
        self.mining.active = true;
        self.mining.job += 1;
        let job = Job { id: self.mining.job, template: self.template(), rate };
        self.out.push(Output::Mine(Some(job)));
    }

    /// The miner has nothing to do.
    fn rest(&mut self) {
        if core::mem::take(&mut self.mining.active) {
            self.out.push(Output::Mine(None));
        }
    }

    /// What the clock has to say before a block can be made, if it has to say something else than it does.
    fn mineable_from(&self) -> Option<UnixTime> {
        let is_past = self.now.wall.secs() > UnixTime::LAST_OF_HEADERS.secs();
        if is_past { Some(UnixTime::LAST_OF_HEADERS) } else { self.chain.mineable_from(self.now.wall) }
    }

    /// The clock may have been set: if it allows no block now, that is noticed.
    pub(super) fn watch_chain_time(&mut self) {
        if !self.mining.paused && self.mineable_from().is_some() {
            self.refresh_job();
        }
    }

    /// No block can be made until the clock says `until`: calls that would wait long are answered, and the
    /// clock is looked at again for whoever is left.
    fn wait_for_clock(&mut self, until: UnixTime) {
        let wait = until.micros().checked_sub(self.now.wall.micros()).map(Duration::from_micros);
        if wait.is_none_or(|wait| wait > MAX_CLOCK_WAIT) {
            while let Some(waiting) = self.mining.queue.pop_front() {
                self.reply(waiting.caller, Answer::WrongClock { until, wait });
            }
            if !core::mem::replace(&mut self.mining.paused, true) {
                self.event(Event::MiningPaused { until, is_past: wait.is_none() });
            }
        }
        let is_wanted = self.mining.background > 0 || !self.mining.queue.is_empty();
        if is_wanted && !core::mem::replace(&mut self.mining.clock_timer, true) {
            self.set_timer(Timer::Clock, wait.map_or(CLOCK_POLL, |wait| wait.min(CLOCK_POLL)));
        }
    }

    /// The clock may have come up to the chain's time, or have been set.
    pub(super) fn clock_due(&mut self) {
        self.mining.clock_timer = false;
        if !self.mining.active {
            self.refresh_job();
        }
    }

    /// The next block, without its proof of work.
    fn template(&self) -> Template {
        let (height, header) = self.chain.next_header();
        let note = self.config.note.clone();
        let coinbase = Coinbase { height, miner: self.config.node, extra_nonce: 0, note };
        let first = self.mining.queue.front().and_then(|waiting| waiting.content.clone());
        let count = encoding::encoded_len(&0u64);
        let used = Header::LEN
            + count
            + Transaction::Coinbase(coinbase.clone()).size()
            + first.as_ref().map_or(0, Transaction::size);
        // While the pool does not follow the chain yet, it may hold what the chain has.
        let room = if self.unwritten.is_held() { 0 } else { MAX_BLOCK_BYTES.saturating_sub(used) };
        let picked = self.pool.pick(room);
        let contents = first.into_iter().chain(picked.iter().map(|t| Transaction::clone(t))).collect();
        Template::new(header, coinbase, contents)
    }

    /// The pool has more or other contents: the job takes them in, at most once a second.
    pub(super) fn pool_changed(&mut self) {
        if self.mining.active && !self.mining.timer {
            self.mining.timer = true;
            self.set_timer(Timer::Template, TEMPLATE_REFRESH);
        }
    }

    pub(super) fn template_due(&mut self) {
        self.mining.timer = false;
        if self.mining.active {
            self.refresh_job();
        }
    }

    /// Our miner found a block.
    pub(super) fn mined(&mut self, job: u64, block: CheckedBlock, tries: u64) {
        if job != self.mining.job || !self.mining.active {
            return;
        }
        if self.mineable_from().is_some() {
            // The clock was set meanwhile.
            return self.refresh_job();
        }
        let Some(entry) = self.chain.get(&block.header().previous) else { return };
        let (hash, height) = (block.hash(), entry.height + 1);
        let waiting = self.mining.queue.pop_front();
        let giver = Giver { origin: Origin::Mined, node: None };
        match self.import(core::slice::from_ref(&block), giver) {
            Outcome::Imported { connected, .. } if connected.contains(&hash) => {
                self.event(Event::BlockMined { hash, height, tries });
                let Some(Waiting { caller, since, .. }) = waiting else { return };
                let waited = self.now.elapsed.saturating_sub(since);
                let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
                let nonce = block.header().nonce;
                let mined = Mined { hash, height, nonce, tries, micros };
                self.reply_when_stored(caller, Answer::Mined(mined));
            }
            outcome => {
                // Our own block was not good enough for our own chain: start over, and say so. One that is
                // too early now was not when it was made: the clock was set back.
                if let Outcome::Invalid(rule) = outcome {
                    self.refused((hash, block.header().previous), rule, None, true);
                }
                if let Some(waiting) = waiting {
                    self.mining.queue.push_front(waiting);
                }
                self.refresh_job();
            }
        }
    }
}
