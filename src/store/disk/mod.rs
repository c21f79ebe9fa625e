//! The keeper on disk: reads from any thread, commits on a thread of its own.
//!
//! | file | concern |
//! |---|---|
//! | `tables` | the file's tables, and how their values are verified |
//! | `load` | a new file, and all that a start reads of an old one |
//! | `shield` | the file, readable even when it can no longer be written |
//! | `writer` | the thread that commits |
//! | `journal` | small commits, written down before they are in the tables |
//! | `checksum` | large blocks, told to be as they were without hashing them |
//! | `index` | where transactions are, written behind the tip |
//! | `runs` | the index as a sync writes it: sorted, some hundreds of places in a row |
//! | `verify` | every row held against what it must be |
//! | `reach` | what can be read of a file that may be damaged |
//! | `salvage` | blocks found in the bytes of a file whose structure is gone |
//! | `overlay` | a file that is read so and never changed |
//!
//! A block has a number, by its arrival. Which number a hash has is known in memory, from the moment its
//! batch is submitted; until it is committed, so are its bytes. Whatever is read from the file is held
//! against its hash before it is handed out, a large block against its header's hash and a checksum.

mod checksum;
mod index;
pub(super) mod journal;
pub(super) mod load;
mod overlay;
pub(super) mod reach;
mod runs;
mod salvage;
mod shield;
mod tables;
pub(super) mod verify;
mod writer;

use core::ops::Deref;
use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc};
use std::thread::JoinHandle;

use bytes::Bytes;
use redb::{Builder, Database, DatabaseError, ReadableDatabase, StorageBackend, StorageError};
use tokio::sync::mpsc::UnboundedSender;

use crate::store::folder::Locks;
use crate::store::{Batch, Damage, Failure, Keeper};
use crate::types::{BlockHash, Header, Places, TxId};
use checksum::CHECKSUMS;
use journal::Journal;
use shield::{Shield, Watch};
use tables::{BLOCKS, HEADERS, Trouble, guarded, if_there};
pub(super) use tables::{FIRST_FORMAT, FORMAT, verified};
use writer::{Task, Writer};

/// Blocks in a file.
pub(super) struct Disk {
    shared: Arc<Shared>,
    /// None once closed.
    tasks: Mutex<Option<mpsc::Sender<Task>>>,
    thread: Mutex<Option<JoinHandle<Result<(), Failure>>>>,
}

/// Where a file is, and what is beside it.
struct Place {
    /// Its name, for messages.
    file: PathBuf,
    /// The folder in whose file system it needs room, and that folder's locks; none for what is in no folder.
    folder: Option<(PathBuf, Arc<Locks>)>,
    /// Where small commits go first, if anywhere.
    journal: Option<Journal>,
}

/// An open database. It is closed in order only if there is something to close and nothing is wrong with it: over
/// a damaged file the library may panic while it unwinds from a panic, which ends the process.
pub(super) struct Held {
    database: Option<Database>,
    watch: Watch,
    /// Whether to close it in order.
    closes: AtomicBool,
}

impl Held {
    /// The database of `backend`, opened as `builder` says; a new one if it is empty.
    fn over(backend: impl StorageBackend, builder: &Builder) -> Result<Held, Trouble> {
        let (shield, watch) = Shield::new(backend);
        let database = Some(builder.create_with_backend(shield)?);
        Ok(Held { database, watch, closes: AtomicBool::new(true) })
    }

    /// The same, to look at: nothing of it has to be closed.
    fn to_look_at(backend: impl StorageBackend, builder: &Builder) -> Result<Held, Trouble> {
        let held = Held::over(backend, builder)?;
        held.leave();
        Ok(held)
    }

    /// It is not closed: the next who opens the file looks at it closely.
    fn leave(&self) {
        self.closes.store(false, Ordering::Relaxed);
    }
}

impl Deref for Held {
    type Target = Database;

    fn deref(&self) -> &Database {
        #[allow(clippy::expect_used, reason = "it is taken out when this is dropped, and by nobody else")]
        self.database.as_ref().expect("an open database")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(mut database) = self.database.take() else { return };
        if !self.closes.load(Ordering::Relaxed) {
            self.watch.cut_off();
            // The library closes without a write once it knows that the file fails it. If it does not get to know,
            // what it holds is not given back.
            match guarded(|| Ok(database.check_integrity())) {
                Ok(Err(DatabaseError::Storage(StorageError::Io(_) | StorageError::PreviousIo))) => {}
                _ => return core::mem::forget(database),
            }
        }
        let closed = guarded(|| {
            drop(database);
            Ok(())
        });
        if closed.is_err() {
            tracing::error!("the store's file could not be closed in order: it is damaged");
        }
    }
}

/// What readers and the writer share.
struct Shared {
    path: PathBuf,
    database: Held,
    state: RwLock<State>,
    /// Given back after the database is closed: the fields of a struct go in their order.
    locks: Option<Arc<Locks>>,
}

/// What is known in memory.
#[derive(Debug, Default)]
struct State {
    /// The beginning of each block's hash, and its number.
    numbers: Places<(u64, u64)>,
    /// Blocks that were submitted and are not committed.
    pending: BTreeMap<u64, Bytes>,
    /// Places of transactions that are not in the file's index yet, by arrival: each block of a sync adds to them,
    /// and few ask.
    unindexed: Vec<(u64, u64)>,
    /// The number of the next block.
    next: u64,
    /// Bytes of all blocks that are committed.
    bytes: u64,
}

/// What the writer alone has to know.
#[derive(Debug, Default)]
struct Marks {
    /// The numbers of the transactions that wait, and of the next one.
    waiting: BTreeMap<TxId, u64>,
    next_waiting: u64,
    /// Commits so far, the tip of the last one, and the bytes of all encoded blocks then.
    commits: u64,
    tip: BlockHash,
    bytes: u64,
    /// Blocks that the commit at hand drops.
    dropped: BTreeSet<u64>,
}

impl Disk {
    /// Over an open `database`, of which `state` and `marks` were read.
    fn new(
        place: Place,
        database: Held,
        (state, marks): (State, Marks),
        committed: UnboundedSender<Result<u64, Failure>>,
    ) -> std::io::Result<Disk> {
        let Place { file, folder, journal } = place;
        let (folder, locks) = folder.unzip();
        let shared = Arc::new(Shared { path: file, database, state: RwLock::new(state), locks });
        let (tasks, submitted) = mpsc::channel();
        let writer = Writer { shared: shared.clone(), marks, journal, folder, committed };
        #[allow(
            clippy::disallowed_methods,
            reason = "commits wait for the disk, and must keep nobody waiting"
        )]
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(|| writer.run(submitted))?;
        Ok(Disk { shared, tasks: Mutex::new(Some(tasks)), thread: Mutex::new(Some(thread)) })
    }
}

impl Shared {
    fn read_state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes under `number`, as they are, and the checksum of what was stored there, if there is one.
    fn fetch(&self, number: u64) -> Result<Option<(Bytes, Option<u64>)>, Damage> {
        if let Some(bytes) = self.read_state().pending.get(&number) {
            return Ok(Some((bytes.clone(), None)));
        }
        let read = || -> Result<Option<(Bytes, Option<u64>)>, Trouble> {
            let read = self.database.begin_read()?;
            let Some(bytes) = read.open_table(BLOCKS)?.get(number)? else { return Ok(None) };
            let bytes = Bytes::copy_from_slice(bytes.value());
            let checksums = if checksum::has_one(&bytes) { if_there(&read, CHECKSUMS)? } else { None };
            let checksum = checksums.map(|table| table.get(number)).transpose()?.flatten();
            Ok(Some((bytes, checksum.map(|checksum| checksum.value()))))
        };
        guarded(read).map_err(|trouble| trouble.damage(&self.path))
    }

    /// The hash of the block that has `number`.
    fn name_of(&self, number: u64) -> Result<Option<BlockHash>, Damage> {
        if let Some(bytes) = self.read_state().pending.get(&number) {
            return Ok(bytes.split_first_chunk().map(|(header, _)| Header::from_bytes(header).hash()));
        }
        let read = || -> Result<Option<BlockHash>, Trouble> {
            let headers = self.database.begin_read()?.open_table(HEADERS)?;
            Ok(headers.get(number)?.map(|header| Header::from_bytes(header.value()).hash()))
        };
        guarded(read).map_err(|trouble| trouble.damage(&self.path))
    }

    /// The number of the block `hash`.
    fn number_of(&self, hash: &BlockHash) -> Option<u64> {
        let candidates = self.read_state().candidates(hash);
        // Seldom one, and more than one only if somebody tried very hard.
        candidates.into_iter().find(|number| self.name_of(*number).is_ok_and(|name| name == Some(*hash)))
    }

    /// The bytes under `number` if they are the block `hash`; none if it is another that begins alike, or if
    /// it was forgotten meanwhile.
    fn read_as(&self, number: u64, hash: &BlockHash) -> Result<Option<Bytes>, Damage> {
        let fetched = self.fetch(number)?;
        if !self.read_state().has(hash, number) {
            return Ok(None);
        }
        let what = match fetched {
            None => format!("the block {hash}, number {number}, is missing"),
            Some((bytes, Some(checksum))) if checksum::proves(checksum, &bytes, hash) => {
                return Ok(Some(bytes));
            }
            Some((bytes, _)) => match verified(&bytes, hash) {
                Ok(_) => return Ok(Some(bytes)),
                Err(what) => what,
            },
        };
        let is_other = |name: BlockHash| name != *hash && name.beginning() == hash.beginning();
        if self.name_of(number)?.is_some_and(is_other) { Ok(None) } else { Err(self.damage(what)) }
    }

    fn damage(&self, what: String) -> Damage {
        Damage { path: self.path.clone(), what }
    }
}

impl Keeper for Disk {
    fn submit(&self, batch: Batch) {
        let task = Task::new(&self.shared, batch);
        if let Some(tasks) = &*self.tasks.lock().unwrap_or_else(PoisonError::into_inner) {
            // A writer that has failed has said so.
            let _ = tasks.send(task);
        }
    }

    fn read(&self, hash: &BlockHash) -> Result<Option<Bytes>, Damage> {
        let candidates = self.shared.read_state().candidates(hash);
        for number in candidates {
            if let Some(bytes) = self.shared.read_as(number, hash)? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn find(&self, id: &TxId) -> Result<Vec<BlockHash>, Damage> {
        self.shared.find(id)
    }

    fn size(&self) -> (usize, u64) {
        let state = self.shared.read_state();
        (state.numbers.len(), state.bytes)
    }

    fn close(&self) -> Result<(), Failure> {
        drop(self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread.map_or(Ok(Ok(())), JoinHandle::join).unwrap_or_else(|_| {
            tracing::error!("the store's thread failed: a defect of this program");
            Ok(())
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Its thread has said why.
        let _ = self.close();
    }
}

impl State {
    /// Numbers of blocks whose hash begins like `hash`, which is one in practice.
    fn candidates(&self, hash: &BlockHash) -> Vec<u64> {
        let begins = hash.beginning();
        let alike = self.numbers.all(begins).filter(|(beginning, _)| *beginning == begins);
        alike.map(|(_, number)| number).collect()
    }

    /// Whether `number` is that of the block `hash`, as far as is known in memory.
    fn has(&self, hash: &BlockHash, number: u64) -> bool {
        let place = (hash.beginning(), number);
        self.numbers.find(place.0, |found| *found == place).is_some()
    }

    /// The block `hash` has `number` from now on.
    fn put(&mut self, hash: &BlockHash, number: u64) {
        self.numbers.insert((hash.beginning(), number), |(begins, _)| *begins);
    }

    /// The block `hash` no longer has `number`.
    fn take(&mut self, hash: &BlockHash, number: u64) {
        let place = (hash.beginning(), number);
        self.numbers.remove(place.0, |found| *found == place);
    }
}
