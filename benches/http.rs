//! A node's HTTP: short answers beside a bare server of the same library, and a long chain beside what reading,
//! verifying and writing it takes alone.

#![allow(clippy::expect_used, clippy::panic, reason = "a bench whose world is not as it must be ends")]
#![allow(clippy::disallowed_methods, reason = "a bare server has a thread, and a reader takes its time")]

mod harness;
#[allow(dead_code, reason = "a bench uses a part of it")]
#[path = "../tests/shipped/mod.rs"]
mod shipped;

use core::convert::Infallible;
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use harness::blocks::{Line, write_chain};
use harness::machine::most_resident;
use harness::{Bench, Case, Figure, Unit, rate, time};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, server::conn::http1};
use hyper_util::rt::TokioIo;
use p2pnode::encoding;
use p2pnode::params::Params;
use p2pnode::rest::block_text;
use p2pnode::store;
use p2pnode::types::{Block, BlockHash, NodeId};
use shipped::{Node, command};

const REQUESTS: Unit = Unit::PerSecond("requests");
const BLOCKS: Unit = Unit::PerSecond("blocks");

/// Connections that are kept open, half of which have a request under way.
const CONNECTIONS: usize = 64;

fn main() -> ExitCode {
    harness::main("http", |bench| {
        let blocks = bench.pick(100_000, 10_000);
        bench.config("data directory", "in the temporary folder");
        bench.config("topology", "one node; its callers in this process, on the same machine");
        bench.config("block size", "a coinbase alone");
        bench.config("mining", "none");
        bench.config(
            "callers",
            format!("{CONNECTIONS} connections that are kept open, a request under way on half of them"),
        );
        let folder = tempfile::tempdir().expect("a folder");
        import(folder.path(), blocks);
        let node = Node::start(command(&["--data-dir"]).arg(folder.path()).stderr(Stdio::null()));
        short(bench, &node);
        let chain = long(bench, &node, blocks);
        node.signal(rustix::process::Signal::TERM);
        node.end();
        if let Some(chain) = chain {
            alone(bench, folder.path(), blocks, chain);
        }
    })
}

/// Fills a node's folder.
fn import(folder: &Path, blocks: usize) {
    let params = Params::regtest();
    let file = tempfile::NamedTempFile::new().expect("a file");
    write_chain(&params, Line::new(&params).take(blocks - 1), file.path());
    let imported = Command::new(env!("CARGO_BIN_EXE_p2pnode"))
        .arg("import")
        .args([file.path(), folder])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(imported.expect("it runs").success(), "the chain was not imported");
}

/// `/node/id` beside a server that answers as many bytes to anything.
fn short(bench: &mut Bench, node: &Node) {
    let turn = bench.turn() * 5;
    let length = Callers::of(&node.http, "/node/id").body;
    let bare = bare(length);
    let mut bare = Callers::of(&bare, "/node/id");
    let mut ours = Callers::of(&node.http, "/node/id");
    bench.group(vec![
        Case::new(Figure::new("hyper::serve/path=any", REQUESTS), || bare.rate(turn)),
        Case::new(
            Figure::new("rest::node_id/path=/node/id", REQUESTS)
                .beside("hyper::serve/path=any")
                .target_share(0.8),
            || ours.rate(turn),
        ),
    ]);
}

/// A bare server on a thread of its own: where it is.
fn bare(length: usize) -> String {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            tell.send(listener.local_addr().expect("an address").to_string()).expect("somebody listens");
            let body = Bytes::from(vec![b'x'; length]);
            loop {
                let (socket, _) = listener.accept().await.expect("a caller");
                let _ = socket.set_nodelay(true);
                let body = body.clone();
                let answer = service_fn(move |_: Request<hyper::body::Incoming>| {
                    let answer = Response::new(Full::new(body.clone()));
                    async { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
            }
        });
    });
    told.recv().expect("an address")
}

/// Connections that ask for the same, over and over.
struct Callers {
    halves: [Vec<TcpStream>; 2],
    request: String,
    /// Bytes of an answer, and of its body.
    answer: usize,
    body: usize,
}

impl Callers {
    fn of(address: &str, path: &str) -> Callers {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        let mut socket = TcpStream::connect(address).expect("somebody listens");
        socket.write_all(request.as_bytes()).expect("a request");
        let mut first = [0; 64 * 1024];
        let mut answer = 0;
        let (head, body) = loop {
            answer += socket.read(&mut first[answer..]).expect("an answer");
            let text = core::str::from_utf8(&first[..answer]).expect("text");
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|length| length.parse().ok()).expect("a length");
            if body.len() == length {
                break (head.len() + 4, length);
            }
        };
        let connect = |_| {
            let socket = TcpStream::connect(address).expect("somebody listens");
            socket.set_nodelay(true).expect("an option");
            socket
        };
        let half = || (0..CONNECTIONS / 2).map(connect).collect();
        Callers { halves: [half(), half()], request, answer: head + body, body }
    }

    /// How many requests a second are answered. The answers to one half of the connections are read while the
    /// requests of the other are under way, the last one first: the server is never without a request, and
    /// wakes its caller once for many.
    fn rate(&mut self, turn: Duration) -> f64 {
        let [one, other] = &mut self.halves;
        let (mut asked, mut answered) = (one, other);
        ask(asked, &self.request);
        let rate = rate(turn, || {
            core::mem::swap(&mut asked, &mut answered);
            ask(asked, &self.request);
            read(answered, self.answer);
            answered.len() as u64
        });
        read(asked, self.answer);
        rate
    }

    /// How long one request takes that is alone.
    fn time(&mut self) -> f64 {
        let one = &mut self.halves[0][..1];
        let begun = Instant::now();
        ask(one, &self.request);
        read(one, self.answer);
        begun.elapsed().as_secs_f64()
    }
}

fn ask(sockets: &mut [TcpStream], request: &str) {
    for socket in sockets {
        socket.write_all(request.as_bytes()).expect("a request");
    }
}

fn read(sockets: &mut [TcpStream], bytes: usize) {
    let mut answer = [0; 64 * 1024];
    for socket in sockets.iter_mut().rev() {
        socket.read_exact(&mut answer[..bytes]).expect("an answer");
    }
}

/// The whole chain, and what it takes of the node's memory; with nobody else there, and with readers that do not
/// read. Its rates, if it was wanted.
fn long(bench: &mut Bench, node: &Node, blocks: usize) -> Option<Figure> {
    let name = format!("rest::chain/blocks={blocks}");
    if !bench.wants(&name) && !bench.wants("rest::beside_slow_readers") {
        return None;
    }
    let pid = node.pid().to_string();
    // What a short answer takes as well is no growth.
    read_chain(&node.http, "/chain?limit=1000");
    let before = most_resident(&pid).expect("a process") as f64;
    let rates = (0..bench.rounds())
        .map(|_| blocks as f64 / time(|| read_chain(&node.http, "/chain")).0)
        .collect::<Vec<_>>();
    let grown = most_resident(&pid).expect("a process") as f64 - before;
    bench.record(
        Figure::new(format!("rest::chain_memory/blocks={blocks}"), Unit::Bytes)
            .of([grown.max(0.0)])
            .target(4.0 * 1024.0 * 1024.0),
    );
    // Readers that ask for all and take nothing: others are answered as fast as without them.
    let slow: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut socket = TcpStream::connect(&node.http).expect("somebody listens");
            let request = format!("GET /chain HTTP/1.1\r\nHost: {}\r\n\r\n", node.http);
            socket.write_all(request.as_bytes()).expect("a request");
            socket
        })
        .collect();
    std::thread::sleep(Duration::from_millis(500));
    let mut caller = Callers::of(&node.http, "/node/id");
    let times = (0..bench.pick(1000, 100)).map(|_| caller.time());
    bench.record(
        Figure::new("rest::beside_slow_readers/readers=8,path=/node/id", Unit::Seconds)
            .of(times)
            .target(0.001),
    );
    drop(slow);
    Some(
        Figure::new(name, BLOCKS)
            .of(rates)
            .beside(format!("store::read+json/blocks={blocks}"))
            .target_share(0.8),
    )
}

fn read_chain(address: &str, path: &str) -> u64 {
    let mut socket = TcpStream::connect(address).expect("somebody listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("a request");
    std::io::copy(&mut socket, &mut std::io::sink()).expect("an answer")
}

/// What [`long`] cannot do without: each block read, held against its hash and written as JSON.
fn alone(bench: &mut Bench, folder: &Path, blocks: usize, chain: Figure) {
    let opened = store::open(folder, &Params::regtest(), NodeId::default()).expect("a folder");
    let hashes: Vec<BlockHash> = opened.loaded.headers.iter().map(|header| header.hash()).collect();
    let all = || {
        for (hash, height) in hashes.iter().zip(0..) {
            let block = opened.store.read(hash).expect("no damage").expect("a block");
            let block: Block = encoding::decode(&block).expect("a block");
            black_box(block_text(&block, height).expect("JSON"));
        }
    };
    let rates = (0..bench.rounds()).map(|_| blocks as f64 / time(all).0).collect::<Vec<_>>();
    bench.record(Figure::new(format!("store::read+json/blocks={blocks}"), BLOCKS).of(rates));
    bench.record(chain);
}
