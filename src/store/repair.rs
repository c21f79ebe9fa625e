//! A new chain file for a node whose own is damaged: `p2pnode verify --repair`. It holds what of the old one
//! is whole and hangs together; the rest comes from peers again. The old file is set aside, never deleted.
//! The new one is made beside its place and put there in one step, so a crash leaves the old or the new one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::chain::Tip;
use crate::file::{beside, sync_folder_of};
use crate::limits::MAX_COMMIT_BYTES;
use crate::params::Params;
use crate::store::disk::journal::beside as beside_tables;
use crate::store::disk::reach::{encoded, look as look_at};
use crate::store::disk::verify::{Good, Place, Scan};
use crate::store::folder::{CHAIN_FILE, CHECKPOINT_FILE, Folder, JOURNAL_FILE, asides};
use crate::store::kept::kept;
use crate::store::open::make;
use crate::store::verify::{Looked, Report, look, take};
use crate::store::{Batch, Committed, Damage, Failure, OpenError, Progress, Store, StoredBlock, disk};
use crate::types::{BlockHash, NodeId, TxId};

/// What a repair did.
#[derive(Debug)]
pub struct Repaired {
    /// What was found before it.
    pub report: Report,
    /// What it did, if there was anything to do.
    pub made: Option<Made>,
}

/// A folder made whole.
#[derive(Debug)]
pub struct Made {
    /// The node whose it is.
    pub node: NodeId,
    /// Blocks in its chain's file, genesis included.
    pub blocks: u64,
    /// Transactions in it that wait.
    pub waiting: u64,
    /// Its tip.
    pub tip: Tip,
    /// Damaged files, where they are now.
    pub aside: Vec<PathBuf>,
}

/// Looks at the folder at `path` and repairs it. A node whose id can be read nowhere becomes `fresh`.
pub fn repair(
    path: &Path,
    params: &Arc<Params>,
    fresh: NodeId,
    progress: Progress<'_>,
) -> Result<Repaired, OpenError> {
    let folder = take(path, Folder::take)?;
    let Looked { report, scan } = look(&folder, params, progress)?;
    if report.findings.is_empty() {
        return Ok(Repaired { report, made: None });
    }
    let node = report.node.unwrap_or(fresh);
    let chain = folder.file(CHAIN_FILE);
    let mut aside = Vec::new();
    let is_chain_damaged = report.findings.iter().any(|damage| damage.path == chain);
    // A chain that is whole stays, whatever is beside it.
    let made = match (is_chain_damaged, report.tip) {
        (false, Some(tip)) => {
            Made { node, blocks: report.blocks, waiting: report.waiting, tip, aside: vec![] }
        }
        _ => anew(&folder, scan.as_ref(), params, node)?,
    };
    let others = report.findings.iter().map(|damage| damage.path.clone());
    let others: BTreeSet<PathBuf> = others.filter(|path| *path != chain).collect();
    for path in others {
        aside.extend(set_aside(&path, |from, to| fs::rename(from, to))?);
    }
    aside.extend(made.aside);
    Ok(Repaired { report, made: Some(Made { aside, ..made }) })
}

/// Makes the chain's file anew, of what is whole, and puts it in its place.
fn anew(folder: &Folder, scan: Option<&Scan>, params: &Arc<Params>, node: NodeId) -> Result<Made, OpenError> {
    let chain = folder.file(CHAIN_FILE);
    let new = beside(&chain);
    let (blocks, tip) = kept(scan, params);
    let made = make(&new, params, node).and_then(|()| match scan {
        Some(scan) => fill(&new, &chain, params, &blocks, tip.hash, scan),
        None => Ok(0),
    });
    if made.is_err() {
        // Of no use, and perhaps what fills the disk.
        let _ = fs::remove_file(&new);
    }
    let waiting = made?;
    let mut aside = Vec::new();
    // The old file's checkpoint would say that the new one has lost something.
    aside.extend(set_aside(&folder.file(CHECKPOINT_FILE), |from, to| fs::rename(from, to))?);
    // The old file keeps its place until the new one takes it.
    aside.extend(set_aside(&chain, |from, to| fs::hard_link(from, to).or_else(|_| fs::rename(from, to)))?);
    let failed = |error| OpenError::Io { path: new.clone(), error };
    fs::rename(&new, &chain).and_then(|()| sync_folder_of(&chain)).map_err(failed)?;
    // Only now: the old tables without it may look whole. To the new ones it says nothing.
    aside.extend(set_aside(&folder.file(JOURNAL_FILE), |from, to| fs::rename(from, to))?);
    Ok(Made { node, blocks: blocks.len() as u64 + 1, waiting, tip, aside })
}

/// Copies `blocks` and what waits from the file `old` into the file `new`; how many transactions that are.
fn fill(
    new: &Path,
    old: &Path,
    params: &Params,
    blocks: &[Good],
    tip: BlockHash,
    scan: &Scan,
) -> Result<u64, OpenError> {
    let damaged = |what: String| Damage { path: old.to_owned(), what };
    let (told, committed) = mpsc::unbounded_channel();
    let (store, mut committed) = (disk::load::alone(new, params, told)?, Committed(committed));
    let mut batch = Batch::empty(params.genesis_hash());
    let active = active(blocks, tip);
    let mut waiting: BTreeSet<TxId> = scan.waiting.iter().map(|waiting| waiting.id).collect();
    let mut bytes = 0;
    let in_rows = blocks.iter().any(|good| good.place == Place::Row);
    let source = in_rows.then(|| look_at(old)).transpose().map_err(damaged)?;
    let open = |path: PathBuf| fs::File::open(&path).map_err(|error| OpenError::Io { path, error });
    let (bytes_of, journal) = (open(old.to_owned())?, open(beside_tables(old)).ok());
    let at = |file: &fs::File, offset, length| {
        let mut read = vec![0; length];
        file.read_exact_at(&mut read, offset).is_ok().then_some(read)
    };
    for good in blocks {
        let hash = good.header.hash();
        let read = match good.place {
            Place::Row => source.as_ref().and_then(|source| encoded(&source.database, good.number)),
            Place::Bytes(offset, length) => at(&bytes_of, offset, length),
            Place::Journal(offset, length) => journal.as_ref().and_then(|file| at(file, offset, length)),
        };
        let read = read.ok_or_else(|| damaged(format!("the block {hash} cannot be read again")))?;
        let block = disk::verified(&read, &hash).map_err(damaged)?;
        let stored = StoredBlock::from(&block);
        if active.contains(&hash) {
            // An old record of a journal may have it as waiting.
            for id in stored.ids.iter() {
                waiting.remove(id);
            }
        }
        bytes += read.len();
        batch.tip = hash;
        batch.blocks.push(stored);
        if bytes >= MAX_COMMIT_BYTES {
            let next = Batch { seq: batch.seq + 1, ..Batch::empty(hash) };
            commit(&store, &mut committed, core::mem::replace(&mut batch, next))?;
            bytes = 0;
        }
    }
    batch.tip = tip;
    let count = waiting.len() as u64;
    // In the order in which they came.
    batch.waiting = scan.waiting.iter().filter(|next| waiting.remove(&next.id)).cloned().collect();
    commit(&store, &mut committed, batch)?;
    store.close().map_err(not_made)?;
    Ok(count)
}

/// The blocks from the first after genesis up to `tip`.
fn active(blocks: &[Good], tip: BlockHash) -> BTreeSet<BlockHash> {
    let parents: BTreeMap<BlockHash, BlockHash> =
        blocks.iter().map(|good| (good.header.hash(), good.header.previous)).collect();
    let parent = |hash: &BlockHash| parents.get(hash).copied();
    core::iter::successors(Some(tip), parent).filter(|hash| parents.contains_key(hash)).collect()
}

fn commit(store: &Store, committed: &mut Committed, batch: Batch) -> Result<(), OpenError> {
    store.submit(batch);
    committed.settle().map_err(not_made)?;
    Ok(())
}

fn not_made(failure: Failure) -> OpenError {
    match failure {
        Failure::Damaged(damage) => damage.into(),
        Failure::Full { path, .. } => OpenError::Io { path, error: io::ErrorKind::StorageFull.into() },
        Failure::Io { path, error } => OpenError::Io { path, error: io::Error::other(error) },
    }
}

/// Gives the file another name, the first of `NAME.damaged-1`, `-2`, … that is free; none if it is not there.
fn set_aside(
    path: &Path,
    put: impl Fn(&Path, &Path) -> io::Result<()>,
) -> Result<Option<PathBuf>, OpenError> {
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    if !is_there(path) {
        return Ok(None);
    }
    let Some(to) = asides(path).find(|name| !is_there(name)) else { return Ok(None) };
    put(path, &to).map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    Ok(Some(to))
}
