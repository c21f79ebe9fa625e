//! A folder with a network in the background, and commands that are run in it.

#[path = "../shipped/process.rs"]
pub mod process;

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

pub const MANAGER: &str = env!("CARGO_BIN_EXE_networkmngr");

pub use process::{is_alive, until};

/// What a command came to.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub error: String,
}

impl Ended {
    /// Its stdout, if it went well.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.error);
        self.out
    }

    /// Its JSON, if it went well.
    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.good();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("no JSON ({error}): {text}"))
    }
}

/// A command in `folder`, in which all ports are free ones.
pub fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(MANAGER);
    command.current_dir(folder).args(words).stdin(Stdio::null());
    for port in ["PORT", "BASE_HTTP", "BASE_LISTEN"] {
        command.env(format!("NETWORKMNGR_{port}"), "0");
    }
    command.env_remove("NETWORKMNGR_MANAGER").env_remove("NO_COLOR");
    command
}

/// Runs a command to its end.
pub fn run(folder: &Path, words: &[&str]) -> Ended {
    ended(&mut command(folder, words))
}

/// Runs a command to its end, which has to come.
#[track_caller]
pub fn ended(command: &mut Command) -> Ended {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let (status, out, error) = process::finish(&mut child.expect("the program runs"));
    Ended { code: status.code(), out, error }
}

/// A network in the background. If a test fails, it goes all the same.
pub struct Network {
    pub folder: TempDir,
}

impl Network {
    /// Starts one whose blocks are easy.
    pub fn start(flags: &[&str]) -> Network {
        let network = Network { folder: tempfile::tempdir().expect("a folder") };
        network.run(&[&["up", "--detach", "--difficulty", "8"], flags].concat()).good();
        network
    }

    pub fn run(&self, words: &[&str]) -> Ended {
        run(self.folder.path(), words)
    }

    pub fn record(&self) -> Value {
        let text = std::fs::read_to_string(self.folder.path().join("network/network.json"));
        text.ok().and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// The manager's process, and those of its nodes.
    pub fn pids(&self) -> (Pid, Vec<Pid>) {
        let record = self.record();
        let nodes = record["nodes"].as_array().expect("nodes").iter();
        (pid(&record["manager"]), nodes.map(pid).collect())
    }
}

fn pid(of: &Value) -> Pid {
    let number = of["pid"].as_i64().expect("a process's number");
    Pid::from_raw(number as i32).expect("a process's number")
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(number) = self.record()["manager"]["pid"].as_i64() {
            let manager = Pid::from_raw(number as i32).expect("a number");
            let _ = kill_process(manager, Signal::KILL);
        }
    }
}

/// The words of a command line, as a shell reads them.
pub fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("a word").push(c),
        }
    }
    words
}
