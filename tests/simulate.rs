//! `networkmngr simulate`, the shipped program: what it prints, and what it says of flags that make no sense.

#![allow(clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

use std::process::{Command, Output};

fn simulate(flags: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_networkmngr"));
    command.arg("simulate").args(flags.split_whitespace()).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

#[test]
fn the_same_flags_give_the_same_bytes() {
    let flags = "--nodes 30 --blocks 10 --loss 1% --churn 10% --liars 1 --seed 7 --json";
    let (first, again) = (simulate(flags), simulate(flags));
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert_eq!(text(&first.stdout), text(&again.stdout));
    assert!(first.stderr.is_empty(), "no progress where there is no terminal");
    let report: serde_json::Value = serde_json::from_slice(&first.stdout).expect("one JSON document");
    assert_eq!(report["config"]["seed"], 7);
    assert_eq!(report["blocks"]["found"], 10);
    assert_eq!(report["trace"].as_str().map(str::len), Some(64));
}

#[test]
fn people_get_a_table() {
    let out = simulate("--nodes 10 --blocks 5");
    let text = text(&out.stdout);
    for line in
        ["CONFIG", "  nodes         10, random:8", "RESULTS", "  blocks        5 found", "  100 % of nodes"]
    {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line} in\n{text}");
    }
}

#[test]
fn flags_that_make_no_sense_are_named() {
    let rows = [
        (
            "--latency soon",
            "error: invalid value 'soon' for '--latency <TIME>': expected a time such as 50ms",
        ),
        ("--topology torus", "error: invalid value 'torus' for '--topology <SHAPE>': expected mesh, ring"),
        ("--nodes 300 --topology star", "error: a star of 300 nodes cannot be"),
        ("--nodes 4 --liars 100%", "error: of 4 nodes, 4 come late or do not behave"),
        ("--node 4", "error: unexpected argument '--node' found"),
    ];
    for (flags, wrong) in rows {
        let out = simulate(flags);
        let said = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{flags}: {said}");
        assert!(said.starts_with(wrong), "{flags}: {said}");
        assert!(said.lines().any(|line| line.starts_with("hint: ")), "{flags}: {said}");
        assert!(out.stdout.is_empty());
    }
    let help = text(&simulate("--latency soon").stderr);
    assert!(help.contains("networkmngr simulate --help"), "{help}");
}
