//! What the mining threads share with each other and with their owner.
//!
//! One mutex guards what is mined and the account of a capped rate; it is held for a few instructions at a
//! time, never while hashing or calling out. Who hashes looks at one atomic, the generation, between
//! batches: it grows with every job, and a thread whose job has another generation goes back for the next.

use core::time::Duration;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::miner::meter::Meter;
use crate::miner::pace::Pace;
use crate::miner::{Found, Job, Kernel, Stats};
use crate::time::UnixTime;

/// Longest sleep at once: the condition variables of some systems refuse much longer ones.
const LONG: Duration = Duration::from_secs(3600);

/// A job as the threads share it.
pub(super) struct Work {
    pub(super) job: Job,
    generation: u64,
    /// When it was set.
    pub(super) since: Duration,
    /// Hashes of all threads.
    pub(super) tries: AtomicU64,
}

struct State {
    work: Option<Arc<Work>>,
    stop: bool,
    /// What the last job that was set asked for; kept between a found block and the next job.
    wanted: Option<u64>,
    /// The account of the last capped rate, kept while there is no job or one at full speed.
    pace: Option<Pace>,
    /// How many threads that rate needs, as far as we know.
    needed: usize,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads and their owner share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something in `state` changed.
    changed: Condvar,
    /// Counts the changes of `state.work`.
    generation: AtomicU64,
    hashes: AtomicU64,
    meter: Mutex<Meter>,
    began: Instant,
    pub(super) most_threads: usize,
    pub(super) kernel: Kernel,
    /// Nonces of a header that are tried: all, but in tests.
    pub(super) range: u64,
    pub(super) now: Box<dyn Fn() -> UnixTime + Send + Sync>,
    pub(super) found: Box<dyn Fn(Found) + Send + Sync>,
}

impl Shared {
    #[allow(
        clippy::disallowed_methods,
        reason = "pacing needs a monotonic clock; nothing else of the miner asks it the time"
    )]
    pub(super) fn new(
        threads: usize,
        kernel: Kernel,
        range: u64,
        now: Box<dyn Fn() -> UnixTime + Send + Sync>,
        found: Box<dyn Fn(Found) + Send + Sync>,
    ) -> Arc<Shared> {
        let state =
            State { work: None, stop: false, wanted: None, pace: None, needed: 1, threads: Vec::new() };
        Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            generation: AtomicU64::new(0),
            hashes: AtomicU64::new(0),
            meter: Mutex::new(Meter::default()),
            began: Instant::now(),
            most_threads: threads.max(1),
            kernel,
            range,
            now,
            found,
        })
    }

    pub(super) fn set(self: &Arc<Self>, job: Option<Job>) {
        let now = self.elapsed();
        let rate = job.as_ref().and_then(|job| job.rate);
        let mut state = self.lock();
        match (&mut state.pace, rate) {
            (Some(pace), Some(rate)) if pace.rate() == rate => pace.resume(now),
            (_, Some(rate)) => {
                state.pace = Some(Pace::new(rate, now));
                state.needed = 1;
            }
            (Some(pace), None) => pace.pause(now),
            (None, None) => {}
        }
        state.wanted = rate;
        let generation = self.next_generation();
        let work = job.map(|job| Arc::new(Work { job, generation, since: now, tries: AtomicU64::new(0) }));
        let old = std::mem::replace(&mut state.work, work);
        let wanted = self.threads_for(&state);
        self.spawn_up_to(&mut state, wanted);
        drop(state);
        self.changed.notify_all();
        // The old job's contents may be the last of their kind: they are freed without the lock.
        drop(old);
    }

    /// Time since the start of the miner.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            total_hashes: self.hashes.load(Ordering::Relaxed),
            rate: lock(&self.meter).rate(self.elapsed()),
            wanted: self.lock().wanted,
        }
    }

    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stop = true;
        state.work = None;
        self.next_generation();
        let threads = std::mem::take(&mut state.threads);
        drop(state);
        self.changed.notify_all();
        for thread in threads {
            // `found` may be what drops the miner, and a thread cannot wait for itself.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }

    /// How many threads were started.
    #[cfg(test)]
    pub(super) fn threads(&self) -> usize {
        self.lock().threads.len()
    }

    /// Whether so many were started within `time`.
    #[cfg(test)]
    pub(super) fn wait_for_threads(&self, count: usize, time: Duration) -> bool {
        let few = |state: &mut State| state.threads.len() < count;
        let (_state, waited) = self.changed.wait_timeout_while(self.lock(), time, few).expect("no poison");
        !waited.timed_out()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Called with the state locked, so that generation and work change together.
    fn next_generation(&self) -> u64 {
        self.generation.fetch_add(1, Ordering::Release) + 1
    }

    pub(super) fn is_current(&self, work: &Work) -> bool {
        self.generation.load(Ordering::Acquire) == work.generation
    }

    /// How many threads should be at work.
    fn threads_for(&self, state: &State) -> usize {
        match &state.work {
            None => 0,
            Some(work) if work.job.rate.is_some() => state.needed,
            Some(_) => self.most_threads,
        }
    }

    fn spawn_up_to(self: &Arc<Self>, state: &mut State, count: usize) {
        while state.threads.len() < count && !state.stop {
            let index = state.threads.len();
            let shared = Arc::clone(self);
            match thread::Builder::new().name(format!("miner-{index}")).spawn(move || shared.run(index)) {
                Ok(thread) => state.threads.push(thread),
                Err(error) => {
                    tracing::error!(%error, running = index, "cannot start another mining thread");
                    break;
                }
            }
        }
    }

    /// Sleeps until there is work for the thread; `None` ends it.
    pub(super) fn next_work(&self, index: usize) -> Option<Arc<Work>> {
        let mut state = self.lock();
        loop {
            if state.stop {
                return None;
            }
            if let Some(work) = &state.work
                && index < self.threads_for(&state)
            {
                return Some(Arc::clone(work));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until hashes are due; `None` if the job was replaced. At full speed they always are.
    pub(super) fn permit(self: &Arc<Self>, work: &Work, at: &mut Duration) -> Option<u64> {
        if work.job.rate.is_none() {
            return self.is_current(work).then_some(u64::MAX);
        }
        let mut state = self.lock();
        while self.is_current(work) {
            *at = self.elapsed();
            let pace = state.pace.as_mut()?;
            let granted = pace.take(*at);
            if granted > 0 {
                if pace.is_overtaxed() {
                    self.call_for_help(&mut state);
                }
                return Some(granted);
            }
            let wait = pace.wait(*at).min(LONG);
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        None
    }

    /// The threads at work cannot reach the rate: twice as many try.
    fn call_for_help(self: &Arc<Self>, state: &mut State) {
        if state.needed < self.most_threads {
            state.needed = (2 * state.needed).min(self.most_threads);
            let needed = state.needed;
            self.spawn_up_to(state, needed);
            self.changed.notify_all();
        }
    }

    /// A grant that is not used up belongs to the next job of its rate.
    pub(super) fn give_back(&self, work: &Work, hashes: u64) {
        if hashes > 0
            && let Some(rate) = work.job.rate
            && let Some(pace) = &mut self.lock().pace
            && pace.rate() == rate
        {
            pace.give_back(hashes);
        }
    }

    /// Ends the job; false if it is no longer the one.
    pub(super) fn finish(&self, work: &Work) -> bool {
        let mut state = self.lock();
        let current = self.is_current(work);
        if current {
            self.next_generation();
            // The caller still holds the job, so nothing is freed here.
            state.work = None;
        }
        current
    }

    pub(super) fn count(&self, work: &Work, since: Duration, now: Duration, hashes: u64) {
        work.tries.fetch_add(hashes, Ordering::Relaxed);
        self.hashes.fetch_add(hashes, Ordering::Relaxed);
        lock(&self.meter).add(since, now, hashes);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
