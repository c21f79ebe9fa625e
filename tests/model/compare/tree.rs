//! Trees of blocks, mined for real, and the orders in which they come.

use std::sync::Arc;

use p2pnode::chain::{Chain, CheckedBlock, HeaderOutcome, Rule};
use p2pnode::encoding::Text;
use p2pnode::miner::Search;
use p2pnode::params::Params;
use p2pnode::types::{Block, Coinbase, Header, NodeId, Target, Template, Work};

use super::{Id, LATE};

/// What is wrong with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// Its coinbase names another height.
    Height,
    /// Its hash does not meet its target.
    Pow,
    /// Its bits are a good target, and not the one that is due.
    Bits,
    /// Its time is a second before the earliest.
    Time,
}

impl Bad {
    /// The rule that its header breaks by itself, if it does.
    pub(super) fn of_header(self) -> Option<Rule> {
        match self {
            Bad::Height => None,
            Bad::Pow => Some(Rule::BadPow),
            Bad::Bits => Some(Rule::BadBits),
            Bad::Time => Some(Rule::TimeTooOld),
        }
    }
}

/// A mined block of a generated tree.
pub(super) struct Mined {
    pub(super) header: Header,
    /// None of a block without proof of work.
    pub(super) block: Option<CheckedBlock>,
    pub(super) parent: Option<Id>,
    pub(super) height: u64,
    /// Of it and its ancestors, if it can be in a chain at all.
    pub(super) work: Work,
    pub(super) bad: Option<Bad>,
}

/// Some blocks in a row: upon which earlier one, how many, how far apart in time, which one is bad.
#[derive(Debug, Clone)]
pub struct Run {
    pub on: u16,
    pub len: u16,
    pub gap: u32,
    pub bad: Option<(u16, Bad)>,
}

#[derive(Debug, Clone, Copy)]
pub enum Step {
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
    let mut all = Chain::new(params.clone());
    let mut mined: Vec<Mined> = Vec::new();
    for (run_no, run) in runs.iter().enumerate() {
        // Place 0 is genesis.
        let mut parent = (usize::from(run.on) % (mined.len() + 1)).checked_sub(1);
        for place in 0..run.len {
            let previous = parent.map_or(params.genesis().header, |id| mined[id].header);
            let due = all.child_of(&previous.hash());
            let bad = run.bad.filter(|(at, _)| *at == place).map(|(_, bad)| bad);
            let note = format!("{run_no}.{place}");
            let next = match due {
                Some((height, mut header)) => {
                    header.time = header.time.max(previous.time + run.gap);
                    one(params, parent, height, header, bad, &note)
                }
                // On a header that no chain takes.
                None => {
                    let height = parent.map_or(0, |id| mined[id].height) + 1;
                    let header =
                        Header { previous: previous.hash(), time: previous.time + run.gap, ..previous };
                    one(params, parent, height, header, bad, &note)
                }
            };
            let expected = match bad.and_then(Bad::of_header) {
                Some(Rule::BadPow) => HeaderOutcome::Invalid(Rule::BadPow),
                _ if due.is_none() => HeaderOutcome::MissingParent,
                Some(rule) => HeaderOutcome::Invalid(rule),
                None => HeaderOutcome::New,
            };
            assert_eq!(all.import_header(&next.header, LATE), expected);
            let work = all.get(&next.header.hash()).map_or(Work::ZERO, |entry| entry.work);
            mined.push(Mined { work, ..next });
            parent = Some(mined.len() - 1);
        }
    }
    mined
}

fn one(
    params: &Params,
    parent: Option<Id>,
    height: u64,
    mut header: Header,
    bad: Option<Bad>,
    note: &str,
) -> Mined {
    match bad {
        Some(Bad::Bits) => {
            let harder = (1..).map(Target::from_leading_zeros).filter(|target| *target < params.limit());
            let mut others = harder.map(Target::to_compact).filter(|bits| *bits != header.bits);
            header.bits = others.next().expect("many are harder");
        }
        Some(Bad::Time) => header.time = params.genesis().header.time - 1,
        _ => {}
    }
    let named = if bad == Some(Bad::Height) { height + 1 } else { height };
    let block = block(header, named, note, bad != Some(Bad::Pow));
    let header = block.header;
    let checked = CheckedBlock::check(block, params);
    assert_eq!(checked.is_err(), bad == Some(Bad::Pow), "the rest is found out by the chain");
    Mined { header, block: checked.ok(), parent, height, work: Work::ZERO, bad }
}

/// A block of a coinbase, with proof of work or without.
fn block(header: Header, height: u64, note: &str, with_work: bool) -> Block {
    let coinbase = Coinbase { height, miner: NodeId::default(), extra_nonce: 0, note: Text::clipped(note) };
    let template = Template::new(header, coinbase, Vec::new());
    let mut header = template.header(0, header.time);
    if with_work {
        header.nonce = Search::new(&header).run(0, 1 << 32).nonce.expect("an easy target");
    } else {
        let target = header.bits.to_target().expect("a target");
        header.nonce = (0..)
            .find(|nonce| !target.is_met_by(&Header { nonce: *nonce, ..header }.hash()))
            .expect("most do not");
    }
    template.block(header, 0)
}

/// Steps that come one by one or, as in a sync, in sweeps over neighbours, up or down.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub step: Step,
    pub from: u16,
    pub len: u16,
    pub down: bool,
}

impl Delivery {
    pub(super) fn ids(&self, count: usize) -> Vec<Id> {
        let from = usize::from(self.from) % count;
        let mut ids: Vec<Id> = (from..count.min(from + usize::from(self.len))).collect();
        if self.down {
            ids.reverse();
        }
        ids
    }
}
