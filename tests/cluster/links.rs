//! Links: the shapes that a network can have, and links that are cut or slow.

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{Network, call, done, get, read, request, run, until, written};

fn ends(http: &str) -> Vec<(u64, u64)> {
    let links = read(http, "/network")["links"].clone();
    let end = |link: &Value, name: &str| link[name].as_u64().expect("a node");
    links.as_array().expect("links").iter().map(|link| (end(link, "a"), end(link, "b"))).collect()
}

#[test]
fn a_network_has_the_links_that_were_asked_for_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("links");
    std::fs::write(&file, "# a kite\n0 1\n1-2\n2 0\n2 - 3\n").expect("a file");
    let network = Network::start(&["-a", "4", "--topology", file.to_str().expect("UTF-8")]);
    let http = network.http();
    assert_eq!(ends(&http), [(0, 1), (0, 2), (1, 2), (2, 3)]);
    done(&http, "/mine", &json!({ "node": 3 }));
    assert_eq!(ends(&http), [(0, 1), (0, 2), (1, 2), (2, 3)], "nobody dials by itself");
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0));
    std::fs::write(&file, "0 1\n2 3").expect("a file");
    let ended = run(folder.path(), &["-a", "4", "--topology", file.to_str().expect("UTF-8")]);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.error);
    assert!(ended.error.contains("the links leave the network in 2 pieces: 0,1 / 2,3"), "{}", ended.error);
    assert!(ended.error.contains("hint: add links between them"), "{}", ended.error);
}

/// The tips differ for as long as the slow link takes, and longer than a heal waits for them.
#[test]
fn who_waits_for_a_heal_keeps_nobody_else_waiting() {
    let network = Network::start(&["-a", "3", "--topology", "line"]);
    let http = network.http();
    done(&http, "/links", &json!({ "a": 0, "b": 1, "latency_ms": 60_000 }));
    assert_eq!(request("POST", &http, "/node/0/mine").0, 200);
    let healing = std::thread::spawn({
        let http = http.clone();
        move || done(&http, "/heal?links=keep", &json!({}))
    });
    let log = network.folder.path().join("logs/manager.log");
    written(&log, "healing");
    let link = done(&http, "/links", &json!({ "a": 1, "b": 2, "latency_ms": 5 }));
    assert_eq!(link["latency_ms"], 5.0);
    assert!(!healing.is_finished(), "another link is no business of the heal");
    // Whoever cuts something again ends it.
    done(&http, "/partition", &json!({ "halves": true }));
    assert_ne!(healing.join().expect("an answer")["partition"], Value::Null);
}

/// Somebody else stopped the process of one end: that is late, and does what it was told when it goes on.
#[test]
fn a_link_is_made_although_an_end_of_it_is_late() {
    let network = Network::start(&["-a", "3", "--topology", "line"]);
    let http = network.http();
    let hung = network.pids()[2];
    kill_process(hung, Signal::STOP).expect("it is there");
    let (status, problem) = call(&http, "/links", &json!({ "a": 0, "b": 2 }));
    assert_eq!((status, &problem["node"]), (504, &json!(2)), "{problem}");
    kill_process(hung, Signal::CONT).expect("it is there");
    until("the link is up", || {
        let links = read(&http, "/network")["links"].clone();
        links.as_array().is_some_and(|links| {
            links.iter().any(|link| link["a"] == 0 && link["b"] == 2 && link["up"] == true)
        })
    });
}

#[test]
fn a_block_takes_as_long_as_the_slow_links_on_its_way() {
    let network = Network::start(&["-a", "3", "--topology", "line"]);
    let http = network.http();
    let link = done(&http, "/links", &json!({ "a": 1, "b": 0, "latency_ms": 60, "jitter_ms": 10 }));
    let expected = json!({ "a": 0, "b": 1, "up": true, "cut": false, "latency_ms": 60.0, "jitter_ms": 10.0, "loss": 0.0 });
    assert_eq!(link, expected);
    done(&http, "/links", &json!({ "a": 1, "b": 2, "latency_ms": 40 }));
    let mined = done(&http, "/mine", &json!({ "node": 0 }));
    let hash = mined["blocks"][0]["hash"].as_str().expect("a hash").to_owned();
    let report = read(&http, &format!("/blocks/{hash}"));
    let arrivals = report["arrivals"].as_array().expect("arrivals");
    let after: Vec<f64> =
        arrivals.iter().map(|arrival| arrival["after_ms"].as_f64().expect("a time")).collect();
    assert_eq!(
        arrivals.iter().map(|arrival| arrival["node"].as_u64()).collect::<Vec<_>>(),
        [Some(0), Some(1), Some(2)]
    );
    assert!(after[1] >= 50.0 && after[2] >= after[1] + 40.0, "{report}");
    assert_eq!(arrivals[2]["from"], 1, "{report}");
    let spread = read(&http, "/propagation?limit=1");
    assert!(spread["blocks"][0]["to_100_ms"].as_f64() >= Some(90.0), "{spread}");
    // Kept, or not.
    let healed = request("POST", &http, "/api/v1/heal?links=keep").1;
    assert!(healed.contains("\"latency_ms\":60.0"), "{healed}");
    let healed = done(&http, "/heal", &json!({}));
    assert!(
        healed["links"].as_array().is_some_and(|links| links.iter().all(|link| link["latency_ms"] == 0.0))
    );
}

#[test]
fn links_are_cut_and_made_by_hand() {
    let network = Network::start(&["-a", "4", "--topology", "line"]);
    let http = network.http();
    assert_eq!(request("DELETE", &http, "/api/v1/links/0/3").0, 404);
    assert_eq!(request("DELETE", &http, "/api/v1/links/2/1").0, 200);
    let apart = read(&http, "/network");
    assert_eq!((&apart["verdict"]["condition"], &apart["partition"]), (&"partitioned".into(), &Value::Null));
    done(&http, "/mine", &json!({ "node": 0 }));
    assert_eq!(read(&http, "/nodes/2")["height"], 0);
    // Around the cut.
    let link = done(&http, "/links", &json!({ "a": 0, "b": 3 }));
    assert_eq!((&link["up"], &link["cut"]), (&true.into(), &false.into()));
    done(&http, "/mine", &json!({ "node": 0 }));
    assert_eq!(read(&http, "/nodes/2")["height"], 2);
    assert_eq!(done(&http, "/links", &json!({ "a": 1, "b": 2 }))["up"], true, "it is mended as well");
    done(&http, "/partition", &json!({ "groups": [[0, 1]] }));
    let (status, problem) = call(&http, "/links", &json!({ "a": 0, "b": 3 }));
    assert_eq!((status, &problem["hint"]), (409, &"POST /api/v1/heal ends it".into()), "{problem}");
}

fn link(http: &str, a: u64, b: u64) -> Value {
    let links = read(http, "/network")["links"].clone();
    let is_it = |link: &&Value| (&link["a"], &link["b"]) == (&a.into(), &b.into());
    links.as_array().expect("links").iter().find(is_it).cloned().expect("such a link")
}

/// Starts node A again, which a link to `far` slows down, and does `meanwhile` while it is returning and has all
/// its links but that: all that there was to tell it, it was told before.
fn while_a_returns(http: &str, far: u64, meanwhile: impl FnOnce()) {
    done(http, "/links", &json!({ "a": 0, "b": far, "latency_ms": 2000 }));
    let mut near = read(http, "/nodes/0")["peers"].clone();
    near.as_array_mut().expect("peers").retain(|peer| *peer != far);
    let back = std::thread::spawn({
        let http = http.to_owned();
        move || call(&http, "/nodes/0/restart", &json!({}))
    });
    until("A returns", || {
        let node = read(http, "/nodes/0");
        node["state"] == "returning" && node["peers"] == near
    });
    meanwhile();
    let (status, node) = back.join().expect("an answer");
    assert_eq!(status, 200, "{node}");
}

#[test]
fn what_changes_while_a_node_returns_is_told_to_it() {
    let network = Network::start(&["-a", "3"]);
    let http = network.http();
    let hashrate = || get(&http, "/node/0/api/v1/mining").1["hashrate"].clone();
    while_a_returns(&http, 2, || {
        done(&http, "/mining", &json!({ "mode": "background", "hashrate": 3 }));
        done(&http, "/links", &json!({ "a": 0, "b": 1, "latency_ms": 5 }));
    });
    assert_eq!(hashrate(), 1, "its share");
    let peers = get(&http, "/node/0/api/v1/peers").1["peers"].clone();
    assert!(peers.as_array().expect("peers").iter().all(|peer| peer["slow"] != Value::Null), "{peers}");
    while_a_returns(&http, 2, || {
        done(&http, "/mining", &json!({ "mode": "off" }));
        done(&http, "/partition", &json!({ "groups": [[0], [1, 2]] }));
    });
    assert_eq!(hashrate(), 0);
    assert_eq!(get(&http, "/node/0/api/v1/peers").1["cut"].as_array().map(Vec::len), Some(2));
    done(&http, "/heal", &json!({}));
    assert!(link(&http, 0, 1)["up"] == true && link(&http, 0, 2)["up"] == true);
}

#[test]
fn a_link_that_comes_while_an_end_is_away_is_up_when_that_is_back() {
    let network = Network::start(&["-a", "5", "--topology", "line"]);
    let http = network.http();
    // While it is paused: it begins one, and is the other end of one.
    done(&http, "/nodes/0/pause", &json!({}));
    done(&http, "/links", &json!({ "a": 0, "b": 2 }));
    done(&http, "/links", &json!({ "a": 3, "b": 0 }));
    done(&http, "/nodes/0/resume", &json!({}));
    for other in [2, 3] {
        until("the link is up", || link(&http, 0, other)["up"] == true);
    }
    // While it returns.
    while_a_returns(&http, 1, || drop(done(&http, "/links", &json!({ "a": 0, "b": 4 }))));
    until("the link is up", || link(&http, 0, 4)["up"] == true);
    assert_eq!(get(&http, "/readyz").0, 200);
}

/// Somebody else has both ends let go of each other, and dial no more.
#[test]
fn a_heal_mends_a_link_whose_ends_do_not_know_of_each_other() {
    let network = Network::start(&["-a", "2"]);
    let http = network.http();
    // Whichever of them dialled: it stays connected no longer.
    for node in [0, 1] {
        for peer in get(&http, &format!("/node/{node}/api/v1/peers")).1["peers"].as_array().expect("peers") {
            let path = format!("/node/{node}/api/v1/peers/{}", peer["id"]);
            let (status, answer) = request("DELETE", &http, &path);
            assert!([200, 404].contains(&status), "{path}: {answer}");
        }
    }
    until("the link is down", || link(&http, 0, 1)["up"] == false);
    done(&http, "/heal", &json!({}));
    assert_eq!(link(&http, 0, 1)["up"], true);
}
