//! The two programs: their flags, their logs, and what they say when something is wrong.
//!
//! Lives here: everything between `main` and the library. The binaries parse and call, nothing else.

pub mod log;
pub mod manager;

pub mod node;
mod seed;
mod values;

use std::process::ExitCode;

use crate::failure::Failure;

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
