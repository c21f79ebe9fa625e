//! A new chain file for a node whose own is damaged: `p2pnode verify --repair`. It holds what of the old one
//! is whole and hangs together; the rest comes from peers again. The old file is set aside, never deleted.
//! The new one is made beside its place and put there in one step, so a crash leaves the old or the new one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::chain::{Chain, HeaderOutcome, Tip};
use crate::file::{beside, sync_folder_of};
use crate::limits::MAX_COMMIT_BYTES;
use crate::params::Params;
use crate::store::disk::reach::{encoded, look as look_at};
use crate::store::disk::verify::{Good, Scan};
use crate::store::folder::{CHAIN_FILE, CHECKPOINT_FILE};
use crate::store::open::make;
use crate::store::verify::{Looked, Report, look, take};
use crate::store::{Batch, Committed, Damage, Failure, OpenError, Progress, Store, StoredBlock, disk};
use crate::time::UnixTime;
use crate::types::{BlockHash, NodeId};

/// What a repair did.
#[derive(Debug)]
pub struct Repaired {
    /// What was found before it.
    pub report: Report,
    /// What it did, if there was anything to do.
    pub made: Option<Made>,
}

/// A chain file made anew.
#[derive(Debug)]
pub struct Made {
    /// The node whose it is.
    pub node: NodeId,
    /// Blocks in it, genesis included.
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
    let folder = take(path)?;
    let Looked { report, scan } = look(&folder, params, progress)?;
    if report.findings.is_empty() {
        return Ok(Repaired { report, made: None });
    }
    let node = report.node.unwrap_or(fresh);
    let chain = folder.file(CHAIN_FILE);
    let new = beside(&chain);
    let (blocks, tip) = kept(scan.as_ref(), params);
    make(&new, params, node)?;
    if let Some(scan) = &scan {
        fill(&new, &chain, params, &blocks, tip.hash, scan)?;
    }
    let mut aside = Vec::new();
    // A checkpoint of the old file is none of the new one, and goes before that comes.
    let others = report.findings.iter().map(|damage| damage.path.clone());
    let others = others.chain([folder.file(CHECKPOINT_FILE)]).filter(|path| *path != chain);
    for path in others {
        aside.extend(set_aside(&path, |from, to| fs::rename(from, to))?);
    }
    // The old file keeps its place until the new one takes it.
    aside.extend(set_aside(&chain, |from, to| fs::hard_link(from, to).or_else(|_| fs::rename(from, to)))?);
    let failed = |error| OpenError::Io { path: new.clone(), error };
    fs::rename(&new, &chain).and_then(|()| sync_folder_of(&chain)).map_err(failed)?;
    let waiting = scan.as_ref().map_or(0, |scan| scan.waiting.len() as u64);
    let made = Made { node, blocks: blocks.len() as u64 + 1, waiting, tip, aside };
    Ok(Repaired { report, made: Some(made) })
}

/// Which blocks hang on genesis without a gap, parents first, and the tip among them with the most work.
fn kept(scan: Option<&Scan>, params: &Arc<Params>) -> (Vec<Good>, Tip) {
    // No clock says that a stored block is from the future.
    let any_time = UnixTime::from_millis(u64::MAX);
    let mut chain = Chain::new(params.clone());
    let mut open: Vec<Good> = scan.map(|scan| scan.good.clone()).unwrap_or_default();
    open.retain(|good| good.number > 0);
    let all = open.clone();
    loop {
        let before = open.len();
        open.retain(|good| match chain.import_header(&good.header, any_time) {
            HeaderOutcome::New => {
                let hash = good.header.hash();
                if chain.get(&hash).is_some_and(|entry| entry.height != good.claimed) {
                    chain.reject(&hash);
                }
                false
            }
            HeaderOutcome::MissingParent => true,
            HeaderOutcome::Known | HeaderOutcome::TooEarly { .. } | HeaderOutcome::Invalid(_) => false,
        });
        if open.len() == before {
            break;
        }
    }
    let height = |good: &Good| {
        let entry = chain.get(&good.header.hash()).filter(|entry| !entry.invalid)?;
        Some((entry.height, good.number))
    };
    let mut kept: Vec<((u64, u64), Good)> =
        all.into_iter().filter_map(|good| Some((height(&good)?, good))).collect();
    kept.sort_unstable_by_key(|(place, _)| *place);
    (kept.into_iter().map(|(_, good)| good).collect(), chain.best_header())
}

/// Copies `blocks` and what waits from the file `old` into the file `new`.
fn fill(
    new: &Path,
    old: &Path,
    params: &Params,
    blocks: &[Good],
    tip: BlockHash,
    scan: &Scan,
) -> Result<(), OpenError> {
    let damaged = |what: String| Damage { path: old.to_owned(), what };
    let (told, committed) = mpsc::unbounded_channel();
    let (store, mut committed) = (disk::load::alone(new, params, told)?, Committed(committed));
    let mut batch = Batch::empty(params.genesis_hash());
    batch.waiting = scan.waiting.clone();
    let mut bytes = 0;
    let source = (!blocks.is_empty()).then(|| look_at(old)).transpose().map_err(damaged)?;
    for good in blocks {
        let hash = good.header.hash();
        let read = source.as_ref().and_then(|source| encoded(source, good.number));
        let read = read.ok_or_else(|| damaged(format!("the block {hash} cannot be read again")))?;
        let block = disk::verified(&read, &hash).map_err(damaged)?;
        bytes += read.len();
        batch.tip = hash;
        batch.blocks.push(StoredBlock::from(&block));
        if bytes >= MAX_COMMIT_BYTES {
            let next = Batch { seq: batch.seq + 1, ..Batch::empty(hash) };
            commit(&store, &mut committed, core::mem::replace(&mut batch, next))?;
            bytes = 0;
        }
    }
    batch.tip = tip;
    commit(&store, &mut committed, batch)?;
    store.close();
    Ok(())
}

fn commit(store: &Store, committed: &mut Committed, batch: Batch) -> Result<(), OpenError> {
    store.submit(batch);
    match committed.settle() {
        Ok(_) => Ok(()),
        Err(Failure::Damaged(damage)) => Err(damage.into()),
        Err(Failure::Full { path, .. }) => {
            Err(OpenError::Io { path, error: io::ErrorKind::StorageFull.into() })
        }
        Err(Failure::Io { path, error }) => Err(OpenError::Io { path, error: io::Error::other(error) }),
    }
}

/// Gives the file another name, the first of `NAME.damaged-1`, `-2`, … that is free; none if it is not there.
fn set_aside(
    path: &Path,
    put: impl Fn(&Path, &Path) -> io::Result<()>,
) -> Result<Option<PathBuf>, OpenError> {
    if !path.exists() {
        return Ok(None);
    }
    let name = path.as_os_str().to_owned();
    let names = (1u64..).map(|nth| {
        let mut name = name.clone();
        name.push(format!(".damaged-{nth}"));
        PathBuf::from(name)
    });
    let Some(to) = names.into_iter().find(|name| !name.exists()) else { return Ok(None) };
    put(path, &to).map_err(|error| OpenError::Io { path: path.to_owned(), error })?;
    Ok(Some(to))
}
