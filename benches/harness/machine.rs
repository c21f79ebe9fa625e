//! On what is measured.

use std::fs;

/// Processor, cores, and how busy they are already.
pub fn describe() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().map_or(String::new(), |load| format!(", load {load} before"));
    format!("{model}, {cores} cores{load}")
}

/// How this was built.
pub fn build() -> &'static str {
    if cfg!(debug_assertions) { "with debug assertions: the numbers mean nothing" } else { "optimised" }
}

/// Bytes of the process `pid` (or `self`) that are in memory.
pub fn resident(pid: &str) -> Option<u64> {
    status(pid, "VmRSS:")
}

/// The most that there ever were.
pub fn most_resident(pid: &str) -> Option<u64> {
    status(pid, "VmHWM:")
}

fn status(pid: &str, field: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix(field))?;
    kib.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Where `path` is kept: the kind of its file system.
pub fn file_system(path: &std::path::Path) -> String {
    let path = path.canonicalize().unwrap_or_default();
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        Some((words.next()?, words.next()?))
    });
    let nearest = mounts.filter(|(at, _)| path.starts_with(at)).max_by_key(|(at, _)| at.len());
    format!("{}, on {}", path.display(), nearest.map_or("an unknown file system", |(_, kind)| kind))
}
