//! Every lesson holds; and a scenario whose expectation does not says so, and leaves nothing behind.

use crate::harness::run;

/// Runs the shipped lesson `name`.
fn holds(name: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let lesson = run(folder.path(), &["scenario", "run", name]).good();
    let last = lesson.lines().last().unwrap_or_default();
    assert!(last.contains("expectations were met"), "{lesson}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "it left something");
}

#[test]
fn a_first_network() {
    holds("first-network");
}

#[test]
fn a_fork_and_a_reorg() {
    holds("fork-and-reorg");
}

#[test]
fn a_partition_that_heals() {
    holds("partition-healed");
}

#[test]
fn a_node_that_joins_late() {
    holds("late-joiner");
}

#[test]
fn a_chain_that_was_tampered_with() {
    holds("tampered-chain");
}

/// Mines at the pace of a clock: `just lessons` runs it.
#[test]
fn difficulty_that_follows() {
    if std::env::vars().any(|(name, _)| name == "ALL_LESSONS") {
        holds("difficulty-follows");
    }
}

#[test]
fn an_expectation_that_is_not_met_is_told_with_its_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = "# A lesson\n\nup -a 2 --difficulty 8\nmine A\nexpect height 5 within 200ms\nmine A\n";
    std::fs::write(folder.path().join("my.scn"), scenario).expect("a file");
    let ended = run(folder.path(), &["scenario", "run", "--quiet", "my.scn"]);
    assert_eq!(ended.code, Some(5), "{}{}", ended.out, ended.error);
    let expected =
        "error: my.scn:5: expect height 5 within 200ms\n       not within 200 ms; found: height 1\nhint: ";
    assert!(ended.error.starts_with(expected), "{}", ended.error);
    assert_eq!(ended.out, "", "nothing was met, and quiet it is");

    std::fs::write(folder.path().join("my.scn"), scenario.replace("height 5 within 200ms", "fails kill Z"))
        .expect("a file");
    let met = run(folder.path(), &["scenario", "run", "--json", "my.scn"]).good();
    let lines: Vec<serde_json::Value> =
        met.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().filter(|line| line["ok"] == true).count(), 5, "{met}");
    assert_eq!(lines[1]["said"]["blocks"][0]["height"], 1, "{met}");

    // As some editors write it; what has ended is down, and has no chain.
    let last = "\u{feff}up -a 1 --difficulty 8\nexpect contains x within 1ms\n";
    std::fs::write(folder.path().join("my.scn"), last).expect("a file");
    let unmet = run(folder.path(), &["scenario", "run", "my.scn"]);
    assert!(unmet.error.contains("not within 1.0 ms; found: the chain has no texts\n"), "{}", unmet.error);
    let last = "up -a 1 --difficulty 8\ndown\nexpect down\n";
    std::fs::write(folder.path().join("my.scn"), last).expect("a file");
    run(folder.path(), &["scenario", "run", "my.scn"]).good();
    assert_eq!(run(folder.path(), &["scenario", "show", "./my.scn"]).good(), last);

    std::fs::write(folder.path().join("my.scn"), "up -a 1 --difficulty 8\nkill Z\n").expect("a file");
    let failed = run(folder.path(), &["scenario", "run", "my.scn"]);
    assert_eq!(failed.code, Some(1), "{}", failed.error);
    assert!(failed.error.starts_with("error: my.scn:2: kill Z\n"), "{}", failed.error);
}
