//! Nodes that are killed, stopped, paused, started again and added on request.

use std::net::TcpListener;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{
    Events, NODE, Network, call, done, free_ports, get, gone, is_alive, pid, read, request, script, send,
    until, written,
};

#[test]
fn a_node_that_is_killed_stays_away_until_it_is_wanted_back() {
    // Even where nodes that die are started again.
    let network = Network::start(&["-a", "3", "--restart"]);
    let http = network.http();
    let mut events = Events::of(&http, None);
    let killed = done(&http, "/nodes/1/kill", &json!({}));
    assert_eq!((&killed["state"], &killed["ended"]), (&"ended".into(), &"ended by signal 9".into()));
    let told = events.until(|event| event["type"] == "node");
    assert_eq!(
        (&told["node"], &told["state"], &told["why"]),
        (&1.into(), &"ended".into(), &"ended by signal 9, as somebody asked".into())
    );
    let mined = done(&http, "/mine", &json!({ "count": 2 }));
    assert_eq!([&mined["blocks"][0]["node"], &mined["blocks"][1]["node"]], [0, 2]);
    let verdict = read(&http, "/network")["verdict"].clone();
    assert_eq!(
        (&verdict["missing"], &verdict["text"]),
        (&json!([1]), &"in sync: 2 nodes at height 2 (B is down)".into())
    );
    let (status, problem) = call(&http, "/nodes/1/kill", &json!({}));
    assert_eq!((status, &problem["detail"]), (409, &"node B has ended".into()));
    assert!(problem["hint"].as_str().is_some_and(|hint| hint.contains("/nodes/1/restart")), "{problem}");

    let back = done(&http, "/nodes/1/restart", &json!({}));
    assert_eq!(
        (&back["state"], &back["height"], &back["restarts"]),
        (&"running".into(), &2.into(), &1.into())
    );
    assert_eq!((&back["id"], &back["peers"]), (&killed["id"], &json!([0, 2])));
    let again = done(&http, "/nodes/2/restart", &json!({}));
    assert_eq!((&again["state"], &again["peers"]), (&"running".into(), &json!([0, 1])), "one that ran, too");
    done(&http, "/nodes/0/stop", &json!({}));
    assert_eq!(read(&http, "/nodes/0")["ended"], "exit code 0 (stopped in order)");
    done(&http, "/nodes/2/kill", &json!({}));
    assert_eq!(done(&http, "/shutdown", &json!({}))["message"], "the network is shutting down");
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(0), "what somebody asked for is no bad end: {}", ended.out);
    assert!(ended.out.contains("1 of 3 nodes ended in order, 2 when somebody asked for it"), "{}", ended.out);
}

#[test]
fn a_network_without_a_node_waits_for_one_to_be_started() {
    let network = Network::start(&["-a", "1"]);
    let http = network.http();
    done(&http, "/nodes/0/kill", &json!({}));
    assert_eq!(read(&http, "/network")["verdict"]["condition"], "down");
    assert_eq!(call(&http, "/mine", &json!({})).0, 409);
    done(&http, "/nodes/0/restart", &json!({}));
    done(&http, "/mine", &json!({}));
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0));
}

#[test]
fn a_paused_node_hangs_nobody_and_catches_up() {
    let network = Network::start(&["-a", "3"]);
    let http = network.http();
    assert_eq!(done(&http, "/nodes/2/pause", &json!({}))["state"], "paused");
    assert_eq!(call(&http, "/nodes/2/pause", &json!({})).0, 409);
    for (path, body) in
        [("/mine", json!({ "node": 2 })), ("/transactions", json!({ "content": "x", "node": 2 }))]
    {
        assert_eq!(call(&http, path, &body).0, 409, "{path}");
    }
    assert_eq!(get(&http, "/node/2/api/v1/tip").0, 409);
    done(&http, "/mine", &json!({ "count": 3 }));
    done(&http, "/mining", &json!({ "mode": "background", "hashrate": 300 }));
    done(&http, "/mining", &json!({ "mode": "off" }));
    let resumed = done(&http, "/nodes/2/resume", &json!({}));
    assert_eq!(resumed["state"], "running");
    let height = read(&http, "/nodes/0")["height"].clone();
    until("it has what it missed", || read(&http, "/nodes/2")["height"] == height);
    assert_eq!(get(&http, "/node/2/api/v1/mining").1["hashrate"], 0);

    // Nobody is gone where all are paused, and one need not be started again.
    (0..3).for_each(|node| drop(done(&http, &format!("/nodes/{node}/pause"), &json!({}))));
    assert_eq!(read(&http, "/network")["verdict"]["text"], "down: all nodes are paused");
    for (path, none) in [("/mine", "none can mine"), ("/transactions", "none can take it")] {
        let (status, problem) = call(&http, path, &json!({"content": "anybody?"}));
        assert_eq!((status, &problem["call"]["path"]), (409, &json!("/api/v1/nodes/0/resume")), "{problem}");
        assert_eq!(problem["detail"], format!("all nodes are paused: {none}"));
    }

    // A stop resumes them, and so does the end of their manager.
    network.signal(Signal::TERM);
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.out);
    let network = Network::start(&["-a", "2"]);
    let paused = done(&network.http(), "/nodes/1/pause", &json!({}))["pid"].as_u64().expect("a process");
    let pids = network.pids();
    assert!(is_alive(pid(paused as u32)));
    network.signal(Signal::KILL);
    gone(&pids);
}

/// Whoever waits for a block of a node that ends meanwhile is told so, and what brings it back, as of a node
/// that is paused.
#[test]
fn a_node_that_ends_while_it_mines_says_what_brings_it_back() {
    // Two: a network that has none left ends.
    let network = Network::start(&["-a", "2", "--difficulty", "60"]);
    let http = network.http();
    // (how its end, or its pause, comes; how it is then, and what brings it back)
    let ends = [
        ("/api/v1/nodes/0/stop", "has ended", "restart"),
        ("/node/0/shutdown", "has ended", "restart"),
        ("/api/v1/nodes/0/kill", "has ended", "restart"),
        ("/api/v1/nodes/0/pause", "is paused", "resume"),
    ];
    for (mine, body) in [("/api/v1/mine", "{\"node\":0}"), ("/start/mining", "")] {
        for (end, how, back) in ends {
            let waiting = std::thread::spawn({
                let http = http.clone();
                move || send("POST", &http, mine, body)
            });
            until("it mines", || get(&http, "/node/0/api/v1/mining").1["waiting"] == 1);
            assert_eq!(request("POST", &http, end).0, 200, "{end}");
            let (status, answer) = waiting.join().expect("an answer");
            let problem: Value = serde_json::from_str(&answer).expect("JSON");
            assert_eq!(
                (status, &problem["detail"], &problem["blocks"]),
                (409, &json!(format!("node A {how} by now")), &json!([])),
                "{mine}, {end}: {problem}"
            );
            let path = format!("/nodes/0/{back}");
            assert_eq!(problem["call"]["path"], format!("/api/v1{path}"), "{mine}, {end}");
            done(&http, &path, &json!({}));
        }
    }
}

#[test]
fn nodes_that_are_added_are_part_of_it() {
    let network = Network::start(&["-a", "2", "--topology", "line"]);
    let http = network.http();
    done(&http, "/mining", &json!({ "mode": "background", "hashrate": 10 }));
    done(&http, "/mine", &json!({ "count": 2 }));
    let added = done(&http, "/nodes", &json!({ "count": 2 }));
    let added: Vec<&Value> = added["nodes"].as_array().expect("nodes").iter().collect();
    assert_eq!(added.iter().map(|node| node["node"].as_u64()).collect::<Vec<_>>(), [Some(2), Some(3)]);
    assert!(
        added.iter().all(|node| node["state"] == "running" && node["height"].as_u64() >= Some(2)),
        "{added:?}"
    );
    let rates: Vec<Value> =
        (0..4).map(|node| read(&http, &format!("/nodes/{node}"))["hashrate"].clone()).collect();
    assert_eq!(rates, [3, 3, 2, 2], "the same in all");
    let links = read(&http, "/network")["links"].clone();
    let ends: Vec<(Option<u64>, Option<u64>)> = links
        .as_array()
        .expect("links")
        .iter()
        .map(|link| (link["a"].as_u64(), link["b"].as_u64()))
        .collect();
    assert_eq!(ends, [(0, 1), (1, 2), (2, 3)].map(|(a, b)| (Some(a), Some(b))));
    done(&http, "/mine", &json!({ "node": 3 }));
    assert_eq!(network.record()["nodes"].as_array().map(Vec::len), Some(4), "the record is written anew");
    assert_eq!(call(&http, "/nodes", &json!({ "count": 1000 })).0, 409);
    assert_eq!(call(&http, "/nodes", &json!({ "count": 0 })).0, 400);
    network.signal(Signal::TERM);
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.out.contains("4 of 4 nodes ended in order"), "{}", ended.out);
}

/// Three more nodes, and the port of the second is somebody else's: none is added, and all are once it is free.
#[test]
fn nodes_are_added_all_or_none() {
    let base = free_ports(5);
    let network = Network::start(&["-a", "2", "--base-http", &base.to_string()]);
    let http = network.http();
    let folders = || [2, 3, 4].map(|number| network.folder.path().join(format!("node-00{number}")).exists());
    std::fs::create_dir(network.folder.path().join("node-004")).expect("an earlier run's");
    let taken = TcpListener::bind(("127.0.0.1", base + 3)).expect("a free port");
    let (status, problem) = call(&http, "/nodes", &json!({ "count": 3 }));
    assert_eq!((status, &problem["node"]), (502, &json!(3)), "{problem}");
    drop(taken);
    assert_eq!(read(&http, "/nodes")["nodes"].as_array().map(Vec::len), Some(2), "none was added");
    assert_eq!(folders(), [false, false, true], "only what was there before");
    let numbers: Vec<u64> = done(&http, "/nodes", &json!({ "count": 3 }))["nodes"]
        .as_array()
        .expect("those that were added")
        .iter()
        .filter_map(|node| node["node"].as_u64())
        .collect();
    assert_eq!(numbers, [2, 3, 4]);
    done(&http, "/mine", &json!({ "node": 4 }));
    let network = read(&http, "/network");
    assert_eq!(network["verdict"]["condition"], "in-sync", "{network}");
}

#[test]
fn nodes_that_were_being_added_when_all_stops_are_none() {
    let place = tempfile::tempdir().expect("a folder");
    let (gate, begun) = (place.path().join("gate"), place.path().join("begun"));
    // From some moment on, a node that makes its folder and is never ready.
    let late = format!(
        r#"for word; do [ "$flag" = --data-dir ] && mkdir -p "$word/made"; flag=$word; done
echo "<$$>" >> '{}'; exec sleep 1000"#,
        begun.display()
    );
    let text = format!("[ -e '{}' ] || exec '{NODE}' \"$@\"\n{late}", gate.display());
    let network = Network::start(&["-a", "2", "--node-program", &script(place.path(), &text)]);
    let (http, folder) = (network.http(), network.folder.clone());
    std::fs::write(gate, "").expect("a file");
    let adding = std::thread::spawn({
        let http = http.clone();
        move || call(&http, "/nodes", &json!({ "count": 1 }))
    });
    written(&begun, ">");
    assert!(folder.path().join("node-002").exists());
    assert_eq!(call(&http, "/shutdown", &json!({})).0, 202);
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.out, ended.error);
    assert_eq!(adding.join().expect("an answer").0, 503);
    assert!(!folder.path().join("node-002").exists());
    assert!(ended.out.contains("2 of 2 nodes ended in order"), "{}", ended.out);
}

/// The ports that a node had are another program's by the time it is wanted back.
#[test]
fn a_node_whose_ports_are_taken_has_others_where_any_do_and_is_missed_where_not() {
    let network = Network::start(&["-a", "2"]);
    let http = network.http();
    let before = done(&http, "/nodes/1/kill", &json!({}));
    let places =
        [&before["http"], &before["p2p"]].map(|place| place.as_str().expect("an address").to_owned());
    let taken = places.each_ref().map(|place| TcpListener::bind(place.as_str()).expect("it is free now"));
    let after = done(&http, "/nodes/1/restart", &json!({}));
    for (member, at) in [("http", 0), ("p2p", 1)] {
        assert_ne!(after[member], json!(places[at]), "{member}");
        assert_eq!(network.record()["nodes"][1][member], after[member]);
    }
    assert_eq!((&after["peers"], get(&http, "/node/1/api/v1/tip").0), (&json!([0]), 200));
    drop(taken);

    let base = free_ports(2);
    let network = Network::start(&["-a", "2", "--base-http", &base.to_string()]);
    let http = network.http();
    done(&http, "/nodes/1/stop", &json!({}));
    assert_eq!(get(&http, "/readyz").0, 200, "somebody wants it so");
    let taken = TcpListener::bind(("127.0.0.1", base + 1)).expect("it is free now");
    assert_eq!(call(&http, "/nodes/1/restart", &json!({})).0, 502);
    let (status, problem) = get(&http, "/readyz");
    assert_eq!((status, &problem["detail"]), (503, &json!("not ready: B has ended")));
    drop(taken);
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(1), "somebody wanted it back");
}

#[test]
fn a_folder_that_was_moved_is_what_a_node_misses() {
    let network = Network::start(&["-a", "2"]);
    let http = network.http();
    let (logs, away) = (network.folder.path().join("logs"), network.folder.path().join("away"));
    std::fs::rename(&logs, &away).expect("it can be moved");
    for (path, body) in [("/nodes/1/restart", json!({})), ("/nodes", json!({ "count": 1 }))] {
        let (status, problem) = call(&http, path, &body);
        let said =
            |member: &str, text: &str| problem[member].as_str().is_some_and(|said| said.contains(text));
        assert!(status == 502 && said("detail", ".log cannot be written"), "{problem}");
        assert!(said("hint", "the network's folder was moved or removed"), "{problem}");
    }
    std::fs::rename(&away, &logs).expect("it can be moved");
    done(&http, "/nodes/1/restart", &json!({}));
}

/// Somebody else stopped its process: the manager takes it for running.
#[test]
fn what_one_node_does_not_hear_of_holds_for_the_others_and_for_it_when_it_goes_on() {
    let network = Network::start(&["-a", "3"]);
    let http = network.http();
    let hung = network.pids()[2];
    kill_process(hung, Signal::STOP).expect("it is there");
    let (status, problem) = call(&http, "/mining", &json!({ "mode": "background", "hashrate": 3 }));
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert_eq!((status, &problem["node"]), (504, &json!(2)), "{problem}");
    assert!(detail.contains("the change holds: the others have been told"), "{problem}");
    kill_process(hung, Signal::CONT).expect("it is there");
    let rate = |node: usize| get(&http, &format!("/node/{node}/api/v1/mining")).1["hashrate"].clone();
    for node in 0..3 {
        until("it has its share", || rate(node) == 1);
    }
}

/// Whoever is added after one whose way into the network is long, here because somebody hangs, waits for that
/// longer than a node waits for its manager's first command.
#[test]
fn nodes_that_are_added_wait_for_each_other() {
    let network = Network::start(&["-a", "2"]);
    let http = network.http();
    let hung = network.pids()[1];
    kill_process(hung, Signal::STOP).expect("it is there");
    let adding = std::thread::spawn({
        let http = http.clone();
        move || done(&http, "/nodes", &json!({ "count": 2 }))
    });
    // As long as a hung node is waited for.
    assert_eq!(call(&http, "/mining", &json!({ "mode": "off" })).0, 504);
    kill_process(hung, Signal::CONT).expect("it is there");
    let added = adding.join().expect("they are added");
    let states: Vec<&Value> =
        added["nodes"].as_array().expect("nodes").iter().map(|node| &node["state"]).collect();
    assert_eq!(states, ["running", "running"]);
    assert_eq!(get(&http, "/readyz").0, 200);
}
