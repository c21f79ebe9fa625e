//! Opening a node's folder: a new one is made so that a crash at any moment leaves none or a whole one; an
//! old one is looked at closely before anything is believed, and nothing is ever made anew over data.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::file::{beside, sync_folder_of};
use crate::params::Params;
use crate::store::disk::FORMAT;
use crate::store::disk::load::Owner;
use crate::store::folder::{Ban, CHAIN_FILE, Folder, NODE_FILE, Peer};
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
pub fn open(path: &Path, params: &Params, fresh: NodeId) -> Result<Opened, OpenError> {
    let folder = Folder::take(path)?;
    let chain = folder.file(CHAIN_FILE);
    let record = folder.read_record()?;
    match fs::metadata(&chain) {
        Ok(found) if found.len() == 0 => {
            return Err(Damage { path: chain, what: "it is empty".to_owned() }.into());
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if folder.has_kept() {
                return Err(OpenError::Missing { path: chain });
            }
            create(&chain, params, fresh)?;
        }
        Err(error) => return Err(OpenError::Io { path: chain, error }),
    }
    let (database, owner) = disk::load::open(&chain)?;
    check_owner(&owner, &chain, params)?;
    if let Some(record) = record {
        let path = folder.file(NODE_FILE);
        if record.format > FORMAT {
            return Err(OpenError::Newer { path, found: record.format, known: FORMAT });
        }
        if record.node != owner.node.to_string() || record.network != params.network().to_string() {
            let (named, stored) = (record.node, owner.node.to_string());
            return Err(OpenError::Mixed { record: path, chain, named, stored });
        }
    }
    let (told, committed) = mpsc::unbounded_channel();
    let (disk, loaded) = disk::load::start(database, &chain, &folder, params, told)?;
    let (peers, bans) = (folder.read_peers(), folder.read_bans());
    Ok(Opened {
        store: Store { keeper: Arc::new(disk) },
        committed: Committed(committed),
        node: owner.node,
        loaded,
        peers,
        bans,
        folder,
    })
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

/// Whether this program may use what `owner` left.
pub(super) fn check_owner(owner: &Owner, chain: &Path, params: &Params) -> Result<(), OpenError> {
    let path = chain.to_owned();
    if owner.format > FORMAT {
        return Err(OpenError::Newer { path, found: owner.format, known: FORMAT });
    }
    if owner.format < FORMAT {
        return Err(Damage { path, what: format!("its format is {}", owner.format) }.into());
    }
    if owner.network != params.network().0 {
        let (theirs, ours) = (owner.rules.clone(), params.rules().to_string());
        return Err(OpenError::OtherNetwork { path, theirs, ours });
    }
    Ok(())
}
