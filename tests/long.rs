//! A long chain in shipped nodes: it comes in by a file, is served whole by HTTP with flat memory, and a
//! second node has it over the wire. `LONG_BLOCKS=1000000` is the long form; what it costs is printed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]
#![allow(clippy::disallowed_methods, reason = "figures of time, a deadline, and LONG_BLOCKS")]

mod shipped;

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use p2pnode::encoding::{self, List, Text};
use p2pnode::params::Params;
use p2pnode::store::chain_file::Writer;
use p2pnode::types::{Block, Coinbase, Header, NodeId, Transaction};
use rustix::process::Signal;
use serde_json::Value;

use shipped::{Node, command, resident};

/// Memory that may come and go while a chain is served, whatever its length.
const SERVING_BYTES: u64 = 32 << 20;

/// Memory that a block of history may cost, at most.
const HISTORY_BYTES: u64 = 800;

/// A chain file of `count` blocks with nothing but their coinbases; the last one's hash.
fn write_chain(count: u64, file: &Path) -> String {
    let params = Params::regtest();
    let output = BufWriter::new(File::create(file).expect("a file"));
    let mut writer = Writer::begin(output, params.rules()).expect("written");
    let mut parent = params.genesis().clone();
    for height in 1..=count {
        let coinbase = Coinbase { height, miner: NodeId::default(), extra_nonce: 0, note: Text::default() };
        let transactions = List::clipped([Transaction::Coinbase(coinbase)]);
        let header = Header {
            version: 1,
            previous: parent.hash(),
            merkle_root: p2pnode::types::merkle::root(&[transactions[0].id()]).0,
            time: parent.header.time,
            bits: params.rules().start,
            nonce: 0,
        };
        let target = header.bits.to_target().expect("a target");
        let nonces = (0..).map(|nonce| Header { nonce, ..header });
        let header = nonces.into_iter().find(|header| target.is_met_by(&header.hash())).expect("a nonce");
        parent = Block { header, transactions };
        writer.block(&encoding::encode(&parent)).expect("written");
    }
    writer.end().expect("written");
    parent.hash().to_string()
}

/// Reads `/chain` to its end: bytes, blocks, and the most memory that its node had meanwhile.
fn read_chain(node: &Node, pid: u64) -> (u64, u64, u64) {
    let mut socket = TcpStream::connect(&node.http).expect("a connection");
    let host = &node.http;
    let request = format!("GET /chain HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("sent");
    let mut answer = BufReader::new(socket);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert_ne!(answer.read_line(&mut line).expect("a head"), 0, "the head has its end");
    }
    let (mut bytes, mut blocks, mut most) = (0, 0, 0);
    let mark = b"\"previous_hash\":";
    let mut tail = Vec::new();
    loop {
        line.clear();
        answer.read_line(&mut line).expect("a chunk");
        let size = usize::from_str_radix(line.trim_end(), 16).expect("the list has its end");
        if size == 0 {
            return (bytes, blocks, most);
        }
        let kept = tail.len();
        tail.resize(kept + size + 2, 0);
        answer.read_exact(&mut tail[kept..]).expect("a whole chunk");
        tail.truncate(kept + size);
        bytes += size as u64;
        blocks += tail.windows(mark.len()).filter(|window| window == mark).count() as u64;
        tail.drain(..tail.len().saturating_sub(mark.len() - 1));
        most = most.max(resident(pid));
    }
}

/// The hash at the end of a node's chain.
fn tip(node: &Node) -> Value {
    node.ask("GET", "/node/id", "").1["tip"].clone()
}

/// Row 80 of docs/hostile.md.
#[test]
fn a_long_chain_is_imported_served_and_synced() {
    let count: u64 = std::env::var("LONG_BLOCKS").map_or(20_000, |n| n.parse().expect("a number"));
    let place = tempfile::tempdir().expect("a folder");
    let (file, first, second) =
        (place.path().join("chain.p2p"), place.path().join("first"), place.path().join("second"));
    let last = write_chain(count, &file);

    let begun = Instant::now();
    let mut import = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    let import = import.arg("import").args([&file, &first]).stderr(Stdio::null());
    assert!(import.status().expect("it runs").success());
    println!("{count} blocks imported in {:?}", begun.elapsed());

    let begun = Instant::now();
    let node = Node::start(command(&["--data-dir"]).arg(&first).stderr(Stdio::null()));
    let open = begun.elapsed();
    let (pid, before) = (node.pid(), resident(node.pid()));
    println!("ready after {open:?}, {} bytes of memory a block", before / count);
    assert_eq!(tip(&node), last.as_str());

    let begun = Instant::now();
    let (bytes, blocks, most) = read_chain(&node, pid);
    println!("GET /chain: {bytes} bytes in {:?}, memory from {before} to {most} at most", begun.elapsed());
    assert_eq!(blocks, count + 1, "genesis included");
    assert!(most < before + SERVING_BYTES, "memory grew from {before} to {most}");

    let late = Node::start(command(&["--data-dir"]).arg(&second).stderr(Stdio::null()));
    let (late_pid, idle) = (late.pid(), resident(late.pid()));
    let begun = Instant::now();
    late.meet(&node);
    let deadline = begun + Duration::from_secs(60) + Duration::from_millis(count);
    while tip(&late) != last.as_str() {
        assert!(Instant::now() < deadline, "the second node lags behind: its tip is {}", tip(&late));
        thread::sleep(Duration::from_millis(20));
    }
    let (took, has) = (begun.elapsed(), resident(late_pid));
    let rate = count as f64 / took.as_secs_f64();
    println!("synced in {took:?}: {rate:.0} blocks a second; memory from {idle} to {has}");
    assert!(has < idle + SERVING_BYTES + count * HISTORY_BYTES, "memory grew from {idle} to {has}");
    for node in [late, node] {
        node.signal(Signal::TERM);
        assert_eq!(node.end().code(), Some(0), "it stops in order");
    }
}
