//! Logs: one line an event, with a timestamp that people and programs read.

use std::fs::OpenOptions;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::failure::Failure;

/// RFC 3339 in UTC, with milliseconds: `2026-01-31T12:00:00.123Z`.
struct Timestamp;

impl FormatTime for Timestamp {
    fn format_time(&self, w: &mut Writer<'_>) -> core::fmt::Result {
        write!(w, "{:.3}", jiff::Timestamp::now())
    }
}

/// Logs to `file`, or to stderr where none is given.
pub fn start(file: Option<&Path>, level: LevelFilter) -> Result<(), Failure> {
    let base = tracing_subscriber::fmt().with_timer(Timestamp).with_target(false).with_max_level(level);
    match file {
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| {
                Failure::new(
                    format!("the log file {} cannot be written: {error}", path.display()),
                    "choose another place with --log, or make its folder",
                )
            })?;
            base.with_ansi(false).with_writer(Mutex::new(file)).init();
        }
        None => {
            // A reader that has gone must not end the program: the line is lost, no more.
            base.with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr).init();
        }
    }
    Ok(())
}
