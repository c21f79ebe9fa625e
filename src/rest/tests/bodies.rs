//! JSON that is none, or that says two things at once (row 73), and a chain that is too long (row 77).

use super::*;
use crate::limits::{MAX_CONTENT_BYTES, MAX_HTTP_CHAIN_BYTES};

/// Every endpoint that reads a body.
const ENDPOINTS: [&str; 4] = ["/mine", "/transactions", "/nodes/register", "/chain/replace"];

async fn send(http: SocketAddr, path: &str, body: &[u8]) -> Answer {
    let mut bytes = request("POST", path, &format!("Content-Length: {}\r\n", body.len()), "").into_bytes();
    bytes.extend_from_slice(body);
    let answer = raw(http, &bytes).await;
    Answer::parse(&answer).unwrap_or_else(|| panic!("{path}: {:?}", String::from_utf8_lossy(&answer)))
}

/// A content of any bytes fits, however they are escaped: once, and twice as the original's clients do.
#[tokio::test]
async fn a_content_fits_however_it_is_escaped() {
    let node = node(1).await;
    let content = serde_json::json!({ "content": "\u{1}".repeat(MAX_CONTENT_BYTES) });
    for (path, body) in [("/api/v1/transactions", content.clone()), ("/transactions", twice(&content))] {
        let answer = post(node.http, path, &body).await;
        assert!([201, 202].contains(&answer.status), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_chain_that_is_nothing_is_said_to_be() {
    let node = node(1).await;
    let answer = send(node.http, "/chain/replace", b" ").await;
    assert!(answer.status == 400 && answer.body.contains("the body is empty"), "{answer:?}");
}

#[tokio::test]
async fn json_that_is_none_is_refused_with_its_place() {
    let node = node(1).await;
    let deep = |begin: &str| format!("{begin}{}", "[".repeat(100_000)).into_bytes();
    let objects = "{\"a\":".repeat(50_000).into_bytes();
    let in_string = serde_json::to_vec(&"[".repeat(100_000)).expect("JSON");
    let twice_in_string = serde_json::to_vec(r#"{"x": {"a": 1, "a": 1}}"#).expect("JSON");
    let bodies: [(&[u8], &str); 18] = [
        (b"{", "nothing after the brace"),
        (b"nonsense", "no JSON"),
        (b"{} {}", "two values"),
        (b"{'content': 'x'}", "other quotes"),
        (b"{\"content\": \"x\",}", "a comma too many"),
        (b"{\"content\": NaN}", "NaN"),
        (b"{\"content\": Infinity}", "infinity"),
        (b"{\"content\": 1e999}", "a number out of range"),
        (b"{\"content\": \"\xff\xfe\"}", "bytes that are not UTF-8"),
        (b"\xff", "the same outside a string"),
        (b"{\"content\": \"\\ud800\"}", "half a surrogate pair"),
        (b"{\"content\": \"a\nb\"}", "a control character in a string"),
        (b"{\"x\": {\"a\": 1, \"a\": 1}}", "a key twice, where nobody looks"),
        (&twice_in_string, "the same in a string"),
        (&deep(""), "deep lists"),
        (&deep("{\"x\":"), "deep lists where nobody looks"),
        (&objects, "deep objects"),
        (&in_string, "deep lists in a string"),
    ];
    for path in ENDPOINTS {
        for (body, what) in bodies {
            let answer = send(node.http, path, body).await;
            assert_eq!(answer.status, 400, "{path}: {what}: {answer:?}");
            let said = answer.json();
            assert!(
                said["detail"]
                    .as_str()
                    .is_some_and(|detail| detail.contains(" at line 1 column ")
                        || detail.contains(" at line 2 column ")),
                "{path}: {what}: {said}"
            );
        }
    }
    assert_eq!(get(node.http, "/chain").await.json()["length"], 1, "nothing was mined");
    assert_eq!(get(node.http, "/transactions").await.json()["length"], 0);
}

/// Members by their order, which is how a list would be read, are nobody's to guess.
#[tokio::test]
async fn a_list_is_no_object() {
    let node = node(1).await;
    let rows = [
        ("/mine", "[\"x\", null]"),
        ("/transactions", "[\"x\", null]"),
        ("/nodes/register", "[[],[]]"),
        ("/api/v1/mine", "[]"),
        ("/api/v1/mining", "[5]"),
        ("/api/v1/transactions", "[\"x\"]"),
        ("/api/v1/peers", "[\"127.0.0.1:1\"]"),
    ];
    for (path, list) in rows {
        for body in [list.to_owned(), serde_json::json!(list).to_string()] {
            let answer = send(node.http, path, body.as_bytes()).await;
            assert_eq!(answer.status, 400, "{path} {body}: {answer:?}");
            let detail = answer.json()["detail"].to_string();
            assert!(detail.contains("expected a JSON object"), "{path} {body}: {detail}");
        }
    }
    assert_eq!(get(node.http, "/chain").await.json()["length"], 1, "nothing was mined");
    assert_eq!(get(node.http, "/transactions").await.json()["length"], 0);
    assert_eq!(get(node.http, "/api/v1/mining").await.json()["hashrate"], 0);
}

#[tokio::test]
async fn whoever_says_nothing_of_a_content_has_a_block_without_one() {
    let node = node(1).await;
    let bodies = ["", "{}", "null", "{\"content\": null}", "\"{}\"", "\"null\"", "\"\""];
    for body in bodies {
        let answer = send(node.http, "/mine", body.as_bytes()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "\"Mined\"\n"), "{body:?}");
    }
    let answer = send(node.http, "/api/v1/mine", b"{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let length = get(node.http, "/chain").await.json()["length"].as_u64();
    assert_eq!(length, Some(bodies.len() as u64 + 2));
}

/// A million of what are no blocks: refused at the first.
#[tokio::test]
async fn a_million_blocks_are_not_looked_at_when_the_first_is_wrong() {
    let (node, none) = (node(1).await, format!("[{}0]", "0,".repeat(1_000_000)));
    let answer = send(node.http, "/chain/replace", none.as_bytes()).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let said = answer.json();
    assert!(
        said["detail"].as_str().is_some_and(|detail| detail.contains("chain[0]: expected an object")),
        "{said}"
    );
}

/// A million good blocks would be more than the cap; in chunks, their length is known when they are there.
#[tokio::test]
async fn a_chain_over_the_cap_is_refused_by_chunks_too() {
    let node = node(1).await;
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    let chunks = chunk.repeat(MAX_HTTP_CHAIN_BYTES / (1 << 20) + 1) + "0\r\n\r\n";
    let bytes = request("POST", "/chain/replace", "Transfer-Encoding: chunked\r\n", "") + &chunks;
    let answer = Answer::parse(&raw(node.http, bytes.as_bytes()).await).expect("an answer");
    assert_eq!((answer.status, &answer.json()["limit"]), (413, &MAX_HTTP_CHAIN_BYTES.into()));
    assert_eq!(get(node.http, "/chain").await.json()["length"], 1);
}
