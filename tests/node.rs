//! Stories of one shipped node and its folder.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod shipped;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use shipped::process::{Pipe, closing_terminal, finish, until};
use shipped::{Node, command, command_on};

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn start(folder: &Path) -> Node {
    Node::start(command(&["--data-dir"]).arg(folder).stderr(Stdio::null()))
}

/// Runs a node that is expected to end by itself. One that does not finds its lifeline cut, and ends with 0.
fn refused(folder: &Path, mut command: Command) -> Output {
    command.arg("--data-dir").arg(folder).stdin(Stdio::null()).output().expect("the node runs")
}

/// Its exit code, and its lines for people.
fn said(ended: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8(ended.stderr.clone()).expect("UTF-8");
    let lines = text.lines().filter(|line| line.starts_with("error: ") || line.starts_with("hint: "));
    (ended.status.code(), lines.collect::<Vec<_>>().join("\n"))
}

fn mine(node: &Node, content: &str) {
    let (status, mined) = node.ask("POST", "/mine", &format!(r#"{{"content": "{content}"}}"#));
    assert_eq!((status, mined), (200, "Mined".into()));
}

fn stop(node: Node) {
    node.signal(Signal::TERM);
    assert_eq!(node.end().code(), Some(0));
}

/// Every file of a folder and what is in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let read = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().expect("UTF-8");
        (name, std::fs::read(entry.path()).expect("a file"))
    };
    entries.map(|entry| read(entry.expect("an entry"))).collect()
}

#[test]
fn a_node_that_is_stopped_and_started_again_is_who_it_was_and_knows_what_it_knew() {
    let folder = folder();
    let friend = Node::start(command(&["--ephemeral"]).stderr(Stdio::null()));
    let node = start(folder.path());
    node.meet(&friend);
    for content in ["one", "two", "three"] {
        mine(&node, content);
    }
    let (status, _) = node.ask("POST", "/transactions", r#"{"content": "waiting"}"#);
    assert_eq!(status, 202);
    let (_, chain) = node.ask("GET", "/chain", "");
    let (_, pool) = node.ask("GET", "/transactions", "");
    assert_eq!((&chain["length"], &pool["length"]), (&4.into(), &1.into()));
    let id = node.id.clone();
    stop(node);

    let again = start(folder.path());
    assert_eq!(again.id, id);
    assert_eq!(again.ask("GET", "/chain", "").1, chain);
    assert_eq!(again.ask("GET", "/transactions", "").1, pool);
    // It dials whom it knew; nobody told it this time.
    until("it knows its peer still", || {
        again.ask("GET", "/node/id", "").1["nodes"][&friend.id] == friend.listen.as_str()
    });
    stop(again);
    stop(friend);
}

#[test]
fn readers_that_have_gone_keep_a_node_from_nothing() {
    let folder = folder();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut deaf = command(&["-vv", "--data-dir"]);
    deaf.arg(folder.path()).stdout(writer.try_clone().expect("a pipe")).stderr(writer);
    let mut node = Node::spawn(&mut deaf);
    // Its ready line goes nowhere; its record says where it is.
    let record = || std::fs::read(folder.path().join("node.json"));
    until("it starts", || record().is_ok());
    let record = record().expect("it is there");
    let record: Value = serde_json::from_slice(&record).expect("it is there whole or not at all");
    node.http = record["http"].as_str().expect("an address").to_owned();
    mine(&node, "said to nobody");
    let (_, chain) = node.ask("GET", "/chain", "");
    assert_eq!(chain["length"], 2);
    stop(node);
    let again = start(folder.path());
    assert_eq!(again.ask("GET", "/chain", "").1, chain);
    stop(again);
}

/// Row 65 of docs/hostile.md.
#[test]
fn a_folder_is_one_nodes_at_a_time() {
    let folder = folder();
    let node = start(folder.path());
    mine(&node, "mine");
    let before = files(folder.path());
    let (code, said) = said(&refused(folder.path(), command(&[])));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("{} is in use", folder.path().display())), "{said}");
    assert!(said.contains("--data-dir"), "{said}");
    assert!(files(folder.path()) == before, "the second one touched nothing");
    mine(&node, "still mine");
    stop(node);
}

/// Row 43 of docs/hostile.md.
#[test]
fn a_folder_of_another_network_is_refused_and_both_are_named() {
    let folder = folder();
    let node = start(folder.path());
    mine(&node, "of the first network");
    let (_, id) = node.ask("GET", "/node/id", "");
    let (_, chain) = node.ask("GET", "/chain", "");
    stop(node);
    let before = files(folder.path());
    let (code, said) = said(&refused(folder.path(), command_on("lab", &["--difficulty", "9"])));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(id["rules"].as_str().expect("rules")) && said.contains("not lab"), "{said}");
    assert!(said.contains("hint: ") && said.contains("--network"), "{said}");
    assert!(files(folder.path()) == before, "it touched nothing");
    let again = start(folder.path());
    assert_eq!(again.ask("GET", "/chain", "").1, chain);
    assert_eq!(again.ask("GET", "/node/id", "").1["node"], id["node"]);
    stop(again);
}

/// Row 63 of docs/hostile.md.
#[test]
fn a_damaged_file_is_named_with_what_helps_and_is_not_touched() {
    let folder = folder();
    let node = start(folder.path());
    for content in ["one", "two", "three", "four", "five"] {
        mine(&node, &content.repeat(5_000));
    }
    stop(node);
    let path = folder.path().join("chain.redb");
    let mut bytes = std::fs::read(&path).expect("the chain's file");
    let length = bytes.len();
    bytes[length / 4..length * 3 / 4].fill(0xa5);
    std::fs::write(&path, &bytes).expect("the damage");

    let (code, said) = said(&refused(folder.path(), command(&[])));
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains(&format!("{} is damaged", path.display())), "{said}");
    assert!(said.contains(&format!("`p2pnode verify {}`", folder.path().display())), "{said}");
    assert!(std::fs::read(&path).expect("the chain's file") == bytes, "it is as it was found");
}

#[test]
fn an_ephemeral_node_leaves_nothing_behind() {
    let home = folder();
    let mut ephemeral = command(&["--ephemeral"]);
    ephemeral.env("HOME", home.path()).env("XDG_DATA_HOME", home.path()).current_dir(home.path());
    let node = Node::start(ephemeral.stderr(Stdio::null()));
    mine(&node, "gone");
    stop(node);
    assert_eq!(files(home.path()), BTreeMap::new());
}

#[test]
#[cfg(target_os = "linux")]
fn a_node_that_is_told_nothing_keeps_its_chain_where_the_platform_keeps_data() {
    let home = folder();
    let node = Node::start(command(&[]).env("XDG_DATA_HOME", home.path()).stderr(Stdio::null()));
    mine(&node, "kept");
    let (_, id) = node.ask("GET", "/node/id", "");
    let network = format!("regtest-{}", &id["network"].as_str().expect("an id")[..8]);
    // The port is the one that was asked for, so that it is found again.
    let place = home.path().join("p2pnode").join(network).join("0");
    stop(node);
    let record = std::fs::read(place.join("node.json")).expect("its record");
    let record: Value = serde_json::from_slice(&record).expect("JSON");
    assert_eq!(record["node"], id["node"]);
    assert!(place.join("chain.redb").exists());
}

#[test]
fn shutting_down_over_http_is_an_orderly_end() {
    let folder = folder();
    for method in ["GET", "POST"] {
        let node = start(folder.path());
        assert_eq!(node.ask(method, "/shutdown", ""), (200, "Server shutting down...".into()));
        assert_eq!(node.end().code(), Some(0));
    }
}

#[test]
fn a_first_block_that_cannot_be_read_is_an_error_and_no_half_answer() {
    let folder = folder();
    let node = start(folder.path());
    for nth in 0..30 {
        mine(&node, &format!("the content numbered {nth}."));
    }
    stop(node);
    let path = folder.path().join("chain.redb");
    let mut bytes = std::fs::read(&path).expect("the chain's file");
    let content = b"the content numbered 0.";
    // Old copies of a page may be there as well.
    while let Some(at) = bytes.windows(content.len()).position(|place| place == content) {
        bytes[at] ^= 1;
    }
    std::fs::write(&path, &bytes).expect("the damage");
    let node = start(folder.path());
    for (path, status) in [("/chain", 500), ("/chain?from=2&limit=1", 500), ("/chain?from=20", 200)] {
        let (found, said) = node.ask("GET", path, "");
        assert_eq!(found, status, "{path}: {said}");
        if status == 500 {
            let text = said.to_string();
            assert!(text.contains("chain.redb is damaged: the block ") && text.contains("verify"), "{text}");
        }
    }
    mine(&node, "it goes on");
    stop(node);
}

#[test]
fn no_flag_makes_a_node_write_over_its_own_files() {
    let folder = folder();
    let node = start(folder.path());
    mine(&node, "mine");
    stop(node);
    let place = tempfile::tempdir().expect("a folder");
    let link = place.path().join("link");
    std::os::unix::fs::symlink(folder.path().join("chain.redb"), &link).expect("a link");
    let others = ["node.json", "peers.json", "checkpoint.json"];
    let before: Vec<_> = others.map(|name| files(folder.path()).remove(name)).into();
    for name in ["chain.redb", "node.json", "checkpoint.json", "lock"] {
        let file = folder.path().join(name);
        for path in [&file, &link] {
            let mut logging = command(&["--log"]);
            logging.arg(path);
            let (code, said) = self::said(&refused(folder.path(), logging));
            assert!(code == Some(2) && said.contains("--log node.log"), "{code:?} {said}");
            let mut baking = command(&["--http-auth", "cookie", "--http-cookie-file"]);
            baking.arg(path);
            let (code, said) = self::said(&refused(folder.path(), baking));
            assert!(code == Some(1) && said.contains("--http-cookie-file: nothing but"), "{code:?} {said}");
        }
    }
    assert_eq!(Vec::from(others.map(|name| files(folder.path()).remove(name))), before);
    let again = start(folder.path());
    assert_eq!(again.ask("GET", "/chain", "").1["length"], 2);
    stop(again);
}

#[test]
fn what_a_killed_node_left_opens_nothing_and_goes() {
    let folder = folder();
    let mut baking = command(&["--http-auth", "cookie", "--data-dir"]);
    let node = Node::start(baking.arg(folder.path()).stderr(Stdio::null()));
    let cookie = folder.path().join("cookie");
    assert!(cookie.exists());
    node.signal(Signal::KILL);
    node.end();
    assert!(cookie.exists(), "it had no time for it");
    let again = start(folder.path());
    assert!(!cookie.exists());
    stop(again);
}

#[test]
fn a_terminal_that_closes_is_an_orderly_stop_unless_the_node_is_to_outlive_it() {
    let place = folder();
    let node = start(place.path());
    node.signal(closing_terminal());
    assert_eq!(node.end().code(), Some(0));
    // As nohup does: the shell ignores it, and so does what it becomes.
    let node = command(&["--ephemeral"]);
    let mut nohup = Command::new("/bin/sh");
    nohup.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(node.get_program()).args(node.get_args());
    nohup.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let node = Node::start(&mut nohup);
    node.signal(Signal::HUP);
    assert_eq!(node.ask("GET", "/node/id", "").0, 200);
    stop(node);
}

#[test]
fn the_command_that_a_node_shows_starts_another_of_its_network() {
    let place = folder();
    let mut flags = command(&["--data-dir"]);
    // Without its lifeline it speaks to people.
    let flags: Vec<_> = flags.arg(place.path()).get_args().filter(|flag| *flag != "--lifeline").collect();
    let mut person = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    person.args(flags).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut one = person.spawn().expect("the node runs");
    let mut out = Pipe::new(one.stdout.take().expect("a pipe"));
    let said = out.until("how to start another", |line| line.contains(" p2pnode "));
    let (_, line) = said.split_once(" p2pnode ").expect("it shows one");
    let mut other = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    other.args(line.split_whitespace()).arg("--lifeline");
    other.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let other = Node::start(&mut other);
    until(&format!("it has a peer: {line}"), || other.ask("GET", "/node/id", "").1["peers"] == 1);
    stop(other);
    one.kill().expect("it is there");
    finish(&mut one);
}

/// A limit on the size of files is a disk that is full, and no signal that ends the node.
#[test]
fn a_file_that_may_not_grow_ends_a_node_as_a_full_disk_does() {
    let place = folder();
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 2000; exec \"$0\" \"$@\""]).arg(env!("CARGO_BIN_EXE_p2pnode"));
    let flags = command(&["--log", "/dev/null", "--data-dir"]);
    limited.args(flags.get_args()).arg(place.path());
    limited.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let node = Node::start(&mut limited);
    let content = format!(r#"{{"content": "{}"}}"#, "x".repeat(60_000));
    let mut taken = 0;
    while node.ask("POST", "/mine", &content).0 == 200 {
        taken += 1;
        assert!(taken < 1000, "it takes all");
    }
    assert_eq!(node.end().code(), Some(74));
    let again = start(place.path());
    let height = again.ask("GET", "/api/v1/tip", "").1["height"].as_u64().expect("a height");
    assert!(height >= taken, "what was acknowledged is there: {height} of {taken}");
    stop(again);
}

#[test]
fn a_node_says_where_it_listens_and_where_it_can_be_called_from_here() {
    let place = folder();
    let mut all = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    all.args(["--network", "regtest", "--listen", "0.0.0.0:0", "--http", "0", "--lifeline", "--data-dir"]);
    let node =
        Node::start(all.arg(place.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()));
    let port = node.listen.strip_prefix("0.0.0.0:").expect("all addresses").to_owned();
    assert_eq!(node.ask("GET", "/api/v1/info", "").1["listen"], node.listen.as_str());
    assert_eq!(node.ask("GET", "/node/id", "").1["address"], format!("127.0.0.1:{port}"));
    let record = std::fs::read_to_string(place.path().join("node.json")).expect("a record");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    assert_eq!(record["listen"], node.listen.as_str());
    stop(node);
}

/// A peer is named by its host, which may have several addresses, or none yet.
#[test]
fn a_peer_is_found_by_its_name_and_waited_for() {
    let first = Node::start(command(&["--ephemeral"]).stderr(Stdio::null()));
    let port = first.listen.rsplit_once(':').expect("a port").1;
    let place = folder();
    let log = place.path().join("log");
    let (here, nowhere) = (format!("localhost:{port}"), "p2pnode-is-not-there.invalid:6000");
    let mut named = command(&["--ephemeral", "--peer", nowhere, "--peer", &here, "--log"]);
    let named = Node::start(named.arg(&log).stderr(Stdio::null()));
    until("it has a peer", || named.ask("GET", "/node/id", "").1["peers"] == 1);
    until("it says whom it waits for", || {
        std::fs::read_to_string(&log)
            .is_ok_and(|log| log.contains("cannot be looked up") && log.contains(nowhere))
    });
    stop(named);
    stop(first);
}

/// A node that is told of no rules, only where another one is.
fn newcomer(join: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    command.args(["--join", join, "--listen", "127.0.0.1:0", "--http", "0", "--lifeline"]).args(flags);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

#[test]
fn a_newcomer_learns_a_network_from_the_address_of_one_of_its_nodes() {
    let rules = ["--difficulty", "9", "--block-time", "2", "--ephemeral"];
    let first = Node::start(command_on("lab", &rules).stderr(Stdio::null()));
    mine(&first, "before anybody came");
    let home = folder();
    let mut second = newcomer(&first.listen, &["--data-dir"]);
    let second = Node::start(second.arg(home.path()).stderr(Stdio::null()));
    // By a name, and of one that was a newcomer itself.
    let port = second.listen.rsplit_once(':').expect("a port").1;
    let named = format!("localhost:{port}");
    let third = Node::start(newcomer(&named, &["--ephemeral"]).stderr(Stdio::null()));
    let agree = |height: u64| {
        let tip = |node: &Node| node.ask("GET", "/api/v1/tip", "").1["hash"].clone();
        until("they agree", || [&second, &third].iter().all(|node| tip(node) == tip(&first)));
        assert_eq!(first.ask("GET", "/api/v1/tip", "").1["height"], height);
    };
    agree(1);
    mine(&second, "from the newcomer");
    agree(2);
    stop(third);
    stop(first);
    stop(second);

    // Its folder is of that network from then on.
    let other = Node::start(command(&["--ephemeral"]).stderr(Stdio::null()));
    let (code, why) = said(&refused(home.path(), newcomer(&other.listen, &[])));
    assert_eq!(code, Some(1), "{why}");
    assert!(why.contains("block-time=2s") && why.contains("regtest"), "both are named: {why}");
    stop(other);
}

/// Row 90 of docs/hostile.md.
#[test]
fn a_network_that_cannot_be_joined_is_said_and_why() {
    let node = Node::start(command(&["--ephemeral"]).stderr(Stdio::null()));
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let nobody = nobody.expect("a port that is free again").to_string();
    // (where, other flags, exit code, part of what is said)
    let rows: [(&str, &[&str], i32, &str); 7] = [
        (&nobody, &[], 1, "cannot be reached"),
        (&node.http, &[], 1, "is no node"),
        ("127.0.0.1", &[], 2, "--join 127.0.0.1:"),
        ("127.0.0.1:0", &[], 2, "--join 127.0.0.1:0:"),
        ("p2pnode-is-not-there.invalid:6000", &[], 1, "it cannot be looked up"),
        (&node.listen, &["--difficulty", "9"], 2, "--difficulty"),
        (&node.listen, &["--network", "regtest"], 2, "--network"),
    ];
    for (join, flags, code, part) in rows {
        let mut command = newcomer(join, &["--ephemeral"]);
        let ended = command.args(flags).stdin(Stdio::null()).output().expect("the node runs");
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{join} {flags:?}: {text}");
        assert!(text.contains(part), "{join} {flags:?}: {text}");
    }
    stop(node);
}
