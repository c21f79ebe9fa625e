//! Small commits, written down before they are in the tables.
//!
//! A commit of the tables writes some twenty pages and flushes twice, whatever it changes; a block at the tip is
//! 300 bytes. So what comes in small pieces goes into a file of its own first: one write, one flush. The tables
//! take it up some hundred commits later, or with the next large one, or at the end; a start takes up what is
//! left of it. What is written here is durable, and the tables alone are what it adds to.
//!
//! The file is a row of records, from its beginning:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | length of the body, little-endian |
//! | 8 | number of the commit, little-endian |
//! | 8 | the first bytes of the SHA-256 of the file's owner, the two fields before, and the body |
//! | length | body: what the commit changes, encoded as everything else is |
//!
//! Once the tables have its commits, the file is written from its beginning again. A record of a commit that the
//! tables have is passed over, and the first place where no record begins is the end: each is flushed before the
//! next one is written, so only the last can be in pieces, and nobody was told of that one. A record behind such a
//! place is a sign of damage.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Durability, ReadableDatabase, ReadableTable, StorageBackend};
use sha2::{Digest, Sha256};

use crate::encoding::{self, Decode, Encode};
use crate::limits::{JOURNAL_BYTES, JOURNAL_STEP_BYTES, MAX_JOURNALED_BYTES};
use crate::store::Waiting;
use crate::store::disk::{Held, Marks};
use crate::store::disk::load::owner;
use crate::store::disk::overlay::Overlay;
use crate::store::disk::reach::Meta;
use crate::store::disk::tables::{Trouble, WAITING, waiting};
use crate::store::disk::writer::{Tables, Task};
use crate::types::{BlockHash, Header, NodeId, TxId};

/// What is before a record's body.
const HEAD: usize = 4 + 8 + 8;

/// The journal of the tables at `chain`: beside them.
pub(in crate::store) fn beside(chain: &Path) -> PathBuf {
    chain.with_extension("journal")
}

/// A file of records, open to be written.
pub(super) struct Journal {
    file: Box<dyn StorageBackend>,
    node: NodeId,
    /// Where the next record goes.
    at: u64,
    /// How long the file is: writing within it changes nothing but its bytes, which is what a flush is fast at.
    length: u64,
    /// What is written here and not in the tables.
    tasks: Vec<Task>,
}

/// The changes of one task, as they are encoded.
#[derive(Encode, Decode)]
struct Entry {
    add: Vec<(u64, Vec<u8>)>,
    tip: BlockHash,
    waiting: Vec<(TxId, Vec<u8>)>,
    gone: Vec<TxId>,
}

impl Entry {
    fn of(task: &Task) -> Entry {
        let added =
            |(number, _, encoded): &(u64, [u8; Header::LEN], bytes::Bytes)| (*number, encoded.to_vec());
        Entry {
            add: task.add.iter().map(added).collect(),
            tip: task.tip,
            waiting: task.waiting.iter().map(|waiting| (waiting.id, waiting.encoded.to_vec())).collect(),
            gone: task.gone.clone(),
        }
    }

    fn task(self) -> Option<Task> {
        let add = self.add.into_iter().map(|(number, encoded)| {
            let (header, _) = encoded.split_first_chunk()?;
            Some((number, *header, encoded.into()))
        });
        let waiting = self.waiting.into_iter().map(|(id, encoded)| Waiting { id, encoded: encoded.into() });
        Some(Task {
            seq: 0,
            add: add.collect::<Option<_>>()?,
            drop: Vec::new(),
            tip: self.tip,
            waiting: waiting.collect(),
            gone: self.gone,
        })
    }
}

/// A record that is whole.
struct Record {
    number: u64,
    tasks: Vec<Task>,
    /// Its bytes.
    size: usize,
}

impl Journal {
    /// The journal of `node`'s tables at `chain`, made if it is not there; what is in it is in the tables.
    pub(super) fn open(chain: &Path, node: NodeId) -> Result<Journal, Trouble> {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(beside(chain))?;
        Journal::over(Box::new(FileBackend::new(file)?), node)
    }

    /// The same, over `file`.
    pub(super) fn over(file: Box<dyn StorageBackend>, node: NodeId) -> Result<Journal, Trouble> {
        let length = file.len()?;
        Ok(Journal { file, node, at: 0, length, tasks: Vec::new() })
    }

    /// Whether it takes a commit of these tasks: a small one that drops nothing.
    pub(super) fn takes(&self, group: &[Task]) -> bool {
        let bytes: usize = group.iter().map(Task::bytes).sum();
        bytes <= MAX_JOURNALED_BYTES
            && self.at < JOURNAL_BYTES
            && group.iter().all(|task| task.drop.is_empty())
    }

    /// Makes commit `number` durable, or fails; then nothing more may be written.
    pub(super) fn append(&mut self, number: u64, group: Vec<Task>) -> io::Result<()> {
        let entries: Vec<Entry> = group.iter().map(Entry::of).collect();
        let mut record = vec![0; HEAD];
        encoding::encode_into(&entries, &mut record);
        let length = u32::try_from(record.len() - HEAD).unwrap_or(u32::MAX).to_le_bytes();
        record[..4].copy_from_slice(&length);
        record[4..12].copy_from_slice(&number.to_le_bytes());
        let sum = checksum(self.node, number, &record[HEAD..]);
        record[12..HEAD].copy_from_slice(&sum);
        let end = self.at + record.len() as u64;
        if end > self.length {
            self.length = end.next_multiple_of(JOURNAL_STEP_BYTES);
            record.resize((self.length - self.at) as usize, 0);
            self.file.set_len(self.length)?;
        }
        self.file.write(self.at, &record)?;
        self.file.sync_data()?;
        self.at = end;
        self.tasks.extend(group);
        Ok(())
    }

    /// What the tables do not have yet, in the order of the commits.
    pub(super) fn tasks(&self) -> &[Task] {
        &self.tasks
    }

    /// Whether the tables should take it up when there is time.
    pub(super) fn is_half_full(&self) -> bool {
        self.at >= JOURNAL_BYTES / 2
    }

    /// Nothing more is written: what the tables have need not lie about.
    pub(super) fn end(&self) -> io::Result<()> {
        if self.tasks.is_empty() { self.file.set_len(0) } else { Ok(()) }
    }

    /// The tables have all of it, durably: what comes next is written over it.
    pub(super) fn taken_up(&mut self) -> Vec<Task> {
        self.at = 0;
        core::mem::take(&mut self.tasks)
    }
}

/// Has the tables of `database`, which are at `chain`, take up what the journal beside them has.
pub(super) fn replay(database: &Held, chain: &Path) -> Result<(), Trouble> {
    match Overlay::open(&beside(chain)) {
        Ok(file) => replay_of(database, &file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The same, of the journal in `file`.
pub(super) fn replay_of(database: &Held, file: &dyn StorageBackend) -> Result<(), Trouble> {
    let node = owner(database)?.node;
    let Meta { tip, commits, bytes, .. } = Meta::read(database)?;
    let records = records(file, node, commits)?;
    let Some(last) = records.last() else { return Ok(()) };
    let mut marks = Marks { commits: last.number, tip, bytes, ..Marks::default() };
    for row in database.begin_read()?.open_table(WAITING)?.iter()? {
        let (at, row) = row?;
        let (id, _) = waiting(row.value()).map_err(Trouble::Damaged)?;
        marks.waiting.insert(id, at.value());
        marks.next_waiting = at.value() + 1;
    }
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    transaction.set_durability(Durability::Immediate)?;
    let mut tables = Tables::open(&transaction)?;
    for task in records.iter().flat_map(|record| &record.tasks) {
        marks.write(&mut tables, task)?;
        marks.tip = task.tip;
    }
    drop(tables);
    marks.write_meta(&transaction)?;
    transaction.commit()?;
    // What the system refused is in memory alone, and the journal is not to be written over for that.
    database.watch.refusal().map_or(Ok(()), |error| Err(Trouble::Io(error)))
}

/// The records of `file` that follow commit `after`.
fn records(file: &dyn StorageBackend, node: NodeId, after: u64) -> Result<Vec<Record>, Trouble> {
    let mut bytes = vec![0; file.len()? as usize];
    file.read(0, &mut bytes)?;
    let (mut at, mut records) = (0, Vec::new());
    let mut next = after + 1;
    while let Some(record) = record(&bytes[at..], node)? {
        at += record.size;
        if record.number < next {
            continue;
        }
        if record.number > next {
            return Err(gap(next, record.number));
        }
        next += 1;
        records.push(record);
    }
    // Whatever comes after the end was overtaken, but for what the disk has kept behind a damaged record.
    let later = (at + 1..bytes.len().saturating_sub(HEAD)).find_map(|at| {
        let head = &bytes[at..];
        let number = u64::from_le_bytes(*head.get(4..)?.first_chunk()?);
        // The number says enough not to hash every place.
        let may_be = (next..next + JOURNAL_BYTES).contains(&number);
        if may_be { record(head, node).ok().flatten() } else { None }
    });
    match later {
        Some(record) => Err(gap(next, record.number)),
        None => Ok(records),
    }
}

fn gap(missing: u64, found: u64) -> Trouble {
    Trouble::Damaged(format!("the journal beside it has commit {found}, and not commit {missing} before it"))
}

/// The record that `bytes` begin with.
fn record(bytes: &[u8], node: NodeId) -> Result<Option<Record>, Trouble> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
    let [l0, l1, l2, l3, n0, n1, n2, n3, n4, n5, n6, n7, sum @ ..] = *head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let number = u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
    let Some(body) = rest.get(..length).filter(|body| checksum(node, number, body) == sum) else {
        return Ok(None);
    };
    let entries: Vec<Entry> = encoding::decode(body).map_err(|error| {
        Trouble::Damaged(format!("commit {number} of its journal cannot be decoded: {error}"))
    })?;
    let tasks: Option<Vec<Task>> = entries.into_iter().map(Entry::task).collect();
    let tasks =
        tasks.ok_or_else(|| Trouble::Damaged(format!("commit {number} of its journal has no block")))?;
    Ok(Some(Record { number, tasks, size: HEAD + length }))
}

fn checksum(node: NodeId, number: u64, body: &[u8]) -> [u8; 8] {
    let length = (body.len() as u64).to_le_bytes();
    let parts = [&node.0[..], &length, &number.to_le_bytes(), body];
    let hash: [u8; 32] =
        parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    [a, b, c, d, e, f, g, h]
}
