//! Rules that hold a header against its ancestors: one function each.

use core::time::Duration;

use crate::chain::Rule;
use crate::chain::difficulty;
use crate::chain::tree::{Index, Tree};
use crate::limits::MEDIAN_TIME_SPAN;
use crate::params::Params;
use crate::time::UnixTime;
use crate::types::{CompactTarget, Header};

/// The bits and the time of a child of `parent`.
pub(super) fn check_header(header: &Header, tree: &Tree, parent: Index, params: &Params) -> Result<(), Rule> {
    if header.bits != required_bits(tree, parent, params) {
        return Err(Rule::BadBits);
    }
    if header.time < earliest_time(tree, parent, params) {
        return Err(Rule::TimeTooOld);
    }
    Ok(())
}

/// The bits that a child of `parent` must have.
pub(super) fn required_bits(tree: &Tree, parent: Index, params: &Params) -> CompactTarget {
    let last = tree.slot(parent);
    let Some(rule) = params.retarget() else { return params.rules().start };
    let window = difficulty::window(last.height + 1, rule);
    let Some(first) = window.and_then(|(first, _)| tree.ancestor(parent, first)) else {
        return last.bits;
    };
    let actual = i64::from(last.time) - i64::from(tree.slot(first).time);
    difficulty::retarget(last.bits, actual, rule, params.limit())
}

/// The earliest time that a child of `parent` may have: after the median where the difficulty moves (as in
/// Bitcoin); the median itself where it does not, so that many blocks a second never push block times
/// ahead of the clock.
pub(super) fn earliest_time(tree: &Tree, parent: Index, params: &Params) -> u32 {
    let median = median_time(tree, parent);
    if params.retarget().is_some() { median.saturating_add(1) } else { median }
}

/// The median of the times of `index` and its ten ancestors; of fewer near genesis.
pub(super) fn median_time(tree: &Tree, index: Index) -> u32 {
    let mut times: Vec<u32> = tree.up_from(index).take(MEDIAN_TIME_SPAN).map(|slot| slot.time).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The latest of the times that make that median.
pub(super) fn latest_time(tree: &Tree, index: Index) -> u32 {
    tree.up_from(index).take(MEDIAN_TIME_SPAN).map(|slot| slot.time).max().unwrap_or_default()
}

/// When a header with this time, if it is too far ahead of `now`, may be offered again.
pub(super) fn too_early(time: u32, now: UnixTime, params: &Params) -> Option<UnixTime> {
    let time = u64::from(time);
    let ahead = now.plus(Duration::from_secs(params.max_future()));
    (UnixTime::from_secs(time) > ahead).then(|| UnixTime::from_secs(time.saturating_sub(params.max_future())))
}
