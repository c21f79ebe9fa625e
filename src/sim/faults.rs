//! What goes wrong, and when: a partition and its healing, nodes that leave and come back, nodes that come
//! late, and peers that do not behave.

use core::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;

use crate::limits::MEAN_ABSENCE;
use crate::sim::conduct::Conduct;
use crate::sim::miners::exponential;
use crate::sim::values::{Amount, Interval, Share};

/// Faults of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// While it lasts, the network is in two halves.
    pub partition: Option<Interval>,
    /// How many of the nodes leave each minute; each comes back after a minute, on average.
    pub churn: Share,
    /// Nodes that start when half of the blocks are found.
    pub late: Amount,
    /// Nodes that lie.
    pub liars: Amount,
    /// Nodes that announce blocks and give none.
    pub withhold: Amount,
}

impl Faults {
    /// None at all.
    pub const NONE: Faults = Faults {
        partition: None,
        churn: Share { millionths: 0 },
        late: Amount::NONE,
        liars: Amount::NONE,
        withhold: Amount::NONE,
    };
}

/// Which node does what, once the dice have fallen.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) conduct: Vec<Conduct>,
    /// Nodes that start late.
    pub(super) late: Vec<usize>,
}

impl Cast {
    /// Deals the parts to `nodes` nodes. Nobody has two.
    pub(super) fn new(faults: &Faults, nodes: usize, dice: &mut ChaCha12Rng) -> Cast {
        let mut order: Vec<usize> = (0..nodes).collect();
        order.shuffle(dice);
        let mut next = order.into_iter();
        let mut conduct = vec![Conduct::Honest; nodes];
        for n in next.by_ref().take(faults.liars.of(nodes)) {
            conduct[n] = Conduct::Liar(0);
        }
        for n in next.by_ref().take(faults.withhold.of(nodes)) {
            conduct[n] = Conduct::Withholder;
        }
        let mut late: Vec<usize> = next.take(faults.late.of(nodes)).collect();
        late.sort_unstable();
        Cast { conduct, late }
    }
}

/// When the next of `nodes` nodes leaves; never, if none does.
pub(super) fn next_leave(churn: Share, nodes: usize, dice: &mut ChaCha12Rng) -> Option<u64> {
    let per_minute = nodes as u64 * u64::from(churn.millionths);
    let mean = (60 * 1_000_000_000u64).checked_mul(1_000_000)?.checked_div(per_minute)?;
    Some(exponential(Duration::from_nanos(mean), dice))
}

/// Who leaves, and for how long.
pub(super) fn leave(nodes: usize, dice: &mut ChaCha12Rng) -> (usize, u64) {
    (dice.random_range(0..nodes as u64) as usize, exponential(MEAN_ABSENCE, dice))
}
