//! The signals that ask a program to stop.

use std::io;

use rustix::process::Signal as Signum;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C, SIGTERM, and SIGHUP, which a terminal sends as it closes. Caught from the moment this is made.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// What a write beyond `ulimit -f` sends: whoever catches it has the write fail, and says so, in place of being
    /// ended by it.
    _file_limit: Signal,
    /// None where somebody, such as `nohup`, wants the program to outlive its terminal.
    hangup: Option<Signal>,
}

impl Signals {
    /// Catches them from now on.
    pub fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            _file_limit: signal(SignalKind::from_raw(Signum::XFSZ.as_raw()))?,
            hangup: if outlives_terminal() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// Ends at the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => tracing::info!("interrupted"),
            _ = self.terminate.recv() => tracing::info!("terminated"),
            true = came(&mut self.hangup) => tracing::info!("the terminal is gone"),
        }
    }
}

async fn came(signal: &mut Option<Signal>) -> bool {
    match signal {
        Some(signal) => signal.recv().await.is_some(),
        None => false,
    }
}

/// Whether SIGHUP was ignored when this program was started; what cannot be known is left as it is.
fn outlives_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_none_or(|mask| mask & 1 != 0)
}
