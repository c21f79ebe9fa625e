//! One shipped node, for tests that have a whole program before them: it is started, asked, and ended.
//!
//! Ports are 0, and the ready line says where it is. Its stdin is its lifeline: a test that dies, however it
//! dies, leaves no node behind.

mod http;
pub mod process;

use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

#[allow(unused_imports, reason = "not every test asks by itself, or waits")]
pub use http::request;
#[allow(unused_imports, reason = "not every test asks by itself, or waits")]
pub use process::DEADLINE;
use process::{Pipe, finish};

/// A node that was started.
pub struct Node {
    child: Child,
    /// None if its stdout is no pipe of ours.
    out: Option<Pipe<ChildStdout>>,
    /// Held apart from the child: waiting for a child closes its stdin, which would stop it by itself.
    _lifeline: ChildStdin,
    /// Its id, and where its HTTP and its P2P are: empty until it is ready.
    pub id: String,
    pub http: String,
    pub listen: String,
}

/// A node of the network where every second hash is a block.
pub fn command(flags: &[&str]) -> Command {
    command_on("regtest", flags)
}

/// A node of the network of that name.
pub fn command_on(network: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    command.args(["--network", network, "--listen", "127.0.0.1:0", "--http", "0", "--lifeline"]).args(flags);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

impl Node {
    /// Starts one, and does not wait for it.
    pub fn spawn(command: &mut Command) -> Node {
        let mut child = command.spawn().expect("the node runs");
        let out = child.stdout.take().map(Pipe::new);
        let _lifeline = child.stdin.take().expect("a pipe");
        let (id, http, listen) = Default::default();
        Node { child, out, _lifeline, id, http, listen }
    }

    /// Starts one and waits until it is ready.
    pub fn start(command: &mut Command) -> Node {
        let mut node = Node::spawn(command);
        node.wait_until_ready();
        node
    }

    /// Reads its ready line.
    pub fn wait_until_ready(&mut self) {
        let line = self.out.as_mut().expect("a pipe").line();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no ready line: {line:?}"));
        let text = |name: &str| {
            ready[name].as_str().unwrap_or_else(|| panic!("not ready, no {name}: {line}")).to_owned()
        };
        (self.id, self.http, self.listen) = (text("node"), text("http"), text("listen"));
    }

    /// Its process's number.
    #[allow(dead_code, reason = "not every test looks at the process")]
    pub fn pid(&self) -> u64 {
        u64::from(self.child.id())
    }

    #[allow(dead_code, reason = "not every test signals")]
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process's number");
        kill_process(pid, signal).expect("the node is there");
    }

    /// Waits for its end.
    #[allow(dead_code, reason = "a bench does not wait for it")]
    pub fn end(mut self) -> ExitStatus {
        finish(&mut self.child).0
    }

    /// Status and JSON of a request to a node that answers.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, text) = request(method, &self.http, path, body).expect("an answer");
        (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {path}: no JSON: {text}")))
    }

    /// Introduces another node to this one.
    #[allow(dead_code, reason = "not every test has two nodes")]
    pub fn meet(&self, other: &Node) {
        let body = format!(r#"{{"nodes": ["{}"], "addresses": ["{}"]}}"#, other.id, other.listen);
        let (status, said) = self.ask("POST", "/nodes/register", &body);
        assert_eq!(status, 201, "{said}");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended already, unless the test failed or has no more use for it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes that a process has in memory.
#[allow(dead_code, reason = "not every test looks at memory")]
pub fn resident(pid: u64) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
