//! The block tree: which blocks are good, and which branch has the most work.
//!
//! Headers and bodies come in separately and in any order. A header is checked in full when it comes (its
//! parent must be known); a body is checked without context first ([`CheckedBlock`]) and, once its header
//! is in the tree, against its height. What is asked of the tree is answered with an [`Outcome`].
//!
//! Two chains are tracked: the **active** one ends in the valid block with the most work whose ancestors'
//! bodies are all here, the **best headers'** ends in the valid header with the most work. Of equal work,
//! the first seen stays.
//!
//! Lives here: consensus, as pure values. Not here: bodies of blocks (`store` keeps them), peers, clocks.

pub mod branch;
pub mod check;
pub mod difficulty;
mod error;
mod outcome;
mod restore;
mod rules;
mod tips;
mod tree;

pub use branch::{BadBranch, CheckedBranch};
pub use check::CheckedBlock;
pub use error::Rule;
pub use outcome::{Entry, HeaderOutcome, Outcome, Tip};
pub use restore::{NotRestored, Restored};
pub use tips::{BranchEnd, Status};

use std::sync::Arc;

use crate::limits::MAX_SIDE_ENTRIES;
use crate::params::Params;
use crate::time::UnixTime;
use crate::types::{BlockHash, Header, Target, Transaction, Work};
use tree::{Index, Slot, Tree};

/// The block tree of one network.
#[derive(Debug)]
pub struct Chain {
    params: Arc<Params>,
    tree: Tree,
}

impl Chain {
    /// A tree that holds genesis.
    pub fn new(params: Arc<Params>) -> Chain {
        Chain::with_cap(params, MAX_SIDE_ENTRIES)
    }

    /// A tree that keeps `cap` entries beside its two chains.
    pub fn with_cap(params: Arc<Params>, cap: usize) -> Chain {
        let tree = Tree::new(&params.genesis().header, params.genesis_hash(), cap);
        Chain { params, tree }
    }

    /// Keeps `cap` entries beside the two chains from now on; what is too much goes at once.
    pub fn set_cap(&mut self, cap: usize) {
        self.tree.set_cap(cap);
    }

    /// The network's rules.
    pub fn params(&self) -> &Arc<Params> {
        &self.params
    }

    /// Takes in a header.
    pub fn import_header(&mut self, header: &Header, now: UnixTime) -> HeaderOutcome {
        let hash = header.hash();
        let outcome = self.header_outcome(header, hash, now);
        if outcome == HeaderOutcome::New {
            self.tree.insert(header, hash);
            self.tree.prune();
        }
        outcome
    }

    /// What [`Chain::import_header`] would answer; changes nothing.
    fn header_outcome(&self, header: &Header, hash: BlockHash, now: UnixTime) -> HeaderOutcome {
        if let Some(slot) = self.tree.get(&hash) {
            return match slot.invalid {
                true => HeaderOutcome::Invalid(Rule::KnownInvalid),
                false => HeaderOutcome::Known,
            };
        }
        if header.previous == BlockHash::ZERO {
            return HeaderOutcome::Invalid(Rule::GenesisMismatch);
        }
        if let Err(rule) = check::proof_of_work(header, &hash, &self.params) {
            return HeaderOutcome::Invalid(rule);
        }
        let Some(parent) = self.tree.index(&header.previous) else { return HeaderOutcome::MissingParent };
        if self.tree.slot(parent).invalid {
            return HeaderOutcome::Invalid(Rule::InvalidParent);
        }
        if let Err(rule) = rules::check_header(header, &self.tree, parent, &self.params) {
            return HeaderOutcome::Invalid(rule);
        }
        match rules::too_early(header.time, now, &self.params) {
            Some(retry_at) => HeaderOutcome::TooEarly { retry_at },
            None => HeaderOutcome::New,
        }
    }

    /// The work that `header` by itself proves: of what its bits ask for, if its hash has it. Whether those
    /// bits are due is not looked at.
    pub fn proved_work(&self, header: &Header) -> Result<Work, Rule> {
        check::proof_of_work(header, &header.hash(), &self.params)?;
        header.bits.to_target().map(Target::work).map_err(|_| Rule::BadBits)
    }

    /// Takes in a block: its header, if that is new, and its body.
    pub fn import(&mut self, block: &CheckedBlock, now: UnixTime) -> Outcome {
        let hash = block.hash();
        let index = match self.header_outcome(block.header(), hash, now) {
            HeaderOutcome::New => self.tree.insert(block.header(), hash),
            HeaderOutcome::Known => self.tree.index(&hash),
            HeaderOutcome::MissingParent => return Outcome::MissingParent,
            HeaderOutcome::TooEarly { retry_at } => return Outcome::TooEarly { retry_at },
            HeaderOutcome::Invalid(rule) => return Outcome::Invalid(rule),
        };
        let Some(index) = index else { return Outcome::MissingParent };
        let slot = self.tree.slot(index);
        if slot.has_body {
            return Outcome::Duplicate;
        }
        let height = slot.height;
        let coinbase = block.block().transactions.first().and_then(Transaction::as_coinbase);
        if coinbase.is_none_or(|coinbase| coinbase.height != height) {
            self.tree.mark_invalid(index);
            self.tree.prune();
            return Outcome::Invalid(Rule::BadHeight);
        }
        let (connected, reverted) = self.tree.add_body(index);
        self.tree.prune();
        Outcome::Imported { connected, reverted }
    }

    /// Marks a header whose own body broke a rule, and all that builds on it. Only for rules that the
    /// header commits to (not [`Rule::is_body_only`]).
    pub fn reject(&mut self, hash: &BlockHash) {
        if let Some(index) = self.tree.index(hash)
            && !self.tree.slot(index).has_body
        {
            self.tree.mark_invalid(index);
            self.tree.prune();
        }
    }

    /// The end of the active chain.
    pub fn tip(&self) -> Tip {
        self.tip_at(self.tree.active_tip())
    }

    /// The end of the best headers' chain.
    pub fn best_header(&self) -> Tip {
        self.tip_at(self.tree.best_tip())
    }

    /// What is known of `hash`.
    pub fn get(&self, hash: &BlockHash) -> Option<Entry> {
        let index = self.tree.index(hash)?;
        let slot = self.tree.slot(index);
        Some(Entry {
            header: self.tree.header(index),
            hash: slot.hash,
            height: slot.height,
            work: slot.work(),
            has_body: slot.has_body,
            invalid: slot.invalid,
        })
    }

    /// Whether the body of `hash` is here.
    pub fn has_body(&self, hash: &BlockHash) -> bool {
        self.tree.get(hash).is_some_and(|slot| slot.has_body)
    }

    /// Whether the header `hash` is here and good, and its body is not here.
    pub fn lacks_body(&self, hash: &BlockHash) -> bool {
        self.tree.get(hash).is_some_and(|slot| !slot.has_body && !slot.invalid)
    }

    /// The height of `hash`, if it is in the tree.
    pub fn height(&self, hash: &BlockHash) -> Option<u64> {
        self.tree.get(hash).map(|slot| slot.height)
    }

    /// Work of `hash` and all its ancestors, if it is in the tree.
    pub fn work(&self, hash: &BlockHash) -> Option<Work> {
        self.tree.get(hash).map(Slot::work)
    }

    /// The active chain's block at `height`.
    pub fn active_at(&self, height: u64) -> Option<BlockHash> {
        self.tree.active_at(height).map(|index| self.tree.slot(index).hash)
    }

    /// Whether `hash` is on the active chain.
    pub fn is_active(&self, hash: &BlockHash) -> bool {
        self.tree.index(hash).is_some_and(|index| self.tree.is_active(index))
    }

    /// The best headers' block at `height`.
    pub fn best_header_at(&self, height: u64) -> Option<BlockHash> {
        self.tree.best_at(height).map(|index| self.tree.slot(index).hash)
    }

    /// The greatest height at which the active chain and the best headers' chain agree.
    pub fn common_height(&self) -> u64 {
        self.tree.common_height()
    }

    /// The ancestor of `of` at `height`, itself included. Constant time on the two chains, a walk to the
    /// nearer one from a side branch.
    pub fn ancestor_at(&self, of: &BlockHash, height: u64) -> Option<BlockHash> {
        let ancestor = self.tree.ancestor(self.tree.index(of)?, height)?;
        Some(self.tree.slot(ancestor).hash)
    }

    /// Hashes on the best headers' chain from the parent of its end back: ten in a row, then twice as far
    /// each time, genesis last. Whoever gets them finds where our chains part; and whoever has the same end
    /// answers with it, so that we know.
    pub fn locator(&self) -> Vec<BlockHash> {
        let mut hashes = Vec::new();
        let (mut height, mut step) = (self.best_header().height.saturating_sub(1), 1u64);
        while height > 0 {
            hashes.extend(self.best_header_at(height));
            if hashes.len() >= 10 {
                step = step.saturating_mul(2);
            }
            height = height.saturating_sub(step);
        }
        hashes.push(self.params.genesis_hash());
        hashes
    }

    /// Up to `max` headers of the active chain after the first of `locator` that is on it (after genesis,
    /// if none is), up to and including `stop`.
    pub fn headers_after(&self, locator: &[BlockHash], stop: Option<&BlockHash>, max: usize) -> Vec<Header> {
        let on_it = |hash: &BlockHash| self.tree.index(hash).filter(|index| self.tree.is_active(*index));
        let from = locator.iter().find_map(on_it).map_or(0, |index| self.tree.slot(index).height);
        let mut headers = Vec::new();
        for height in from + 1..=self.tip().height {
            let Some(index) = self.tree.active_at(height) else { break };
            if headers.len() >= max {
                break;
            }
            headers.push(self.tree.header(index));
            if stop == Some(&self.tree.slot(index).hash) {
                break;
            }
        }
        headers
    }

    /// The height of the next block, and its header as far as the rules decide it: on the tip, with the
    /// bits that are due and the earliest time; Merkle root and nonce are zero.
    pub fn next_header(&self) -> (u64, Header) {
        self.header_on(self.tree.active_tip())
    }

    /// When that block may be made, if it would be from the future for a clock that says `now`, or builds on
    /// one that is: nobody whose clock is the same would take it.
    pub fn mineable_from(&self, now: UnixTime) -> Option<UnixTime> {
        let (_, header) = self.next_header();
        rules::too_early(header.time, now, &self.params).max(self.from_future(now))
    }

    /// When others take the newest blocks of the active chain, if one of them is from the future for a clock
    /// that says `now`: it was taken when the clock was ahead. Of older ones the median says it.
    pub fn from_future(&self, now: UnixTime) -> Option<UnixTime> {
        rules::too_early(rules::latest_time(&self.tree, self.tree.active_tip()), now, &self.params)
    }

    /// The same for a child of `parent`, on whatever branch that is.
    pub fn child_of(&self, parent: &BlockHash) -> Option<(u64, Header)> {
        self.tree.index(parent).map(|index| self.header_on(index))
    }

    fn header_on(&self, parent: Index) -> (u64, Header) {
        let header = Header {
            version: 1,
            previous: self.tree.slot(parent).hash,
            merkle_root: Default::default(),
            time: rules::earliest_time(&self.tree, parent, &self.params),
            bits: rules::required_bits(&self.tree, parent, &self.params),
            nonce: 0,
        };
        (self.tree.slot(parent).height + 1, header)
    }

    /// The median time of `hash` and its ten ancestors, in seconds since 1970.
    pub fn median_time(&self, hash: &BlockHash) -> Option<u32> {
        Some(rules::median_time(&self.tree, self.tree.index(hash)?))
    }

    /// Blocks that were dropped from the tree with their bodies since the last call, because too many were kept
    /// beside the two chains.
    pub fn take_forgotten(&mut self) -> Vec<BlockHash> {
        self.tree.take_forgotten()
    }

    /// Entries in the tree.
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Entries on neither of the two chains: at most [`MAX_SIDE_ENTRIES`].
    pub fn side_len(&self) -> usize {
        self.tree.side_len()
    }

    /// Never: genesis is always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    fn tip_at(&self, index: Index) -> Tip {
        let slot = self.tree.slot(index);
        Tip { hash: slot.hash, height: slot.height, work: slot.work() }
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
