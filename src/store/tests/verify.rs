//! Damaged folders: what a look over them finds, and what a repair keeps.

use std::fs;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use redb::{ReadableTable, TableDefinition};

use super::*;
use crate::chain::testing::{self, LATE, grow, mine_on};
use crate::chain::{Chain, CheckedBlock};

/// What is done to a folder or a file.
type Harm = fn(&Path);

const NODE: NodeId = NodeId([9; 16]);

fn regtest() -> Arc<Params> {
    Arc::new(Params::regtest())
}

fn looked(folder: &Path) -> Result<Report, OpenError> {
    verify(folder, &regtest(), &mut |_, _| {})
}

fn repaired(folder: &Path) -> Repaired {
    repair(folder, &regtest(), NodeId([3; 16]), &mut |_, _| {}).expect("it can be repaired")
}

/// A folder with a chain of thirty blocks, a side branch of two on its tenth, a transaction that waits, and
/// its records, closed in order; and the chain.
fn used() -> (TempDir, Chain) {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = open(folder.path(), &regtest(), NODE).expect("a new folder");
    let mut chain = Chain::new(regtest());
    let mut blocks = Vec::new();
    for nth in 0..30 {
        let next = mine_on(&chain, &chain.tip().hash, vec![testing::content(nth, "hello")], "");
        chain.import(&next, LATE);
        blocks.push(next);
    }
    let tenth = chain.active_at(10).expect("a block");
    blocks.extend(grow(&mut chain, &tenth, 2, "side"));
    for (seq, next) in blocks.iter().enumerate() {
        let mut one = batch(seq as u64 + 1, &[next.block()], &[]);
        one.tip = if seq < 30 { next.hash() } else { chain.tip().hash };
        if seq == 7 {
            one.waiting = vec![Waiting::from(&testing::content(777, "waiting"))];
        }
        opened.store.submit(one);
    }
    opened.folder.write_record(&record(opened.node)).expect("written");
    opened.folder.write_peers(&[]).expect("written");
    opened.store.close().expect("closed");
    (folder, chain)
}

/// Changes the value in row `key` of a table of the chain's file.
fn alter<K: redb::Key + for<'a> redb::Value<SelfType<'a> = K> + core::borrow::Borrow<K>>(
    folder: &Path,
    table: TableDefinition<'_, K, &[u8]>,
    key: K,
    harm: impl FnOnce(&mut Vec<u8>),
) {
    let database = redb::Database::open(folder.join(CHAIN_FILE)).expect("a file");
    let transaction = database.begin_write().expect("a transaction");
    {
        let mut table = transaction.open_table(table).expect("a table");
        let row = table.get(&key).expect("read").map(|row| row.value().to_vec());
        let mut row = row.expect("a row");
        harm(&mut row);
        table.insert(&key, &row[..]).expect("written");
    }
    transaction.commit().expect("committed");
}

const BLOCKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("blocks");
const WAITING: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("waiting");
const INDEX: TableDefinition<'_, (u64, u64), ()> = TableDefinition::new("index");

fn write(folder: &Path, work: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(folder.join(CHAIN_FILE)).expect("a file");
    let transaction = database.begin_write().expect("a transaction");
    work(&transaction);
    transaction.commit().expect("committed");
}

fn flip(folder: &Path, number: u64) {
    alter(folder, BLOCKS, number, |row| {
        if let Some(last) = row.last_mut() {
            *last ^= 1;
        }
    });
}

/// Alters a block, and whatever the file still has of it as it was.
fn lose(folder: &Path, number: u64) {
    let mut was = Vec::new();
    alter(folder, BLOCKS, number, |row| {
        was.extend_from_slice(row);
        row[100] ^= 1;
    });
    let file = folder.join(CHAIN_FILE);
    let mut bytes = fs::read(&file).expect("a file");
    while let Some(at) = bytes.windows(was.len()).position(|place| place == was) {
        bytes[at + 100] ^= 1;
    }
    fs::write(&file, bytes).expect("written");
}

#[test]
fn a_folder_that_nobody_hurt_is_whole_and_stays_as_it_is() {
    let (folder, chain) = used();
    let before = fs::read(folder.path().join(CHAIN_FILE)).expect("a file");
    let mut shown = Vec::new();
    let report =
        verify(folder.path(), &regtest(), &mut |done, all| shown.push((done, all))).expect("a folder");
    assert_eq!(report.findings, []);
    assert_eq!((report.node, report.blocks, report.waiting), (Some(NODE), 33, 1));
    assert_eq!((report.transactions, report.tip), (33 + 30, Some(chain.tip())));
    assert_eq!(shown.last(), Some(&(report.bytes, report.bytes)), "all of it was shown");
    assert!(!report.unclosed);
    assert_eq!(fs::read(folder.path().join(CHAIN_FILE)).expect("a file"), before);
    assert!(repaired(folder.path()).made.is_none(), "there is nothing to do");
}

#[test]
fn what_is_wrong_is_named_with_its_file_and_place() {
    let rows: [(&str, Harm, &str, &str); 10] = [
        ("a block", |f| flip(f, 12), CHAIN_FILE, "block number 12 "),
        (
            "a block less",
            |f| {
                write(f, |t| {
                    t.open_table(BLOCKS).expect("a table").remove(12).expect("written");
                });
            },
            CHAIN_FILE,
            "block number 12 is missing",
        ),
        ("what waits", |f| alter(f, WAITING, 0, |row| row[40] ^= 1), CHAIN_FILE, "the waiting transaction"),
        (
            "a place less in the index",
            |f| {
                write(f, |t| {
                    t.open_table(INDEX).expect("a table").pop_first().expect("written");
                });
            },
            CHAIN_FILE,
            "is not in the index",
        ),
        (
            "a place too many in the index",
            |f| {
                write(f, |t| {
                    t.open_table(INDEX).expect("a table").insert((7, 7), ()).expect("written");
                });
            },
            CHAIN_FILE,
            "belong there",
        ),
        ("no chain", |f| fs::remove_file(f.join(CHAIN_FILE)).expect("gone"), CHAIN_FILE, "it is missing"),
        (
            "an empty chain",
            |f| fs::write(f.join(CHAIN_FILE), "").expect("written"),
            CHAIN_FILE,
            "it is empty",
        ),
        ("garbage", |f| fs::write(f.join(CHAIN_FILE), vec![7; 9000]).expect("written"), CHAIN_FILE, ""),
        ("peers", |f| fs::write(f.join(PEERS_FILE), "[{").expect("written"), PEERS_FILE, "EOF"),
        ("bans", |f| fs::write(f.join(BANS_FILE), "[{}]").expect("written"), BANS_FILE, "missing field"),
    ];
    for (what, harm, file, says) in rows {
        let (folder, _) = used();
        harm(folder.path());
        let report = looked(folder.path()).expect(what);
        let first = report.findings.first().unwrap_or_else(|| panic!("{what}: nothing was found"));
        assert_eq!(first.path, folder.path().join(file), "{what}");
        assert!(report.findings.iter().any(|found| found.what.contains(says)), "{what}: {report:?}");
    }
}

/// Row 62 of docs/hostile.md.
#[test]
fn a_bit_that_flips_changes_nothing_or_is_found() {
    let (folder, chain) = used();
    let file = folder.path().join(CHAIN_FILE);
    let good = fs::read(&file).expect("a file");
    let sound = looked(folder.path()).expect("a folder");
    let mut dice = ChaCha12Rng::seed_from_u64(11);
    let (mut found, rounds) = (0, 150);
    for _ in 0..rounds {
        let bit = dice.random_range(0..good.len() * 8);
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&file, &bad).expect("written");
        match looked(folder.path()) {
            Ok(report) if report.findings.is_empty() => {
                let same = (report.blocks, report.transactions, report.bytes, report.waiting, report.tip);
                let was = (sound.blocks, sound.transactions, sound.bytes, sound.waiting, Some(chain.tip()));
                assert_eq!(same, was, "bit {bit}: something else is there, and nobody said so");
            }
            _ => found += 1,
        }
        assert_eq!(fs::read(&file).expect("a file"), bad, "bit {bit}: the file was changed");
    }
    println!("{found} of {rounds} flipped bits were found; the others changed nothing");
    assert!(found > 0 && found < rounds);
}

/// A copy that was made while its node wrote has pages of several moments.
#[test]
fn a_page_in_the_place_of_another_is_damage_and_ends_no_program() {
    let (alive, dead) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let mut opened = open(alive.path(), &regtest(), NODE).expect("a new folder");
    let mut chain = Chain::new(regtest());
    for (nth, next) in grow(&mut chain, &genesis(), 40, "").iter().enumerate() {
        // What drops a block goes to the tables at once.
        for forget in [&[next.hash()][..], &[]] {
            opened.store.submit(batch(nth as u64 + 1, &[next.block()], forget));
            opened.committed.wait().expect("told").expect("committed");
        }
    }
    let read = |name: &str| fs::read(alive.path().join(name)).expect("a file");
    let (good, journal) = (read(CHAIN_FILE), read("chain.journal"));
    let mut dice = ChaCha12Rng::seed_from_u64(3);
    let page = |nth: usize| nth * 4096..(nth + 1) * 4096;
    let (mut damaged, count) = (0, good.len() / 4096);
    for round in 0..120 {
        let (from, to) = (dice.random_range(1..count), dice.random_range(1..count));
        let mut bad = good.clone();
        bad[page(to)].copy_from_slice(&good[page(from)]);
        fs::write(dead.path().join(CHAIN_FILE), &bad).expect("written");
        fs::write(dead.path().join("chain.journal"), &journal).expect("written");
        let report = looked(dead.path()).expect("a folder");
        damaged += usize::from(!report.findings.is_empty());
        let started = open(dead.path(), &regtest(), NODE).map(|opened| opened.loaded.headers.len());
        assert_eq!(
            started.is_err(),
            !report.findings.is_empty(),
            "round {round}: {from} at {to}: {started:?}"
        );
        if started.is_err() {
            repaired(dead.path());
            assert_eq!(looked(dead.path()).expect("a folder").findings, [], "round {round}: {from} at {to}");
        }
        for entry in fs::read_dir(dead.path()).expect("a folder") {
            fs::remove_file(entry.expect("an entry").path()).expect("a file");
        }
    }
    assert!(damaged > 10 && damaged < 120, "{damaged} of 120");
}

#[test]
fn a_repair_keeps_what_hangs_together_and_deletes_nothing() {
    let (folder, chain) = used();
    lose(folder.path(), 20);
    let damaged = fs::read(folder.path().join(CHAIN_FILE)).expect("a file");
    let made = repaired(folder.path()).made.expect("there was something to do");
    assert_eq!((made.node, made.blocks, made.waiting), (NODE, 20 + 2, 1));
    assert_eq!(Some(made.tip.hash), chain.active_at(19));
    let aside = folder.path().join("chain.redb.damaged-1");
    assert_eq!(fs::read(aside).expect("it is kept"), damaged);
    assert_eq!(looked(folder.path()).expect("a folder").findings, []);
    let opened = open(folder.path(), &regtest(), NodeId([8; 16])).expect("it opens");
    assert_eq!((opened.node, opened.loaded.tip), (NODE, made.tip.hash));
    assert_eq!(opened.loaded.waiting, [testing::content(777, "waiting")]);
    let restored = Chain::restore(regtest(), &opened.loaded.headers, opened.loaded.tip).expect("a chain");
    assert_eq!((restored.chain.tip(), restored.orphans.len()), (made.tip, 0));
    for header in &opened.loaded.headers {
        assert!(read(&opened.store, &header.hash()).is_some());
    }
}

#[test]
fn a_chain_that_is_gone_or_garbage_becomes_an_empty_one_of_the_same_node() {
    let rows: [(&str, Harm); 3] = [
        ("gone", |chain| fs::remove_file(chain).expect("gone")),
        ("empty", |chain| fs::write(chain, "").expect("written")),
        ("garbage", |chain| fs::write(chain, vec![7; 9000]).expect("written")),
    ];
    for (what, harm) in rows {
        let (folder, _) = used();
        harm(&folder.path().join(CHAIN_FILE));
        let made = repaired(folder.path()).made.expect(what);
        assert_eq!((made.node, made.blocks), (NODE, 1), "{what}");
        let opened = open(folder.path(), &regtest(), NodeId([8; 16])).expect(what);
        assert_eq!((opened.node, opened.store.blocks()), (NODE, 1), "{what}");
    }
}

/// `VERIFY_BLOCKS=10000` is the long form.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test has no flags")]
fn a_page_that_is_lost_costs_what_was_in_it_and_what_builds_on_that() {
    let count = std::env::var("VERIFY_BLOCKS").map_or(150, |count| count.parse().expect("a number"));
    let (folder, mut chain) = (tempfile::tempdir().expect("a folder"), Chain::new(regtest()));
    let opened = open(folder.path(), &regtest(), NODE).expect("a new folder");
    let blocks = grow(&mut chain, &genesis(), count, "a note that makes it a little longer");
    let all: Vec<&Block> = blocks.iter().map(|block| &**block.block()).collect();
    opened.store.submit(batch(1, &all, &[]));
    opened.folder.write_record(&record(opened.node)).expect("written");
    opened.store.close().expect("closed");
    drop(opened);
    let file = folder.path().join(CHAIN_FILE);
    let good = fs::read(&file).expect("a file");
    let places: Vec<usize> = {
        let find = |block: &CheckedBlock| {
            let encoded = block.encoded();
            good.windows(encoded.len()).position(|bytes| bytes == &encoded[..]).expect("in one piece")
        };
        blocks.iter().map(find).collect()
    };
    let pages = good.len().div_ceil(4096);
    let (mut damaging, step) = (0, (pages / 400).max(1));
    for page in (0..pages).step_by(step) {
        let range = page * 4096..good.len().min((page + 1) * 4096);
        if good[range.clone()].iter().all(|byte| *byte == 0) {
            continue;
        }
        let mut bad = good.clone();
        bad[range.clone()].fill(0);
        fs::write(&file, &bad).expect("written");
        let _ = fs::remove_file(folder.path().join("checkpoint.json"));
        // The first block that has a byte in this page; all before it are to be kept.
        let is_hit = |nth: &usize| {
            let (from, to) = (places[*nth], places[*nth] + blocks[*nth].encoded().len());
            from < range.end && range.start < to
        };
        let whole = (0..blocks.len()).find(is_hit).unwrap_or(blocks.len());
        let report = looked(folder.path()).expect("a folder");
        let is_damaged = !report.findings.is_empty();
        damaging += usize::from(is_damaged);
        let height = report.kept.or(report.tip).map(|tip| tip.height);
        assert_eq!(height, Some(whole as u64), "page {page}: {:?}", report.findings);
        assert!(is_damaged || whole == blocks.len(), "page {page}: lost, and nobody said so");
        if is_damaged && damaging % 5 == 0 {
            let made = repaired(folder.path()).made.expect("there was something to do");
            assert_eq!((made.node, made.blocks), (NODE, whole as u64 + 1), "page {page}");
            assert_eq!(looked(folder.path()).expect("a folder").findings, [], "page {page}");
            made.aside.iter().for_each(|path| fs::remove_file(path).expect("it is there"));
        }
    }
    println!("{damaging} of {pages} pages were damage; each cost what was in it and what builds on that");
    assert!(damaging > 2);
}

#[test]
fn a_second_repair_sets_aside_beside_the_first() {
    let (folder, _) = used();
    lose(folder.path(), 20);
    repaired(folder.path());
    lose(folder.path(), 3);
    let made = repaired(folder.path()).made.expect("there was something to do");
    assert_eq!(made.blocks, 3);
    for name in ["chain.redb.damaged-1", "chain.redb.damaged-2"] {
        assert!(folder.path().join(name).exists(), "{name}");
    }
}

#[test]
fn a_record_of_another_node_gives_way_to_the_chain() {
    let (folder, chain) = used();
    let mut other = record(NodeId([4; 16]));
    other.listen.set_port(1);
    let path = folder.path().join(NODE_FILE);
    fs::write(&path, serde_json::to_vec(&other).expect("JSON")).expect("written");
    assert!(matches!(open(folder.path(), &regtest(), NODE), Err(OpenError::Mixed { .. })));
    let report = looked(folder.path()).expect("a folder");
    assert_eq!(report.findings.iter().map(|found| &found.path).collect::<Vec<_>>(), [&path]);
    let before = fs::read(folder.path().join(CHAIN_FILE)).expect("a file");
    let made = repaired(folder.path()).made.expect("there was something to do");
    assert_eq!((made.node, made.blocks, made.tip), (NODE, 33, chain.tip()));
    assert_eq!(made.aside, [folder.path().join("node.json.damaged-1")]);
    assert_eq!(fs::read(folder.path().join(CHAIN_FILE)).expect("a file"), before, "it was whole");
    assert_eq!(open(folder.path(), &regtest(), NodeId([8; 16])).expect("it opens").node, NODE);
}

#[test]
fn whatever_says_that_there_was_a_chain_says_so_to_a_repair_too() {
    for left in ["checkpoint.json", PEERS_FILE, NODE_FILE] {
        let (folder, _) = used();
        for name in [CHAIN_FILE, "checkpoint.json", PEERS_FILE, NODE_FILE] {
            if name != left {
                fs::remove_file(folder.path().join(name)).expect("it was there");
            }
        }
        let refused = open(folder.path(), &regtest(), NODE).expect_err("there was a chain");
        assert!(matches!(&refused, OpenError::Missing { .. }), "{left}: {refused}");
        assert!(refused.hint().contains("--repair"), "{left}: {}", refused.hint());
        let made = repaired(folder.path()).made.expect(left);
        assert_eq!((made.blocks, made.node == NODE), (1, left == NODE_FILE), "{left}");
        assert_eq!(open(folder.path(), &regtest(), NODE).expect(left).node, made.node, "{left}");
    }
}

#[test]
fn a_folder_in_use_of_another_network_or_of_nobody_is_left_alone() {
    let (folder, _) = used();
    let running = open(folder.path(), &regtest(), NODE).expect("a folder");
    assert!(matches!(looked(folder.path()), Err(OpenError::Locked { .. })));
    drop((running.store, running.folder));
    let lab = Arc::new(Params::lab(12, None).expect("good rules"));
    let whole = fs::read(folder.path().join(CHAIN_FILE)).expect("a file");
    // Its record says so, and where that is gone, the chain itself.
    for _ in 0..2 {
        let refusal = verify(folder.path(), &lab, &mut |_, _| {});
        assert!(matches!(refusal, Err(OpenError::OtherNetwork { .. })), "{refusal:?}");
        let refusal = repair(folder.path(), &lab, NODE, &mut |_, _| {});
        assert!(matches!(refusal, Err(OpenError::OtherNetwork { .. })), "{refusal:?}");
        assert_eq!(fs::read(folder.path().join(CHAIN_FILE)).expect("a file"), whole);
        let _ = fs::remove_file(folder.path().join(NODE_FILE));
    }
    let nobody = tempfile::tempdir().expect("a folder");
    assert!(matches!(looked(nobody.path()), Err(OpenError::Nothing { .. })));
    assert_eq!(fs::read_dir(nobody.path()).expect("a folder").count(), 0, "no lock was left");
}
