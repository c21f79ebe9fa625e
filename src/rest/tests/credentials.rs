//! A node that asks for credentials (row 68): what is open, what is not, and what who has none is told.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::*;
use crate::rest::cookie::Cookie;

const SECRET: [u8; 32] = [0xab; 32];

/// The folder of the cookie, and a node that asks for it.
async fn guarded() -> (TempDir, Node) {
    let folder = tempfile::tempdir().expect("a folder");
    let cookie = Cookie::create(&folder.path().join("cookie"), SECRET).expect("written");
    let opened = Opened { cookie, names: vec!["node.lan".to_owned()] };
    let node = opened_node(1, Params::regtest(), Settings::recommended(), Some(opened)).await;
    (folder, node)
}

async fn call_with(http: SocketAddr, method: &str, path: &str, more: &str, body: &str) -> Answer {
    let bytes = raw(http, request(method, path, more, body).as_bytes()).await;
    Answer::parse(&bytes).unwrap_or_else(|| panic!("{method} {path}: {:?}", String::from_utf8_lossy(&bytes)))
}

/// What `curl -u "$(cat FILE)"` sends.
fn credentials(folder: &TempDir) -> String {
    let text = std::fs::read(folder.path().join("cookie")).expect("the cookie is there");
    format!("Authorization: Basic {}\r\n", STANDARD.encode(text))
}

/// (method, path, body, whether it is open, its status with the cookie)
const CALLS: [(&str, &str, &str, bool, u16); 17] = [
    ("GET", "/node/id", "", true, 200),
    ("HEAD", "/node/id", "", true, 200),
    ("GET", "/chain", "", true, 200),
    ("GET", "/transactions", "", true, 200),
    ("GET", "/transactions/zz", "", true, 400),
    ("GET", "/nothing", "", true, 404),
    ("OPTIONS", "/mine", "", true, 405),
    ("GET", "/mine", "", false, 200),
    ("POST", "/mine", "", false, 200),
    ("POST", "/mine?verbose=1", r#"{"content": "hi"}"#, false, 200),
    ("GET", "/block/new", "", false, 200),
    ("POST", "/block/new", "", false, 200),
    ("POST", "/transactions", r#"{"content": "hi"}"#, false, 202),
    ("POST", "/nodes/register", r#"{"nodes": [], "addresses": []}"#, false, 201),
    ("POST", "/chain/replace", "[]", false, 422),
    // Last: it is not there after them.
    ("POST", "/shutdown", "", false, 200),
    ("GET", "/shutdown", "", false, 200),
];

#[tokio::test]
async fn reads_are_open_and_what_changes_something_is_not() {
    let (folder, node) = guarded().await;
    let wrong = format!("Authorization: Basic {}\r\n", STANDARD.encode("__cookie__:guess"));
    for (method, path, body, open, status) in CALLS {
        for header in ["", &wrong] {
            let answer = call_with(node.http, method, path, header, body).await;
            if open {
                assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
                continue;
            }
            assert_eq!(answer.status, 401, "{method} {path}: {answer:?}");
            let challenge = answer.header("www-authenticate").expect("a challenge");
            assert!(challenge.starts_with("Basic realm="), "{challenge}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert!(!answer.body.contains("abab"), "the secret stays one: {answer:?}");
        }
    }
    assert_eq!(get(node.http, "/chain").await.json()["length"], 1, "nothing was mined");
    assert_eq!(get(node.http, "/transactions").await.json()["length"], 0, "and nothing waits");
    assert!(!node.running.is_finished(), "and nobody stopped it");

    let header = credentials(&folder);
    for (method, path, body, _, status) in &CALLS[..CALLS.len() - 1] {
        let answer = call_with(node.http, method, path, &header, body).await;
        assert_eq!(answer.status, *status, "{method} {path}: {answer:?}");
    }
    timeout(SOON, node.running).await.expect("stops").expect("no panic").expect("in order");
    timeout(SOON, node.serving).await.expect("stops").expect("no panic");
    assert!(!folder.path().join("cookie").exists(), "gone after an orderly end");
}

#[tokio::test]
async fn who_has_no_credentials_is_told_the_command_that_works() {
    let (folder, node) = guarded().await;
    let file = folder.path().join("cookie");
    let rows = [
        ("GET", "/mine", "", "http://127.0.0.1:5000/mine"),
        ("GET", "/mine?verbose=1", "", "'http://127.0.0.1:5000/mine?verbose=1'"),
        ("POST", "/mine", "", "-X POST http://127.0.0.1:5000/mine"),
        ("POST", "/mine", "{}", "-d @BODY http://127.0.0.1:5000/mine"),
    ];
    for (method, path, body, rest) in rows {
        let said = call(node.http, method, path, body).await.json();
        let expected = format!("curl -u \"$(cat {})\" {rest}", file.display());
        assert_eq!(said["hint"], expected, "{said}");
    }
    let bearer = format!("Authorization: Bearer {}\r\n", "ab".repeat(32));
    assert_eq!(call_with(node.http, "GET", "/mine", &bearer, "").await.status, 200, "a token alone will do");
}

/// A browser that was given the cookie once adds it to what a foreign page asks for.
#[tokio::test]
async fn the_gates_stay_for_whoever_has_the_cookie() {
    let (folder, node) = guarded().await;
    let cookie = credentials(&folder);
    for more in ["Sec-Fetch-Site: cross-site\r\n", "Origin: null\r\n", "User-Agent: Mozilla/5.0\r\n"] {
        let answer = call_with(node.http, "GET", "/mine", &(more.to_owned() + &cookie), "").await;
        assert_eq!(answer.status, 403, "{more}");
    }
    for (host, status) in [("node.lan", 200), ("127.0.0.1", 200), ("evil.example", 403), ("10.9.8.7", 403)] {
        let request = request("GET", "/mine", &cookie, "").replacen("127.0.0.1:5000", host, 1);
        let answer = Answer::parse(&raw(node.http, request.as_bytes()).await).expect("an answer");
        assert_eq!(answer.status, status, "{host}: {answer:?}");
    }
}

/// A large body is not read from who may not send it.
#[tokio::test]
async fn a_body_without_credentials_is_refused_unread() {
    let (_folder, node) = guarded().await;
    let more = "Expect: 100-continue\r\nContent-Length: 1000000\r\n";
    let answer = raw(node.http, request("POST", "/chain/replace", more, "").as_bytes()).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 401 "), "{text}");
}
