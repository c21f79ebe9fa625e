//! What of a damaged file hangs together: the blocks that a repair keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::chain::{Chain, HeaderOutcome, Tip};
use crate::limits::MAX_SIDE_ENTRIES;
use crate::params::Params;
use crate::store::disk::verify::{Good, Scan};
use crate::time::UnixTime;
use crate::types::BlockHash;

/// Which blocks hang on genesis without a gap, parents first, and the tip among them with the most work.
pub(super) fn kept(scan: Option<&Scan>, params: &Arc<Params>) -> (Vec<Good>, Tip) {
    kept_beside(MAX_SIDE_ENTRIES, scan.map_or(&[], |scan| &scan.good), params)
}

/// The same of `all`; at most `cap` blocks are kept beside the chain of that tip.
fn kept_beside(cap: usize, all: &[Good], params: &Arc<Params>) -> (Vec<Good>, Tip) {
    // A branch that has the most work in the end may be of any length until then.
    let mut chain = Chain::with_cap(params.clone(), usize::MAX);
    let mut children: BTreeMap<BlockHash, Vec<usize>> = BTreeMap::new();
    for (nth, good) in all.iter().enumerate() {
        children.entry(good.header.previous).or_default().push(nth);
    }
    // Of those whose parent is there, the one that arrived first: of equal chains the first seen wins.
    let of = |hash| children.get(&hash).into_iter().flatten().copied();
    let mut ready: BTreeSet<usize> = of(params.genesis_hash()).collect();
    let mut kept: Vec<((u64, u64), Good)> = Vec::new();
    while let Some(nth) = ready.pop_first() {
        let good = all[nth];
        // No clock says that a stored block is from the future.
        if chain.import_header(&good.header, UnixTime::LAST) != HeaderOutcome::New {
            continue;
        }
        let hash = good.header.hash();
        let Some(entry) = chain.get(&hash) else { continue };
        if entry.height != good.claimed {
            chain.reject(&hash);
            continue;
        }
        kept.push(((entry.height, good.number), good));
        ready.extend(of(hash));
    }
    // What is then too much beside that chain is dropped.
    chain.set_cap(cap);
    kept.retain(|(_, good)| chain.get(&good.header.hash()).is_some());
    kept.sort_unstable_by_key(|(place, _)| *place);
    (kept.into_iter().map(|(_, good)| good).collect(), chain.best_header())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::CheckedBlock;
    use crate::chain::testing::grow;
    use crate::store::disk::verify::Place;

    #[test]
    fn a_fork_that_is_longer_than_what_is_kept_beside_a_chain_is_kept() {
        let params = Arc::new(Params::regtest());
        let line = |count, note| grow(&mut Chain::new(params.clone()), &params.genesis_hash(), count, note);
        let (ours, theirs) = (line(8, "ours"), line(9, "theirs"));
        let heights = (1..=8).chain(1..=9);
        let good = |((block, claimed), number): ((&CheckedBlock, u64), u64)| Good {
            number,
            place: Place::Row,
            header: *block.header(),
            claimed,
        };
        let all: Vec<Good> = ours.iter().chain(&theirs).zip(heights).zip(1..).map(good).collect();
        let (kept, tip) = kept_beside(3, &all, &params);
        assert_eq!((tip.height, tip.hash), (9, theirs[8].hash()));
        assert_eq!(kept.len(), 9 + 3, "theirs, and the first of ours");
    }
}
