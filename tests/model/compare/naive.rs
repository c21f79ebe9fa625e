//! The model: lists, and everything computed from them again at each step.

use std::collections::{BTreeMap, BTreeSet};

use p2pnode::chain::{Chain, Entry, HeaderOutcome, Outcome, Rule, Tip};
use p2pnode::params::Params;
use p2pnode::time::UnixTime;
use p2pnode::types::BlockHash;

use super::Id;
use super::tree::{Bad, Mined};

pub(super) struct Model<'a> {
    pub(super) params: &'a Params,
    pub(super) mined: &'a [Mined],
    pub(super) cap: usize,
    /// When each header and body that is here came.
    pub(super) headers: BTreeMap<Id, usize>,
    pub(super) bodies: BTreeMap<Id, usize>,
    pub(super) invalid: BTreeSet<Id>,
    pub(super) forgotten: BTreeSet<BlockHash>,
    pub(super) clock: usize,
}

impl Model<'_> {
    /// From `id` (none: genesis) down to the block after genesis.
    fn line(&self, id: Option<Id>) -> Vec<Id> {
        core::iter::successors(id, |id| self.mined[*id].parent).collect()
    }

    /// Of those that may be a tip, the most work, then the first seen; by place, lowest first.
    fn chain(&self, seen: impl Fn(Id) -> Option<usize>) -> Vec<Id> {
        let key = |id: &Id| Some((self.mined[*id].work, seen(*id)?, self.headers[id]));
        let better = |a: &Id, b: &Id| match (key(a), key(b)) {
            (Some(a), Some(b)) => a.0.cmp(&b.0).then(b.1.cmp(&a.1)).then(b.2.cmp(&a.2)),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        let tip = self.headers.keys().copied().filter(|id| key(id).is_some()).max_by(better);
        self.line(tip).into_iter().rev().collect()
    }

    fn best(&self) -> Vec<Id> {
        self.chain(|id| (!self.invalid.contains(&id)).then(|| self.headers[&id]))
    }

    /// A branch is complete when the last of its bodies came.
    fn active(&self) -> Vec<Id> {
        self.chain(|id| {
            let came: Option<Vec<usize>> =
                self.line(Some(id)).iter().map(|at| self.bodies.get(at).copied()).collect();
            came?.into_iter().max()
        })
    }

    pub(super) fn header(&mut self, id: Id, early: bool) -> HeaderOutcome {
        let block = &self.mined[id];
        if self.headers.contains_key(&id) {
            return match self.invalid.contains(&id) {
                true => HeaderOutcome::Invalid(Rule::KnownInvalid),
                false => HeaderOutcome::Known,
            };
        }
        let broken = block.bad.and_then(Bad::of_header);
        if broken == Some(Rule::BadPow) {
            return HeaderOutcome::Invalid(Rule::BadPow);
        }
        match block.parent {
            Some(parent) if !self.headers.contains_key(&parent) => return HeaderOutcome::MissingParent,
            Some(parent) if self.invalid.contains(&parent) => {
                return HeaderOutcome::Invalid(Rule::InvalidParent);
            }
            _ => {}
        }
        if let Some(rule) = broken {
            return HeaderOutcome::Invalid(rule);
        }
        if early {
            let at = u64::from(block.header.time) - self.params.max_future();
            return HeaderOutcome::TooEarly { retry_at: UnixTime::from_secs(at) };
        }
        self.clock += 1;
        self.headers.insert(id, self.clock);
        HeaderOutcome::New
    }

    pub(super) fn body(&mut self, id: Id, early: bool) -> Outcome {
        let before = self.active();
        match self.header(id, early) {
            HeaderOutcome::New | HeaderOutcome::Known => {}
            HeaderOutcome::MissingParent => return Outcome::MissingParent,
            HeaderOutcome::TooEarly { retry_at } => return Outcome::TooEarly { retry_at },
            HeaderOutcome::Invalid(rule) => return Outcome::Invalid(rule),
        }
        if self.bodies.contains_key(&id) {
            return Outcome::Duplicate;
        }
        if self.mined[id].bad == Some(Bad::Height) {
            self.mark(id);
            return Outcome::Invalid(Rule::BadHeight);
        }
        self.clock += 1;
        self.bodies.insert(id, self.clock);
        self.forgotten.remove(&self.mined[id].header.hash());
        let after = self.active();
        let hash = |id: &Id| self.mined[*id].header.hash();
        let new = |of: &[Id], than: &[Id]| -> Vec<BlockHash> {
            of.iter().filter(|id| !than.contains(id)).map(hash).collect()
        };
        let mut reverted = new(&before, &after);
        reverted.reverse();
        Outcome::Imported { connected: new(&after, &before), reverted }
    }

    pub(super) fn reject(&mut self, id: Id) {
        if self.headers.contains_key(&id) && !self.bodies.contains_key(&id) {
            self.mark(id);
        }
    }

    fn mark(&mut self, id: Id) {
        let above: Vec<Id> =
            self.headers.keys().copied().filter(|other| self.line(Some(*other)).contains(&id)).collect();
        self.invalid.extend(above);
    }

    /// Drops the lightest leaf beside the chains until no more than the cap are left.
    pub(super) fn prune(&mut self) {
        loop {
            let on_chains: BTreeSet<Id> = self.active().into_iter().chain(self.best()).collect();
            let side: Vec<Id> = self.headers.keys().copied().filter(|id| !on_chains.contains(id)).collect();
            if side.len() <= self.cap {
                return;
            }
            let is_leaf = |id: &Id| !self.headers.keys().any(|other| self.mined[*other].parent == Some(*id));
            let leaves = side.into_iter().filter(is_leaf);
            let least = leaves.min_by_key(|id| (self.mined[*id].work, self.headers[id]));
            let id = least.expect("beside the chains there is a leaf");
            self.headers.remove(&id);
            self.invalid.remove(&id);
            // What has no body is stored nowhere.
            if self.bodies.remove(&id).is_some() {
                self.forgotten.insert(self.mined[id].header.hash());
            }
        }
    }

    /// That `chain` says of itself what the model does.
    pub(super) fn agrees(&self, chain: &Chain) {
        let hash = |id: &Id| self.mined[*id].header.hash();
        let (active, best) = (self.active(), self.best());
        let tip = |line: &[Id]| match line.last() {
            Some(id) => Tip { hash: hash(id), height: self.mined[*id].height, work: self.mined[*id].work },
            None => {
                let entry = chain.get(&self.params.genesis_hash()).expect("always there");
                Tip { hash: entry.hash, height: entry.height, work: entry.work }
            }
        };
        assert_eq!((chain.tip(), chain.best_header()), (tip(&active), tip(&best)));
        let common = active.iter().zip(&best).take_while(|(a, b)| a == b).count();
        assert_eq!(chain.common_height(), common as u64);
        assert_eq!(chain.len(), self.headers.len() + 1);
        for (height, id) in (1..).zip(&active) {
            assert_eq!(chain.active_at(height), Some(hash(id)));
        }
        for (height, id) in (1..).zip(&best) {
            assert_eq!(chain.best_header_at(height), Some(hash(id)));
        }
        for (id, mined) in self.mined.iter().enumerate() {
            let expected = self.headers.contains_key(&id).then(|| Entry {
                header: mined.header,
                hash: mined.header.hash(),
                height: mined.height,
                work: mined.work,
                has_body: self.bodies.contains_key(&id),
                invalid: self.invalid.contains(&id),
            });
            assert_eq!(chain.get(&mined.header.hash()), expected);
            assert_eq!(chain.is_active(&mined.header.hash()), active.contains(&id));
        }
    }

    /// Every ancestor of every entry, by the list of its line.
    pub(super) fn agrees_on_ancestors(&self, chain: &Chain) {
        for id in self.headers.keys() {
            let of = self.mined[*id].header.hash();
            for at in self.line(Some(*id)) {
                let ancestor = Some(self.mined[at].header.hash());
                assert_eq!(chain.ancestor_at(&of, self.mined[at].height), ancestor);
            }
            assert_eq!(chain.ancestor_at(&of, 0), Some(self.params.genesis_hash()));
            assert_eq!(chain.ancestor_at(&of, self.mined[*id].height + 1), None);
        }
    }
}
