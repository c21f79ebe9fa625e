//! How a node's process ended, and what that says about starting it again.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// Exit code of a node that was stopped in order.
pub const ORDERLY: i32 = 0;
/// Exit code for flags that make no sense, as clap's own.
pub const USAGE: i32 = 2;
/// Exit code of a node whose data is damaged: EX_DATAERR of sysexits.h.
pub const DAMAGED: i32 = 65;
/// Exit code of a node that cannot write its data: EX_IOERR of sysexits.h.
pub const DISK: i32 = 74;
/// Exit code of a program that panicked, which Rust gives it.
const PANICKED: i32 = 101;
/// Exit code after a second signal: 128 and SIGINT's number, as shells have it.
pub const INTERRUPTED: i32 = 130;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It is gone, and nobody knows how.
    Unknown,
}

impl Exit {
    /// What its code means, where that says more than that it failed.
    fn meaning(self) -> Option<&'static str> {
        Some(match self {
            Exit::Code(ORDERLY) => "stopped in order",
            Exit::Code(USAGE) => "its flags make no sense",
            Exit::Code(DAMAGED) => "its data is damaged",
            Exit::Code(DISK) => "its disk is full or failing",
            Exit::Code(PANICKED) => "it panicked, a defect",
            Exit::Code(INTERRUPTED) => "interrupted",
            _ => return None,
        })
    }

    /// Why it is no use to start the same again, if it is none.
    pub fn final_because(self) -> Option<&'static str> {
        match self {
            Exit::Code(DAMAGED | USAGE) => Some("it would end the same way"),
            Exit::Code(ORDERLY | INTERRUPTED) => Some("somebody stopped it"),
            _ => None,
        }
    }
}

impl core::fmt::Display for Exit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}")?,
            Exit::Signal(signal) => write!(f, "ended by signal {signal}")?,
            Exit::Unknown => f.write_str("ended, nobody knows how")?,
        }
        self.meaning().map_or(Ok(()), |meaning| write!(f, " ({meaning})"))
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Exit {
        match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_with_its_meaning() {
        let rows = [
            (Exit::Code(0), "exit code 0 (stopped in order)"),
            (Exit::Code(1), "exit code 1"),
            (Exit::Code(65), "exit code 65 (its data is damaged)"),
            (Exit::Code(74), "exit code 74 (its disk is full or failing)"),
            (Exit::Signal(9), "ended by signal 9"),
        ];
        for (exit, told) in rows {
            assert_eq!(exit.to_string(), told);
        }
    }
}
