//! The two programs: their flags, their logs, and what they say when something is wrong.
//!
//! Lives here: everything between `main` and the library. Not here: anything a test of the library would
//! want to call; the binaries in `src/bin` parse and call, nothing else.

pub mod bench_hash;
pub mod chain_file;
mod client;
pub mod commands;
mod folder;
mod http;
mod idle;
mod join;
mod kernel;
pub mod log;
mod manager;
mod names;
mod network;
pub mod node;
mod output;
mod process;
mod render;
mod renew;
mod scenario;
mod seed;
mod settings;
pub mod simulate;
mod values;
pub mod verify;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::manager::exit;

/// A program's orderly failure: what is wrong and where, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// What is wrong, and where.
    pub error: String,
    /// The next thing to try; empty where there is nothing to say.
    pub hint: String,
    /// The flag whose value is at fault, so that a manager can name its own flag for it.
    pub flag: Option<&'static str>,
    /// The exit code: 1, or one of the others below.
    pub code: u8,
}

/// Exit code for flags that make no sense, as clap's own.
pub const USAGE: u8 = exit::USAGE as u8;
/// Exit code of a command whose manager cannot be reached.
pub const UNREACHABLE: u8 = 3;
/// Exit code of a command that took too long.
pub const TIMED_OUT: u8 = 4;
/// Exit code of a scenario that expected something else than there was.
pub const UNMET: u8 = 5;
/// Exit code for stored data that is not what was stored: EX_DATAERR of sysexits.h.
pub const DATA: u8 = exit::DAMAGED as u8;
/// Exit code for a disk that is full or failing: EX_IOERR of sysexits.h.
pub const IO: u8 = exit::DISK as u8;

/// The exit code for what the system refused: [`IO`] where the disk is at fault, 1 where the name is, or the
/// permission.
pub(crate) fn io_code(error: &io::Error) -> u8 {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound | Kind::PermissionDenied | Kind::AlreadyExists | Kind::ReadOnlyFilesystem => 1,
        Kind::NotADirectory | Kind::IsADirectory | Kind::InvalidInput | Kind::InvalidFilename => 1,
        Kind::NotSeekable | Kind::BrokenPipe => 1,
        _ => IO,
    }
}

impl Failure {
    /// What went wrong, and what to do about it.
    pub fn new(error: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { error: error.into(), hint: hint.into(), flag: None, code: 1 }
    }

    /// What is wrong with the flags, and what to write instead.
    pub fn usage(error: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure { code: USAGE, ..Failure::new(error, hint) }
    }

    /// The same, the fault being the value of `flag`.
    #[must_use]
    pub fn at(self, flag: &'static str) -> Failure {
        Failure { flag: Some(flag), ..self }
    }

    /// Says so on stderr; the exit code.
    pub fn report(&self) -> ExitCode {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: {}", self.error);
        if !self.hint.is_empty() {
            let _ = writeln!(stderr, "hint: {}", self.hint);
        }
        ExitCode::from(self.code)
    }
}

/// The flags, or what to end with instead, once the help that was asked for or what is wrong was said.
pub fn parse<A: clap::Parser>() -> Result<A, ExitCode> {
    A::try_parse().map_err(|error| {
        if !error.use_stderr() {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        let sub = std::env::args().nth(1);
        not_parsed(&error, &A::command(), sub.as_deref()).report()
    })
}

/// What flags that clap refused come to; `sub` is the word that may be a subcommand of `command`.
fn not_parsed(error: &clap::Error, command: &clap::Command, sub: Option<&str>) -> Failure {
    // Its first line says what is wrong; a tip, if there is one, is worth more than the usage.
    let text = error.to_string();
    let wrong = text.lines().next().unwrap_or_default();
    let wrong = wrong.strip_prefix("error: ").unwrap_or(wrong).trim_end_matches(':');
    let missing = text.lines().skip(1).take_while(|line| line.starts_with("  <") || line.starts_with("  --"));
    let wrong = missing.fold(wrong.to_owned(), |wrong, line| format!("{wrong} {}", line.trim()));
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    let sub = sub.filter(|first| command.find_subcommand(first).is_some());
    let sub = sub.map_or(String::new(), |sub| format!(" {sub}"));
    let help = format!("{}{sub} --help lists the flags", command.get_name());
    Failure::usage(wrong, tip.map_or(help, str::to_owned))
}

/// Runs `program` on one thread, with a small pool beside it for what takes long.
fn run(program: impl Future<Output = Result<ExitCode, Failure>>) -> ExitCode {
    process::raise_file_limit();
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
