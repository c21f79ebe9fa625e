//! Connections: slow ones, idle ones, too many of them, and the end (rows 72 and 79).

use std::io;

use bytes::Bytes;
use hyper::Response;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::*;
use crate::rest::body::{Body, stream};
use crate::rest::gates::Gates;
use crate::rest::server;

/// Limits that a test can wait for.
const QUICK: Settings =
    Settings { connections: 3, timeout: Duration::from_millis(300), grace: Duration::from_millis(500) };

/// A server whose answers `answer` makes of a path; it stops when the sender goes.
async fn serving<F>(
    settings: Settings,
    answer: impl Fn(String) -> F + Send + Sync + 'static,
) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>)
where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let bound = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel();
    let answer = move |request: hyper::Request<_>| answer(request.uri().path().to_owned());
    let stopped = async move {
        let _ = stopped.await;
    };
    let task = tokio::spawn(server::serve_with(settings, listener, Gates { bound }, answer, stopped));
    (bound, stop, task)
}

fn ok(text: &str) -> Response<Body> {
    Response::new(text.as_bytes().to_vec().into())
}

/// Sends `bytes` and waits until the server closes.
async fn held(http: SocketAddr, bytes: &[u8]) -> (String, Duration) {
    let begin = Instant::now();
    let answer = raw(http, bytes).await;
    (String::from_utf8_lossy(&answer).into_owned(), begin.elapsed())
}

#[tokio::test]
async fn who_is_slow_is_closed() {
    let node = node_with(1, Params::regtest(), QUICK).await;
    let idle_after_one = "GET /node/id HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let half_a_body = request("POST", "/transactions", "Content-Length: 22\r\n", "") + "{\"content\":";
    let half_a_chunk = request("POST", "/mine", "Transfer-Encoding: chunked\r\n", "") + "10\r\n{";
    let half_a_chain = request("POST", "/chain/replace", "Content-Length: 1000000\r\n", "") + "[";
    let rows = [
        ("", ""),
        ("GET /node/id HT", ""),
        ("GET /node/id HTTP/1.1\r\nHost: 127.0.0.1\r\n", ""),
        (idle_after_one, "HTTP/1.1 200"),
        (&half_a_body, "HTTP/1.1 408"),
        (&half_a_chunk, "HTTP/1.1 408"),
        (&half_a_chain, "HTTP/1.1 408"),
    ];
    for (bytes, answer) in rows {
        let (text, time) = held(node.http, bytes.as_bytes()).await;
        assert_eq!(text.split_at_checked(12).map_or("", |(status, _)| status), answer, "{bytes:?}: {text}");
        assert!(time >= QUICK.timeout, "{bytes:?}: {time:?}");
    }
}

#[tokio::test]
async fn a_reader_who_takes_nothing_is_closed() {
    let (told, mut telling) = mpsc::channel(1);
    let (http, _stop, _) = serving(QUICK, move |_| {
        let (pieces, body) = mpsc::channel::<io::Result<Bytes>>(1);
        let told = told.clone();
        tokio::spawn(async move {
            while pieces.send(Ok(vec![b' '; 1 << 20].into())).await.is_ok() {}
            let _ = told.send(()).await;
        });
        async move { stream(body) }
    })
    .await;
    let mut socket = TcpStream::connect(http).await.expect("a connection");
    socket.write_all(request("GET", "/", "", "").as_bytes()).await.expect("sent");
    timeout(SOON, telling.recv()).await.expect("given up").expect("told");
}

#[tokio::test]
async fn a_stream_that_fails_is_not_taken_for_a_whole_one() {
    let (http, _stop, _) = serving(QUICK, |_| async {
        let (pieces, body) = mpsc::channel(2);
        let _ = pieces.send(Ok(Bytes::from_static(b"[1"))).await;
        let _ = pieces.send(Err(io::Error::other("lost"))).await;
        stream(body)
    })
    .await;
    let answer = raw(http, request("GET", "/", "", "").as_bytes()).await;
    assert!(Answer::parse(&answer).is_none(), "cut off: {:?}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_panic_is_a_500_and_hurts_nobody_else() {
    let (http, _stop, _) = serving(QUICK, |path| async move {
        assert_ne!(path, "/panic", "on purpose");
        ok("fine")
    })
    .await;
    let bytes = "GET /panic HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_owned() + &request("GET", "/", "", "");
    let text = String::from_utf8(raw(http, bytes.as_bytes()).await).expect("text");
    assert!(
        text.contains("HTTP/1.1 500") && text.contains("\"status\":500") && text.ends_with("fine"),
        "{text}"
    );
}

#[tokio::test]
async fn the_longest_idle_makes_room_and_the_busy_do_not() {
    let (begun, mut beginning) = mpsc::channel(3);
    let (http, _stop, _) = serving(Settings { timeout: SOON, ..QUICK }, move |path| {
        let begun = begun.clone();
        async move {
            if path == "/wait" {
                let _ = begun.send(()).await;
                core::future::pending::<()>().await;
            }
            ok("fine")
        }
    })
    .await;
    let mut idle = TcpStream::connect(http).await.expect("a connection");
    idle.write_all(b"GET / HT").await.expect("sent");
    let mut busy = Vec::new();
    let mut wait = async || {
        let mut socket = TcpStream::connect(http).await.expect("a connection");
        socket.write_all(request("GET", "/wait", "", "").as_bytes()).await.expect("sent");
        timeout(SOON, beginning.recv()).await.expect("in time").expect("begun");
        busy.push(socket);
    };
    wait().await;
    wait().await;
    assert_eq!(get(http, "/").await.status, 200, "in the place of the idle one");
    let gone = timeout(SOON, idle.read(&mut [0; 1])).await.expect("in time");
    assert!(matches!(gone, Ok(0) | Err(_)), "{gone:?}");
    wait().await;
    // However fast they ask: closing with that unread would reset the connection.
    let asked = request("POST", "/", "", &"x".repeat(100_000));
    let client = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut socket = std::net::TcpStream::connect(http).expect("a connection");
        socket.set_read_timeout(Some(SOON)).expect("a deadline");
        socket.write_all(asked.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).expect("no reset");
        answer
    });
    let full = Answer::parse(&client.await.expect("no panic")).expect("an answer");
    assert_eq!(
        (full.status, full.header("retry-after"), &full.json()["status"]),
        (503, Some("1"), &503.into())
    );
}

#[tokio::test]
async fn a_thousand_idle_connections_leave_room() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("raised as far as it goes");
    let node = node(1).await;
    let mut idle = Vec::new();
    for at in 0..1000 {
        let mut socket = TcpStream::connect(node.http).await.expect("a connection");
        if at % 2 == 0 {
            let _ = socket.write_all(b"GET /node/id HTTP/1.1\r\n").await;
        }
        idle.push(socket);
        if at % 100 == 99 {
            assert_eq!(get(node.http, "/node/id").await.status, 200, "with {at} idle");
        }
    }
}

#[tokio::test]
async fn mining_calls_queue_are_cancelled_and_time_out() {
    // Nobody finds a block of 64 zero bits.
    let node = node_with(1, Params::lab(64, None).expect("rules"), Settings::recommended()).await;
    assert_eq!(get(node.http, "/mine?timeout=50ms").await.status, 504);
    let handle = node.handle.clone();
    let waiting = |expected: usize| {
        let handle = handle.clone();
        async move {
            let there = async {
                while handle.view(|view| view.mining().waiting).await != Ok(expected) {
                    tokio::task::yield_now().await;
                }
            };
            timeout(SOON, there).await.unwrap_or_else(|_| panic!("never {expected}"));
        }
    };
    waiting(0).await;
    let mut calls = Vec::new();
    for n in 1..=crate::limits::MAX_MINING_QUEUE {
        let mut socket = TcpStream::connect(node.http).await.expect("a connection");
        socket.write_all(request("GET", "/mine", "", "").as_bytes()).await.expect("sent");
        calls.push(socket);
        waiting(n).await;
    }
    // A hundred at once, with those that wait: every one more is told to come again.
    let more: Vec<_> = (calls.len()..100).map(|_| tokio::spawn(get(node.http, "/mine"))).collect();
    for full in more {
        let full = full.await.expect("no panic");
        assert_eq!((full.status, full.header("retry-after").is_some()), (503, true));
    }
    let mut last = calls.pop().expect("a call");
    drop(calls);
    waiting(1).await;
    let answer = get(node.http, "/shutdown").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "\"Server shutting down...\"\n"));
    let mut text = Vec::new();
    timeout(SOON, last.read_to_end(&mut text)).await.expect("in time").expect("an answer");
    assert_eq!(Answer::parse(&text).map(|answer| answer.status), Some(503), "told, not cut off");
    timeout(SOON, node.running).await.expect("stops").expect("no panic").expect("in order");
    timeout(SOON, node.serving).await.expect("stops").expect("no panic");
    assert!(TcpStream::connect(node.http).await.is_err(), "nobody listens any more");
}

/// `printf … | nc -N`: the sender has said all that it wanted, and reads.
#[tokio::test]
async fn who_sends_nothing_more_is_answered() {
    let node = node(1).await;
    for (asked, begin) in [
        ("GET /node/id HTTP/1.0\r\n\r\n".to_owned(), "HTTP/1.0 200 "),
        (request("GET", "/node/id", "", ""), "HTTP/1.1 200 "),
        (request("POST", "/mine", "", "{}"), "HTTP/1.1 200 "),
    ] {
        let mut socket = TcpStream::connect(node.http).await.expect("a connection");
        socket.write_all(asked.as_bytes()).await.expect("sent");
        socket.shutdown().await.expect("half closed");
        let mut answer = String::new();
        timeout(SOON, socket.read_to_string(&mut answer)).await.expect("in time").expect("an answer");
        assert!(answer.starts_with(begin), "{asked:?}: {answer:?}");
    }
}

/// The time of a call may be over when its block is found and not stored yet: that block counts.
#[tokio::test]
async fn a_call_whose_time_is_over_does_not_deny_a_block_that_was_found() {
    let node = node(1).await;
    let mut told = 0;
    for _ in 0..100 {
        told += u64::from(get(node.http, "/mine?timeout=0").await.status == 200);
        let answer = call(node.http, "POST", "/api/v1/mine?timeout=0", r#"{"count": 5}"#).await;
        told += answer.json()["blocks"].as_array().expect("blocks").len() as u64;
        assert_eq!(node.handle.view(|view| view.tip().height).await, Ok(told), "{answer:?}");
    }
}

#[tokio::test]
async fn answers_under_way_are_finished_within_the_grace() {
    for (path, whole) in [("/soon", true), ("/never", false)] {
        let (begun, mut beginning) = mpsc::channel(1);
        let (http, stop, task) = serving(QUICK, move |path| {
            let begun = begun.clone();
            async move {
                let _ = begun.send(()).await;
                let time = if path == "/soon" { QUICK.grace / 5 } else { SOON };
                tokio::time::sleep(time).await;
                ok("whole")
            }
        })
        .await;
        let asked = tokio::spawn(async move { raw(http, request("GET", path, "", "").as_bytes()).await });
        // One that never says anything does not hold the end up.
        let _silent = TcpStream::connect(http).await.expect("a connection");
        beginning.recv().await.expect("begun");
        drop(stop);
        timeout(SOON, task).await.expect("stops").expect("no panic");
        let text = String::from_utf8(asked.await.expect("asked")).expect("text");
        assert_eq!(text.ends_with("whole"), whole, "{path}: {text:?}");
    }
}
