use core::time::Duration;

use serde_json::json;

use super::*;
use crate::cli::Failure;
use crate::cli::scenario::parse;
use crate::manager::view::Network;

fn parsed(text: &str) -> Result<Expect, Failure> {
    super::parse(&parse::words(text).expect("words"))
}

fn network() -> Network {
    let node = |number: usize, state: &str| {
        json!({"node": number, "id": "", "http": null, "p2p": "127.0.0.1:1", "pid": 1, "state": state,
               "restarts": 0, "ended": null, "height": 5 - number, "tip": "a", "peers": [1], "pool": number,
               "hashrate": 0, "mined": 0, "memory": null})
    };
    serde_json::from_value(json!({
        "manager": {"version": "0", "pid": 1, "http": "127.0.0.1:1", "started": 0.0, "data_dir": "x", "ephemeral": false},
        "rules": {"id": "", "text": "", "expected_hashes": "4096", "block_time": null},
        "verdict": {"condition": "forked", "text": "forked: 2 tips", "missing": [], "tips": [
            {"hash": "a", "height": 5, "work": "9", "nodes": [0]}, {"hash": "b", "height": 4, "work": "8", "nodes": [1]}]},
        "nodes": [node(0, "running"), node(1, "running"), node(2, "paused")],
        "links": [], "partition": null, "last_reorg": null, "events": {"run": 1, "seq": 1},
        "mining": {"mode": "off", "nodes": [], "hashrate": 0, "interval": null, "expected_seconds": null},
        "propagation": {"blocks": 0, "p50_ms": null, "p90_ms": null, "p95_ms": null, "p99_ms": null, "max_ms": null}
    }))
    .expect("a network")
}

#[test]
fn what_is_expected_is_held_against_what_is_there() {
    let seen = Seen {
        reorgs: vec![2, 1, 2],
        difficulty: Some(1024.0),
        chain: vec![vec![], vec!["hello".to_owned()], vec![]],
    };
    let rows = [
        ("forked", ""),
        ("in-sync", "forked: 2 tips"),
        ("tips 2", ""),
        ("tips 1", "tips 2 (forked: 2 tips)"),
        ("height 5 within 5s", ""),
        ("height > 5", "height 5"),
        ("pool 1", ""),
        ("pool >= 2", "pool 1"),
        ("node B height 4", ""),
        ("node 0 height <5", "height 5"),
        ("node C paused", ""),
        ("node A ended", "running"),
        ("node A peers 1", ""),
        ("node D height 1", "there is no node D"),
        ("reorg depth 2", ""),
        ("reorg depth 3", "reorgs of depth 1, 2"),
        ("contains hello", ""),
        ("contains hell", "the chain has \"hello\""),
        ("lacks hell", ""),
        ("lacks hello", "it has it, with 2 confirmations"),
        ("confirmations hello >= 2", ""),
        ("confirmations hello 3", "confirmations 2"),
        ("confirmations other 0", ""),
        ("difficulty rises", ""),
        ("difficulty falls", "4096 hashes a block, 1024 before"),
    ];
    for (text, found) in rows {
        let expect = parsed(text).unwrap_or_else(|failure| panic!("{text}: {failure}"));
        let checked = expect.what.check(&network(), &seen);
        assert_eq!(checked.err().unwrap_or_default(), found, "{text}");
    }
    let none = Seen::default();
    assert!(parsed("difficulty stays").expect("it").what.check(&network(), &none).is_ok());
    assert_eq!(
        parsed("reorg depth 1").expect("it").what.check(&network(), &none),
        Err("no reorg".to_owned())
    );
}

#[test]
fn what_cannot_be_expected_is_refused() {
    for bad in [
        "",
        "sync",
        "tips",
        "tips many",
        "tips 1 2 3",
        "height >= -1",
        "node A",
        "node é height 1",
        "node A happy",
        "reorg 2",
        "contains",
        "contains a b",
        "confirmations x",
        "difficulty",
        "in-sync within soon",
        "fails",
        "fails up -a 2",
        "fails because x",
        "fails nonsense",
        "within 5s",
        "height >=",
    ] {
        assert!(parsed(bad).is_err(), "{bad}");
    }
    for none in ["fails", "fails because x", "fails within 1s"] {
        assert_eq!(parsed(none).expect_err(none).error, "no command is named that is to fail");
    }
    assert_eq!(parsed("in-sync within 1500ms").expect("it").within, Duration::from_millis(1500));
    let because = |text: &str| match parsed(text).expect("it").what {
        What::Fails { because, .. } => because,
        other => panic!("{other:?}"),
    };
    assert_eq!(because("fails tamper A 1 lie"), "");
    assert_eq!(because("fails because BadMerkleRoot tamper A 1 lie"), "BadMerkleRoot");
}

#[test]
fn the_texts_of_a_chain_are_read_by_block() {
    let chain = json!({"chain": [{"content": [{"type": "coinbase", "note": "x"}]},
                                 {"content": [{"type": "coinbase"}, {"type": "content", "text": "hello"}]}]});
    assert_eq!(texts(&chain), [vec![], vec!["hello".to_owned()]]);
}
