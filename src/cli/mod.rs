//! The two programs: their flags, their logs, and what they say when something is wrong.
//!
//! Lives here: everything between `main` and the library. The binaries parse and call, nothing else.

pub mod log;

pub mod node;
mod seed;
mod values;

use std::io::Write;
use std::process::ExitCode;

/// A program's orderly failure: what is wrong and where, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// What is wrong, and where.
    pub error: String,
    /// The next thing to try.
    pub hint: String,
}

impl Failure {
    /// What is wrong, and what to do about it.
    pub fn new(error: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { error: error.into(), hint: hint.into() }
    }

    /// Says so on stderr, and ends with 1.
    pub fn report(&self) -> ExitCode {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: {}", self.error);
        if !self.hint.is_empty() {
            let _ = writeln!(stderr, "hint: {}", self.hint);
        }
        ExitCode::FAILURE
    }
}

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
