//! Weighing headers before they are kept: a peer's branch that has much less work than our chain stays
//! outside the tree until it has shown that it is worth a place there.
//!
//! Headers are cheap to make where the target is easy, and a tree that takes all of them can be flooded. So
//! a branch whose end has less work than our tip less [`RECENT_BLOCKS`] blocks is read twice. The first time
//! only its work is added up and the last hash of each message is kept; once the sum is enough, the same
//! headers are asked for again and held against those hashes. A hash names all headers before it, so what
//! enters the tree is what was weighed, header by header, and a branch that is never heavy enough costs us
//! [`MAX_CANDIDATE_MESSAGES`] hashes and nothing on the disk.
//!
//! A branch that was too light may become heavier, and is weighed again when its peer tells of more; but not
//! at once, or pushing one block after another would have us weigh without end.
//!
//! Whoever syncs from nothing, or is a little behind, pays nothing for this: its floor is zero, or its
//! branches begin above it.

use super::io::ConnId;
use super::*;
use crate::limits::{MAX_CANDIDATE_MESSAGES, MAX_HEADERS, RECENT_BLOCKS, WEIGHING_REST};
use crate::types::{BlockHash, Header, Work};

/// A peer's branch, outside the tree.
#[derive(Debug)]
pub(super) struct Candidate {
    /// The block that its first header is a child of; it is in the tree.
    from: BlockHash,
    /// Of its last header so far.
    work: Work,
    /// The last header of each message, never empty.
    marks: Vec<BlockHash>,
    /// How many of these have come for the second time; none while it is weighed.
    again: Option<usize>,
}

impl Candidate {
    /// What the next header should be a child of, the second time; and the hash that must come up.
    fn due(&self, again: usize) -> (BlockHash, Option<&BlockHash>) {
        let parent = again.checked_sub(1).and_then(|before| self.marks.get(before));
        (parent.copied().unwrap_or(self.from), self.marks.get(again))
    }
}

/// What is to be done with headers that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Weighed {
    /// Offer them to the tree.
    Take,
    /// Ask what follows this hash, and keep none of them.
    AskAfter(BlockHash),
    /// Nothing: the branch ends here, and is too light.
    TooLight,
    /// One breaks a rule; its giver was told.
    Refused,
}

impl Node {
    /// How much work a branch needs to be kept: our tip's, less that of [`RECENT_BLOCKS`] blocks like it.
    pub(super) fn work_floor(&self) -> Work {
        let tip = self.chain.tip();
        let one = self.chain.get(&tip.hash).and_then(|entry| entry.header.bits.to_target().ok());
        let one = one.map_or(Work::ZERO, |target| target.work());
        tip.work.minus(one.times(RECENT_BLOCKS as u64))
    }

    /// Decides about `headers`, each the child of the one before.
    pub(super) fn weigh(&mut self, conn: ConnId, headers: &[Header]) -> Weighed {
        let Some(connection) = self.connections.get_mut(&conn) else { return Weighed::Refused };
        let candidate = connection.sync.candidate.take();
        let (Some(first), Some(last)) = (headers.first(), headers.last()) else { return Weighed::Take };
        match candidate {
            Some(Candidate { again: None, .. }) | None => {}
            Some(mut weighed) => {
                let (parent, mark) = weighed.due(weighed.again.unwrap_or_default());
                let comes_up = |mark: &BlockHash| headers.iter().rev().any(|header| header.hash() == *mark);
                if first.previous == parent && mark.is_some_and(comes_up) {
                    weighed.again = weighed.again.map(|again| again + 1);
                    if weighed.again < Some(weighed.marks.len())
                        && let Some(connection) = self.connections.get_mut(&conn)
                    {
                        connection.sync.candidate = Some(weighed);
                    }
                    return Weighed::Take;
                }
                // Another branch than the one that was weighed: it has yet to be.
                return self.weigh_on(conn, None, headers, last.hash());
            }
        }
        let goes_on = candidate.filter(|known| known.marks.last() == Some(&first.previous));
        self.weigh_on(conn, goes_on, headers, last.hash())
    }

    /// Adds `headers` to a branch, or begins one.
    fn weigh_on(
        &mut self,
        conn: ConnId,
        goes_on: Option<Candidate>,
        headers: &[Header],
        last: BlockHash,
    ) -> Weighed {
        let floor = self.work_floor();
        let mut candidate = match goes_on {
            Some(candidate) => candidate,
            None => {
                let Some(parent) = headers.first().and_then(|first| self.chain.get(&first.previous)) else {
                    return Weighed::Take;
                };
                // The tree decides about what it knows, and about what is no lighter than what it has.
                if parent.work >= floor || parent.invalid || self.chain.get(&last).is_some() {
                    return Weighed::Take;
                }
                Candidate { from: parent.hash, work: parent.work, marks: Vec::new(), again: None }
            }
        };
        for header in headers {
            match self.chain.proved_work(header) {
                Ok(work) => candidate.work = candidate.work.plus(work),
                Err(rule) => {
                    self.refuse_block(conn, (header.hash(), header.previous), rule);
                    return Weighed::Refused;
                }
            }
        }
        candidate.marks.push(last);
        let next = if candidate.work >= floor {
            if candidate.marks.len() == 1 {
                return Weighed::Take;
            }
            candidate.again = Some(0);
            candidate.from
        } else if headers.len() < MAX_HEADERS || candidate.marks.len() >= MAX_CANDIDATE_MESSAGES {
            let weighed = (candidate.marks.len() - 1) * MAX_HEADERS + headers.len();
            if let Some(connection) = self.connections.get_mut(&conn) {
                connection.sync.rests_until = self.now.elapsed + WEIGHING_REST * weighed as u32;
            }
            return Weighed::TooLight;
        } else {
            last
        };
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.sync.candidate = Some(candidate);
        }
        Weighed::AskAfter(next)
    }

    /// `conn` told of a block whose parent is unknown: what does it build on? If the last such branch was too
    /// light, that is asked a while later.
    pub(super) fn ask_about_unknown(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        match connection.sync.rests_until.checked_sub(self.now.elapsed) {
            None | Some(Duration::ZERO) => self.ask_headers(conn),
            Some(left) => {
                connection.sync.ask_later = true;
                self.watch_headers(left);
            }
        }
    }
}
