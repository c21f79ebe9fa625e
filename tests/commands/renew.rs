//! `networkmngr renew`: a new network in the place of one that runs.

use crate::harness::{Network, is_alive, run, until};

#[test]
fn a_network_is_started_anew_from_the_shell() {
    let network = Network::start(&["-a", "2"]);
    let (manager, nodes) = network.pids();
    network.run(&["mine"]).good();

    // Nobody is there to be asked.
    let not_asked = network.run(&["renew", "-a", "3"]);
    assert_eq!((not_asked.code, not_asked.out.as_str()), (Some(2), ""), "{}", not_asked.error);
    assert!(not_asked.error.contains("hint: say `networkmngr renew --yes`"), "{}", not_asked.error);
    let rows: [(&[&str], &str); 4] = [
        (&["--difficulty", "65"], "1 to 64 leading zero bits"),
        (&["-a", "0"], "a network has 1 to 1000 nodes"),
        (&["--hashrate", "5k"], "--mine"),
        (&["--block-time", "soon"], "expected whole seconds, or none"),
    ];
    // What can be known before is said before the question.
    let unasked: [(&[&str], &str); 4] = [
        (&["--difficulty", "65"], "1 to 64 leading zero bits"),
        (&["-a", "0"], "a network has 1 to 1000 nodes"),
        (&["--block-time", "100000"], "the block time must be 1 to 86400 seconds"),
        (&["--topology", "blob"], "--topology blob: "),
    ];
    for (flags, why) in unasked {
        let refused = network.run(&[&["renew"], flags].concat());
        assert_eq!(refused.code, Some(2), "{flags:?}: {}", refused.error);
        assert!(refused.error.contains(why), "{flags:?}: {}", refused.error);
    }
    for (flags, why) in rows {
        let refused = network.run(&[&["renew", "--yes"], flags].concat());
        assert_eq!(refused.code, Some(2), "{flags:?}: {}", refused.error);
        assert!(refused.error.contains(why), "{flags:?}: {}", refused.error);
    }
    assert!(nodes.iter().all(|node| is_alive(*node)), "nothing was stopped");

    let said = network.run(&["renew", "--yes", "-a", "3", "--block-time", "10"]).good();
    assert!(said.contains("/before-") && said.contains("3 nodes, up after "), "{said}");
    assert!(said.ends_with("in sync: 3 nodes at height 0\n"), "{said}");
    assert_eq!(network.pids().0, manager, "the same manager");
    assert!(nodes.iter().all(|node| !is_alive(*node)));

    let json = network.run(&["renew", "-y", "--json", "--block-time", "none", "--difficulty", "9"]).json();
    assert_eq!((&json["nodes"], &json["rules"]["difficulty"]), (&3.into(), &9.into()), "{json}");
    assert!(json["rules"]["block_time"].is_null() && json["run"] != json["old_run"], "{json}");
    network.run(&["down"]).good();
    assert_eq!(network.run(&["renew", "--yes"]).code, Some(3), "there is none to be renewed");

    // Its rules are not those that it was started with any more: nobody has to know them.
    let refused = network.run(&["up", "--detach", "-a", "2", "--difficulty", "8"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{}", refused.error);
    let said = "error: ./network holds a network of difficulty 9, not of difficulty 8\n\
                hint: `networkmngr up --difficulty 9 --amount 2 --detach` goes on with it";
    assert!(refused.error.starts_with(said), "{}", refused.error);
    let up = network.run(&["up", "--detach", "-a", "2"]);
    assert_eq!(
        up.error,
        "goes on with the network of ./network: difficulty 9; node C stays out, and what it kept stays\n"
    );
    assert_eq!(up.code, Some(0), "{}", up.out);
    assert_eq!(network.record()["network"]["rules"], json["rules"]["text"]);
    network.run(&["down"]).good();
}

#[test]
fn a_new_network_that_does_not_start_is_told_with_where_to_look() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("node");
    // Written by another process: a program that is open for writing cannot be run.
    let gate = folder.path().join("gate");
    let text = format!(
        "#!/bin/sh\n[ -e '{}' ] && exit 1\nexec '{}' node \"$@\"\n",
        gate.display(),
        crate::harness::MANAGER
    );
    let written = std::process::Command::new("/bin/sh")
        .args(["-c", r#"printf '%s' "$1" > "$2" && chmod +x "$2""#, "sh", &text])
        .arg(&script)
        .status();
    assert!(written.expect("a shell").success());
    let program = script.to_str().expect("UTF-8");
    let network = Network { folder };
    network.run(&["up", "--detach", "-a", "1", "--difficulty", "8", "--node-program", program]).good();
    std::fs::write(gate, "").expect("a file");
    let failed = run(network.folder.path(), &["renew", "--yes"]);
    assert_eq!(failed.code, Some(1), "{}", failed.error);
    assert!(failed.error.contains("the new network did not start") && failed.error.contains("manager.log"));
    // It says so a moment after whoever asked knows.
    let out = network.folder.path().join("network/logs/manager.out");
    let said = || std::fs::read_to_string(&out).expect("a file");
    until("the reason is told", || said().contains("0 of 1 nodes are there; node A: exit code 1"));
    // It failed, and still nothing is lost.
    let entries = std::fs::read_dir(network.folder.path().join("network")).expect("the folder");
    let mut kept = entries.map(|entry| entry.expect("an entry").path().join("node-000/chain.redb"));
    assert!(kept.any(|chain| chain.exists()), "what the network before it kept is there");
}
