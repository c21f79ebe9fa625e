//! How the target follows hash power: Bitcoin's rule, with the interval, the spacing and the way to measure
//! the window as parameters.

use crate::params::{Retarget, Window};
use crate::types::{CompactTarget, Target};

/// The heights of the two blocks whose times are compared for a block at `height`, if the target may change
/// there: the first is the start of the window, the second its end, the block's parent.
pub fn window(height: u64, retarget: &Retarget) -> Option<(u64, u64)> {
    let interval = u64::from(retarget.interval);
    let end = height.checked_sub(1)?;
    match retarget.window {
        // 22, 42, …: the first window is blocks 1 to 21, because genesis is old.
        Window::WholeGaps => {
            let due = height >= interval + 2 && (height - 2).is_multiple_of(interval);
            due.then(|| (end - interval, end))
        }
        // 2016, 4032, …, from the first block of the window to its last: a gap fewer than blocks.
        Window::OffByOne => {
            let due = height > 0 && height.is_multiple_of(interval);
            due.then(|| (height - interval, end))
        }
    }
}

/// The bits after a window that took `actual` seconds with `old` bits (Bitcoin's
/// `CalculateNextWorkRequired`): scaled by actual over wanted time, by 4 at most either way, and never
/// easier than `limit`.
pub fn retarget(old: CompactTarget, actual: i64, rule: &Retarget, limit: Target) -> CompactTarget {
    let wanted = rule.timespan();
    // A window that ran backwards took no time.
    let actual = u64::try_from(actual).unwrap_or(0).clamp(wanted / 4, wanted.saturating_mul(4));
    let Ok(old) = old.to_target() else { return limit.to_compact() };
    old.scaled(actual, wanted).min(limit).to_compact()
}
