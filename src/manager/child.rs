//! One node's process.
//!
//! It is started in a process group of its own, so that Ctrl-C at the terminal reaches the manager alone;
//! with a pipe on stdin whose end tells it that the manager is gone, however that went; and with a pipe on
//! stdout, on which it says in one line that it is ready, or why not.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child as Process, ChildStdin, Command};
use tokio::time::timeout;

use crate::failure::Failure;
use crate::limits::{CHILD_READY_TIMEOUT, LAST_LOG_LINES};
use crate::manager::Plan;
use crate::types::NodeId;

/// What a child says first.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum FirstLine {
    Ready { node: String, listen: SocketAddr, http: SocketAddr },
    Failed { error: String, hint: String },
}

/// A node that is up.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) process: Process,
    /// Held open: its end is the manager's.
    pub(super) lifeline: Option<ChildStdin>,
    pub(super) node: NodeId,
    pub(super) listen: SocketAddr,
    pub(super) http: SocketAddr,
    pub(super) log: Log,
}

/// A node's log file, to which earlier runs may have written.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// Its length when this run began.
    began: u64,
}

/// The ports of node `index`: HTTP and P2P.
fn ports(plan: &Plan, index: usize) -> (u16, u16) {
    // The plan was checked: its last port exists.
    let port = |base: u16| if base == 0 { 0 } else { base.saturating_add(index as u16) };
    (port(plan.base_http), port(plan.base_listen))
}

/// Starts node `index`, and waits until it is ready.
pub(super) async fn start(plan: &Plan, index: usize, key: &str) -> Result<Child, Failure> {
    let (http, listen) = ports(plan, index);
    let log = plan.data_dir.join("logs").join(format!("node-{index:03}.log"));
    let errors = OpenOptions::new().create(true).append(true).open(&log).map_err(|error| {
        Failure::new(
            format!("the log file {} cannot be written: {error}", log.display()),
            "choose another place with --data-dir",
        )
    })?;
    let log = Log { began: errors.metadata().map_or(0, |file| file.len()), path: log };
    let (program, first) = &plan.program;
    let mut command = Command::new(program);
    command
        .arg0("p2pnode")
        .args(first)
        .arg("--lifeline")
        .args(["--listen", &format!("127.0.0.1:{listen}"), "--http", &http.to_string()])
        .args(["--manager-key", key])
        .arg("--log")
        .arg(&log.path)
        .args(&plan.flags);
    if plan.hashrate > 0 {
        let share = plan.hashrate.div_ceil(plan.amount as u64);
        command.args(["--mine", "--hashrate", &share.to_string()]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).process_group(0).kill_on_drop(true);
    let mut process = command.spawn().map_err(|error| {
        Failure::new(
            format!("node {index} could not be started: {}: {error}", program.display()),
            "check --node-program, and the limits on processes and open files (ulimit -u, ulimit -n)",
        )
    })?;
    let lifeline = process.stdin.take();
    let mut line = String::new();
    if let Some(stdout) = process.stdout.take() {
        let mut stdout = BufReader::new(stdout);
        if timeout(CHILD_READY_TIMEOUT, stdout.read_line(&mut line)).await.is_err() {
            return Err(Failure::new(
                format!("node {index} was not ready within {} s", CHILD_READY_TIMEOUT.as_secs()),
                format!("see {}", log.path.display()),
            ));
        }
    }
    match serde_json::from_str(&line) {
        Ok(FirstLine::Ready { node, listen, http }) => {
            let node = node.parse().map_err(|error| {
                Failure::new(format!("node {index} has no good id: {error}"), "check --node-program")
            })?;
            Ok(Child { process, lifeline, node, listen, http, log })
        }
        Ok(FirstLine::Failed { error, hint }) => {
            // Its own flags are not the ones that the user gave to us.
            let hint = hint.replace("--listen", "--base-listen").replace("--http", "--base-http");
            let error = error.replace("--listen ", "").replace("--http ", "");
            Err(Failure::new(format!("node {index} did not start: {error}"), hint))
        }
        Err(_) => {
            let ended = timeout(CHILD_READY_TIMEOUT, process.wait()).await;
            let how = ended.ok().and_then(Result::ok).map_or("is silent".to_owned(), how_it_ended);
            Err(Failure::new(
                format!("node {index} {how} before it was ready{}", log.last_lines()),
                format!("see {}", log.path.display()),
            ))
        }
    }
}

/// How a process ended, for people.
pub(super) fn how_it_ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

impl Log {
    /// The last lines of this run, set under the sentence that they explain.
    pub(super) fn last_lines(&self) -> String {
        let text = std::fs::read(&self.path).unwrap_or_default();
        let began = usize::try_from(self.began).unwrap_or(usize::MAX).min(text.len());
        let text = String::from_utf8_lossy(&text[began..]);
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(LAST_LOG_LINES);
        lines[from..].iter().map(|line| format!("\n  | {line}")).collect()
    }
}
