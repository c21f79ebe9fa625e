//! The life of a mining thread: one job after another, in batches.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::limits::{MINING_BATCH, MINING_TIME_REFRESH};
use crate::miner::Found;
use crate::miner::shared::{Shared, Work};
use crate::miner::walk::Walk;
use crate::types::Block;

impl Shared {
    /// The life of a thread.
    pub(super) fn run(self: Arc<Self>, index: usize) {
        give_way();
        // Goes on from job to job: a template that comes again is not searched again from its beginning.
        let mut extra_nonce = index as u64;
        while let Some(work) = self.next_work(index) {
            extra_nonce = self.mine(&work, extra_nonce);
        }
    }

    /// Mines until the job is found or replaced; the thread's next extra nonce comes back.
    fn mine(self: &Arc<Self>, work: &Work, extra_nonce: u64) -> u64 {
        let mut at = self.elapsed();
        let mut renewed = at;
        let step = self.most_threads as u64;
        let mut walk =
            Walk::new(&work.job.template, self.kernel, extra_nonce, step, self.range, self.unix_secs());
        while let Some(mut granted) = self.permit(work, &mut at) {
            while granted > 0 && self.is_current(work) {
                if walk.is_used_up() || at.saturating_sub(renewed) >= MINING_TIME_REFRESH {
                    walk.renew(self.unix_secs());
                    renewed = at;
                }
                let step = walk.run(granted.min(MINING_BATCH));
                granted -= step.hashes;
                let ended = self.elapsed();
                self.count(work, at, ended, step.hashes);
                at = ended;
                if let Some((header, extra_nonce)) = step.found {
                    self.give_back(work, granted);
                    self.report(work, work.job.template.block(header, extra_nonce), at);
                    return walk.next_extra_nonce();
                }
            }
            self.give_back(work, granted);
        }
        walk.next_extra_nonce()
    }

    /// Says that the job is found, unless it was replaced or another thread was first.
    fn report(&self, work: &Work, block: Block, now: Duration) {
        if !self.finish(work) {
            return;
        }
        let tries = work.tries.load(Ordering::Relaxed);
        (self.found)(Found { job: work.job.id, block, tries, elapsed: now.saturating_sub(work.since) });
    }

    fn unix_secs(&self) -> u32 {
        u32::try_from((self.now)().secs()).unwrap_or(u32::MAX)
    }
}

/// From here on whatever else wants this thread's core comes first: a block that waits for a core to be passed
/// on is one that others mine against. Where a thread has no niceness of its own, it has its process's.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpid, getpriority_process, setpriority_process};

        use crate::limits::MINER_NICENESS;

        // Beside the process's own: a thread that calls for help has given way already.
        let wanted = getpriority_process(Some(getpid())).unwrap_or(0) + MINER_NICENESS;
        if let Err(error) = setpriority_process(Some(rustix::thread::gettid()), wanted) {
            tracing::debug!(%error, "a mining thread is as urgent as all else");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{getpid, getpriority_process};
    use rustix::thread::gettid;

    use super::give_way;
    use crate::limits::MINER_NICENESS;

    #[test]
    fn a_thread_gives_way_once_whoever_started_it() {
        let process = getpriority_process(Some(getpid())).expect("a priority");
        let niceness = || {
            give_way();
            getpriority_process(Some(gettid())).expect("a priority") - process
        };
        let (first, second) = std::thread::scope(|scope| {
            let both = scope.spawn(|| (niceness(), scope.spawn(niceness).join().expect("its niceness")));
            both.join().expect("both")
        });
        assert_eq!((first, second), (MINER_NICENESS, MINER_NICENESS));
    }
}
