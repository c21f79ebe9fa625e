//! The shipped `p2pnode` on the folder of a node that does not run: what it says, and what it ends with.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use p2pnode::params::Params;
use p2pnode::store;
use p2pnode::types::NodeId;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

/// A program that is being started holds what this process has locked until it is another program, so what
/// locks folders here and what starts programs takes turns.
static TURN: Mutex<()> = Mutex::new(());

/// A folder as a node leaves it that was started once.
fn used() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = store::open(folder.path(), &Params::regtest(), NodeId([9; 16])).expect("a new folder");
    opened.store.close().expect("closed");
    folder
}

fn run(arguments: &[&OsStr]) -> (i32, Vec<u8>, String) {
    let ended = Command::new(env!("CARGO_BIN_EXE_p2pnode")).args(arguments).output().expect("it runs");
    let Output { status, stdout, stderr } = ended;
    (status.code().expect("an exit code"), stdout, String::from_utf8(stderr).expect("UTF-8"))
}

fn verify(folder: &Path, flags: &[&str]) -> (i32, String, String) {
    let arguments: Vec<&OsStr> =
        ["verify".as_ref(), folder.as_os_str()].into_iter().chain(flags.iter().map(OsStr::new)).collect();
    let (code, out, error) = run(&arguments);
    (code, String::from_utf8(out).expect("UTF-8"), error)
}

#[test]
fn a_folder_is_looked_at_damaged_and_repaired() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
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
fn of_a_killed_node_it_is_said_that_the_next_start_recovers_only_if_it_does() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (folder, dead) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let running = store::open(folder.path(), &Params::regtest(), NodeId([9; 16])).expect("a new folder");
    for name in [store::CHAIN_FILE, "chain.journal"] {
        fs::copy(folder.path().join(name), dead.path().join(name)).expect("copied");
    }
    drop(running);
    let killed = "the node was killed when it ran last";
    let (code, out, _) = verify(dead.path(), &[]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains(&format!("{killed}: its next start recovers\n")), "{out}");
    fs::write(dead.path().join("chain.journal"), "").expect("emptied");
    let (code, out, _) = verify(dead.path(), &[]);
    assert_eq!(code, 65, "{out}");
    assert!(out.contains(&format!("{killed}\n")) && !out.contains("recovers"), "{out}");
    assert!(out.contains("chain.journal is empty") && out.contains("may be lost"), "{out}");
}

#[test]
fn what_cannot_be_looked_at_says_what_to_do() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = used();
    let running = store::open(folder.path(), &Params::regtest(), NodeId([9; 16])).expect("a folder");
    let nobody = tempfile::tempdir().expect("a folder");
    let rows: [(&Path, &[&str], i32, &str, &str); 3] = [
        (folder.path(), &["--network", "regtest"], 1, "in use by another node or command", "stop that node"),
        (nobody.path(), &[], 1, "no node has kept anything in", "--data-dir"),
        (nobody.path(), &["--difficulty", "0"], 2, "the difficulty must be", "--difficulty 16"),
    ];
    for (folder, flags, code, says, hint) in rows {
        let ended = verify(folder, flags);
        assert_eq!(ended.0, code, "{flags:?}: {}", ended.2);
        assert!(ended.2.contains(says) && ended.2.contains(hint), "{flags:?}: {}", ended.2);
    }
    drop(running);
    assert_eq!(verify(folder.path(), &[]).0, 0, "without flags it is the network that the folder names");
    let (code, _, error) = verify(folder.path(), &["--difficulty", "12"]);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("of another network") && error.contains("--network"), "{error}");
}

#[test]
fn a_chain_goes_through_a_file_and_what_is_wrong_with_one_is_said() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (folder, place) = (used(), tempfile::tempdir().expect("a folder"));
    let (file, there) = (place.path().join("chain.p2p"), place.path().join("there"));
    let export: &[&OsStr] = &["export".as_ref(), folder.path().as_os_str()];
    let (code, bytes, error) = run(export);
    assert_eq!(code, 0, "{error}");
    assert!(error.starts_with("exported 0 blocks") && error.contains("of regtest "), "{error}");
    let beside = place.path().join("chain.p2p.new");
    fs::write(&beside, "somebody's").expect("written");
    let (code, out, error) = run(&[export, &["-o".as_ref(), file.as_os_str()]].concat());
    assert_eq!((code, &out[..]), (0, &b""[..]), "{error}");
    assert_eq!(fs::read(&beside).expect("a file"), b"somebody's");
    assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 2, "nothing else is there");
    assert_eq!(fs::read(&file).expect("a file"), bytes, "to a file as to stdout");
    let link = place.path().join("link.p2p");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    assert_eq!(run(&[export, &["-o".as_ref(), link.as_os_str()]].concat()).0, 0);
    assert!(link.is_symlink() && fs::read(&file).expect("a file") == bytes, "the link stays one");
    let (code, out, error) = run(&[export, &["-o".as_ref(), "/dev/stdout".as_ref()]].concat());
    assert_eq!((code, out == bytes), (0, true), "what is no file is written into: {error}");
    let import: &[&OsStr] = &["import".as_ref(), file.as_os_str(), there.as_os_str()];
    let (code, _, error) = run(import);
    assert!(code == 0 && error.starts_with("nothing to import: "), "{error}");

    fs::write(&file, &bytes[..bytes.len() - 1]).expect("cut");
    let (code, _, error) = run(import);
    assert_eq!(code, 65, "{error}");
    assert!(
        error.contains("in the middle of something") && error.contains("hint: export it again"),
        "{error}"
    );
    let nowhere = place.path().join("not/there");
    let (code, _, error) = run(&[export, &["-o".as_ref(), nowhere.as_os_str()]].concat());
    assert!(code == 1 && error.contains("not/there") && error.contains("--output"), "{code}: {error}");
    let (code, _, error) = run(&[export, &["-o".as_ref(), "-".as_ref()]].concat());
    assert!(code == 2 && error.contains("leave out --output for stdout, or name the file ./-"), "{error}");
    let (code, _, error) = run(&["export".as_ref(), nowhere.as_os_str()]);
    assert!(code == 1 && error.contains("no node has kept anything in"), "{code}: {error}");
    let (code, _, error) = run(&["import".as_ref(), nowhere.as_os_str(), there.as_os_str()]);
    assert!(code == 1 && error.contains("cannot be read"), "{code}: {error}");
}

#[test]
fn an_export_leaves_the_nodes_own_files_alone_and_a_private_file_private() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (folder, place) = (used(), tempfile::tempdir().expect("a folder"));
    let chain = folder.path().join(store::CHAIN_FILE);
    let before = fs::read(&chain).expect("a file");
    let (link, way) = (place.path().join("link"), place.path().join("way"));
    std::os::unix::fs::symlink(&chain, &link).expect("a link");
    std::os::unix::fs::symlink(folder.path(), &way).expect("a link");
    let new = folder.path().join("new.p2p");
    for output in [&chain, &link, &way.join(store::CHAIN_FILE), &folder.path().join("lock"), &new] {
        let (code, _, error) =
            run(&["export".as_ref(), folder.path().as_os_str(), "-o".as_ref(), output.as_os_str()]);
        assert_eq!(code, 2, "{}: {error}", output.display());
        assert!(error.contains("is in the node's own folder") && error.contains("--output"), "{error}");
    }
    assert!(!new.exists() && fs::read(&chain).expect("a file") == before);
    let other = used();
    let set_aside = ["chain.redb.damaged-1", "chain.journal.damaged-12", "peers.json.damaged"];
    let written = [store::CHAIN_FILE, "chain.journal", store::NODE_FILE, "lock", "cookie", "chain.redb.new"];
    let networks = ["network.json", "network.json.new", "manager.key", "network.lock", "node-000", "logs"];
    let logs = ["manager.log", "manager.out", "node-000.log", "node-1234.log"];
    let of =
        |owner: &'static str, names: &[&'static str]| names.iter().map(move |name| (*name, owner)).collect();
    let rows: [Vec<(&str, &str)>; 4] = [
        of("a node's own files", &set_aside),
        of("a node's own files", &written),
        of("a network's own files", &networks),
        of("a network's logs", &logs),
    ];
    for (name, owner) in rows.concat() {
        let output = other.path().join(name);
        let was = fs::read(&output).ok();
        let (code, _, error) =
            run(&["export".as_ref(), folder.path().as_os_str(), "-o".as_ref(), output.as_os_str()]);
        let says =
            format!("a name of {owner}, not of a chain file\nhint: name a file elsewhere with --output");
        assert!(code == 2 && error.contains(&says), "{name}: {code}: {error}");
        assert_eq!(fs::read(&output).ok(), was, "{name}");
    }
    assert_eq!(verify(folder.path(), &[]).0, 0, "it is whole");

    let private = place.path().join("private.p2p");
    fs::write(&private, "old").expect("written");
    fs::set_permissions(&private, fs::Permissions::from_mode(0o600)).expect("ours");
    let (code, _, error) =
        run(&["export".as_ref(), folder.path().as_os_str(), "-o".as_ref(), private.as_os_str()]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(fs::metadata(&private).expect("a file").permissions().mode() & 0o777, 0o600);
}

/// Runs the program as a user who owns nothing here; none where that user may not even run it.
fn run_as_stranger(arguments: &[&OsStr]) -> Option<(i32, Vec<u8>, String)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_p2pnode"));
    if geteuid().is_root() {
        // To root nothing is read-only.
        command.uid(65534).gid(65534);
    }
    let Output { status, stdout, stderr } = command.args(arguments).output().ok()?;
    Some((status.code().expect("an exit code"), stdout, String::from_utf8(stderr).expect("UTF-8")))
}

#[test]
fn a_folder_that_cannot_be_written_is_looked_at_and_exported() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = used();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    };
    let (path, lock) = (folder.path(), folder.path().join("lock"));
    let arguments = |command: &'static str| [OsStr::new(command), path.as_os_str()];
    mode(&path.join(store::CHAIN_FILE), 0o444);
    mode(path, 0o555);
    let wanted = run(&arguments("export"));
    let before = fs::read(path.join(store::CHAIN_FILE)).expect("a file");
    // A lock that can be read is taken; where it cannot be, the chain's file itself is locked.
    for lock_mode in [0o444, 0o000] {
        mode(&lock, lock_mode);
        let Some((code, out, error)) = run_as_stranger(&arguments("verify")) else {
            return println!("no other user may run this program here");
        };
        let out = String::from_utf8(out).expect("UTF-8");
        assert_eq!(code, 0, "{out}{error}");
        assert!(out.ends_with("nothing is damaged\n"), "{out}");
        assert!(!out.contains("without its lock"), "{out}");
        let (code, bytes, error) = run_as_stranger(&arguments("export")).expect("it runs");
        assert_eq!((code, bytes == wanted.1), (0, true), "{error}");
        assert!(!error.contains("without its lock"), "{error}");
        let repair = [&arguments("verify")[..], &["--repair".as_ref()]].concat();
        let (code, _, error) = run_as_stranger(&repair).expect("it runs");
        assert!(code == 1 && error.contains("hint: run this as the user whose node"), "{code}: {error}");
    }
    assert_eq!(fs::read(path.join(store::CHAIN_FILE)).expect("a file"), before);
    // What this user may not read is not damaged for that.
    mode(path, 0o755);
    fs::write(path.join(store::BANS_FILE), "[]").expect("written");
    mode(&path.join(store::BANS_FILE), 0o000);
    let (code, out, error) = run_as_stranger(&arguments("verify")).expect("it runs");
    assert!(
        code == 1 && error.contains("ermission denied"),
        "{code}: {}{error}",
        String::from_utf8_lossy(&out)
    );
}

#[test]
fn a_process_that_may_open_hardly_any_file_says_so_and_begins_nothing() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("there");
    for arguments in [&["--listen", "127.0.0.1:0", "--http", "0", "--data-dir"][..], &["verify"]] {
        let script = "ulimit -n 12; exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_p2pnode")]).args(arguments).arg(&folder);
        let Output { status, stderr, .. } = command.output().expect("it runs");
        let error = String::from_utf8(stderr).expect("UTF-8");
        assert_eq!(status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains("only 12 files") && error.contains("ulimit -n"), "{arguments:?}: {error}");
        assert!(!folder.exists(), "{arguments:?}");
    }
}

#[test]
fn a_signal_ends_a_node_in_order_before_it_is_ready() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("there");
    // Somebody who takes the connection and says nothing.
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let mut node = Command::new(env!("CARGO_BIN_EXE_p2pnode"))
        .args(["--listen", "127.0.0.1:0", "--http", "0", "--join", &address, "--data-dir"])
        .arg(&folder)
        .spawn()
        .expect("it runs");
    let _connection = silent.accept().expect("it comes");
    let pid = Pid::from_raw(i32::try_from(node.id()).expect("a number")).expect("a process");
    kill_process(pid, Signal::TERM).expect("it is there");
    assert_eq!(node.wait().expect("it ends").code(), Some(0));
    assert!(!folder.exists());
}

#[test]
fn a_file_that_is_no_file_is_no_failing_disk() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = tempfile::tempdir().expect("a folder");
    let (there, long) = (place.path().join("there"), place.path().join("x".repeat(300)));
    let rows: [(&Path, i32, &str); 4] = [
        (Path::new("-"), 2, "write it to a file first"),
        (&place.path().join("nothing"), 1, "cannot be read"),
        (&long, 1, "cannot be read"),
        (place.path(), 1, "cannot be read"),
    ];
    for (file, code, says) in rows {
        let (found, _, error) = run(&["import".as_ref(), file.as_os_str(), there.as_os_str()]);
        assert!(found == code && error.contains(says), "{}: {found}: {error}", file.display());
    }
    assert!(!there.exists());
}

/// What only reads a folder shares it with others who do; a node takes it for itself.
#[test]
fn who_only_reads_is_in_nobodys_way_who_does() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = used();
    for name in ["lock", store::CHAIN_FILE] {
        let reader = fs::File::open(folder.path().join(name)).expect("a file");
        reader.try_lock_shared().expect("nobody else is there");
        assert_eq!(verify(folder.path(), &[]).0, 0, "{name}: beside another who reads");
        assert_eq!(run(&["export".as_ref(), folder.path().as_os_str()]).0, 0, "{name}");
        let node = store::open(folder.path(), &Params::regtest(), NodeId([9; 16]));
        assert!(matches!(node, Err(store::OpenError::Locked { .. })), "{name}: a node waits for readers");
    }
}

#[test]
fn a_chain_of_another_network_goes_elsewhere() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (folder, place) = (used(), tempfile::tempdir().expect("a folder"));
    let (file, there) = (place.path().join("chain.p2p"), place.path().join("there"));
    assert_eq!(run(&["export".as_ref(), folder.path().as_os_str(), "-o".as_ref(), file.as_os_str()]).0, 0);
    store::open(&there, &Params::lab(20, None).expect("rules"), NodeId([8; 16]))
        .expect("a new folder")
        .store
        .close()
        .expect("closed");
    let (code, _, error) = run(&["import".as_ref(), file.as_os_str(), there.as_os_str()]);
    assert!(code == 1 && error.ends_with("hint: import it into another folder\n"), "{code}: {error}");
    // A network that a later version may know.
    let bytes = fs::read(&file).expect("a file");
    let at = bytes.windows(7).position(|bytes| bytes == b"regtest").expect("its rules");
    fs::write(&file, [&bytes[..at], b"newtest", &bytes[at + 7..]].concat()).expect("written");
    let (code, _, error) = run(&["import".as_ref(), file.as_os_str(), there.as_os_str()]);
    let hint = "hint: a newer p2pnode may know that network; nothing was imported\n";
    assert!(code == 65 && error.ends_with(hint), "{code}: {error}");
}

/// What was found cannot be said: that is no good end, and damage is damage all the same.
#[test]
#[cfg(target_os = "linux")]
fn a_look_whose_words_are_lost_says_so() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = used();
    let look = "verify \"$1\" > /dev/full";
    let (code, error) = shell("", look, folder.path());
    assert!(code == 1 && error.contains("stdout cannot be written"), "{code}: {error}");
    fs::write(folder.path().join(store::NODE_FILE), "{").expect("written");
    assert_eq!(shell("", look, folder.path()).0, 65);
}

/// A shell starts `p2pnode` with `words`; `before` is what it does first.
fn shell(before: &str, words: &str, folder: &Path) -> (i32, String) {
    let line = format!("{before} exec {} {words}", env!("CARGO_BIN_EXE_p2pnode"));
    let ended = Command::new("sh").args(["-c", &line, "sh"]).arg(folder).output().expect("a shell");
    (ended.status.code().expect("an exit code"), String::from_utf8(ended.stderr).expect("UTF-8"))
}

/// Files may have 50 or 100 KiB at most, as if the disk had no more: the new chain's file does not fit.
#[test]
fn a_repair_that_finds_no_room_leaves_nothing_behind() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = used();
    let chain = folder.path().join(store::CHAIN_FILE);
    let whole = fs::read(&chain).expect("a file");
    fs::write(&chain, &whole[..whole.len() / 2]).expect("cut");
    let repair = "verify \"$1\" --repair --network regtest";
    let (code, error) = shell("ulimit -f 100;", repair, folder.path());
    assert!(code != 0 && error.contains("chain.redb.new"), "{code}: {error}");
    assert!(!folder.path().join("chain.redb.new").exists(), "what was begun is gone");
    assert_eq!(shell("", repair, folder.path()).0, 0, "with room it is repaired");
}
