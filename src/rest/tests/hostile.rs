//! What must not break the server (rows 69 to 76, and 81, of the hostile inputs), byte by byte.

use serde_json::json;

use std::sync::Mutex;

use super::*;
use crate::limits::{CALLER_LINE_EVERY, CALLER_LINES};
use crate::rest::cookie::Cookie;

const FIREFOX: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// (row, request, the only statuses that may be answered)
fn rows() -> Vec<(u8, String, &'static [u16])> {
    let local = "Host: 127.0.0.1:5000";
    let end = "Connection: close\r\n\r\n";
    let get = |path: &str, headers: &str| format!("GET {path} HTTP/1.1\r\n{headers}\r\n{end}");
    let fetch = |site: &str| get("/shutdown", &format!("{local}\r\n{FIREFOX}\r\nSec-Fetch-Site: {site}"));
    let post = |headers: &str, body: &str| {
        format!("POST /nodes/register HTTP/1.1\r\n{local}\r\n{headers}\r\n{end}{body}")
    };
    let chunk = "1000\r\n".to_owned() + &"x".repeat(4096) + "\r\n";
    vec![
        // A foreign page's image, form and fetch; the last comes by 0.0.0.0, where the browser says nothing.
        (69, fetch("cross-site"), &[403]),
        (69, fetch("same-site"), &[403]),
        (69, get("/shutdown", &format!("Host: 0.0.0.0:5000\r\n{FIREFOX}")), &[403]),
        (69, get("/shutdown", &format!("{local}\r\nOrigin: http://evil.example")), &[403]),
        (69, get("/shutdown", &format!("{local}\r\nOrigin: null")), &[403]),
        (
            69,
            post("Origin: http://evil.example\r\nContent-Type: text/plain\r\nContent-Length: 2", "{}"),
            &[403],
        ),
        // DNS rebinding.
        (70, get("/node/id", "Host: evil.example:5000"), &[403]),
        (70, get("/chain", "Host: evil.example"), &[403]),
        (70, get("http://evil.example/chain", local), &[403]),
        (70, get("/node/id", "Accept: */*"), &[400]),
        // Sizes.
        (71, get("/node/id", &format!("{local}\r\nX: {}", "x".repeat(9 * 1024))), &[431]),
        (71, get(&format!("/{}", "x".repeat(9 * 1024)), local), &[431, 414]),
        (71, get("/node/id", &(local.to_owned() + &"\r\nA: b".repeat(200))), &[431]),
        (71, post("Content-Length: 524289", ""), &[413]),
        (71, post("Content-Length: 99999999999", ""), &[413]),
        (71, post("Transfer-Encoding: chunked", &chunk.repeat(129)), &[413]),
        (71, post("Transfer-Encoding: chunked", &chunk.repeat(4096)), &[413]),
        (71, post("Content-Length: 16777216", &"x".repeat(16 << 20)), &[413]),
        // JSON.
        (73, post("Content-Length: 100000", &"[".repeat(100_000)), &[400]),
        (73, post("Content-Length: 14", "{\"nodes\": NaN}"), &[400]),
        (73, post("Content-Length: 24", "{\"nodes\":[],\"nodes\":[]} "), &[400]),
        (73, post("Content-Length: 0", ""), &[400]),
        // Paths.
        (74, get("/../etc/passwd", local), &[404]),
        (74, get("/%2e%2e/%2e%2e/etc/passwd", local), &[404]),
        (74, get("/node/id%00", local), &[404]),
        (74, get("/node/id\0", local), &[400]),
        (74, get("http://127.0.0.1:5000/node/id", local), &[200]),
        (74, get("file:///etc/passwd", local), &[400, 403, 404]),
        (74, get("etc/passwd", local), &[400]),
        (74, get("*", local), &[400, 404]),
        (74, get("/node/../chain", local), &[404]),
        (74, get("//chain", local), &[404]),
        (74, get("/chain/", local), &[404]),
        (74, get("/chain;a=b", local), &[404]),
        (74, get("/%2fchain", local), &[404]),
        (74, get("/CHAIN", local), &[404]),
        (74, get("/..\\..\\etc\\passwd", local), &[400, 404]),
        (74, get("/transactions/../../etc/passwd", local), &[404]),
        (74, get("/transactions/%2e%2e%2fpasswd", local), &[400]),
        // Methods.
        (75, format!("POST /chain HTTP/1.1\r\n{local}\r\n{end}"), &[405]),
        (75, format!("TRACE /chain HTTP/1.1\r\n{local}\r\n{end}"), &[405]),
        (75, format!("CONNECT 127.0.0.1:5000 HTTP/1.1\r\n{local}\r\n{end}"), &[405]),
        (75, format!("OPTIONS /shutdown HTTP/1.1\r\n{local}\r\n{end}"), &[405]),
        (75, format!("HEAD /shutdown HTTP/1.1\r\n{local}\r\n{end}"), &[405]),
        (75, format!("HEAD /mine HTTP/1.1\r\n{local}\r\n{end}"), &[405]),
        (75, format!("BREW /chain HTTP/1.1\r\n{local}\r\n{end}"), &[405]),
        (75, format!("get /chain HTTP/1.1\r\n{local}\r\n{end}"), &[405]),
        (75, format!("DELETE /transactions HTTP/1.1\r\n{local}\r\n{end}"), &[405]),
        (75, get("/chain/replace", local), &[405]),
        (75, get("/nodes/register", local), &[405]),
        // Two lengths: one request or an error, never two requests.
        (76, post("Content-Length: 2\r\nContent-Length: 3", "{} "), &[400]),
        (76, post("Content-Length: 2, 3", "{} "), &[400]),
        (76, post("Content-Length: -1", ""), &[400]),
        (76, post("Content-Length: +2", "{}"), &[400]),
        (76, post("Content-Length: 5\r\nTransfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n"), &[400]),
        (76, post("Transfer-Encoding: chunked, identity", "2\r\n{}\r\n0\r\n\r\n"), &[400]),
        (76, post("Transfer-Encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n"), &[400]),
        (76, post("Transfer-Encoding: chunked", "ffffffffffffffffff\r\n{}\r\n"), &[400]),
        // Other protocols.
        (0, "\x16\x03\x01\x02\0\x01\0".to_owned(), &[400]),
        (0, "GET /node/id\r\n\r\n".to_owned(), &[400]),
    ]
}

#[tokio::test]
async fn hostile_requests_get_their_one_answer_and_the_server_lives() {
    let node = node(1).await;
    for (row, bytes, statuses) in rows() {
        let shown = &bytes[..bytes.floor_char_boundary(100)];
        let answer = raw(node.http, bytes.as_bytes()).await;
        let text = String::from_utf8_lossy(&answer);
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "row {row}: {shown:?}: {text:?}");
        let parsed = Answer::parse(&answer).expect("an answer");
        assert!(statuses.contains(&parsed.status), "row {row}: {shown:?}: {text:?}");
        if parsed.status == 405 {
            assert!(parsed.header("allow").is_some(), "{text:?}");
        }
        if matches!(parsed.status, 403 | 404 | 405 | 413) && !bytes.starts_with("HEAD") {
            assert_eq!(parsed.header("content-type"), Some("application/problem+json"), "{text:?}");
            assert_eq!(parsed.json()["status"], parsed.status, "{text:?}");
        }
        assert_eq!(get(node.http, "/node/id").await.status, 200, "after row {row}: {shown:?}");
    }
    assert_eq!(get(node.http, "/node/id").await.json()["nodes"], json!({}), "nothing was registered");
    assert!(!node.running.is_finished(), "and nobody stopped it");
}

/// Most clients write everything before they read anything: a reset would take the answer from them.
#[tokio::test]
async fn a_413_reaches_who_writes_first_and_reads_then() {
    let node = node(1).await;
    let client = tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut socket = std::net::TcpStream::connect(node.http).expect("a connection");
        socket.set_read_timeout(Some(SOON)).expect("a deadline");
        let head = request("POST", "/transactions", "Content-Length: 33554432\r\n", "");
        socket.write_all(head.as_bytes()).expect("sent");
        socket.write_all(&vec![b' '; 32 << 20]).expect("taken, and thrown away");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).expect("no reset");
        answer
    });
    let answer = client.await.expect("no panic");
    assert_eq!(Answer::parse(&answer).map(|answer| answer.status), Some(413));
}

/// An answer to half a request ends the connection, and says so; one to a whole request does not.
#[tokio::test]
async fn who_is_answered_early_is_told_that_it_was_the_last_answer() {
    let node = node(1).await;
    let asked = |method: &str, path: &str, length: usize| {
        format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n")
    };
    for (head, status) in [
        (asked("POST", "/nothing", 1000), 404),
        (asked("POST", "/chain", 1000), 405),
        (asked("POST", "/transactions", 1 << 30), 413),
    ] {
        let answer = Answer::parse(&raw(node.http, head.as_bytes()).await).expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")), "{head}");
    }
    let whole = asked("POST", "/transactions", 2) + "[]" + &request("GET", "/node/id", "", "");
    let answers = String::from_utf8(raw(node.http, whole.as_bytes()).await).expect("text");
    assert!(answers.starts_with("HTTP/1.1 400") && answers.contains("HTTP/1.1 200"), "{answers}");
}

/// Row 92 of docs/hostile.md.
#[tokio::test]
async fn who_is_refused_all_the_time_does_not_fill_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let cookie = Cookie::create(&folder.path().join("cookie"), [7; 32]).expect("written");
    let opened = Opened { cookie, names: Vec::new() };
    let node = opened_node(1, Params::regtest(), Settings::recommended(), Some(opened)).await;
    let log = Arc::new(Mutex::new(Vec::new()));
    let into = log.clone();
    let lines = tracing_subscriber::fmt().with_writer(move || Log(into.clone())).with_ansi(false).finish();
    let _logging = tracing::subscriber::set_default(lines);
    let begin = tokio::time::Instant::now();
    let long = "x".repeat(7000);
    let refused = [
        format!("DELETE /api/v1/peers/{long} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    ];
    let many = CALLER_LINES as usize * 3 / 2;
    let bytes = refused.concat().repeat(many / 2) + &request("GET", "/chain", "", "");
    raw(node.http, bytes.as_bytes()).await;
    let earned = (begin.elapsed().as_secs() / CALLER_LINE_EVERY.as_secs()) as usize + 1;
    let text = String::from_utf8(log.lock().expect("no panic").clone()).expect("text");
    let said: Vec<&str> = text.lines().filter(|line| line.contains("an HTTP request was refused")).collect();
    let bounds = CALLER_LINES as usize..=CALLER_LINES as usize + earned;
    assert!(bounds.contains(&said.len()), "{} of {many}", said.len());
    assert!(said.iter().all(|line| line.len() < 400 && line.contains("peer=127.0.0.1 ")), "{}", said[0]);
}

/// Where log lines go.
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn http_2_is_closed() {
    let node = node(1).await;
    assert_eq!(raw(node.http, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await, b"");
    assert_eq!(get(node.http, "/node/id").await.status, 200);
}

#[tokio::test]
async fn a_length_beside_chunks_smuggles_nothing() {
    let node = node(1).await;
    let smuggled = "GET /mine HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let body = format!("0\r\n\r\n{smuggled}");
    let bytes = format!(
        "POST /block/new HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = raw(node.http, bytes.as_bytes()).await;
    assert_eq!(String::from_utf8_lossy(&answer).matches("HTTP/1.1 ").count(), 1);
    assert_eq!(get(node.http, "/chain").await.json()["length"], 1, "nothing was mined");
}

/// Row 81: a reset after any byte.
#[tokio::test]
async fn a_reset_at_any_byte_hurts_nobody() {
    let node = node(1).await;
    let register = request("POST", "/nodes/register", "", r#"{"nodes": [], "addresses": []}"#);
    let chunked = request("POST", "/mine", "Transfer-Encoding: chunked\r\n", "") + "2\r\n{}\r\n0\r\n\r\n";
    for bytes in [register, chunked, request("GET", "/chain", "", "")] {
        for end in 0..=bytes.len() {
            let mut socket = TcpStream::connect(node.http).await.expect("a connection");
            socket.write_all(&bytes.as_bytes()[..end]).await.expect("sent");
            tokio::task::yield_now().await;
            socket.set_zero_linger().expect("a reset at the end");
        }
    }
    assert_eq!(get(node.http, "/node/id").await.status, 200);
    assert!(!node.running.is_finished());
}

#[tokio::test]
async fn a_pipeline_is_answered_in_order() {
    let node = node(1).await;
    let keep = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    let bytes =
        keep("/node/id") + &keep("/nothing") + &keep("/block/new") + &request("GET", "/chain", "", "");
    let answer = raw(node.http, bytes.as_bytes()).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "404", "200", "200"]);
}
