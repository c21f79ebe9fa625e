//! The thread that commits: it gathers what waits into one commit, so that a sync pays for one flush in many
//! blocks, and a block at the tip for one of its own. What is small goes to the journal first (`journal`), the
//! rest to the tables at once. A batch is never divided: a reorg is one batch, and after a crash there is all of
//! it or nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};

use bytes::Bytes;
use redb::{Database, Table, WriteTransaction};
use tokio::sync::mpsc::UnboundedSender;

use crate::limits::{INDEX_REST, MAX_COMMIT_BYTES, MIN_FREE_BYTES};
use crate::store::disk::checksum::{self, CHECKSUMS};
use crate::store::disk::index::{Index, places};
use crate::store::disk::journal::Journal;
use crate::store::disk::tables::{BLOCKS, HEADERS, META, Trouble, WAITING, guarded, meta, waiting_row};
use crate::store::disk::{Marks, Shared};
use crate::store::folder::Checkpoint;
use crate::store::{Batch, Failure, Waiting};
use crate::types::{BlockHash, Header, TxId};

/// A batch, its blocks numbered.
pub(super) struct Task {
    pub(super) seq: u64,
    pub(super) add: Vec<(u64, [u8; Header::LEN], Bytes)>,
    pub(super) drop: Vec<u64>,
    pub(super) tip: BlockHash,
    pub(super) waiting: Vec<Waiting>,
    pub(super) gone: Vec<TxId>,
}

impl Task {
    /// Numbers the blocks of `batch`, and lets readers find them from now on.
    pub(super) fn new(shared: &Shared, batch: Batch) -> Task {
        let Batch { seq, blocks, tip, forget, waiting, gone } = batch;
        let mut add = Vec::with_capacity(blocks.len());
        for block in blocks {
            let Some((header, _)) = block.encoded.split_first_chunk() else { continue };
            if shared.number_of(&block.hash).is_some() {
                continue;
            }
            let mut state = shared.write_state();
            let at = state.next;
            state.next += 1;
            state.put(&block.hash, at);
            state.note(at, &block.ids);
            add.push((at, *header, block.encoded.clone()));
            state.pending.insert(at, block.encoded);
        }
        let mut drop = Vec::new();
        for hash in &forget {
            if let Some(at) = shared.number_of(hash) {
                shared.write_state().take(hash, at);
                drop.push(at);
            }
        }
        Task { seq, add, drop, tip, waiting, gone }
    }

    pub(super) fn bytes(&self) -> usize {
        let blocks = self.add.iter().map(|(_, _, encoded)| encoded.len());
        blocks.chain(self.waiting.iter().map(|waiting| waiting.encoded.len())).sum()
    }
}

/// The thread and what it works with.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) marks: Marks,
    /// Where small commits go first; none: nowhere.
    pub(super) journal: Option<Journal>,
    /// Where free space is looked after, and an orderly end is marked.
    pub(super) folder: Option<PathBuf>,
    pub(super) committed: UnboundedSender<Result<u64, Failure>>,
}

impl Writer {
    /// Commits what is submitted until nobody can submit any more, or until a commit fails, which whoever waits for
    /// it is told. Fails if the tables could not be left in order.
    pub(super) fn run(mut self, submitted: mpsc::Receiver<Task>) -> Result<(), Failure> {
        let mut next = submitted.recv().ok();
        while let Some(first) = next.take() {
            let mut bytes = first.bytes();
            let mut group = vec![first];
            while bytes < MAX_COMMIT_BYTES
                && let Ok(more) = submitted.try_recv()
            {
                bytes += more.bytes();
                group.push(more);
            }
            let seqs: Vec<u64> = group.iter().map(|task| task.seq).collect();
            if let Err(failure) = self.commit(group) {
                let _ = self.committed.send(Err(failure));
                return Ok(());
            }
            for seq in seqs {
                // Nobody listens: then nobody needs to know.
                let _ = self.committed.send(Ok(seq));
            }
            next = match submitted.try_recv() {
                Ok(task) => Some(task),
                Err(_) => match self.rest(&submitted) {
                    Ok(next) => next,
                    Err(failure) => {
                        let _ = self.committed.send(Err(failure));
                        return Ok(());
                    }
                },
            };
        }
        self.take_up(Vec::new()).inspect_err(|failure| {
            // All of it is durable where it is, and the next start takes it up.
            tracing::warn!(%failure, "the journal stays for the next start");
            self.shared.database.leave();
        })?;
        self.catch_up();
        if let Some(Err(error)) = self.journal.as_ref().map(Journal::end) {
            tracing::warn!(%error, "the journal could not be emptied");
        }
        self.leave_checkpoint();
        Ok(())
    }

    /// The next task, once there is one. If there is none for a while, there is time for what nobody waits for.
    fn rest(&mut self, submitted: &mpsc::Receiver<Task>) -> Result<Option<Task>, Failure> {
        match submitted.recv_timeout(INDEX_REST) {
            Ok(task) => return Ok(Some(task)),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if self.journal.as_ref().is_some_and(Journal::is_half_full) {
            self.take_up(Vec::new())?;
        }
        self.catch_up();
        Ok(submitted.recv().ok())
    }

    /// Makes `group` durable, all of it or nothing.
    fn commit(&mut self, group: Vec<Task>) -> Result<(), Failure> {
        self.check_refused()?;
        self.check_there()?;
        self.check_space(&group)?;
        let Some(journal) = self.journal.as_mut().filter(|journal| journal.takes(&group)) else {
            return self.take_up(group);
        };
        let number = self.marks.commits + 1;
        let tip = group.last().map_or(self.marks.tip, |task| task.tip);
        let blocks = group.iter().flat_map(|task| &task.add);
        let bytes: u64 = blocks.map(|(_, _, encoded)| encoded.len() as u64).sum();
        journal.append(number, group).map_err(|error| self.failure(Trouble::Io(error)))?;
        (self.marks.commits, self.marks.tip) = (number, tip);
        self.shared.write_state().bytes += bytes;
        Ok(())
    }

    /// Commits what is in the journal, and `group` after it, to the tables.
    fn take_up(&mut self, group: Vec<Task>) -> Result<(), Failure> {
        let written_down = self.journal.as_ref().map_or(&[][..], Journal::tasks);
        if written_down.is_empty() && group.is_empty() {
            return Ok(());
        }
        let index_is_due = self.index_is_due();
        // A commit that fails is the last one: nobody asks for these again.
        let mut marks = core::mem::take(&mut self.marks);
        let written = guarded(|| {
            let transaction = begin(&self.shared.database)?;
            // Before the group drops any of what is indexed here.
            let indexed = if index_is_due { Some(self.write_index(&transaction)?) } else { None };
            // What was written down is counted.
            marks.commits += u64::from(!group.is_empty());
            marks.write(&transaction, written_down.iter().chain(&group))?;
            transaction.commit()?;
            Ok(indexed)
        });
        self.check_refused()?;
        let indexed = written.map_err(|trouble| self.failure(trouble))?;
        self.marks = marks;
        if let Some(indexed) = indexed {
            self.indexed(indexed);
        }
        let written_down = self.journal.as_mut().map(Journal::taken_up).unwrap_or_default();
        let mut state = self.shared.write_state();
        state.bytes = self.marks.bytes;
        for (at, _, _) in written_down.iter().chain(&group).flat_map(|task| &task.add) {
            state.pending.remove(at);
        }
        let dropped = core::mem::take(&mut self.marks.dropped);
        if !dropped.is_empty() {
            state.unindexed.retain(|(_, number)| !dropped.contains(number));
        }
        Ok(())
    }

    /// A commit is not begun that might not leave enough for an orderly stop.
    fn check_space(&self, group: &[Task]) -> Result<(), Failure> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let free = free_bytes(folder).map_err(|error| self.failure(Trouble::Io(error)))?;
        let bytes: usize = group.iter().map(Task::bytes).sum();
        let needed = MIN_FREE_BYTES + bytes as u64;
        if free < needed {
            return Err(Failure::Full { path: self.shared.path.clone(), free, needed });
        }
        Ok(())
    }

    /// What is written to a file that nobody can open any more is soon lost.
    fn check_there(&self) -> Result<(), Failure> {
        let there = self.shared.locks.as_ref().map_or(Ok(()), |locks| locks.check_chain());
        there.map_err(|error| self.failure(Trouble::Io(error)))
    }

    /// What the system refused to write is not on the disk, whatever the library believes.
    fn check_refused(&self) -> Result<(), Failure> {
        self.shared.database.watch.check().map_err(|error| self.failure(Trouble::Io(error)))
    }

    fn failure(&self, trouble: Trouble) -> Failure {
        let path = self.shared.path.clone();
        match trouble {
            Trouble::Io(error)
                if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) =>
            {
                let free = self.folder.as_ref().and_then(|folder| free_bytes(folder).ok()).unwrap_or(0);
                Failure::Full { path, free, needed: MIN_FREE_BYTES }
            }
            Trouble::Io(error) => Failure::Io { path, error: error.to_string() },
            trouble => {
                self.shared.database.leave();
                Failure::Damaged(trouble.damage(&path))
            }
        }
    }

    /// Says beside the file how far it got: a file that knows of less at the next start lost something.
    fn leave_checkpoint(&self) {
        let (Some(folder), Some(locks)) = (&self.folder, &self.shared.locks) else { return };
        let checkpoint = Checkpoint { commits: self.marks.commits, tip: self.marks.tip.to_string() };
        if let Err(error) = checkpoint.write(folder, locks) {
            tracing::warn!(%error, "the mark of an orderly end could not be written");
        }
    }
}

/// Begins a commit that a crash leaves whole, in a file that is opened afterwards as any other.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, Trouble> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// What a commit writes to: opening a table costs as much as writing a small block, so those that few commits
/// need are opened when they do.
struct Tables<'a> {
    transaction: &'a WriteTransaction,
    headers: Table<'a, u64, &'static [u8; Header::LEN]>,
    blocks: Table<'a, u64, &'static [u8]>,
    waiting: Table<'a, u64, &'static [u8]>,
    checksums: Option<Table<'a, u64, u64>>,
    index: Option<Index<'a>>,
}

impl<'a> Tables<'a> {
    fn open(transaction: &'a WriteTransaction) -> Result<Tables<'a>, Trouble> {
        Ok(Tables {
            transaction,
            headers: transaction.open_table(HEADERS)?,
            blocks: transaction.open_table(BLOCKS)?,
            waiting: transaction.open_table(WAITING)?,
            checksums: None,
            index: None,
        })
    }

    fn checksums(&mut self) -> Result<&mut Table<'a, u64, u64>, Trouble> {
        opened(&mut self.checksums, || Ok(self.transaction.open_table(CHECKSUMS)?))
    }

    fn index(&mut self) -> Result<&mut Index<'a>, Trouble> {
        opened(&mut self.index, || Index::open(self.transaction))
    }

    /// Takes out the block of number `at`, and what leads to it; its bytes, if it was there.
    fn drop(&mut self, at: u64) -> Result<Option<usize>, Trouble> {
        self.headers.remove(at)?;
        let Some(encoded) = self.blocks.remove(at)?.map(|bytes| bytes.value().to_vec()) else {
            return Ok(None);
        };
        if checksum::has_one(&encoded) {
            self.checksums()?.remove(at)?;
        }
        for place in places(at, &encoded) {
            self.index()?.remove(place)?;
        }
        Ok(Some(encoded.len()))
    }
}

/// What is in `place`, opened if it was not yet.
fn opened<T>(place: &mut Option<T>, open: impl FnOnce() -> Result<T, Trouble>) -> Result<&mut T, Trouble> {
    let value = match place.take() {
        Some(value) => value,
        None => open()?,
    };
    Ok(place.insert(value))
}

impl Marks {
    /// Writes what `tasks` change, in their order, and the marks after it.
    pub(super) fn write<'t>(
        &mut self,
        transaction: &WriteTransaction,
        tasks: impl Iterator<Item = &'t Task>,
    ) -> Result<(), Trouble> {
        let mut tables = Tables::open(transaction)?;
        for task in tasks {
            self.write_task(&mut tables, task)?;
            self.tip = task.tip;
        }
        let mut table = transaction.open_table(META)?;
        table.insert(meta::TIP, &self.tip.0[..])?;
        table.insert(meta::COMMITS, &self.commits.to_le_bytes()[..])?;
        table.insert(meta::BYTES, &self.bytes.to_le_bytes()[..])?;
        Ok(())
    }

    /// The transaction `id` waits in the row `at`, the last one.
    pub(super) fn note_waiting(&mut self, id: TxId, at: u64) {
        self.waiting.insert(id, at);
        self.next_waiting = at + 1;
    }

    fn write_task(&mut self, tables: &mut Tables<'_>, task: &Task) -> Result<(), Trouble> {
        for (at, header, encoded) in &task.add {
            tables.headers.insert(at, header)?;
            tables.blocks.insert(at, &encoded[..])?;
            if let Some(checksum) = checksum::of(encoded) {
                tables.checksums()?.insert(at, checksum)?;
            }
            self.bytes += encoded.len() as u64;
        }
        for at in &task.drop {
            let Some(bytes) = tables.drop(*at)? else { continue };
            self.bytes = self.bytes.saturating_sub(bytes as u64);
            self.dropped.insert(*at);
        }
        let waiting = &mut tables.waiting;
        for Waiting { id, encoded } in &task.waiting {
            waiting.insert(self.next_waiting, &waiting_row(id, encoded)[..])?;
            self.note_waiting(*id, self.next_waiting);
        }
        for id in &task.gone {
            if let Some(at) = self.waiting.remove(id) {
                waiting.remove(at)?;
            }
        }
        Ok(())
    }
}

/// Bytes that this process may still write to the file system of `folder`.
pub(super) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
