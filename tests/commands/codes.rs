//! What commands end with, and what they say then.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{MANAGER, Network, command, ended, process, run, until};

/// (words, exit code, what stderr says)
#[test]
fn without_a_network() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: [(&[&str], i32, &str); 21] = [
        (&["status", "--manager", "http://127.0.0.1:1"], 3, "there is no manager at http://127.0.0.1:1"),
        (&["down", "--manager", "127.0.0.1:1"], 3, "hint: start a network with `networkmngr up --detach`"),
        (&["--manager", "127.0.0.1:1", "ps"], 3, "nothing listens there"),
        (&["status", "--manager", "https://127.0.0.1:1"], 2, "a manager speaks plain HTTP"),
        (&["scenario"], 2, "`networkmngr scenario` is followed by list, show or run"),
        (&["statsu"], 2, "hint: a similar subcommand exists: 'status'"),
        (&["mine", "é"], 2, "expected a node's number or letter"),
        (&["wait"], 2, "--ready"),
        (&["link", "A", "A", "--manager", "127.0.0.1:1"], 2, "a node has no link with itself"),
        (&["link", "A", "B", "--latency", "soon"], 2, "expected a time such as 50ms"),
        (&["partition"], 2, "hint: `networkmngr partition --help` lists the flags"),
        (&["partition", "A/A"], 2, "node A is in two groups"),
        (&["up", "--config", "none.toml"], 2, "none.toml cannot be read"),
        (&["scenario", "run", "first-netwrok"], 2, "hint: did you mean first-network?"),
        (&["scenario", "run", "./none.scn"], 2, "./none.scn cannot be read"),
        (
            &["up", "--network", "foo"],
            2,
            "invalid value 'foo' for '--network <NAME>': expected lab or regtest",
        ),
        (&["completions", "sh"], 2, "expected bash, elvish, fish, powershell or zsh"),
        (&["up", "--mine", "--hashrate", "0"], 2, "expected whole hashes a second, 1 to 1000000G"),
        (&["renew", "--mine", "--hashrate", "1.5"], 2, "expected whole hashes a second, 1 to 1000000G"),
        (&["simulate", "-n", "6", "-b", "5", "-l", "3s"], 2, "a latency of 3s lets no link come up"),
        (&["block", "xyz", "--manager", "127.0.0.1:1"], 2, "is no block"),
    ];
    for (words, code, said) in rows {
        let ended = run(folder.path(), words);
        assert_eq!(ended.code, Some(code), "{words:?}: {}{}", ended.out, ended.error);
        assert!(
            ended.error.starts_with("error: ") && ended.error.contains(said),
            "{words:?}: {}",
            ended.error
        );
        assert_eq!(ended.out, "", "{words:?}: data goes to stdout, and there is none");
    }
}

#[test]
fn with_a_network() {
    let network = Network::start(&["-a", "2"]);
    let rows: [(&[&str], i32, &str); 8] = [
        (
            &["kill", "Z"],
            1,
            "there is no node Z (25): there are nodes A to B\nhint: `networkmngr ps` lists them",
        ),
        (&["mine", "Z"], 1, "there is no node Z"),
        (&["block", "99"], 1, "99\": the highest is at height 0\nhint: `networkmngr chain` lists the newest"),
        (&["block", "ffffffffff"], 1, "no block among the newest begins with ffffffffff"),
        (&["tx", "00ff"], 1, "begins with 00ff"),
        (&["peers", "Z"], 1, "there is no node Z"),
        (&["wait", "--height", "9", "--timeout", "200ms"], 4, "height 9: not within 0.2 s; in sync"),
        (&["wait", "--tips", "9", "--timeout", "200ms"], 4, "9 tips: not within 0.2 s; in sync"),
    ];
    for (words, code, said) in rows {
        let ended = network.run(words);
        assert_eq!(ended.code, Some(code), "{words:?}: {}{}", ended.out, ended.error);
        assert!(
            ended.error.starts_with("error: ") && ended.error.contains(said),
            "{words:?}: {}",
            ended.error
        );
        assert_eq!(ended.out, "", "{words:?}");
    }
    network.run(&["mine", "A", "--data", "mine is mine"]).good();
    let node = network.record()["nodes"][0]["http"].as_str().expect("its HTTP").to_owned();
    for words in [&["status"][..], &["mine"], &["events"], &["logs"], &["down"], &["mining", "start"]] {
        let ended = network.run(&[words, &["--manager", &node]].concat());
        assert_eq!(ended.code, Some(3), "{words:?}: {ended:?}");
        assert!(ended.error.starts_with(&format!("error: {node} is a node, not a manager")), "{ended:?}");
    }
    assert_eq!(
        network.run(&["status", "--json"]).json()["verdict"]["tips"][0]["height"],
        1,
        "none of it was done"
    );
    let refused = network.run(&["tamper", "A", "1", "mine is yours"]);
    assert_eq!(refused.code, Some(1), "{}{}", refused.out, refused.error);
    assert!(refused.error.contains("node B refused the chain"), "{refused:?}");
    assert!(
        refused.error.contains("the block at height 1 breaks the rule BadMerkleRoot: the Merkle"),
        "{refused:?}"
    );
    assert!(refused.error.contains("must find its proof of work anew"), "{refused:?}");
    // No work makes another genesis block this network's; and what is not changed is no forgery.
    let other = network.run(&["tamper", "A", "0", "mine is yours"]);
    assert!(other.error.contains("hint: so it should be: a chain with another first block"), "{other:?}");
    let same = network.run(&["tamper", "A", "1", "mine is mine"]);
    let said =
        "error: nothing was changed: the block at height 1 says that already\nhint: give it another text\n";
    assert_eq!((same.code, same.error.as_str()), (Some(1), said));
    // It came over HTTP: B's miner has nothing to do with it.
    let log = network.run(&["logs", "B"]).good();
    assert!(log.contains("block of an offered chain refused") && !log.contains("our own block"), "{log}");
    // What the nodes take, the commands send: no text is a content, too.
    let sent = network.run(&["send", ""]);
    assert_eq!((sent.code, sent.out.trim().len()), (Some(0), 64), "{}{}", sent.out, sent.error);
    for count in ["1", "2"] {
        let mined = network.run(&["mine", "A", "--data", "", "-n", count]);
        assert_eq!(mined.code, Some(0), "{}{}", mined.out, mined.error);
    }
    let gone = network.run(&["tx", sent.out.trim()]);
    assert_eq!(gone.code, Some(0), "{}{}", gone.out, gone.error);
    network.run(&["down"]).good();
}

#[test]
fn a_setting_is_that_of_the_flag_or_else_the_variable_or_else_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("network.toml"), "amount = 3\nport = 7\nrounds = 2\n").expect("a file");
    let words = ["config", "--config", "network.toml", "--rounds", "5", "--json"];
    let config = ended(&mut command(folder.path(), &words)).json();
    let of = |name: &str| {
        let found = config["up"].as_array().expect("settings").iter().find(|one| one["name"] == name);
        let found = found.expect("a setting");
        let text = |member: &str| found[member].as_str().unwrap_or_default().to_owned();
        let line = found["line"].as_u64().map_or(String::new(), |line| format!(":{line}"));
        (text("value"), text("from"), text("place") + &line)
    };
    let row = |value: &str, from: &str, place: &str| (value.to_owned(), from.to_owned(), place.to_owned());
    assert_eq!(of("rounds"), row("5", "flag", ""));
    assert_eq!(of("port"), row("0", "environment", "NETWORKMNGR_PORT"));
    assert_eq!(of("amount"), row("3", "file", "network.toml:1"));
    assert_eq!(of("pause"), row("random", "default", ""));
    let shown = ended(&mut command(folder.path(), &words[..5])).good();
    assert!(shown.contains("amount") && shown.contains("file network.toml:1"), "{shown}");
}

#[test]
fn what_a_start_would_refuse_is_refused_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = [
        ("amount = 2\ndifficulty = 99\n", "", "network.toml:2: the difficulty must be 1 to 64"),
        (
            "hashrate = \"1M\"\n",
            "",
            "network.toml:1: the following required arguments were not provided --mine",
        ),
        ("mine = true\nhashrate = \"1M\"\n", "99", "NETWORKMNGR_DIFFICULTY: the difficulty must be 1 to 64"),
        ("", "many", "NETWORKMNGR_DIFFICULTY: invalid value 'many' for '--difficulty"),
        ("topology = \"none\"\n", "", "network.toml:1: --topology none: "),
    ];
    for (file, variable, said) in rows {
        std::fs::write(folder.path().join("network.toml"), file).expect("a file");
        for name in ["config", "doctor", "up"] {
            let mut command = command(folder.path(), &[name, "--config", "network.toml"]);
            if !variable.is_empty() {
                command.env("NETWORKMNGR_DIFFICULTY", variable);
            }
            let ended = ended(&mut command);
            assert_eq!(ended.code, Some(2), "{name} {file:?}: {ended:?}");
            assert!(ended.error.starts_with(&format!("error: {said}")), "{name} {file:?}: {ended:?}");
        }
    }
    assert!(!folder.path().join("network").exists(), "nothing was started");
}

#[test]
fn a_variable_of_a_flag_without_a_value_is_true_or_false() {
    let folder = tempfile::tempdir().expect("a folder");
    for (variable, flag) in [("NETWORKMNGR_MINE", "--mine"), ("NETWORKMNGR_DETACH", "--detach")] {
        let mut command = command(folder.path(), &["config"]);
        let refused = ended(command.env(variable, "1"));
        let said = format!("error: {variable}: invalid value '1' for '{flag}': expected true or false\n");
        assert!(refused.code == Some(2) && refused.error.starts_with(&said), "{refused:?}");
        ended(command.env(variable, "true")).good();
    }
}

#[test]
fn what_a_start_would_lack_is_an_error_of_doctor() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("file"), "").expect("a file");
    for (flags, found) in [
        (["--data-dir", "file"], "folder        error  file is no folder"),
        (["--node-program", "./none"], "node program  error  ./none is no program that can be run"),
    ] {
        let doctor = run(folder.path(), &[&["doctor", "-a", "1"][..], &flags].concat());
        assert_eq!(doctor.code, Some(1), "{doctor:?}");
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed(&doctor.out).contains(&squeezed(found)), "{doctor:?}");
    }
}

#[test]
fn what_needs_no_network_works_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let help = run(folder.path(), &["help"]).good();
    assert_eq!(run(folder.path(), &["help", "--help"]).good(), help);
    for shell in ["bash", "zsh", "fish"] {
        let script = run(folder.path(), &["completions", shell]).good();
        let json = run(folder.path(), &["completions", shell, "--json"]).json();
        assert_eq!((&json["shell"], &json["script"]), (&shell.into(), &script.as_str().into()));
        assert!(script.contains("networkmngr") && script.contains("partition"), "{shell}");
    }
    let checked = run(folder.path(), &["doctor", "-a", "2", "--json"]).json();
    assert_eq!(checked["ok"], true, "{checked}");
    let listed = run(folder.path(), &["scenario", "list"]).good();
    assert!(listed.contains("fork-and-reorg"), "{listed}");
    let help = run(folder.path(), &["--help"]).good();
    assert!(help.contains("Examples:") && help.contains("partition"), "{help}");
    assert!(run(folder.path(), &["--version"]).good().starts_with("networkmngr "));
    assert!(!folder.path().join("network").exists(), "nothing was started");
}

/// (words, a variable and its value, exit code, what stderr says)
#[test]
fn what_is_nobodys_is_said_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows: [(&[&str], &str, &str, &str); 5] = [
        (&["config"], "NETWORKMNGR_MANAGER", "https://a", "NETWORKMNGR_MANAGER=https://a: "),
        (&["config"], "NETWORKMNGR_MINE", "", "NETWORKMNGR_MINE: a value is required for '--mine"),
        (
            &["scenario", "show", "/dev/zero"],
            "X",
            "",
            "/dev/zero cannot be read: it has more than 1048576 bytes",
        ),
        (&["up", "--topology", "/dev/zero"], "X", "", "as a file: it has more than 1048576 bytes"),
        (&["simulate", "--nodes", "-1"], "X", "", "a simulation has 1 to 100000 nodes"),
    ];
    for (words, name, value, said) in rows {
        let ended = ended(command(folder.path(), words).env(name, value));
        assert_eq!(ended.code, Some(2), "{words:?}: {ended:?}");
        assert!(ended.error.contains(said) && ended.out.is_empty(), "{words:?}: {ended:?}");
    }
}

#[test]
fn a_setting_steers_no_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("network.toml"), "data-dir = \"a\\u001b[31mRED\"\n").expect("a file");
    let shown = run(folder.path(), &["config", "--config", "network.toml"]).good();
    assert!(shown.contains(r"a\u{1b}[31mRED") && !shown.contains('\u{1b}'), "{shown:?}");
}

/// Help and version are what was asked for: all of them, or it is an error.
#[test]
fn help_that_nobody_can_read_is_an_error() {
    for program in [MANAGER, env!("CARGO_BIN_EXE_p2pnode")] {
        for flag in ["--help", "--version"] {
            let full = std::fs::File::create("/dev/full").expect("a device");
            let out = std::process::Command::new(program).arg(flag).stdout(full).output().expect("it runs");
            let said = String::from_utf8_lossy(&out.stderr);
            assert_eq!(out.status.code(), Some(1), "{program} {flag}: {said}");
            assert!(said.starts_with("error: stdout cannot be written: "), "{program} {flag}: {said}");
        }
    }
}

/// A scenario that is interrupted while its network starts: whatever had begun has ended before its folder goes.
#[test]
fn an_interrupted_scenario_leaves_no_folder() {
    for nodes in ["1", "4"] {
        let place = tempfile::tempdir().expect("a folder");
        let script = place.path().join("x.scn");
        std::fs::write(&script, format!("up -a {nodes} --difficulty 8\nwait --height 9\n")).expect("a file");
        let temporary = place.path().join("tmp");
        std::fs::create_dir(&temporary).expect("a folder");
        let mut command = command(place.path(), &["scenario", "run", "x.scn"]);
        let mut child = command
            .env("TMPDIR", &temporary)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let left = || std::fs::read_dir(&temporary).expect("a folder").count();
        until("its folder is there", || left() > 0);
        let pid = Pid::from_raw(child.id() as i32).expect("a number");
        kill_process(pid, Signal::INT).expect("it runs");
        let (status, _, error) = process::finish(&mut child);
        assert_eq!(status.code(), Some(130), "{error}");
        assert_eq!(left(), 0, "{nodes} nodes: {error}");
    }
}
