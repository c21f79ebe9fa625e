//! A new network in the place of one that runs: at the same address, with other rules; and what becomes of it
//! when it is not to be.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use crate::harness::{
    Events, NODE, Network, call, done, free_ports, get, gone, is_alive, pid, raw, read, request, script,
    send, until, written,
};

/// What networks before it kept.
fn before(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.to_string_lossy().contains("/before-")).collect();
    found.sort();
    found
}

/// Asks for a new network, and waits until it is there.
fn renew(address: &str, wanted: &Value) -> Value {
    let old = read(address, "/network")["events"]["run"].clone();
    let said = done(address, "/restart", wanted);
    assert_eq!(said["run"], old, "{said}");
    until("the new network is ready", || request("GET", address, "/readyz").0 == 200);
    let network = read(address, "/network");
    assert_ne!(network["events"]["run"], old);
    network
}

#[test]
fn a_new_network_has_the_place_of_the_old_one_and_other_rules() {
    let base = free_ports(7);
    let ports = [base, base + 1, base + 4].map(|port| port.to_string());
    let flags = ["-p", &ports[0], "--base-http", &ports[1], "--base-listen", &ports[2], "-a", "3"];
    let network = Network::start(&[&flags[..], &["--topology", "line"]].concat());
    let (address, pids) = (network.http(), network.pids());
    let old = read(&address, "/network");
    assert_eq!((&old["rules"]["difficulty"], &old["rules"]["block_time"]), (&json!(8), &Value::Null));
    done(&address, "/mine", &json!({"content": "before"}));
    let mut events = Events::of(&address, None);

    let new = renew(&address, &json!({"amount": 2, "difficulty": 9, "block_time": 30}));
    assert!(pids.iter().all(|pid| !is_alive(*pid)), "the old nodes have ended");
    assert_ne!(new["rules"]["id"], old["rules"]["id"]);
    assert_eq!((&new["rules"]["difficulty"], &new["rules"]["block_time"]), (&json!(9), &json!(30.0)));
    assert_eq!(new["verdict"]["text"], "in sync: 2 nodes at height 0");
    for place in ["http", "p2p"] {
        assert_eq!(new["nodes"][1][place], old["nodes"][1][place], "the same port");
        assert_ne!(new["nodes"][1]["id"], old["nodes"][1]["id"], "another node");
    }
    assert_eq!(new["manager"]["pid"], old["manager"]["pid"]);
    assert_eq!(network.record()["network"]["id"], new["rules"]["id"]);
    // Who read the old network's events had them to their end, and is told that these are others.
    while events.next_or_end().is_some() {}
    let last = format!("{}.{}", old["events"]["run"], old["events"]["seq"]);
    assert_eq!(Events::told_first(&address, &last)["restarted"], true);

    // Nothing is lost of what they kept.
    let kept = before(network.folder.path());
    assert_eq!(kept.len(), 1, "{kept:?}");
    for name in ["node-000/chain.redb", "node-002/chain.redb", "manager.key"] {
        assert!(kept[0].join(name).exists(), "{name}");
    }
    assert!(!network.folder.path().join("node-002").exists());
    assert!(network.folder.path().join("node-001/chain.redb").exists());

    // What is not said stays, nodes that were added among it.
    done(&address, "/nodes", &json!({}));
    done(&address, "/mining", &json!({"mode": "background", "hashrate": 40}));
    let again = renew(&address, &json!({}));
    assert_eq!(again["rules"]["text"], new["rules"]["text"]);
    assert_eq!(again["nodes"].as_array().map(Vec::len), Some(3));
    assert_eq!(again["links"].as_array().map(Vec::len), Some(2), "a line");
    assert_eq!((&again["mining"]["mode"], &again["mining"]["hashrate"]), (&json!("background"), &json!(40)));
    assert_eq!(before(network.folder.path()).len(), 2);

    network.signal(Signal::TERM);
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.out, ended.error);
    assert!(ended.out.contains("what the nodes kept is in ") && ended.error.is_empty(), "{}", ended.out);
}

#[test]
fn of_an_ephemeral_network_nothing_is_kept() {
    let network = Network::start(&["-a", "1", "--ephemeral"]);
    let address = network.http();
    let said = done(&address, "/restart", &json!({"mine": true, "hashrate": 5}));
    assert!(said["message"].as_str().expect("text").contains("nothing is kept"), "{said}");
    // Who reads meanwhile waits for the new one.
    let mining = read(&address, "/mining");
    assert_eq!((&mining["mode"], &mining["hashrate"]), (&json!("background"), &json!(5)));
    assert_eq!(before(network.folder.path()), [] as [PathBuf; 0]);
}

#[test]
fn what_cannot_be_is_refused_before_anything_stops() {
    let base = free_ports(4);
    let taken = std::net::TcpListener::bind(("127.0.0.1", base + 1)).expect("a free port");
    let network = Network::start(&["-a", "1", "--base-http", &base.to_string()]);
    let (address, pids) = (network.http(), network.pids());
    let rows = [
        (json!({"amount": 0}), 400, "a network has 1 to 1000 nodes"),
        (json!({"amount": 1001}), 400, "a network has 1 to 1000 nodes"),
        (json!({"amount": 1.5}), 400, "expected a whole number"),
        (json!({"topology": "cube"}), 400, "expected mesh, ring, line, star"),
        (json!({"topology": "/etc/passwd"}), 400, "expected mesh, ring, line, star"),
        (json!({"difficulty": 65}), 400, "1 to 64 leading zero bits"),
        (json!({"block_time": 0}), 400, "1 to 86400 seconds"),
        (json!({"hashrate": 5}), 400, "--mine"),
        (json!({"mine": true, "hashrate": 0}), 400, "hashrate"),
        (json!({"blocktime": 5}), 400, "unknown field"),
        (json!([]), 400, "a JSON object"),
        (json!({"amount": 2}), 409, &format!("127.0.0.1:{} cannot be used", base + 1)),
    ];
    for (wanted, status, why) in rows {
        let (answered, problem) = call(&address, "/restart", &wanted);
        assert_eq!(answered, status, "{wanted}: {problem}");
        assert!(problem["detail"].as_str().expect("text").contains(why), "{wanted}: {problem}");
    }
    assert_eq!(send("GET", &address, "/api/v1/restart", "").0, 405);
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    assert_eq!(read(&address, "/network")["verdict"]["text"], "in sync: 1 node at height 0");
    assert!(before(network.folder.path()).is_empty());
    drop(taken);
}

/// A node's program that is a node until `gate` is there, and then does `otherwise`.
fn until_gate(folder: &Path, otherwise: &str) -> (String, PathBuf) {
    let gate = folder.join("gate");
    let text = format!("[ -e '{}' ] || exec '{NODE}' \"$@\"\n{otherwise}", gate.display());
    (script(folder, &text), gate)
}

/// A node that ends at once, and has made its folder.
const MAKES_ITS_FOLDER: &str =
    r#"for word; do [ "$flag" = --data-dir ] && mkdir -p "$word/made"; flag=$word; done; exit 1"#;

#[test]
fn a_stop_while_the_old_network_ends_is_a_stop() {
    let place = tempfile::tempdir().expect("a folder");
    let gate = place.path().join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo runs").success());
    // A node that is long in ending: until somebody opens the gate.
    let program = script(place.path(), &format!("'{NODE}' \"$@\"\nread line < '{}'", gate.display()));
    for by_signal in [true, false] {
        let mut network = Network::start(&["-a", "1", "--node-program", &program]);
        let (address, pids) = (network.http(), network.pids());
        done(&address, "/restart", &json!({}));
        assert_eq!(request("GET", &address, "/readyz").0, 503);
        // It comes back: one after the other.
        for path in ["/api/v1/restart", "/api/v1/mine", "/start/mining"] {
            let head = format!("Host: {address}\r\nConnection: close\r\nContent-Length: 0");
            let answer = raw(&address, &format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\n"));
            assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
        }
        assert_eq!(request("GET", &address, "/healthz").0, 200);
        assert_eq!(request("GET", &address, "/").0, 200, "the page");
        if by_signal {
            network.signal(Signal::TERM);
            network.hears("stopping\n");
        } else {
            assert_eq!(request("GET", &address, "/shutdown/all").1, "\"Servers will be shut down...\"\n");
        }
        std::fs::write(&gate, "\n").expect("it is waited for");
        let (folder, ended) = (network.folder.clone(), network.end());
        assert_eq!(ended.status.code(), Some(0), "{}{}", ended.out, ended.error);
        gone(&pids);
        assert!(before(folder.path()).is_empty() && folder.path().join("node-000").is_dir());
    }
}

#[test]
fn a_stop_while_the_new_network_starts_is_a_stop() {
    for by_signal in [true, false] {
        let place = tempfile::tempdir().expect("a folder");
        let pids = place.path().join("pids");
        let late = format!("echo \"<$$>\" >> '{}'\nexec sleep 1000", pids.display());
        let (program, gate) = until_gate(place.path(), &late);
        let network = Network::start(&["-a", "1", "--node-program", &program]);
        std::fs::write(gate, "").expect("a file");
        let address = network.http();
        done(&address, "/restart", &json!({}));
        let text = written(&pids, ">");
        let node: u32 = text.trim().trim_matches(['<', '>']).parse().expect("a number");
        match by_signal {
            true => network.signal(Signal::TERM),
            false => assert_eq!(call(&address, "/shutdown", &json!({})).0, 202),
        }
        let (folder, ended) = (network.folder.clone(), network.end());
        assert_eq!(ended.status.code(), Some(1), "there was no network: {}", ended.error);
        gone(&[pid(node)]);
        assert_eq!(before(folder.path()).len(), 1);
    }
}

#[test]
fn who_is_interrupted_by_a_new_network_is_told_to_come_again() {
    // Nobody finds 60 zero bits.
    let network = Network::start(&["-a", "1", "--difficulty", "60"]);
    let address = network.http();
    let mining = std::thread::spawn({
        let address = address.clone();
        move || {
            let head = format!("Host: {address}\r\nConnection: close\r\nContent-Length: 0");
            raw(&address, &format!("POST /api/v1/mine HTTP/1.1\r\n{head}\r\n\r\n"))
        }
    });
    until("it waits for its block", || get(&address, "/node/0/api/v1/mining").1["waiting"] == 1);
    done(&address, "/restart", &json!({ "difficulty": 8 }));
    let answer = mining.join().expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 1"), "{answer}");
    assert!(answer.contains("a new one takes its place"), "{answer}");
}

/// Some of its nodes are not ready yet, and still make their folders as they are killed.
#[test]
fn of_a_new_network_that_is_stopped_while_it_starts_nothing_stays_but_logs() {
    let network = Network::start(&["-a", "1"]);
    let (address, folder) = (network.http(), network.folder.clone());
    done(&address, "/restart", &json!({ "amount": 24 }));
    until("a new node makes its folder", || folder.path().join("node-003").exists());
    assert_eq!(call(&address, "/shutdown", &json!({})).0, 202);
    assert_eq!(network.end().status.code(), Some(1), "there was no network");
    let entries = std::fs::read_dir(folder.path()).expect("the folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
    let mut left: Vec<String> = names.filter(|name| !name.starts_with("before-")).collect();
    left.sort();
    assert_eq!(left, ["logs", "network.lock"]);
}

#[test]
fn a_new_network_that_cannot_start_is_told_and_what_was_there_is_kept() {
    let place = tempfile::tempdir().expect("a folder");
    let (program, gate) = until_gate(place.path(), MAKES_ITS_FOLDER);
    let network = Network::start(&["-a", "2", "--node-program", &program]);
    let pids = network.pids();
    std::fs::write(gate, "").expect("a file");
    done(&network.http(), "/restart", &json!({}));
    let (folder, ended) = (network.folder.clone(), network.end());
    assert_eq!(ended.status.code(), Some(1), "{}", ended.error);
    assert!(ended.error.contains("0 of 2 nodes are there; nodes A B: exit code 1"), "{}", ended.error);
    gone(&pids);
    let kept = before(folder.path());
    assert!(kept[0].join("node-001/chain.redb").exists(), "{kept:?}");
    // Of the new one nothing is left that could be taken for a network.
    for name in ["network.json", "manager.key", "node-000", "node-001"] {
        assert!(!folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn nothing_outlives_a_manager_that_is_killed_while_it_renews() {
    let place = tempfile::tempdir().expect("a folder");
    let pids = place.path().join("pids");
    let program =
        script(place.path(), &format!("echo \"<$$>\" >> '{}'\nexec '{NODE}' \"$@\"", pids.display()));
    let network = Network::start(&["-a", "2", "--node-program", &program]);
    done(&network.http(), "/restart", &json!({}));
    let text = || std::fs::read_to_string(&pids).unwrap_or_default();
    until("a new node was started", || text().matches('>').count() >= 3);
    kill_process(pid(network.manager.id()), Signal::KILL).expect("it is there");
    gone(&[pid(network.manager.id())]);
    let all: Vec<_> = text()
        .split_whitespace()
        .map(|number| pid(number.trim_matches(['<', '>']).parse().expect("a number")))
        .collect();
    gone(&all);
}
