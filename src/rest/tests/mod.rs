//! A real node behind a real socket, called with bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::server::Settings;
use super::{Opened, serve_with};
use crate::encoding::Text;
use crate::net::{self, Failed, Handle};
use crate::node::{Config, Remembered};
use crate::params::Params;
use crate::store::Loaded;
use crate::types::NodeId;

mod api;
mod bodies;
mod credentials;
mod endpoints;
mod hostile;
mod page;
mod register;
mod relay;
mod replace;
mod serving;

/// What is waited for comes long before; what does not come fails a test instead of hanging it.
const SOON: Duration = Duration::from_secs(10);

/// A node that runs, and its HTTP.
struct Node {
    http: SocketAddr,
    listen: SocketAddr,
    id: NodeId,
    handle: Handle,
    running: JoinHandle<Result<(), Failed>>,
    serving: JoinHandle<()>,
}

/// Node number `n` of a network.
async fn node_with(n: u8, params: Params, settings: Settings) -> Node {
    opened_node(n, params, settings, None).await
}

/// The same, which asks for credentials if it is `opened`.
async fn opened_node(n: u8, params: Params, settings: Settings, opened: Option<Opened>) -> Node {
    let loaded = Loaded::empty(params.genesis_hash());
    node_from(n, params, settings, opened, loaded).await
}

/// The same, which begins with what was `loaded`; not that it had its bodies.
async fn node_from(
    n: u8,
    params: Params,
    settings: Settings,
    opened: Option<Opened>,
    loaded: Loaded,
) -> Node {
    node_that_knows(n, params, settings, opened, loaded, Remembered::default()).await
}

/// The same, which knows of others what an earlier run knew.
async fn node_that_knows(
    n: u8,
    params: Params,
    settings: Settings,
    opened: Option<Opened>,
    loaded: Loaded,
    remembered: Remembered,
) -> Node {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let listen = listener.local_addr().expect("an address");
    let id = NodeId([n; 16]);
    let params = Arc::new(params);
    let config = Config {
        node: id,
        listen,
        manager: None,
        peers: Vec::new(),
        outbound: 0,
        remembered,
        hashrate: 0,
        note: Text::default(),
    };
    let begun = net::Settings::ephemeral(config, params.clone(), [n; 32], listener);
    let (handle, running) = net::start(net::Settings { loaded, ..begun }).expect("a chain");
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let http = socket.local_addr().expect("an address");
    let serving = tokio::spawn(serve_with(settings, socket, handle.clone(), params, opened));
    Node { http, listen, id, handle, running: tokio::spawn(running), serving }
}

/// Node number `n` of the network where every second hash is a block.
async fn node(n: u8) -> Node {
    node_with(n, Params::regtest(), Settings::recommended()).await
}

/// An answer, taken apart.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of a header.
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn parse(bytes: &[u8]) -> Option<Answer> {
        let text = core::str::from_utf8(bytes).expect("answers are UTF-8");
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let mut answer = Answer { status, head: head.to_owned(), body: body.to_owned() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = unchunked(body)?;
        }
        Some(answer)
    }
}

/// The text in chunks; none if the last chunk is missing.
fn unchunked(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..length)?);
        body = rest.get(length + 2..)?;
    }
}

/// Everything that is answered to `bytes`, until the server closes.
async fn raw(http: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(http).await.expect("a connection");
    let (mut reading, mut writing) = socket.split();
    let mut answer = Vec::new();
    let both = async {
        // The server may answer, and close, before it has all.
        let (_, _) = tokio::join!(writing.write_all(bytes), reading.read_to_end(&mut answer));
    };
    timeout(SOON, both).await.unwrap_or_else(|_| panic!("no end of {:?}", String::from_utf8_lossy(bytes)));
    answer
}

fn request(method: &str, path: &str, more: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:5000\r\nConnection: close\r\n{more}{length}\r\n{body}"
    )
}

async fn call(http: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    let bytes = raw(http, request(method, path, "", body).as_bytes()).await;
    Answer::parse(&bytes).unwrap_or_else(|| panic!("{method} {path}: {:?}", String::from_utf8_lossy(&bytes)))
}

async fn get(http: SocketAddr, path: &str) -> Answer {
    call(http, "GET", path, "").await
}

async fn post(http: SocketAddr, path: &str, body: &Value) -> Answer {
    call(http, "POST", path, &body.to_string()).await
}

/// JSON in a JSON string: what the original's clients send.
fn twice(body: &Value) -> Value {
    body.to_string().into()
}
