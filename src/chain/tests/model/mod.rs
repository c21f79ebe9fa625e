//! The chain against a naive model of it, on generated trees delivered in any order.
//!
//! The model keeps lists, and after every step computes both chains from scratch: no links, no cached
//! work, no incremental switch. What both say must be equal at every step.

mod generate;
mod naive;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::*;
use generate::{Delivery, Run, Step, caps, deliveries, mine, runs};
use naive::Model;

/// A tree's block, by its place in the list of all.
type Id = usize;

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
    let mut arrived = Vec::new();
    let steps = deliveries.iter().flat_map(|d| d.ids(mined.len()).into_iter().map(|id| (d.step, id)));
    for (step, id) in steps {
        let block = &mined[id].block;
        match step {
            Step::Header => assert_eq!(chain.import_header(block.header(), LATE), model.header(id, false)),
            Step::Body | Step::EarlyBody => {
                let is_early = matches!(step, Step::EarlyBody);
                let outcome = chain.import(block, if is_early { early } else { LATE });
                if matches!(outcome, Outcome::Imported { .. }) {
                    arrived.push(*block.header());
                }
                assert_eq!(outcome, model.body(id, is_early));
            }
            Step::EarlyHeader => {
                assert_eq!(chain.import_header(block.header(), early), model.header(id, true))
            }
            Step::Reject => {
                chain.reject(&block.hash());
                model.reject(id);
            }
            Step::Forgotten => {
                let forgotten = core::mem::take(&mut model.forgotten);
                assert_eq!(chain.take_forgotten(), forgotten.into_iter().collect::<Vec<_>>());
            }
        }
        model.prune();
        model.agrees(&chain);
    }
    model.agrees_on_ancestors(&chain);
    restores(&chain, &arrived);
}

/// What a store keeps of `chain` makes the same chain again: the tip that was seen first, whatever ties
/// with it, and every block whose ancestors are stored as well.
fn restores(chain: &Chain, arrived: &[Header]) {
    let is_kept = |header: &Header| chain.get(&header.hash()).is_some_and(|entry| entry.has_body);
    // One that was pruned and came again is where it came last.
    let kept: Vec<Header> = (0..arrived.len())
        .filter(|at| is_kept(&arrived[*at]) && !arrived[at + 1..].contains(&arrived[*at]))
        .map(|at| arrived[at])
        .collect();
    let restored = Chain::restore(chain.params().clone(), &kept, chain.tip().hash).expect("it was a chain");
    let again = restored.chain;
    assert_eq!(again.tip(), chain.tip());
    for height in 0..=chain.tip().height {
        assert_eq!(again.active_at(height), chain.active_at(height));
    }
    let known: BTreeSet<BlockHash> = kept.iter().map(Header::hash).collect();
    let stored = |hash: &BlockHash| *hash == chain.params().genesis_hash() || known.contains(hash);
    for header in &kept {
        let mut at = header.hash();
        while stored(&at) && at != chain.params().genesis_hash() {
            at = chain.get(&at).expect("it is kept").header.previous;
        }
        let (hash, whole) = (header.hash(), stored(&at));
        assert_eq!(again.get(&hash).is_some_and(|entry| entry.has_body), whole);
        assert_eq!(restored.orphans.contains(&hash), !whole);
    }
}

proptest! {
    #![proptest_config(Config { cases: 256, failure_persistence: None, ..Config::default() })]

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
