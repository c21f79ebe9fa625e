//! Nodes that die while the network runs: reported, and started again if that was asked for.

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::harness::{NODE, Network, get, is_alive, request, script, until};

/// Node 1, as the manager lists it.
fn node_1(network: &Network) -> Value {
    get(&network.http(), "/nodes").1[1].clone()
}

/// Row 82 of docs/hostile.md.
#[test]
fn a_node_that_dies_is_reported_and_the_others_live() {
    let mut network = Network::start(&["-a", "3"]);
    let (http, pids) = (network.http(), network.pids());
    kill_process(pids[1], Signal::KILL).expect("it is there");
    let said = network.hears("node B ended: ended by signal 9");
    assert!(said.contains("node-001.log") && !said.contains("again"), "{said}");
    assert!(network.hears("    | ").contains("ready"), "the end of its log");
    let listed = node_1(&network);
    assert_eq!((&listed["state"], &listed["ended"]), (&"ended".into(), &"ended by signal 9".into()));
    let (status, mined) = get(&http, "/start/mining");
    assert_eq!((status, &mined["requests"], &mined["skipped"]), (200, &2.into(), &vec![1].into()));
    assert_eq!(request("GET", &http, "/shutdown/all").0, 200);
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(1), "not all ended in order");
    assert!(ended.out.contains("2 of 3 nodes ended in order"), "{}", ended.out);
}

/// Row 82 of docs/hostile.md.
#[test]
fn a_node_that_dies_is_started_again_where_it_was_if_asked() {
    let mut network = Network::start(&["-a", "3", "--restart"]);
    let (http, pids) = (network.http(), network.pids());
    assert_eq!(get(&http, "/start/mining").1["length"], 4);
    let before = node_1(&network);
    kill_process(pids[1], Signal::KILL).expect("it is there");
    let said = network.hears("node B ended: ended by signal 9");
    assert!(said.contains("; starting it again in 0.5 s, 1 of 5"), "{said}");
    network.hears("node B runs again");

    let after = node_1(&network);
    assert_ne!(after["pid"], before["pid"]);
    for same in ["id", "http", "p2p", "height", "tip", "peers", "state"] {
        assert_eq!(after[same], before[same], "{same}: {after}");
    }
    assert_eq!(after["restarts"], 1);
    assert_eq!(network.record()["nodes"][1]["pid"], after["pid"], "the record is written anew");
    // It is managed, linked and mines as before.
    let (status, mined) = get(&http, "/start/mining");
    assert_eq!((status, &mined["requests"], &mined["length"]), (200, &3.into(), &7.into()), "{mined}");
    assert_eq!(mined["skipped"], Value::Null);
    let pids = network.pids();
    network.signal(Signal::TERM);
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.out, ended.error);
    assert!(ended.out.contains("node B was started again 1 time\n"), "{}", ended.out);
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
}

#[test]
fn nodes_that_die_together_find_each_other_again_under_new_names() {
    let mut network = Network::start(&["-a", "3", "--restart", "--ephemeral"]);
    let (http, pids, ids) = (network.http(), network.pids(), network.nodes("id"));
    assert_eq!(get(&http, "/start/mining").1["length"], 4);
    for pid in &pids[1..] {
        kill_process(*pid, Signal::KILL).expect("it is there");
    }
    for _ in 1..3 {
        let said = network.hears_of("runs again", |line| line.contains(" runs again"));
        assert!(!said.contains("not all of its links"), "{said}");
    }
    let again = network.nodes("id");
    assert!(again[0] == ids[0] && again[1] != ids[1] && again[2] != ids[2], "{ids:?} {again:?}");
    let (status, mined) = get(&http, "/start/mining");
    assert_eq!((status, &mined["requests"], &mined["length"]), (200, &3.into(), &7.into()), "{mined}");
    // Who returned first may have been told of the link to the other later than it was said to run.
    until("all links are up", || {
        get(&http, "/nodes").1.as_array().is_some_and(|nodes| nodes.iter().all(|node| node["peers"] == 2))
    });
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0));
}

#[test]
fn a_start_that_fails_is_tried_again_later() {
    let folder = tempfile::tempdir().expect("a folder");
    // The second start of the only node fails; the third does not.
    let runs = folder.path().join("runs");
    let program = script(
        folder.path(),
        &format!(
            "echo >> '{runs}'; [ $(wc -l < '{runs}') -eq 2 ] && exit 74; exec '{NODE}' \"$@\"",
            runs = runs.display()
        ),
    );
    let mut network = Network::start(&["-a", "1", "--restart", "--node-program", &program]);
    kill_process(network.pids()[0], Signal::KILL).expect("it is there");
    let said = network.hears("node A could not be started; starting it again in 1 s, 2 of 5: ");
    assert!(said.contains("exit code 74 (its disk is full or failing) before it was ready"), "{said}");
    network.hears("node A runs again");
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0));
}

#[test]
fn a_node_whose_data_is_damaged_is_not_started_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = script(folder.path(), &format!("'{NODE}' \"$@\"\nexit 65"));
    let mut network = Network::start(&["-a", "2", "--restart", "--node-program", &program]);
    assert_eq!(request("GET", &network.nodes("http")[1], "/shutdown").0, 200);
    let said = network.hears("node B ended: ");
    let expected = "exit code 65 (its data is damaged); it is not started again: it would end the same way";
    assert!(said.contains(expected), "{said}");
    let listed = node_1(&network);
    assert_eq!((&listed["state"], &listed["restarts"]), (&"ended".into(), &0.into()));
    assert_eq!(get(&network.nodes("http")[0], "/node/id").0, 200, "the other lives");
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(1));
}

#[test]
fn a_node_that_somebody_stopped_stays_stopped() {
    let mut network = Network::start(&["-a", "2", "--restart"]);
    assert_eq!(request("GET", &network.nodes("http")[1], "/shutdown").0, 200);
    let said = network.hears("node B ended: ");
    assert!(said.contains("it is not started again: somebody stopped it"), "{said}");
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0), "both ended in order");
}

#[test]
fn a_stop_does_not_wait_for_a_node_that_is_to_be_started_again() {
    let mut network = Network::start(&["-a", "2", "--restart"]);
    kill_process(network.pids()[1], Signal::KILL).expect("it is there");
    network.hears("node B ended: ");
    network.signal(Signal::TERM);
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(1), "{}{}", ended.out, ended.error);
    assert!(ended.out.contains("1 of 2 nodes ended in order"), "{}", ended.out);
    assert!(!ended.out.contains("runs again"), "{}", ended.out);
}
