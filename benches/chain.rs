//! The tree: headers and blocks taken in, a chain taken up again at a start, and reorgs; beside the hash of each
//! header, which nobody can save.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench whose world is not as it must be ends")]

mod harness;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use harness::blocks::{LATE, Line, checked};
use harness::{Bench, Case, Figure, Unit, time};
use p2pnode::chain::{Chain, CheckedBlock, Outcome};
use p2pnode::params::Params;
use p2pnode::types::{BlockHash, Header};

const HEADERS: Unit = Unit::PerSecond("headers");
const BLOCKS: Unit = Unit::PerSecond("blocks");

fn main() -> ExitCode {
    harness::main("chain", |bench| {
        bench.config("data directory", "none");
        bench.config("topology", "none: the tree alone, on one core");
        bench.config("block size", "with a coinbase alone");
        bench.config("mining", "none");
        let params = Arc::new(Params::regtest());
        let blocks = checked(&params, Line::new(&params).take(bench.pick(100_000, 10_000)));
        import(bench, &params, &blocks);
        for depth in [10, 100, 1000] {
            reorg(bench, &params, &blocks, depth);
        }
    })
}

fn import(bench: &mut Bench, params: &Arc<Params>, blocks: &[CheckedBlock]) {
    let headers: Vec<Header> = blocks.iter().map(|block| *block.header()).collect();
    let last = blocks.last().expect("blocks").hash();
    let count = blocks.len() as f64;
    let label = |what: &str| format!("{what}/count={}", blocks.len());
    let hash = label("types::header_hash");
    let rate = |work: &mut dyn FnMut()| count / time(work).0;
    bench.group(vec![
        Case::new(Figure::new(hash.as_str(), HEADERS), || {
            rate(&mut || headers.iter().for_each(|header| ignore(header.hash())))
        }),
        Case::new(Figure::new(label("chain::import_header"), HEADERS).beside(hash.as_str()), || {
            let mut chain = Chain::new(params.clone());
            rate(&mut || headers.iter().for_each(|header| ignore(chain.import_header(header, LATE))))
        }),
        Case::new(Figure::new(label("chain::restore"), HEADERS).beside(hash.as_str()), || {
            rate(&mut || ignore(Chain::restore(params.clone(), &headers, last).expect("a chain")))
        }),
        Case::new(Figure::new(label("chain::import"), BLOCKS), || {
            let mut chain = Chain::new(params.clone());
            rate(&mut || blocks.iter().for_each(|block| ignore(chain.import(block, LATE))))
        }),
    ]);
}

/// A branch that is one block longer than what it replaces.
fn reorg(bench: &mut Bench, params: &Arc<Params>, blocks: &[CheckedBlock], depth: usize) {
    let name = format!("chain::reorg/depth={depth},chain={}", blocks.len());
    if !bench.wants(&name) {
        return;
    }
    let fork = &blocks[blocks.len() - depth - 1];
    let height = (blocks.len() - depth) as u64;
    let parent: (BlockHash, u32) = (fork.hash(), fork.header().time);
    let branch = checked(params, Line::on(params, parent, height).branch(1).take(depth + 1));
    let case = Case::new(Figure::new(name, Unit::Seconds), || {
        let mut chain = Chain::new(params.clone());
        for block in blocks.iter().chain(&branch[..depth]) {
            chain.import(block, LATE);
        }
        let (took, outcome) = time(|| chain.import(&branch[depth], LATE));
        let Outcome::Imported { connected, reverted } = outcome else { panic!("no reorg: {outcome:?}") };
        assert_eq!((connected.len(), reverted.len()), (depth + 1, depth));
        took
    });
    bench.group(vec![case]);
}

fn ignore<T>(made: T) {
    black_box(made);
}
