//! Compact blocks: a block told by its header and six bytes a transaction, put together from the pool.
//!
//! Whoever has all of its transactions has the block after half a round trip and a few kilobytes; whoever
//! lacks some asks for those by their places. In whatever goes wrong (two transactions with one short id, a
//! peer that does not answer, a lie) the block is asked for whole, as any other body: until then it is on
//! its way from this peer as far as `fetch` knows, with the same patience.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use rand::Rng;

use super::io::{ConnId, Output};
use super::policy::Form;
use super::*;
use crate::chain::CheckedBlock;
use crate::encoding::List;
use crate::limits::{BESIDE_SHARE, MAX_BLOCK_TRANSACTIONS, MAX_PARTIAL_BLOCKS};
use crate::types::{Block, BlockHash, Header, ShortId, ShortIds, Transaction, TxId};
use crate::wire::message::{BlockTransactions, CompactBlock, GetBlockTransactions, Message, NewBlock};

/// A block that is being put together.
#[derive(Debug)]
struct Partial {
    hash: BlockHash,
    header: Header,
    /// Who told of it.
    from: ConnId,
    /// Its transactions, as far as they are here.
    places: Vec<Option<Arc<Transaction>>>,
}

/// Blocks that are being put together, oldest first.
#[derive(Debug, Default)]
pub(super) struct Partials(VecDeque<Partial>);

impl Partials {
    fn take(&mut self, conn: ConnId, hash: &BlockHash) -> Option<Partial> {
        let at = self.0.iter().position(|partial| partial.from == conn && partial.hash == *hash)?;
        self.0.remove(at)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn has(&self, hash: &BlockHash) -> bool {
        self.0.iter().any(|partial| partial.hash == *hash)
    }

    /// Keeps one more; the oldest goes for it, and is asked for whole once its answer comes.
    fn keep(&mut self, partial: Partial) {
        if self.0.len() >= MAX_PARTIAL_BLOCKS {
            self.0.pop_front();
        }
        self.0.push_back(partial);
    }

    /// The block came whole.
    pub(super) fn forget(&mut self, hash: &BlockHash) {
        self.0.retain(|partial| partial.hash != *hash);
    }

    /// A connection is gone.
    pub(super) fn without(&mut self, conn: ConnId) {
        self.0.retain(|partial| partial.from != conn);
    }
}

impl Partial {
    fn missing(&self) -> Vec<u16> {
        // There are fewer places than numbers: MAX_BLOCK_TRANSACTIONS is asserted to fit.
        (0u16..).zip(&self.places).filter(|(_, place)| place.is_none()).map(|(at, _)| at).collect()
    }

    /// The block, once nothing is missing.
    fn block(self) -> Option<Block> {
        let transactions: Option<Vec<Transaction>> =
            self.places.into_iter().map(|place| place.map(Arc::unwrap_or_clone)).collect();
        Some(Block { header: self.header, transactions: List::clipped(transactions?) })
    }
}

impl Node {
    /// What is said of `block`, and what to those who are not among the peers that it is pushed to. Peers hold
    /// what came out of our pool: they were told of it before.
    pub(super) fn news_of(&mut self, block: &CheckedBlock) -> (NewBlock, Option<NewBlock>) {
        let (_, contents) = block.ids().split_at(1.min(block.ids().len()));
        let (mut all, mut lacked) = (0, 0);
        for (id, transaction) in contents.iter().zip(block.block().transactions.iter().skip(1)) {
            all += transaction.size();
            lacked += if self.pool.get(id).is_none() { transaction.size() } else { 0 };
        }
        let form = self.policy.form(block.encoded().len(), all, lacked);
        let whole = || NewBlock::Push(block.block().clone());
        let header = NewBlock::Announce(*block.header());
        match (form, block.block().transactions.first()) {
            (Form::Announce, _) => (header, None),
            (Form::Push, _) => (whole(), Some(header)),
            (Form::Compact, Some(coinbase)) => (self.in_short(block, coinbase, contents), None),
            (Form::Flood | Form::Compact, _) => (whole(), None),
        }
    }

    fn in_short(&mut self, block: &CheckedBlock, coinbase: &Transaction, contents: &[TxId]) -> NewBlock {
        let nonce = self.rng.next_u64();
        let short = ShortIds::new(block.header(), nonce);
        NewBlock::Compact(CompactBlock {
            header: *block.header(),
            nonce,
            coinbase: coinbase.clone(),
            short_ids: List::clipped(contents.iter().map(|id| short.of(id))),
        })
    }

    /// A compact block came, whose header is in the tree now.
    pub(super) fn compact_received(&mut self, conn: ConnId, compact: CompactBlock) {
        let hash = compact.header.hash();
        if !self.chain.lacks_body(&hash) || self.fetch.owes(conn, &hash) {
            // It is here, or late from this one: asked for twice it would come twice.
            return;
        }
        let partial = self.fill(conn, hash, compact);
        let missing = partial.missing();
        if missing.is_empty() {
            // Nobody is needed for it, whoever was asked before.
            self.expect_from(conn, core::slice::from_ref(&hash));
            return self.check_rebuilt(conn, partial);
        }
        let is_on_its_way = !self.is_missing(&hash) || self.partials.has(&hash);
        let is_little = missing.len() * BESIDE_SHARE <= partial.places.len();
        if is_on_its_way && !(is_little && self.is_likelier_to_give(conn, &hash)) {
            return;
        }
        self.expect_from(conn, core::slice::from_ref(&hash));
        self.partials.keep(partial);
        let places = List::clipped(missing);
        self.send(conn, Message::GetBlockTransactions(GetBlockTransactions { block: hash, places }));
    }

    /// What the pool has of a compact block.
    fn fill(&self, from: ConnId, hash: BlockHash, compact: CompactBlock) -> Partial {
        let short = ShortIds::new(&compact.header, compact.nonce);
        let mut places: Vec<Option<Arc<Transaction>>> = vec![None; compact.short_ids.len() + 1];
        places[0] = Some(Arc::new(compact.coinbase));
        // A short id that stands twice names nothing.
        let mut wanted: BTreeMap<ShortId, Option<usize>> = BTreeMap::new();
        for (at, id) in compact.short_ids.iter().enumerate() {
            wanted.entry(*id).and_modify(|place| *place = None).or_insert(Some(at + 1));
        }
        let mut taken: BTreeMap<ShortId, TxId> = BTreeMap::new();
        for (id, _) in self.pool.iter() {
            let name = short.of(&id);
            let Some(Some(at)) = wanted.get(&name) else { continue };
            // Nor does one that two of ours have.
            places[*at] = match taken.insert(name, id) {
                None => self.pool.get(&id).cloned(),
                Some(_) => None,
            };
        }
        Partial { hash, header: compact.header, from, places }
    }

    /// Hands over a block that was put together, to be checked as every other.
    fn check_rebuilt(&mut self, conn: ConnId, partial: Partial) {
        let hash = partial.hash;
        match partial.block() {
            Some(block) => self.out.push(Output::Check(conn, block)),
            None => self.ask_whole(&hash),
        }
    }

    /// A block that was put together is not the one that its header commits to, for whatever reason: nobody
    /// is blamed, and it is asked for whole.
    pub(super) fn ask_whole(&mut self, hash: &BlockHash) {
        self.still_missing(hash);
        self.fetch_blocks();
    }

    /// Transactions of a block came that we are putting together.
    pub(super) fn block_transactions(&mut self, conn: ConnId, came: BlockTransactions) {
        let BlockTransactions { block: hash, transactions } = came;
        let Some(mut partial) = self.partials.take(conn, &hash) else {
            // The block came otherwise meanwhile, or made room for others; or nobody asked.
            return match self.was_owed(conn, &hash) {
                Ok(()) => self.ask_whole(&hash),
                Err(why) => self.close(conn, why),
            };
        };
        let missing = partial.missing();
        if missing.len() != transactions.len() {
            // That was its answer; the block is asked for anew, of it as well.
            if let Err(why) = self.was_owed(conn, &hash) {
                return self.close(conn, why);
            }
            self.ask_whole(&hash);
            return self.strike(conn);
        }
        for (at, transaction) in missing.into_iter().zip(transactions.into_vec()) {
            partial.places[usize::from(at)] = Some(Arc::new(transaction));
        }
        self.check_rebuilt(conn, partial);
    }
}

const _: () = assert!(MAX_BLOCK_TRANSACTIONS <= u16::MAX as usize + 1, "every place has a number");
