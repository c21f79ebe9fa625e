//! The shipped node and its kernels: each mines, all are measured, and what is not there is said.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod shipped;

use std::process::{Command, Output, Stdio};

use p2pnode::miner::Kernel;
use rustix::process::Signal;
use serde_json::Value;

use shipped::{Node, command, command_on};

fn bench(flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    command.arg("bench-hash").args(flags).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_node_mines_with_the_kernel_that_it_is_told() {
    for kernel in Kernel::there() {
        let flags = ["--difficulty", "14", "--ephemeral", "--kernel", kernel.name()];
        let node = Node::start(command_on("lab", &flags).stderr(Stdio::null()));
        for height in 2..6 {
            let (status, mined) = node.ask("GET", "/mine?verbose=1", "");
            assert_eq!((status, &mined["index"]), (200, &Value::from(height)), "{kernel}: {mined}");
        }
        node.signal(Signal::TERM);
        assert_eq!(node.end().code(), Some(0), "{kernel}");
    }
}

#[test]
fn the_kernels_of_this_machine_are_measured() {
    let out = bench(&["--seconds", "1", "--json"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let report: Value = serde_json::from_slice(&out.stdout).expect("one JSON document");
    let results = report["results"].as_array().expect("results");
    let names: Vec<&str> = results.iter().filter_map(|rate| rate["name"].as_str()).collect();
    let expected: Vec<&str> = ["digest"].into_iter().chain(Kernel::there().map(Kernel::name)).collect();
    assert_eq!(names, expected);
    assert!(results.iter().all(|rate| rate["hashes_per_second"].as_f64() > Some(0.0)), "{report}");
    assert_eq!(results[1]["ratio"], 1.0, "sha2 is what the others are measured by");
    assert_eq!(report["miner"], Kernel::fastest().name());
}

#[test]
fn people_get_a_table_and_the_reason() {
    let out = bench(&["--seconds", "1"]);
    let text = text(&out.stdout);
    for line in ["CONFIG", "  time          1 s", "RESULTS", "  digest", "  sha2", "  the miner     uses "] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line} in\n{text}");
    }
}

#[test]
fn flags_that_make_no_sense_are_named() {
    let rows = [("0", "0 is not in 1..=600"), ("601", "601 is not in 1..=600"), ("soon", "invalid digit")];
    for (seconds, why) in rows {
        let out = bench(&["--seconds", seconds]);
        assert_eq!(out.status.code(), Some(2), "{seconds}");
        let said = text(&out.stderr);
        assert!(said.starts_with("error: ") && said.contains(why), "{said}");
        assert!(said.contains("hint: `p2pnode bench-hash --help` lists the flags"), "{said}");
    }
    let out = command(&["--kernel", "fast"]).output().expect("the program runs");
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains("expected auto or one of sha2, avx2, sha-ni, avx512"), "{said}");
}
