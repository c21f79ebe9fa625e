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
            Step::Forgotten => {
                let forgotten = core::mem::take(&mut model.forgotten);
                assert_eq!(chain.take_forgotten(), forgotten.into_iter().collect::<Vec<_>>());
            }
        }
        model.prune();
        model.agrees(&chain);
    }
    model.agrees_on_ancestors(&chain);
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
