//! The store: blocks made durable one batch each, as a sync hands them over, and read back verified; beside its
//! library with the same bytes and nothing of ours.

#![allow(clippy::expect_used, reason = "a bench whose world is not as it must be ends")]

mod harness;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use harness::blocks::Line;
use harness::{Bench, Case, Figure, Unit, machine, raw, time};
use p2pnode::encoding;
use p2pnode::params::Params;
use p2pnode::store::{self, Batch, Opened, StoredBlock};
use p2pnode::types::{Block, NodeId};
use tempfile::TempDir;

const BLOCKS: Unit = Unit::PerSecond("blocks");

fn main() -> ExitCode {
    harness::main("store", |bench| {
        let place = tempfile::tempdir().expect("a folder");
        bench.config("data directory", machine::file_system(place.path()));
        bench.config("topology", "none: the store alone");
        bench.config("block size", "as each row says; 1MB is 1,900 contents of 500 bytes, or 15 of 65,000");
        bench.config("mining", "none");
        let (small, large) = bench.pick((100_000, 100), (10_000, 20));
        let params = Params::regtest();
        commit(bench, place.path(), "coinbase", Line::new(&params).take(small));
        commit(bench, place.path(), "1MBof64KB", Line::new(&params).with_contents(15, 65_000).take(large));
        commit(bench, place.path(), "1MBof500B", Line::new(&params).with_contents(1900, 500).take(large));
        tip(bench, place.path(), &params);
    })
}

/// Many blocks as fast as they can be handed over, and read back one by one.
fn commit(bench: &mut Bench, place: &Path, size: &str, blocks: impl Iterator<Item = Block>) {
    let stored: Vec<StoredBlock> = blocks.map(|block| StoredBlock::from(&block)).collect();
    let encoded: Vec<Vec<u8>> = stored.iter().map(|block| block.encoded.to_vec()).collect();
    let label = |what: &str| format!("{what}/size={size},blocks={}", stored.len());
    let (raw_commit, hash) = (label("redb::commit"), label("types::ids"));
    let rate = |took: f64| stored.len() as f64 / took;
    let filled = TempDir::new_in(place).expect("a folder");
    fill(filled.path(), &stored);
    let params = Params::regtest();
    let opened = store::open(filled.path(), &params, NodeId::default()).expect("a folder");
    bench.group_of(
        bench.pick(5, 3),
        vec![
            Case::new(Figure::new(raw_commit.as_str(), BLOCKS), || rate(raw::commit(place, &encoded))),
            Case::new(Figure::new(label("store::commit"), BLOCKS).beside(raw_commit.as_str()), || {
                let folder = TempDir::new_in(place).expect("a folder");
                rate(fill(folder.path(), &stored))
            }),
            Case::new(Figure::new(hash.as_str(), BLOCKS), || {
                let hashed = || {
                    for encoded in &encoded {
                        let block: Block = encoding::decode(encoded).expect("a block");
                        std::hint::black_box((block.hash(), block.ids()));
                    }
                };
                rate(time(hashed).0)
            }),
            Case::new(Figure::new(label("store::read"), BLOCKS).beside(hash.as_str()), || {
                let read = || {
                    for block in &stored {
                        assert!(opened.store.read(&block.hash).expect("whole").is_some());
                    }
                };
                rate(time(read).0)
            }),
        ],
    );
}

/// One block at a time, each waited for.
fn tip(bench: &mut Bench, place: &Path, params: &Params) {
    let blocks: Vec<StoredBlock> =
        Line::new(params).take(bench.pick(200, 50)).map(|block| StoredBlock::from(&block)).collect();
    let count = blocks.len() as f64;
    bench.group(vec![Case::new(Figure::new("store::commit_and_wait/size=coinbase", Unit::Seconds), || {
        let folder = TempDir::new_in(place).expect("a folder");
        let Opened { store, mut committed, folder: _lock, .. } =
            store::open(folder.path(), params, NodeId::default()).expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (took, ()) = time(|| {
            for (nth, block) in blocks.iter().enumerate() {
                store.submit(batch(nth, block));
                runtime.block_on(committed.recv()).expect("told").expect("durable");
            }
        });
        took / count
    })]);
}

/// Seconds until all of `blocks` are durable in a new folder.
fn fill(folder: &Path, blocks: &[StoredBlock]) -> f64 {
    let params = Arc::new(Params::regtest());
    let Opened { store, folder: _lock, .. } =
        store::open(folder, &params, NodeId::default()).expect("a folder");
    time(|| {
        for (nth, block) in blocks.iter().enumerate() {
            store.submit(batch(nth, block));
        }
        store.close().expect("closed");
    })
    .0
}

fn batch(nth: usize, block: &StoredBlock) -> Batch {
    Batch {
        seq: nth as u64 + 1,
        blocks: vec![block.clone()],
        tip: block.hash,
        forget: Vec::new(),
        waiting: Vec::new(),
        gone: Vec::new(),
    }
}
