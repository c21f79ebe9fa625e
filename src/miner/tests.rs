//! The threads as their owner sees them: found blocks come through a channel with a generous deadline.

use std::sync::mpsc::{self, Receiver};

use super::*;
use crate::encoding::Text;
use crate::params::Params;
use crate::types::{Coinbase, Content, Header, NodeId, Target, Transaction, merkle};

const DEADLINE: Duration = Duration::from_secs(60);
const NOW: u32 = 1_700_000_000;

/// Bits that no hash meets in the time of a test.
const NEVER: u32 = 200;

fn template(zeros: u32, contents: u64) -> Template {
    let genesis = Params::regtest().genesis().header;
    let bits = Target::from_leading_zeros(zeros).to_compact();
    let header = Header { previous: genesis.hash(), time: NOW - 10, bits, ..genesis };
    let coinbase =
        Coinbase { height: 1, miner: NodeId([3; 16]), extra_nonce: 0, note: Text::clipped("a note") };
    let content = |nonce| {
        Transaction::Content(Content { nonce, data: b"hello".to_vec().try_into().expect("a short text") })
    };
    Template::new(header, coinbase, (0..contents).map(content).collect())
}

fn job(id: u64, zeros: u32, rate: Option<u64>) -> Job {
    Job { id, template: template(zeros, id % 4), rate }
}

fn miner(threads: usize, range: u64) -> (Miner, Receiver<Found>) {
    let (found, receiver) = mpsc::channel();
    let now = || UnixTime::from_secs(NOW.into());
    let found = move |block| found.send(block).unwrap_or_default();
    (
        Miner { shared: Shared::new(threads, Kernel::fastest(), range, Box::new(now), Box::new(found)) },
        receiver,
    )
}

#[track_caller]
fn assert_good(found: &Found, template: &Template) {
    let Block { header, transactions } = &found.block;
    let target = header.bits.to_target().expect("a target");
    assert!(target.is_met_by(&found.block.hash()));
    assert_eq!(header.merkle_root, merkle::root(&found.block.ids()).0);
    assert_eq!((header.previous, header.bits), (template.header.previous, template.header.bits));
    let coinbase = transactions[0].as_coinbase().expect("a coinbase");
    assert_eq!(Coinbase { extra_nonce: 0, ..coinbase.clone() }, template.coinbase);
    assert_eq!(&transactions[1..], &template.contents[..]);
}

fn extra_nonce(found: &Found) -> u64 {
    found.block.transactions[0].as_coinbase().expect("a coinbase").extra_nonce
}

#[test]
fn a_found_block_is_the_template_with_its_work_done() {
    let (miner, found) = miner(2, 1 << 32);
    for zeros in 1..=16 {
        let job = job(zeros.into(), zeros, None);
        miner.set(Some(job.clone()));
        let found = found.recv_timeout(DEADLINE).expect("a block");
        assert_eq!(found.job, u64::from(zeros));
        assert_eq!(found.block.header.time, NOW);
        assert!(found.tries > 0);
        assert_good(&found, &job.template);
    }
    assert!(miner.stats().total_hashes > 16);
    assert!(miner.stats().rate > 0.0);
    drop(miner);
    assert!(found.recv().is_err(), "each job is found once, and the threads are gone");
}

#[test]
fn a_time_before_the_earliest_is_not_written() {
    let (miner, found) = miner(1, 1 << 32);
    let mut job = job(1, 4, None);
    job.template.header.time = NOW + 100;
    miner.set(Some(job.clone()));
    let found = found.recv_timeout(DEADLINE).expect("a block");
    assert_eq!(found.block.header.time, NOW + 100);
    assert_good(&found, &job.template);
}

#[test]
fn when_the_nonces_end_each_thread_goes_on_with_its_next_extra_nonce() {
    for threads in [1, 3] {
        let (miner, found) = miner(threads, 16);
        let job = job(1, 12, None);
        miner.set(Some(job.clone()));
        let found = found.recv_timeout(DEADLINE).expect("a block");
        assert!(found.block.header.nonce < 16);
        assert!(found.tries < 1 << 18);
        // What was tried before is 16 nonces for each extra nonce, of which each thread has every third.
        let passed = extra_nonce(&found) / threads as u64;
        assert!(passed * 16 < found.tries, "{} after {} tries", extra_nonce(&found), found.tries);
        if threads == 1 {
            assert_eq!(passed, (found.tries - 1) / 16);
        }
        assert_good(&found, &job.template);
    }
}

#[test]
fn a_job_that_comes_again_is_not_searched_again() {
    let (miner, found) = miner(1, 1 << 32);
    let mut seen = Vec::new();
    for _ in 0..5 {
        miner.set(Some(job(1, 1, None)));
        seen.push(found.recv_timeout(DEADLINE).expect("a block").block.hash());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5);
}

#[test]
fn a_replaced_job_is_not_found() {
    let (miner, found) = miner(2, 1 << 32);
    for id in 0..200 {
        miner.set(Some(job(id, NEVER, [None, Some(5_000), Some(1)][id as usize % 3])));
    }
    miner.set(None);
    miner.set(Some(job(1000, 8, None)));
    assert_eq!(found.recv_timeout(DEADLINE).expect("a block").job, 1000);
    miner.set(Some(job(1001, NEVER, None)));
    drop(miner);
    assert!(found.recv().is_err());
}

#[test]
fn found_may_set_the_next_job() {
    let (sender, found) = mpsc::channel();
    let miner: Arc<std::sync::OnceLock<Miner>> = Arc::default();
    let again = Arc::downgrade(&miner);
    let started = Miner::start(
        2,
        Kernel::fastest(),
        || UnixTime::from_secs(NOW.into()),
        move |found| {
            // Before the next job, which another thread may find at once.
            sender.send(found.job).unwrap_or_default();
            if let Some(miner) = again.upgrade()
                && let Some(miner) = miner.get()
            {
                miner.set(Some(job(found.job + 1, 6, None)));
            }
        },
    );
    miner.get_or_init(|| started).set(Some(job(0, 6, None)));
    for id in 0..50 {
        assert_eq!(found.recv_timeout(DEADLINE), Ok(id));
    }
}

#[test]
fn a_capped_job_is_found_by_one_thread() {
    let (miner, found) = miner(4, 1 << 32);
    for (id, rate) in [(1, 2_000), (2, 2_000), (3, 50_000), (4, 100)] {
        let job = job(id, 4, Some(rate));
        miner.set(Some(job.clone()));
        assert_eq!(miner.stats().wanted, Some(rate));
        let found = found.recv_timeout(DEADLINE).expect("a block");
        assert_good(&found, &job.template);
        assert_eq!(extra_nonce(&found) % 4, 0, "thread 0");
    }
    assert_eq!(miner.shared.threads(), 1);
}

#[test]
fn a_rate_beyond_one_thread_gets_all_of_them() {
    let (miner, found) = miner(3, 1 << 32);
    assert_eq!(miner.shared.threads(), 0, "none before the first job");
    miner.set(Some(job(1, NEVER, Some(u64::MAX))));
    assert!(miner.shared.wait_for_threads(3, DEADLINE));
    miner.set(Some(job(2, NEVER, Some(0))));
    assert_eq!(miner.stats().wanted, Some(0));
    drop(miner);
    assert!(found.recv().is_err());
}
