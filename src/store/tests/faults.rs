//! Disks that fail: power cuts that lose what was not flushed, torn writes, a disk that is full, bits that
//! flip. What was acknowledged is there afterwards, whole; what was not is there as a whole or not at all;
//! and nothing is ever handed out that was not put in.
//!
//! Seeds are printed with what they found. `STORE_ROUNDS` asks for more rounds than the usual ones.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::life::{Held, life};
use super::medium::Disk;
use super::*;
use crate::store::disk::load::{open_backend, over_backend};

fn rounds(usual: u64) -> u64 {
    let asked = std::env::vars().find(|(name, _)| name == "STORE_ROUNDS");
    asked.and_then(|(_, value)| value.parse().ok()).unwrap_or(usual)
}

fn opened(disk: &Disk) -> Result<(Store, Committed, Loaded), OpenError> {
    over_backend(open_backend(disk.chain.clone())?, disk.journal.clone(), &Params::regtest())
}

/// Leaves so much room on the disk as the dice say, for the one file or the other.
fn fill(disk: &Disk, dice: &mut ChaCha12Rng) {
    let file = if dice.random_ratio(1, 2) { &disk.chain } else { &disk.journal };
    let more = dice.random_range(0..60_000);
    file.with(|sectors| sectors.room = Some(sectors.current.len() as u64 + more));
}

/// How many batches were acknowledged, and why no more were.
fn told(committed: &mut Committed) -> (usize, Option<Failure>) {
    let mut count = 0;
    loop {
        match committed.wait() {
            Some(Ok(_)) => count += 1,
            Some(Err(failure)) => return (count, Some(failure)),
            None => return (count, None),
        }
    }
}

/// Which state of the node's life is on `disk`: whole, and every block of it readable.
#[track_caller]
fn state_on(disk: &Disk, held: &[Held], seed: u64) -> usize {
    let (store, _committed, loaded) =
        opened(disk).unwrap_or_else(|error| panic!("seed {seed}: it does not open: {error}"));
    let found = Held { headers: loaded.headers, tip: loaded.tip, waiting: loaded.waiting };
    for header in &found.headers {
        let block = read(&store, &header.hash()).expect("a block of its own");
        let block: Block = encoding::decode(&block).expect("it was verified");
        for id in block.ids() {
            assert!(find(&store, &id).contains(&header.hash()), "seed {seed}: not found again");
        }
    }
    let at = held.iter().rposition(|state| *state == found);
    at.unwrap_or_else(|| panic!("seed {seed}: this is a mix: {} blocks", found.headers.len()))
}

/// Rows 35 and 61 of docs/hostile.md.
#[test]
fn a_power_cut_at_any_moment_leaves_the_old_or_the_new_state() {
    let mut cut = 0;
    for seed in 0..rounds(150) {
        let mut dice = ChaCha12Rng::seed_from_u64(seed);
        let (batches, held) = life(&mut dice, 12);
        let disk = Disk::default();
        drop(opened(&disk).expect("a new disk"));
        let fuse = dice.random_range(0..160);
        disk.burn(fuse);
        // It may not even come to its start: that is a cut as well.
        let mut acknowledged = 0;
        if let Ok((store, mut committed, _)) = opened(&disk) {
            for batch in batches {
                store.submit(batch);
                // Sometimes they come faster than they can be flushed.
                if dice.random_ratio(1, 2) {
                    match committed.wait() {
                        Some(Ok(_)) => acknowledged += 1,
                        _ => break,
                    }
                }
            }
            drop(store);
            let (more, _) = told(&mut committed);
            acknowledged += more;
        }
        cut += usize::from(acknowledged + 1 < held.len());
        let found = state_on(&disk.after_power_cut(&mut dice), &held, seed);
        assert!(found >= acknowledged, "seed {seed}: {acknowledged} were acknowledged, {found} are there");
    }
    println!("{cut} lives were cut short");
    assert!(cut > 0, "the fuses were too long");
}

#[test]
fn whatever_keeps_a_commit_from_the_disk_reads_go_on() {
    let mut failed = 0;
    for seed in 0..rounds(40) {
        let mut dice = ChaCha12Rng::seed_from_u64(seed);
        let (batches, _) = life(&mut dice, 20);
        // Together they are more than the journal has room for.
        let batches = batches.into_iter().map(|batch| {
            let waiting = vec![Waiting::from(&large(batch.seq, 20_000))];
            Batch { forget: Vec::new(), waiting, ..batch }
        });
        let disk = Disk::default();
        let (store, mut committed, _) = opened(&disk).expect("a new disk");
        let is_full = seed % 2 == 0;
        match is_full {
            true => fill(&disk, &mut dice),
            false => disk.burn(dice.random_range(0..100)),
        }
        let blocks: Vec<StoredBlock> = batches
            .flat_map(|batch| {
                let blocks = batch.blocks.clone();
                store.submit(batch);
                if dice.random_ratio(1, 2) {
                    committed.try_recv();
                }
                blocks
            })
            .collect();
        // What a commit is told is told once; the end says what keeps the journal.
        let _ = store.close();
        let why = told(&mut committed).1;
        failed += u32::from(why.is_some());
        match why {
            None => {}
            Some(Failure::Full { .. }) => assert!(is_full, "seed {seed}"),
            Some(Failure::Io { .. }) => assert!(!is_full, "seed {seed}"),
            Some(Failure::Damaged(damage)) => panic!("seed {seed}: a good disk is called bad: {damage}"),
        }
        assert_eq!(read(&store, &genesis()), Some(encoding::encode(Params::regtest().genesis()).into()));
        for StoredBlock { hash, encoded, ids } in &blocks {
            assert_eq!(read(&store, hash).as_ref(), Some(encoded), "seed {seed}");
            assert!(find(&store, &ids[0]).contains(hash), "seed {seed}");
        }
    }
    println!("{failed} disks failed");
    assert!(failed > 0, "the disks were too good");
}

#[test]
fn what_waits_for_the_disk_is_flushed_together_and_what_comes_alone_at_once() {
    let flushes = |waits: bool| {
        let disk = Disk::default();
        let (store, mut committed, _) = opened(&disk).expect("a new disk");
        let before = disk.flushes();
        let mut parent = genesis();
        let mut submit = |seq| {
            let next = block(parent, seq, 1, &[]);
            parent = next.hash();
            store.submit(batch(seq, &[&next], &[]));
        };
        if waits {
            // The first commit waits for the disk, the others for the first.
            disk.journal.with(|_| (1..=200).for_each(&mut submit));
            assert_eq!(told_next(&mut committed, 200), (1..=200).collect::<Vec<_>>());
        } else {
            for seq in 1..=200 {
                submit(seq);
                assert_eq!(committed.wait(), Some(Ok(seq)));
            }
        }
        disk.flushes() - before
    };
    let (together, alone) = (flushes(true), flushes(false));
    println!("200 blocks: {together} flushes together, {alone} alone");
    assert!(alone >= 200, "each is on the disk when it is acknowledged");
    assert!(together * 10 < alone);
}

/// The next numbers that are told.
fn told_next(committed: &mut Committed, count: usize) -> Vec<u64> {
    (0..count).map(|_| committed.wait().expect("a number").expect("a commit")).collect()
}

#[test]
fn a_number_that_the_index_is_past_is_not_given_again() {
    let disk = Disk::default();
    let (store, ..) = opened(&disk).expect("a new disk");
    let gone = block(genesis(), 1, 1, &[1]);
    store.submit(batch(1, &[&gone], &[]));
    drop(store);
    let (store, ..) = opened(&disk).expect("an old disk");
    store.submit(Batch { tip: genesis(), ..batch(1, &[], &[gone.hash()]) });
    drop(store);
    let (store, mut committed, _) = opened(&disk).expect("an old disk");
    let late = block(genesis(), 1, 2, &[2]);
    store.submit(batch(1, &[&late], &[]));
    assert_eq!(committed.wait(), Some(Ok(1)));
    // The power goes before the index is flushed.
    let cut = disk.flushed();
    let (store, _committed, loaded) = opened(&cut).expect("an old disk");
    assert_eq!(loaded.tip, late.hash());
    assert_eq!(find(&store, &content(2).id()), [late.hash()]);
    assert_eq!(find(&store, &content(1).id()), []);
}

/// Row 64 of docs/hostile.md.
#[test]
fn a_full_disk_stops_commits_and_loses_nothing() {
    let mut at_the_end = 0;
    for seed in 0..rounds(40) {
        let mut dice = ChaCha12Rng::seed_from_u64(seed);
        let (batches, held) = life(&mut dice, 40);
        let disk = Disk::default();
        drop(opened(&disk).expect("a new disk"));
        let (store, mut committed, _) = opened(&disk).expect("an old disk");
        fill(&disk, &mut dice);
        batches.into_iter().for_each(|batch| store.submit(batch));
        // What was written down and no more fits into the tables: whoever closes the store is told.
        let closed = store.close();
        assert!(matches!(closed, Ok(()) | Err(Failure::Full { .. })), "seed {seed}: {closed:?}");
        at_the_end += u32::from(closed.is_err());
        let (acknowledged, failure) = told(&mut committed);
        assert!(failure.is_none_or(|failure| matches!(failure, Failure::Full { .. })), "seed {seed}");
        drop(store);
        for file in [&disk.chain, &disk.journal] {
            file.with(|sectors| sectors.room = None);
        }
        let found = state_on(&disk, &held, seed);
        assert!(found >= acknowledged, "seed {seed}: {acknowledged} were acknowledged, {found} are there");
    }
    assert!(at_the_end > 0);
}

/// Row 62 of docs/hostile.md.
#[test]
fn a_bit_that_flips_changes_nothing_or_is_found() {
    let place = tempfile::tempdir().expect("a folder");
    let mut dice = ChaCha12Rng::seed_from_u64(7);
    let (batches, held) = life(&mut dice, 150);
    let regtest = Params::regtest();
    let folder = place.path().join("whole");
    let whole = open(&folder, &regtest, NodeId([1; 16])).expect("a new folder");
    batches.into_iter().for_each(|batch| whole.store.submit(batch));
    whole.store.close().expect("closed");
    drop((whole.store, whole.folder));
    let state = held.last().expect("a life");
    let good = std::fs::read(folder.join(CHAIN_FILE)).expect("a file");
    let mut found = 0;
    let rounds = rounds(250);
    for round in 0..=rounds {
        // The first round is the file as it is.
        let bit = dice.random_range(0..good.len() * 8);
        let mut bad = good.clone();
        if round > 0 {
            bad[bit / 8] ^= 1 << (bit % 8);
        }
        std::fs::write(folder.join(CHAIN_FILE), &bad).expect("written");
        let Ok(opened) = open(&folder, &regtest, NodeId([1; 16])) else {
            found += 1;
            continue;
        };
        let Loaded { headers, tip, waiting } = opened.loaded;
        let mut damaged = crate::chain::Chain::restore(Arc::new(regtest.clone()), &headers, tip).is_err();
        for header in &state.headers {
            match opened.store.read(&header.hash()) {
                Err(_) | Ok(None) => damaged = true,
                Ok(Some(bytes)) => {
                    let block: Block = encoding::decode(&bytes).expect("it was verified");
                    assert_eq!(block.header, *header, "bit {bit}: an altered block was handed out");
                }
            }
        }
        let same = (headers, tip, waiting) == (state.headers.clone(), state.tip, state.waiting.clone());
        assert!(same || damaged, "round {round}, bit {bit}: something else was loaded, and nobody said so");
        assert!(round > 0 || !damaged, "nothing was changed yet");
        found += u64::from(damaged);
    }
    println!("{found} of {rounds} flipped bits were found; the others changed nothing");
    assert!(found > 0 && found < rounds);
}
