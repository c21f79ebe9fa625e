//! The chain against a naive model of it, on generated trees delivered in any order.
//!
//! The model keeps lists, and after every step computes both chains from scratch: no links, no cached
//! work, no incremental switch. What both say must be equal at every step.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;
use crate::chain::testing::{block_of, checked, coinbase};
use crate::types::Work;

/// A tree's block, by its place in the list of all.
type Id = usize;

/// A mined block of a generated tree.
struct Mined {
    block: CheckedBlock,
    parent: Option<Id>,
    height: u64,
    work: Work,
    /// Its coinbase names its height.
    good: bool,
}

/// Some blocks in a row: upon which earlier one, how many, how far apart in time, which one is bad.
#[derive(Debug, Clone)]
struct Run {
    on: prop::sample::Index,
    len: usize,
    gap: u32,
    bad: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Header,
    Body,
    /// A body that came was found misshapen.
    Reject,
    /// The header, or the block, before its time.
    EarlyHeader,
    EarlyBody,
}

/// Mines the tree; bits and times are the rules', whatever becomes of the blocks.
fn mine(params: &Arc<Params>, runs: &[Run]) -> Vec<Mined> {
    let mut all: Chain = Chain::new(params.clone());
    let mut mined: Vec<Mined> = Vec::new();
    for (run_no, run) in runs.iter().enumerate() {
        // Place 0 is genesis.
        let on = run.on.index(mined.len() + 1);
        let mut parent = on.checked_sub(1);
        for place in 0..run.len {
            let previous = parent.map_or(params.genesis_hash(), |id| mined[id].block.hash());
            let index = all.tree.index(&previous).expect("mined before");
            let (height, mut header) = all.child_of(index);
            header.time = header.time.max(all.tree.slot(index).time + run.gap);
            let good = run.bad != Some(place);
            let named = if good { height } else { height + 1 };
            let note = format!("{run_no}.{place}");
            let block = checked(block_of(header, vec![coinbase(named, &note)]), params);
            assert_eq!(all.import_header(block.header(), LATE), HeaderOutcome::New);
            let work = all.get(&block.hash()).expect("just imported").work;
            mined.push(Mined { block, parent, height, work, good });
            parent = Some(mined.len() - 1);
        }
    }
    mined
}

struct Model<'a> {
    params: &'a Params,
    mined: &'a [Mined],
    cap: usize,
    /// When each header and body that is here came.
    headers: BTreeMap<Id, usize>,
    bodies: BTreeMap<Id, usize>,
    invalid: BTreeSet<Id>,
    forgotten: BTreeSet<BlockHash>,
    clock: usize,
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

    fn header(&mut self, id: Id, early: bool) -> HeaderOutcome {
        let block = &self.mined[id];
        if self.headers.contains_key(&id) {
            return match self.invalid.contains(&id) {
                true => HeaderOutcome::Invalid(Rule::KnownInvalid),
                false => HeaderOutcome::Known,
            };
        }
        match block.parent {
            Some(parent) if !self.headers.contains_key(&parent) => return HeaderOutcome::MissingParent,
            Some(parent) if self.invalid.contains(&parent) => {
                return HeaderOutcome::Invalid(Rule::InvalidParent);
            }
            _ => {}
        }
        if early {
            let at = u64::from(block.block.header().time) - self.params.max_future();
            return HeaderOutcome::TooEarly { retry_at: UnixTime::from_secs(at) };
        }
        self.clock += 1;
        self.headers.insert(id, self.clock);
        self.forgotten.remove(&block.block.hash());
        HeaderOutcome::New
    }

    fn body(&mut self, id: Id, early: bool) -> Outcome {
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
        if !self.mined[id].good {
            self.mark(id);
            return Outcome::Invalid(Rule::BadHeight);
        }
        self.clock += 1;
        self.bodies.insert(id, self.clock);
        let after = self.active();
        let hash = |id: &Id| self.mined[*id].block.hash();
        let new = |of: &[Id], than: &[Id]| -> Vec<BlockHash> {
            of.iter().filter(|id| !than.contains(id)).map(hash).collect()
        };
        let mut reverted = new(&before, &after);
        reverted.reverse();
        Outcome::Imported { connected: new(&after, &before), reverted }
    }

    fn reject(&mut self, id: Id) {
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
    fn prune(&mut self) {
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
            self.bodies.remove(&id);
            self.invalid.remove(&id);
            self.forgotten.insert(self.mined[id].block.hash());
        }
    }

    /// That `chain` says of itself what the model does.
    fn agrees(&mut self, chain: &mut Chain) {
        let hash = |id: &Id| self.mined[*id].block.hash();
        let (active, best) = (self.active(), self.best());
        let tip = |line: &[Id]| match line.last() {
            Some(id) => Tip { hash: hash(id), height: self.mined[*id].height, work: self.mined[*id].work },
            None => chain.tip_at(chain.tree.index(&self.params.genesis_hash()).expect("always there")),
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
                header: *mined.block.header(),
                hash: mined.block.hash(),
                height: mined.height,
                work: mined.work,
                has_body: self.bodies.contains_key(&id),
                invalid: self.invalid.contains(&id),
            });
            assert_eq!(chain.get(&mined.block.hash()), expected);
            assert_eq!(chain.is_active(&mined.block.hash()), active.contains(&id));
        }
        assert_eq!(
            chain.take_forgotten(),
            core::mem::take(&mut self.forgotten).into_iter().collect::<Vec<_>>()
        );
    }

    /// Every ancestor of every entry, by the list of its line.
    fn agrees_on_ancestors(&self, chain: &Chain) {
        for id in self.headers.keys() {
            let of = self.mined[*id].block.hash();
            for at in self.line(Some(*id)) {
                let ancestor = Some(self.mined[at].block.hash());
                assert_eq!(chain.ancestor_at(&of, self.mined[at].height), ancestor);
            }
            assert_eq!(chain.ancestor_at(&of, 0), Some(self.params.genesis_hash()));
            assert_eq!(chain.ancestor_at(&of, self.mined[*id].height + 1), None);
        }
    }
}

fn compare(params: Params, runs: &[Run], deliveries: &[Delivery], cap: usize) {
    let params = Arc::new(params);
    let mined = mine(&params, runs);
    let mut chain = Chain::with_cap(params.clone(), cap);
    let mut model = Model {
        params: &params,
        mined: &mined,
        cap,
        headers: BTreeMap::new(),
        bodies: BTreeMap::new(),
        invalid: BTreeSet::new(),
        forgotten: BTreeSet::new(),
        clock: 0,
    };
    let early = UnixTime::default();
    let steps = deliveries.iter().flat_map(|d| d.ids(mined.len()).into_iter().map(|id| (d.step, id)));
    for (step, id) in steps {
        let block = &mined[id].block;
        match step {
            Step::Header => assert_eq!(chain.import_header(block.header(), LATE), model.header(id, false)),
            Step::Body => assert_eq!(chain.import(block, LATE), model.body(id, false)),
            Step::EarlyHeader => {
                assert_eq!(chain.import_header(block.header(), early), model.header(id, true))
            }
            Step::EarlyBody => assert_eq!(chain.import(block, early), model.body(id, true)),
            Step::Reject => {
                chain.reject(&block.hash());
                model.reject(id);
            }
        }
        model.prune();
        model.agrees(&mut chain);
    }
    model.agrees_on_ancestors(&chain);
}

/// Runs of up to `len` blocks; every eighth or so has a bad one.
fn runs(count: usize, len: usize, gaps: &'static [u32]) -> impl Strategy<Value = Vec<Run>> {
    let run = (any::<prop::sample::Index>(), 1..=len, prop::sample::select(gaps), 0..8 * len)
        .prop_map(|(on, len, gap, bad)| Run { on, len, gap, bad: (bad < len).then_some(bad) });
    prop::collection::vec(run, 1..=count)
}

/// Steps that come one by one or, as in a sync, in sweeps over neighbours, up or down.
#[derive(Debug, Clone)]
struct Delivery {
    step: Step,
    from: prop::sample::Index,
    len: usize,
    down: bool,
}

impl Delivery {
    fn ids(&self, count: usize) -> Vec<Id> {
        let from = self.from.index(count);
        let mut ids: Vec<Id> = (from..count.min(from + self.len)).collect();
        if self.down {
            ids.reverse();
        }
        ids
    }
}

fn deliveries(count: usize, len: usize) -> impl Strategy<Value = Vec<Delivery>> {
    let step = prop_oneof![
        20 => Just(Step::Header),
        20 => Just(Step::Body),
        1 => Just(Step::Reject),
        1 => Just(Step::EarlyHeader),
        1 => Just(Step::EarlyBody),
    ];
    let swept = prop_oneof![Just(1), 1..=len];
    let delivery = (step, any::<prop::sample::Index>(), swept, any::<bool>())
        .prop_map(|(step, from, len, down)| Delivery { step, from, len, down });
    prop::collection::vec(delivery, 1..=count)
}

/// Seldom pruned, often pruned, nothing kept beside the chains.
fn caps() -> impl Strategy<Value = usize> {
    prop_oneof![2 => Just(1000usize), 2 => 1..8usize, 1 => Just(0)]
}

proptest! {
    #![proptest_config(Config { cases: 96, failure_persistence: None, ..Config::default() })]

    /// Every block weighs the same: height is work, and ties abound.
    #[test]
    fn on_a_fixed_network(
        runs in runs(8, 4, &[0, 1]),
        deliveries in deliveries(40, 12),
        cap in caps(),
    ) {
        compare(Params::regtest(), &runs, &deliveries, cap);
    }

    /// Forks of more than a window, fast or slow: a block weighs 8 or 32, and height is not work.
    #[test]
    fn on_a_network_whose_difficulty_moves(
        runs in runs(6, 24, &[1, 60]),
        deliveries in deliveries(16, 60),
        cap in caps(),
    ) {
        compare(Params::lab(3, Some(10)).expect("good rules"), &runs, &deliveries, cap);
    }
}
