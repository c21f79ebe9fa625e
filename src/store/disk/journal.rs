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
//! | 8 | the first bytes of the key |
//! | 4 | length of the body, little-endian |
//! | 8 | number of the commit, little-endian |
//! | 8 | the first bytes of the SHA-256 of the key, the two fields before, and the body |
//! | length | body: what the commit changes, encoded as everything else is |
//!
//! The key is random and in the tables, and nobody else knows it: strangers write the contents that are in
//! the bodies, and what looks like a record in there must not be one.
//!
//! Once the tables have its commits, the file is written from its beginning again. A record of a commit that the
//! tables have is passed over, and the first place where no record begins is the end: each is flushed before the
//! next one is written, so only the last can be in pieces, and nobody was told of that one. A record behind such a
//! place is a sign of damage.
//!
//! The file is made longer, durably, before the record is written that needs it, and there is room for another head
//! behind each. So one that ends within the next commit, or too soon for its head, was cut, whatever its length is.
//! (`meta::ROOM` in the tables says so; a node that did not say it may have been killed with a record at the very end.)
//!
//! The file is signed before the tables are open to be written, and stays so: it begins with the first bytes of the
//! key, be it that no record follows, and is as long as some steps of [`JOURNAL_STEP_BYTES`]. So a run that wrote
//! nothing down is told from one whose records are lost: beside tables that nobody closed, no file, an empty one, one
//! of another length, and one that begins with something else are signs of damage, too.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rand::TryRng;
use rand::rngs::SysRng;
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend};
use sha2::{Digest, Sha256};

use crate::encoding::{self, Decode, Encode};
use crate::file::{check_linked, sync_folder_of};
use crate::limits::{JOURNAL_BYTES, JOURNAL_STEP_BYTES, MAX_JOURNAL_FILE_BYTES, MAX_JOURNALED_BYTES};
use crate::store::Waiting;
use crate::store::disk::overlay::Overlay;
use crate::store::disk::reach::Meta;
use crate::store::disk::tables::{HEADERS, META, Trouble, WAITING, meta, sized, waiting};
use crate::store::disk::writer::{Task, begin};
use crate::store::disk::{Held, Marks, salvage};
use crate::types::{BlockHash, Header, TxId};

/// What is before a record's body.
const HEAD: usize = MARK + 4 + 8 + 8;

/// How much of the key is before a record.
const MARK: usize = 8;

/// What makes a record one of these tables' own.
pub(super) type Key = [u8; 16];

/// The journal of the tables at `chain`: beside them.
pub(in crate::store) fn beside(chain: &Path) -> PathBuf {
    chain.with_extension("journal")
}

/// A file of records, open to be written.
pub(super) struct Journal {
    file: Box<dyn StorageBackend>,
    /// The same, where it has a name.
    named: Option<File>,
    key: Key,
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
    /// The journal of the tables at `chain`, made if it is not there, and signed. Nothing is written to it before the
    /// tables have what is in it.
    pub(super) fn open(chain: &Path, key: Key) -> Result<Journal, Trouble> {
        let path = beside(chain);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        let named = Some(file.try_clone()?);
        let journal = Journal { named, ..Journal::over(Box::new(FileBackend::new(file)?), key)? };
        // A flush of the file is not one of its name.
        sync_folder_of(&path)?;
        Ok(journal)
    }

    /// The same, over `file`.
    pub(super) fn over(file: Box<dyn StorageBackend>, key: Key) -> Result<Journal, Trouble> {
        sign(&*file, &key)?;
        let length = file.len()?;
        Ok(Journal { file, named: None, key, at: 0, length, tasks: Vec::new() })
    }

    /// Whether it takes a commit of these tasks: a small one that drops nothing.
    pub(super) fn takes(&self, group: &[Task]) -> bool {
        // What stands for the rest of a record.
        let rows = |task: &Task| 100 + 40 * (task.add.len() + task.waiting.len() + task.gone.len());
        let bytes: usize = group.iter().map(|task| task.bytes() + rows(task)).sum();
        bytes <= MAX_JOURNALED_BYTES
            && self.at < JOURNAL_BYTES
            && group.iter().all(|task| task.drop.is_empty())
    }

    /// Makes commit `number` durable, or fails; then nothing more may be written.
    pub(super) fn append(&mut self, number: u64, group: Vec<Task>) -> io::Result<()> {
        self.named.as_ref().map_or(Ok(()), check_linked).map_err(|error| {
            io::Error::new(error.kind(), format!("the journal beside it cannot: {error}"))
        })?;
        let entries: Vec<Entry> = group.iter().map(Entry::of).collect();
        let mut record = vec![0; HEAD];
        encoding::encode_into(&entries, &mut record);
        let length = u32::try_from(record.len() - HEAD).unwrap_or(u32::MAX).to_le_bytes();
        record[..MARK].copy_from_slice(&self.key[..MARK]);
        record[MARK..MARK + 4].copy_from_slice(&length);
        record[MARK + 4..MARK + 12].copy_from_slice(&number.to_le_bytes());
        let sum = checksum(&self.key, number, &record[HEAD..]);
        record[MARK + 12..HEAD].copy_from_slice(&sum);
        let end = self.at + record.len() as u64;
        self.make_room(end)?;
        self.file.write(self.at, &record)?;
        self.file.sync_data()?;
        self.at = end;
        self.tasks.extend(group);
        Ok(())
    }

    /// Has the file be long enough for a record up to `end`, and a head behind it, before any of that is written.
    fn make_room(&mut self, end: u64) -> io::Result<()> {
        let needed = (end + HEAD as u64).next_multiple_of(JOURNAL_STEP_BYTES);
        if needed > self.length {
            self.file.set_len(needed)?;
            self.file.write(self.length, &vec![0; (needed - self.length) as usize])?;
            self.file.sync_data()?;
            self.length = needed;
        }
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
        if self.tasks.is_empty() { blank(&*self.file, &self.key) } else { Ok(()) }
    }

    /// The tables have all of it, durably: what comes next is written over it.
    pub(super) fn taken_up(&mut self) -> Vec<Task> {
        self.at = 0;
        core::mem::take(&mut self.tasks)
    }
}

/// Has `file` be one that a killed node may leave, durably. Where it is none yet, new or another's, the tables were
/// closed, and have all that it has for them.
fn sign(file: &dyn StorageBackend, key: &Key) -> io::Result<()> {
    let (length, begins) = (file.len()?, beginning(file)?);
    match begins == key[..MARK] {
        true if length.is_multiple_of(JOURNAL_STEP_BYTES) => return Ok(()),
        true => file.set_len(length.next_multiple_of(JOURNAL_STEP_BYTES))?,
        false => blank(file, key)?,
    }
    file.sync_data()
}

/// Has nothing but the sign be in `file`. Whatever a crash leaves of that, a file that was signed stays so.
fn blank(file: &dyn StorageBackend, key: &Key) -> io::Result<()> {
    let mut bytes = vec![0; JOURNAL_STEP_BYTES as usize];
    bytes[..MARK].copy_from_slice(&key[..MARK]);
    file.set_len(JOURNAL_STEP_BYTES)?;
    file.write(0, &bytes)
}

/// The key of the tables' journal; none in a file that never had a journal.
pub(super) fn key(database: &Database) -> Result<Option<Key>, Trouble> {
    let table = database.begin_read()?.open_table(META)?;
    if table.get(meta::KEY)?.is_none() { Ok(None) } else { Ok(Some(sized(&table, meta::KEY)?)) }
}

/// Whether the journal of these tables has room behind each record.
fn has_room(database: &Database) -> Result<bool, Trouble> {
    Ok(database.begin_read()?.open_table(META)?.get(meta::ROOM)?.is_some())
}

/// The tables of `database`, which have all that is in their journal, say from now on that it has room behind each
/// record.
pub(super) fn say_room(database: &Held) -> Result<(), Trouble> {
    if has_room(database)? {
        return Ok(());
    }
    let transaction = begin(database)?;
    transaction.open_table(META)?.insert(meta::ROOM, &[1][..])?;
    transaction.commit()?;
    Ok(database.watch.check()?)
}

/// A new one.
pub(super) fn fresh_key() -> Result<Key, Trouble> {
    let mut key = Key::default();
    SysRng.try_fill_bytes(&mut key).map_err(|error| Trouble::Io(io::Error::other(error)))?;
    Ok(key)
}

/// Has the tables of `database`, which are at `chain`, take up what the journal beside them has.
pub(super) fn replay(database: &Held, chain: &Path) -> Result<(), Trouble> {
    match there(chain)? {
        Some(file) => replay_of(database, &file),
        None => Ok(()),
    }
}

/// The same, of tables that nobody closed: their node was killed, and has left a journal.
pub(super) fn replay_of_killed(database: &Held, chain: &Path) -> Result<(), Trouble> {
    let Some(key) = key(database)? else { return Ok(()) };
    let file = there(chain)?;
    let length = file.as_ref().map_or(Ok(0), StorageBackend::len).map_err(unread)?;
    let what = match &file {
        None => "is missing".to_owned(),
        Some(_) if length == 0 => "is empty".to_owned(),
        Some(file) if is_anothers(file, &key).map_err(unread)? => {
            format!("is another folder's journal, and not that of {}", chain.display())
        }
        Some(_) if !length.is_multiple_of(JOURNAL_STEP_BYTES) => format!("is cut, {length} bytes long"),
        Some(file) if beginning(file).map_err(unread)? != key[..MARK] => "has another beginning".to_owned(),
        Some(file) => return replay_of(database, file),
    };
    let journal = beside(chain);
    let lost = "its newest blocks and contents may be lost, unless its own journal is put back";
    Err(Trouble::Damaged(format!("{} {what}, and its node was killed: {lost}", journal.display())))
}

/// Whether the journal beside the tables of `database`, which are at `chain`, is another's.
pub(super) fn has_anothers(database: &Held, chain: &Path) -> Result<bool, Trouble> {
    let (Some(key), Some(file)) = (key(database)?, there(chain)?) else { return Ok(false) };
    is_anothers(&file, &key).map_err(unread)
}

/// Whether nothing in `file` is of the tables of this key: it begins with another mark than theirs, and theirs is
/// nowhere. Of their own journal the beginning may be lost, or be damaged in a few places.
fn is_anothers(file: &dyn StorageBackend, key: &Key) -> io::Result<bool> {
    let begins = beginning(file)?;
    let alike = begins.iter().zip(key).filter(|(one, other)| one == other).count();
    let is_likely = begins != [0; MARK] && alike < MARK / 2;
    Ok(is_likely && !bytes(file)?.windows(MARK).any(|bytes| bytes == &key[..MARK]))
}

/// What the file begins with, as far as something was written to it.
fn beginning(file: &dyn StorageBackend) -> io::Result<[u8; MARK]> {
    let mut begins = [0; MARK];
    if file.len()? >= MARK as u64 {
        file.read(0, &mut begins)?;
    }
    Ok(begins)
}

/// Whether what is at `path` may be a journal, whole or damaged, or has one at its beginning.
pub(super) fn may_be_at(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file())
}

/// The journal beside the tables at `chain`, to be read, if there is one.
fn there(chain: &Path) -> Result<Option<Overlay>, Trouble> {
    let path = beside(chain);
    let is_none = || Trouble::Damaged(format!("the journal beside it, {}, is none", path.display()));
    let found = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A link that leads nowhere is no place for a journal either.
            return if fs::symlink_metadata(&path).is_ok() { Err(is_none()) } else { Ok(None) };
        }
        found => found.map_err(unread)?,
    };
    if !found.is_file() || found.len() > MAX_JOURNAL_FILE_BYTES {
        return Err(is_none());
    }
    Overlay::open(&path).map(Some).map_err(unread)
}

/// Has them take up every record that is whole, whatever is between: for a repair.
pub(super) fn replay_whole(database: &Held, chain: &Path) -> Result<(), Trouble> {
    take_up(database, &whole(database, chain)?)
}

/// What waits by the records that are whole, of those transactions and `waiting`: for a repair, where the tables
/// are such that nothing can be laid over them.
pub(super) fn waiting_whole(
    database: &Held,
    chain: &Path,
    waiting: Vec<Waiting>,
) -> Result<Vec<Waiting>, Trouble> {
    Ok(applied(waiting, whole(database, chain)?))
}

/// The same of the journal alone, where the tables at `chain` cannot be read: their key is looked for in the file's
/// bytes, by what the journal begins with. None if it is not there: whose the records are cannot be told.
pub(super) fn waiting_salvaged(chain: &Path) -> io::Result<Option<Vec<Waiting>>> {
    let path = beside(chain);
    let bytes = if may_be_at(&path) { bytes(&Overlay::open(&path)?)? } else { Vec::new() };
    let Some((mark, rest)) = bytes.split_first_chunk::<MARK>() else { return Ok(Some(Vec::new())) };
    if rest.iter().all(|byte| *byte == 0) {
        return Ok(Some(Vec::new()));
    }
    let Some(mut records) = salvage::find(chain, mark, |key| {
        let records: Vec<Record> = later(&bytes, 0, key).collect();
        (!records.is_empty()).then_some(records)
    })?
    else {
        return Ok(None);
    };
    records.sort_by_key(|record| record.number);
    Ok(Some(applied(Vec::new(), records)))
}

/// What waits after these records, where `waiting` did before.
fn applied(mut waiting: Vec<Waiting>, records: Vec<Record>) -> Vec<Waiting> {
    for task in records.into_iter().flat_map(|record| record.tasks) {
        waiting.extend(task.waiting);
        waiting.retain(|waiting| !task.gone.contains(&waiting.id));
    }
    waiting
}

/// Every record that is whole and of a later commit than the tables' last, in their order.
fn whole(database: &Held, chain: &Path) -> Result<Vec<Record>, Trouble> {
    let path = beside(chain);
    if !may_be_at(&path) {
        return Ok(Vec::new());
    }
    let (Some(key), Meta { commits, .. }) = (key(database)?, Meta::read(database)?) else {
        return Ok(Vec::new());
    };
    let bytes = Overlay::open(&path).and_then(|file| bytes(&file)).map_err(unread)?;
    let mut records: Vec<Record> = later(&bytes, 0, &key).filter(|record| record.number > commits).collect();
    records.sort_by_key(|record| record.number);
    Ok(records)
}

fn unread(error: io::Error) -> Trouble {
    Trouble::Io(io::Error::new(error.kind(), format!("the journal beside it cannot be read: {error}")))
}

/// The same, of the journal in `file`.
pub(super) fn replay_of(database: &Held, file: &dyn StorageBackend) -> Result<(), Trouble> {
    let Some(key) = key(database)? else { return Ok(()) };
    let after = Meta::read(database)?.commits;
    take_up(database, &records(file, &key, after, has_room(database)?)?)
}

fn take_up(database: &Held, records: &[Record]) -> Result<(), Trouble> {
    let Meta { tip, bytes, indexed, .. } = Meta::read(database)?;
    let Some(last) = records.last() else { return Ok(()) };
    let mut marks = Marks { commits: last.number, tip, bytes, ..Marks::default() };
    for row in database.begin_read()?.open_table(WAITING)?.iter()? {
        let (at, row) = row?;
        let (id, _) = waiting(row.value()).map_err(Trouble::Damaged)?;
        marks.note_waiting(id, at.value());
    }
    // No number is given twice: a block that has one of these is of another past than the tables'.
    let headers = database.begin_read()?.open_table(HEADERS)?;
    let mut next = headers.last()?.map_or(0, |(at, _)| at.value() + 1).max(indexed);
    for (at, _, _) in records.iter().flat_map(|record| &record.tasks).flat_map(|task| &task.add) {
        if *at < next {
            let what = format!("the journal beside it has another block number {at}: it is of another time");
            return Err(Trouble::Damaged(what));
        }
        next = at + 1;
    }
    let transaction = begin(database)?;
    marks.write(&transaction, records.iter().flat_map(|record| &record.tasks))?;
    transaction.commit()?;
    // What the system refused is in memory alone, and the journal is not to be written over for that.
    Ok(database.watch.check()?)
}

/// The records of `file` that follow commit `after`; `has_room` if it has some behind each.
fn records(file: &dyn StorageBackend, key: &Key, after: u64, has_room: bool) -> Result<Vec<Record>, Trouble> {
    let bytes = bytes(file).map_err(unread)?;
    let (mut at, mut records) = (0, Vec::new());
    let mut next = after + 1;
    while let Some(record) = record(&bytes[at..], key)? {
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
    if has_room && is_cut(&bytes[at..], key, next, !records.is_empty()) {
        let (length, last) = (bytes.len(), next - 1);
        let what =
            format!("the journal beside it is cut, {length} bytes long: what followed commit {last} is lost");
        return Err(Trouble::Damaged(what));
    }
    // Whatever comes after the end was overtaken, but for what the disk has kept behind a damaged record.
    match later(&bytes, at + 1, key).find(|record| record.number >= next) {
        Some(record) => Err(gap(next, record.number)),
        None => Ok(records),
    }
}

/// The bytes of `file`, as many as a journal may have.
fn bytes(file: &dyn StorageBackend) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; file.len()?.min(MAX_JOURNAL_FILE_BYTES) as usize];
    file.read(0, &mut bytes)?;
    Ok(bytes)
}

/// What is whole from the place `from` on, wherever it begins.
fn later(bytes: &[u8], from: usize, key: &Key) -> impl Iterator<Item = Record> {
    let marks = (from..bytes.len().saturating_sub(HEAD)).filter(|at| bytes[*at..].starts_with(&key[..MARK]));
    marks.filter_map(|at| record(&bytes[at..], key).ok().flatten())
}

fn gap(missing: u64, found: u64) -> Trouble {
    Trouble::Damaged(format!("the journal beside it has commit {found}, and not commit {missing} before it"))
}

/// Whether a journal that ends with `rest` was longer: commit `next` goes on behind its end, or has no room for its
/// head. Before that are no records of this run, or it `follows` some.
fn is_cut(rest: &[u8], key: &Key, next: u64, follows: bool) -> bool {
    match rest.split_first_chunk::<HEAD>() {
        None => follows,
        Some((head, body)) => {
            Head::of(head, key).is_some_and(|head| head.number == next && head.length > body.len())
        }
    }
}

/// What is before a record's body.
struct Head {
    length: usize,
    number: u64,
    sum: [u8; 8],
}

impl Head {
    /// What these bytes say, if it is of these tables.
    fn of(bytes: &[u8; HEAD], key: &Key) -> Option<Head> {
        let [a, b, c, d, e, f, g, h, l0, l1, l2, l3, n0, n1, n2, n3, n4, n5, n6, n7, sum @ ..] = *bytes;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let number = u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
        ([a, b, c, d, e, f, g, h] == key[..MARK]).then_some(Head { length, number, sum })
    }
}

/// The record that `bytes` begin with.
fn record(bytes: &[u8], key: &Key) -> Result<Option<Record>, Trouble> {
    let Some((head, rest)) = bytes.split_first_chunk() else { return Ok(None) };
    let Some(Head { length, number, sum }) = Head::of(head, key) else { return Ok(None) };
    let Some(body) = rest.get(..length).filter(|body| checksum(key, number, body) == sum) else {
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

fn checksum(key: &Key, number: u64, body: &[u8]) -> [u8; 8] {
    let length = (body.len() as u64).to_le_bytes();
    let parts = [&key[..], &length, &number.to_le_bytes(), body];
    let hash: [u8; 32] =
        parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = hash;
    [a, b, c, d, e, f, g, h]
}
