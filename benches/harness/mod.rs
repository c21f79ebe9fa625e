//! What all benches share: names, rounds, and a table that has the limit beside each figure.
//!
//! A figure alone says little: of another machine, or of this one while it does something else, it is another
//! figure. So each is measured beside its limit (the library's raw rate, the disk's, the socket's) in the same
//! run, in rounds that go through all of a group, and what counts is the ratio of the two within a round: what
//! disturbs one disturbs the other. The libraries for benches (criterion, divan) measure one function at a
//! time against its own past, and know neither limits nor ratios nor targets; hence this, and no more of it.
//!
//! ```text
//! cargo bench --bench chain                        all of a bench
//! cargo bench --bench chain -- import              what has "import" in its name, and its limits
//! cargo bench --bench chain -- --quick --json      as CI does it, as one JSON document
//! ```
//!
//! A bench's `main` is [`main`] with a function that configures and measures; every name is
//! `module::operation/key=value`. A target that is missed is shown, and is no failure: machines differ.

#![allow(dead_code, unused_imports, reason = "each bench uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "to measure is to look at a clock")]
#![allow(clippy::expect_used, reason = "a bench whose world is not as it must be ends")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a bench prints what it measures")]

pub mod blocks;
pub mod figure;
pub mod machine;
pub mod raw;
mod report;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

pub use figure::{Figure, Unit};
use report::Report;

/// How a bench is called.
#[derive(Debug, Parser)]
struct Args {
    /// Measure only what has this in its name, and what that is held against.
    filter: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// Smaller and shorter: whether it runs at all, and roughly how fast.
    #[arg(long)]
    quick: bool,
    /// Rounds through all of a group.
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// What cargo says to a bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A bench on its way.
pub struct Bench {
    args: Args,
    report: Report,
}

/// Something to measure, and how: a call is one sample of its figure.
pub struct Case<'a> {
    figure: Figure,
    measure: Box<dyn FnMut() -> f64 + 'a>,
}

impl<'a> Case<'a> {
    /// `measure` gives a sample of `figure`, in the figure's unit.
    pub fn new(figure: Figure, measure: impl FnMut() -> f64 + 'a) -> Case<'a> {
        Case { figure, measure: Box::new(measure) }
    }
}

/// Runs the bench `name`: `run` says what it is configured as, and measures.
pub fn main(name: &str, run: impl FnOnce(&mut Bench)) -> ExitCode {
    let args = Args::parse();
    let mut bench = Bench { report: Report::new(name), args };
    bench.config("machine", machine::describe());
    bench.config("build", machine::build());
    let form = if bench.args.quick { "quick: the numbers are rough" } else { "full" };
    bench.config("form", format!("{form}; each row says the median of how many interleaved rounds it is"));
    run(&mut bench);
    bench.report.print(bench.args.json);
    ExitCode::SUCCESS
}

impl Bench {
    /// `full`, or `quick` where that was asked for.
    pub fn pick<T>(&self, full: T, quick: T) -> T {
        if self.args.quick { quick } else { full }
    }

    /// How often a group is gone through.
    pub fn rounds(&self) -> usize {
        self.args.rounds.unwrap_or(self.pick(7, 3)).max(1)
    }

    /// States a condition under which this bench measures: data directory, topology, block size, mining.
    pub fn config(&mut self, key: &str, value: impl Into<String>) {
        self.report.config.push((key.to_owned(), value.into()));
    }

    /// Whether what has this name is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.args.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()))
    }

    /// Measures `cases` in rounds: each once in every round.
    pub fn group(&mut self, cases: Vec<Case<'_>>) {
        self.group_of(self.rounds(), cases);
    }

    /// The same, in `rounds` rounds: for what takes long.
    pub fn group_of(&mut self, rounds: usize, mut cases: Vec<Case<'_>>) {
        let wanted: Vec<String> = cases
            .iter()
            .map(|case| &case.figure)
            .filter(|f| self.wants(&f.name))
            .flat_map(|figure| figure.limits.iter().chain([&figure.name]).cloned())
            .collect();
        cases.retain(|case| wanted.contains(&case.figure.name));
        let rounds = self.args.rounds.unwrap_or(rounds).max(1);
        for round in 1..=rounds {
            for case in &mut cases {
                let name = &case.figure.name;
                progress(&format!("{name}: {round}/{rounds}"));
                let sample = (case.measure)();
                case.figure.samples.push(sample);
            }
        }
        progress("");
        for case in cases {
            self.record(case.figure);
        }
    }

    /// Takes a figure that was measured elsewhere, its samples in it. Limits are figures recorded before it or
    /// after it, by name.
    pub fn record(&mut self, figure: Figure) {
        if !figure.samples.is_empty() {
            self.report.figures.push(figure);
        }
    }

    /// How long one sample of something fast is measured.
    pub fn turn(&self) -> Duration {
        Duration::from_millis(self.pick(100, 10))
    }
}

/// Says on a terminal how far it is.
pub fn progress(what: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K{what}");
    }
}

/// How many things a second `work` does, measured for about `turn`; it says how many it did.
pub fn rate(turn: Duration, mut work: impl FnMut() -> u64) -> f64 {
    let (begun, mut done) = (Instant::now(), 0);
    loop {
        done += work();
        let took = begun.elapsed();
        if took >= turn {
            return done as f64 / took.as_secs_f64();
        }
    }
}

/// Does `work` so often that looking at the clock in between costs nothing; how often that is.
pub fn many<T>(mut work: impl FnMut() -> T) -> u64 {
    for _ in 0..1000 {
        std::hint::black_box(work());
    }
    1000
}

/// Seconds that `work` takes, and what comes of it.
pub fn time<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let begun = Instant::now();
    let made = work();
    (begun.elapsed().as_secs_f64(), made)
}
