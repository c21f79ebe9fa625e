//! How a network ends: in order, at once, or by the manager's death. Nothing is left behind.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;

use rustix::process::{Signal, kill_process, kill_process_group};

use crate::harness::process::{closing_terminal, finish};
use serde_json::json;

use crate::harness::{
    Events, NODE, Network, command, done, free_ports, gone, is_alive, pid, request, script, written,
};

/// Row 84 of docs/hostile.md.
#[test]
fn nothing_outlives_a_manager_that_is_killed() {
    let network = Network::start(&["-a", "3"]);
    let pids = network.pids();
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    network.signal(Signal::KILL);
    let took = gone(&pids);
    println!("gone after {took:?}");
    // What it left behind is no obstacle to the next one.
    assert!(network.record_path().exists());
    let next = Network::start_in(&network.folder, &["-a", "1"]);
    next.signal(Signal::TERM);
    assert_eq!(next.end().status.code(), Some(0));
}

#[test]
fn a_network_whose_manager_was_killed_starts_again_before_its_nodes_are_gone() {
    let place = tempfile::tempdir().expect("a folder");
    let gate = place.path().join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo runs").success());
    // A node that is long in ending: until somebody opens the gate.
    let program = script(place.path(), &format!("'{NODE}' \"$@\"\nread line < '{}'", gate.display()));
    let base = free_ports(2);
    let (http, listen) = (base.to_string(), (base + 1).to_string());
    let flags = ["-a", "1", "--base-http", &http, "--base-listen", &listen];
    let killed = Network::start(&[&flags[..], &["--node-program", &program]].concat());
    let (folder, pids) = (killed.folder.clone(), killed.pids());
    killed.signal(Signal::KILL);
    gone(&[pid(killed.manager.id())]);

    let again = command(folder.path(), &flags).spawn().expect("the manager runs");
    written(&folder.path().join("logs/manager.log"), "a process of an earlier run is still there");
    assert!(is_alive(pids[0]));
    std::fs::write(&gate, "\n").expect("it is waited for");
    let again = Network::started(again, &folder);
    assert_eq!(again.nodes("http")[0], format!("127.0.0.1:{http}"));
    again.signal(Signal::TERM);
    assert_eq!(again.end().status.code(), Some(0));
}

/// Row 86 of docs/hostile.md.
#[test]
fn ctrl_c_is_an_orderly_stop() {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let mut manager = command(folder.path(), &["-a", "2"]);
    manager.process_group(0);
    let network = Network::of(manager, &folder);
    let pids = network.pids();
    // A terminal sends it to the whole group; nodes that got it would count as ended by a signal of ours.
    kill_process_group(pid(network.manager.id()), Signal::INT).expect("it is there");
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.out, ended.error);
    assert!(ended.out.contains("2 of 2 nodes ended in order"), "{}", ended.out);
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
}

/// Whoever watches is no reason for an end to take longer, and is told that it is one.
#[test]
fn readers_of_events_hear_the_end_however_it_comes() {
    type End = fn(&Network);
    let ways: [(&str, End); 3] = [
        ("the original's call", |network| drop(request("GET", &network.http(), "/shutdown/all"))),
        ("the API's call", |network| drop(done(&network.http(), "/shutdown", &json!({})))),
        ("a signal", |network| network.signal(Signal::INT)),
    ];
    for (what, end) in ways {
        let network = Network::start(&["-a", "1"]);
        let mut events = Events::of(&network.http(), None);
        end(&network);
        let last = events.until(|event| event["type"] == "node");
        assert_eq!(last["state"], "ended", "{what}: what happens at the end is told as well");
        assert!(events.end(), "{what}: the stream was cut off");
        assert_eq!(network.end().status.code(), Some(0), "{what}");
    }
}

/// Row 86 of docs/hostile.md.
#[test]
fn a_second_signal_does_not_wait_for_a_node_that_hangs() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut network = Network::start(&["-a", "2"]);
        let pids = network.pids();
        kill_process(pids[0], Signal::STOP).expect("it is there");
        network.signal(signal);
        network.hears("stopping\n");
        network.signal(signal);
        let ended = network.end();
        assert_eq!(ended.status.code(), Some(130), "{}{}", ended.out, ended.error);
        assert!(pids.iter().all(|pid| !is_alive(*pid)));
    }
}

#[test]
fn a_signal_during_the_start_ends_what_was_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let pids = folder.path().join("pids");
    let program = script(folder.path(), &format!("echo \"<$$>\" >> '{}'\nexec sleep 1000", pids.display()));
    let flags = ["-a", "1", "--node-program", &program];
    let mut manager = command(folder.path(), &flags).spawn().expect("the manager runs");
    let text = written(&pids, ">");
    let node: u32 = text.trim().trim_matches(['<', '>']).parse().expect("a number");
    kill_process(pid(manager.id()), Signal::TERM).expect("it is there");
    let (status, _, error) = finish(&mut manager);
    assert_eq!(status.code(), Some(1), "there was no network");
    assert!(error.contains("error: the network was stopped while it started"), "{error}");
    gone(&[pid(node)]);
    // Nothing that the next start would take for a network of other rules; logs may say more.
    for name in ["network.json", "network.lock", "manager.key", "node-000"] {
        assert!(!folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn a_signal_during_the_start_stops_in_order_whoever_is_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    // The first one is a node, the other takes its time.
    let first = folder.path().join("first");
    let text = format!("mkdir '{}' 2>/dev/null && exec '{NODE}' \"$@\"\nexec sleep 1000", first.display());
    let program = script(folder.path(), &text);
    let manager = command(folder.path(), &["-a", "2", "--node-program", &program]).spawn();
    let mut manager = manager.expect("the manager runs");
    written(&folder.path().join("logs/manager.log"), "its process is ready");
    kill_process(pid(manager.id()), closing_terminal()).expect("it is there");
    assert_eq!(finish(&mut manager).0.code(), Some(1), "there was no network");
    let log = |number| {
        let path = folder.path().join(format!("logs/node-00{number}.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    };
    let logs = log(0) + &log(1);
    assert!(logs.contains("terminated") && logs.contains("stopped"), "in order: {logs}");
}
