//! What a program says to the operating system about itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets the process, and the children it starts, open as many files as they may at all: a network of many
/// nodes holds a few each, and the usual soft limit of 1024 is meant for programs that use `select`.
pub(super) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where the system refuses (macOS, for "unlimited"), the limit stays what it was.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
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
