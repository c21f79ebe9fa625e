//! What of a damaged file hangs together: the blocks that a repair keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::chain::{Chain, HeaderOutcome, Tip};
use crate::params::Params;
use crate::store::disk::verify::{Good, Scan};
use crate::time::UnixTime;
use crate::types::BlockHash;

/// Which blocks hang on genesis without a gap, parents first, and the tip among them with the most work.
pub(super) fn kept(scan: Option<&Scan>, params: &Arc<Params>) -> (Vec<Good>, Tip) {
    let mut chain = Chain::new(params.clone());
    let all: &[Good] = scan.map_or(&[], |scan| &scan.good);
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
    // The tree may have dropped some since, if too many were beside its chains.
    kept.retain(|(_, good)| chain.get(&good.header.hash()).is_some());
    kept.sort_unstable_by_key(|(place, _)| *place);
    (kept.into_iter().map(|(_, good)| good).collect(), chain.best_header())
}
