//! A new file, and all that a start reads of an old one: every header, the transactions that wait, and the
//! newest blocks whole.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata};
use tokio::sync::mpsc::UnboundedSender;

use crate::limits::{STORE_CACHE_BYTES, VERIFIED_AT_START};
use crate::params::Params;
use crate::store::disk::index::places;
use crate::store::disk::journal::{self, Journal};
use crate::store::disk::reach::{self, Meta};
use crate::store::disk::tables::{
    BLOCKS, FORMAT, HEADERS, INDEX, META, Trouble, WAITING, guarded, meta, number, sized, value, verified,
    waiting,
};
use crate::store::disk::{Disk, Held, Marks, Place, State};
use crate::store::folder::{Checkpoint, Folder};
use crate::store::{Damage, Failure, Loaded, OpenError, Store, StoredBlock};
use crate::types::{Header, NodeId};

/// Whose file it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Owner {
    /// Its format.
    pub(in crate::store) format: u64,
    /// The network's id.
    pub(in crate::store) network: Vec<u8>,
    /// The network's rules, as text.
    pub(in crate::store) rules: String,
    /// The node's id.
    pub(in crate::store) node: NodeId,
}

/// What a start reads.
pub(in crate::store) struct Contents {
    /// Of the journal beside the file; none in a file that never had one.
    key: Option<journal::Key>,
    pub(super) state: State,
    pub(super) marks: Marks,
    pub(super) loaded: Loaded,
}

/// Opens the file at `path`, in which what is opened leaves its marks.
fn open(path: &Path) -> Result<Held, OpenError> {
    let opened = guarded(|| {
        let file = File::options().read(true).write(true).open(path)?;
        let database = Held::over(FileBackend::new(file)?, &builder())?;
        journal::replay(&database, path)?;
        Ok(database)
    });
    opened.map_err(|trouble| unopened(trouble, path))
}

/// Opens the file at `path` to read it and no more, and says whose it is.
pub(in crate::store) fn open_to_read(path: &Path) -> Result<(Held, Owner), OpenError> {
    let database = reach::opened(path, false).map_err(|trouble| unopened(trouble, path))?;
    let owner = owner(&database).map_err(|trouble| trouble.damage(path))?;
    Ok((database, owner))
}

/// Makes a file at `path` that holds genesis and knows whose it is.
pub(in crate::store) fn create(path: &Path, params: &Params, node: NodeId) -> Result<(), OpenError> {
    let made = guarded(|| {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        let database = Held::over(FileBackend::new(file)?, &builder())?;
        initialise(&database, params, node)?;
        Ok(database.watch.check()?)
    });
    made.map_err(|trouble| unopened(trouble, path))
}

/// All that a start reads of a file in `folder` that was opened to be read.
pub(in crate::store) fn read(
    database: &Database,
    path: &Path,
    folder: &Folder,
    params: &Params,
) -> Result<Contents, OpenError> {
    let contents = contents(database, path, params)?;
    if let Some(Checkpoint { commits, tip }) = folder.read_checkpoint() {
        let marks = &contents.marks;
        if marks.commits < commits || (marks.commits == commits && marks.tip.to_string() != tip) {
            let what = format!("it knows of {} commits, and there were {commits}", marks.commits);
            return Err(Damage { path: path.to_owned(), what }.into());
        }
    }
    Ok(contents)
}

/// The keeper over a file in `folder`, of which `contents` were read.
pub(in crate::store) fn start(
    path: &Path,
    folder: &Folder,
    contents: Contents,
    told: UnboundedSender<Result<u64, Failure>>,
) -> Result<(Disk, Loaded), OpenError> {
    let unopened = |trouble| unopened(trouble, &journal::beside(path));
    // The tables are marked as open from the next line on, and without it they would look like those of a node that
    // lost it.
    let journal = contents.key.map(|key| Journal::open(path, key)).transpose().map_err(unopened)?;
    let database = open(path)?;
    let meta = guarded(|| Meta::read(&database)).map_err(|trouble| trouble.damage(path))?;
    if (meta.commits, meta.tip) != (contents.marks.commits, contents.marks.tip) {
        let what = "it is another one than a moment ago".to_owned();
        return Err(Damage { path: path.to_owned(), what }.into());
    }
    let home = (folder.path().to_owned(), folder.locks());
    let journal = match journal {
        None => first_journal(&database, path).map_err(unopened)?,
        there => there,
    };
    if journal.is_some() {
        guarded(|| journal::say_room(&database)).map_err(unopened)?;
    }
    keeper(database, Place { file: path.to_owned(), folder: Some(home), journal }, contents, told)
}

/// The journal of the file at `path`, which had none until now: it was of the first format. None if it still is.
fn first_journal(database: &Held, path: &Path) -> Result<Option<Journal>, Trouble> {
    if owner(database)?.format < FORMAT {
        return Ok(None);
    }
    guarded(|| {
        let key = journal::fresh_key()?;
        // Before the tables know of it.
        let journal = Journal::open(path, key)?;
        let transaction = database.begin_write()?;
        transaction.open_table(META)?.insert(meta::KEY, &key[..])?;
        transaction.commit()?;
        database.watch.check()?;
        Ok(Some(journal))
    })
}

/// The keeper over a file that was opened to be read, of which `contents` were: it leaves no mark.
pub(in crate::store) fn stay(
    database: Held,
    path: &Path,
    contents: Contents,
    told: UnboundedSender<Result<u64, Failure>>,
) -> Result<(Disk, Loaded), OpenError> {
    keeper(database, Place { file: path.to_owned(), folder: None, journal: None }, contents, told)
}

/// The store over the file at `path`, which [`create`] made: in no node's folder yet.
pub(in crate::store) fn alone(
    path: &Path,
    params: &Params,
    told: UnboundedSender<Result<u64, Failure>>,
) -> Result<Store, OpenError> {
    let database = open(path)?;
    let contents = contents(&database, path, params)?;
    let (disk, _) =
        keeper(database, Place { file: path.to_owned(), folder: None, journal: None }, contents, told)?;
    Ok(Store { keeper: Arc::new(disk) })
}

/// The keeper over an open database, of which `contents` were read.
fn keeper(
    database: Held,
    place: Place,
    contents: Contents,
    told: UnboundedSender<Result<u64, Failure>>,
) -> Result<(Disk, Loaded), OpenError> {
    let Contents { state, marks, loaded, .. } = contents;
    let path = place.file.clone();
    let disk = Disk::new(place, database, (state, marks), told);
    Ok((disk.map_err(|error| OpenError::Io { path, error })?, loaded))
}

fn unopened(trouble: Trouble, path: &Path) -> OpenError {
    match trouble {
        Trouble::Io(error) if !reach::is_about_content(&error) => {
            OpenError::Io { path: path.to_owned(), error }
        }
        trouble => OpenError::Damaged(trouble.damage(path)),
    }
}

pub(super) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(STORE_CACHE_BYTES);
    builder
}

/// A database over `backend`, which is empty or was one.
#[cfg(test)]
pub(in crate::store) fn open_backend(backend: impl redb::StorageBackend) -> Result<Held, OpenError> {
    guarded(|| Held::over(backend, &builder())).map_err(|trouble| unopened(trouble, Path::new("the disk")))
}

/// A store over it, made if it is empty, and with `journal` beside it.
#[cfg(test)]
pub(in crate::store) fn over_backend(
    database: Held,
    journal: impl redb::StorageBackend,
    params: &Params,
) -> Result<(Store, crate::store::Committed, Loaded), OpenError> {
    let path = Path::new("the disk");
    let node = NodeId::default();
    if owner(&database).is_err() {
        let made = guarded(|| initialise(&database, params, node));
        made.map_err(|trouble| unopened(trouble, path))?;
    }
    let replayed = guarded(|| journal::replay_of(&database, &journal));
    replayed.map_err(|trouble| unopened(trouble, path))?;
    let contents = contents(&database, path, params)?;
    let (told, committed) = tokio::sync::mpsc::unbounded_channel();
    let key = guarded(|| journal::key(&database)).map_err(|trouble| unopened(trouble, path))?;
    let journal = key.map(|key| Journal::over(Box::new(journal), key)).transpose();
    let journal = journal.map_err(|trouble| unopened(trouble, path))?;
    let place = Place { file: path.to_owned(), folder: None, journal };
    let (disk, loaded) = keeper(database, place, contents, told)?;
    Ok((Store { keeper: Arc::new(disk) }, crate::store::Committed(committed), loaded))
}

/// As a build left it that did not know of [`meta::ROOM`].
#[cfg(test)]
pub(in crate::store) fn forget_room(database: &Held) {
    let transaction = database.begin_write().expect("a file");
    transaction.open_table(META).expect("a table").remove(meta::ROOM).expect("a row");
    transaction.commit().expect("committed");
}

/// Puts genesis and the owner into a new database.
pub(super) fn initialise(database: &Database, params: &Params, node: NodeId) -> Result<(), Trouble> {
    let genesis = StoredBlock::from(params.genesis());
    let transaction = database.begin_write()?;
    {
        let mut table = transaction.open_table(META)?;
        table.insert(meta::FORMAT, &FORMAT.to_le_bytes()[..])?;
        table.insert(meta::NETWORK, &params.network().0[..])?;
        table.insert(meta::RULES, params.rules().to_string().as_bytes())?;
        table.insert(meta::NODE, &node.0[..])?;
        table.insert(meta::KEY, &journal::fresh_key()?[..])?;
        table.insert(meta::ROOM, &[1][..])?;
        table.insert(meta::TIP, &genesis.hash.0[..])?;
        table.insert(meta::COMMITS, &1u64.to_le_bytes()[..])?;
        table.insert(meta::BYTES, &(genesis.encoded.len() as u64).to_le_bytes()[..])?;
        table.insert(meta::INDEXED, &1u64.to_le_bytes()[..])?;
        transaction.open_table(HEADERS)?.insert(0, &params.genesis().header.to_bytes())?;
        transaction.open_table(BLOCKS)?.insert(0, &genesis.encoded[..])?;
        transaction.open_table(WAITING)?;
        let mut index = transaction.open_table(INDEX)?;
        for place in places(0, &genesis.encoded) {
            index.insert(place, ())?;
        }
    }
    Ok(transaction.commit()?)
}

/// Whose file it is.
pub(super) fn owner(database: &Database) -> Result<Owner, Trouble> {
    guarded(|| {
        let table = database.begin_read()?.open_table(META)?;
        Ok(Owner {
            format: number(&table, meta::FORMAT)?,
            network: value(&table, meta::NETWORK)?,
            rules: String::from_utf8_lossy(&value(&table, meta::RULES)?).into_owned(),
            node: NodeId(sized(&table, meta::NODE)?),
        })
    })
}

/// Reads what a start needs of a file whose owner was looked at.
pub(super) fn contents(database: &Database, path: &Path, params: &Params) -> Result<Contents, Damage> {
    guarded(|| {
        let read = database.begin_read()?;
        let (headers, blocks) = (read.open_table(HEADERS)?, read.open_table(BLOCKS)?);
        let Meta { tip, commits, bytes, indexed } = Meta::read(database)?;
        let mut contents = Contents {
            key: journal::key(database)?,
            state: State { bytes, ..State::default() },
            marks: Marks { commits, tip, bytes, ..Marks::default() },
            loaded: Loaded { headers: Vec::new(), tip, waiting: Vec::new() },
        };
        for row in headers.iter()? {
            let (at, header) = row?;
            contents.take_header(at.value(), &Header::from_bytes(header.value()), params)?;
        }
        // A number below the mark is not given again, though its block be forgotten: the mark says that it
        // is in the index.
        contents.state.next = contents.state.next.max(indexed);
        if headers.get(0)?.is_none() {
            return Err(Trouble::Damaged("its first block is missing".to_owned()));
        }
        let (last_header, last_block) = (headers.last()?, blocks.last()?);
        let last = (last_header.map(|row| row.0.value()), last_block.map(|row| row.0.value()));
        if last.0 != last.1 || headers.len()? != blocks.len()? {
            return Err(Trouble::Damaged("it does not have as many blocks as headers".to_owned()));
        }
        for row in blocks.iter()?.rev().take(VERIFIED_AT_START) {
            let (at, encoded) = row?;
            let header = headers.get(at.value())?.map(|header| Header::from_bytes(header.value()));
            let missing = || Trouble::Damaged(format!("block number {} has no header", at.value()));
            verified(encoded.value(), &header.ok_or_else(missing)?.hash()).map_err(Trouble::Damaged)?;
        }
        for row in read.open_table(WAITING)?.iter()? {
            let (at, row) = row?;
            let (id, transaction) = waiting(row.value()).map_err(Trouble::Damaged)?;
            contents.marks.note_waiting(id, at.value());
            contents.loaded.waiting.push(transaction);
        }
        for row in blocks.range(indexed..)? {
            let (at, encoded) = row?;
            contents.state.unindexed.extend(places(at.value(), encoded.value()));
        }
        Ok(contents)
    })
    .map_err(|trouble| trouble.damage(path))
}

impl Contents {
    fn take_header(&mut self, at: u64, header: &Header, params: &Params) -> Result<(), Trouble> {
        let hash = header.hash();
        if at == 0 {
            if hash != params.genesis_hash() {
                return Err(Trouble::Damaged("its first block is not the network's".to_owned()));
            }
        } else {
            // What was changed since it was stored hardly meets its target any more.
            let target = header.bits.to_target().ok();
            if !target.is_some_and(|target| target.is_met_by(&hash)) {
                return Err(Trouble::Damaged(format!("header number {at} is not one that was stored")));
            }
            self.loaded.headers.push(*header);
        }
        self.state.put(&hash, at);
        self.state.next = at + 1;
        Ok(())
    }
}
