//! Reading: the node, the tree, blocks, transactions.

use serde_json::json;

use super::*;
use crate::encoding;
use crate::types::{Block, Header, MerkleRoot, TxId, merkle};

/// What comes after the head of the answer, as bytes.
async fn bytes(node: &Node, path: &str) -> Vec<u8> {
    let whole = raw(node.http, request("GET", &v1(path), "", "").as_bytes()).await;
    let head = whole.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let text = String::from_utf8_lossy(&whole[..head]).to_lowercase();
    assert!(text.starts_with("http/1.1 200 ") && text.contains("application/octet-stream"), "{text}");
    whole[head + 4..].to_vec()
}

/// (path, keys of the answer)
#[tokio::test]
async fn every_read_has_its_keys_and_answers_head() {
    let node = node(1).await;
    mine(&node, 2).await;
    let content = json!({ "content": "hello" });
    let id = post(node.http, &v1("/transactions"), &content).await.json()["id"].clone();
    let transaction = format!("/transactions/{}", text(&id));
    let rows = [
        (
            "/info",
            "node agent network listen http tip progress peers pool mining store memory started clock_offset_seconds",
        ),
        ("/tip", "hash height work time bits target difficulty expected_hashes"),
        ("/tips", "tips count"),
        ("/tree", "from tip blocks cut"),
        ("/blocks", "blocks next"),
        ("/blocks/1", "hash height status depth previous next arrival transactions"),
        ("/pool", "count bytes max_count max_bytes"),
        ("/transactions", "transactions count"),
        (&transaction, "id state bytes blocks transaction"),
        ("/peers", "peers count"),
        ("/bans", "bans count"),
        ("/mining", "mode hashrate rate waiting hashes"),
        ("/healthz", "status"),
        ("/readyz", "status height"),
    ];
    for (path, keys) in rows {
        let json = read(&node, path).await;
        for key in keys.split(' ') {
            assert!(json.get(key).is_some(), "{path}: no {key} in {json}");
        }
        let head = call(node.http, "HEAD", &v1(path), "").await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
    }
    let info = read(&node, "/info").await;
    assert_eq!(info["tip"], read(&node, "/tip").await);
    assert_eq!((&info["tip"]["height"], &info["tip"]["difficulty"]), (&2.into(), &1.0.into()));
    assert_eq!(info["progress"]["committed"], info["progress"]["in_memory"]);
    assert_eq!(info["pool"]["count"], 1);
}

#[tokio::test]
async fn a_block_is_found_by_hash_and_height_with_how_it_came() {
    let node = node(1).await;
    mine(&node, 3).await;
    let tip = read(&node, "/blocks/3").await;
    assert_eq!(tip, read(&node, &format!("/blocks/{}", text(&tip["hash"]))).await);
    assert_eq!((&tip["depth"], &tip["next"], &tip["status"]), (&1.into(), &Value::Null, &"active".into()));
    assert_eq!((&tip["arrival"]["origin"], &tip["arrival"]["from"]), (&"mined".into(), &Value::Null));
    let genesis = read(&node, "/blocks/0").await;
    assert_eq!((&genesis["depth"], &genesis["arrival"]), (&4.into(), &Value::Null));
    assert_eq!(genesis["next"], read(&node, "/blocks/1").await["hash"]);
    let block: Block = encoding::decode(&bytes(&node, "/blocks/3/raw").await).expect("a block");
    assert_eq!(
        (block.hash().to_string().as_str(), &tip["bytes"]),
        (text(&tip["hash"]), &block.size().into())
    );
    let header = bytes(&node, "/blocks/3/header").await;
    assert_eq!(Header::from_bytes(&header.try_into().expect("80 bytes")), block.header);
    let hex = get(node.http, &v1("/blocks/3/header?format=hex")).await;
    let expected: String = block.header.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex.body, format!("{expected}\n"));
    let unknown = "0".repeat(64);
    let rows = [
        ("/blocks/4".to_owned(), 404),
        (format!("/blocks/{unknown}"), 404),
        (format!("/blocks/{unknown}/raw"), 404),
        ("/blocks/x".to_owned(), 400),
        ("/blocks/-1".to_owned(), 400),
        ("/blocks/99999999999999999999".to_owned(), 400),
        ("/blocks/1/header?format=x".to_owned(), 400),
        (format!("/blocks/1/proof/{unknown}"), 404),
        ("/blocks/1/proof/x".to_owned(), 400),
        ("/transactions/x".to_owned(), 400),
        (format!("/transactions/{unknown}"), 404),
        ("/nothing".to_owned(), 404),
    ];
    for (path, status) in rows {
        assert_eq!(refused(&node, &path).await, status, "{path}");
    }
}

#[tokio::test]
async fn a_proof_leads_from_the_transaction_to_the_root() {
    let node = node(1).await;
    for n in 0..6 {
        let content = json!({ "content": format!("number {n}") });
        assert_eq!(post(node.http, &v1("/transactions"), &content).await.status, 202);
    }
    mine(&node, 1).await;
    let block = read(&node, "/blocks/1").await;
    let list = block["transactions"].as_array().expect("a list");
    assert_eq!(list.len(), 7);
    for (at, transaction) in list.iter().enumerate() {
        let id = text(&transaction["id"]);
        let proof = read(&node, &format!("/blocks/1/proof/{id}")).await;
        let siblings: Vec<[u8; 32]> = proof["siblings"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|hash| text(hash).parse::<MerkleRoot>().expect("a hash").0)
            .collect();
        let id: TxId = id.parse().expect("an id");
        assert_eq!(proof["index"], at);
        let root = merkle::root_above(id, at, &siblings).to_string();
        assert_eq!(
            (root.as_str(), text(&proof["merkle_root"])),
            (text(&block["merkle_root"]), root.as_str())
        );
    }
}

#[tokio::test]
async fn pages_go_back_to_genesis_and_stay_on_their_branch() {
    let (node, other) = (node(1).await, self::node(2).await);
    mine(&node, 5).await;
    let first = read(&node, "/blocks?limit=2").await;
    let heights = |page: &Value| -> Vec<u64> {
        let blocks = page["blocks"].as_array().expect("a list").iter();
        blocks.map(|block| block["height"].as_u64().expect("a height")).collect()
    };
    assert_eq!(heights(&first), [5, 4]);
    // Another chain takes over; the cursor still leads down the old one.
    mine(&other, 7).await;
    let chain = get(other.http, "/chain").await.json();
    assert_eq!(post(node.http, "/chain/replace", &chain).await.status, 201);
    let second = read(&node, &format!("/blocks?limit=2&before={}", text(&first["next"]))).await;
    assert_eq!((heights(&second), &second["blocks"][0]["status"]), (vec![3, 2], &"side".into()));
    assert_eq!(first["blocks"][1]["previous"], second["blocks"][0]["hash"]);
    let last = read(&node, &format!("/blocks?before={}", text(&second["next"]))).await;
    assert_eq!((heights(&last), &last["next"]), (vec![1, 0], &Value::Null));
    assert_eq!(heights(&read(&node, "/blocks?before=3").await), [2, 1, 0]);
    assert_eq!(heights(&read(&node, "/blocks?before=0").await), Vec::<u64>::new());
    for bad in ["limit=0", "limit=101", "limit=x", "before=x"] {
        assert_eq!(refused(&node, &format!("/blocks?{bad}")).await, 400, "{bad}");
    }
    assert_eq!(refused(&node, "/blocks?before=99").await, 404);

    let tips = read(&node, "/tips").await;
    assert_eq!(tips["count"], 2);
    let end = |at: usize| {
        let tip = &tips["tips"][at];
        (tip["status"].clone(), tip["height"].clone(), tip["branch_length"].clone())
    };
    assert_eq!(end(0), ("active".into(), 7.into(), 0.into()));
    assert_eq!(end(1), ("side".into(), 5.into(), 5.into()));
    let tree = read(&node, "/tree?from=5&limit=2").await;
    let seen: Vec<_> = tree["blocks"].as_array().expect("a list").iter().collect();
    let seen: Vec<_> = seen.iter().map(|block| (block["height"].clone(), block["status"].clone())).collect();
    let expected: [(Value, Value); 3] =
        [(5.into(), "active".into()), (5.into(), "side".into()), (6.into(), "active".into())];
    assert_eq!(seen, expected);
    assert_eq!(read(&node, "/tree?limit=3").await["from"], 5, "the highest, if nobody says");
    let imported = read(&node, "/blocks/7").await;
    assert_eq!(imported["arrival"]["origin"], "imported");
}

#[tokio::test]
async fn a_transaction_is_followed_into_the_chain() {
    let node = node(1).await;
    let content = json!({ "base64": "/w==" });
    let answer = post(node.http, &v1("/transactions"), &content).await;
    let place = answer.header("location").expect("where it is").to_owned();
    let find = || async { get(node.http, &place).await.json() };
    let waiting = find().await;
    assert_eq!((&waiting["state"], &waiting["transaction"]["base64"]), (&"pool".into(), &"/w==".into()));
    assert_eq!(read(&node, "/transactions?limit=1").await["transactions"][0]["bytes"], waiting["bytes"]);
    mine(&node, 2).await;
    let mined = find().await;
    assert_eq!((&mined["state"], &mined["blocks"][0]["height"]), (&"chain".into(), &1.into()));
    assert_eq!(
        (&mined["blocks"][0]["depth"], read(&node, "/pool").await["count"].clone()),
        (&2.into(), 0.into())
    );
}

#[tokio::test]
async fn what_was_acknowledged_is_found_at_every_moment_of_its_way_into_the_chain() {
    let node = node(1).await;
    let miner = node.handle.clone();
    let mining = tokio::spawn(async move { while miner.command(Command::Mine(None)).await.is_ok() {} });
    for n in 0..100 {
        let content = json!({ "content": format!("number {n}") });
        let answer = post(node.http, &v1("/transactions"), &content).await;
        let place = answer.header("location").expect("where it is").to_owned();
        loop {
            let found = get(node.http, &place).await;
            assert_eq!(found.status, 200, "{n}: {found:?}");
            if found.json()["state"] == "chain" {
                break;
            }
        }
    }
    mining.abort();
}
