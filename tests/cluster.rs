//! The shipped binaries as a real network: started, walked through, stopped, and let down in every way.
//!
//! Ports are 0, so that tests run beside each other; where everything is, `network.json` says. Nobody
//! sleeps to wait for a start: the manager's first line on stdout means that the network is up.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]
#![allow(
    clippy::disallowed_methods,
    reason = "a deadline for the end of processes that are not our children"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;
use tempfile::TempDir;

const MANAGER: &str = env!("CARGO_BIN_EXE_networkmngr");
const NODE: &str = env!("CARGO_BIN_EXE_p2pnode");

/// Far more than anything here takes, on a machine that is busy with other tests.
const DEADLINE: Duration = Duration::from_secs(60);

/// A manager and its folder.
struct Network {
    manager: Child,
    out: BufReader<ChildStdout>,
    folder: TempDir,
}

/// What a program came to that has ended.
struct Ended {
    status: ExitStatus,
    out: String,
    error: String,
}

fn command(folder: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(MANAGER);
    command
        .args(["-p", "0", "--base-http", "0", "--base-listen", "0", "--difficulty", "8", "--pause", "0s"])
        .arg("--data-dir")
        .arg(folder)
        .args(flags)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a manager that is expected to end by itself.
fn run(folder: &Path, flags: &[&str]) -> Ended {
    let output = command(folder, flags).output().expect("the manager runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ended { status: output.status, out: text(output.stdout), error: text(output.stderr) }
}

impl Network {
    /// Starts one and waits until it is up.
    fn start(flags: &[&str]) -> Network {
        let folder = tempfile::tempdir().expect("a folder");
        let mut manager = command(folder.path(), flags).spawn().expect("the manager runs");
        let mut out = BufReader::new(manager.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        if !line.contains("up in") {
            let mut error = String::new();
            let _ = manager.stderr.take().expect("a pipe").read_to_string(&mut error);
            panic!("no network: {line}{error}");
        }
        Network { manager, out, folder }
    }

    fn record_path(&self) -> PathBuf {
        self.folder.path().join("network.json")
    }

    fn record(&self) -> Value {
        let text = std::fs::read_to_string(self.record_path()).expect("network.json is there");
        serde_json::from_str(&text).expect("JSON")
    }

    fn http(&self) -> String {
        self.record()["manager"]["http"].as_str().expect("an address").to_owned()
    }

    fn nodes(&self, member: &str) -> Vec<String> {
        let record = self.record();
        let nodes = record["nodes"].as_array().expect("nodes").iter();
        nodes.map(|node| node[member].as_str().expect("text").to_owned()).collect()
    }

    fn pids(&self) -> Vec<Pid> {
        let record = self.record();
        let nodes = record["nodes"].as_array().expect("nodes").iter();
        nodes.map(|node| pid(node["pid"].as_u64().expect("a number") as u32)).collect()
    }

    fn signal(&self, signal: Signal) {
        kill_process(pid(self.manager.id()), signal).expect("the manager is there");
    }

    /// Waits for its end.
    fn end(mut self) -> Ended {
        let (mut out, mut error) = (String::new(), String::new());
        self.out.read_to_string(&mut out).expect("the rest of stdout");
        self.manager.stderr.take().expect("a pipe").read_to_string(&mut error).expect("stderr");
        let status = self.manager.wait().expect("an end");
        Ended { status, out, error }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Only where a test failed is it still there; its nodes go with it.
        let _ = self.manager.kill();
        let _ = self.manager.wait();
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number as i32).expect("a process's number")
}

/// Status and body of a request without a body.
fn request(method: &str, address: &str, path: &str) -> (u16, String) {
    let mut socket = TcpStream::connect(address).expect("somebody listens");
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    (status, if chunked { unchunked(body) } else { body.to_owned() })
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk's size");
        whole += &rest[..size];
        body = &rest[(size + 2).min(rest.len())..];
    }
    whole
}

fn get(address: &str, path: &str) -> (u16, Value) {
    let (status, body) = request("GET", address, path);
    (status, serde_json::from_str(&body).expect("JSON"))
}

/// Whether a process runs. One that ended and that nobody has asked about yet does not.
fn is_alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    let is_zombie = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'));
    test_kill_process(pid).is_ok() && !is_zombie
}

/// Waits until all of `pids` are gone; the time it took.
fn gone(pids: &[Pid], within: Duration) -> Duration {
    let start = Instant::now();
    while pids.iter().any(|pid| is_alive(*pid)) {
        assert!(start.elapsed() < within, "still there after {within:?}: {pids:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    start.elapsed()
}

#[test]
fn the_walk_of_the_readme() {
    let network = Network::start(&["-a", "3"]);
    let (http, nodes, pids) = (network.http(), network.nodes("http"), network.pids());
    let record = network.record_path();

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

    assert_eq!(
        request("GET", &http, "/shutdown/all"),
        (200, "\"Servers will be shut down...\"\n".to_owned())
    );
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.out, ended.error);
    assert!(ended.out.contains("mined by node 2, on all 3 nodes"), "{}", ended.out);
    assert!(ended.out.contains("3 of 3 nodes ended by themselves; the chain had 4 blocks"), "{}", ended.out);
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
    let network = Network::start(&["-a", "2", "--mine", "--hashrate", "20k"]);
    let mut network = network;
    let mut line = String::new();
    while !line.starts_with("block ") {
        line.clear();
        assert_ne!(network.out.read_line(&mut line).expect("a line"), 0, "it goes on");
    }
    assert!(line.contains("on all 2 nodes after"), "{line}");
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0));
}

#[test]
fn nothing_outlives_a_manager_that_is_killed() {
    let network = Network::start(&["-a", "3"]);
    let pids = network.pids();
    assert!(pids.iter().all(|pid| is_alive(*pid)));
    network.signal(Signal::KILL);
    let took = gone(&pids, DEADLINE);
    println!("gone after {took:?}");
    // What it left behind is no obstacle to the next one.
    let folder = network.folder.path().to_owned();
    assert!(network.record_path().exists());
    let mut next = command(&folder, &["-a", "1"]).spawn().expect("the manager runs");
    let mut line = String::new();
    BufReader::new(next.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    assert!(line.contains("up in"), "{line}");
    kill_process(pid(next.id()), Signal::TERM).expect("it is there");
    next.wait().expect("an end");
}

#[test]
fn ctrl_c_is_an_orderly_stop() {
    let network = Network::start(&["-a", "2"]);
    let pids = network.pids();
    network.signal(Signal::INT);
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.out, ended.error);
    assert!(ended.out.contains("2 of 2 nodes ended by themselves"), "{}", ended.out);
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
}

#[test]
fn a_second_signal_does_not_wait_for_a_node_that_hangs() {
    let mut network = Network::start(&["-a", "2"]);
    let pids = network.pids();
    kill_process(pids[0], Signal::STOP).expect("it is there");
    network.signal(Signal::INT);
    let mut line = String::new();
    while line.trim_end() != "stopping" {
        line.clear();
        assert_ne!(network.out.read_line(&mut line).expect("a line"), 0, "it says that it stops");
    }
    network.signal(Signal::INT);
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(130), "{}{}", ended.out, ended.error);
    assert!(pids.iter().all(|pid| !is_alive(*pid)));
}

#[test]
fn a_node_that_dies_is_reported_and_the_others_live() {
    let mut network = Network::start(&["-a", "3"]);
    let (http, pids) = (network.http(), network.pids());
    kill_process(pids[1], Signal::KILL).expect("it is there");
    let mut line = String::new();
    while !line.starts_with("node 1 ended: ended by signal 9") {
        line.clear();
        assert_ne!(network.out.read_line(&mut line).expect("a line"), 0, "it is reported");
    }
    let (status, mined) = get(&http, "/start/mining");
    assert_eq!((status, &mined["requests"], &mined["skipped"]), (200, &2.into(), &vec![1].into()));
    assert_eq!(request("GET", &http, "/shutdown/all").0, 200);
    let ended = network.end();
    assert_eq!(ended.status.code(), Some(1), "not all ended by themselves");
    assert!(ended.out.contains("2 of 3 nodes ended by themselves"), "{}", ended.out);
}

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

#[test]
fn a_network_with_a_node_missing_is_none_unless_it_is_kept() {
    let (_taken, port) = taken_after_a_free_one();
    let base = (port - 1).to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let ended = run(folder.path(), &["-a", "2", "--base-http", &base]);
    assert_eq!(ended.status.code(), Some(1));
    let named = format!("1 of 2 nodes are there; node 1: --http 127.0.0.1:{port} cannot be used");
    assert!(ended.error.contains(&named), "{}", ended.error);
    let again = TcpListener::bind(("127.0.0.1", port - 1));
    assert!(again.is_ok(), "node 0 is gone: {again:?}");
    drop(again);

    // What is there is said first: the line that it is up comes after the missing ones.
    let mut kept =
        command(folder.path(), &["-a", "2", "--base-http", &base, "--keep"]).spawn().expect("it runs");
    let mut out = BufReader::new(kept.stdout.take().expect("a pipe"));
    let mut lines = String::new();
    while !lines.contains("up in") {
        assert_ne!(out.read_line(&mut lines).expect("a line"), 0, "it is up: {lines}");
    }
    assert!(lines.contains("node 1 is missing") && lines.contains("1 node, 0 links, up in"), "{lines}");
    kill_process(pid(kept.id()), Signal::TERM).expect("it is there");
    let mut rest = String::new();
    out.read_to_string(&mut rest).expect("the rest");
    assert_eq!(kept.wait().expect("an end").code(), Some(1), "{rest}");
}

#[test]
fn programs_that_are_no_nodes_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = [
        ("/bin/false", "0 of 2 nodes are there; node 0: exit code 1 before it was ready"),
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
