//! Which bodies are on their way and from whom, what each connection owes, and what is to be asked for again. These
//! change together, here alone: a body that is waited for is owed by the one that it is waited for from, counts as in
//! flight there once, and what is not waited for any more counts nowhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::MAX_GET_BLOCKS;
use crate::node::io::ConnId;
use crate::types::BlockHash;

#[derive(Debug, Default)]
pub(super) struct Owed {
    /// Whom each body is waited for from.
    awaited: BTreeMap<BlockHash, ConnId>,
    /// Bodies to be asked for again, by height.
    retry: BTreeSet<(u64, BlockHash)>,
    debts: BTreeMap<ConnId, Debts>,
}

/// What one connection owes.
#[derive(Debug, Default)]
struct Debts {
    /// Blocks asked for without an answer, those asked for elsewhere since included.
    blocks: BTreeSet<BlockHash>,
    /// How many of them are waited for.
    in_flight: usize,
}

impl Owed {
    /// `conn` was asked for these, and they are waited for.
    pub(super) fn expect(&mut self, conn: ConnId, hashes: &[BlockHash]) {
        for hash in hashes {
            self.release(hash);
            self.awaited.insert(*hash, conn);
            let debts = self.debts.entry(conn).or_default();
            debts.blocks.insert(*hash);
            debts.in_flight += 1;
        }
    }

    /// `conn` answered for `hash`, however late: whether it was waited for; none, if it owed no answer.
    pub(super) fn answered(&mut self, conn: ConnId, hash: &BlockHash) -> Option<bool> {
        if !self.debts.get_mut(&conn)?.blocks.remove(hash) {
            return None;
        }
        let is_awaited = self.awaited.get(hash) == Some(&conn);
        if is_awaited {
            self.release(hash);
        }
        Some(is_awaited)
    }

    /// `hash` is waited for no more.
    pub(super) fn release(&mut self, hash: &BlockHash) {
        if let Some(debts) = self.awaited.remove(hash).and_then(|conn| self.debts.get_mut(&conn)) {
            debts.in_flight = debts.in_flight.saturating_sub(1);
        }
    }

    /// `hash`, of this height, is to be asked for again.
    pub(super) fn ask_again(&mut self, height: u64, hash: BlockHash) {
        self.release(&hash);
        self.retry.insert((height, hash));
    }

    /// What is waited for from `conn` is to be asked for again, of others; of what has no height, nothing.
    pub(super) fn take_back(&mut self, conn: ConnId, height: impl Fn(&BlockHash) -> Option<u64>) {
        let theirs = self.awaited.iter().filter(|(_, from)| **from == conn);
        let theirs: Vec<BlockHash> = theirs.map(|(hash, _)| *hash).collect();
        for hash in theirs {
            match height(&hash) {
                Some(height) => self.ask_again(height, hash),
                None => self.release(&hash),
            }
        }
    }

    /// `conn` is gone, and what was waited for from it was taken back.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.debts.remove(&conn);
    }

    /// Whether `conn` was asked for `hash` and has not answered.
    pub(super) fn owes(&self, conn: ConnId, hash: &BlockHash) -> bool {
        self.debts.get(&conn).is_some_and(|debts| debts.blocks.contains(hash))
    }

    /// How many bodies are waited for from `conn`.
    pub(super) fn in_flight(&self, conn: ConnId) -> usize {
        self.debts.get(&conn).map_or(0, |debts| debts.in_flight)
    }

    /// Whether `hash` is waited for.
    pub(super) fn is_awaited(&self, hash: &BlockHash) -> bool {
        self.awaited.contains_key(hash)
    }

    /// Whom `hash` is waited for from.
    pub(super) fn awaited_from(&self, hash: &BlockHash) -> Option<ConnId> {
        self.awaited.get(hash).copied()
    }

    /// Whether none is.
    pub(super) fn awaits_none(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Whether `hash`, of this height, is to be asked for again.
    pub(super) fn is_to_retry(&self, height: u64, hash: BlockHash) -> bool {
        self.retry.contains(&(height, hash))
    }

    /// Takes one message's worth of what is to be asked for again, up to the height `reach`, and `conn` does not owe.
    pub(super) fn take_retries(&mut self, conn: ConnId, reach: u64) -> Vec<(u64, BlockHash)> {
        let within = self.retry.iter().take_while(|(height, _)| *height <= reach);
        let batch: Vec<(u64, BlockHash)> =
            within.filter(|(_, hash)| !self.owes(conn, hash)).take(MAX_GET_BLOCKS).copied().collect();
        for again in &batch {
            self.retry.remove(again);
        }
        batch
    }

    /// Of what is to be asked for again, only this still is.
    pub(super) fn keep_retries(&mut self, is_wanted: impl Fn(u64, &BlockHash) -> bool) {
        self.retry.retain(|(height, hash)| is_wanted(*height, hash));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whatever happens in whatever order: what is waited for is owed, and counts where it is waited for and nowhere else.
    fn holds(owed: &Owed) {
        for (hash, conn) in &owed.awaited {
            assert!(owed.owes(*conn, hash), "{hash} is waited for from {conn:?}, which owes it not");
        }
        for (conn, debts) in &owed.debts {
            let awaited = owed.awaited.values().filter(|from| *from == conn).count();
            assert_eq!(debts.in_flight, awaited, "of {conn:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_waited_for_is_owed_and_counted_once(
            steps in proptest::collection::vec((0..6u8, 0..3u64, 0..5u8), 0..60),
        ) {
            let mut owed = Owed::default();
            for (what, conn, block) in steps {
                let (conn, hash) = (ConnId(conn), BlockHash([block; 32]));
                match what {
                    0 => owed.expect(conn, &[hash, BlockHash([block + 1; 32])]),
                    1 => {
                        let was_owed = owed.owes(conn, &hash);
                        prop_assert_eq!(owed.answered(conn, &hash).is_some(), was_owed);
                    }
                    2 => owed.release(&hash),
                    3 => owed.ask_again(u64::from(block), hash),
                    4 => owed.take_back(conn, |hash| (hash.0[0] != 2).then_some(u64::from(hash.0[0]))),
                    _ => {
                        owed.take_back(conn, |_| None);
                        owed.forget(conn);
                    }
                }
                holds(&owed);
            }
        }
    }
}
