//! What waits for a block: transactions by arrival, bounded in bytes, in number and per giver.
//!
//! Nothing here costs a fee, so nothing is evicted for something better: a full pool refuses. One giver may fill an
//! eighth of its bytes, so that one cannot shut out the others: a host, however often it connects. On this machine all
//! have one host, and a giver is a name there, which is a claim: who draws new ones has more than one share, as has
//! whoever posts over HTTP there. Ids of recent blocks are refused, so that a late relay does not put a transaction in
//! twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use crate::limits::{MAX_POOL_BYTES, MAX_POOL_COUNT, POOL_SHARES, RECENT_BLOCKS};
use crate::types::{BlockHash, Lookup, NodeId, Transaction, TxId};

/// Where a transaction came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Our own user, who may fill the pool.
    Local,
    /// A block that a reorg took off the chain.
    Reverted,
    /// A peer on another machine, by its host ([`crate::types::address::host`]).
    Host(IpAddr),
    /// A peer on this machine, by the name that it says it has.
    Neighbour(NodeId),
}

impl Source {
    /// Whether it may fill a share only.
    fn is_peer(&self) -> bool {
        matches!(self, Source::Host(_) | Source::Neighbour(_))
    }
}

/// Why a transaction is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It waits already.
    #[error("the transaction is in the pool already")]
    Known,
    /// A recent block has it.
    #[error("the transaction is in a recent block")]
    Recent,
    /// Only blocks carry coinbases.
    #[error("a coinbase cannot wait in the pool")]
    Coinbase,
    /// No room.
    #[error("the pool is full")]
    Full,
    /// This giver's share is used up.
    #[error("one giver may fill only its share of the pool")]
    ShareFull,
}

#[derive(Debug)]
struct Waiting {
    id: TxId,
    transaction: Arc<Transaction>,
    size: usize,
    source: Source,
}

/// The pool.
#[derive(Debug, Default)]
pub struct Mempool {
    /// By order of arrival, which is the order they are mined in.
    waiting: BTreeMap<u64, Waiting>,
    arrival: Lookup<TxId, u64>,
    next: u64,
    bytes: usize,
    /// Bytes that wait, by who gave them: a share is used until they go, whether or not their giver does.
    shares: BTreeMap<Source, usize>,
    /// Ids of the newest blocks of the active chain, oldest first.
    recent: VecDeque<(BlockHash, Arc<[TxId]>)>,
    /// How many of those blocks have an id, of all but the last `fresh`.
    recent_ids: Lookup<TxId, usize>,
    /// Blocks whose ids nobody asked about since they came: a sync brings millions and forgets them again.
    fresh: usize,
    /// What came since the last [`Mempool::take_changes`], by arrival.
    came: BTreeSet<u64>,
    /// What went since then, and had come before it.
    went: BTreeSet<TxId>,
}

/// What changed in the pool: what a store has to be told to hold what the pool holds.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// What waits since, by arrival.
    pub came: Vec<Arc<Transaction>>,
    /// Their ids, in the same order.
    pub ids: Vec<TxId>,
    /// What waits no longer.
    pub went: Vec<TxId>,
}

impl Mempool {
    /// Takes `transaction`, whose id is `id`.
    pub fn insert(&mut self, id: TxId, transaction: Arc<Transaction>, source: Source) -> Result<(), Refusal> {
        if transaction.as_coinbase().is_some() {
            return Err(Refusal::Coinbase);
        }
        if self.arrival.contains(&id) {
            return Err(Refusal::Known);
        }
        if self.is_recent(&id) {
            return Err(Refusal::Recent);
        }
        let size = transaction.size();
        if size > self.room(Source::Local) {
            return Err(Refusal::Full);
        }
        if size > self.room(source) {
            return Err(Refusal::ShareFull);
        }
        *self.shares.entry(source).or_default() += size;
        self.bytes += size;
        self.arrival.insert(id, self.next);
        self.waiting.insert(self.next, Waiting { id, transaction, size, source });
        // One that went and is back before that was told never went.
        if !self.went.remove(&id) {
            self.came.insert(self.next);
        }
        self.next += 1;
        Ok(())
    }

    /// How many bytes it takes from `source` now.
    pub fn room(&self, source: Source) -> usize {
        if self.waiting.len() >= MAX_POOL_COUNT {
            return 0;
        }
        let room = MAX_POOL_BYTES.saturating_sub(self.bytes);
        let share = self.shares.get(&source).copied().unwrap_or_default();
        match source.is_peer() {
            true => room.min((MAX_POOL_BYTES / POOL_SHARES).saturating_sub(share)),
            false => room,
        }
    }

    /// Whether anything changed since the last [`Mempool::take_changes`].
    pub fn has_changes(&self) -> bool {
        !self.came.is_empty() || !self.went.is_empty()
    }

    /// What changed since the last call. What came and went in between is not told.
    pub fn take_changes(&mut self) -> Changes {
        let came = core::mem::take(&mut self.came);
        let came = came.iter().filter_map(|at| self.waiting.get(at));
        let (ids, came) = came.map(|waiting| (waiting.id, waiting.transaction.clone())).unzip();
        Changes { came, ids, went: core::mem::take(&mut self.went).into_iter().collect() }
    }

    /// A block joined the active chain: what it has waits no longer.
    pub fn connect(&mut self, block: BlockHash, ids: impl Into<Arc<[TxId]>>) {
        let ids = ids.into();
        self.bury(&ids);
        self.recent.push_back((block, ids));
        self.fresh += 1;
        if self.recent.len() > RECENT_BLOCKS {
            self.forget_recent(0);
        }
    }

    /// A block joined the active chain that is too deep to be recent, and what left it may have given back what it has.
    pub fn bury(&mut self, ids: &[TxId]) {
        // A sync connects blocks of thousands of ids, and mostly nothing waits.
        if !self.waiting.is_empty() {
            ids.iter().for_each(|id| self.remove(id));
        }
    }

    /// A block left the active chain. Its contents are to be inserted again by whoever has them.
    pub fn disconnect(&mut self, block: BlockHash) {
        if let Some(at) = self.recent.iter().rposition(|(hash, _)| *hash == block) {
            self.forget_recent(at);
        }
    }

    /// Whether a recent block has `id`.
    fn is_recent(&mut self, id: &TxId) -> bool {
        let known = self.recent.len() - self.fresh;
        for (_, ids) in self.recent.range(known..) {
            for id in ids.iter() {
                *self.recent_ids.or_default(*id) += 1;
            }
        }
        self.fresh = 0;
        self.recent_ids.contains(id)
    }

    fn forget_recent(&mut self, at: usize) {
        let is_fresh = at >= self.recent.len() - self.fresh;
        let Some((_, ids)) = self.recent.remove(at) else { return };
        if is_fresh {
            self.fresh -= 1;
            return;
        }
        for id in ids.iter() {
            match self.recent_ids.get(id).copied() {
                Some(count) if count > 1 => {
                    self.recent_ids.insert(*id, count - 1);
                }
                _ => {
                    self.recent_ids.remove(id);
                }
            }
        }
    }

    fn remove(&mut self, id: &TxId) {
        let Some(at) = self.arrival.remove(id) else { return };
        let Some(waiting) = self.waiting.remove(&at) else { return };
        if !self.came.remove(&at) {
            self.went.insert(*id);
        }
        self.bytes -= waiting.size;
        if let Some(share) = self.shares.get_mut(&waiting.source) {
            *share -= waiting.size;
            if *share == 0 {
                self.shares.remove(&waiting.source);
            }
        }
    }

    /// The transaction of `id`, if it waits.
    pub fn get(&self, id: &TxId) -> Option<&Arc<Transaction>> {
        self.waiting.get(self.arrival.get(id)?).map(|waiting| &waiting.transaction)
    }

    /// Whether there is nothing to gain from being sent `id`.
    pub fn knows(&mut self, id: &TxId) -> bool {
        self.arrival.contains(id) || self.is_recent(id)
    }

    /// Those that come first and fit into `bytes` of a block.
    pub fn pick(&self, bytes: usize) -> Vec<Arc<Transaction>> {
        let mut left = bytes;
        let mut picked = Vec::new();
        for waiting in self.waiting.values() {
            if waiting.size <= left {
                left -= waiting.size;
                picked.push(waiting.transaction.clone());
            }
        }
        picked
    }

    /// All that wait, by arrival: ids and sizes in bytes.
    pub fn iter(&self) -> impl Iterator<Item = (TxId, usize)> + '_ {
        self.waiting.values().map(|waiting| (waiting.id, waiting.size))
    }

    /// Those that came at `from` or later, each with its number: they are counted as they come.
    pub fn since(&self, from: u64) -> impl Iterator<Item = (u64, TxId)> + '_ {
        self.waiting.range(from..).map(|(at, waiting)| (*at, waiting.id))
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Bytes of all that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests;
