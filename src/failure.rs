//! A program's orderly failure: what is wrong and where, and what to do next.

use std::io::Write;
use std::process::ExitCode;

/// What the user of a program is told instead of what was asked for.
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

    /// Says so on stderr, in two lines, and ends with 1.
    pub fn report(&self) -> ExitCode {
        let mut stderr = std::io::stderr().lock();
        let _ = writeln!(stderr, "error: {}", self.error);
        if !self.hint.is_empty() {
            let _ = writeln!(stderr, "hint: {}", self.hint);
        }
        ExitCode::FAILURE
    }
}
