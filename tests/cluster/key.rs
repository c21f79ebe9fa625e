//! The manager's key: kept for the next run of the same network, and nobody else's.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustix::process::Signal;

use crate::harness::{Network, run};

#[test]
fn a_network_that_is_started_again_knows_its_manager() {
    let folder = Arc::new(tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("manager.key");
    let ended_well = |flags: &[&str]| {
        let network = Network::start_in(&folder, flags);
        network.signal(Signal::TERM);
        assert_eq!(network.end().status.code(), Some(0), "{flags:?}");
    };
    ended_well(&["-a", "1", "--ephemeral"]);
    assert!(!path.exists(), "nothing of it is kept");

    ended_well(&["-a", "1"]);
    let mode = fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
    let key = fs::read_to_string(&path).expect("text");
    assert_eq!((mode, key.len()), (0o600, 65));
    ended_well(&["-a", "2", "--log-level", "trace"]);
    assert_eq!(fs::read_to_string(&path).expect("text"), key);
    for log in fs::read_dir(folder.path().join("logs")).expect("logs") {
        let log = fs::read_to_string(log.expect("a file").path()).expect("text");
        assert!(!log.contains(key.trim_end()), "no log shows it");
    }
}

#[test]
fn a_key_that_others_may_read_starts_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("manager.key");
    fs::write(&path, format!("{}\n", "07".repeat(32))).expect("a file");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("it is ours");
    let ended = run(folder.path(), &["-a", "1"]);
    assert_eq!(ended.status.code(), Some(1), "{}", ended.error);
    assert!(ended.error.contains("(mode 644)"), "{}", ended.error);
    assert!(ended.error.contains(&format!("hint: chmod 600 {}", path.display())), "{}", ended.error);
    assert!(!folder.path().join("logs/node-000.log").exists(), "no node was started");
}
