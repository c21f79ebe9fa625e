//! Logs: one line an event, with a timestamp that people and programs read.

use std::fs::OpenOptions;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::cli::Failure;

/// RFC 3339 in UTC, with milliseconds: `2026-01-31T12:00:00.123Z`.
struct Timestamp;

impl FormatTime for Timestamp {
    fn format_time(&self, w: &mut Writer<'_>) -> core::fmt::Result {
        write!(w, "{:.3}", jiff::Timestamp::now())
    }
}

/// How much to log.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct LogArgs {
    /// How much to log: off, error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: LevelFilter,
    /// Log more: -v for debug, -vv for trace.
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "log_level")]
    pub verbose: u8,
}

impl LogArgs {
    /// The level that the flags ask for.
    pub fn level(self) -> LevelFilter {
        match self.verbose {
            0 => self.log_level,
            1 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }
}

/// Logs to `file`, or to stderr where none is given. A file is appended to, each line with one write, so
/// that a line is there as soon as it is logged and two writers do not mix theirs.
pub fn start(file: Option<&Path>, level: LevelFilter) -> Result<(), Failure> {
    let base = tracing_subscriber::fmt()
        .with_timer(Timestamp)
        .with_target(false)
        .with_max_level(level)
        // It would say so on stderr, and end the task that logs where stderr is what has gone.
        .log_internal_errors(false);
    let started = match file {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
                Failure::new(
                    format!("the log file {} cannot be written: {error}", path.display()),
                    "choose another place with --log, or make its folder",
                )
            })?;
            base.with_ansi(false).with_writer(Mutex::new(file)).try_init()
        }
        // A reader that has gone must not end the program: the line is lost, no more.
        None => base.with_ansi(colour(&std::io::stderr())).with_writer(std::io::stderr).try_init(),
    };
    started.map_err(|error| Failure::new(format!("logging could not be started: {error}"), ""))
}

/// Whether to colour what `stream` shows: on a terminal that can, unless NO_COLOR (no-color.org) says otherwise.
pub fn colour(stream: &impl IsTerminal) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let can = std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb");
    stream.is_terminal() && can && !is_set("NO_COLOR")
}
