//! A manager in a folder of its own, and what a test does with it.

#[path = "../shipped/http.rs"]
mod http;
#[path = "../shipped/process.rs"]
pub mod process;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

pub use process::{DEADLINE, is_alive, until};
use process::{Pipe, finish};

pub const MANAGER: &str = env!("CARGO_BIN_EXE_networkmngr");
pub const NODE: &str = env!("CARGO_BIN_EXE_p2pnode");

/// A manager and its folder.
pub struct Network {
    pub manager: Child,
    out: Pipe<ChildStdout>,
    pub folder: Arc<TempDir>,
}

/// What a program came to that has ended.
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub error: String,
}

/// A manager in `folder` whose ports are 0 and whose blocks are easy, with `flags` beside.
pub fn command(folder: &Path, flags: &[&str]) -> Command {
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
pub fn run(folder: &Path, flags: &[&str]) -> Ended {
    let mut manager = command(folder, flags).spawn().expect("the manager runs");
    let (status, out, error) = finish(&mut manager);
    Ended { status, out, error }
}

impl Network {
    /// Starts one in a new folder and waits until it is up.
    pub fn start(flags: &[&str]) -> Network {
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        Network::of(command(folder.path(), flags), &folder)
    }

    /// Starts one in a folder that is there and waits until it is up.
    pub fn start_in(folder: &Arc<TempDir>, flags: &[&str]) -> Network {
        Network::of(command(folder.path(), flags), folder)
    }

    /// Runs `command` and waits until its network is up.
    pub fn of(mut command: Command, folder: &Arc<TempDir>) -> Network {
        Network::started(command.spawn().expect("the manager runs"), folder)
    }

    /// Waits until the network of `manager` is up.
    pub fn started(mut manager: Child, folder: &Arc<TempDir>) -> Network {
        let mut out = Pipe::new(manager.stdout.take().expect("a pipe"));
        let line = out.line();
        if !line.contains("up in") {
            let (_, _, error) = finish(&mut manager);
            panic!("no network: {line}{error}");
        }
        Network { manager, out, folder: folder.clone() }
    }

    /// The next line on its stdout that begins like that.
    pub fn hears(&mut self, begin: &str) -> String {
        self.hears_of(begin, |line| line.starts_with(begin))
    }

    /// The next line on its stdout that is the one that says `what`.
    pub fn hears_of(&mut self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let read = self.out.until(what, is_it);
        read.split_inclusive('\n').next_back().expect("it ends in that line").to_owned()
    }

    pub fn record_path(&self) -> PathBuf {
        self.folder.path().join("network.json")
    }

    pub fn record(&self) -> Value {
        let text = std::fs::read_to_string(self.record_path()).expect("network.json is there");
        serde_json::from_str(&text).expect("JSON")
    }

    pub fn http(&self) -> String {
        self.record()["manager"]["http"].as_str().expect("an address").to_owned()
    }

    pub fn nodes(&self, member: &str) -> Vec<String> {
        let record = self.record();
        let nodes = record["nodes"].as_array().expect("nodes").iter();
        nodes.map(|node| node[member].as_str().expect("text").to_owned()).collect()
    }

    pub fn pids(&self) -> Vec<Pid> {
        let record = self.record();
        let nodes = record["nodes"].as_array().expect("nodes").iter();
        nodes.map(|node| pid(node["pid"].as_u64().expect("a number") as u32)).collect()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(pid(self.manager.id()), signal).expect("the manager is there");
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let out = self.out.rest();
        let (status, _, error) = finish(&mut self.manager);
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

pub fn pid(number: u32) -> Pid {
    Pid::from_raw(number as i32).expect("a process's number")
}

/// Status and body of a request without a body.
pub fn request(method: &str, address: &str, path: &str) -> (u16, String) {
    send(method, address, path, "")
}

/// Status and body of a request with a body.
pub fn send(method: &str, address: &str, path: &str, body: &str) -> (u16, String) {
    http::request(method, address, path, body).expect("an answer")
}

/// All that is answered to `bytes`, its head as well.
pub fn raw(address: &str, bytes: &str) -> String {
    let mut socket = TcpStream::connect(address).expect("somebody listens");
    socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    socket.write_all(bytes.as_bytes()).expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}

pub fn get(address: &str, path: &str) -> (u16, Value) {
    let (status, body) = request("GET", address, path);
    (status, serde_json::from_str(&body).expect("JSON"))
}

/// Status and answer of a call of the manager's API.
pub fn call(address: &str, path: &str, body: &Value) -> (u16, Value) {
    let (status, answer) = send("POST", address, &format!("/api/v1{path}"), &body.to_string());
    (status, serde_json::from_str(&answer).expect("JSON"))
}

/// What a call of the manager's API that has to work answers.
pub fn done(address: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = call(address, path, body);
    assert!((200..300).contains(&status), "{path} {body}: {status} {answer}");
    answer
}

/// What a path of the manager's API reads.
pub fn read(address: &str, path: &str) -> Value {
    let (status, answer) = get(address, &format!("/api/v1{path}"));
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// The stream of a manager's events.
pub struct Events(BufReader<TcpStream>);

impl Events {
    /// Reads from now on, or after the event of this id.
    pub fn of(address: &str, after: Option<&str>) -> Events {
        Events::begun(address, after).0
    }

    /// What a reader is told first who had the event of this id last.
    pub fn told_first(address: &str, last: &str) -> Value {
        Events::begun(address, Some(last)).1
    }

    fn begun(address: &str, after: Option<&str>) -> (Events, Value) {
        let mut socket = TcpStream::connect(address).expect("somebody listens");
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let after = after.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n{after}\r\n");
        socket.write_all(request.as_bytes()).expect("a request");
        let mut events = Events(BufReader::new(socket));
        let start = events.next();
        assert_eq!(start["type"], "start");
        (events, start)
    }

    /// The next one.
    pub fn next(&mut self) -> Value {
        self.next_or_end().expect("the stream goes on")
    }

    /// The next one, if the stream goes on.
    pub fn next_or_end(&mut self) -> Option<Value> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line).expect("a line in time") == 0 {
                return None;
            }
            // What stands between is about chunks.
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).expect("JSON"));
            }
        }
    }

    /// Reads to the end; whether that was said, and the stream not cut off.
    pub fn end(mut self) -> bool {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).expect("an end in time");
        rest.ends_with("0\r\n\r\n")
    }

    /// The next one that is so.
    pub fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next();
            if is_it(&event) {
                return event;
            }
        }
    }
}

/// Waits until all of `pids` are gone; the time it took.
#[track_caller]
pub fn gone(pids: &[Pid]) -> Duration {
    let start = Instant::now();
    until(&format!("{pids:?} are gone"), || !pids.iter().any(|pid| is_alive(*pid)));
    start.elapsed()
}

/// Waits until `path` holds `text`.
pub fn written(path: &Path, text: &str) -> String {
    let whole = || std::fs::read_to_string(path).unwrap_or_default();
    until(&format!("{} holds {text:?}", path.display()), || whole().contains(text));
    whole()
}

/// `count` ports in a row that are free just now; the first.
pub fn free_ports(count: u16) -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = first.local_addr().expect("an address").port();
        let Some(end) = port.checked_add(count) else { continue };
        if (port + 1..end).all(|next| TcpListener::bind(("127.0.0.1", next)).is_ok()) {
            return port;
        }
    }
}

/// A program in `folder` that may stand for a node. Written by another process: one that a test of this
/// process starts meanwhile would inherit the open file, and a program that is written to cannot be run.
pub fn script(folder: &Path, text: &str) -> String {
    let path = folder.join("script");
    let written = Command::new("/bin/sh")
        .args(["-c", r#"printf '#!/bin/sh\n%s\n' "$1" > "$2" && chmod +x "$2""#, "sh", text])
        .arg(&path)
        .status();
    assert!(written.expect("a shell").success());
    path.into_os_string().into_string().expect("UTF-8")
}
