//! Folders that cannot be opened: each says what is wrong with which file and what to do, and is left as it
//! is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::*;
use crate::store::folder::{CHECKPOINT_FILE, JOURNAL_FILE, LOCK_FILE};

/// What is done to a folder.
type Harm = fn(&Path);

/// A folder with a chain of ten blocks and its records, closed in order.
fn used() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = open(folder.path(), &Params::regtest(), NodeId([9; 16])).expect("a new folder");
    let mut parent = genesis();
    for seq in 1..=10 {
        let next = block(parent, seq, 1, &[seq]);
        parent = next.hash();
        opened.store.submit(batch(seq, &[&next], &[]));
    }
    opened.folder.write_record(&record(opened.node)).expect("written");
    opened.folder.write_peers(&[]).expect("written");
    opened.store.close().expect("closed");
    folder
}

fn refused(folder: &Path, params: &Params) -> OpenError {
    open(folder, params, NodeId([8; 16])).expect_err("a folder that cannot be opened")
}

/// Every file of a folder, but for the lock.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a name");
        let bytes = fs::read(entry.path()).expect("a file");
        (name, bytes)
    };
    entries.map(file).filter(|(name, _)| name != "lock").collect()
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).expect("a text");
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).expect("written");
}

/// Rows 63 and 66 of docs/hostile.md.
#[test]
fn what_cannot_be_opened_is_named_and_left_alone() {
    let rows: [(&str, Harm, &str, &str); 9] = [
        (
            "gone",
            |folder| fs::remove_file(folder.join(CHAIN_FILE)).expect("gone"),
            "chain.redb is missing",
            "--repair",
        ),
        (
            "gone with its record",
            |folder| {
                fs::remove_file(folder.join(CHAIN_FILE)).expect("gone");
                fs::remove_file(folder.join(NODE_FILE)).expect("gone");
            },
            "chain.redb is missing",
            "put the file back",
        ),
        (
            "empty",
            |folder| fs::write(folder.join(CHAIN_FILE), "").expect("written"),
            "chain.redb is damaged: it is empty",
            "p2pnode verify",
        ),
        (
            "cut",
            |folder| {
                let file = fs::File::options().write(true).open(folder.join(CHAIN_FILE)).expect("a file");
                let half = file.metadata().expect("a size").len() / 2;
                file.set_len(half).expect("cut");
            },
            "chain.redb is damaged: ",
            "p2pnode verify",
        ),
        (
            "something else",
            |folder| fs::write(folder.join(CHAIN_FILE), vec![7; 9000]).expect("written"),
            "chain.redb is damaged: it cannot be read: ",
            "p2pnode verify",
        ),
        (
            "of a later version",
            |folder| replace(&folder.join(NODE_FILE), "\"format\": 2", "\"format\": 3"),
            "node.json has format 3, and this version knows 2",
            "another folder",
        ),
        (
            "another's record",
            |folder| {
                replace(&folder.join(NODE_FILE), &NodeId([9; 16]).to_string(), &NodeId([7; 16]).to_string())
            },
            "are of different nodes (07070707070707070707070707070707 and 09090909090909090909090909090909)",
            "remove",
        ),
        (
            "half a record",
            |folder| fs::write(folder.join(NODE_FILE), "{\"format\"").expect("written"),
            "node.json is damaged: EOF",
            "remove",
        ),
        (
            "behind its checkpoint",
            |folder| replace(&folder.join("checkpoint.json"), "\"commits\": ", "\"commits\": 9"),
            "chain.redb is damaged: it knows of",
            "p2pnode verify",
        ),
    ];
    for (what, harm, error, hint) in rows {
        let folder = used();
        harm(folder.path());
        let before = files(folder.path());
        let refusal = refused(folder.path(), &Params::regtest());
        assert!(refusal.to_string().contains(error), "{what}: {refusal}");
        assert!(refusal.hint().contains(hint), "{what}: {}", refusal.hint());
        let after = files(folder.path());
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{what}");
        for (name, bytes) in before.iter().filter(|(name, _)| *name != CHAIN_FILE) {
            assert_eq!(bytes, &after[name], "{what}: {name}");
        }
    }
}

#[test]
fn a_folder_of_another_network_says_both() {
    let folder = used();
    let lab = Params::lab(12, None).expect("good rules");
    let refusal = refused(folder.path(), &lab);
    let both = format!("{}, not {}", Params::regtest().rules(), lab.rules());
    assert!(refusal.to_string().ends_with(&both), "{refusal}");
    assert!(refusal.hint().contains("--difficulty"), "{}", refusal.hint());
}

#[test]
fn what_is_no_folder_is_named() {
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("file");
    fs::write(&file, "text").expect("written");
    let refusal = refused(&file, &Params::regtest());
    assert!(refusal.to_string().starts_with(&format!("{} cannot be used: ", file.display())), "{refusal}");
}

/// Row 63 of docs/hostile.md.
#[test]
fn what_can_be_made_again_is_no_obstacle() {
    let rows: [(&str, Harm); 6] = [
        ("no record", |folder| fs::remove_file(folder.join(NODE_FILE)).expect("gone")),
        ("no peers", |folder| fs::remove_file(folder.join(PEERS_FILE)).expect("gone")),
        ("damaged peers", |folder| fs::write(folder.join(PEERS_FILE), "[{").expect("written")),
        ("damaged bans", |folder| fs::write(folder.join(BANS_FILE), "[{").expect("written")),
        ("a damaged checkpoint", |folder| fs::write(folder.join("checkpoint.json"), "?").expect("written")),
        ("what a killed write left", |folder| fs::write(folder.join("node.json.new"), "{").expect("written")),
    ];
    for (what, harm) in rows {
        let folder = used();
        harm(folder.path());
        let opened = open(folder.path(), &Params::regtest(), NodeId([8; 16])).expect(what);
        assert_eq!((opened.node, opened.store.blocks()), (NodeId([9; 16]), 11), "{what}");
    }
}

/// Whoever tidies up removes a file that holds nothing.
#[test]
fn a_folder_whose_lock_was_removed_is_still_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let params = std::sync::Arc::new(Params::regtest());
    // A new folder, whose chain was made after its lock, and one that was there.
    for _ in 0..2 {
        let running = open(path, &Params::regtest(), NodeId([9; 16])).expect("a folder");
        fs::remove_file(path.join("lock")).expect("there is one");
        let refusals = [
            open(path, &Params::regtest(), NodeId([8; 16])).map(|_| ()),
            verify(path, &params, &mut |_, _| {}).map(|_| ()),
            repair(path, &params, NodeId([8; 16]), &mut |_, _| {}).map(|_| ()),
        ];
        for refusal in refusals {
            assert!(matches!(refusal, Err(OpenError::Locked { .. })), "{refusal:?}");
        }
        assert!(!path.join("lock").exists(), "nothing was touched");
        drop((running.store, running.folder));
    }
}

#[test]
fn who_only_reads_a_folder_changes_nothing_in_it() {
    let folder = used();
    fs::write(folder.path().join("checkpoint.json"), "?").expect("written");
    fs::remove_file(folder.path().join("lock")).expect("there is one");
    let before = files(folder.path());
    let params = std::sync::Arc::new(Params::regtest());
    let report = verify(folder.path(), &params, &mut |_, _| {}).expect("a folder");
    assert!(!report.unlocked && report.findings.len() == 1, "{report:?}");
    chain_file::export(folder.path(), &params, Vec::new(), &mut |_, _| {}).expect("exported");
    assert_eq!(files(folder.path()), before);
    assert!(!folder.path().join("lock").exists());
}

#[test]
fn a_command_that_is_to_be_typed_has_the_folder_as_a_shell_takes_it() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("a b");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join(CHAIN_FILE), "").expect("written");
    let hint = refused(&folder, &Params::regtest()).hint();
    assert!(hint.contains(&format!("`p2pnode verify '{}'`", folder.display())), "{hint}");
}

/// Row 88 of docs/hostile.md.
#[test]
fn a_first_start_that_was_killed_leaves_nothing_in_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("chain.redb.new"), vec![1; 5000]).expect("written");
    fs::write(folder.path().join("lock"), "").expect("written");
    let opened = open(folder.path(), &Params::regtest(), NodeId([8; 16])).expect("a new folder");
    assert_eq!((opened.node, opened.store.blocks()), (NodeId([8; 16]), 1));
}

/// Row 65 of docs/hostile.md: whoever has the name of a folder that was moved is left alone.
#[test]
fn a_folder_that_was_moved_is_not_written_to_where_another_is_now() {
    let place = tempfile::tempdir().expect("a folder");
    let (home, away) = (place.path().join("home"), place.path().join("away"));
    let mut moved = open(&home, &Params::regtest(), NodeId([9; 16])).expect("a new folder");
    for (seq, next) in (1..).zip([block(genesis(), 1, 1, &[1]), block(genesis(), 1, 1, &[2])]) {
        moved.store.submit(batch(seq, &[&next], &[]));
        assert_eq!(moved.committed.wait(), Some(Ok(seq)));
    }
    fs::rename(&home, &away).expect("moved");
    let other = open(&home, &Params::regtest(), NodeId([8; 16])).expect("a new folder");
    other.folder.write_record(&record(other.node)).expect("written");
    let before = files(&home);
    for refused in [
        moved.folder.write_record(&record(moved.node)),
        moved.folder.write_peers(&[]),
        moved.folder.write_bans(&[]),
    ] {
        let why = refused.expect_err("it is another's").to_string();
        assert!(why.contains("is no longer this node's folder"), "{why}");
    }
    moved.store.close().expect("closed, where it is");
    assert_eq!(files(&home), before);
    drop((moved, other));
    for (path, node, blocks) in [(&home, 8, 0), (&away, 9, 2)] {
        let opened = open(path, &Params::regtest(), NodeId([7; 16])).expect("it is whole");
        assert_eq!((opened.node, opened.loaded.headers.len()), (NodeId([node; 16]), blocks));
    }
}

/// Row 63 of docs/hostile.md.
#[test]
fn a_file_that_is_removed_while_its_node_runs_is_noticed_at_the_next_commit() {
    for (name, says) in [(CHAIN_FILE, "cannot be written: it was removed"), (JOURNAL_FILE, "the journal")] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut opened = open(folder.path(), &Params::regtest(), NodeId([9; 16])).expect("a new folder");
        let one = block(genesis(), 1, 1, &[1]);
        opened.store.submit(batch(1, &[&one], &[]));
        assert_eq!(opened.committed.wait(), Some(Ok(1)));
        fs::remove_file(folder.path().join(name)).expect("a file");
        opened.store.submit(batch(2, &[&block(one.hash(), 2, 1, &[2])], &[]));
        match opened.committed.wait() {
            Some(Err(Failure::Io { error, path })) => {
                let said = Failure::Io { error, path }.to_string();
                assert!(said.contains(says) && said.contains("while the node ran"), "{said}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// A pipe has no end, and nobody may ever write to it.
#[test]
fn what_is_no_file_is_not_waited_for() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let names = [NODE_FILE, PEERS_FILE, BANS_FILE, CHECKPOINT_FILE, LOCK_FILE, CHAIN_FILE, JOURNAL_FILE];
    for name in names {
        let folder = used();
        let path = folder.path().join(name);
        let _ = fs::remove_file(&path);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        let home = folder.path().to_owned();
        let (done, ended) = std::sync::mpsc::channel();
        let looking = std::thread::spawn(move || {
            let params = Arc::new(Params::regtest());
            let found = verify(&home, &params, &mut |_, _| {}).map(|report| report.findings);
            let named = recorded_network(&home).is_some();
            let opened = open(&home, &params, NodeId([9; 16])).map(drop).map_err(|error| error.to_string());
            let _ = done.send((found, named, opened));
        });
        let (found, named, opened) = ended.recv_timeout(core::time::Duration::from_secs(60)).expect(name);
        looking.join().expect("without a panic");
        assert_eq!(named, name != NODE_FILE);
        let is_named = |text: &str| text.contains(name);
        match (name, opened) {
            // What can be made again is set aside.
            (PEERS_FILE | BANS_FILE | CHECKPOINT_FILE, Ok(())) => {
                assert!(is_named(&found.expect("a folder")[0].to_string()), "{name}");
            }
            (_, Err(error)) => assert!(is_named(&error), "{name}: {error}"),
            (_, Ok(())) => panic!("{name} was taken"),
        }
    }
}
