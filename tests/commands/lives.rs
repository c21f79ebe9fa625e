//! Managers in the background: how they start, how they do not, and that nothing is left of them.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use rustix::process::{Signal, kill_process};

use crate::harness::{Network, command, ended, is_alive, run, until};

#[test]
fn nothing_outlives_a_manager_in_the_background_that_is_killed() {
    let network = Network::start(&["-a", "3"]);
    let (manager, nodes) = network.pids();
    assert!(is_alive(manager) && nodes.iter().all(|node| is_alive(*node)));
    kill_process(manager, Signal::KILL).expect("it is there");
    until("all are gone", || !is_alive(manager) && !nodes.iter().any(|node| is_alive(*node)));
    // What it left is no manager.
    assert_eq!(network.run(&["ps"]).code, Some(3));
}

#[test]
fn a_start_in_the_background_that_fails_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let failed = run(folder.path(), &["up", "--detach", "-a", "1", "-p", &port]);
    assert_eq!(failed.code, Some(1), "{}", failed.error);
    assert!(failed.error.starts_with(&format!("error: --port {port} cannot be used")), "{}", failed.error);
    assert!(failed.error.contains("hint: another program uses port"), "{}", failed.error);
    let failed = run(folder.path(), &["up", "--detach", "-a", "2", "--node-program", "/bin/false"]);
    assert_eq!(failed.code, Some(1), "{}", failed.error);
    assert!(failed.error.contains("exit code 1 before it was ready"), "{}", failed.error);
    assert!(!folder.path().join("network/network.json").exists());

    let network = Network::start(&["-a", "1"]);
    let again = network.run(&["up", "--detach", "-a", "1"]);
    assert_eq!(again.code, Some(1));
    assert!(again.error.contains("another network runs in"), "{}", again.error);
    assert_eq!(network.run(&["ps"]).code, Some(0), "the first one still does");
    network.run(&["down"]).good();
}

#[test]
fn whoever_starts_it_in_the_background_gets_its_pipe_back() {
    let folder = tempfile::tempdir().expect("a folder");
    // If the manager held the pipe, reading to its end would take until its own end.
    let up =
        ended(&mut command(folder.path(), &["up", "--detach", "-a", "1", "--difficulty", "8", "--json"]));
    let network = Network { folder };
    assert_eq!(up.json()["nodes"].as_array().map(Vec::len), Some(1));
    network.run(&["down"]).good();
}

#[test]
fn nodes_come_and_go() {
    let network = Network::start(&["-a", "2"]);
    network.run(&["mine", "-n", "3"]).good();
    let added = network.run(&["add", "--json"]).json();
    assert_eq!(added["nodes"][0]["node"], 2, "{added}");
    network.run(&["wait", "--ready", "--in-sync", "--height", "3"]).good();
    let killed = network.run(&["kill", "C"]).good();
    assert!(killed.starts_with("node C (2): ended"), "{killed}");
    let (_, nodes) = network.pids();
    assert!(!is_alive(nodes[2]));
    assert_eq!(network.run(&["wait", "--ready", "--timeout", "300ms"]).code, Some(4));
    assert!(network.run(&["pause", "B"]).good().contains("paused"));
    assert!(network.run(&["resume", "B"]).good().contains("running"));
    assert!(network.run(&["restart", "B,C"]).good().lines().all(|line| line.contains("running")));
    network.run(&["wait", "--ready", "--in-sync"]).good();
    network.run(&["down"]).good();
}

#[test]
fn a_watched_status_is_told_of_changes() {
    let network = Network::start(&["-a", "2"]);
    let mut watching = command(network.folder.path(), &["status", "--watch", "--json"]);
    let mut watching = watching.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
    let mut next = || -> serde_json::Value {
        serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON")
    };
    assert_eq!(next()["verdict"]["tips"][0]["height"], 0);
    network.run(&["mine"]).good();
    while next()["verdict"]["tips"][0]["height"] != 1 {}
    network.run(&["down"]).good();
    assert_eq!(watching.wait().expect("an end").code(), Some(3), "the manager has gone");
}
