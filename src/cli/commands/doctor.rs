//! `networkmngr doctor`: what a start with these flags would meet, before it does.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

use rustix::fs::Access;
use rustix::process::{Resource, getrlimit};
use serde::Serialize;
use serde_json::json;

use crate::cli::Failure;
use crate::cli::manager::{UpArgs, settings};
use crate::cli::output::Output;
use crate::cli::render::{Align, Cell, Style, Table, bytes, count, hashes};
use crate::limits::{DEFAULT_NETWORK_HASHRATE, MAX_INBOUND, MAX_MESH, RANDOM_LINKS};
use crate::manager::record;

/// Resident memory of a node that idles, with room for some chain.
const NODE_MEMORY: u64 = 16 * 1024 * 1024;
/// What a node puts on the disk at first: its database, its records, its log.
const NODE_DISK: u64 = 8 * 1024 * 1024;
/// Files that a node holds open beside its links, and the manager beside its nodes.
const OTHER_FILES: u64 = 64;
/// Files that the manager holds for each node: two pipes, a connection, the process itself.
const FILES_PER_NODE: u64 = 4;
/// The same of a network that idles: with fewer, `up` fails.
const LEAST_OTHER_FILES: u64 = 14;
/// The same, of each node.
const LEAST_FILES_PER_NODE: u64 = 3;
/// Threads of a node.
const NODE_THREADS: u64 = 6;
/// Hashes a second that a core of today does at the least.
const CORE_HASHRATE: u64 = 4_000_000;

/// How something looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    /// As it should be.
    Ok,
    /// It may be slow, or not go well.
    Warn,
    /// `up` would fail.
    Bad,
}

/// A thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    what: &'static str,
    health: Health,
    found: String,
    /// What to do; empty where there is nothing.
    hint: String,
}

impl Check {
    fn new(what: &'static str, health: Health, found: impl Into<String>, hint: impl Into<String>) -> Check {
        let hint = if health == Health::Ok { String::new() } else { hint.into() };
        Check { what, health, found: found.into(), hint }
    }
}

/// Whether so much is there as is needed.
fn enough(what: &'static str, there: u64, needed: u64, said: String, hint: &str) -> Check {
    Check::new(what, if there >= needed { Health::Ok } else { Health::Warn }, said, hint)
}

pub(super) fn run(args: &UpArgs, output: &mut Output) -> Result<ExitCode, Failure> {
    settings(args)?;
    let checks = look(args);
    let is_bad = checks.iter().any(|check| check.health == Health::Bad);
    output.data(&json!({"ok": !is_bad, "checks": checks}), |style| said(&checks, args.amount, style));
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn said(checks: &[Check], amount: usize, style: Style) -> String {
    let mut table = Table::new([("check", Align::Left), ("", Align::Left), ("found", Align::Left)]);
    for check in checks {
        let health = match check.health {
            Health::Ok => Cell::painted("ok", Style::good),
            Health::Warn => Cell::painted("warning", Style::warn),
            Health::Bad => Cell::painted("error", Style::bad),
        };
        table.row([check.what.into(), health, check.found.clone().into()]);
    }
    let mut text = table.text(style) + "\n";
    for check in checks.iter().filter(|check| !check.hint.is_empty()) {
        text += &format!("hint: {}: {}\n", check.what, check.hint);
    }
    let bad = checks.iter().filter(|check| check.health == Health::Bad).count();
    text += &match bad {
        0 => format!("a network of {} can be started here\n", count(amount, "node")),
        _ => format!("a network of {} would not start: {}\n", count(amount, "node"), count(bad, "error")),
    };
    text
}

fn look(args: &UpArgs) -> Vec<Check> {
    let nodes = args.amount as u64;
    let mut checks = vec![
        ports("manager's port", "--port", args.port, 1),
        ports("HTTP ports", "--base-http", args.base_http, args.amount),
        ports("P2P ports", "--base-listen", args.base_listen, args.amount),
        folder(&args.data_dir),
    ];
    checks.extend(args.node_program.as_deref().map(program));
    if !args.ephemeral
        && let Some(free) = free_space(&args.data_dir)
    {
        let needed = nodes * NODE_DISK;
        let said = format!("{} free, {} to begin with", bytes(free), bytes(needed));
        checks.push(enough("disk", free, needed, said, "free some space, or start with --ephemeral"));
    }
    let limit = |resource| getrlimit(resource).current.unwrap_or(u64::MAX);
    let links =
        if args.amount <= MAX_MESH { nodes } else { (2 * RANDOM_LINKS as u64).min(MAX_INBOUND as u64) };
    checks.push(open_files(limit(Resource::Nofile), nodes, links));
    let (there, threads) = (limit(Resource::Nproc), NODE_THREADS * nodes);
    let said = format!("{} may run, about {threads} will", number(there));
    checks.push(enough("threads", there, threads, said, "raise the limit: `ulimit -u unlimited`"));
    if let Some(free) = available_memory() {
        let needed = nodes * NODE_MEMORY;
        let said = format!("{} available, about {} needed", bytes(free), bytes(needed));
        checks.push(enough("memory", free, needed, said, "start fewer nodes (--amount)"));
    }
    checks.push(cores(args));
    checks
}

/// A limit of the system.
fn number(limit: u64) -> String {
    if limit == u64::MAX { "any number".to_owned() } else { limit.to_string() }
}

/// Whether so many open files in a process will do for so many nodes with so many links each.
fn open_files(there: u64, nodes: u64, links: u64) -> Check {
    let wanted = (FILES_PER_NODE * nodes).max(links) + OTHER_FILES;
    let least = (LEAST_FILES_PER_NODE * nodes).max(links) + LEAST_OTHER_FILES;
    let health = match there {
        there if there < least => Health::Bad,
        there if there < wanted => Health::Warn,
        _ => Health::Ok,
    };
    let found = format!("{} may be open in a process, about {wanted} will be", number(there));
    Check::new("open files", health, found, "raise the limit: `ulimit -n 65536`")
}

/// Whether ports are free: those from `first` on, or any.
fn ports(what: &'static str, flag: &'static str, first: u16, amount: usize) -> Check {
    if first == 0 {
        return Check::new(what, Health::Ok, "any free ones", "");
    }
    let last = first.saturating_add(u16::try_from(amount - 1).unwrap_or(u16::MAX));
    let is_taken = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_err();
    let taken: Vec<u16> = (first..=last).filter(is_taken).collect();
    let all = if first == last { first.to_string() } else { format!("{first}-{last}") };
    match taken[..] {
        [] => Check::new(what, Health::Ok, format!("{all} free"), ""),
        [port, ..] => {
            let found = format!("{all}: {} taken, the first is {port}", taken.len());
            Check::new(
                what,
                Health::Bad,
                found,
                format!("move them with {flag}, 0 for any; `lsof -i :{port}` shows who has it"),
            )
        }
    }
}

/// Whether the folder is ours to take.
fn folder(path: &Path) -> Check {
    let what = "folder";
    let lock = path.join(record::LOCK);
    let shown = path.display();
    if let Ok(file) = File::open(&lock)
        && matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
    {
        let hint = "stop it with `networkmngr down`, or choose another folder with --data-dir";
        return Check::new(what, Health::Bad, format!("a network runs in {shown}"), hint);
    }
    // What is not there yet is made below what is.
    let is_there = |path: &&Path| path.as_os_str().is_empty() || path.symlink_metadata().is_ok();
    let there = path.ancestors().find(is_there).unwrap_or(path);
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    if !there.is_dir() {
        let found = match there == path {
            true => format!("{shown} is no folder"),
            false => format!("{shown} cannot be made: {} is no folder", there.display()),
        };
        return Check::new(what, Health::Bad, found, "choose another place with --data-dir");
    }
    // Not every place where this user may write has room for a folder, such as /proc.
    match tempfile::Builder::new().prefix(".networkmngr-").tempdir_in(there) {
        Ok(_) if lock.exists() => {
            Check::new(what, Health::Ok, format!("{shown} holds a network, which goes on"), "")
        }
        Ok(_) => Check::new(what, Health::Ok, format!("{shown} is new"), ""),
        Err(error) => {
            // The path that it names is one that nobody asked for.
            let error = rustix::io::Errno::from_io_error(&error).map_or(error.to_string(), |e| e.to_string());
            let found = format!("{shown} cannot be written: {error}");
            Check::new(what, Health::Bad, found, "choose another place with --data-dir")
        }
    }
}

/// Whether the program of a node can be run: a file, or where it is a bare name, one of those that the shell finds.
fn program(path: &Path) -> Check {
    let what = "node program";
    let runs = |path: &Path| path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok();
    let is_bare = path.components().count() == 1 && !path.to_string_lossy().contains('/');
    let places = std::env::var_os("PATH").unwrap_or_default();
    let found = match is_bare {
        true => std::env::split_paths(&places).map(|place| place.join(path)).find(|path| runs(path)),
        false => Some(path.to_owned()).filter(|path| runs(path)),
    };
    match found {
        Some(found) => Check::new(what, Health::Ok, format!("{}, not tried", found.display()), ""),
        None => {
            let found = format!("{} is no program that can be run", path.display());
            Check::new(what, Health::Bad, found, "name the program of a node with --node-program")
        }
    }
}

/// Free bytes where `path` is, or will be.
fn free_space(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(there).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes of memory that programs can still have, where the system tells.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

/// Whether the hash rate that is asked for can be had.
fn cores(args: &UpArgs) -> Check {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let said = count(cores, "core");
    if !args.mine {
        return Check::new("cores", Health::Ok, format!("{said}; nodes that idle need none"), "");
    }
    let rate = args.hashrate.unwrap_or(DEFAULT_NETWORK_HASHRATE);
    let found = format!("{said} for {} of background mining", hashes(rate as f64));
    let health = if rate <= cores * CORE_HASHRATE / 2 { Health::Ok } else { Health::Warn };
    Check::new("cores", health, found, "it may take all of them: lower --hashrate, and --difficulty with it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_named_with_its_flag() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = taken.local_addr().expect("an address").port();
        let check = ports("HTTP ports", "--base-http", port, 1);
        assert_eq!(
            (check.health, check.found),
            (Health::Bad, format!("{port}: 1 taken, the first is {port}"))
        );
        assert!(check.hint.contains("--base-http"), "{}", check.hint);
        assert_eq!(ports("HTTP ports", "--base-http", 0, 6).health, Health::Ok);
    }

    #[test]
    fn a_folder_with_a_network_is_not_to_be_had() {
        let place = tempfile::tempdir().expect("a folder");
        assert_eq!(
            folder(&place.path().join("a/b")).found,
            format!("{} is new", place.path().join("a/b").display())
        );
        let lock = File::create(place.path().join("network.lock")).expect("a file");
        assert_eq!(folder(place.path()).health, Health::Ok);
        lock.lock().expect("a lock");
        assert_eq!(folder(place.path()).health, Health::Bad);
    }

    /// (open files, nodes, links of each; how that looks)
    #[test]
    fn open_files_that_are_too_few_for_a_start_are_an_error() {
        let rows = [
            (43, 10, 10, Health::Bad),
            (44, 10, 10, Health::Warn),
            (103, 10, 10, Health::Warn),
            (104, 10, 10, Health::Ok),
            (64, 30, 30, Health::Bad),
            (u64::MAX, 1000, 16, Health::Ok),
        ];
        for (there, nodes, links, health) in rows {
            assert_eq!(open_files(there, nodes, links).health, health, "{there} for {nodes} nodes");
        }
    }

    #[test]
    fn a_place_where_no_folder_can_be_is_not_to_be_had() {
        let place = tempfile::tempdir().expect("a folder");
        let file = place.path().join("file");
        File::create(&file).expect("a file");
        std::os::unix::fs::symlink("nowhere", place.path().join("link")).expect("a link");
        let proc = folder(Path::new("/proc/x"));
        assert!(
            proc.health == Health::Bad && proc.found.starts_with("/proc/x cannot be written: "),
            "{proc:?}"
        );
        for (path, found) in
            [("file", "file is no folder"), ("file/a/b", "file is no folder"), ("link", "link is no folder")]
        {
            let check = folder(&place.path().join(path));
            assert!(check.health == Health::Bad && check.found.ends_with(found), "{path}: {check:?}");
        }
    }

    #[test]
    fn a_program_is_to_be_one_that_can_be_run() {
        let place = tempfile::tempdir().expect("a folder");
        let file = place.path().join("file");
        File::create(&file).expect("a file");
        let rows = [
            (Path::new("/bin/sh"), Health::Ok),
            (Path::new("sh"), Health::Ok),
            (Path::new("no-such-program"), Health::Bad),
            (Path::new("./sh"), Health::Bad),
            (&file, Health::Bad),
            (place.path(), Health::Bad),
        ];
        for (path, health) in rows {
            let check = program(path);
            assert_eq!(check.health, health, "{}", path.display());
            assert_eq!(check.found.ends_with("not tried"), health == Health::Ok, "{}", check.found);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_do() {
        let checks = [
            Check::new("disk", Health::Ok, "much", "no"),
            Check::new("memory", Health::Warn, "little", "start fewer nodes"),
        ];
        let text = said(&checks, 6, Style::new(false));
        assert_eq!(
            text,
            "check            found\n\
             disk    ok       much\n\
             memory  warning  little\n\
             \n\
             hint: memory: start fewer nodes\n\
             a network of 6 nodes can be started here\n"
        );
    }
}
