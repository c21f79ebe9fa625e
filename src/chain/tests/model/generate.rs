//! Trees of blocks, mined for real, and the orders in which they come.

use proptest::prelude::*;

use super::*;
use crate::chain::testing::{block_of, checked, coinbase};
use crate::types::Work;

/// A mined block of a generated tree.
pub(super) struct Mined {
    pub(super) block: CheckedBlock,
    pub(super) parent: Option<Id>,
    pub(super) height: u64,
    pub(super) work: Work,
    /// Its coinbase names its height.
    pub(super) good: bool,
}

/// Some blocks in a row: upon which earlier one, how many, how far apart in time, which one is bad.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) on: prop::sample::Index,
    pub(super) len: usize,
    pub(super) gap: u32,
    pub(super) bad: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Header,
    Body,
    /// A body that came was found misshapen.
    Reject,
    /// The header, or the block, before its time.
    EarlyHeader,
    EarlyBody,
    /// What was pruned since it was last asked.
    Forgotten,
}

/// Mines the tree; bits and times are the rules', whatever becomes of the blocks.
pub(super) fn mine(params: &Arc<Params>, runs: &[Run]) -> Vec<Mined> {
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

/// Runs of up to `len` blocks; every eighth or so has a bad one.
pub(super) fn runs(count: usize, len: usize, gaps: &'static [u32]) -> impl Strategy<Value = Vec<Run>> {
    let run = (any::<prop::sample::Index>(), 1..=len, prop::sample::select(gaps), 0..8 * len)
        .prop_map(|(on, len, gap, bad)| Run { on, len, gap, bad: (bad < len).then_some(bad) });
    prop::collection::vec(run, 1..=count)
}

/// Steps that come one by one or, as in a sync, in sweeps over neighbours, up or down.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) step: Step,
    from: prop::sample::Index,
    len: usize,
    down: bool,
}

impl Delivery {
    pub(super) fn ids(&self, count: usize) -> Vec<Id> {
        let from = self.from.index(count);
        let mut ids: Vec<Id> = (from..count.min(from + self.len)).collect();
        if self.down {
            ids.reverse();
        }
        ids
    }
}

pub(super) fn deliveries(count: usize, len: usize) -> impl Strategy<Value = Vec<Delivery>> {
    let step = prop_oneof![
        20 => Just(Step::Header),
        20 => Just(Step::Body),
        1 => Just(Step::Reject),
        1 => Just(Step::EarlyHeader),
        1 => Just(Step::EarlyBody),
        4 => Just(Step::Forgotten),
    ];
    let swept = prop_oneof![Just(1), 1..=len];
    let delivery = (step, any::<prop::sample::Index>(), swept, any::<bool>())
        .prop_map(|(step, from, len, down)| Delivery { step, from, len, down });
    prop::collection::vec(delivery, 1..=count)
}

/// Seldom pruned, often pruned, nothing kept beside the chains.
pub(super) fn caps() -> impl Strategy<Value = usize> {
    prop_oneof![2 => Just(1000usize), 2 => 1..8usize, 1 => Just(0)]
}
