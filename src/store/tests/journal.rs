//! Small commits, which are in the journal before they are in the tables: what a start makes of it, whatever
//! state it is in.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::medium::Disk;
use super::*;
use crate::limits::JOURNAL_STEP_BYTES;
use crate::store::disk::load::{forget_room, open_backend, over_backend};
use crate::store::folder::JOURNAL_FILE;

fn opened(disk: &Disk) -> Result<(Store, Committed, Loaded), OpenError> {
    over_backend(open_backend(disk.chain.clone())?, disk.journal.clone(), &Params::regtest())
}

/// A disk whose store has acknowledged `count` blocks in a row, each with a content of `bytes` that waits.
fn filled(count: u64, bytes: usize) -> (Disk, Store) {
    let disk = Disk::default();
    let (store, mut committed, _) = opened(&disk).expect("a new disk");
    for (_, batch) in chain(count) {
        let waiting = vec![Waiting::from(&large(batch.seq, bytes))];
        let seq = batch.seq;
        store.submit(Batch { waiting, ..batch });
        assert_eq!(committed.wait(), Some(Ok(seq)));
    }
    (disk, store)
}

/// `count` blocks in a row, and the batch of each.
fn chain(count: u64) -> Vec<(Block, Batch)> {
    let mut parent = genesis();
    (1..=count)
        .map(|height| {
            let next = block(parent, height, 1, &[height]);
            parent = next.hash();
            let batch = batch(height, &[&next], &[]);
            (next, batch)
        })
        .collect()
}

/// A node's folder as a kill -9 leaves it after `blocks`: nothing was closed.
fn killed(blocks: &[(Block, Batch)]) -> TempDir {
    killed_after(blocks, |_| {})
}

/// The same, `after` what came behind the blocks.
fn killed_after(blocks: &[(Block, Batch)], after: impl FnOnce(&Store)) -> TempDir {
    let (alive, dead) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let mut opened = open(alive.path(), &Params::regtest(), NodeId([1; 16])).expect("a new folder");
    for (_, batch) in blocks {
        opened.store.submit(batch.clone());
        assert_eq!(opened.committed.wait(), Some(Ok(batch.seq)));
    }
    after(&opened.store);
    for name in [CHAIN_FILE, JOURNAL_FILE] {
        std::fs::copy(alive.path().join(name), dead.path().join(name)).expect("copied");
    }
    dead
}

fn started(folder: &TempDir) -> Result<(usize, Store), OpenError> {
    let opened = open(folder.path(), &Params::regtest(), NodeId([1; 16]))?;
    Ok((opened.loaded.headers.len(), opened.store))
}

/// The journal in `folder`, changed.
fn change(folder: &TempDir, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.path().join(JOURNAL_FILE);
    let mut bytes = std::fs::read(&path).expect("a journal");
    change(&mut bytes);
    std::fs::write(&path, bytes).expect("written");
}

/// Where each record begins, and where the last one ends.
fn records(bytes: &[u8]) -> Vec<usize> {
    let mut places = vec![0];
    loop {
        let at = places[places.len() - 1];
        let length =
            bytes.get(at + 8..at + 12).map_or(0, |head| u32::from_le_bytes(head.try_into().expect("four")));
        if length == 0 {
            return places;
        }
        places.push(at + 28 + length as usize);
    }
}

#[test]
fn what_a_killed_node_had_committed_is_there_whoever_looks() {
    let blocks = chain(30);
    let folder = killed(&blocks);
    let before = std::fs::read(folder.path().join(CHAIN_FILE)).expect("a file");
    let params = Arc::new(Params::regtest());
    let report = verify(folder.path(), &params, &mut |_, _| {}).expect("a folder");
    assert_eq!((report.blocks, &report.findings[..]), (31, &[][..]));
    assert_eq!(report.tip.expect("a tip").hash, blocks[29].0.hash());
    assert_eq!(
        std::fs::read(folder.path().join(CHAIN_FILE)).expect("a file"),
        before,
        "who looks changes nothing"
    );
    // And again: what was taken up is not taken up twice.
    for _ in 0..2 {
        let (count, store) = started(&folder).expect("it starts");
        assert_eq!(count, 30);
        for (block, _) in &blocks {
            assert!(read(&store, &block.hash()).is_some());
            assert_eq!(find(&store, &block.ids()[1]), [block.hash()]);
        }
    }
}

/// Row 62 of docs/hostile.md.
#[test]
fn a_record_in_pieces_at_the_end_was_told_to_nobody_one_before_others_is_damage() {
    let blocks = chain(10);
    let at = {
        let folder = killed(&blocks);
        records(&std::fs::read(folder.path().join(JOURNAL_FILE)).expect("a journal"))
    };
    assert_eq!(at.len(), 11);
    // (what is done to it, blocks that are there; none: the node does not start)
    type Change = Box<dyn Fn(&mut Vec<u8>)>;
    let flip = |place: usize| -> Change { Box::new(move |bytes| bytes[place] ^= 4) };
    let cut = |place: usize| -> Change { Box::new(move |bytes| bytes.truncate(place)) };
    // What a power cut leaves: the file is as long as it was, and of what was written last a part is not there.
    let unwritten = |place: usize| -> Change { Box::new(move |bytes| bytes[place..].fill(0)) };
    let all_of_another: Change = Box::new(|bytes| bytes.fill(7));
    let rows: [(&str, Change, Option<usize>); 14] = [
        ("as it was", cut(usize::MAX), Some(10)),
        ("a bit of the last", flip(at[9] + 33), Some(9)),
        ("the end of the last", unwritten(at[9] + 60), Some(9)),
        ("the last but its head", unwritten(at[9] + 19), Some(9)),
        ("nothing at all", unwritten(0), None),
        ("an empty file", cut(0), None),
        ("the last, cut", cut(at[10] - 1), None),
        ("one in the middle, cut", cut(at[4] + 19), None),
        ("something else", all_of_another, None),
        ("a bit of the first", flip(at[0] + 33), None),
        ("a bit of one in the middle", flip(at[4] + 38), None),
        ("the beginning of one in the middle", flip(at[4]), None),
        ("the length of one in the middle", flip(at[4] + 8), None),
        ("the number of one in the middle", flip(at[4] + 12), None),
    ];
    for (what, make, expected) in rows {
        let folder = killed(&blocks);
        change(&folder, make);
        match (started(&folder), expected) {
            (Ok((count, _)), Some(expected)) => assert_eq!(count, expected, "{what}"),
            (Err(OpenError::Damaged(damage)), None) => {
                assert!(damage.what.contains("journal"), "{what}: {damage}");
                // A repair keeps all that is whole.
                let params = Arc::new(Params::regtest());
                let repaired =
                    repair(folder.path(), &params, NodeId([1; 16]), &mut |_, _| {}).expect("repaired");
                assert!(repaired.made.is_some(), "{what}");
                let after =
                    started(&folder).unwrap_or_else(|error| panic!("{what}: after the repair: {error}"));
                // The blocks themselves may be whole, wherever the journal is not.
                let expected = match what {
                    "a bit of the first" | "something else" | "nothing at all" | "an empty file" => 0,
                    "the last, cut" => 9,
                    "one in the middle, cut" => 4,
                    _ => 10,
                };
                assert!([expected, 10].contains(&after.0), "{what}: {} blocks", after.0);
            }
            (other, _) => panic!("{what}: {:?}", other.map(|(count, _)| count)),
        }
    }
}

/// A disk whose store has acknowledged `blocks`, and its journal.
fn written(blocks: &[(Block, Batch)]) -> (Disk, Vec<u8>) {
    let disk = Disk::default();
    let (store, mut committed, _) = opened(&disk).expect("a new disk");
    for (_, batch) in blocks {
        store.submit(batch.clone());
        assert_eq!(committed.wait(), Some(Ok(batch.seq)));
    }
    // As a kill finds it: nothing of its end gets there.
    let disk = disk.flushed();
    let bytes = disk.journal.with(|sectors| sectors.current.clone());
    (disk, bytes)
}

/// `count` blocks, and of the content beside the block number `nth`, `bytes`.
fn chain_with(count: u64, nth: u64, bytes: usize) -> Vec<(Block, Batch)> {
    let mut blocks = chain(count);
    for (_, batch) in &mut blocks {
        let bytes = if batch.seq == nth { bytes } else { 15_000 };
        batch.waiting = vec![Waiting::from(&large(batch.seq, bytes))];
    }
    blocks
}

/// Row 63 of docs/hostile.md: a journal that grew in steps, cut between any two of them. Where the cut is among its
/// records: in the body of one, in its head, between two of them.
#[test]
fn a_journal_that_was_cut_is_told_from_one_whose_node_was_killed() {
    let step = JOURNAL_STEP_BYTES as usize;
    // The end of the fourth record, if the content beside that is as long.
    let (_, probe) = written(&chain_with(4, 4, 10_000));
    let fourth = 10_000 + step - records(&probe)[4];
    let (mut noticed, mut whole) = (0, 0);
    // It ends a few bytes before the first step's end, or after it, and further on.
    for shift in (0..44).chain([30_000, 40_000]) {
        let blocks = chain_with(12, 4, fourth + shift - 36);
        let (disk, bytes) = written(&blocks);
        let (ends, pieces) = (records(&bytes), bytes.len() / step);
        assert_eq!((ends.len(), bytes.len() % step), (13, 0));
        for steps in 1..=pieces {
            let cut = disk.flushed();
            cut.journal.with(|sectors| sectors.current.truncate(steps * step));
            match opened(&cut) {
                Ok((_, _, loaded)) => {
                    assert_eq!((loaded.headers.len(), loaded.waiting.len()), (12, 12), "{shift}: {steps}");
                    whole += 1;
                }
                Err(error) => {
                    let what = error.to_string();
                    assert!(steps < pieces && what.contains("is cut"), "{shift}: {steps}: {what}");
                    noticed += 1;
                }
            }
        }
        // It may be killed right there.
        let (killed, _) = written(&blocks[..4]);
        let (_, _, loaded) = opened(&killed).unwrap_or_else(|error| panic!("{shift}: {error}"));
        assert_eq!(loaded.headers.len(), 4);
    }
    assert!(noticed > 80 && whole >= 46, "{noticed} and {whole}");
}

/// What is behind the records of this run are those of an earlier one, in steps that a cut may take.
#[test]
fn a_cut_that_takes_only_what_the_tables_have_is_none() {
    let (disk, bytes) = written(&chain_with(50, 1, 15_000));
    let (step, ends) = (JOURNAL_STEP_BYTES as usize, records(&bytes));
    let number = |at: usize| u64::from_le_bytes(bytes[at + 12..at + 20].try_into().expect("eight"));
    // Commit 1 is genesis.
    let last = ends.iter().rposition(|at| at + 20 <= bytes.len() && number(*at) == 51).expect("the last");
    assert!(ends[last] < bytes.len() - 3 * step, "it began again");
    for steps in 1..=bytes.len() / step {
        let cut = disk.flushed();
        cut.journal.with(|sectors| sectors.current.truncate(steps * step));
        let is_enough = ends[last + 1] + 28 <= steps * step;
        match opened(&cut) {
            Ok((_, _, loaded)) => assert_eq!((loaded.headers.len(), is_enough), (50, true), "{steps}"),
            Err(error) => assert!(!is_enough && error.to_string().contains("is cut"), "{steps}: {error}"),
        }
    }
}

/// A build that did not leave room may have been killed with a record at the very end, or with the beginning of one
/// that nobody was told of.
#[test]
fn the_journal_of_an_earlier_build_may_end_with_its_last_record() {
    let step = JOURNAL_STEP_BYTES as usize;
    let (_, probe) = written(&chain_with(4, 4, 10_000));
    let (disk, bytes) = written(&chain_with(12, 4, 10_000 + step - records(&probe)[4]));
    assert_eq!(records(&bytes)[4], step, "the fourth ends where the step does");
    for (steps, blocks) in [(1, 4), (2, 8)] {
        let old = disk.flushed();
        forget_room(&open_backend(old.chain.clone()).expect("a file"));
        old.journal.with(|sectors| sectors.current.truncate(steps * step));
        let (_, _, loaded) = opened(&old).expect("an earlier build's");
        assert_eq!(loaded.headers.len(), blocks, "{steps}");
    }
}

/// Row 63 of docs/hostile.md. Whoever removed the journal of a killed node, emptied it, never copied it, or put another's in its place is told
/// so, and what is another's is not counted.
#[test]
fn a_killed_node_without_its_own_journal_is_damaged() {
    let params = Arc::new(Params::regtest());
    let journal = |folder: &TempDir| folder.path().join(JOURNAL_FILE);
    let others: Vec<u8> = std::fs::read(journal(&killed(&chain(9)))).expect("a journal");
    // (what is in its place, what is said of it)
    let rows: [(Option<&[u8]>, &str); 4] = [
        (None, "chain.journal is missing"),
        (Some(&[]), "chain.journal is empty"),
        (Some(&[0; 1 << 16]), "chain.journal has another beginning"),
        (Some(&others), "chain.journal is another folder's journal, and not that of "),
    ];
    for (left, says) in rows {
        for blocks in [0, 5] {
            let folder = killed(&chain(blocks));
            match left {
                None => std::fs::remove_file(journal(&folder)).expect("a journal"),
                Some(bytes) => std::fs::write(journal(&folder), bytes).expect("written"),
            }
            let error = started(&folder).expect_err(says).to_string();
            assert!(error.contains(says) && error.contains("may be lost, unless its own"), "{error}");
            let report = verify(folder.path(), &params, &mut |_, _| {}).expect("a folder");
            assert!(report.unclosed && report.findings[0].what.contains(says), "{report:?}");
            assert_eq!((report.blocks, report.findings.len(), report.more), (1, 1, 0), "{report:?}");
            assert_eq!(report.tip.map(|tip| tip.height), Some(0));
            repair(folder.path(), &params, NodeId([1; 16]), &mut |_, _| {}).expect("repaired");
            assert_eq!(started(&folder).expect("it starts").0, 0);
        }
    }
}

/// Whatever a kill left of a start or of an end, no record is lost with it, and nobody speaks of damage.
#[test]
fn a_kill_while_a_journal_is_made_or_emptied_is_no_damage() {
    let params = Arc::new(Params::regtest());
    let is_whole = |folder: &TempDir, unclosed, blocks, when: &str| {
        let report = verify(folder.path(), &params, &mut |_, _| {}).expect("a folder");
        assert_eq!((report.unclosed, report.findings), (unclosed, vec![]), "{when}");
        assert_eq!(started(folder).expect("it starts").0, blocks, "{when}");
    };
    // While it is made, beside tables that are closed: not there, empty, as long as it becomes, another's.
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path(), &Params::regtest(), NodeId([1; 16])).expect("a new folder"));
    let others = std::fs::read(killed(&chain(9)).path().join(JOURNAL_FILE)).expect("a journal");
    std::fs::remove_file(folder.path().join(JOURNAL_FILE)).expect("a journal");
    is_whole(&folder, false, 0, "there is none");
    for (bytes, when) in
        [(&[][..], "it is empty"), (&[0; 1 << 16], "it is blank"), (&others, "it is another's")]
    {
        std::fs::write(folder.path().join(JOURNAL_FILE), bytes).expect("written");
        is_whole(&folder, false, 0, when);
    }
    // Once it is made, and the tables are open.
    let folder = killed(&[]);
    let signed = std::fs::read(folder.path().join(JOURNAL_FILE)).expect("a journal");
    assert!(signed[..8] != [0; 8] && signed[8..] == [0; (1 << 16) - 8], "a sign and nothing else");
    is_whole(&folder, true, 0, "nothing was committed");
    // Once it is emptied at the end, and the tables are still open.
    let folder = killed_after(&chain(9), |store| store.close().expect("all is committed"));
    let emptied = std::fs::read(folder.path().join(JOURNAL_FILE)).expect("a journal");
    assert_eq!(records(&emptied), [0]);
    is_whole(&folder, true, 9, "the end");
}

/// What a closed file has beside it is none of its own, and is not in the way of what comes.
#[test]
fn what_is_beside_a_closed_file_is_no_journal_of_the_next_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(JOURNAL_FILE);
    drop(open(folder.path(), &Params::regtest(), NodeId([1; 16])).expect("a new folder"));
    std::fs::write(&path, vec![7; 1542]).expect("written");
    let _opened = open(folder.path(), &Params::regtest(), NodeId([1; 16])).expect("it starts");
    assert_eq!(records(&std::fs::read(&path).expect("a journal")), [0], "it is as a new one");
    let dead = tempfile::tempdir().expect("a folder");
    for name in [CHAIN_FILE, JOURNAL_FILE] {
        std::fs::copy(folder.path().join(name), dead.path().join(name)).expect("copied");
    }
    assert_eq!(started(&dead).expect("it was killed, and starts").0, 0);
}

#[test]
fn the_journal_of_another_node_or_another_time_is_not_taken_for_its_own() {
    let more = killed(&chain(9));
    // One that ran on: its tables are older than what this journal begins with, once it has lost its beginning.
    let journal = |folder: &TempDir| folder.path().join(JOURNAL_FILE);
    let late = std::fs::read(journal(&more)).expect("a journal");
    let at = records(&late);
    let mut without_its_beginning = late[at[5]..].to_vec();
    without_its_beginning.resize(late.len(), 0);
    std::fs::write(journal(&more), without_its_beginning).expect("written");
    let error = started(&more).expect_err("a gap").to_string();
    assert!(error.contains("has commit 7, and not commit 2"), "{error}");
    // Another node's says nothing here.
    let other = tempfile::tempdir().expect("a folder");
    drop(open(other.path(), &Params::regtest(), NodeId([2; 16])).expect("a new folder"));
    std::fs::write(journal(&other), &late).expect("written");
    let opened = open(other.path(), &Params::regtest(), NodeId([2; 16])).expect("it starts");
    assert_eq!(opened.loaded.headers.len(), 0);
}

/// Rows 35 and 61 of docs/hostile.md: the power goes while the journal is written, while the tables take it up,
/// and while a start does.
#[test]
fn a_power_cut_between_journal_and_tables_loses_nothing() {
    let (mut cut, mut written) = (0, 0);
    for seed in 0..60 {
        let mut dice = ChaCha12Rng::seed_from_u64(seed);
        let disk = Disk::default();
        drop(opened(&disk).expect("a new disk"));
        let sign = |disk: &Disk| disk.journal.with(|sectors| sectors.current[..8].to_vec());
        let signed = sign(&disk);
        disk.burn(dice.random_range(4..120));
        let mut parent = genesis();
        let mut acknowledged: Vec<(BlockHash, TxId)> = Vec::new();
        if let Ok((store, mut committed, _)) = opened(&disk) {
            for seq in 1..30 {
                let next = block(parent, seq, 1, &[seq]);
                parent = next.hash();
                // All of them are more than the journal holds.
                let waits = large(seq, dice.random_range(0..60_000));
                store.submit(Batch { waiting: vec![Waiting::from(&waits)], ..batch(seq, &[&next], &[]) });
                match committed.wait() {
                    Some(Ok(_)) => acknowledged.push((next.hash(), waits.id())),
                    _ => break,
                }
            }
            written +=
                usize::from(disk.journal.with(|sectors| sectors.current[8..].iter().any(|byte| *byte != 0)));
        }
        cut += usize::from(disk.is_cut());
        let mut left = disk.after_power_cut(&mut dice);
        assert_eq!(sign(&left), signed, "seed {seed}: it would be called damaged");
        // The power may go again while the journal is taken up.
        for _ in 0..2 {
            left.burn(dice.random_range(0..20));
            drop(opened(&left));
            left = left.after_power_cut(&mut dice);
            assert_eq!(sign(&left), signed, "seed {seed}: it would be called damaged");
        }
        let (store, _committed, loaded) =
            opened(&left).unwrap_or_else(|error| panic!("seed {seed}: it does not open: {error}"));
        assert!(loaded.headers.len() >= acknowledged.len(), "seed {seed}");
        for (hash, id) in &acknowledged {
            assert!(read(&store, hash).is_some(), "seed {seed}: a block");
            assert!(loaded.waiting.iter().any(|waits| waits.id() == *id), "seed {seed}: a content");
        }
    }
    println!("{cut} of 60 were cut short, {written} wrote a journal");
    assert!(cut > 0 && written > 0);
}

#[test]
fn a_journal_that_is_full_is_taken_up_and_begins_again() {
    let (disk, store) = filled(40, 40_000);
    let length = disk.journal.with(|sectors| sectors.current.len());
    assert!(length < 40 * 40_000 / 2, "{length} bytes");
    drop(store);
    let (_store, _committed, loaded) = opened(&disk).expect("an old disk");
    assert_eq!((loaded.headers.len(), loaded.waiting.len()), (40, 40));
}

#[test]
fn a_disk_that_has_no_room_to_take_the_journal_up_loses_nothing_of_it() {
    let (disk, _store) = filled(20, 20_000);
    let killed = disk.flushed();
    killed.chain.with(|sectors| sectors.room = Some(sectors.current.len() as u64));
    match opened(&killed) {
        Err(OpenError::Io { error, .. }) => assert_eq!(error.kind(), std::io::ErrorKind::StorageFull),
        other => panic!("{:?}", other.map(|(_, _, loaded)| loaded.headers.len())),
    }
    let (_again, _committed, loaded) = opened(&killed.flushed()).expect("there is room again");
    assert_eq!((loaded.headers.len(), loaded.waiting.len()), (20, 20));
}

/// Who submits contents knows the node's id: everybody does.
#[test]
fn a_record_inside_a_content_is_none() {
    let record = {
        let disk = Disk::default();
        let (store, mut committed, _) = opened(&disk).expect("a node of that id");
        for seq in 1..=30 {
            store.submit(Batch { seq, ..Batch::empty(genesis()) });
            assert_eq!(committed.wait(), Some(Ok(seq)));
        }
        let bytes = disk.journal.with(|sectors| sectors.current.clone());
        let last = records(&bytes).iter().rev().nth(1).copied().expect("a record");
        bytes[last..].to_vec()
    };
    let mut data = vec![0; 3000];
    data.extend(&record[..200]);
    let hostile =
        Transaction::Content(Content { nonce: 1, data: data.try_into().expect("within the limit") });

    let disk = Disk::default();
    let (store, mut committed, _) = opened(&disk).expect("a new disk");
    let first = block(genesis(), 1, 1, &[]);
    let many = (0..10).map(|nonce| Waiting::from(&large(nonce, 60_000))).collect();
    let batches = [
        Batch { waiting: vec![Waiting::from(&hostile)], ..batch(1, &[], &[]) },
        // The tables take all up, and the journal begins again.
        Batch { waiting: many, ..batch(2, &[], &[]) },
        batch(3, &[&first], &[]),
    ];
    for (batch, seq) in batches.into_iter().zip(1..) {
        store.submit(batch);
        assert_eq!(committed.wait(), Some(Ok(seq)));
    }
    let (_store, _committed, loaded) = opened(&disk.flushed()).expect("what a user wrote is no damage");
    assert_eq!((loaded.headers.len(), loaded.waiting.len()), (1, 11));
}

#[test]
fn what_is_no_journal_is_named_and_a_repair_puts_it_aside() {
    type Change = fn(&std::path::Path);
    let rows: [(&str, Change); 3] = [
        ("a folder", |path| std::fs::create_dir(path).expect("a folder")),
        ("a link to nowhere", |path| std::os::unix::fs::symlink("not/there", path).expect("a link")),
        ("a hole of a terabyte", |path| {
            std::fs::File::create(path).and_then(|file| file.set_len(1 << 40)).expect("a file");
        }),
    ];
    for (what, make) in rows {
        let folder = killed(&chain(3));
        let path = folder.path().join(JOURNAL_FILE);
        std::fs::remove_file(&path).expect("a journal");
        make(&path);
        let params = Arc::new(Params::regtest());
        let error = started(&folder).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("chain.journal, is none"), "{what}: {error:?}");
        let report = verify(folder.path(), &params, &mut |_, _| {}).expect("a folder");
        assert!(report.findings[0].to_string().contains("chain.journal, is none"), "{what}");
        repair(folder.path(), &params, NodeId([1; 16]), &mut |_, _| {}).expect("repaired");
        assert!(started(&folder).is_ok(), "{what}");
    }
}

#[test]
fn a_repair_keeps_the_records_at_the_beginning_of_a_journal_that_is_too_long_for_one() {
    let folder = killed(&chain(7));
    let file =
        std::fs::File::options().write(true).open(folder.path().join(JOURNAL_FILE)).expect("a journal");
    file.set_len(crate::limits::MAX_JOURNAL_FILE_BYTES + crate::limits::JOURNAL_STEP_BYTES).expect("longer");
    let error = started(&folder).expect_err("it is too long").to_string();
    assert!(error.contains("chain.journal, is none"), "{error}");
    repair(folder.path(), &Arc::new(Params::regtest()), NodeId([1; 16]), &mut |_, _| {}).expect("repaired");
    assert_eq!(started(&folder).expect("it starts").0, 7);
}

/// Files put back from backups, each of another moment.
#[test]
fn a_journal_of_another_past_is_not_laid_over_the_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let run = |blocks: &[(Block, Batch)]| {
        let mut opened = open(folder.path(), &Params::regtest(), NodeId([1; 16])).expect("it starts");
        for (_, batch) in blocks {
            opened.store.submit(batch.clone());
            assert_eq!(opened.committed.wait(), Some(Ok(batch.seq)));
        }
        std::fs::read(file(JOURNAL_FILE)).expect("a journal")
    };
    run(&[]);
    let first = std::fs::read(file(CHAIN_FILE)).expect("a file");
    let journal = run(&chain(4));
    // Back to the beginning, where the same blocks came in fewer commits; then the journal comes back.
    std::fs::write(file(CHAIN_FILE), first).expect("written");
    std::fs::remove_file(file("checkpoint.json")).expect("an orderly end");
    std::fs::write(file(JOURNAL_FILE), []).expect("written");
    let blocks: Vec<Block> = chain(3).into_iter().map(|(block, _)| block).collect();
    run(&[(blocks[0].clone(), batch(1, &blocks.iter().collect::<Vec<_>>(), &[]))]);
    std::fs::write(file(JOURNAL_FILE), journal).expect("written");
    let error = started(&folder).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("another block number 2"), "{error:?}");
    repair(folder.path(), &Arc::new(Params::regtest()), NodeId([1; 16]), &mut |_, _| {}).expect("repaired");
    assert_eq!(started(&folder).expect("it starts").0, 4);
}

#[test]
fn a_repair_that_was_killed_before_its_end_has_lost_nothing() {
    let folder = killed(&chain(10));
    change(&folder, |bytes| {
        let at = records(bytes)[4];
        bytes[at + 38] ^= 4;
    });
    let damaged = std::fs::read(folder.path().join(JOURNAL_FILE)).expect("a journal");
    let params = Arc::new(Params::regtest());
    repair(folder.path(), &params, NodeId([1; 16]), &mut |_, _| {}).expect("repaired");
    // The new tables are there, and the old journal is still beside them.
    std::fs::write(folder.path().join(JOURNAL_FILE), damaged).expect("written");
    let report = verify(folder.path(), &params, &mut |_, _| {}).expect("a folder");
    assert_eq!(report.findings, []);
    assert_eq!(started(&folder).expect("it starts").0, 10);
}

/// Where what waited in the journal is told from a stranger's words by a key that is in the tables, which cannot be
/// read: the key is found in their bytes all the same.
#[test]
fn a_repair_keeps_what_waits_in_the_journal_of_tables_that_cannot_be_opened() {
    let mut blocks = chain(10);
    for (_, batch) in &mut blocks {
        // Of what waits, the content that the next block has waits no more.
        batch.waiting = [100 + batch.seq, batch.seq + 1].map(|nonce| Waiting::from(&content(nonce))).to_vec();
    }
    let params = Arc::new(Params::regtest());
    let whole = killed(&blocks);
    let chain_file = |folder: &TempDir| folder.path().join(CHAIN_FILE);
    let (mut salvaged, tables) = (Vec::new(), std::fs::read(chain_file(&whole)).expect("a file"));
    let key = std::fs::read(whole.path().join(JOURNAL_FILE)).expect("a journal")[..8].to_vec();
    let key = tables.windows(8).position(|bytes| bytes == key).expect("the key");
    let repaired = |folder: &TempDir, places: &[usize]| {
        let mut bytes = tables.clone();
        places.iter().for_each(|at| bytes[*at] ^= 0xff);
        std::fs::write(chain_file(folder), bytes).expect("written");
        let report = verify(folder.path(), &params, &mut |_, _| {}).expect("a folder");
        let says = |what: &str| report.findings.iter().any(|damage| damage.what.contains(what));
        if !says("it cannot be opened") {
            return None;
        }
        repair(folder.path(), &params, NodeId([1; 16]), &mut |_, _| {}).expect("repaired");
        let opened = open(folder.path(), &Params::regtest(), NodeId([1; 16])).expect("it starts");
        assert_eq!(opened.loaded.headers.len(), 10, "bytes {places:?}");
        Some((opened.loaded.waiting.len(), says("the key to it is lost")))
    };
    for at in (0..tables.len()).step_by(509).filter(|at| !(key..key + 16).contains(at)) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::copy(whole.path().join(JOURNAL_FILE), folder.path().join(JOURNAL_FILE)).expect("copied");
        if let Some(after) = repaired(&folder, &[at]) {
            // The ten that no block has, and the last of those that the next one would have had.
            assert_eq!(after, (11, false), "byte {at}");
            salvaged.push(at);
        }
    }
    // Without the key nobody knows whose they are: that is said.
    let last = *salvaged.last().expect("tables that cannot be opened");
    assert_eq!(repaired(&whole, &[last, key + 3]), Some((0, true)));
}

#[test]
fn a_repair_keeps_what_waits_in_whole_records_on_both_sides_of_a_broken_one() {
    let mut blocks = chain(10);
    for (nth, (_, batch)) in blocks.iter_mut().enumerate() {
        batch.waiting = vec![Waiting::from(&large(nth as u64, 100))];
    }
    let folder = killed(&blocks);
    change(&folder, |bytes| {
        let at = records(bytes)[4];
        bytes[at + 38] ^= 4;
    });
    repair(folder.path(), &Arc::new(Params::regtest()), NodeId([1; 16]), &mut |_, _| {}).expect("repaired");
    let opened = open(folder.path(), &Params::regtest(), NodeId([1; 16])).expect("it starts");
    assert_eq!(opened.loaded.waiting.len(), 9);
}
