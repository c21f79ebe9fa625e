//! The import table of docs/architecture.md, held against the sources.
//!
//! Each module may name those of its row, and what is pure may not name sockets, files, threads, clocks or
//! entropy. Tests inside modules are left out: they may know more.

#![allow(clippy::expect_used, reason = "a test fails by panicking, its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};

/// (module, what it may name beside itself, `limits` and what is outside the crate)
const TABLE: [(&str, &[&str]); 20] = [
    ("limits", &[]),
    ("encoding", &[]),
    ("time", &[]),
    ("text", &[]),
    ("types", &["encoding"]),
    ("params", &["encoding", "time", "types"]),
    ("chain", &["encoding", "params", "time", "types"]),
    ("mempool", &["params", "time", "types"]),
    ("wire", &["encoding", "params", "time", "types"]),
    ("peer", &["encoding", "params", "time", "types", "wire"]),
    ("node", &["chain", "encoding", "mempool", "params", "peer", "time", "types", "wire"]),
    ("sim", &["chain", "encoding", "node", "params", "peer", "time", "types", "wire"]),
    ("file", &[]),
    ("store", &["chain", "encoding", "file", "params", "text", "time", "types"]),
    ("miner", &["params", "time", "types"]),
    ("net", &["chain", "encoding", "miner", "node", "params", "peer", "store", "time", "types", "wire"]),
    (
        "rest",
        &[
            "chain", "encoding", "mempool", "miner", "net", "node", "params", "store", "text", "time",
            "types", "wire",
        ],
    ),
    (
        "manager",
        &[
            "encoding", "file", "net", "node", "params", "peer", "rest", "sim", "text", "time", "types",
            "wire",
        ],
    ),
    (
        "cli",
        &[
            "chain", "encoding", "file", "manager", "miner", "net", "node", "params", "peer", "rest", "sim",
            "store", "text", "time", "types", "wire",
        ],
    ),
    ("lib", &[]),
];

/// Modules that are functions of their arguments.
const PURE: [&str; 11] =
    ["limits", "encoding", "time", "text", "types", "params", "chain", "mempool", "peer", "node", "sim"];

/// What nothing pure names. (`wire` is pure as well, but for its codec's trait.)
const IMPURE: [&str; 10] = [
    "tokio",
    "std::fs",
    "std::io",
    "std::thread",
    "std::process",
    "Instant",
    "SystemTime",
    "SysRng",
    "TcpStream",
    "UdpSocket",
];

/// A line of source that breaks a rule, and the rule.
type Finding = (usize, String);

/// What `module` names in `source` against the rules.
fn findings(module: &str, file: &str, source: &str) -> Vec<Finding> {
    let allowed = TABLE.iter().find(|(name, _)| *name == module).map(|(_, allowed)| *allowed);
    let Some(allowed) = allowed else { return vec![(0, format!("the module {module} is not in the table"))] };
    let mut found = Vec::new();
    for (at, line) in source.lines().enumerate() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        let code = line.split("//").next().unwrap_or_default();
        for named in code.split("crate::").skip(1) {
            let name: String = named.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let known = TABLE.iter().any(|(other, _)| *other == name);
            if known && name != module && name != "limits" && !allowed.contains(&name.as_str()) {
                found.push((at + 1, format!("{module} may not name {name}; it may name {allowed:?}")));
            }
        }
        if file != "src/encoding.rs" && code.contains("bincode") {
            found.push((at + 1, "bincode is named in src/encoding.rs only".to_owned()));
        }
        if ["peer", "node", "sim"].contains(&module) && code.contains("wire::frame") {
            found.push((at + 1, "messages are the core's business, frames are not".to_owned()));
        }
        let pure = PURE.contains(&module) || (module == "wire" && file != "src/wire/frame.rs");
        if let Some(name) = IMPURE.iter().find(|name| pure && code.contains(**name)) {
            found.push((at + 1, format!("{module} is pure and may not name {name}")));
        }
    }
    found
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

#[test]
fn every_module_keeps_to_its_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 50, "the sources were found");
    let mut broken = Vec::new();
    for path in files {
        let file = path.strip_prefix(root).expect("below the root").display().to_string();
        let parts: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
        if parts[1] == "bin" || parts.iter().any(|part| ["tests", "testing"].contains(part)) {
            continue;
        }
        let source = fs::read_to_string(&path).expect("readable");
        for (line, why) in findings(parts[1], &file, &source) {
            broken.push(format!("{file}:{line}: {why}"));
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// (module, source, how many findings)
#[test]
fn what_breaks_a_rule_is_found() {
    let rows = [
        ("types", "use crate::encoding::Encode;", 0),
        ("types", "use crate::chain::Rule;", 1),
        ("types", "// use crate::chain::Rule;", 0),
        ("chain", "let x = crate::net::start();", 1),
        ("node", "use crate::wire::frame::FrameCodec;", 1),
        ("node", "use tokio::sync::mpsc;", 1),
        ("peer", "use std::time::Instant;", 1),
        ("sim", "use tokio::time::sleep;", 1),
        ("sim", "use crate::net::start;", 1),
        ("node", "use crate::sim::Network;", 1),
        ("net", "use tokio::sync::mpsc;", 0),
        ("net", "use crate::rest::serve;", 1),
        ("store", "use bincode::Encode;", 1),
        ("attic", "", 1),
        ("chain", "#[cfg(test)]\nmod tests { use crate::node::Node; }", 0),
    ];
    for (module, source, count) in rows {
        let found = findings(module, "src/x.rs", source);
        assert_eq!(found.len(), count, "{module}: {source}: {found:?}");
    }
}
