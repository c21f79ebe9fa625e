//! Starts that come to nothing, or to less than was asked for, and say why.

use std::net::TcpListener;
use std::sync::Arc;

use rustix::process::{Signal, kill_process};

use crate::harness::process::{Pipe, finish};
use crate::harness::{NODE, Network, command, pid, run};

/// A port that is taken, whose predecessor is free.
fn taken_after_a_free_one() -> (TcpListener, u16) {
    loop {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = taken.local_addr().expect("an address").port();
        if TcpListener::bind(("127.0.0.1", port - 1)).is_ok() {
            return (taken, port);
        }
    }
}

/// Row 83 of docs/hostile.md.
#[test]
fn a_port_in_use_is_named_with_the_flag_that_moves_it_and_nothing_is_left() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let folder = tempfile::tempdir().expect("a folder");
    for flag in ["--base-http", "--base-listen", "--port"] {
        // Node 0 has the port that is taken; clap lets a later flag win.
        let ended = run(folder.path(), &["-a", "1", flag, &port.to_string()]);
        assert_eq!(ended.status.code(), Some(1), "{flag}: {}", ended.error);
        assert!(
            ended.error.starts_with("error: ") && ended.error.contains(&port.to_string()),
            "{}",
            ended.error
        );
        let hint = ended.error.lines().find(|line| line.starts_with("hint: ")).expect("a hint");
        assert!(hint.contains(flag), "{hint}");
        assert!(!folder.path().join("network.json").exists());
    }
}

/// Row 85 of docs/hostile.md.
#[test]
fn a_network_with_a_node_missing_is_none_unless_it_is_kept() {
    let (taken, port) = taken_after_a_free_one();
    let base = (port - 1).to_string();
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let ended = run(folder.path(), &["-a", "2", "--base-http", &base]);
    assert_eq!(ended.status.code(), Some(1));
    let named = format!("1 of 2 nodes are there; node B: --http 127.0.0.1:{port} cannot be used");
    assert!(ended.error.contains(&named), "{}", ended.error);
    let again = TcpListener::bind(("127.0.0.1", port - 1));
    assert!(again.is_ok(), "node 0 is gone: {again:?}");
    drop(again);

    // What is there is said first: the line that it is up comes after the missing ones.
    let mut kept =
        command(folder.path(), &["-a", "2", "--base-http", &base, "--keep"]).spawn().expect("it runs");
    let mut out = Pipe::new(kept.stdout.take().expect("a pipe"));
    let lines = out.until("up in", |line| line.contains("up in"));
    assert!(lines.contains("node B is missing") && lines.contains("1 node, 0 links, up in"), "{lines}");
    kill_process(pid(kept.id()), Signal::TERM).expect("it is there");
    let rest = out.rest();
    assert_eq!(finish(&mut kept).0.code(), Some(1), "{rest}");

    // Once nothing is in the way, the same command works.
    drop(taken);
    let whole = Network::start_in(&folder, &["-a", "2", "--base-http", &base]);
    whole.signal(Signal::TERM);
    assert_eq!(whole.end().status.code(), Some(0));
}

#[test]
fn programs_that_are_no_nodes_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = [
        ("/bin/false", "0 of 2 nodes are there; nodes A B: exit code 1 before it was ready"),
        ("/bin/echo", "it is no p2pnode"),
        ("/no/such/file", "/no/such/file cannot be run"),
    ];
    for (program, wrong) in rows {
        let ended = run(folder.path(), &["-a", "2", "--node-program", program]);
        assert_eq!(ended.status.code(), Some(1), "{program}: {}", ended.error);
        assert!(ended.error.contains(wrong) && ended.error.contains("hint: "), "{program}: {}", ended.error);
        assert_eq!(ended.out, "", "{program}");
    }
}

#[test]
fn a_folder_has_one_network() {
    let network = Network::start(&["-a", "1", "--node-program", NODE]);
    let second = run(network.folder.path(), &["-a", "1"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(second.error.contains("another network runs in") && second.error.contains("--data-dir"));
    assert!(network.record_path().exists(), "the first one's record is its own");
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0));
}

#[test]
fn flags_that_make_no_sense_are_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    for flags in [["-a", "0"], ["-a", "1001"], ["--difficulty", "65"], ["--pause", "soon"]] {
        let ended = run(folder.path(), &flags);
        assert_eq!(ended.status.code(), Some(2), "{flags:?}: {}", ended.error);
        assert!(ended.error.starts_with("error: "), "{flags:?}: {}", ended.error);
    }
}

#[test]
fn a_folder_that_was_copied_is_named() {
    let network = Network::start(&["-a", "2"]);
    let folder = network.folder.clone();
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0));
    let node = |number| folder.path().join(format!("node-00{number}"));
    for name in ["chain.redb", "node.json", "checkpoint.json"] {
        std::fs::copy(node(0).join(name), node(1).join(name)).expect("copied");
    }
    let ended = run(folder.path(), &["-a", "2"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.error);
    assert!(ended.error.contains("nodes A and B are one node"), "{}", ended.error);
    assert!(ended.error.contains(&format!("hint: move {} away", node(1).display())), "{}", ended.error);
    std::fs::rename(node(1), folder.path().join("away")).expect("moved");
    let again = Network::start_in(&folder, &["-a", "2"]);
    again.signal(Signal::TERM);
    assert_eq!(again.end().status.code(), Some(0));
}
