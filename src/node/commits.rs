//! What is on its way to the disk: commits in their order, who waits for one, and what users are told once it is
//! durable.

use super::commands::Caller;
use super::io::{Answer, Commit, Event, Ids, Output};
use super::*;
use crate::chain::{CheckedBlock, Tip};
use crate::limits::{CATCHING_UP_BLOCKS, MAX_UNSTORED_BYTES};
use crate::peer::Disconnect;
use crate::types::{BlockHash, TxId};

/// What is to be made durable and was not handed to the store yet. While blocks that a reorg connected or
/// reverted are read back, everything waits here: the reorg and what it changes in the pool are one, or a
/// crash between the two could lose a content.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    waits: bool,
    blocks: Vec<CheckedBlock>,
    forget: Vec<BlockHash>,
    /// Contents that wait in the pool again, and how many found no room there.
    returned: Vec<TxId>,
    dropped: u64,
}

impl Unwritten {
    /// Everything waits here from now on, until `write`.
    pub(super) fn hold(&mut self) {
        self.waits = true;
    }

    pub(super) fn is_held(&self) -> bool {
        self.waits
    }

    /// These contents wait in the pool again, and so many others found no room there.
    pub(super) fn give_back(&mut self, contents: Vec<TxId>, dropped: u64) {
        self.returned.extend(contents);
        self.dropped += dropped;
    }

    fn add(&mut self, blocks: Vec<CheckedBlock>, forget: Vec<BlockHash>) {
        // One that was dropped and came again stays; the store drops last.
        self.forget.retain(|hash| blocks.iter().all(|block| block.hash() != *hash));
        self.blocks.extend(blocks);
        self.forget.extend(forget);
    }

    pub(super) fn get(&self, hash: &BlockHash) -> Option<&CheckedBlock> {
        self.blocks.iter().find(|block| block.hash() == *hash)
    }

    /// A transaction of its blocks.
    pub(super) fn transaction(&self, id: &TxId) -> Option<&Transaction> {
        let holds = |block: &&CheckedBlock| block.ids().contains(id);
        let block = self.blocks.iter().find(holds)?.block();
        block.transactions.iter().find(|transaction| transaction.id() == *id)
    }
}

/// A commit on its way, and who is told when it is durable.
#[derive(Debug)]
pub(super) struct Pending {
    seq: u64,
    tip: Tip,
    /// Of its blocks.
    bytes: usize,
    moved: Moved,
    /// What came into the pool, and what went.
    pool: (Ids, Ids),
    replies: Vec<(Caller, Answer)>,
}

/// How the active chain moved.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) connected: u64,
    pub(super) reverted: u64,
    /// Where it left its branch, if it did.
    pub(super) ancestor: Option<Tip>,
    /// Contents that wait in the pool again.
    pub(super) returned: Ids,
    /// How many others found no room there.
    pub(super) dropped: u64,
}

impl Node {
    /// Makes durable, in their turn, new blocks and what the chain forgot.
    pub(super) fn commit(&mut self, blocks: Vec<CheckedBlock>, forget: Vec<BlockHash>, moved: Moved) {
        let tip = self.chain.tip();
        let seq = self.next_commit;
        self.next_commit += 1;
        let bytes = blocks.iter().map(|block| block.encoded().len()).sum();
        self.unstored_bytes += bytes;
        self.commits.push_back(Pending {
            seq,
            tip,
            bytes,
            moved,
            pool: Default::default(),
            replies: Vec::new(),
        });
        self.unwritten.add(blocks, forget);
        if !self.unwritten.is_held() {
            self.write();
        }
    }

    /// Hands what is to be made durable to the store, as one.
    pub(super) fn write(&mut self) {
        let Unwritten { blocks, forget, mut returned, dropped, .. } = core::mem::take(&mut self.unwritten);
        // What the new chain has went again.
        returned.retain(|id| self.pool.get(id).is_some());
        let is_reorg = |pending: &&mut Pending| pending.moved.ancestor.is_some();
        if !(returned.is_empty() && dropped == 0)
            && let Some(reorg) = self.commits.iter_mut().rev().find(is_reorg)
        {
            reorg.moved.returned = returned.as_slice().into();
            reorg.moved.dropped = dropped;
        }
        let Some(last) = self.commits.back_mut() else { return };
        let pool = self.pool.take_changes();
        last.pool = (pool.ids.as_slice().into(), pool.went.as_slice().into());
        let commit = Commit { seq: last.seq, blocks, tip: last.tip.hash, forget, pool };
        self.out.push(Output::Store(commit));
    }

    /// Makes durable what changed in the pool, if anything did.
    pub(super) fn commit_pool(&mut self) {
        if self.pool.has_changes() {
            self.commit(Vec::new(), Vec::new(), Moved::default());
        }
    }

    /// Makes durable that blocks are dropped which the chain could not take up again at the start.
    pub(super) fn commit_forgotten(&mut self, forget: Vec<BlockHash>) {
        if !forget.is_empty() {
            self.commit(Vec::new(), forget, Moved::default());
        }
    }

    /// Whether so much waits for the store that no more is to be asked for.
    pub(super) fn is_store_behind(&self) -> bool {
        self.unstored_bytes > MAX_UNSTORED_BYTES
    }

    /// Answers once everything imported so far is durable.
    pub(super) fn reply_when_stored(&mut self, caller: Caller, answer: Answer) {
        match self.commits.back_mut() {
            Some(pending) => pending.replies.push((caller, answer)),
            None => self.reply(caller, answer),
        }
    }

    /// A commit is durable: users may know.
    pub(super) fn stored(&mut self, seq: u64) {
        let done = self.commits.iter().take_while(|pending| pending.seq <= seq).count() as u64;
        let mut unsaid = 0;
        while let Some(pending) = self.commits.pop_front_if(|pending| pending.seq <= seq) {
            let from = core::mem::replace(&mut self.committed, pending.tip);
            self.unstored_bytes -= pending.bytes;
            for (caller, answer) in pending.replies {
                self.reply(caller, answer);
            }
            let Pending { tip, moved, pool: (came, went), .. } = pending;
            let Moved { connected, reverted, ancestor, returned, dropped } = moved;
            if came.count > 0 || went.count > 0 {
                let (count, bytes) = (self.pool.len(), self.pool.bytes());
                self.event(Event::PoolChanged { came, went, count, bytes });
            }
            if let Some(ancestor) = ancestor {
                self.event(Event::Reorg { from, to: tip, ancestor, depth: reverted, returned, dropped });
            }
            // Whoever catches up has many blocks made durable at once, and tells of the last one.
            let is_next =
                |next: &Pending| next.seq <= seq && next.moved.connected > 0 && next.moved.reverted == 0;
            let is_followed = done > CATCHING_UP_BLOCKS && self.commits.front().is_some_and(is_next);
            if connected > 0 && reverted == 0 && is_followed {
                unsaid += connected;
            } else if connected > 0 {
                let connected = connected + core::mem::take(&mut unsaid);
                self.event(Event::TipChanged { tip, connected, reverted });
            }
        }
        self.fetch_again();
        self.stop_when_stored();
    }

    /// Nothing will be durable any more: whoever waits for it is told, and the node ends.
    pub(super) fn store_failed(&mut self, why: &str) {
        self.stopping = true;
        self.event(Event::StoreFailed { why: why.to_owned() });
        self.stop_mining();
        for pending in core::mem::take(&mut self.commits) {
            for (caller, _) in pending.replies {
                self.reply(caller, Answer::NotStored(why.to_owned()));
            }
        }
        self.close_all(&Disconnect::ShuttingDown);
        self.out.push(Output::Stop);
    }

    /// The last step of an orderly stop.
    pub(super) fn stop_when_stored(&mut self) {
        if self.stopping && self.commits.is_empty() {
            self.out.push(Output::Stop);
        }
    }
}
