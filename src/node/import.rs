//! What a new block changes. Every block takes this path, whoever made it and however it came:
//! the tree, then the pool, then peers, the miner, the store; and users once it is stored.

use std::collections::VecDeque;
use std::sync::Arc;

use super::commands::Caller;
use super::io::{Answer, BadBlock, Commit, ConnId, Delivery, Direction, Event, Giver, Ids, Origin, Output};
use super::*;
use crate::chain::{CheckedBlock, Outcome, Rule, Tip};
use crate::limits::{
    BODY_CACHE_BYTES, CATCHING_UP_BLOCKS, DOWNLOAD_WINDOW, MAX_GET_BLOCKS, MAX_UNSTORED_BYTES, RECENT_BLOCKS,
};
use crate::mempool::Source;
use crate::peer::Disconnect;
use crate::types::{Block, BlockHash, Lookup, TxId};
use crate::wire::Kind;

/// The newest bodies, so that what just came can be relayed and taken back without reading storage.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    blocks: Lookup<BlockHash, CheckedBlock>,
    order: VecDeque<BlockHash>,
    bytes: usize,
    /// Bodies to be read back, for the pool.
    wanted: VecDeque<BlockHash>,
    loading: bool,
}

/// What is to be made durable and was not handed to the store yet. While blocks that a reorg connected or
/// reverted are read back, everything waits here: the reorg and what it changes in the pool are one, or a
/// crash between the two could lose a content.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    waits: bool,
    blocks: Vec<CheckedBlock>,
    forget: Vec<BlockHash>,
    /// Contents that wait in the pool again.
    returned: Vec<TxId>,
}

impl Unwritten {
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

impl Bodies {
    pub(super) fn get(&self, hash: &BlockHash) -> Option<&CheckedBlock> {
        self.blocks.get(hash)
    }

    fn insert(&mut self, block: CheckedBlock) {
        let hash = block.hash();
        let size = block.encoded().len();
        if self.blocks.insert(hash, block).is_some() {
            return;
        }
        self.order.push_back(hash);
        self.bytes += size;
    }

    /// Lets go of the oldest beyond what there is room for; the newest stays, however large.
    fn trim(&mut self) {
        while self.bytes > BODY_CACHE_BYTES && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front().and_then(|hash| self.blocks.remove(&hash)) else {
                return;
            };
            self.bytes -= oldest.encoded().len();
        }
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
struct Moved {
    connected: u64,
    reverted: u64,
    /// Where it left its branch, if it did.
    ancestor: Option<Tip>,
    /// Contents that wait in the pool again.
    returned: Ids,
}

impl Node {
    /// A block arrived from a peer.
    pub(super) fn block_received(
        &mut self,
        conn: ConnId,
        delivery: Delivery,
        block: Result<CheckedBlock, BadBlock>,
    ) {
        let in_turn = match delivery {
            Delivery::Requested => self.may_send_blocks(conn, Kind::Block),
            Delivery::Pushed => self.may_send_blocks(conn, Kind::NewBlock),
            // Whoever told of it may be gone; what we made of it is here.
            Delivery::Rebuilt => true,
        };
        if !in_turn {
            return;
        }
        let hash = block.as_ref().map_or_else(|bad| bad.hash, CheckedBlock::hash);
        let allowed = match delivery {
            Delivery::Requested | Delivery::Rebuilt => self.was_owed(conn, &hash),
            Delivery::Pushed => self.hear_of_block(conn, hash),
        };
        if let Err(why) = allowed {
            return self.close(conn, why);
        }
        match block {
            Err(_) if delivery == Delivery::Rebuilt => self.ask_whole(&hash),
            Err(bad) => {
                if bad.rule.is_body_only() {
                    self.still_missing(&bad.hash);
                } else {
                    self.chain.reject(&bad.hash);
                }
                self.refuse_block(conn, (bad.hash, bad.previous), bad.rule);
            }
            Ok(block) if delivery == Delivery::Pushed && self.is_low_work(&block.header().previous) => {}
            Ok(block) if delivery == Delivery::Pushed && self.is_beyond_window(&block.header().previous) => {
                self.header_announced(conn, block.header());
            }
            Ok(block) => self.take_from_peer(conn, block, delivery),
        }
        // A body that was not the header's: others may have the one that is.
        self.ask_again_if_missing(hash);
        self.fetch_blocks();
    }

    fn take_from_peer(&mut self, conn: ConnId, block: CheckedBlock, delivery: Delivery) {
        let (hash, previous) = (block.hash(), block.header().previous);
        let origin = Origin::from(delivery);
        match self.import(core::slice::from_ref(&block), self.giver(conn, origin)) {
            Outcome::Imported { .. } | Outcome::Duplicate => self.peer_has(conn, hash),
            Outcome::MissingParent if delivery == Delivery::Pushed => self.ask_about_unknown(conn),
            Outcome::MissingParent => {}
            Outcome::TooEarly { retry_at } => self.keep_for_later(retry_at, block, (conn, origin)),
            Outcome::Invalid(rule) => self.refuse_block(conn, (hash, previous), rule),
        }
    }

    /// The peer at the other end of `conn`, as one who gave a block.
    pub(super) fn giver(&self, conn: ConnId, origin: Origin) -> Giver {
        let remote = self.connections.get(&conn).and_then(|connection| connection.remote());
        Giver { origin, node: remote.map(|remote| remote.hello.node) }
    }

    /// A block or header of `conn`'s, with this hash and parent, broke a rule.
    pub(super) fn refuse_block(&mut self, conn: ConnId, block: (BlockHash, BlockHash), rule: Rule) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let from = connection.remote().map(|remote| remote.hello.node);
        // Who called us may not have heard yet that what it builds on was refused; whom we chose to call
        // and follows a refused chain is of no use to us.
        let forgiven = matches!(rule, Rule::KnownInvalid | Rule::InvalidParent)
            && connection.direction == Direction::Inbound;
        let (hash, _) = block;
        self.refused(block, rule, from);
        if !forgiven {
            self.close(conn, Disconnect::InvalidBlock { hash, rule: rule.name() });
        }
    }

    /// Tells of a block, with this hash and parent, that was not taken.
    pub(super) fn refused(
        &mut self,
        (hash, previous): (BlockHash, BlockHash),
        rule: Rule,
        from: Option<NodeId>,
    ) {
        let height = self.chain.get(&previous).map(|parent| parent.height + 1);
        self.event(Event::BlockRefused { hash, previous, height, rule, from });
    }

    /// Whether a child of `parent` could not matter any more: that is known, and has too little work.
    pub(super) fn is_low_work(&self, parent: &BlockHash) -> bool {
        self.chain.work(parent).is_some_and(|work| work < self.work_floor())
    }

    /// Whether a child of `parent` is beyond all that bodies are asked for.
    fn is_beyond_window(&self, parent: &BlockHash) -> bool {
        let end = self.chain.tip().height + DOWNLOAD_WINDOW;
        self.chain.height(parent).is_some_and(|height| height >= end)
    }

    /// Takes `blocks` into the chain, each the child of the one before, as one change. The outcome is the
    /// last one's; one that is refused ends it.
    pub(super) fn import(&mut self, blocks: &[CheckedBlock], giver: Giver) -> Outcome {
        let mut stored = Vec::new();
        let (mut connected, mut reverted) = (Vec::new(), Vec::new());
        let mut outcome = Outcome::Duplicate;
        for block in blocks {
            outcome = self.chain.import(block, self.now.wall);
            match &outcome {
                Outcome::Imported { connected: more, reverted: fewer } => {
                    self.bodies.insert(block.clone());
                    self.arrived(&block.hash(), block.encoded().len());
                    stored.push(block.clone());
                    connected.extend_from_slice(more);
                    reverted.extend_from_slice(fewer);
                }
                Outcome::Duplicate => {}
                _ => break,
            }
        }
        if !connected.is_empty() {
            // Before all else: peers wait for it.
            self.relay_tip();
        }
        for block in &stored {
            self.seen(block, giver);
        }
        let mut moved = Moved::default();
        if !connected.is_empty() {
            self.pool_follows(&connected, &reverted);
            moved = Moved {
                connected: connected.len() as u64,
                reverted: reverted.len() as u64,
                ancestor: self.parent_of(&connected).filter(|_| !reverted.is_empty()),
                returned: Ids::default(),
            };
        }
        self.bodies.trim();
        if !stored.is_empty() {
            // The pool's changes go with the blocks that made them, or a crash could lose a content or
            // bring one back that is in the chain.
            let forget = self.chain.take_forgotten();
            self.commit(stored, forget, moved);
        }
        if !connected.is_empty() {
            self.load_more();
            self.refresh_job();
        }
        outcome
    }

    /// The block that the first of `blocks` builds on.
    fn parent_of(&self, blocks: &[BlockHash]) -> Option<Tip> {
        let first = self.chain.get(blocks.first()?)?;
        let parent = self.chain.get(&first.header.previous)?;
        Some(Tip { hash: parent.hash, height: parent.height, work: parent.work })
    }

    /// A block is new to the tree.
    fn seen(&mut self, block: &CheckedBlock, giver: Giver) {
        if let Some(event) = self.block_event(block.block(), block.hash(), block.encoded().len(), giver) {
            self.event(event);
        }
    }

    fn commit(&mut self, blocks: Vec<CheckedBlock>, forget: Vec<BlockHash>, moved: Moved) {
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
        if !self.unwritten.waits {
            self.write();
        }
    }

    /// Hands what is to be made durable to the store, as one.
    fn write(&mut self) {
        let Unwritten { blocks, forget, returned, .. } = core::mem::take(&mut self.unwritten);
        let is_reorg = |pending: &&mut Pending| pending.moved.ancestor.is_some();
        if !returned.is_empty()
            && let Some(reorg) = self.commits.iter_mut().rev().find(is_reorg)
        {
            reorg.moved.returned = returned.as_slice().into();
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

    /// What the new chain has waits no longer; what only the old one had waits again, once it was read where
    /// that is needed.
    fn pool_follows(&mut self, connected: &[BlockHash], reverted: &[BlockHash]) {
        for hash in reverted.iter().rev() {
            self.pool.disconnect(*hash);
        }
        for hash in connected {
            match self.body(hash).map(|block| block.ids().clone()) {
                Some(ids) => self.pool.connect(*hash, ids),
                None => self.want_for_pool(*hash),
            }
        }
        for hash in reverted.iter().rev() {
            match self.body(hash).map(|block| block.block().clone()) {
                Some(block) => self.return_contents(&block),
                None => self.want_for_pool(*hash),
            }
        }
    }

    /// A block, if it need not be read back.
    fn body(&self, hash: &BlockHash) -> Option<&CheckedBlock> {
        self.bodies.get(hash).or_else(|| self.unwritten.get(hash))
    }

    /// A block must be read back before the pool is what the chain makes it.
    fn want_for_pool(&mut self, hash: BlockHash) {
        self.unwritten.waits = true;
        self.bodies.wanted.push_back(hash);
    }

    /// Asks for the newest bodies of a chain that was taken up again: what they have is not to be repeated.
    pub(super) fn load_recent(&mut self) {
        let tip = self.chain.tip().height;
        // Not genesis: it has nothing to repeat, and its body is in no cache.
        let from = tip.saturating_sub(RECENT_BLOCKS as u64 - 1).max(1);
        let for_managers = self.want_seen();
        self.bodies.wanted.extend((from..=tip).filter_map(|height| self.chain.active_at(height)));
        self.bodies.wanted.extend(for_managers);
        self.load_more();
    }

    /// Puts the contents of a block that left the chain back into the pool, and tells peers who may never
    /// have had it.
    fn return_contents(&mut self, block: &Block) {
        let mut returned = Vec::new();
        for transaction in block.transactions.iter().filter(|t| t.as_coinbase().is_none()) {
            let id = transaction.id();
            // Refused where a block of the new chain has it as well, or the pool is full: both are right.
            if self.pool.insert(id, Arc::new(transaction.clone()), Source::Reverted).is_ok() {
                returned.push(id);
            }
        }
        self.announce(&returned);
        self.unwritten.returned.extend(returned);
    }

    /// Reads back a few bodies at a time, so that a deep reorg costs time and not memory.
    fn load_more(&mut self) {
        if self.bodies.loading || self.bodies.wanted.is_empty() {
            return;
        }
        self.bodies.loading = true;
        let count = self.bodies.wanted.len().min(MAX_GET_BLOCKS);
        let hashes = self.bodies.wanted.drain(..count).collect();
        self.out.push(Output::Load(hashes));
    }

    /// Bodies that were read back.
    pub(super) fn loaded(&mut self, blocks: Vec<Arc<Block>>) {
        self.bodies.loading = false;
        for block in blocks {
            if self.read_back(&block) {
                continue;
            }
            let hash = block.hash();
            if self.chain.is_active(&hash) {
                self.pool.connect(hash, block.ids());
            } else {
                self.return_contents(&block);
            }
        }
        self.load_more();
        if self.unwritten.waits && !self.bodies.loading {
            self.write();
        }
        self.commit_pool();
        self.pool_changed();
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
            let Moved { connected, reverted, ancestor, returned } = moved;
            if came.count > 0 || went.count > 0 {
                let (count, bytes) = (self.pool.len(), self.pool.bytes());
                self.event(Event::PoolChanged { came, went, count, bytes });
            }
            if let Some(ancestor) = ancestor {
                self.event(Event::Reorg { from, to: tip, ancestor, depth: reverted, returned });
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
