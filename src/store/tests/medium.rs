//! A disk that a test can hurt: it remembers what was not flushed yet, and can lose any part of it, run out
//! of room, and stop working at any moment.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

/// Bytes that a disk writes as one.
const SECTOR: usize = 512;

/// The two files of a store on a disk that a test can hurt.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    pub(super) chain: Medium,
    pub(super) journal: Medium,
}

impl Disk {
    /// After so many operations on either file the power goes.
    pub(super) fn burn(&self, operations: u64) {
        let fuse = Arc::new(Mutex::new(operations));
        for file in [&self.chain, &self.journal] {
            file.with(|sectors| sectors.fuse = Some(fuse.clone()));
        }
    }

    /// Whether the power is gone.
    pub(super) fn is_cut(&self) -> bool {
        let fuse = self.chain.with(|sectors| sectors.fuse.clone());
        fuse.is_some_and(|fuse| *fuse.lock().unwrap_or_else(PoisonError::into_inner) == 0)
    }

    /// What is on it after the power went: all that was flushed, and of the rest any part, in sectors.
    pub(super) fn after_power_cut(&self, dice: &mut ChaCha12Rng) -> Disk {
        Disk { chain: self.chain.after_power_cut(dice), journal: self.journal.after_power_cut(dice) }
    }

    /// What was flushed, and nothing else.
    pub(super) fn flushed(&self) -> Disk {
        let flushed = |file: &Medium| Medium::of(file.with(|sectors| sectors.flushed.clone()));
        Disk { chain: flushed(&self.chain), journal: flushed(&self.journal) }
    }

    /// Flushes so far.
    pub(super) fn flushes(&self) -> u64 {
        [&self.chain, &self.journal].map(|file| file.with(|sectors| sectors.flushes)).iter().sum()
    }
}

/// A file that a test can hurt.
#[derive(Debug, Clone, Default)]
pub(super) struct Medium(Arc<Mutex<Sectors>>);

#[derive(Debug, Default)]
pub(super) struct Sectors {
    /// What a reader sees.
    pub(super) current: Vec<u8>,
    /// What is safe.
    pub(super) flushed: Vec<u8>,
    /// What was done since.
    since: Vec<Change>,
    /// Operations until the power goes, on whichever file.
    fuse: Option<Arc<Mutex<u64>>>,
    /// Bytes that there is room for.
    pub(super) room: Option<u64>,
    /// Flushes so far.
    pub(super) flushes: u64,
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
        let Some(fuse) = &self.fuse else { return Ok(()) };
        let mut left = fuse.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.checked_sub(1).ok_or_else(|| io::Error::other("the power is gone"))?;
        Ok(())
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
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut Sectors) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn of(bytes: Vec<u8>) -> Medium {
        Medium(Arc::new(Mutex::new(Sectors { current: bytes.clone(), flushed: bytes, ..Sectors::default() })))
    }

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
