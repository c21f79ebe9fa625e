//! The manager's API, call by call: what is refused, what is told, what is passed on.

use serde_json::{Value, json};

use p2pnode::limits::MAX_MINING_QUEUE;

use crate::harness::{Events, Network, call, done, get, raw, read, request, send, until};

#[test]
fn calls_that_make_no_sense_say_why() {
    let network = Network::start(&["-a", "2"]);
    let http = network.http();
    let rows: [(&str, &str, &str, u16, &str); 33] = [
        ("GET", "/networks", "", 404, "/api/v1/network"),
        ("GET", "/nodes/7", "", 404, "there is no node H (7): there are nodes A to B"),
        ("GET", "/nodes/x", "", 404, "a node is named by its number"),
        ("POST", "/nodes/7/kill", "", 404, "there is no node H"),
        ("DELETE", "/nodes/0", "", 405, "this path answers GET, HEAD"),
        ("GET", "/mine", "", 405, "this path answers POST"),
        ("HEAD", "/events", "", 405, ""),
        ("POST", "/nodes", "{\"count\":", 400, "the body is not what is expected"),
        ("POST", "/nodes/0/resume", "", 409, "node A is not paused"),
        ("GET", "/blocks/x", "", 400, "expected a block's hash or height"),
        ("GET", "/blocks/99", "", 404, "no node told of a block"),
        ("GET", "/tree?limit=0", "", 400, "expected a whole number from 1 to 1000"),
        ("GET", "/propagation?limit=1001", "", 400, "limit=1001"),
        ("POST", "/mine", "{\"node\":5}", 404, "there is no node F"),
        ("POST", "/mine", "{\"count\":0}", 400, "count 0"),
        ("POST", "/mine?timeout=soon", "", 400, "timeout=soon"),
        ("POST", "/mining", "{\"mode\":\"often\"}", 400, "unknown variant"),
        ("POST", "/mining", "{\"mode\":\"background\",\"hashrate\":0}", 400, "hashrate 0"),
        ("POST", "/mining", "{\"mode\":\"background\",\"hashrate\":1}", 400, "one for each node"),
        (
            "POST",
            "/mining",
            "{\"mode\":\"interval\",\"hashrate\":5}",
            400,
            "hashrate is of the mode \"background\"",
        ),
        (
            "POST",
            "/mining",
            "{\"interval\":5}",
            400,
            "interval is of the mode \"interval\" alone, and the mode is",
        ),
        ("POST", "/nodes/0/kill", "{\"after\":5}", 400, "unknown field"),
        ("POST", "/shutdown", "{\"force\":true}", 400, "unknown field"),
        ("POST", "/mining", "{\"nodes\":[2]}", 404, "there is no node C"),
        ("POST", "/transactions", "{}", 400, "expected {\"content\""),
        ("POST", "/transactions", "{\"content\":null}", 400, "expected {\"content\""),
        ("POST", "/partition", "{}", 400, "expected two groups"),
        ("POST", "/partition", "{\"groups\":[[0],[0]]}", 400, "node A is in two groups"),
        ("POST", "/heal?links=all", "", 400, "links=all"),
        ("POST", "/links", "{\"a\":0,\"b\":0}", 400, "a link has two ends"),
        ("POST", "/links", "{\"a\":0,\"b\":1,\"latency_ms\":1,\"jitter_ms\":2}", 400, "jitter_ms 2"),
        ("GET", "/logs?since=soon", "", 400, "since=soon"),
        ("GET", "/events?after=x", "", 400, "expected the id of an event"),
    ];
    for (method, path, body, status, why) in rows {
        let (got, answer) = send(method, &http, &format!("/api/v1{path}"), body);
        assert_eq!(got, status, "{method} {path} {body}: {answer}");
        let problem: Value = serde_json::from_str(&answer).unwrap_or_default();
        assert!(problem["detail"].as_str().unwrap_or_default().contains(why), "{method} {path}: {answer}");
    }
    // A block that takes too long: nobody waits longer than was said.
    let hard = Network::start(&["-a", "1", "--difficulty", "60"]);
    let (status, problem) = call(&hard.http(), "/mine?timeout=0", &json!({ "node": 0 }));
    assert_eq!((status, &problem["node"], &problem["blocks"]), (504, &0.into(), &json!([])), "{problem}");
    // Of many that want one at once, those for whom there is no room are told to come again.
    let calls: Vec<_> = (0..MAX_MINING_QUEUE + 5)
        .map(|_| {
            let http = hard.http();
            std::thread::spawn(move || call(&http, "/mine?timeout=3", &json!({ "node": 0 })))
        })
        .collect();
    let answers: Vec<(u16, Value)> = calls.into_iter().map(|call| call.join().expect("an answer")).collect();
    let busy: Vec<&Value> =
        answers.iter().filter(|(status, _)| *status == 503).map(|(_, problem)| problem).collect();
    assert!(answers.iter().all(|(status, _)| [503, 504].contains(status)), "{answers:?}");
    assert!(!busy.is_empty() && busy.iter().all(|problem| problem["hint"].is_string()), "{answers:?}");
}

#[test]
fn events_are_told_to_those_who_come_back() {
    let network = Network::start(&["-a", "2"]);
    let http = network.http();
    let position = read(&http, "/network")["events"].clone();
    let (run, seq) =
        (position["run"].as_u64().expect("a number"), position["seq"].as_u64().expect("a number"));
    let mined = done(&http, "/mine", &json!({ "node": 0, "content": "hello" }));
    let hash = &mined["blocks"][0]["hash"];
    let mut events = Events::of(&http, Some(&format!("{run}.{seq}")));
    let mut expected = seq + 1;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let event = events.next();
        assert_eq!(event["seq"], expected, "{event}");
        expected += 1;
        if event["type"] == "block" {
            assert_eq!((&event["hash"], &event["miner"], &event["text"]), (hash, &0.into(), &"hello".into()));
            seen.push((event["node"].as_u64(), event["from"].as_u64(), event["time"].as_f64()));
        }
    }
    // Of two nodes, either may be heard first.
    seen.sort_by_key(|seen| seen.0);
    assert_eq!((seen[0].0, seen[0].1, seen[1].0, seen[1].1), (Some(0), None, Some(1), Some(0)));
    assert!(seen[0].2 < seen[1].2, "times are of one clock: {seen:?}");
    // On a busy machine it may be on its way for long enough to be told of that, too.
    events.until(|event| {
        event["type"] == "verdict" && event["condition"] == "in-sync" && event["tips"][0]["hash"] == *hash
    });
    done(&http, "/mining", &json!({ "mode": "interval", "interval": 3600 }));
    assert_eq!(events.until(|event| event["type"] == "mining_set")["mode"], "interval");
    // One of another run is told that it is.
    let mut events = Events::of(&http, Some("1.5"));
    assert_eq!(events.next()["seq"], 1);
}

#[test]
fn blocks_come_as_the_mode_says() {
    let network = Network::start(&["-a", "2"]);
    let http = network.http();
    let height = || read(&http, "/nodes/1")["height"].as_u64().expect("a height");
    let mining = done(&http, "/mining", &json!({ "mode": "auto" }));
    assert_eq!(
        (&mining["mode"], &mining["nodes"], &mining["expected_seconds"]),
        (&"auto".into(), &json!([0, 1]), &Value::Null)
    );
    done(&http, "/transactions", &json!({ "content": "to be mined at once", "node": 1 }));
    until("it is mined", || height() == 1);
    until("nothing waits", || [0, 1].iter().all(|node| read(&http, &format!("/nodes/{node}"))["pool"] == 0));
    assert_eq!(height(), 1, "one block is enough");
    let mining = done(&http, "/mining", &json!({ "mode": "interval", "interval": 0.02, "nodes": [1] }));
    assert_eq!((&mining["expected_seconds"], &mining["nodes"]), (&0.02.into(), &json!([1])));
    until("some blocks", || height() >= 4);
    let mining = done(&http, "/mining", &json!({ "mode": "off" }));
    assert_eq!(
        (&mining["mode"], &mining["nodes"], &mining["hashrate"]),
        (&"off".into(), &json!([]), &0.into())
    );
    assert!(read(&http, "/nodes/1")["mined"].as_u64() >= Some(3));
    let mining = done(&http, "/mining", &json!({ "mode": "background", "hashrate": 5001, "nodes": [] }));
    assert_eq!(mining["hashrate"], 5001);
    let rates: Vec<Value> =
        (0..2).map(|node| get(&http, &format!("/node/{node}/api/v1/mining")).1["hashrate"].clone()).collect();
    assert_eq!(rates, [2501, 2500]);
    done(&http, "/nodes/1/restart", &json!({}));
    assert_eq!(get(&http, "/node/1/api/v1/mining").1["hashrate"], 2500, "who returns mines as before");
}

#[test]
fn a_rate_that_was_set_at_a_node_itself_is_seen_and_stays_until_mining_is_set_for_all() {
    let network = Network::start(&["-a", "3"]);
    let http = network.http();
    let rates = || -> Vec<Value> {
        let nodes = read(&http, "/nodes");
        nodes["nodes"].as_array().expect("nodes").iter().map(|node| node["hashrate"].clone()).collect()
    };
    let set = |node: usize, hashrate: u64| {
        let body = json!({ "hashrate": hashrate }).to_string();
        assert_eq!(send("POST", &http, &format!("/node/{node}/api/v1/mining"), &body).0, 200);
        until("the manager heard of it", || rates()[node] == hashrate);
    };
    let mining = done(&http, "/mining", &json!({ "mode": "background", "hashrate": 30 }));
    assert_eq!((&mining["hashrate"], &mining["own"]), (&30.into(), &Value::Null));
    set(2, 500);
    let mining = read(&http, "/mining");
    assert_eq!((&mining["hashrate"], &mining["nodes"]), (&520.into(), &json!([0, 1, 2])));
    assert_eq!(mining["own"], json!([{ "node": 2, "hashrate": 500 }]));
    assert_eq!(mining["expected_seconds"], 256.0 / 520.0);
    done(&http, "/nodes/2/restart", &json!({}));
    assert_eq!(get(&http, "/node/2/api/v1/mining").1["hashrate"], 500, "it is told so again");
    assert_eq!(rates(), [10, 10, 500]);
    done(&http, "/nodes", &json!({}));
    assert_eq!(rates(), [8, 8, 500, 7], "and by those who share the rest it is left alone");
    let mining = done(&http, "/mining", &json!({ "mode": "off" }));
    assert_eq!((&mining["hashrate"], &mining["expected_seconds"]), (&0.into(), &Value::Null));
    assert_eq!(
        (rates(), get(&http, "/node/2/api/v1/mining").1["hashrate"].clone()),
        (vec![json!(0); 4], json!(0))
    );
    set(1, 1000);
    let mining = read(&http, "/mining");
    let said = ["mode", "hashrate", "expected_seconds"].map(|member| mining[member].clone());
    assert_eq!(said, [json!("off"), json!(1000), json!(0.256)], "somebody mines nevertheless");
}

#[test]
fn a_nodes_own_http_is_at_the_manager_too() {
    let network = Network::start(&["-a", "2"]);
    let (http, nodes) = (network.http(), network.nodes("http"));
    assert_eq!(get(&http, "/node/1/node/id"), get(&nodes[1], "/node/id"));
    let (status, mined) = send("POST", &http, "/node/1/api/v1/mine", "{\"content\":\"by the way\"}");
    assert_eq!(status, 200, "{mined}");
    assert_eq!(get(&nodes[1], "/chain").1["length"], 2);
    until("the other has it", || get(&http, "/node/0/api/v1/tip").1["height"] == 1);
    assert_eq!(get(&http, "/node/1/api/v1/tree?limit=1").1["from"], 1, "the query goes along");
    assert_eq!(request("HEAD", &http, "/node/1/api/v1/tip").1, "");
    let (status, problem) = get(&http, "/node/1/nothing");
    assert_eq!((status, &problem["status"]), (404, &404.into()));
    assert_eq!(get(&http, "/node/2/chain").0, 404);
    assert_eq!(get(&http, "/node/x/chain").0, 404);
    // What leads on leads on through here: from the page's folder, and to a place that an answer names.
    for (path, status, place) in [
        ("/node/1", "308", "/node/1/".to_owned()),
        ("/node/1?tab=2", "308", "/node/1/?tab=2".to_owned()),
        ("/node/1/", "200", String::new()),
    ] {
        let answer = raw(&http, &format!("GET {path} HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
        assert_eq!(header(&answer, "location").unwrap_or_default(), place, "{path}");
    }
    let body = "{\"content\":\"where is it?\"}";
    let head = format!("Host: {http}\r\nConnection: close\r\nContent-Length: {}", body.len());
    let sent = raw(&http, &format!("POST /node/1/api/v1/transactions HTTP/1.1\r\n{head}\r\n\r\n{body}"));
    let place = header(&sent, "location").unwrap_or_else(|| panic!("a place: {sent}"));
    assert_eq!(get(&http, place).1["state"], "pool", "{place}");
    // A body that breaks off is whose it is, here as there.
    for (address, path) in [(&http, "/node/1/transactions"), (&nodes[1], "/transactions")] {
        let head = format!("Host: {address}\r\nConnection: close\r\nTransfer-Encoding: chunked");
        let answer = raw(address, &format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\nnonsense\r\n"));
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("the body broke off"), "{answer}");
    }
    // An answer without end ends with who asked.
    let mut stream = std::net::TcpStream::connect(&http).expect("it listens");
    let asked =
        format!("GET /node/0/api/v1/events HTTP/1.1\r\nHost: {http}\r\nOrigin: http://{http}\r\n\r\n");
    std::io::Write::write_all(&mut stream, asked.as_bytes()).expect("a request");
    let mut head = [0; 15];
    std::io::Read::read_exact(&mut stream, &mut head).expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200 OK");
}

/// In the moments in which a node ends, too.
#[test]
fn a_node_answers_or_is_said_not_to_run() {
    let network = Network::start(&["-a", "2"]);
    let http = network.http();
    for deed in ["stop", "kill", "stop"] {
        let ending = std::thread::spawn({
            let http = http.clone();
            move || done(&http, &format!("/nodes/1/{deed}"), &json!({}))
        });
        loop {
            let (status, answer) = get(&http, "/node/1/api/v1/tip");
            assert!([200, 409].contains(&status), "{deed}: {status} {answer}");
            if status == 409 {
                break;
            }
        }
        ending.join().expect("done");
        done(&http, "/nodes/1/restart", &json!({}));
    }
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let lines = answer.lines().filter_map(|line| line.split_once(": "));
    lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[test]
fn logs_are_one() {
    let network = Network::start(&["-a", "2"]);
    let http = network.http();
    done(&http, "/mine", &json!({ "node": 1 }));
    let (status, all) = request("GET", &http, "/api/v1/logs");
    assert_eq!(status, 200);
    for who in ["manager ", "node-000 ", "node-001 "] {
        assert!(all.lines().any(|line| line.starts_with(who)), "{who}: {all}");
    }
    let times: Vec<&str> =
        all.lines().filter_map(|line| line.split(' ').nth(1)).filter(|t| t.starts_with("20")).collect();
    assert!(times.len() > 3 && times.is_sorted(), "{all}");
    let mined = request("GET", &http, "/api/v1/logs?node=manager&grep=mined%20on&limit=5").1;
    assert!(mined.lines().count() == 1 && mined.contains("mined on request"), "{mined}");
    assert_eq!(request("GET", &http, "/api/v1/logs?since=2999-01-01T00:00:00Z").1, "");
    // Whoever follows is told of what is logged next.
    let mut stream = std::net::TcpStream::connect(&http).expect("it listens");
    let asked = format!("GET /api/v1/logs?follow=true&limit=0&grep=mined HTTP/1.1\r\nHost: {http}\r\n\r\n");
    std::io::Write::write_all(&mut stream, asked.as_bytes()).expect("a request");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(stream)).map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("HTTP/1.1 200 OK"));
    done(&http, "/mine", &json!({ "node": 0 }));
    assert!(lines.any(|line| line.contains("manager ") && line.contains("mined on request")));

    // There are 64 places for those.
    let asked = format!("GET /api/v1/logs?follow=true&limit=0 HTTP/1.1\r\nHost: {http}\r\n\r\n");
    let follow = || {
        let mut stream = std::net::TcpStream::connect(&http).expect("it listens");
        std::io::Write::write_all(&mut stream, asked.as_bytes()).expect("a request");
        let mut head = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut head).expect("an answer");
        (stream, String::from_utf8_lossy(&head).into_owned())
    };
    let followers: Vec<_> = (1..64).map(|_| follow()).collect();
    assert!(followers.iter().all(|(_, head)| head == "HTTP/1.1 200"));
    assert_eq!(follow().1, "HTTP/1.1 503");
    assert_eq!(get(&http, "/healthz").0, 200);
    drop(followers);
    until("a place is free", || follow().1 == "HTTP/1.1 200");
}

#[test]
fn a_network_says_how_it_is_to_probes_and_scrapers() {
    let network = Network::start(&["-a", "2"]);
    let http = network.http();
    done(&http, "/mine", &json!({ "count": 2 }));
    assert_eq!(get(&http, "/healthz"), (200, json!({ "status": "ok" })));
    assert_eq!(get(&http, "/readyz"), (200, json!({ "status": "ready" })));
    let metrics = request("GET", &http, "/metrics").1;
    for line in [
        "networkmngr_nodes{state=\"running\"} 2",
        "networkmngr_nodes{state=\"ended\"} 0",
        "networkmngr_events_total{type=\"fault\"} 0",
        "networkmngr_tips 1",
        "networkmngr_height 2",
        "networkmngr_links{state=\"up\"} 1",
        "networkmngr_mined{node=\"1\"} 1",
    ] {
        assert!(metrics.lines().any(|said| said == line), "{line}: {metrics}");
    }
    let network = read(&http, "/network");
    assert_eq!(network["propagation"]["blocks"], 2);
    assert_eq!(network["rules"]["expected_hashes"], "256");
}

/// The time of a call may be over when the node has found its block and not stored it yet: that block counts.
#[test]
fn a_call_whose_time_is_over_does_not_deny_a_block_that_was_found() {
    let network = Network::start(&["-a", "1", "--difficulty", "1"]);
    let http = network.http();
    let mut told = 0;
    for _ in 0..40 {
        let (status, answer) = call(&http, "/mine?timeout=0", &json!({ "count": 3 }));
        told += answer["blocks"].as_array().expect("blocks").len() as u64;
        assert_eq!(get(&http, "/node/0/api/v1/tip").1["height"], told, "{status} {answer}");
    }
}

/// Neither the end of a mode, nor the end of somebody's patience, nor somebody's leaving leaves a node mining.
#[test]
fn a_block_that_nobody_waits_for_any_more_is_not_mined() {
    let network = Network::start(&["-a", "2", "--difficulty", "60"]);
    let http = network.http();
    let waiting = || -> u64 {
        let of = |node| {
            get(&http, &format!("/node/{node}/api/v1/mining")).1["waiting"].as_u64().expect("a number")
        };
        of(0) + of(1)
    };
    done(&http, "/mining", &json!({ "mode": "interval", "interval": 0.1 }));
    until("a node is asked in turn", || waiting() == 1);
    done(&http, "/mining", &json!({ "mode": "off" }));
    until("it is not any more", || waiting() == 0);

    // More than may wait at once.
    for _ in 0..20 {
        let (status, problem) = call(&http, "/mine?timeout=0", &json!({ "node": 0, "content": "pay once" }));
        let detail = &problem["detail"];
        assert_eq!((status, detail), (504, &json!("node A: no block was found within 0 s")));
    }
    until("none of them waits", || waiting() == 0);

    let mut socket = std::net::TcpStream::connect(&http).expect("somebody listens");
    let head = format!("POST /api/v1/mine HTTP/1.1\r\nHost: {http}\r\nContent-Length: 0\r\n\r\n");
    std::io::Write::write_all(&mut socket, head.as_bytes()).expect("a request");
    until("a node mines", || waiting() == 1);
    drop(socket);
    until("it mines no more", || waiting() == 0);
}
