//! Nonces tried a second by each kernel that this machine has, on one core, beside the library: the short form of
//! `p2pnode bench-hash`, which also checks that they find the same.

mod harness;

use std::hint::black_box;
use std::process::ExitCode;

use harness::{Case, Figure, Unit, rate};
use p2pnode::limits::MINING_BATCH;
use p2pnode::miner::{Kernel, Search};
use p2pnode::params::Params;
use p2pnode::types::{Header, Target};

const HASHES: Unit = Unit::PerSecond("hashes");

fn main() -> ExitCode {
    harness::main("mining", |bench| {
        bench.config("data directory", "none");
        bench.config("topology", "none: one header, on one core");
        bench.config("block size", "80 bytes of header");
        bench.config("mining", "in batches as a miner's, for a target that is never met");
        // Bits that no hash meets in any time.
        let bits = Target::from_leading_zeros(200).to_compact();
        let header = Header { bits, ..Params::mainnet().genesis().header };
        let turn = bench.turn();
        let library = "mining::search/kernel=sha2";
        let cases = Kernel::there().map(|kernel| {
            let name = format!("mining::search/kernel={}", kernel.name());
            let figure = Figure::new(name.as_str(), HASHES);
            let figure = if name == library { figure } else { figure.beside(library) };
            let search = Search::with(&header, kernel);
            let mut from = 0u32;
            Case::new(figure, move || {
                rate(turn, || {
                    from = from.wrapping_add(MINING_BATCH as u32);
                    black_box(search.run(from, MINING_BATCH)).hashes
                })
            })
        });
        bench.group(cases.collect());
    })
}
