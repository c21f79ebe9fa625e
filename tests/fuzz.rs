//! The fuzz targets without a fuzzer: the kept corpus and bytes of a seed go through each of them, on any
//! machine with Rust. `FUZZ_RANDOM=100000` is the long form, `FUZZ_SEED=…` repeats a run.

#![allow(clippy::expect_used, reason = "a test fails by panicking, its helpers too")]
#![allow(clippy::disallowed_methods, reason = "FUZZ_RANDOM and FUZZ_SEED")]

use std::fs;
use std::path::Path;

use rand::rngs::SysRng;
use rand::{Rng, RngExt, SeedableRng, TryRng};
use rand_chacha::ChaCha12Rng;

#[path = "../fuzz/src/lib.rs"]
mod targets;

/// Random inputs of each target when nobody asks for more.
const RANDOM: u64 = 200;

fn setting(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

/// Rows 9 and 11 of docs/hostile.md.
#[test]
fn the_kept_corpus_finds_nothing() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in targets::TARGETS {
        let folder = fs::read_dir(corpus.join(name)).expect("every target has its corpus");
        let mut files: Vec<_> = folder.map(|entry| entry.expect("readable").path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name}");
        for file in files {
            println!("{}", file.display());
            target(&fs::read(&file).expect("readable"));
        }
    }
}

/// Row 9 of docs/hostile.md.
#[test]
fn random_bytes_find_nothing() {
    let seed = setting("FUZZ_SEED").unwrap_or_else(|| SysRng.try_next_u64().expect("entropy"));
    let count = setting("FUZZ_RANDOM").unwrap_or(RANDOM);
    println!("FUZZ_SEED={seed}");
    for (name, target) in targets::TARGETS {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        for n in 0..count {
            println!("{name} {n}");
            let mut bytes = vec![0; rng.random_range(0..2000)];
            rng.fill_bytes(&mut bytes);
            target(&bytes);
        }
    }
}
