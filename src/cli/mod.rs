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
mod kept;
mod kernel;
pub mod log;
mod made;
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

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

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

/// The exit code for what the system refused: [`IO`] where the disk is at fault, 1 where the name is, the permission,
/// or a limit of this process.
pub(crate) fn io_code(error: &io::Error) -> u8 {
    use io::ErrorKind as Kind;
    match error.kind() {
        _ if is_out_of_files(error) => 1,
        Kind::NotFound | Kind::PermissionDenied | Kind::AlreadyExists | Kind::ReadOnlyFilesystem => 1,
        Kind::NotADirectory | Kind::IsADirectory | Kind::InvalidInput | Kind::InvalidFilename => 1,
        Kind::NotSeekable | Kind::BrokenPipe => 1,
        _ => IO,
    }
}

/// Whether no more files may be open, by this process or on this machine.
pub(crate) fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
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

    /// The same, with `hint` where there is none yet.
    #[must_use]
    pub fn or_hint(self, hint: &str) -> Failure {
        match self.hint.is_empty() {
            true => Failure { hint: hint.to_owned(), ..self },
            false => self,
        }
    }

    /// The same, the fault being the value of `flag`.
    #[must_use]
    pub fn at(self, flag: &'static str) -> Failure {
        Failure { flag: Some(flag), ..self }
    }

    /// Says so on stderr; the exit code.
    pub fn report(&self) -> ExitCode {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: {}", render::lines(&self.error));
        if !self.hint.is_empty() {
            let _ = writeln!(stderr, "hint: {}", render::lines(&self.hint));
        }
        ExitCode::from(self.code)
    }
}

/// The flags, or what to end with instead, once the help that was asked for or what is wrong was said.
pub fn parse<A: clap::Parser>() -> Result<A, ExitCode> {
    A::try_parse().map_err(|error| {
        if !error.use_stderr() {
            return shown(&error);
        }
        let words: Vec<OsString> = std::env::args_os().collect();
        not_parsed(&error, &A::command(), &words).report()
    })
}

/// Shows the help, or the version, that was asked for. Who stopped reading wanted no more.
fn shown(help: &clap::Error) -> ExitCode {
    match help.print().and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let error = format!("stdout cannot be written: {error}");
            Failure::new(error, "see to its file or disk, and call again").report()
        }
        _ => ExitCode::SUCCESS,
    }
}

/// What flags that clap refused come to; `words` are the command line of `command`.
fn not_parsed(error: &clap::Error, command: &clap::Command, words: &[OsString]) -> Failure {
    // Its first line says what is wrong; what is similar, if anything is, is worth more than the usage.
    let text = error.to_string();
    let wrong = text.lines().next().unwrap_or_default();
    let wrong = wrong.strip_prefix("error: ").unwrap_or(wrong).trim_end_matches(':');
    let values = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => format!(": expected {}", any_of(values)),
        _ => String::new(),
    };
    let missing = text.lines().skip(1).take_while(|line| line.starts_with("  <") || line.starts_with("  --"));
    let wrong = missing.fold(wrong.to_owned(), |wrong, line| format!("{wrong} {}", line.trim()));
    let wrong = wrong + &values;
    let tip = text.lines().find_map(|line| line.trim().strip_prefix("tip: "));
    let similar = tip.filter(|tip| tip.contains("similar")).map(|tip| format!("{tip}; "));
    let (path, called) = called(command, words);
    let what = if called.is_subcommand_required_set() { "commands" } else { "flags" };
    let needs_one = [ErrorKind::MissingSubcommand, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
    let wrong = match needs_one.contains(&error.kind()) {
        true => format!("`{path}` is followed by {}", one_of(called)),
        false => wrong,
    };
    Failure::usage(wrong, format!("{}`{path} --help` lists the {what}", similar.unwrap_or_default()))
}

/// The names of the commands below `command`: `list, show or run`.
fn one_of(command: &clap::Command) -> String {
    let subs = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    any_of(&subs.map(clap::Command::get_name).filter(|name| *name != "help").collect::<Vec<_>>())
}

/// `list, show or run`.
fn any_of<Name: AsRef<str>>(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        names => names.concat(),
    }
}

/// The command that `words` call, and its whole name.
fn called<'a>(command: &'a clap::Command, words: &[OsString]) -> (String, &'a clap::Command) {
    let (mut path, mut at) = (command.get_name().to_owned(), command);
    for word in words.iter().skip(1).filter_map(|word| word.to_str()) {
        match at.find_subcommand(word) {
            Some(sub) => {
                path = format!("{path} {}", sub.get_name());
                at = sub;
            }
            // Flags may stand in front of a command; behind one, what is no command is its argument.
            None if word.starts_with('-') || at.get_name() == command.get_name() => {}
            None => break,
        }
    }
    (path, at)
}

/// Runs `program` on one thread, with a small pool beside it for what takes long.
fn run(program: impl Future<Output = Result<ExitCode, Failure>>) -> ExitCode {
    process::raise_file_limit();
    if let Err(failure) = process::check_file_limit() {
        return failure.report();
    }
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
        Err(error) => {
            Err(Failure::new(format!("the runtime could not be started: {error}"), process::LIMITS))
        }
    };
    ended.unwrap_or_else(|failure| failure.report())
}
