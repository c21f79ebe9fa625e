//! A network is started, looked at, mined with, broken, mended and stopped.

use serde_json::Value;

use crate::harness::{Network, is_alive};

#[test]
fn a_network_from_its_first_block_to_its_end() {
    let network = Network::start(&["-a", "4"]);
    let (manager, nodes) = network.pids();
    let listed = network.run(&["ps"]).good();
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines.len() == 5 && lines[0].starts_with("node"), "{listed}");
    assert!(lines[4].starts_with("D") && lines[4].contains(" running "), "{listed}");
    assert!(!listed.contains('\x1b'), "no colour where nobody looks: {listed:?}");

    let mined = network.run(&["mine", "A", "-n", "2", "--data", "hello, chain", "--json"]).json();
    assert_eq!(mined["blocks"].as_array().map(Vec::len), Some(2), "{mined}");
    let status = network.run(&["status", "--json"]).json();
    assert_eq!(status["verdict"]["condition"], "in-sync", "{status}");
    assert!(status["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["height"] == 2)));
    let text = network.run(&["status"]).good();
    assert!(text.contains("in sync") && text.contains("A     running       2"), "{text}");

    let hash = mined["blocks"][0]["hash"].as_str().expect("a hash").to_owned();
    let begin = &hash.trim_start_matches('0')[..8];
    for id in [begin, hash.as_str(), "1"] {
        let block = network.run(&["block", id]).good();
        assert!(block.contains(&hash) && block.contains("hello, chain"), "{id}: {block}");
    }
    let chain = network.run(&["chain"]).good();
    assert!(chain.lines().count() == 4 && chain.contains("hello, chain"), "{chain}");

    let sent = network.run(&["send", "one more"]);
    assert!(sent.error.starts_with("sent to A; it waits for a block"), "{sent:?}");
    let out = sent.good();
    let id = out.trim_end();
    assert!(out == format!("{id}\n") && id.len() == 64, "the id alone: {out:?}");
    assert!(network.run(&["tx", id]).good().contains("waiting in the pool"));
    let hash = network.run(&["mine", "B", "--quiet"]).good();
    assert_eq!(network.run(&["block", hash.trim_end(), "--json"]).json()["height"], 3);
    let found = network.run(&["tx", &id[..10]]).good();
    assert!(found.contains("at height 3, 1 confirmation") && found.contains("one more"), "{found}");

    // Whatever somebody writes into the chain, it steers nobody's terminal.
    network.run(&["mine", "A", "--data", "\u{9b}31m\u{202e}red"]).good();
    for words in [&["block", "4", "--json"][..], &["chain"], &["tree", "--json"], &["status"]] {
        let said = network.run(words).good();
        assert!(said.chars().all(|c| c == '\n' || !c.is_control()) && !said.contains('\u{202e}'), "{said:?}");
    }
    assert_eq!(network.run(&["block", "4", "--json"]).json()["text"], "\u{9b}31m\u{202e}red");

    let apart = network.run(&["partition", "A,B/C,D"]).good();
    assert!(apart.contains("apart: A B / C D, 4 links cut"), "{apart}");
    network.run(&["mine", "A", "-n", "3"]).good();
    network.run(&["mine", "C", "-n", "2"]).good();
    let met = network.run(&["wait", "--tips", "2", "--timeout", "20s"]).good();
    assert!(met.starts_with("2 tips after"), "{met}");
    let links = network.run(&["peers", "A"]).good();
    assert!(links.contains("A - B  up") && links.contains("A - C  cut"), "{links}");
    let tree = network.run(&["tree"]).good();
    let fork: Vec<&str> = tree.lines().collect();
    assert!(fork[0].starts_with("7  ●   ") && fork[0].contains("(A B)"), "{tree}");
    assert!(tree.contains("6  │ ○ ") && tree.contains("(C D)") && tree.contains("├─╯"), "{tree}");

    let healed = network.run(&["heal"]).good();
    assert!(healed.starts_with("whole: 6 of 6 links up"), "{healed}");
    let waited = network.run(&["wait", "--in-sync", "--ready", "--height", "7", "--json"]).json();
    assert_eq!(waited["verdict"]["tips"].as_array().map(Vec::len), Some(1), "{waited}");
    let told =
        network.run(&["events", "--all", "--type", "reorg", "-n", "2", "--for", "5s", "--json"]).good();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(told.iter().all(|event| event["depth"] == 2), "{told:?}");

    let down = network.run(&["down"]).good();
    assert!(down.starts_with("stopped 4 nodes"), "{down}");
    assert!(!is_alive(manager) && !nodes.iter().any(|node| is_alive(*node)), "it waited for every process");
    assert_eq!(network.run(&["status"]).code, Some(3), "nobody is there any more");
}

#[test]
fn what_goes_on_is_lines_of_json() {
    let network = Network::start(&["-a", "2"]);
    network.run(&["mine", "A", "-n", "2"]).good();
    let events =
        network.run(&["events", "--all", "--type", "tip", "--node", "B", "--for", "2s", "-n", "2"]).good();
    assert!(events.lines().count() == 2 && events.contains("B   tip"), "{events}");
    let logs = network.run(&["logs", "A", "--grep", "ready", "--json"]).good();
    let line: Value = serde_json::from_str(logs.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&line["source"], &line["node"]), (&"node-000".into(), &0.into()), "{line}");
    let all = network.run(&["logs", "-n", "50"]).good();
    assert!(all.lines().any(|line| line.starts_with("-  ")), "the manager's: {all}");
    let managers = network.run(&["logs", "manager"]).good();
    assert!(
        managers.lines().count() > 1 && managers.lines().all(|line| line.starts_with("-  ")),
        "{managers}"
    );
    assert!(all.lines().any(|line| line.starts_with("B  ")), "a node's: {all}");
    let mining = network.run(&["mining", "start", "--hashrate", "10k", "--nodes", "A"]).good();
    assert!(mining.contains("10.0 kH/s in the background, by A; a block every"), "{mining}");
    assert!(network.run(&["mining", "stop"]).good().contains("nobody mines"));
    let slow = network.run(&["link", "A", "B", "--latency", "50ms±20ms", "--loss", "1%"]).good();
    assert_eq!(slow, "A - B: up, 50 ms each way ±20 ms, 1.0 % lost\n");
    assert!(network.run(&["unlink", "A", "B"]).good().contains("cut"));
    network.run(&["heal"]).good();
    network.run(&["down"]).good();
}

#[test]
fn what_one_branch_has_and_another_has_not_is_told_of_both() {
    let network = Network::start(&["-a", "4"]);
    network.run(&["partition", "A,B,C/D"]).good();
    let id = network.run(&["send", "pay Bob", "--to", "A"]).good();
    let id = id.trim_end();
    network.run(&["mine", "A", "-n", "2"]).good();
    // The branch with the most work does not have it.
    network.run(&["mine", "D", "-n", "5"]).good();
    for id in [id, &id[..12]] {
        let said = network.run(&["tx", id]).good();
        assert!(
            said.contains("2 confirmations, by nodes A B C\n") && said.contains("unknown to node D\n"),
            "{said}"
        );
    }
    let found = network.run(&["tx", id, "--json"]).json();
    assert_eq!((&found["state"], &found["blocks"][0]["depth"]), (&"chain".into(), &2.into()), "{found}");
    assert_eq!(found["nodes"][1], serde_json::json!({ "nodes": [3], "state": "unknown", "depth": null }));
    let alone = network.run(&["tx", id, "--node", "D"]);
    assert!(alone.code == Some(1) && alone.error.contains("node D knows no transaction"), "{alone:?}");
}
