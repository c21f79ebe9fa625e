//! The examples of every command's help work as they stand there, one after the other, on one network.

use crate::harness::{Network, run, words};

/// Begins of examples that are not run here, and why.
const ELSEWHERE: [(&str, &str); 12] = [
    ("networkmngr -p", "on the ports that everybody uses"),
    ("networkmngr up", "the same; tests/commands/lives.rs starts networks"),
    ("networkmngr down", "the end of this one comes last"),
    ("networkmngr renew", "another network in the place of this one; tests/commands/renew.rs"),
    ("networkmngr simulate", "seconds each; tests/simulate.rs"),
    ("networkmngr scenario run", "each starts a network; tests/commands/lessons.rs"),
    ("networkmngr logs -f", "no end"),
    ("networkmngr status --watch", "no end"),
    ("networkmngr events --type", "no end"),
    ("networkmngr doctor -a 100", "a hundred ports, which may be somebody's"),
    ("networkmngr wait --height", "so many blocks; `wait` is run otherwise"),
    ("networkmngr wait --tips", "a fork; tests/commands/evening.rs"),
];

/// The examples in the help of the command that `words` are, and of all below it.
fn examples(network: &Network, words: &[&str], into: &mut Vec<String>) {
    let help = network.run(&[words, &["--help"]].concat()).good();
    let behind = help.split("\nExamples:\n").nth(1).unwrap_or_else(|| panic!("{words:?} has no examples"));
    for line in behind.lines().take_while(|line| line.starts_with("  networkmngr")) {
        // What comes after three spaces is said of it.
        let example = line.trim().split("   ").next().unwrap_or_default().to_owned();
        if !into.contains(&example) {
            into.push(example);
        }
    }
    let subs = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let subs = subs.lines().take_while(|line| !line.is_empty());
    // A name stands two spaces in; what is further in goes on with what is said of one.
    let names = subs.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        examples(network, &[words, &[name]].concat(), into);
    }
}

#[test]
fn every_example_works() {
    let network = Network::start(&["-a", "6"]);
    let mut all = Vec::new();
    examples(&network, &[], &mut all);
    assert!(all.len() > 60, "{all:?}");
    network.run(&["mine", "-n", "7"]).good();
    let id = network.run(&["send", "to be found again"]).good().trim_end().to_owned();
    network.run(&["mine"]).good();
    let (mut ran, elsewhere) = (0, tempfile::tempdir().expect("a folder"));
    for example in &all {
        if ELSEWHERE.iter().any(|(begin, _)| example.starts_with(begin)) || example == "networkmngr events" {
            continue;
        }
        // Hashes and ids are other ones in every network, and ten seconds are long.
        let mut line = example.clone();
        if line.contains("6343a951") {
            // A new one: a while of mining in the background leaves none of the older among the newest.
            let hash = network.run(&["mine", "--quiet"]).good();
            line = line.replace("6343a951", hash.trim_start_matches('0').get(..8).expect("a hash"));
        }
        let line = line.replace("452d338c966efba68b2acef7d1c40c6c28e256a74df7dcc536827f55f747cc6e", &id);
        let line = line.replace("--for 10s", "--for 100ms");
        let words = words(&line);
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        // A start would be in the way of the network that runs here.
        let folder = if words[0] == "doctor" { elsewhere.path() } else { network.folder.path() };
        let ended = run(folder, &words);
        // A forgery is refused; all else goes well.
        let expected = if words[0] == "tamper" { 1 } else { 0 };
        assert_eq!(ended.code, Some(expected), "{example}: {}{}", ended.out, ended.error);
        if words.contains(&"--json") {
            let lines = ended.out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
            let whole = serde_json::from_str::<serde_json::Value>(&ended.out).is_ok();
            assert!(lines || whole, "{example}: {}", ended.out);
        }
        // As it was, for the next one.
        match words[0] {
            "kill" | "stop" => drop(network.run(&["restart", words[1]]).good()),
            "pause" => drop(network.run(&["resume", words[1]]).good()),
            "partition" | "unlink" | "link" => drop(network.run(&["heal"]).good()),
            "mining" => drop(network.run(&["mining", "stop"]).good()),
            _ => {}
        }
        ran += 1;
    }
    for (begin, why) in ELSEWHERE {
        assert!(all.iter().any(|example| example.starts_with(begin)), "{begin}: no such example ({why})");
    }
    assert!(ran > 45, "{ran} of {}", all.len());
    network.run(&["down"]).good();
    assert_eq!(run(network.folder.path(), &["ps"]).code, Some(3));
}
