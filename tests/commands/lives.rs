//! Managers in the background: how they start, how they do not, and that nothing is left of them.

use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;

use rustix::process::{Signal, kill_process};

use crate::harness::process::{Pipe, finish};
use crate::harness::{Network, command, ended, is_alive, run, until};

#[test]
fn nothing_outlives_a_manager_in_the_background_that_is_killed() {
    let network = Network::start(&["-a", "3"]);
    let (manager, nodes) = network.pids();
    assert!(is_alive(manager) && nodes.iter().all(|node| is_alive(*node)));
    kill_process(manager, Signal::KILL).expect("it is there");
    until("all are gone", || !is_alive(manager) && !nodes.iter().any(|node| is_alive(*node)));
    // What it left is no manager, but says what there was.
    let gone = network.run(&["status"]);
    assert_eq!(gone.code, Some(3), "{gone:?}");
    assert!(gone.error.starts_with("error: the network in network died: its manager, process "), "{gone:?}");
    assert!(gone.error.contains("hint: `networkmngr up --detach -a 3 -p "), "{gone:?}");
    assert!(gone.error.contains("` goes on with it where its nodes were"), "{gone:?}");
    network.run(&["up", "--detach", "--difficulty", "8", "-a", "3"]).good();
    network.run(&["down"]).good();
}

#[test]
fn of_blocks_that_are_older_than_nodes_tell_at_a_start_no_lie_is_told() {
    let network = Network::start(&["-a", "2"]);
    network.run(&["mine", "-n", "300", "-q"]).good();
    network.run(&["down"]).good();
    network.run(&["up", "--detach", "-a", "2"]).good();
    let known = "the manager knows the chain from height 45 up";
    let oldest = network.run(&["block", "0"]);
    assert!(oldest.code == Some(1) && oldest.error.contains(known), "{oldest:?}");
    let (_, hint) = oldest.error.split_once("hint: a node has older ones: `curl http://").expect("a hint");
    assert!(hint.ends_with("/node/0/api/v1/blocks/0`\n"), "{oldest:?}");
    for words in [&["tree", "--from", "0", "-n", "2"], &["chain", "-n", "1000", "--json"][..]] {
        let said = network.run(words);
        assert!(said.code == Some(0) && said.error.starts_with(known), "{said:?}");
    }
    // A node that is new tells of all that it gets, and that is the chain, and no branch that lost.
    network.run(&["add"]).good();
    network.run(&["wait", "--in-sync", "--ready"]).good();
    assert!(network.run(&["block", "1"]).good().contains("height     1, on the best chain\n"));
    let chain = network.run(&["chain", "-n", "1000", "--json"]);
    assert_eq!(chain.error, "", "nothing is missing");
    assert_eq!(chain.json()["blocks"].as_array().map(Vec::len), Some(301));
    let tree = network.run(&["tree", "--from", "0", "-n", "1000", "--json"]).json();
    let all = tree["blocks"].as_array().expect("blocks").iter().all(|block| block["branch"] == "best");
    assert!(all && tree["known_from"] == 0, "{tree}");
    let mined = |node: usize| network.run(&["status", "--json"]).json()["nodes"][node]["mined"].as_u64();
    assert_eq!([0, 1].map(|node| mined(node).expect("a number")), [150, 150]);
    network.run(&["down"]).good();
}

#[test]
fn an_orderly_end_is_no_death_to_those_who_watch() {
    let network = Network::start(&["-a", "2"]);
    let mut watching = command(network.folder.path(), &["status", "--watch"]);
    let mut watching = watching.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    // Once it said something, it watches.
    let mut out = watching.stdout.take().expect("its stdout");
    assert!(out.read(&mut [0; 64]).expect("it says something") > 0);
    network.run(&["down"]).good();
    let (status, _, error) = finish(&mut watching);
    assert_eq!(status.code(), Some(3), "{error}");
    assert!(error.contains("the network in network was stopped: its manager has ended in order"), "{error}");
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
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "nothing is left");
    // Of a node that had something to say, that stays.
    let failed = run(folder.path(), &["up", "--detach", "-a", "1", "--base-http", &port, "-p", "0"]);
    assert!(failed.error.contains(&format!("node A: --http 127.0.0.1:{port} cannot be used")), "{failed:?}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "it said why itself");

    let network = Network::start(&["-a", "1"]);
    let again = network.run(&["up", "--detach", "-a", "1"]);
    assert_eq!(again.code, Some(1));
    assert!(
        again.error.contains("another network runs in ./network: that at http://127.0.0.1:"),
        "{again:?}"
    );
    assert!(network.folder.path().join("network/node-000").is_dir(), "what runs has all that it had");
    let manager = network.record()["manager"]["http"].as_str().expect("its place").to_owned();
    let port = manager.rsplit(':').next().expect("a port");
    let beside = run(folder.path(), &["up", "--detach", "-a", "1", "-p", port]);
    assert_eq!(beside.code, Some(1), "{beside:?}");
    assert!(
        beside.error.contains("a network of 1 node runs there, that of ./network (process "),
        "{beside:?}"
    );
    assert!(
        beside.error.contains(&format!("`networkmngr down --manager http://{manager}` stops it")),
        "{beside:?}"
    );
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
    network.run(&["wait", "--ready"]).good();
    assert!(network.run(&["pause", "B"]).good().contains("paused"));
    assert!(network.run(&["resume", "B"]).good().contains("running"));
    assert!(network.run(&["restart", "B,C"]).good().lines().all(|line| line.contains("running")));
    network.run(&["wait", "--ready", "--in-sync"]).good();
    // A network none of whose nodes runs is not ready, whoever wants it so.
    let all = network.run(&["stop", "A-Z"]);
    let error = "error: not done to 23 of 26 nodes, D-Z:\n  there are no nodes D-Z: there are nodes A to C\n";
    assert!(all.code == Some(1) && all.error.starts_with(error), "{all:?}");
    let late = network.run(&["wait", "--ready", "--tips", "1", "--timeout", "300ms"]);
    let error = "error: ready, 1 tip: not within 0.3 s; down: no node runs\n";
    assert!(late.code == Some(4) && late.error.starts_with(error), "{late:?}");
    let down = network.run(&["down"]).good();
    assert_eq!(down, "no node ran any more; they go on from ./network when started again\n");
}

#[test]
fn what_cannot_be_done_to_one_node_keeps_it_from_no_other() {
    let network = Network::start(&["-a", "4"]);
    assert!(network.run(&["pause", "A-C"]).good().lines().all(|line| line.contains("paused")));
    let again = network.run(&["pause", "B,D"]);
    assert_eq!((again.code, again.error.as_str()), (Some(0), "B is paused already\n"));
    network.run(&["kill", "B"]).good();
    let resumed = network.run(&["resume", "A-D,Z"]);
    assert_eq!(resumed.code, Some(1), "{resumed:?}");
    for said in [
        "error: not done to 2 of 5 nodes, B Z:\n  node B has ended\n  there is no node Z (25): there are nodes A to D\n",
        "hint: `networkmngr restart B` starts it\n",
    ] {
        assert!(resumed.error.contains(said), "{resumed:?}");
    }
    let done: Vec<&str> = resumed.out.lines().filter(|line| line.contains("running")).collect();
    assert_eq!(done.len(), 3, "A, C and D: {resumed:?}");
    let killed = network.run(&["kill", "B", "--json"]);
    assert_eq!(killed.error, "B has ended already\n");
    assert_eq!(killed.json()["nodes"][0]["state"], "ended");
    assert_eq!(network.run(&["resume", "A"]).error, "A is running already\n");
    let one = network.run(&["pause", "B"]);
    assert_eq!(one.error, "error: node B has ended\nhint: `networkmngr restart B` starts it\n");
    network.run(&["down"]).good();
}

#[test]
fn blocks_that_do_not_come_are_told_with_what_to_expect() {
    let network = Network::start(&["-a", "2", "--difficulty", "50"]);
    let late = network.run(&["mine", "A", "-n", "2", "--timeout", "1s"]);
    assert_eq!(late.code, Some(4), "{late:?}");
    let lines: Vec<&str> = late.error.lines().collect();
    assert!(
        lines[0].starts_with("2 blocks may not come within 1.0 s: ") && lines[0].contains(" on average at ")
    );
    assert!(lines[1].starts_with("error: 0 of 2 blocks came within 1.0 s; a block takes 1125"), "{late:?}");
    assert!(lines[1].ends_with("of one core here, however many were in vain before"), "{late:?}");
    assert!(
        lines[2].starts_with("hint: wait longer with --timeout, or start a network with a lower"),
        "{late:?}"
    );
    assert_eq!(late.out, "");
    // The node is paused while somebody waits.
    let mut mining = command(network.folder.path(), &["mine", "B", "-n", "2", "--timeout", "50s"]);
    let mut mining = mining.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it runs");
    let is_mining = || {
        let mining = network.run(&["logs", "manager", "--grep", "asked to mine number=1"]).good();
        !mining.is_empty()
    };
    until("it was asked", is_mining);
    network.run(&["pause", "B"]).good();
    let (status, _, said) = finish(&mut mining);
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("error: 0 of 2 blocks mined: node B is paused by now\n"), "{said}");
    assert!(said.contains("hint: `networkmngr resume B` has it go on\n"), "{said}");
    network.run(&["kill", "A,B"]).good();
    network.run(&["down"]).good();
}

#[test]
fn a_watched_status_is_told_of_changes() {
    let network = Network::start(&["-a", "2"]);
    let mut watching = command(network.folder.path(), &["status", "--watch", "--json"]);
    let mut watching = watching.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = Pipe::new(watching.stdout.take().expect("a pipe"));
    let mut next = || -> serde_json::Value { serde_json::from_str(&lines.line()).expect("JSON") };
    assert_eq!(next()["verdict"]["tips"][0]["height"], 0);
    network.run(&["mine"]).good();
    while next()["verdict"]["tips"][0]["height"] != 1 {}
    network.run(&["down"]).good();
    assert_eq!(finish(&mut watching).0.code(), Some(3), "the manager has gone");
}

#[test]
#[cfg(target_os = "linux")]
fn a_manager_that_its_terminal_has_stopped_is_told_from_one_that_is_none() {
    let network = Network::start(&["-a", "1"]);
    let (manager, _) = network.pids();
    kill_process(manager, Signal::STOP).expect("it is there");
    let pid = manager.as_raw_nonzero();
    let goes_on = format!("`kill -CONT {pid}`, or `fg` in its terminal, has it go on");
    let rows: [(&[&str], &str, i32); 3] = [
        (&["status"], "is stopped, as by its terminal's Ctrl-Z", 3),
        (&["down"], "is stopped, as by its terminal's Ctrl-Z", 3),
        (&["up", "--detach"], "another network runs in ./network, which is stopped", 1),
    ];
    for (words, what, code) in rows {
        let said = network.run(words);
        assert!(said.error.contains(what) && said.error.contains(&goes_on), "{words:?}: {said:?}");
        assert_eq!(said.code, Some(code), "{words:?}: {said:?}");
    }
    kill_process(manager, Signal::CONT).expect("it is there");
    network.run(&["status"]).good();
}

#[test]
fn a_network_that_is_started_again_has_the_nodes_and_the_shape_that_it_had() {
    let network = Network::start(&["-a", "3", "--topology", "ring"]);
    network.run(&["add"]).good();
    let links = || -> Vec<serde_json::Value> {
        let of_link = |link: &serde_json::Value| serde_json::json!([link["a"], link["b"]]);
        let status = network.run(&["status", "--json"]).json();
        status["links"].as_array().expect("links").iter().map(of_link).collect()
    };
    network.run(&["down"]).good();
    let up = network.run(&["up", "--detach"]);
    assert_eq!(up.error, "goes on with the network of ./network: 4 nodes, difficulty 8, ring\n");
    assert_eq!(up.code, Some(0), "{}", up.out);
    assert_eq!(links().len(), 4, "a ring, and no mesh");
    network.run(&["down"]).good();
    let up = network.run(&["up", "--detach", "-a", "2"]);
    let out = "goes on with the network of ./network: difficulty 8, ring; nodes C D stay out, and what they kept stays\n";
    assert_eq!(up.error, out);
    network.run(&["down"]).good();
}
