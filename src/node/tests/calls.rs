//! Mining calls that are cancelled: who asked is told the truth about the block.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::limits::MAX_MINING_QUEUE;
use crate::node::io::{Answer, Command, CommandId, Input};
use crate::params::Params;
use crate::types::BlockHash;

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Somebody asks for a block.
    Ask,
    /// The miner finds one, which the node does not know yet.
    Find,
    /// The node hears of it.
    Hear,
    /// The oldest commit is durable.
    Store,
    /// Who asked so many calls ago waits no longer.
    Cancel(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Ask),
        Just(Step::Find),
        Just(Step::Hear),
        Just(Step::Store),
        (0..3u64).prop_map(Step::Cancel),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Row 79 of docs/hostile.md. In any order: every call is answered once, and the blocks that are told are those of the chain.
    #[test]
    fn a_block_is_told_exactly_if_it_was_found_for_the_call(steps in steps()) {
        let mut alice = Alice::new(1, Params::regtest());
        alice.hold_store = true;
        let (mut asked, mut on_its_way) = (0, None);
        for step in steps {
            match step {
                Step::Ask => {
                    alice.command(asked, Command::Mine(None));
                    asked += 1;
                }
                Step::Find if alice.job.is_some() => on_its_way = Some(alice.found().1),
                Step::Hear => on_its_way.take().into_iter().for_each(|found| alice.input(found)),
                Step::Store if !alice.held.is_empty() => alice.store_one(),
                Step::Cancel(ago) if ago < asked => alice.input(Input::Cancel(CommandId(asked - 1 - ago))),
                Step::Find | Step::Store | Step::Cancel(_) => {}
            }
        }
        (0..asked).for_each(|call| alice.input(Input::Cancel(CommandId(call))));
        while !alice.held.is_empty() {
            alice.store_one();
        }
        let mut answered: Vec<u64> = alice.replies.iter().map(|(call, _)| call.0).collect();
        answered.sort_unstable();
        prop_assert_eq!(answered, (0..asked).collect::<Vec<_>>(), "every call once");
        let mut told = BTreeSet::new();
        for (_, answer) in &alice.replies {
            match answer {
                Answer::Mined(mined) => prop_assert!(told.insert(mined.hash)),
                Answer::Cancelled => {}
                Answer::MiningQueueFull => prop_assert!(asked > MAX_MINING_QUEUE as u64),
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let view = alice.node.view();
        let chain: BTreeSet<BlockHash> =
            (1..=view.tip().height).filter_map(|height| view.committed_at(height)).collect();
        prop_assert_eq!(told, chain);
    }
}
