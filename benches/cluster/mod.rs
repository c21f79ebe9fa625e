//! A network of real processes, as `networkmngr` starts it, and what a bench asks of it.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench whose world is not as it must be ends")]
#![allow(clippy::disallowed_methods, reason = "to measure is to look at a clock")]

#[path = "../../tests/shipped/http.rs"]
mod http;
#[path = "../../tests/shipped/process.rs"]
mod process;

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use process::Pipe;

/// Far more than anything here takes.
const DEADLINE: Duration = Duration::from_secs(120);

/// A network, and what its manager says to people meanwhile.
pub struct Network {
    manager: Child,
    said: Option<JoinHandle<Vec<String>>>,
    /// From the start of the manager's process to the line that says that all links are up, in seconds.
    pub up_in: f64,
    http: String,
    pub pids: Vec<u64>,
    _folder: TempDir,
}

impl Network {
    /// Starts `amount` nodes that keep their chains on disk, with `flags` beside, and waits until all are linked.
    pub fn start(amount: usize, flags: &[&str]) -> Network {
        let folder = tempfile::tempdir().expect("a folder");
        let begun = Instant::now();
        let mut manager = Command::new(env!("CARGO_BIN_EXE_networkmngr"))
            .args(["-p", "0", "--base-http", "0", "--base-listen", "0", "--amount", &amount.to_string()])
            .arg("--data-dir")
            .arg(folder.path())
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the manager runs");
        let mut out = Pipe::new(manager.stdout.take().expect("a pipe"));
        let line = out.line();
        let up_in = begun.elapsed().as_secs_f64();
        assert!(line.contains("up in"), "no network of {amount}: {line}");
        let record = fs::read_to_string(folder.path().join("network.json")).expect("network.json");
        let record: Value = serde_json::from_str(&record).expect("JSON");
        let http = record["manager"]["http"].as_str().expect("an address").to_owned();
        let pids = record["nodes"].as_array().expect("nodes").iter();
        let pids = pids.map(|node| node["pid"].as_u64().expect("a number")).collect();
        // Read while it is said, or the pipe would be full.
        let said = Some(std::thread::spawn(|| lines(out.unhurried())));
        Network { manager, said, up_in, http, pids, _folder: folder }
    }

    /// What the manager answers.
    pub fn get(&self, path: &str) -> Value {
        ask(&self.http, "GET", path, "")
    }

    /// What the manager answers to `body`.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        ask(&self.http, "POST", path, &body.to_string())
    }

    /// Looks until the manager's answer is as it is to be; how many seconds that took.
    pub fn wait(&self, path: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> f64 {
        let begun = Instant::now();
        while !is_so(&self.get(path)) {
            assert!(begun.elapsed() < DEADLINE, "{what}: not within {} s", DEADLINE.as_secs());
            std::thread::sleep(Duration::from_millis(20));
        }
        begun.elapsed().as_secs_f64()
    }

    /// Stops it; the lines that its manager said.
    pub fn stop(mut self) -> Vec<String> {
        let _ = ask(&self.http, "POST", "/api/v1/shutdown", "{}");
        let said = self.said.take().expect("read once").join().expect("lines");
        let _ = self.manager.wait();
        said
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // Only where the bench failed is it still there; its nodes go with it.
        let _ = self.manager.kill();
        let _ = self.manager.wait();
    }
}

fn lines(mut out: impl Read) -> Vec<String> {
    let mut said = String::new();
    let _ = out.read_to_string(&mut said);
    said.lines().map(str::to_owned).collect()
}

fn ask(address: &str, method: &str, path: &str, body: &str) -> Value {
    let (status, answer) = http::request(method, address, path, body).expect("an answer");
    assert!((200..300).contains(&status), "{method} {path}: {answer}");
    serde_json::from_str(&answer).unwrap_or_default()
}

/// Bytes of a process by how they are counted: resident, its share of what is shared, and its own alone.
pub fn memory(pid: u64) -> [f64; 3] {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("a process");
    let kib = |field: &str| -> f64 {
        let line = rollup.lines().find_map(|line| line.strip_prefix(field)).expect("a field");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    let own = kib("Private_Clean:") + kib("Private_Dirty:");
    [kib("Rss:") * 1024.0, kib("Pss:") * 1024.0, own * 1024.0]
}

/// Processor time that all threads of a process have had, in seconds.
pub fn processor_time(pid: u64) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("a process").flatten();
    let nanos = tasks.filter_map(|task| {
        let stat = fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    nanos.sum::<u64>() as f64 / 1e9
}
