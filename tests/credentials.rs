//! The shipped node with `--http-auth cookie`: a file, a command that works, and nothing left behind.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

#[path = "shipped/process.rs"]
mod process;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use process::{DEADLINE, Pipe, finish};

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    command.args(["--network", "regtest", "--listen", "127.0.0.1:0"]).args(flags);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A node that ends with its test.
struct Node {
    process: Child,
    http: String,
    /// What it said on stdout when it was ready.
    said: String,
}

impl Node {
    fn start(folder: &Path) -> Node {
        let folder = folder.to_str().expect("text");
        let flags = ["--http", "0.0.0.0:0", "--http-auth", "cookie", "--data-dir", folder];
        let mut process = command(&flags).spawn().expect("the node runs");
        let mut out = Pipe::new(process.stdout.take().expect("a pipe"));
        let said = out.until("Ctrl-C", |line| line.contains("Ctrl-C"));
        let line = said.lines().find_map(|line| line.strip_prefix("HTTP     http://"));
        let http = line.expect("where HTTP is").replace("0.0.0.0", "127.0.0.1");
        Node { process, http, said }
    }

    /// The status of a request, and all that was answered.
    fn get(&self, path: &str, more: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(&self.http).expect("somebody listens");
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let host = &self.http;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
        socket.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, answer)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Only where a test failed is it still there.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Row 68 of docs/hostile.md.
#[test]
fn the_cookie_opens_what_is_closed_and_is_another_after_each_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cookie");
    let mut cookies: Vec<String> = Vec::new();
    for length in [1, 2] {
        let mut node = Node::start(folder.path());
        let cookie = std::fs::read_to_string(&file).expect("the cookie is there");
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "its owner's alone");
        assert_eq!((cookie.len(), cookie.starts_with("__cookie__:")), (75, true), "{cookie}");
        let user = format!("curl -u \"$(cat {})\" ", file.display());
        assert!(node.said.contains(&user), "{}", node.said);

        let (status, chain) = node.get("/chain", "");
        assert!(status == 200 && chain.contains(&format!("\"length\": {length}}}")), "{chain}");
        let (status, refused) = node.get("/mine", "");
        assert_eq!(status, 401, "{refused}");
        let http = &node.http;
        let hint = format!("{user}http://{http}/mine").replace('"', "\\\"");
        assert!(refused.contains(&hint), "{hint} in {refused}");
        let with = |cookie: &str| format!("Authorization: Basic {}\r\n", STANDARD.encode(cookie));
        for old in &cookies {
            assert_eq!(node.get("/mine", &with(old)).0, 401, "an earlier start's cookie");
        }
        assert_eq!(node.get("/mine", &with(&cookie)).0, 200);
        assert_eq!(node.get("/shutdown", "").0, 401);
        assert_eq!(node.get("/shutdown", &with(&cookie)).0, 200);
        assert_eq!(finish(&mut node.process).0.code(), Some(0));
        assert!(!file.exists(), "nothing is left");
        cookies.push(cookie);
    }
}

/// (flags, what is said)
#[test]
fn other_machines_need_credentials() {
    let rows: [(&[&str], [&str; 2]); 2] = [
        (&["--http", "0.0.0.0:0"], ["error: --http 0.0.0.0:0 lets other machines", "--http-auth cookie"]),
        (&["--http-allow-host", "a:1"], ["error: invalid value 'a:1'", "hint: "]),
    ];
    for (flags, said) in rows {
        let ended = command(&[&["--ephemeral"], flags].concat()).output().expect("it runs");
        let error = String::from_utf8(ended.stderr).expect("text");
        assert_eq!(ended.status.code(), Some(2), "{flags:?}: {error}");
        assert!(said.iter().all(|said| error.contains(said)), "{flags:?}: {error}");
    }
}
