//! The shipped `p2pnode` on the folder of a node that does not run: what it says, and what it ends with.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use p2pnode::params::Params;
use p2pnode::store;
use p2pnode::types::NodeId;
use tempfile::TempDir;

/// A folder as a node leaves it that was started once.
fn used() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = store::open(folder.path(), &Params::regtest(), NodeId([9; 16])).expect("a new folder");
    opened.store.close();
    folder
}

fn verify(folder: &Path, flags: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    let ended = command.arg("verify").arg(folder).args(flags).output().expect("it runs");
    let Output { status, stdout, stderr } = ended;
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code().expect("an exit code"), text(stdout), text(stderr))
}

#[test]
fn a_folder_is_looked_at_damaged_and_repaired() {
    let folder = used();
    let regtest = ["--network", "regtest"];
    let (code, out, error) = verify(folder.path(), &regtest);
    assert_eq!((code, error.as_str()), (0, ""), "{out}");
    assert!(out.contains("blocks   1 ") && out.ends_with("nothing is damaged\n"), "{out}");

    let chain = folder.path().join(store::CHAIN_FILE);
    let whole = fs::read(&chain).expect("a file");
    fs::write(&chain, &whole[..whole.len() / 2]).expect("cut");
    let (code, out, error) = verify(folder.path(), &regtest);
    assert_eq!((code, error.as_str()), (65, ""), "{out}");
    assert!(out.contains(&format!("damaged  {}: ", chain.display())), "{out}");
    assert!(out.contains("--repair --network regtest`"), "the next command: {out}");

    let (code, out, error) = verify(folder.path(), &["--repair", "--network", "regtest"]);
    assert_eq!((code, error.as_str()), (0, ""), "{out}");
    assert!(out.contains("repaired: ") && out.contains("chain.redb.damaged-1"), "{out}");
    assert_eq!(verify(folder.path(), &regtest).0, 0, "it is whole again");
}

#[test]
fn what_cannot_be_looked_at_says_what_to_do() {
    let folder = used();
    let running = store::open(folder.path(), &Params::regtest(), NodeId([9; 16])).expect("a folder");
    let nobody = tempfile::tempdir().expect("a folder");
    let rows: [(&Path, &[&str], i32, &str, &str); 3] = [
        (folder.path(), &["--network", "regtest"], 1, "is in use by another node", "stop that node"),
        (nobody.path(), &[], 1, "no node has kept anything in", "--data-dir"),
        (nobody.path(), &["--difficulty", "0"], 2, "the difficulty must be", "--difficulty 16"),
    ];
    for (folder, flags, code, says, hint) in rows {
        let ended = verify(folder, flags);
        assert_eq!(ended.0, code, "{flags:?}: {}", ended.2);
        assert!(ended.2.contains(says) && ended.2.contains(hint), "{flags:?}: {}", ended.2);
    }
    drop(running);
    let (code, _, error) = verify(folder.path(), &[]);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("of another network") && error.contains("--network"), "{error}");
}
