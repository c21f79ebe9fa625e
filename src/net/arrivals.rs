//! When recent blocks came, and from whom. In memory only: it is of this run of the node, and not of the
//! chain.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::MAX_ARRIVALS;
use crate::node::io::{Giver, Origin};
use crate::time::UnixTime;
use crate::types::{BlockHash, Header, Lookup};

/// How a block came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When; of one that was stored, the node's start.
    pub at: UnixTime,
    /// By which way, and from whom.
    pub giver: Giver,
}

/// The last [`MAX_ARRIVALS`] of them. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Arrivals(Arc<Mutex<Recent>>);

#[derive(Default)]
struct Recent {
    by_hash: Lookup<BlockHash, Arrival>,
    order: VecDeque<BlockHash>,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest of the blocks that were stored when the node started, `at`.
    pub(super) fn loaded(&self, headers: &[Header], at: UnixTime) {
        let giver = Giver { origin: Origin::Loaded, node: None };
        for header in &headers[headers.len().saturating_sub(MAX_ARRIVALS)..] {
            self.came(header.hash(), Arrival { at, giver });
        }
    }

    /// A block came; what was forgotten meanwhile and comes again counts as new.
    pub(super) fn came(&self, hash: BlockHash, arrival: Arrival) {
        let mut recent = self.lock();
        if recent.by_hash.insert(hash, arrival).is_some() {
            return;
        }
        recent.order.push_back(hash);
        if recent.order.len() > MAX_ARRIVALS
            && let Some(oldest) = recent.order.pop_front()
        {
            recent.by_hash.remove(&oldest);
        }
    }

    pub(super) fn get(&self, hash: &BlockHash) -> Option<Arrival> {
        self.lock().by_hash.get(hash).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_arrival_is_forgotten_first() {
        let arrivals = Arrivals::default();
        let giver = Giver { origin: Origin::Mined, node: None };
        let hash = |n: usize| {
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&n.to_le_bytes());
            BlockHash(bytes)
        };
        for n in 0..=MAX_ARRIVALS {
            arrivals.came(hash(n), Arrival { at: UnixTime::from_secs(n as u64), giver });
        }
        assert_eq!(arrivals.get(&hash(0)), None);
        for n in [1, MAX_ARRIVALS] {
            assert_eq!(arrivals.get(&hash(n)).map(|arrival| arrival.at), Some(UnixTime::from_secs(n as u64)));
        }
    }
}
