//! Links: the shapes that a network can have, and links that are cut or slow.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Network, call, done, read, request, run, written};

fn ends(http: &str) -> Vec<(u64, u64)> {
    let links = read(http, "/network")["links"].clone();
    let end = |link: &Value, name: &str| link[name].as_u64().expect("a node");
    links.as_array().expect("links").iter().map(|link| (end(link, "a"), end(link, "b"))).collect()
}

#[test]
fn a_network_has_the_links_that_were_asked_for_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("links");
    std::fs::write(&file, "# a kite\n0 1\n1-2\n2 0\n2 - 3\n").expect("a file");
    let network = Network::start(&["-a", "4", "--topology", file.to_str().expect("UTF-8")]);
    let http = network.http();
    assert_eq!(ends(&http), [(0, 1), (0, 2), (1, 2), (2, 3)]);
    done(&http, "/mine", &json!({ "node": 3 }));
    assert_eq!(ends(&http), [(0, 1), (0, 2), (1, 2), (2, 3)], "nobody dials by itself");
    network.signal(Signal::TERM);
    assert_eq!(network.end().status.code(), Some(0));
    std::fs::write(&file, "0 1\n2 3").expect("a file");
    let ended = run(folder.path(), &["-a", "4", "--topology", file.to_str().expect("UTF-8")]);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.error);
    assert!(ended.error.contains("the links leave the network in 2 pieces: 0,1 / 2,3"), "{}", ended.error);
    assert!(ended.error.contains("hint: add links between them"), "{}", ended.error);
}

/// The tips differ for as long as the slow link takes, and longer than a heal waits for them.
#[test]
fn who_waits_for_a_heal_keeps_nobody_else_waiting() {
    let network = Network::start(&["-a", "3", "--topology", "line"]);
    let http = network.http();
    done(&http, "/links", &json!({ "a": 0, "b": 1, "latency_ms": 60_000 }));
    assert_eq!(request("POST", &http, "/node/0/mine").0, 200);
    let healing = std::thread::spawn({
        let http = http.clone();
        move || done(&http, "/heal?links=keep", &json!({}))
    });
    let log = network.folder.path().join("logs/manager.log");
    written(&log, "healing");
    let link = done(&http, "/links", &json!({ "a": 1, "b": 2, "latency_ms": 5 }));
    assert_eq!(link["latency_ms"], 5.0);
    assert!(!healing.is_finished(), "another link is no business of the heal");
    // Whoever cuts something again ends it.
    done(&http, "/partition", &json!({ "halves": true }));
    assert_ne!(healing.join().expect("an answer")["partition"], Value::Null);
}

#[test]
fn a_block_takes_as_long_as_the_slow_links_on_its_way() {
    let network = Network::start(&["-a", "3", "--topology", "line"]);
    let http = network.http();
    let link = done(&http, "/links", &json!({ "a": 1, "b": 0, "latency_ms": 60, "jitter_ms": 10 }));
    let expected = json!({ "a": 0, "b": 1, "up": true, "cut": false, "latency_ms": 60.0, "jitter_ms": 10.0, "loss": 0.0 });
    assert_eq!(link, expected);
    done(&http, "/links", &json!({ "a": 1, "b": 2, "latency_ms": 40 }));
    let mined = done(&http, "/mine", &json!({ "node": 0 }));
    let hash = mined["blocks"][0]["hash"].as_str().expect("a hash").to_owned();
    let report = read(&http, &format!("/blocks/{hash}"));
    let arrivals = report["arrivals"].as_array().expect("arrivals");
    let after: Vec<f64> =
        arrivals.iter().map(|arrival| arrival["after_ms"].as_f64().expect("a time")).collect();
    assert_eq!(
        arrivals.iter().map(|arrival| arrival["node"].as_u64()).collect::<Vec<_>>(),
        [Some(0), Some(1), Some(2)]
    );
    assert!(after[1] >= 50.0 && after[2] >= after[1] + 40.0, "{report}");
    assert_eq!(arrivals[2]["from"], 1, "{report}");
    let spread = read(&http, "/propagation?limit=1");
    assert!(spread["blocks"][0]["to_100_ms"].as_f64() >= Some(90.0), "{spread}");
    // Kept, or not.
    let healed = request("POST", &http, "/api/v1/heal?links=keep").1;
    assert!(healed.contains("\"latency_ms\":60.0"), "{healed}");
    let healed = done(&http, "/heal", &json!({}));
    assert!(
        healed["links"].as_array().is_some_and(|links| links.iter().all(|link| link["latency_ms"] == 0.0))
    );
}

#[test]
fn links_are_cut_and_made_by_hand() {
    let network = Network::start(&["-a", "4", "--topology", "line"]);
    let http = network.http();
    assert_eq!(request("DELETE", &http, "/api/v1/links/0/3").0, 404);
    assert_eq!(request("DELETE", &http, "/api/v1/links/2/1").0, 200);
    let apart = read(&http, "/network");
    assert_eq!((&apart["verdict"]["condition"], &apart["partition"]), (&"partitioned".into(), &Value::Null));
    done(&http, "/mine", &json!({ "node": 0 }));
    assert_eq!(read(&http, "/nodes/2")["height"], 0);
    // Around the cut.
    let link = done(&http, "/links", &json!({ "a": 0, "b": 3 }));
    assert_eq!((&link["up"], &link["cut"]), (&true.into(), &false.into()));
    done(&http, "/mine", &json!({ "node": 0 }));
    assert_eq!(read(&http, "/nodes/2")["height"], 2);
    assert_eq!(done(&http, "/links", &json!({ "a": 1, "b": 2 }))["up"], true, "it is mended as well");
    done(&http, "/partition", &json!({ "groups": [[0, 1]] }));
    let (status, problem) = call(&http, "/links", &json!({ "a": 0, "b": 3 }));
    assert_eq!((status, &problem["hint"]), (409, &"POST /api/v1/heal ends it".into()), "{problem}");
}
