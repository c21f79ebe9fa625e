//! The two programs: their flags, their logs, and what they say when something is wrong.
//!
//! Lives here: everything between `main` and the library. The binaries parse and call, nothing else.

pub mod log;
pub mod manager;

pub mod node;
mod seed;
mod values;

use std::process::ExitCode;

use clap::Parser;

use crate::failure::Failure;

/// The flags, or what to say and end with instead: the help that was asked for, or what is wrong.
pub fn parse<A: Parser>() -> Result<A, ExitCode> {
    A::try_parse().map_err(|error| {
        if !error.use_stderr() {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        // Its first paragraph says what is wrong; a tip, if there is one, is worth more than the usage.
        let text = error.to_string();
        let wrong = text.lines().next().unwrap_or_default();
        let wrong = wrong.strip_prefix("error: ").unwrap_or(wrong);
        let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
        let program = A::command().get_name().to_owned();
        let hint = tip.map_or_else(|| format!("{program} --help lists the flags"), str::to_owned);
        Failure::new(wrong, hint).report();
        ExitCode::from(USAGE)
    })
}

/// Exit code of a program that was called wrongly.
const USAGE: u8 = 2;

/// Runs `program` on one thread, with a small pool beside it for what takes long.
pub fn run(program: impl Future<Output = Result<ExitCode, Failure>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(8)
        .thread_name("blocking")
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(program);
            // What is left runs for nobody.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Failure::new(
            format!("the runtime could not be started: {error}"),
            "check the limits on open files and threads (ulimit -n, ulimit -u)",
        )),
    };
    ended.unwrap_or_else(|failure| failure.report())
}
