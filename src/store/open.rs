//! Opening a node's folder: a new one is made so that a crash at any moment leaves none or a whole one; an
//! old one is looked at closely before anything is believed, and nothing is ever made anew over data.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::file::{beside, sync_folder_of};
use crate::params::Params;
use crate::store::disk::load::{Contents, Owner};
use crate::store::disk::{FIRST_FORMAT, FORMAT, Held};
use crate::store::folder::{Ban, CHAIN_FILE, Folder, NODE_FILE, Peer, Record, is_used};
use crate::store::{Committed, Damage, Loaded, OpenError, Store, disk};
use crate::types::NodeId;

/// A folder that was opened, and what was in it.
#[derive(Debug)]
pub struct Opened {
    /// The blocks.
    pub store: Store,
    /// What becomes of commits.
    pub committed: Committed,
    /// The node's id: the one it has had from the start.
    pub node: NodeId,
    /// Chain and pool.
    pub loaded: Loaded,
    /// The nodes it knew.
    pub peers: Vec<Peer>,
    /// The hosts that misbehaved.
    pub bans: Vec<Ban>,
    /// The folder.
    pub folder: Folder,
}

/// Opens the folder at `path` for the network `params`; a new one becomes the node `fresh`'s.
///
/// An old one is read before it is opened to be written: the library that keeps the chain leaves marks in a
/// file that it opens, and in one that is damaged they could cost what is still whole.
pub fn open(path: &Path, params: &Params, fresh: NodeId) -> Result<Opened, OpenError> {
    let folder = Folder::take(path)?;
    let chain = folder.file(CHAIN_FILE);
    if is_missing(&chain, &folder)? {
        create(&chain, params, fresh)?;
        folder.hold_chain()?;
    }
    let (database, node, contents) = read(&folder, &chain, params)?;
    drop(database);
    let (told, committed) = mpsc::unbounded_channel();
    let (disk, loaded) = disk::load::start(&chain, &folder, contents, told)?;
    let store = Store { keeper: Arc::new(disk) };
    let (peers, bans) = (folder.read_peers(), folder.read_bans());
    Ok(Opened { store, committed: Committed(committed), node, loaded, peers, bans, folder })
}

/// A folder that was opened to be read, and what was in it.
#[derive(Debug)]
pub(super) struct Looked {
    /// The blocks; what is submitted to it stays in memory.
    pub(super) store: Store,
    /// The chain.
    pub(super) loaded: Loaded,
    /// The folder.
    pub(super) folder: Folder,
}

/// Opens the folder at `path` of a node of the network `params` to read its chain: nothing in it is changed,
/// so that it may be on a medium that is read-only, or another user's.
pub(super) fn open_to_read(path: &Path, params: &Params) -> Result<Looked, OpenError> {
    let folder = Folder::take_to_read(path)?;
    let chain = folder.file(CHAIN_FILE);
    if is_missing(&chain, &folder)? {
        return Err(OpenError::Nothing { folder: path.to_owned() });
    }
    let (database, _, contents) = read(&folder, &chain, params)?;
    let (told, _) = mpsc::unbounded_channel();
    let (disk, loaded) = disk::load::stay(database, &chain, contents, told)?;
    Ok(Looked { store: Store { keeper: Arc::new(disk) }, loaded, folder })
}

/// Reads the chain's file without changing it; whose it is, and what a start needs of it.
fn read(folder: &Folder, chain: &Path, params: &Params) -> Result<(Held, NodeId, Contents), OpenError> {
    let record = folder.read_record()?;
    let (database, owner) = disk::load::open_to_read(chain)?;
    check_owner(&owner, chain, params)?;
    check_record(record, &owner, folder, params)?;
    let contents = disk::load::read(&database, chain, folder, params)?;
    Ok((database, owner.node, contents))
}

/// Whether there is no chain, and nothing that says there was one.
fn is_missing(chain: &Path, folder: &Folder) -> Result<bool, OpenError> {
    let path = chain.to_owned();
    match fs::metadata(chain) {
        Ok(found) if found.len() == 0 => Err(Damage { path, what: "it is empty".to_owned() }.into()),
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match is_used(folder.path()) {
            true => Err(OpenError::Missing { path }),
            false => Ok(true),
        },
        Err(error) => Err(OpenError::Io { path, error }),
    }
}

/// Whether the record, if there is one, is of the chain's owner.
fn check_record(
    record: Option<Record>,
    owner: &Owner,
    folder: &Folder,
    params: &Params,
) -> Result<(), OpenError> {
    let Some(record) = record else { return Ok(()) };
    let path = folder.file(NODE_FILE);
    check_format(record.format, &path)?;
    if record.node != owner.node.to_string() || record.network != params.network().to_string() {
        let (chain, named, stored) = (folder.file(CHAIN_FILE), record.node, owner.node.to_string());
        return Err(OpenError::Mixed { record: path, chain, named, stored });
    }
    Ok(())
}

/// Makes a new file beside its place, whole, and puts it there.
fn create(chain: &Path, params: &Params, node: NodeId) -> Result<(), OpenError> {
    let new = beside(chain);
    make(&new, params, node)?;
    let failed = |error| OpenError::Io { path: new.clone(), error };
    fs::rename(&new, chain).and_then(|()| sync_folder_of(chain)).map_err(failed)
}

/// Makes the file `new`, which is in no use; what a killed attempt left there goes.
pub(super) fn make(new: &Path, params: &Params, node: NodeId) -> Result<(), OpenError> {
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(OpenError::Io { path: new.to_owned(), error });
        }
        _ => {}
    }
    disk::load::create(new, params, node)
}

/// Whether this program knows what was written to `path` in the format `found`, unless that is damaged.
pub(super) fn check_format(found: u64, path: &Path) -> Result<(), OpenError> {
    if found > FORMAT {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: FORMAT });
    }
    Ok(())
}

/// Whether this program may use what `owner` left.
pub(super) fn check_owner(owner: &Owner, chain: &Path, params: &Params) -> Result<(), OpenError> {
    let path = chain.to_owned();
    check_format(owner.format, &path)?;
    if owner.format < FIRST_FORMAT {
        return Err(Damage { path, what: format!("its format is {}", owner.format) }.into());
    }
    if owner.network != params.network().0 {
        let (theirs, ours) = (owner.rules.clone(), params.rules().to_string());
        return Err(OpenError::OtherNetwork { path, theirs, ours });
    }
    Ok(())
}
