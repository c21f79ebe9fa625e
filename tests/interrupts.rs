//! The shipped `p2pnode` interrupted while it exports, imports and looks over a folder: what it ends with, and what
//! it leaves behind.
//!
//! A signal that comes too late finds the work done, and that is an orderly end as well. So each story begins when
//! the first of the work can be seen, over a chain that takes much longer, and again until it was in time.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod shipped;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use shipped::process::closing_terminal;
use shipped::{Node, command};

/// Blocks of the chain: an export of them takes a hundred times as long as a signal.
const BLOCKS: u64 = 1000;

/// How often a signal may come too late.
const TRIES: usize = 50;

/// What an interrupted command ends with, as docs/operations.md says.
const INTERRUPTED: i32 = 130;

/// A node that keeps its chain in `folder`, started.
fn node(folder: &Path) -> Node {
    Node::start(command(&["--data-dir"]).arg(folder).stderr(Stdio::null()))
}

/// Its end, in order.
fn end(node: Node) {
    node.signal(Signal::TERM);
    assert_eq!(node.end().code(), Some(0), "an orderly end");
}

/// The folder of a node that has ended, with a chain.
fn used() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let node = node(folder.path());
    let (status, said) = node.ask("POST", "/api/v1/mine", &format!("{{\"count\": {BLOCKS}}}"));
    assert_eq!(status, 200, "{said}");
    end(node);
    folder
}

fn started(arguments: &[&OsStr]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}

fn ended(child: Child) -> (i32, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    let said = [stdout, stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    (status.code().expect("an exit code"), said)
}

/// Runs the command until `begun` says that its work is under way, or it has ended; then it is interrupted.
fn interrupted(arguments: &[&OsStr], signal: Signal, mut begun: impl FnMut() -> bool) -> (i32, String) {
    let mut child = started(arguments);
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a number")).expect("a process");
    while child.try_wait().expect("a child").is_none() {
        if begun() {
            kill_process(pid, signal).expect("it was not waited for");
            break;
        }
        thread::yield_now();
    }
    ended(child)
}

/// The files in `folder`, by name.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    entries.map(|name| name.into_string().expect("text")).collect()
}

#[test]
fn what_is_interrupted_leaves_nothing_half_done_and_can_be_done_again() {
    let (folder, place) = (used(), tempfile::tempdir().expect("a folder"));
    let file = place.path().join("chain.p2p");
    let export = ["export".as_ref(), folder.path().as_os_str(), "-o".as_ref(), file.as_os_str()];
    let is_written = || names(place.path()).iter().any(|name| name.ends_with(".new"));

    // An export: nothing is there under its name, nor under any other.
    let story = |_| {
        let (code, said) = interrupted(&export, Signal::INT, is_written);
        if code == INTERRUPTED {
            assert!(said.contains("error: interrupted: it was not done"), "{said}");
            assert_eq!(names(place.path()), [""; 0], "nothing is left");
            return true;
        }
        assert_eq!((code, names(place.path())), (0, vec!["chain.p2p".to_owned()]), "{said}");
        fs::remove_file(&file).expect("it was done");
        false
    };
    assert!((0..TRIES).any(story), "no signal was in time");
    let (code, said) = ended(started(&export));
    assert_eq!(code, 0, "{said}");

    // An export over an old file: that stays.
    fs::write(&file, "old").expect("written");
    let story = |_| {
        let (code, said) = interrupted(&export, Signal::TERM, is_written);
        let is_old = fs::read(&file).expect("a file") == b"old";
        assert_eq!((code, is_old), if code == 0 { (0, false) } else { (INTERRUPTED, true) }, "{said}");
        assert_eq!(names(place.path()), ["chain.p2p"]);
        fs::write(&file, "old").expect("written");
        code == INTERRUPTED
    };
    assert!((0..TRIES).any(story), "no signal was in time");
    let (code, said) = ended(started(&export));
    assert_eq!(code, 0, "{said}");

    // An import: what it leaves is a folder that a node, and the next import, take.
    let story = |nth: usize| {
        let there: PathBuf = place.path().join(format!("there-{nth}"));
        let import = ["import".as_ref(), file.as_os_str(), there.as_os_str()];
        let (code, said) = interrupted(&import, Signal::TERM, || there.join("chain.redb").exists());
        assert!([0, INTERRUPTED].contains(&code), "{code}: {said}");
        assert!(!there.join("chain.redb.new").exists(), "nothing is half written");
        end(node(&there));
        let (again, said) = ended(started(&import));
        assert_eq!(again, 0, "{said}");
        let (looked, said) = ended(started(&["verify".as_ref(), there.as_os_str()]));
        assert!(looked == 0 && said.contains(&format!(" at height {BLOCKS}\n")), "{said}");
        code == INTERRUPTED
    };
    assert!((0..TRIES).any(story), "no signal was in time");
}

/// The files of `folder`, in one of its own.
fn copy(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a folder");
    for name in names(folder) {
        fs::copy(folder.join(&name), copy.path().join(&name)).expect("copied");
    }
    copy
}

#[test]
fn a_repair_that_is_interrupted_changes_nothing_and_can_be_done_again() {
    let damaged = used();
    // Its last commits are not there.
    let checkpoint = damaged.path().join("checkpoint.json");
    fs::write(&checkpoint, r#"{"commits": 1000000, "tip": "of another time"}"#).expect("written");
    let before = fs::read(damaged.path().join("chain.redb")).expect("a file");
    for signal in [Signal::INT, Signal::TERM, closing_terminal()] {
        let story = |_| {
            let folder = copy(damaged.path());
            let repair = ["verify".as_ref(), folder.path().as_os_str(), "--repair".as_ref()];
            let new = folder.path().join("chain.redb.new");
            let (code, said) = interrupted(&repair, signal, || new.exists());
            if code != INTERRUPTED {
                assert_eq!(code, 0, "{said}");
                return false;
            }
            assert!(said.contains("error: interrupted: it was not done"), "{said}");
            assert!(!new.exists(), "nothing is half written");
            // The signal may have come between the two.
            if fs::read(folder.path().join("chain.redb")).expect("a file") == before {
                let (code, said) = ended(started(&repair));
                assert!(code == 0 && said.contains(&format!("up to height {BLOCKS}")), "{said}");
            }
            let (code, said) = ended(started(&repair[..2]));
            assert!(code == 0 && said.ends_with("nothing is damaged\n"), "{said}");
            true
        };
        assert!((0..TRIES).any(story), "no signal was in time");
    }
}
