//! The miner: threads that look for the nonce of one template at a time, at full speed or at a given rate.
//!
//! Lives here: the search (`search`, `kernel`, `walk`), the arithmetic of a rate (`pace`, `meter`), all pure, and the
//! threads that drive it (`shared`, `worker`), which are the only place here that reads a clock. Not here: what goes
//! into a template, which job comes next, and whether a found block is any good (`node`, `chain`).

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use crate::time::UnixTime;
use crate::types::{Block, Template};

pub mod kernel;
mod meter;
mod pace;
mod search;
mod shared;
#[cfg(test)]
mod tests;
mod walk;
mod worker;

pub use kernel::Kernel;
pub use search::{Search, Searched};

use shared::Shared;

/// What to mine.
#[derive(Debug, Clone)]
pub struct Job {
    /// The caller's name for it, which comes back in [`Found`].
    pub id: u64,
    /// The block without its proof of work.
    pub template: Template,
    /// Hashes per second; `None` is full speed on all threads. Zero mines nothing.
    pub rate: Option<u64>,
}

/// A job is done.
#[derive(Debug, Clone)]
pub struct Found {
    /// Which.
    pub job: u64,
    /// The block, whose hash meets its target.
    pub block: Block,
    /// Hashes this job took, of all threads together.
    pub tries: u64,
    /// Time since the job was set.
    pub elapsed: Duration,
}

/// How the mining goes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stats {
    /// Hashes since the start of the miner.
    pub total_hashes: u64,
    /// Hashes per second over the last seconds of mining.
    pub rate: f64,
    /// What the current job asks for, if it is capped: well above `rate`, this machine cannot do it.
    pub wanted: Option<u64>,
}

/// The mining threads of a node. They sleep while there is no job, and end with this value.
pub struct Miner {
    shared: Arc<Shared>,
}

impl Miner {
    /// A miner of at most `threads` threads, at least one, none of which starts before it is needed; each
    /// searches with `kernel`.
    ///
    /// `now` is the wall clock, read about once a second for the time in the header. `found` is called on a
    /// mining thread, at most once for each job, with no lock held: it may call [`Miner::set`].
    pub fn start(
        threads: usize,
        kernel: Kernel,
        now: impl Fn() -> UnixTime + Send + Sync + 'static,
        found: impl Fn(Found) + Send + Sync + 'static,
    ) -> Miner {
        Miner { shared: Shared::new(threads, kernel, 1 << 32, Box::new(now), Box::new(found)) }
    }

    /// Replaces what is mined, with nothing for `None`. Never waits for a thread; takes effect within a
    /// millisecond.
    ///
    /// The job that is replaced is not found any more, unless it was just before: its [`Found`] may then
    /// still be on its way when this returns, and is known by its job's id. A capped rate goes on as if
    /// nothing had happened: neither a new job of the same rate nor a break grants or loses hashes.
    pub fn set(&self, job: Option<Job>) {
        self.shared.set(job);
    }

    /// How the mining goes.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl fmt::Debug for Miner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Miner").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Drop for Miner {
    /// Stops the threads and waits for them, which takes less than a millisecond unless `found` takes longer.
    fn drop(&mut self) {
        self.shared.stop();
    }
}
