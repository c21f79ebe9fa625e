//! Disks that fail: power cuts that lose what was not flushed, torn writes, a disk that is full, bits that
//! flip. What was acknowledged is there afterwards, whole; what was not is there as a whole or not at all;
//! and nothing is ever handed out that was not put in.
//!
//! Seeds are printed with what they found. `STORE_ROUNDS` asks for more rounds than the usual ones.

use std::io;
use std::sync::{Mutex, PoisonError};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::*;
use crate::store::disk::load::{open_backend, over_backend};

/// Bytes that a disk writes as one.
const SECTOR: usize = 512;

fn rounds(usual: u64) -> u64 {
    let asked = std::env::vars().find(|(name, _)| name == "STORE_ROUNDS");
    asked.and_then(|(_, value)| value.parse().ok()).unwrap_or(usual)
}

/// A disk that a test can hurt.
#[derive(Debug, Clone, Default)]
struct Medium(Arc<Mutex<Sectors>>);

#[derive(Debug, Default)]
struct Sectors {
    /// What a reader sees.
    current: Vec<u8>,
    /// What is safe, and what was done since.
    flushed: Vec<u8>,
    since: Vec<Change>,
    /// Operations until the power goes.
    fuse: Option<u64>,
    /// Bytes that there is room for.
    room: Option<u64>,
    /// Flushes so far.
    flushes: u64,
}

#[derive(Debug, Clone)]
enum Change {
    Length(u64),
    Write(u64, Vec<u8>),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Change::Length(length) => to.resize(*length as usize, 0),
            Change::Write(at, bytes) => {
                let (at, end) = (*at as usize, *at as usize + bytes.len());
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[at..end].copy_from_slice(bytes);
            }
        }
    }
}

impl Sectors {
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.fuse {
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        self.spend()?;
        let end = match &change {
            Change::Length(length) => *length,
            Change::Write(at, bytes) => at + bytes.len() as u64,
        };
        if self.room.is_some_and(|room| end > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        change.apply(&mut self.current);
        self.since.push(change);
        Ok(())
    }
}

impl Medium {
    fn with<T>(&self, work: impl FnOnce(&mut Sectors) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn of(bytes: Vec<u8>) -> Medium {
        Medium(Arc::new(Mutex::new(Sectors { current: bytes.clone(), flushed: bytes, ..Sectors::default() })))
    }

    /// What is on the disk after the power went: all that was flushed, and of the rest any part, in sectors.
    fn after_power_cut(&self, dice: &mut ChaCha12Rng) -> Medium {
        let bytes = self.with(|sectors| {
            let mut bytes = sectors.flushed.clone();
            let all = dice.random_ratio(1, 4);
            for change in &sectors.since {
                match change {
                    _ if all || dice.random_ratio(1, 3) => change.apply(&mut bytes),
                    Change::Write(at, data) => {
                        for (nth, sector) in data.chunks(SECTOR).enumerate() {
                            if dice.random_ratio(1, 2) {
                                Change::Write(at + (nth * SECTOR) as u64, sector.to_vec()).apply(&mut bytes);
                            }
                        }
                    }
                    Change::Length(_) => {}
                }
            }
            bytes
        });
        Medium::of(bytes)
    }
}

impl redb::StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|sectors| sectors.current.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|sectors| {
            let at = offset as usize;
            let bytes = sectors.current.get(at..at + out.len());
            out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|sectors| sectors.change(Change::Length(len)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(|sectors| {
            sectors.spend()?;
            sectors.flushes += 1;
            sectors.flushed = sectors.current.clone();
            sectors.since.clear();
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|sectors| sectors.change(Change::Write(offset, data.to_vec())))
    }
}

/// What a store holds.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    headers: Vec<Header>,
    tip: BlockHash,
    waiting: Vec<Transaction>,
}

impl Held {
    fn after(&self, batch: &Batch, blocks: &[Block], waiting: &[Transaction]) -> Held {
        let mut held = self.clone();
        held.headers.extend(blocks.iter().map(|block| block.header));
        held.headers.retain(|header| !batch.forget.contains(&header.hash()));
        held.tip = batch.tip;
        held.waiting.extend_from_slice(waiting);
        held.waiting.retain(|transaction| !batch.gone.contains(&transaction.id()));
        held
    }
}

/// A life of a node: blocks one by one, reorgs of several, side branches forgotten, contents that come and
/// go. As in a chain, the tip is the block with the most work that came first.
fn life(dice: &mut ChaCha12Rng, length: u64) -> (Vec<Batch>, Vec<Held>) {
    let mut held = vec![Held { headers: Vec::new(), tip: genesis(), waiting: Vec::new() }];
    let mut places = std::collections::BTreeMap::from([(genesis(), (BlockHash::ZERO, 0))]);
    let mut batches = Vec::new();
    for seq in 0..length {
        let now = held.last().expect("genesis, at least").clone();
        let on = match now.headers.len() {
            0 => genesis(),
            count if dice.random_ratio(1, 5) => now.headers[dice.random_range(0..count)].hash(),
            _ => now.tip,
        };
        let mut blocks: Vec<Block> = Vec::new();
        let mut tip = now.tip;
        let count = if dice.random_ratio(1, 4) { dice.random_range(0..6) } else { 1 };
        for _ in 0..count {
            let parent = blocks.last().map_or(on, |block| block.hash());
            let height = places[&parent].1 + 1;
            let contents: Vec<u64> = (0..dice.random_range(1..4)).map(|_| dice.random()).collect();
            let next = block(parent, height, 1, &contents);
            places.insert(next.hash(), (parent, height));
            if height > places[&tip].1 {
                tip = next.hash();
            }
            blocks.push(next);
        }
        let line = |hash| core::iter::successors(Some(hash), |hash| places.get(hash).map(|place| place.0));
        let kept: Vec<BlockHash> = line(tip).chain(line(now.tip)).chain(line(on)).collect();
        let side = now.headers.iter().map(Header::hash).filter(|hash| !kept.contains(hash));
        let forget: Vec<BlockHash> = side.filter(|_| dice.random_ratio(1, 40)).collect();
        let waiting: Vec<Transaction> =
            (0..dice.random_range(0..3)).map(|_| content(dice.random())).collect();
        let gone = now.waiting.iter().filter(|_| dice.random_ratio(1, 4)).map(Transaction::id).collect();
        let batch = Batch {
            seq,
            blocks: blocks.iter().map(StoredBlock::from).collect(),
            tip,
            forget,
            waiting: waiting.iter().map(Waiting::from).collect(),
            gone,
        };
        held.push(now.after(&batch, &blocks, &waiting));
        batches.push(batch);
    }
    (batches, held)
}

fn opened(medium: &Medium) -> Result<(Store, Committed, Loaded), OpenError> {
    over_backend(open_backend(medium.clone())?, &Params::regtest())
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

/// Which state of the node's life is on `medium`: whole, and every block of it readable.
#[track_caller]
fn state_on(medium: &Medium, held: &[Held], seed: u64) -> usize {
    let (store, _committed, loaded) =
        opened(medium).unwrap_or_else(|error| panic!("seed {seed}: it does not open: {error}"));
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

#[test]
fn a_power_cut_at_any_moment_leaves_the_old_or_the_new_state() {
    let mut cut = 0;
    for seed in 0..rounds(150) {
        let mut dice = ChaCha12Rng::seed_from_u64(seed);
        let (batches, held) = life(&mut dice, 12);
        let medium = Medium::default();
        drop(opened(&medium).expect("a new disk"));
        let fuse = dice.random_range(0..160);
        medium.with(|sectors| sectors.fuse = Some(fuse));
        // It may not even come to its start: that is a cut as well.
        let mut acknowledged = 0;
        if let Ok((store, mut committed, _)) = opened(&medium) {
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
        let found = state_on(&medium.after_power_cut(&mut dice), &held, seed);
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
        let batches = batches.into_iter().map(|batch| Batch { forget: Vec::new(), ..batch });
        let medium = Medium::default();
        let (store, mut committed, _) = opened(&medium).expect("a new disk");
        let is_full = seed % 2 == 0;
        medium.with(|sectors| match is_full {
            true => sectors.room = Some(sectors.current.len() as u64 + dice.random_range(0..60_000)),
            false => sectors.fuse = Some(dice.random_range(0..100)),
        });
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
        store.close();
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
        let medium = Medium::default();
        let (store, mut committed, _) = opened(&medium).expect("a new disk");
        let before = medium.with(|sectors| sectors.flushes);
        let mut parent = genesis();
        let mut submit = |seq| {
            let next = block(parent, seq, 1, &[]);
            parent = next.hash();
            store.submit(batch(seq, &[&next], &[]));
        };
        if waits {
            // The first commit waits for the disk, the others for the first.
            medium.with(|_| (1..=200).for_each(&mut submit));
            assert_eq!(told_next(&mut committed, 200), (1..=200).collect::<Vec<_>>());
        } else {
            for seq in 1..=200 {
                submit(seq);
                assert_eq!(committed.wait(), Some(Ok(seq)));
            }
        }
        medium.with(|sectors| sectors.flushes) - before
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
    let medium = Medium::default();
    let (store, ..) = opened(&medium).expect("a new disk");
    let gone = block(genesis(), 1, 1, &[1]);
    store.submit(batch(1, &[&gone], &[]));
    drop(store);
    let (store, ..) = opened(&medium).expect("an old disk");
    store.submit(Batch { tip: genesis(), ..batch(1, &[], &[gone.hash()]) });
    drop(store);
    let (store, mut committed, _) = opened(&medium).expect("an old disk");
    let late = block(genesis(), 1, 2, &[2]);
    store.submit(batch(1, &[&late], &[]));
    assert_eq!(committed.wait(), Some(Ok(1)));
    // The power goes before the index is flushed.
    let cut = Medium::of(medium.with(|sectors| sectors.flushed.clone()));
    let (store, _committed, loaded) = opened(&cut).expect("an old disk");
    assert_eq!(loaded.tip, late.hash());
    assert_eq!(find(&store, &content(2).id()), [late.hash()]);
    assert_eq!(find(&store, &content(1).id()), []);
}

#[test]
fn a_full_disk_stops_commits_and_loses_nothing() {
    for seed in 0..rounds(40) {
        let mut dice = ChaCha12Rng::seed_from_u64(seed);
        let (batches, held) = life(&mut dice, 40);
        let medium = Medium::default();
        drop(opened(&medium).expect("a new disk"));
        let size = medium.with(|sectors| sectors.current.len() as u64);
        let (store, mut committed, _) = opened(&medium).expect("an old disk");
        let room = size + dice.random_range(0..60_000);
        medium.with(|sectors| sectors.room = Some(room));
        batches.into_iter().for_each(|batch| store.submit(batch));
        store.close();
        let (acknowledged, failure) = told(&mut committed);
        assert!(failure.is_none_or(|failure| matches!(failure, Failure::Full { .. })), "seed {seed}");
        drop(store);
        medium.with(|sectors| sectors.room = None);
        let found = state_on(&medium, &held, seed);
        assert!(found >= acknowledged, "seed {seed}: {acknowledged} were acknowledged, {found} are there");
    }
}

#[test]
fn a_bit_that_flips_changes_nothing_or_is_found() {
    let place = tempfile::tempdir().expect("a folder");
    let mut dice = ChaCha12Rng::seed_from_u64(7);
    let (batches, held) = life(&mut dice, 150);
    let regtest = Params::regtest();
    let folder = place.path().join("whole");
    let whole = open(&folder, &regtest, NodeId([1; 16])).expect("a new folder");
    batches.into_iter().for_each(|batch| whole.store.submit(batch));
    whole.store.close();
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
