//! A shipped node and a crowd of callers that say nothing.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]
#![allow(clippy::disallowed_methods, reason = "how long a greeting takes is the question")]

mod shipped;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use p2pnode::params::Params;
use p2pnode::peer::Identity;
use p2pnode::time::UnixTime;
use p2pnode::types::{NodeId, Work};
use p2pnode::wire::frame;
use p2pnode::wire::message::{Kind, Message, Role};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use shipped::{DEADLINE, Node, command, resident};

/// How long an honest peer may take to be greeted.
const GREETED: Duration = Duration::from_secs(5);

/// What the sockets that a node holds may cost, in bytes: 64 KiB each, and it holds less than 1,000.
const CROWD_BYTES: u64 = 64 << 20;

/// How many sockets this process may hold, once it has asked for as many as there may be.
fn sockets() -> usize {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |most| most as usize)
}

/// Calls until it is greeted: in a crowd, who was let in may have to make room before it has spoken. How
/// long it took in all.
fn greeted(address: &str, n: u32) -> Duration {
    let begin = Instant::now();
    while !says_hello(address, n) {
        assert!(begin.elapsed() < DEADLINE, "never greeted");
    }
    begin.elapsed()
}

/// Calls and says hello; whether it is answered.
fn says_hello(address: &str, n: u32) -> bool {
    let mut node = NodeId([0xee; 16]);
    node.0[..4].copy_from_slice(&n.to_le_bytes());
    let identity = Identity { network: Params::regtest().network(), node, role: Role::Node, listen_port: 0 };
    let hello = frame::encode(&Message::Hello(identity.hello([1; 32], (Work::ZERO, 0), UnixTime::default())));
    let mut socket = TcpStream::connect(address).expect("it listens");
    socket.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    let mut answer = [0; 5];
    let answered = socket.write_all(&hello).and_then(|()| socket.read_exact(&mut answer)).is_ok();
    answered && answer[4] == Kind::Hello as u8
}

/// `count` that call, and say nothing or a length.
fn crowd(address: &str, count: usize) -> Vec<TcpStream> {
    let call = |n| {
        let mut socket = TcpStream::connect(address).expect("it listens");
        if n % 2 == 0 {
            // Closed already, perhaps: nobody waits for the length.
            let _ = socket.write_all(&[0, 0, 2, 0]);
        }
        socket
    };
    (0..count).map(call).collect()
}

/// Rows 2 and 23 of docs/hostile.md: ten thousand call and say nothing, or a length and nothing else. An
/// honest peer is greeted soon, at any time meanwhile, and the node does not grow. The figures are printed.
#[test]
#[cfg(target_os = "linux")]
fn ten_thousand_silent_callers_keep_nobody_out() {
    // Each waits now and then, because the system has no room for more of them.
    const CROWDS: usize = 40;
    let count = 10_000.min(sockets().saturating_sub(200)) / CROWDS * CROWDS;
    let node = Node::start(command(&["--ephemeral"]).stderr(Stdio::null()));
    let mut slowest = greeted(&node.listen, 0);
    let before = resident(node.pid());
    let mut greetings = 1;
    let callers: usize = thread::scope(|scope| {
        let listen = &node.listen;
        let crowds: Vec<_> = (0..CROWDS).map(|_| scope.spawn(|| crowd(listen, count / CROWDS))).collect();
        while !crowds.iter().all(|crowd| crowd.is_finished()) {
            slowest = slowest.max(greeted(listen, greetings));
            greetings += 1;
        }
        let crowds: Vec<_> = crowds.into_iter().map(|crowd| crowd.join().expect("they called")).collect();
        slowest = slowest.max(greeted(listen, greetings));
        crowds.iter().map(Vec::len).sum()
    });
    assert_eq!(callers, count);
    let grown = resident(node.pid()).saturating_sub(before);
    println!(
        "{callers} silent callers: the slowest of {greetings} greetings took {slowest:?}, of {GREETED:?}; the \
         node grew by {} KiB",
        grown >> 10
    );
    assert!(slowest < GREETED, "{slowest:?}");
    assert!(grown < CROWD_BYTES, "{grown} bytes");
    assert_eq!(node.ask("GET", "/shutdown", "").0, 200);
    assert!(node.end().success());
}
