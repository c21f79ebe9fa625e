//! Every endpoint: its status, its keys, its texts.

use serde_json::json;

use super::*;
use crate::chain::Chain;
use crate::chain::testing::mine_at;
use crate::limits::{CHAIN_PAGE, MAX_FUTURE_SECS, MAX_MANUAL_PEERS};
use crate::net::{Clock, rfc3339};
use crate::node::io::Command;
use crate::store::Loaded;
use crate::time::UnixTime;

/// (method, path, body, status, what the body is or which keys it has)
#[tokio::test]
async fn every_endpoint_answers_as_the_original_did() {
    let node = node(1).await;
    let text = |text: &str| Ok(format!("\"{text}\"\n"));
    let keys = |keys: &'static str| Err(keys);
    let verbose = "message hash index nonce tries seconds";
    let rows = [
        ("GET", "/node/id", "", 200, keys("node address nodes http network rules length tip peers")),
        ("HEAD", "/node/id", "", 200, Ok(String::new())),
        ("GET", "/chain", "", 200, keys("chain length")),
        ("HEAD", "/chain", "", 200, Ok(String::new())),
        ("GET", "/mine", "", 200, text("Mined")),
        ("POST", "/mine", "", 200, text("Mined")),
        ("GET", "/mine?verbose=1", "", 200, keys(verbose)),
        ("GET", "/mine?verbose=0&timeout=60s", "", 200, text("Mined")),
        ("GET", "/mine?verbose=x", "", 400, keys("title status detail")),
        ("POST", "/mine", r#"{"content": "hi"}"#, 200, text("Mined")),
        ("POST", "/mine", r#""{\"content\": \"hi\"}""#, 200, text("Mined")),
        ("POST", "/mine?verbose=1", r#"{"content_base64": "/w=="}"#, 200, keys("hash index content")),
        ("POST", "/mine", r#"{"content": "hi", "base64": "/w=="}"#, 400, keys("type title status detail")),
        ("POST", "/mine", r#"{"content": 7}"#, 400, keys("detail")),
        ("POST", "/mine", r#"{"content": "a", "content": "b"}"#, 400, keys("detail")),
        ("GET", "/mine?timeout=soon", "", 400, keys("detail")),
        ("GET", "/mine?timeout=-1", "", 400, keys("detail")),
        ("GET", "/block/new", "", 200, text("Notified")),
        ("POST", "/block/new", "{}", 200, text("Notified")),
        ("POST", "/nodes/register", r#"{"nodes": [], "addresses": []}"#, 201, keys("message total_nodes")),
        ("POST", "/transactions", r#"{"content": "wait"}"#, 202, keys("id")),
        ("POST", "/transactions", r#""{\"base64\": \"/w==\"}""#, 202, keys("id")),
        ("POST", "/transactions", "{}", 400, keys("detail")),
        ("GET", "/transactions", "", 200, keys("transactions length")),
        ("GET", "/transactions/zz", "", 400, keys("detail")),
        ("GET", "/nothing", "", 404, keys("type title status detail")),
        ("POST", "/node/id", "{}", 405, keys("detail")),
    ];
    for (method, path, body, status, expected) in rows {
        let answer = call(node.http, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
        let kind = if status < 400 { "application/json" } else { "application/problem+json" };
        assert_eq!(answer.header("content-type"), Some(kind), "{method} {path}");
        match expected {
            Ok(text) => assert_eq!(answer.body, text, "{method} {path}"),
            Err(keys) => {
                let json = answer.json();
                for key in keys.split(' ') {
                    assert!(json.get(key).is_some(), "{method} {path}: no {key} in {json}");
                }
            }
        }
    }
    assert_eq!(get(node.http, "/chain").await.json()["length"], 8, "seven were mined");
}

#[tokio::test]
async fn the_chain_is_pages_of_one_list_with_the_originals_keys() {
    let node = node(1).await;
    let genesis = &get(node.http, "/chain").await.json()["chain"][0];
    assert_eq!(genesis["header"]["index"], 1);
    assert_eq!(genesis["header"]["previous_hash"], "0".repeat(64));
    assert_eq!(genesis["assembly instruction"], Value::Null);
    post(node.http, "/mine", &json!({ "content": "hello" })).await;
    for _ in 0..4 {
        get(node.http, "/mine").await;
    }
    let whole = get(node.http, "/chain").await.json();
    let blocks = whole["chain"].as_array().expect("a list");
    assert_eq!((blocks.len(), &whole["length"]), (6, &6.into()));
    assert_eq!(blocks[1]["assembly instruction"], "hello");
    for (at, pair) in blocks.windows(2).enumerate() {
        assert_eq!(pair[1]["header"]["index"], at + 2);
        assert_eq!(pair[1]["header"]["previous_hash"], pair[0]["header"]["hash"]);
        assert!(pair[1]["header"]["timestamp"].is_f64() && pair[1]["header"]["proof"].is_u64());
    }
    let rows =
        [("from=3", 2..6), ("from=2&limit=3", 1..4), ("limit=1", 0..1), ("limit=0", 0..0), ("from=99", 0..0)];
    for (query, range) in rows {
        let page = get(node.http, &format!("/chain?{query}")).await.json();
        assert_eq!((&page["chain"], &page["length"]), (&blocks[range].into(), &6.into()), "{query}");
    }
    for bad in ["from=0", "from=x", "from=-1", "from=%2B1", "limit=", "limit=1.5"] {
        assert_eq!(get(node.http, &format!("/chain?{bad}")).await.status, 400, "{bad}");
    }
}

/// Rows 34 and 80 of docs/hostile.md.
#[tokio::test]
async fn a_chain_of_several_pages_is_one_list_from_one_tip() {
    let node = node(1).await;
    let blocks = 2 * CHAIN_PAGE + 10;
    for _ in 0..blocks {
        node.handle.command(Command::Mine(None)).await.expect("mined");
    }
    let reading = tokio::spawn(async move { get(node.http, "/chain").await.json() });
    for _ in 0..20 {
        node.handle.command(Command::Mine(None)).await.expect("mined");
    }
    let chain = timeout(SOON, reading).await.expect("in time").expect("no panic");
    let list = chain["chain"].as_array().expect("a list");
    assert_eq!(chain["length"], list.len(), "what is mined meanwhile is not mixed in");
    assert!(list.len() > blocks);
    for pair in list.windows(2) {
        assert_eq!(pair[1]["header"]["previous_hash"], pair[0]["header"]["hash"]);
    }
}

#[tokio::test]
async fn a_content_is_followed_from_the_pool_into_the_depth() {
    let node = node(1).await;
    let content = json!({ "content": "hello" });
    let id =
        post(node.http, "/transactions", &content).await.json()["id"].as_str().expect("an id").to_owned();
    let place = || async { get(node.http, &format!("/transactions/{id}")).await.json() };
    assert_eq!(get(node.http, "/transactions").await.json()["transactions"][0]["id"], id);
    let waiting = place().await;
    assert_eq!((&waiting["state"], &waiting["blocks"]), (&"pool".into(), &json!([])));
    for depth in 1..=3 {
        get(node.http, "/mine").await;
        let mined = place().await;
        assert_eq!((&mined["state"], &mined["blocks"][0]["depth"]), (&"chain".into(), &depth.into()));
        assert_eq!(
            (&mined["blocks"][0]["index"], &mined["transaction"]["text"]),
            (&2.into(), &"hello".into())
        );
    }
    let verbose = post(node.http, "/mine?verbose=1", &content).await.json();
    let first = format!("/transactions/{}", verbose["content"].as_str().expect("an id"));
    assert_eq!(get(node.http, &first).await.json()["blocks"][0]["hash"], verbose["hash"]);
    assert_eq!(get(node.http, &format!("/transactions/{}", "0".repeat(64))).await.status, 404);
    let large = json!({ "content": "x".repeat(64 * 1024 + 1) });
    for path in ["/transactions", "/mine"] {
        assert_eq!(post(node.http, path, &large).await.status, 413, "{path}");
    }
}

#[tokio::test]
async fn registered_nodes_find_each_other() {
    let (a, b) = (node(1).await, node(2).await);
    let (us, them) = (a.id.to_string(), b.id.to_string());
    let pair = json!({ "nodes": [us, them, them], "addresses": [a.listen, b.listen, b.listen] });
    for body in [twice(&pair), pair] {
        let answer = post(a.http, "/nodes/register", &body).await;
        let expected = json!({ "message": "New nodes have been added", "total_nodes": [them] });
        assert_eq!((answer.status, answer.json()), (201, expected));
    }
    let id = get(a.http, "/node/id").await.json();
    assert_eq!(id["nodes"], json!({ them.as_str(): b.listen }));
    // B hears of A by the handshake, and of A's blocks by itself.
    let learned = async {
        while get(b.http, "/node/id").await.json()["nodes"] != json!({ us.as_str(): a.listen }) {
            tokio::task::yield_now().await;
        }
        get(a.http, "/mine").await;
        while get(b.http, "/chain").await.json()["length"] != 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, learned).await.expect("the nodes are linked");
}

/// (body, status, what the detail begins with)
/// Row 78 of docs/hostile.md.
#[tokio::test]
async fn what_cannot_be_registered_is_named() {
    let node = node(1).await;
    let id = "ab".repeat(16);
    let at = |address: &str| json!({ "nodes": [id], "addresses": [address] });
    let many = |n: usize| json!({ "nodes": vec![&id; n], "addresses": vec!["127.0.0.1:1"; n] });
    let rows = [
        (json!({}), 400, "Error: Please supply a valid list of nodes"),
        (json!({ "nodes": null, "addresses": [] }), 400, "Error: Please supply a valid list of nodes"),
        (json!({ "addresses": ["127.0.0.1:1"] }), 400, "Error: Please supply a valid list of nodes"),
        (
            json!({ "nodes": [id], "addresses": [] }),
            400,
            "nodes and addresses go in pairs: there are 1 and 0",
        ),
        (
            json!({ "nodes": ["me"], "addresses": ["127.0.0.1:1"] }),
            400,
            "nodes[0]: a node id is 32 hex digits",
        ),
        (at("127.0.0.1:0"), 400, "addresses[0] \"127.0.0.1:0\": nobody listens on port 0"),
        (at("255.255.255.255:1"), 400, "addresses[0] \"255.255.255.255:1\": a broadcast address"),
        (at("224.0.0.1:1"), 400, "addresses[0] \"224.0.0.1:1\": a multicast address"),
        (at("[::ffff:224.0.0.1]:1"), 400, "addresses[0] \"[::ffff:224.0.0.1]:1\": a multicast address"),
        (at("127.0.0.1"), 400, "addresses[0] \"127.0.0.1\": expected host:port"),
        (at("127.0.0.1:99999"), 400, "addresses[0] \"127.0.0.1:99999\": expected host:port"),
        (at("http://127.0.0.1:1"), 400, "addresses[0] \"http://127.0.0.1:1\": expected host:port"),
        (at("a b:1"), 400, "addresses[0] \"a b:1\": expected host:port"),
        (at(":1"), 400, "addresses[0] \":1\": "),
        (many(1001), 413, "at most 1000 nodes"),
        (many(100_000), 413, "the body may have at most 524288 bytes"),
        (json!(7), 400, "the body is not what is expected: expected a JSON object"),
        (json!([[], []]), 400, "the body is not what is expected: expected a JSON object"),
    ];
    for (body, status, detail) in rows {
        let answer = post(node.http, "/nodes/register", &body).await;
        let said = answer.json();
        assert_eq!(answer.status, status, "{said}");
        assert!(said["detail"].as_str().is_some_and(|said| said.starts_with(detail)), "{said}");
    }
    assert_eq!(get(node.http, "/node/id").await.json()["nodes"], json!({}), "none was taken");
    let two = json!({ "nodes": ["x", id], "addresses": ["127.0.0.1:1", "nowhere:0"] });
    let bad = post(node.http, "/nodes/register", &two).await.json();
    assert_eq!(bad["bad"].as_array().map(Vec::len), Some(2), "both are named: {bad}");
    let ports = 1..=MAX_MANUAL_PEERS + 1;
    let ids: Vec<String> = ports.clone().map(|port| format!("{port:032x}")).collect();
    let addresses: Vec<String> = ports.map(|port| format!("127.0.0.9:{port}")).collect();
    let too_many = post(node.http, "/nodes/register", &json!({ "nodes": ids, "addresses": addresses })).await;
    let said = too_many.json();
    assert_eq!((too_many.status, &said["room"]), (409, &MAX_MANUAL_PEERS.into()), "{said}");
    assert_eq!(get(node.http, "/node/id").await.json()["nodes"], json!({}), "none was taken");
}

#[tokio::test]
async fn a_clock_behind_the_chain_is_said_at_once_with_the_time() {
    let now = Clock::wall().secs();
    let ahead = u32::try_from(now + 5 * 3600).expect("before 2106");
    let mut chain = Chain::new(Arc::new(Params::regtest()));
    for _ in 0..12 {
        let block = mine_at(&chain, &chain.tip().hash, ahead, Vec::new(), "");
        chain.import(&block, UnixTime::LAST);
    }
    let headers = (1..=12).filter_map(|height| chain.get(&chain.active_at(height)?));
    let loaded = Loaded {
        headers: headers.map(|entry| entry.header).collect(),
        tip: chain.tip().hash,
        waiting: Vec::new(),
    };
    let node = node_from(1, Params::regtest(), Settings::recommended(), None, loaded).await;
    let answer = get(node.http, "/mine").await;
    assert_eq!(answer.status, 503, "{answer:?}");
    let until = rfc3339(UnixTime::from_secs(u64::from(ahead) - MAX_FUTURE_SECS));
    assert_eq!(answer.json()["until"], *until);
    assert!(answer.json()["detail"].as_str().is_some_and(|detail| detail.contains(&until)), "{answer:?}");
    assert!(answer.json()["hint"].as_str().is_some_and(|hint| hint.contains("clock")), "{answer:?}");
    let ready = get(node.http, "/readyz").await;
    assert_eq!((ready.status, &ready.json()["until"]), (503, &(*until).into()), "{ready:?}");
    assert!(ready.json()["detail"].as_str().is_some_and(|detail| detail.contains("future")), "{ready:?}");
    let wait: u64 = answer.header("retry-after").and_then(|secs| secs.parse().ok()).expect("seconds");
    assert!(wait <= 3 * 3600 + 1 && wait > 3 * 3600 - 60, "{wait}");
}
