//! POST /chain/replace: what is adopted, and what is not whatever is tried.

use serde_json::json;

use super::*;

/// A node with `blocks` mined, and its chain.
async fn mined(n: u8, blocks: usize) -> (Node, Value) {
    let node = node(n).await;
    for _ in 0..blocks {
        let content = json!({ "content": format!("by {n}") });
        assert_eq!(post(node.http, "/mine", &content).await.status, 200);
    }
    let chain = get(node.http, "/chain").await.json();
    (node, chain)
}

#[tokio::test]
async fn a_chain_with_more_work_is_adopted_in_every_form() {
    let (_, chain) = mined(1, 5).await;
    for form in [chain.clone(), chain["chain"].clone(), twice(&chain), twice(&chain["chain"])] {
        let (node, _) = mined(2, 2).await;
        let answer = post(node.http, "/chain/replace", &form).await;
        assert_eq!((answer.status, answer.body.as_str()), (201, "\"Chain replaced\"\n"));
        assert_eq!(get(node.http, "/chain").await.json(), chain, "what came out went in");
    }
}

/// Row 77 of docs/hostile.md.
#[tokio::test]
async fn no_more_work_is_a_conflict_with_both_figures() {
    let (node, ours) = mined(1, 3).await;
    for blocks in [0, 2, 3] {
        let (_, offered) = mined(2, blocks).await;
        let answer = post(node.http, "/chain/replace", &offered).await;
        let said = answer.json();
        assert_eq!(answer.status, 409, "{said}");
        assert_eq!((&said["ours"]["work"], &said["ours"]["length"]), (&"8".into(), &4.into()), "{said}");
        assert_eq!(said["offered"]["work"], ((blocks + 1) * 2).to_string(), "{said}");
        assert_eq!(get(node.http, "/chain").await.json(), ours);
    }
    assert_eq!(post(node.http, "/chain/replace", &ours).await.status, 409, "its own");
}

#[tokio::test]
async fn a_list_that_is_empty_or_has_another_length_than_it_says_is_refused() {
    let (_, chain) = mined(1, 3).await;
    let node = node(2).await;
    let said = |length: u64| json!({ "chain": chain["chain"], "length": length });
    let rows = [
        (json!([]), "GenesisMismatch", "the chain is empty"),
        (said(3), "Inconsistent", "length is not what the rest says"),
        (said(5), "Inconsistent", "length is not what the rest says"),
    ];
    for (form, rule, says) in rows {
        let answer = post(node.http, "/chain/replace", &form).await;
        let refused = answer.json();
        assert_eq!((answer.status, &refused["rule"]), (422, &rule.into()), "{refused}");
        assert!(refused["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{refused}");
    }
    assert_eq!(post(node.http, "/chain/replace", &said(4)).await.status, 201);
}

/// Whoever watches the node hears of it as of a peer's block.
#[tokio::test]
async fn a_chain_that_breaks_a_rule_is_told_of_as_a_refused_block() {
    let (node, chain) = mined(1, 3).await;
    let mut forged = chain;
    forged["chain"][2]["content"][1]["text"] = "by nobody".into();
    let refused = post(node.http, "/chain/replace", &forged).await.json();
    assert_eq!((&refused["rule"], &refused["index"]), (&"BadMerkleRoot".into(), &3.into()), "{refused}");
    let metrics = get(node.http, "/metrics").await.body;
    assert!(metrics.contains("p2pnode_events_total{type=\"block_refused\"} 1\n"), "{metrics}");
}

/// The paths of all leaves in `value`.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, value)| leaves(value, &format!("{path}/{key}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{path}/{at}"), found));
        }
        _ => found.push(path.to_owned()),
    }
}

/// Another value of the same kind.
fn changed(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => (number.as_f64().unwrap_or_default() + 1.0).into(),
        Value::Number(number) => (number.as_u64().unwrap_or_default() + 1).into(),
        Value::String(text) => match text.as_bytes().last() {
            Some(b'1') => format!("{}2", &text[..text.len() - 1]).into(),
            Some(last) if last.is_ascii_hexdigit() => format!("{}1", &text[..text.len() - 1]).into(),
            _ => format!("{text}x").into(),
        },
        _ => "x".into(),
    }
}

#[tokio::test]
async fn one_changed_field_is_one_too_many() {
    let (_, chain) = mined(1, 4).await;
    let (node, ours) = mined(2, 1).await;
    let mut paths = Vec::new();
    // In the middle: whatever changes the hash breaks the link of the next block.
    leaves(&chain["chain"][2], "/chain/2", &mut paths);
    assert!(paths.len() >= 9 + 6 + 4, "{paths:?}");
    for path in &paths {
        let mut offered = chain.clone();
        let field = offered.pointer_mut(path).expect("a field");
        *field = changed(field);
        let answer = post(node.http, "/chain/replace", &offered).await;
        let said = answer.json();
        assert!([400, 422].contains(&answer.status), "{path}: {said}");
        if answer.status == 422 {
            assert!(said["rule"].is_string(), "{path}: {said}");
            assert!([3, 4].contains(&said["index"].as_u64().unwrap_or_default()), "{path}: {said}");
        } else {
            assert!(said["detail"].as_str().is_some_and(|s| s.contains("chain[2].")), "{path}: {said}");
        }
        assert_eq!(get(node.http, "/chain").await.json(), ours, "{path}");
    }
    assert_eq!(post(node.http, "/chain/replace", &chain).await.status, 201, "unchanged it is good");
}

/// (what is done to the list, rule, index)
/// Rows 43 and 77 of docs/hostile.md.
#[tokio::test]
async fn a_broken_list_names_its_first_broken_rule() {
    let (_, chain) = mined(1, 4).await;
    let (node, ours) = mined(2, 1).await;
    type Break = fn(&mut Vec<Value>);
    let other = |blocks: &mut Vec<Value>| blocks[1]["header"]["hash"] = "00".into();
    let rows: [(Break, &str, u64); 7] = [
        (|blocks| blocks.clear(), "GenesisMismatch", 1),
        (|blocks| drop(blocks.remove(0)), "GenesisMismatch", 1),
        (|blocks| drop(blocks.remove(2)), "Unlinked", 3),
        (|blocks| blocks.swap(2, 3), "Unlinked", 3),
        (|blocks| blocks[2]["content"][1]["text"] = "another".into(), "BadMerkleRoot", 3),
        (|blocks| blocks[2]["header"]["bits"] = "1d00ffff".into(), "BadPow", 3),
        (other, "Inconsistent", 2),
    ];
    for (break_it, rule, index) in rows {
        let mut offered = chain["chain"].as_array().expect("a list").clone();
        break_it(&mut offered);
        let answer = post(node.http, "/chain/replace", &offered.into()).await;
        let said = answer.json();
        assert_eq!(
            (answer.status, &said["rule"], &said["index"]),
            (422, &rule.into(), &index.into()),
            "{said}"
        );
    }
    let mut other_network = chain.clone();
    other_network["chain"][0]["header"]["bits"] = "1e0fffff".into();
    let said = post(node.http, "/chain/replace", &other_network).await.json();
    assert_eq!(said["rule"], "GenesisMismatch");
    assert_eq!(get(node.http, "/chain").await.json(), ours);
}

/// Row 77 of docs/hostile.md.
#[tokio::test]
async fn too_large_a_chain_is_refused_unread_and_the_next_is_taken() {
    let (node, _) = mined(1, 0).await;
    let head = |length: usize| {
        format!("POST /chain/replace HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n")
    };
    let answer = raw(node.http, head(64 * 1024 * 1024 + 1).as_bytes()).await;
    assert_eq!(Answer::parse(&answer).map(|answer| answer.status), Some(413));
    // One large body at a time: the first has its turn once it is told to go on.
    let mut first = TcpStream::connect(node.http).await.expect("a connection");
    let expecting = head(1024 * 1024).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    first.write_all(expecting.as_bytes()).await.expect("sent");
    let mut go_on = [0; 25];
    timeout(SOON, first.read_exact(&mut go_on)).await.expect("in time").expect("an interim answer");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    let second = raw(node.http, head(1024 * 1024).as_bytes()).await;
    let refused = Answer::parse(&second).expect("an answer");
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    let (_, chain) = mined(2, 1).await;
    assert_eq!(post(node.http, "/chain/replace", &chain).await.status, 201, "a small one need not wait");
}
