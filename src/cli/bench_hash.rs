//! `p2pnode bench-hash`: how many hashes a second each kernel does on this machine, beside the library.
//!
//! All are measured in short turns, one after the other and again, and the best tenth of each one's turns counts:
//! whatever else the machine does can only make a turn slower, and meets all of them alike.

use core::time::Duration;
use std::fmt;
use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;

use crate::cli::Failure;
use crate::cli::output::print_report;
use crate::cli::seed::random;
use crate::limits::{BENCH_TURN, MAX_BENCH_SECS, MINING_BATCH};
use crate::miner::{Kernel, Search};
use crate::types::{Header, Target};

/// Nonces over which every kernel has to agree with sha2 before it is measured.
const CHECKED: u64 = 100_000;

const EXAMPLES: &str = "\
Examples:
  p2pnode bench-hash
  p2pnode bench-hash --seconds 20 --json

  digest   the library's plain hash of the 80 bytes of a header, twice
  sha2     the library's compression over a midstate: two instead of three for each header
  avx2     8 headers side by side in vectors
  sha-ni   2 headers side by side with the processor's SHA instructions
  avx512   32 headers side by side in vectors

Each runs on one core; a kernel that is not listed is not there on this machine. Before it is measured each is
checked: it has to find what sha2 finds.";

/// Measure how many hashes a second this machine's kernels do, on one core.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchHashArgs {
    /// Seconds to measure for, all kernels together.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=MAX_BENCH_SECS))]
    seconds: u64,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Checks, measures, and says so; ends with 1 if a kernel does not find what it should.
pub(super) fn run(args: &BenchHashArgs) -> Result<ExitCode, Failure> {
    check(&Header::from_bytes(&random()?))?;
    let report = measure(Duration::from_secs(args.seconds), &Header::from_bytes(&random()?));
    print_report(&report, args.json)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether each kernel finds what sha2 finds.
fn check(header: &Header) -> Result<(), Failure> {
    let header = Header { bits: Target::from_leading_zeros(8).to_compact(), ..*header };
    let expected = found(&header, Kernel::Sha2);
    match Kernel::there().find(|kernel| found(&header, *kernel) != expected) {
        None => Ok(()),
        Some(kernel) => Err(Failure::new(
            format!("{kernel} does not find what sha2 finds, over {header:?}"),
            "mine with --kernel sha2, and please report this with the name of the processor",
        )),
    }
}

/// All good nonces of the first few.
fn found(header: &Header, kernel: Kernel) -> Vec<u32> {
    let search = Search::with(header, kernel);
    let mut from = 0;
    std::iter::from_fn(|| {
        let searched = search.run(u32::try_from(from).ok()?, CHECKED.saturating_sub(from));
        from += searched.hashes;
        searched.nonce
    })
    .collect()
}

/// What is measured: the plain hash, or a kernel.
type Way = Option<Kernel>;

fn measure(time: Duration, header: &Header) -> Report {
    // Bits that no hash meets in any time.
    let header = Header { bits: Target::from_leading_zeros(200).to_compact(), ..*header };
    let ways: Vec<Way> = [None].into_iter().chain(Kernel::there().map(Some)).collect();
    let mut turns: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    let began = now();
    while began.elapsed() < time || turns.iter().any(Vec::is_empty) {
        for (way, turns) in ways.iter().zip(&mut turns) {
            turns.push(turn(&header, *way));
        }
    }
    let rates: Vec<f64> = turns.into_iter().map(undisturbed).collect();
    let sha2 = ways.iter().position(|way| *way == Some(Kernel::Sha2)).map_or(f64::NAN, |at| rates[at]);
    let results: Vec<Rate> = ways
        .iter()
        .zip(&rates)
        .map(|(way, rate)| Rate {
            name: way.map_or("digest", Kernel::name),
            hashes_per_second: rate.round(),
            ratio: (rate / sha2 * 1000.0).round() / 1000.0,
        })
        .collect();
    let kernels = results.iter().filter(|rate| rate.name != "digest");
    let measured = kernels.max_by(|a, b| a.hashes_per_second.total_cmp(&b.hashes_per_second));
    let miner = Kernel::fastest().name();
    let config = Config {
        architecture: std::env::consts::ARCH,
        seconds: time.as_secs(),
        turn_millis: BENCH_TURN.as_millis() as u64,
        batch: MINING_BATCH,
        checked: CHECKED,
    };
    Report { config, fastest: measured.map_or(miner, |rate| rate.name), miner, results }
}

/// Hashes a second in one turn, in batches as a miner's.
fn turn(header: &Header, way: Way) -> f64 {
    let search = way.map(|kernel| Search::with(header, kernel));
    let target = Target::from_leading_zeros(200);
    let (began, mut hashes) = (now(), 0);
    while began.elapsed() < BENCH_TURN {
        let from = hashes as u32;
        match &search {
            Some(search) => {
                std::hint::black_box(search.run(from, MINING_BATCH));
            }
            None => {
                let hash = |nonce| target.is_met_by(&Header { nonce, ..*header }.hash());
                std::hint::black_box(
                    (from..from.saturating_add(MINING_BATCH as u32)).find(|nonce| hash(*nonce)),
                );
            }
        }
        hashes += MINING_BATCH;
    }
    hashes as f64 / began.elapsed().as_secs_f64()
}

/// Hashes a second that the kernel of this machine's miners does on one core, measured for some twenty
/// milliseconds: good enough to expect something of it.
pub(super) fn moment() -> f64 {
    let header = Header::from_bytes(&[7; Header::LEN]);
    let header = Header { bits: Target::from_leading_zeros(200).to_compact(), ..header };
    undisturbed((0..10).map(|_| turn(&header, Some(Kernel::fastest()))).collect())
}

#[allow(clippy::disallowed_methods, reason = "to measure is to look at a clock")]
fn now() -> Instant {
    Instant::now()
}

/// The rate that one of ten turns reaches.
fn undisturbed(mut turns: Vec<f64>) -> f64 {
    turns.sort_by(f64::total_cmp);
    turns.get(turns.len() * 9 / 10).copied().unwrap_or(f64::NAN)
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Report {
    config: Config,
    results: Vec<Rate>,
    /// The kernel that miners use here unless --kernel says another.
    miner: &'static str,
    /// The kernel that was the fastest.
    fastest: &'static str,
}

#[derive(Debug, Serialize)]
struct Config {
    architecture: &'static str,
    seconds: u64,
    turn_millis: u64,
    /// Nonces in a row, after which a miner looks whether its job is still wanted.
    batch: u64,
    /// Nonces over which each kernel found what sha2 finds.
    checked: u64,
}

#[derive(Debug, Serialize)]
struct Rate {
    name: &'static str,
    hashes_per_second: f64,
    /// To sha2's rate.
    ratio: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { architecture, seconds, turn_millis, batch, checked } = &self.config;
        writeln!(f, "CONFIG")?;
        writeln!(f, "  machine       {architecture}, one core of it")?;
        writeln!(
            f,
            "  time          {seconds} s, in turns of {turn_millis} ms, of which the best tenth counts"
        )?;
        writeln!(f, "  batches       {batch} nonces, as a miner's")?;
        writeln!(f, "  checked       every kernel finds what sha2 finds in {checked} nonces\n")?;
        writeln!(f, "RESULTS")?;
        writeln!(f, "  kernel          MH/s   of sha2")?;
        for Rate { name, hashes_per_second, ratio } in &self.results {
            writeln!(f, "  {name:<10} {:>9.2} {ratio:>9.2}", hashes_per_second / 1e6)?;
        }
        let Report { miner, fastest, .. } = self;
        writeln!(f, "\n  the miner     uses {miner}, which comes first of those that this machine has")?;
        if miner != fastest {
            writeln!(
                f,
                "                but {fastest} was faster: if it is again, mine with --kernel {fastest}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_faster_kernel_than_the_miners_is_named() {
        let rate = |name, mega: f64| Rate { name, hashes_per_second: mega * 1e6, ratio: mega / 10.0 };
        let config = Config { architecture: "x86_64", seconds: 5, turn_millis: 2, batch: 1024, checked: 7 };
        let results = vec![rate("digest", 6.0), rate("sha2", 10.0), rate("avx2", 14.0)];
        let mut report = Report { config, results, miner: "avx2", fastest: "avx2" };
        let text = report.to_string();
        assert!(text.contains("\n  avx2           14.00      1.40\n"), "{text}");
        assert!(text.contains("uses avx2") && !text.contains("--kernel"), "{text}");
        report.fastest = "sha2";
        assert!(report.to_string().ends_with("mine with --kernel sha2\n"));
    }

    #[test]
    fn turns_that_were_disturbed_do_not_count() {
        let disturbed = (0..80).map(f64::from);
        assert_eq!(undisturbed(disturbed.chain([100.0; 20]).collect()), 100.0);
        assert_eq!(undisturbed(vec![3.0]), 3.0);
        assert!(undisturbed(Vec::new()).is_nan());
    }

    #[test]
    fn what_is_found_is_what_a_hash_says() {
        let header = Header::from_bytes(&[7; 80]);
        assert!(check(&header).is_ok());
        let header = Header { bits: Target::from_leading_zeros(8).to_compact(), ..header };
        let found = found(&header, Kernel::fastest());
        assert!(found.is_sorted() && found.len() > 200, "about one in 256");
        let target = Target::from_leading_zeros(8);
        assert!(found.iter().all(|nonce| target.is_met_by(&Header { nonce: *nonce, ..header }.hash())));
    }
}
