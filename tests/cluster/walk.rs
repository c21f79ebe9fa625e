//! A network from its start to its end, as its user sees it.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::TcpStream;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Network, get, is_alive, read, request, until};

#[test]
fn the_walk_of_the_readme() {
    let network = Network::start(&["-a", "3"]);
    let (http, nodes, pids) = (network.http(), network.nodes("http"), network.pids());
    let record = network.record_path();
    // Asked for any port, it says which.
    let places = [vec![http.clone()], nodes.clone(), network.nodes("p2p")].concat();
    let ports: BTreeSet<&str> = places.iter().filter_map(|place| place.strip_prefix("127.0.0.1:")).collect();
    assert!(ports.len() == 7 && !ports.contains("0"), "{places:?}");

    let (status, id) = get(&nodes[0], "/node/id");
    assert_eq!(status, 200);
    assert_eq!(id["nodes"].as_object().expect("an object").len(), 2, "the others: {id}");
    assert_eq!(id["node"].as_str(), network.nodes("id").first().map(String::as_str));
    let (_, chain) = get(&nodes[0], "/chain");
    assert_eq!(chain["length"], 1, "genesis");

    let (status, mined) = get(&http, "/start/mining");
    assert_eq!(
        (status, &mined["message"], &mined["requests"]),
        (200, &"Mining requests sent".into(), &3.into())
    );
    assert_eq!(mined["length"], 4);
    let miners: Vec<u64> = mined["blocks"]
        .as_array()
        .expect("blocks")
        .iter()
        .map(|block| block["node"].as_u64().expect("a number"))
        .collect();
    assert_eq!(miners, [0, 1, 2]);
    let chains: Vec<Value> = nodes.iter().map(|node| get(node, "/chain").1).collect();
    assert_eq!(chains[0]["length"], 4);
    assert!(chains.iter().all(|chain| *chain == chains[0]), "the same on every node");
    let last = &mined["blocks"][2];
    assert_eq!(chains[0]["chain"][3]["header"]["hash"], last["hash"]);

    let (_, listed) = get(&http, "/nodes");
    let listed = listed.as_array().expect("a list");
    assert!(listed.iter().all(|node| node["tip"] == last["hash"] && node["peers"] == 2), "{listed:?}");
    assert!(listed.iter().all(|node| node["state"] == "running" && node["restarts"] == 0), "{listed:?}");

    assert_eq!(
        request("GET", &http, "/shutdown/all"),
        (200, "\"Servers will be shut down...\"\n".to_owned())
    );
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.out, ended.error);
    assert!(ended.out.contains("mined by C, on all 3 nodes"), "{}", ended.out);
    assert!(ended.out.contains("3 of 3 nodes ended in order; the chain had 4 blocks"), "{}", ended.out);
    assert!(!record.exists());
    assert!(pids.iter().all(|pid| !is_alive(*pid)), "the manager waited for every process");
}

#[test]
fn requests_of_the_manager_that_are_wrong_say_why() {
    let network = Network::start(&["-a", "1"]);
    let http = network.http();
    let (status, problem) = get(&http, "/start/minig");
    assert_eq!((status, problem["status"].as_u64()), (404, Some(404)));
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("/start/mining")), "{problem}");
    assert_eq!(request("DELETE", &http, "/shutdown/all").0, 405);
    assert_eq!(get(&http, "/start/mining?rounds=0").0, 400);

    // Whoever waits for a run and goes away wants no further blocks, and is in nobody's way.
    let mut waiting = TcpStream::connect(&http).expect("it listens");
    let asked = format!("GET /start/mining?rounds=2&pause=1h HTTP/1.1\r\nHost: {http}\r\n\r\n");
    waiting.write_all(asked.as_bytes()).expect("a request");
    until("the first block is there", || read(&http, "/nodes/0")["height"] == 1);
    assert_eq!(get(&http, "/start/mining").0, 409);
    drop(waiting);
    until("another one may run", || get(&http, "/start/mining?rounds=1").0 == 200);

    // One run at a time; a long pause keeps this one from ending.
    let (status, sent) = get(&http, "/start/mining?rounds=2&pause=1m&wait=false");
    assert_eq!((status, &sent["requests"]), (202, &2.into()));
    let (status, problem) = get(&http, "/start/mining");
    assert_eq!(status, 409, "{problem}");
    assert_eq!(request("POST", &http, "/shutdown/all").0, 200);
    assert_eq!(network.end().status.code(), Some(0));
}

#[test]
fn nodes_share_the_hash_rate_when_they_mine_in_the_background() {
    let mut network = Network::start(&["-a", "2", "--mine", "--hashrate", "20k"]);
    let line = network.hears("block ");
    assert!(line.contains("on all 2 nodes after"), "{line}");
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0));
}

#[test]
fn a_network_that_is_started_again_goes_on_where_it_was() {
    let network = Network::start(&["-a", "3"]);
    let (folder, ids) = (network.folder.clone(), network.nodes("id"));
    assert_eq!(get(&network.http(), "/start/mining").1["length"], 4);
    let chain = get(&network.nodes("http")[0], "/chain").1;
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0));

    let mut network = Network::start_in(&folder, &["-a", "3"]);
    assert_eq!(network.hears("resumed"), "resumed: the chain has 4 blocks already\n");
    assert_eq!(network.nodes("id"), ids);
    for node in network.nodes("http") {
        assert_eq!(get(&node, "/chain").1, chain);
    }
    assert_eq!(get(&network.http(), "/start/mining").1["length"], 7);
    network.signal(Signal::TERM);
    let ended = network.end();
    assert!(ended.out.contains("the chain had 7 blocks"), "{}", ended.out);

    // Without a folder, it begins anew and leaves the folder as it is.
    let network = Network::start_in(&folder, &["-a", "3", "--ephemeral"]);
    assert_eq!(get(&network.nodes("http")[0], "/chain").1["length"], 1);
    network.signal(Signal::TERM);
    assert!(!network.end().out.contains("resumed"));
    let mut network = Network::start_in(&folder, &["-a", "3"]);
    assert_eq!(network.hears("resumed"), "resumed: the chain has 7 blocks already\n");
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0));
}
