//! A node's log: taken before its process starts, and its last lines for when that is gone.
//!
//! The log is the process's stderr, and a lock on an open file lasts until the last process that has it is
//! gone. So the lock tells whether a process of an earlier run is still there, whatever became of the
//! manager that started it, and without the numbers of processes.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::limits::{LAST_LOG_LINES, LOG_TAIL_BYTES};
use crate::text::escaped;

/// The line that stands before what a new run writes to a log.
const NEW_RUN: &str = "--- a new run";

/// The log at `path`, for a new process to write to; none while an earlier one does.
pub fn take(path: &Path) -> io::Result<Option<File>> {
    let mut log = File::options().create(true).append(true).open(path)?;
    match log.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        // Where files cannot be locked, nobody is kept from anything.
        Err(TryLockError::Error(error)) => tracing::debug!(%error, "the log is not locked"),
        Ok(()) => {}
    }
    writeln!(log, "{NEW_RUN}")?;
    Ok(Some(log))
}

/// The last [`LAST_LOG_LINES`] lines of the file's last run, control characters escaped; none if it cannot
/// be read.
pub fn last_lines(path: &Path) -> Vec<String> {
    read_end(path).map(|text| lines_of(&text)).unwrap_or_default()
}

fn read_end(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn lines_of(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let began = lines.iter().rposition(|line| *line == NEW_RUN).map_or(0, |at| at + 1);
    let lines = &lines[began..];
    let last = lines.len().saturating_sub(LAST_LOG_LINES);
    lines[last..].iter().map(|line| escaped(line, |_| false)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_shown_and_it_cannot_forge_a_terminal() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node-000.log");
        let long: String = (0..5000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&path, long + "\x1b[2Jlast").expect("a file");
        let lines = last_lines(&path);
        assert_eq!(lines.len(), LAST_LOG_LINES);
        assert_eq!(lines.first().map(String::as_str), Some("line 4981"));
        assert_eq!(lines.last().map(String::as_str), Some("\\u{1b}[2Jlast"));
        assert_eq!(last_lines(&folder.path().join("none")), Vec::<String>::new());
        std::fs::write(&path, format!("long ago\n{NEW_RUN}\nnow\n")).expect("a file");
        assert_eq!(last_lines(&path), ["now"]);
    }

    #[test]
    fn a_log_is_taken_until_the_last_who_has_it_lets_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("node-000.log");
        let log = take(&path).expect("a file").expect("nobody has it");
        let childs = log.try_clone().expect("another handle");
        drop(log);
        assert!(take(&path).expect("a file").is_none(), "a process has it");
        drop(childs);
        assert!(take(&path).expect("a file").is_some());
    }
}
