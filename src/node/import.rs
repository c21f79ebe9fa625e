//! What a new block changes. Every block takes this path, whoever made it and however it came:
//! the tree, then the pool, then peers, the miner, the store; and users once it is stored.

use core::time::Duration;
use std::sync::Arc;

use super::bodies::Step;
use super::commits::Moved;
use super::io::{BadBlock, ConnId, Delivery, Direction, Event, Giver, Origin};
use super::*;
use crate::chain::{CheckedBlock, Outcome, Rule, Tip};
use crate::limits::{DOWNLOAD_WINDOW, FORGIVEN_TOLD, FORGIVEN_TOLD_EVERY, MAX_FORGIVEN, RECENT_BLOCKS};
use crate::mempool::{Refusal, Source};
use crate::peer::budget::Bucket;
use crate::peer::{Disconnect, Known};
use crate::types::{Block, BlockHash, TxId};
use crate::wire::Kind;

/// Refusals that cost their giver nothing, as it may not have heard yet: it may go on for ever, so users are told of each
/// block once, and of a few in a while.
#[derive(Debug)]
pub(super) struct Forgiven {
    told: Known<BlockHash, MAX_FORGIVEN>,
    more: Bucket,
}

impl Default for Forgiven {
    fn default() -> Self {
        Forgiven { told: Known::default(), more: Bucket::slow(FORGIVEN_TOLD_EVERY, FORGIVEN_TOLD) }
    }
}

impl Forgiven {
    /// Whether users are told that `hash` broke `rule`. What was refused before was told of then.
    fn is_told(&mut self, hash: BlockHash, rule: Rule, now: Duration) -> bool {
        rule != Rule::KnownInvalid
            && !self.told.contains(&hash)
            && self.more.take(now, 1)
            && self.told.insert(hash)
    }
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
            Ok(block)
                if delivery == Delivery::Pushed
                    && (self.is_beyond_window(&block.header().previous)
                        || self.is_too_much_beside(block.header(), block.encoded().len())) =>
            {
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
        self.gave_block(conn, hash);
        match self.import(core::slice::from_ref(&block), self.giver(conn, origin)) {
            Outcome::Imported { .. } => {
                self.peer_has(conn, hash);
                self.gave_good(conn);
            }
            Outcome::Duplicate => self.peer_has(conn, hash),
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
        if !forgiven || self.forgiven.is_told(hash, rule, self.now.elapsed) {
            self.refused(block, rule, from, false);
        }
        if !forgiven {
            self.close(conn, Disconnect::InvalidBlock { hash, rule: rule.name() });
        }
    }

    /// Tells of a block, with this hash and parent, that was not taken: a peer's, this node's own, or one of a chain
    /// that was offered over HTTP.
    pub(super) fn refused(
        &mut self,
        (hash, previous): (BlockHash, BlockHash),
        rule: Rule,
        from: Option<NodeId>,
        is_own: bool,
    ) {
        let height = self.chain.get(&previous).map(|parent| parent.height + 1);
        self.event(Event::BlockRefused { hash, previous, height, rule, from, is_own });
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
                    if more.is_empty() {
                        self.beside.add(block.hash(), block.encoded().len());
                    }
                    self.beside.remove(more);
                    // Where one is not at hand it is read back for the pool, and weighed then.
                    for hash in fewer {
                        if let Some(size) = self.body(hash).map(|block| block.encoded().len()) {
                            self.beside.add(*hash, size);
                        }
                    }
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
                ..Moved::default()
            };
        }
        self.bodies.trim();
        if !stored.is_empty() {
            // The pool's changes go with the blocks that made them, or a crash could lose a content or
            // bring one back that is in the chain.
            let forget = self.chain.take_forgotten();
            self.beside.remove(&forget);
            self.commit(stored, forget, moved);
        }
        if !connected.is_empty() {
            self.load_more();
            if !self.unwritten.is_held() {
                self.pool_followed();
            }
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

    /// What the new chain has waits no longer; what only the old one had waits again. The pool refuses what recent blocks
    /// have; of what joined below those, what the old chain has as well is taken out again.
    fn pool_follows(&mut self, connected: &[BlockHash], reverted: &[BlockHash]) {
        reverted.iter().for_each(|hash| self.pool.disconnect(*hash));
        let buried = if reverted.is_empty() { 0 } else { connected.len().saturating_sub(RECENT_BLOCKS) };
        let joined = connected.iter().copied().map(Step::Joined);
        let left = reverted.iter().rev().copied().map(Step::Left);
        let buried = connected.iter().take(buried).copied().map(Step::Buried);
        joined.chain(left).chain(buried).for_each(|step| self.pool_step(step));
    }

    /// The pool is what the chain makes it: peers, who may never have had what a reorg gave back, hear of that, and are
    /// asked for what there is room for.
    pub(super) fn pool_followed(&mut self) {
        self.announce_pool();
        self.pool_has_room();
    }

    /// What a block of the chain has waits no longer, and is not wanted.
    pub(super) fn pool_connects(&mut self, hash: BlockHash, ids: Arc<[TxId]>) {
        self.unwant_all(&ids);
        self.pool.connect(hash, ids);
    }

    /// The contents of a block that left the chain wait again.
    pub(super) fn pool_disconnects(&mut self, hash: BlockHash, block: &Block, ids: &[TxId]) {
        // It may have joined only after that was said of all that left.
        self.pool.disconnect(hash);
        let (mut returned, mut dropped) = (Vec::new(), 0);
        let all = ids.iter().zip(block.transactions.iter());
        for (id, transaction) in all.filter(|(_, transaction)| transaction.as_coinbase().is_none()) {
            match self.pool.insert(*id, Arc::new(transaction.clone()), Source::Reverted) {
                Ok(()) => returned.push(*id),
                Err(Refusal::Full) => dropped += 1,
                // A recent block of the new chain has it as well, or it waits already.
                Err(_) => {}
            }
        }
        self.unwritten.give_back(returned, dropped);
    }
}
