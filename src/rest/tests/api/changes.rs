//! Changing: peers, the miner, the pool; and who may.

use serde_json::json;

use super::*;
use crate::net::clock::Clock;
use crate::node::view::Ban;
use crate::rest::api::ROUTES;
use crate::rest::cookie::Cookie;

/// (path, body, status)
#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused_and_says_why() {
    let node = node(1).await;
    let rows = [
        ("/mine", json!({ "count": 0 }), 400),
        ("/mine", json!({ "count": 1001 }), 400),
        ("/mine", json!({ "count": null }), 400),
        ("/mine", json!({ "content": "a", "base64": "/w==" }), 400),
        ("/mine", json!({ "text": "a" }), 400),
        ("/mine?timeout=x", json!({}), 400),
        ("/mining", json!({}), 400),
        ("/mining", json!({ "hashrate": -1 }), 400),
        ("/mining", json!({ "hashrate": 1u64 << 53 }), 400),
        ("/transactions", json!({}), 400),
        ("/transactions", json!({ "content": null }), 400),
        ("/transactions", json!({ "content": "a" }).to_string().into(), 400),
        ("/transactions", json!({ "content": "x".repeat(64 * 1024 + 1) }), 413),
        ("/peers", json!({ "address": "127.0.0.1:0" }), 400),
        ("/peers", json!({ "address": "here" }), 400),
        ("/peers", json!({ "address": node.listen }), 409),
    ];
    for (path, body, status) in rows {
        let answer = post(node.http, &v1(path), &body).await;
        assert_eq!(answer.status, status, "{path} {answer:?}");
        assert!(!text(&answer.json()["detail"]).is_empty(), "{path}");
    }
    assert_eq!(read(&node, "/tip").await["height"], 0, "nothing was mined");
}

#[tokio::test]
async fn blocks_are_mined_one_after_the_other() {
    let node = node(1).await;
    let answer = post(node.http, &v1("/mine"), &json!({ "content": "first", "count": 3 })).await.json();
    let heights: Vec<_> = answer["blocks"].as_array().expect("a list").iter().map(|b| &b["height"]).collect();
    assert_eq!(heights, [1, 2, 3]);
    assert_eq!(read(&node, "/blocks/1").await["transactions"][1]["text"], "first");
    assert_eq!(read(&node, "/blocks/2").await["transaction_count"], 1);
    assert_eq!(call(node.http, "POST", &v1("/mine"), "").await.json()["blocks"][0]["height"], 4);
    // Nobody finds 60 zero bits.
    let hard = node_with(2, Params::lab(60, None).expect("good rules"), Settings::recommended()).await;
    let late = call(hard.http, "POST", &v1("/mine?timeout=0"), "").await;
    assert_eq!((late.status, &late.json()["blocks"]), (504, &json!([])));
    assert_eq!(read(&hard, "/mining").await["mode"], "off", "it does not go on for nobody");
    let set = post(hard.http, &v1("/mining"), &json!({ "hashrate": 100 })).await.json();
    assert_eq!((&set["mode"], &set["hashrate"]), (&"background".into(), &100.into()));
    assert_eq!(post(hard.http, &v1("/mining"), &json!({ "hashrate": 0 })).await.json()["mode"], "off");
}

#[tokio::test]
async fn who_is_kept_out_is_seen_and_let_in_again() {
    let until = Clock::wall().plus(Duration::from_secs(3600));
    let ban = |host: &str| Ban { host: host.parse().expect("an address"), until, why: "a lie".to_owned() };
    let bans = vec![ban("10.0.0.1"), ban("2001:db8::")];
    let remembered = Remembered { bans, ..Default::default() };
    let params = Params::regtest();
    let loaded = Loaded::empty(params.genesis_hash());
    let node = node_that_knows(1, params, Settings::recommended(), None, loaded, remembered).await;
    let listed = read(&node, "/bans").await;
    let seconds = until.millis() as f64 / 1000.0;
    let first = json!({ "host": "10.0.0.1", "until": seconds, "why": "a lie" });
    assert_eq!((&listed["count"], &listed["bans"][0]), (&2.into(), &first));
    let metric = |count: usize| format!("\np2pnode_banned_hosts {count}\n");
    assert!(get(node.http, "/metrics").await.body.contains(&metric(2)));
    let rows =
        [("10.0.0.1", 200), ("10.0.0.1", 404), ("2001%3adb8::7", 200), ("nobody", 400), ("10.0.0.1:80", 400)];
    for (host, status) in rows {
        let answer = call(node.http, "DELETE", &v1(&format!("/bans/{host}")), "").await;
        assert_eq!(answer.status, status, "{host} {answer:?}");
    }
    assert_eq!(read(&node, "/bans").await, json!({ "bans": [], "count": 0 }));
    assert!(get(node.http, "/metrics").await.body.contains(&metric(0)));
}

#[tokio::test]
async fn a_peer_is_met_seen_and_dropped() {
    let (a, b) = (node(1).await, node(2).await);
    let answer = post(a.http, &v1("/peers"), &json!({ "address": b.listen })).await;
    assert_eq!((answer.status, &answer.json()["address"]), (202, &json!(b.listen)));
    let met = async {
        loop {
            let peers = read(&a, "/peers").await;
            if peers["count"] == 1 {
                return peers["peers"][0].clone();
            }
            tokio::task::yield_now().await;
        }
    };
    let peer = timeout(SOON, met).await.expect("they meet");
    assert_eq!((&peer["node"], &peer["direction"]), (&b.id.to_string().into(), &"outbound".into()));
    assert!(peer["bytes_sent"].as_u64() > Some(0) && peer["since"].as_f64() > Some(1e9), "{peer}");
    mine(&b, 1).await;
    let heard = async {
        while read(&a, "/peers").await["peers"][0]["height"] != 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, heard).await.expect("its block comes");
    let arrival = read(&a, "/blocks/1").await["arrival"].clone();
    assert_eq!(arrival["from"], b.id.to_string(), "{arrival}");
    assert!(["pushed", "requested", "compact"].contains(&text(&arrival["origin"])), "{arrival}");
    let place = v1(&format!("/peers/{}", peer["id"]));
    assert_eq!(call(a.http, "DELETE", &place, "").await.status, 200);
    assert_eq!(read(&a, "/peers").await["count"], 0);
    assert_eq!(call(a.http, "DELETE", &place, "").await.status, 404);
    assert_eq!(call(a.http, "DELETE", &v1("/peers/nobody"), "").await.status, 400);
}

#[tokio::test]
async fn reads_are_open_and_changes_need_the_cookie() {
    let folder = tempfile::tempdir().expect("a folder");
    let cookie = Cookie::create(&folder.path().join("cookie"), [7; 32]).expect("written");
    let opened = Opened { cookie, names: Vec::new() };
    let node = opened_node(1, Params::regtest(), Settings::recommended(), Some(opened)).await;
    for route in ROUTES.iter().filter(|route| !route.path.ends_with("/events")) {
        let path = route.path.replace("{id}", "0").replace("{transaction}", "0");
        // Some answer with bytes.
        let bytes = raw(node.http, request(route.method, &path, "", "").as_bytes()).await;
        let refused = bytes.starts_with(b"HTTP/1.1 401 ");
        assert_eq!(refused, route.method != "GET", "{} {path}", route.method);
    }
    let header = format!("Authorization: Bearer {}\r\n", "07".repeat(32));
    let bytes = raw(node.http, request("POST", &v1("/mine"), &header, "").as_bytes()).await;
    assert_eq!(Answer::parse(&bytes).expect("an answer").status, 200);
}
