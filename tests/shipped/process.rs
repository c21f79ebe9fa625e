//! What a process says, what is so of it and how it ends, waited for no longer than [`DEADLINE`]: a test of what
//! does not come fails with what came instead.

#![allow(dead_code, reason = "not every test has use for each of them")]
#![allow(clippy::disallowed_methods, reason = "a deadline for what processes say and how they end")]

use std::io::{Cursor, Read};
use std::os::fd::AsFd;
use std::process::{Child, ExitStatus};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, test_kill_process};

/// Far more than anything here takes, on a machine that is busy with other tests.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// What a process writes to a pipe, line by line.
pub struct Pipe<P> {
    pipe: P,
    unread: Vec<u8>,
}

impl<P: Read + AsFd> Pipe<P> {
    pub fn new(pipe: P) -> Pipe<P> {
        Pipe { pipe, unread: Vec::new() }
    }

    /// The next line with its end; nothing once there is none any more.
    #[track_caller]
    pub fn line(&mut self) -> String {
        self.line_before(Instant::now() + DEADLINE)
    }

    /// Reads on to a line that is the one that says `what`; it and those before it.
    #[track_caller]
    pub fn until(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut read = String::new();
        loop {
            let line = self.line_before(deadline);
            assert!(!line.is_empty(), "it ends and never says {what:?}:\n{read}");
            read += &line;
            if is_it(&line) {
                return read;
            }
        }
    }

    /// All that is still to come.
    #[track_caller]
    pub fn rest(&mut self) -> String {
        let deadline = Instant::now() + DEADLINE;
        while self.fill(deadline) {}
        text(std::mem::take(&mut self.unread))
    }

    /// What is still to come, however long it takes.
    pub fn unhurried(self) -> impl Read {
        Cursor::new(self.unread).chain(self.pipe)
    }

    #[track_caller]
    fn line_before(&mut self, deadline: Instant) -> String {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                return text(self.unread.drain(..=end).collect());
            }
            if !self.fill(deadline) {
                return text(std::mem::take(&mut self.unread));
            }
        }
    }

    /// Reads something; false at the end of all.
    #[track_caller]
    fn fill(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).expect("a minute");
        let ready = poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], Some(&left)).expect("a pipe");
        let unread = String::from_utf8_lossy(&self.unread);
        assert_ne!(ready, 0, "it says nothing more within {DEADLINE:?}; unread is {unread:?}");
        let mut bytes = [0; 4096];
        let read = self.pipe.read(&mut bytes).expect("a pipe");
        self.unread.extend_from_slice(&bytes[..read]);
        read > 0
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("UTF-8")
}

/// Waits until it is so.
#[track_caller]
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process runs. One that ended and that nobody has asked about yet does not.
pub fn is_alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let is_zombie = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'));
    test_kill_process(pid).is_ok() && !is_zombie
}

/// What a process came to, once it has ended: its status, and the rest of its stdout and stderr.
#[track_caller]
pub fn finish(child: &mut Child) -> (ExitStatus, String, String) {
    let out = child.stdout.take().map(read);
    let error = child.stderr.take().map(read);
    let start = Instant::now();
    let mut is_overdue = false;
    let status = loop {
        match child.try_wait().expect("a child of ours") {
            Some(status) => break status,
            None if start.elapsed() > DEADLINE && !is_overdue => {
                let _ = child.kill();
                is_overdue = true;
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let text = |reading: Option<JoinHandle<Vec<u8>>>| {
        text(reading.map(|reading| reading.join().expect("what it said")).unwrap_or_default())
    };
    let (out, error) = (text(out), text(error));
    assert!(!is_overdue, "a process has no end within {DEADLINE:?}; it said:\n{out}{error}");
    (status, out, error)
}

fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe");
        bytes
    })
}

/// What a terminal sends as it closes; another stop where that is ignored, as under nohup, which is to outlive it.
pub fn closing_terminal() -> Signal {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    if ignored & 1 == 1 { Signal::TERM } else { Signal::HUP }
}
