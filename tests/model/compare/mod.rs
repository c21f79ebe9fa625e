//! A chain and a naive model of it, told the same: what both say must be equal at every step.
//!
//! The model keeps lists, and after every step computes both chains from scratch: no links, no cached
//! work, no incremental switch.

mod naive;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use p2pnode::chain::{Chain, Outcome};
use p2pnode::params::{GENESIS_TIME, Params};
use p2pnode::time::UnixTime;
use p2pnode::types::{BlockHash, Header};

use naive::Model;
use tree::mine;
pub use tree::{Bad, Delivery, Run, Step};

/// A moment so late that no block of a test is from its future.
const LATE: UnixTime = UnixTime::from_secs(GENESIS_TIME as u64 + 1_000_000_000);

/// A tree's block, by its place in the list of all.
type Id = usize;

/// Delivers the tree that `runs` describe to a chain and to the model, and asserts that they say the same.
///
/// # Panics
/// When they do not.
pub fn compare(params: Params, runs: &[Run], deliveries: &[Delivery], cap: usize) {
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
        let header = &mined[id].header;
        let is_early = matches!(step, Step::EarlyBody | Step::EarlyHeader);
        let now = if is_early { early } else { LATE };
        match (step, &mined[id].block) {
            (Step::Body | Step::EarlyBody, Some(block)) => {
                let outcome = chain.import(block, now);
                if matches!(outcome, Outcome::Imported { .. }) {
                    arrived.push(*header);
                }
                assert_eq!(outcome, model.body(id, is_early));
            }
            (Step::Header | Step::EarlyHeader | Step::Body | Step::EarlyBody, _) => {
                assert_eq!(chain.import_header(header, now), model.header(id, is_early));
            }
            (Step::Reject, _) => {
                chain.reject(&header.hash());
                model.reject(id);
            }
            (Step::Forgotten, _) => {
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
