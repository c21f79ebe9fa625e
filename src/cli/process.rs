//! What a program says to the operating system about itself.

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit, test_kill_process,
};

use crate::cli::Failure;
use crate::limits::MIN_OPEN_FILES;

/// Lets the process, and the children it starts, open as many files as they may at all: a network of many
/// nodes holds a few each, and the usual soft limit of 1024 is meant for programs that use `select`.
pub(super) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where the system refuses (macOS, for "unlimited"), the limit stays what it was.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// What to do where the system gives too little.
pub(super) const LIMITS: &str = "check the limits on open files and threads (ulimit -n, ulimit -u)";

/// Whether as many files may be open as any of this needs: what is short of them fails wherever it happens to be.
pub(super) fn check_file_limit() -> Result<(), Failure> {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < MIN_OPEN_FILES => Err(Failure::new(
            format!("only {limit} files may be open at once, and {MIN_OPEN_FILES} are needed at least"),
            LIMITS,
        )),
        _ => Ok(()),
    }
}

/// Calls this process `p2pnode` in `ps` and `top`, whatever file it was started from.
pub(super) fn name_p2pnode() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"p2pnode");
}

/// Ends the process now, without the orderly part.
#[allow(clippy::disallowed_methods, reason = "asked to stop a second time, or an orderly stop hangs")]
pub(super) fn exit_now(code: i32) -> ! {
    std::process::exit(code)
}

/// Makes this process the first of a session of its own, which no terminal belongs to: what is typed there
/// does not reach it, and it outlives that.
pub(super) fn leave_session() {
    // It fails only for whoever leads a group already, and there is nothing to leave then.
    let _ = rustix::process::setsid();
}

/// Whether a process runs. One that has ended and that nobody has asked about yet does not.
pub(super) fn is_alive(pid: u32) -> bool {
    let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    let is_there = match test_kill_process(number) {
        Ok(()) => true,
        // Somebody else's, but there.
        Err(error) => error == rustix::io::Errno::PERM,
    };
    is_there && state(pid) != Some('Z')
}

/// Whether a process was stopped by a signal, as a terminal's Ctrl-Z does, where the system says so in a file.
pub(super) fn is_stopped(pid: u32) -> bool {
    state(pid) == Some('T')
}

/// The letter of a process's state.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name comes before, in brackets, and may hold anything.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Asks this very process to stop, as a signal from outside would.
pub(super) fn stop_myself() {
    let _ = kill_process(getpid(), Signal::TERM);
}

/// Asks a process of ours to stop.
pub(super) fn terminate(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
}
