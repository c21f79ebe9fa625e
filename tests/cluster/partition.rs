//! Two halves that go their own ways, and meet again.

use serde_json::{Value, json};

use crate::harness::{Events, Network, done, get, read, until};

fn tips(verdict: &Value) -> Vec<usize> {
    let tips = verdict["tips"].as_array().expect("tips").iter();
    tips.map(|tip| tip["nodes"].as_array().expect("nodes").len()).collect()
}

#[test]
fn halves_fork_and_agree_again_and_what_was_lost_is_mined_again() {
    let mut network = Network::start(&["-a", "6"]);
    let http = network.http();
    let mut events = Events::of(&http, None);
    let apart = done(&http, "/partition", &json!({ "halves": true }));
    assert_eq!(apart["partition"], json!([[0, 1, 2], [3, 4, 5]]));
    assert_eq!(apart["verdict"]["condition"], "partitioned", "{}", apart["verdict"]);
    let crossing = |link: &Value| (link["a"].as_u64() < Some(3)) != (link["b"].as_u64() < Some(3));
    for link in apart["links"].as_array().expect("links") {
        assert_eq!(
            (&link["cut"], &link["up"]),
            (&crossing(link).into(), &(!crossing(link)).into()),
            "{link}"
        );
    }
    assert_eq!(events.until(|event| event["type"] == "partition")["groups"], apart["partition"]);

    let sent = done(&http, "/transactions", &json!({ "content": "lost and found", "node": 3 }));
    let lost = done(&http, "/mine", &json!({ "node": 3, "count": 2 }));
    let won = done(&http, "/mine", &json!({ "node": 0, "count": 3 }));
    let (lost, won) = (&lost["blocks"][1]["hash"], &won["blocks"][2]["hash"]);
    let forked = read(&http, "/network");
    assert_eq!(forked["verdict"]["condition"], "forked", "{}", forked["verdict"]);
    assert_eq!(tips(&forked["verdict"]), [3, 3]);
    let text = forked["verdict"]["text"].as_str().expect("a text");
    assert!(text.contains("forked: 2 tips, 3 nodes to 3; partitioned 3 to 3"), "{text}");
    let tree = read(&http, "/tree");
    let blocks = tree["blocks"].as_array().expect("blocks");
    assert_eq!(blocks.len(), 1 + 2 + 3, "genesis, and both branches: {tree}");
    let of = |hash: &Value| blocks.iter().find(|block| block["hash"] == *hash).expect("it is in the tree");
    assert_eq!((&of(won)["branch"], &of(won)["tip_of"]), (&"best".into(), &json!([0, 1, 2])));
    assert_eq!((&of(lost)["branch"], &of(lost)["tip_of"]), (&"side".into(), &json!([3, 4, 5])));
    let text = blocks.iter().find(|block| block["text"] == "lost and found").expect("its text is shown");
    assert_eq!((&text["miner"], &text["held_by"]), (&3.into(), &json!([3, 4, 5])));

    let healed = done(&http, "/heal", &json!({}));
    assert_eq!(healed["partition"], Value::Null);
    assert_eq!(healed["verdict"]["condition"], "in-sync", "{}", healed["verdict"]);
    assert_eq!(healed["verdict"]["tips"][0]["hash"], *won);
    assert!(healed["links"].as_array().is_some_and(|links| links.iter().all(|link| link["up"] == true)));
    let begin = events.until(|event| event["type"] == "partition")["time"].as_f64().expect("a time");
    let mut reorgs = Vec::new();
    let mut last = begin;
    while reorgs.len() < 3 {
        let reorg = events.until(|event| event["type"] == "reorg");
        assert_eq!((&reorg["depth"], &reorg["old"]["hash"], &reorg["new"]["hash"]), (&2.into(), lost, won));
        assert_eq!(reorg["returned"], json!({ "ids": [sent["id"]], "count": 1 }), "{reorg}");
        reorgs.push(reorg["node"].as_u64().expect("a node"));
        last = last.max(reorg["time"].as_f64().expect("a time"));
    }
    reorgs.sort_unstable();
    assert_eq!(reorgs, [3, 4, 5]);
    println!("one tip {:.0} ms after the heal", (last - begin) * 1000.0);
    assert!(last - begin < 5.0, "healing is no matter of pauses between dials");
    let all = &read(&http, "/network")["last_reorg"];
    let said = ["nodes", "depth", "gained", "returned"].map(|name| all[name].clone());
    assert_eq!(said, [json!([3, 4, 5]), json!(2), json!(3), json!(1)], "{all}");
    assert_eq!((&all["old"], &all["new"]), (lost, won));

    // Its terminal told of it, too: of the reorganisation once, however many nodes went through it.
    network.hears("partition: A B C / D E F");
    network.hears("partition: healed");
    let told = network.hears_of("a reorganisation", |line| line.contains("gave up 2 blocks"));
    assert!(told.starts_with("reorg: ") && told.contains(", 1 content back"), "{told}");

    // It waits again, and is mined again.
    until("the content waits", || read(&http, "/nodes/3")["pool"] == 1);
    done(&http, "/mine", &json!({ "node": 3 }));
    let id = sent["id"].as_str().expect("an id");
    let found = get(&http, &format!("/node/5/api/v1/transactions/{id}")).1;
    assert_eq!((&found["state"], &found["blocks"][0]["height"]), (&"chain".into(), &4.into()), "{found}");
}

#[test]
fn everybody_has_a_turn_in_a_partition_too() {
    let network = Network::start(&["-a", "4"]);
    let http = network.http();
    done(&http, "/partition", &json!({ "groups": [[0, 1], [2, 3]] }));
    let (status, mined) = get(&http, "/start/mining?rounds=1");
    assert_eq!((status, &mined["requests"], &mined["length"]), (200, &4.into(), &3.into()), "{mined}");
    let places: Vec<(&Value, &Value)> = mined["blocks"]
        .as_array()
        .expect("blocks")
        .iter()
        .map(|block| (&block["node"], &block["index"]))
        .collect();
    let expected = [(0, 2), (1, 3), (2, 2), (3, 3)].map(|(node, index)| (json!(node), json!(index)));
    assert_eq!(places, expected.iter().map(|(node, index)| (node, index)).collect::<Vec<_>>());
    assert_eq!(mined["apart"], json!([[0, 1], [2, 3]]), "{mined}");
    assert_eq!(mined["hint"], "POST /api/v1/heal ends it");

    done(&http, "/heal", &json!({}));
    let (status, mined) = get(&http, "/start/mining?rounds=1");
    assert_eq!((status, &mined["apart"], &mined["hint"]), (200, &Value::Null, &Value::Null), "{mined}");
    assert_eq!(tips(&read(&http, "/network")["verdict"]), [4], "whole again, all have all");
}

#[test]
fn a_node_that_returns_or_is_added_in_a_partition_stays_in_its_group() {
    let network = Network::start(&["-a", "4", "--ephemeral"]);
    let http = network.http();
    done(&http, "/partition", &json!({ "groups": [[0, 1]] }));
    done(&http, "/mine", &json!({ "node": 0 }));
    // Under another name than before: those who are kept from it have to know it.
    let before = read(&http, "/nodes/1")["id"].clone();
    let again = done(&http, "/nodes/1/restart", &json!({}));
    assert_ne!(again["id"], before);
    assert_eq!((&again["peers"], &again["height"]), (&json!([0]), &1.into()));
    let added = done(&http, "/nodes", &json!({}));
    assert_eq!((&added["nodes"][0]["node"], &added["nodes"][0]["peers"]), (&4.into(), &json!([2, 3])));
    let apart = read(&http, "/network");
    assert_eq!(apart["partition"], json!([[0, 1], [2, 3, 4]]));
    let healed = done(&http, "/heal", &json!({}));
    assert_eq!(healed["verdict"]["text"], "in sync: 5 nodes at height 1");
    assert_eq!(read(&http, "/nodes/4")["peers"], json!([0, 1, 2, 3]));
}
