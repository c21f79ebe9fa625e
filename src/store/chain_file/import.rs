//! A chain file into a node's folder, while the node does not run: adopted if it has strictly more work, as
//! if a peer had offered it.
//!
//! The file is read twice. First it is held against every rule by itself, so that one that is damaged or
//! lies changes nothing; then its blocks are stored as a sync would store them, a few megabytes at a time. A
//! kill in between leaves a folder that is whole, with the chain that has the most work of those in it, and the
//! pool that belongs to that chain.

use std::collections::BTreeSet;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{BadFile, Reader, stored, stored_block};
use crate::chain::{Chain, CheckedBlock, NotRestored, Outcome, Restored, Rule, Tip};
use crate::limits::{MAX_COMMIT_BYTES, MAX_POOL_BYTES, MAX_POOL_COUNT, MAX_SIDE_ENTRIES};
use crate::params::Params;
use crate::store::{
    Batch, Committed, Damage, Failure, OpenError, Opened, Progress, Store, StoredBlock, Waiting, open,
};
use crate::time::UnixTime;
use crate::types::{Block, NodeId, Transaction, TxId};

/// What came of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The file's chain is the active one now.
    Adopted {
        /// Where the chain ended before.
        before: Tip,
        /// Where it ends now.
        tip: Tip,
        /// Blocks that joined it.
        connected: u64,
        /// Blocks that left it.
        reverted: u64,
    },
    /// The file's chain is the folder's, or a beginning of it, and every block of it can be read. This is where
    /// the folder's ends.
    AlreadyThere(Tip),
    /// The file's chain is another one and has no more work: nothing was changed.
    NoMoreWork {
        /// Where the folder's ends.
        ours: Tip,
        /// Where the file's ends.
        offered: Tip,
    },
}

/// Why a chain was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is not one to import from.
    #[error(transparent)]
    File(#[from] BadFile),
    /// The folder cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What the folder holds is no chain.
    #[error(transparent)]
    Chain(#[from] NotRestored),
    /// A block of it is there, and is not what was stored.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] Failure),
}

/// Imports `file` into the folder at `path`; a new one becomes the node `fresh`'s. `now` is what no block may
/// be far ahead of. Progress is told in bytes, of twice the file's.
pub fn import<F: Read + Seek>(
    file: F,
    path: &Path,
    fresh: NodeId,
    now: UnixTime,
    progress: Progress<'_>,
) -> Result<Imported, ImportError> {
    import_beside(MAX_SIDE_ENTRIES, file, path, fresh, now, progress)
}

/// The same; in the end at most `cap` blocks are kept beside the active chain.
pub(super) fn import_beside<F: Read + Seek>(
    cap: usize,
    mut file: F,
    path: &Path,
    fresh: NodeId,
    now: UnixTime,
    progress: Progress<'_>,
) -> Result<Imported, ImportError> {
    let bytes = file.seek(SeekFrom::End(0)).map_err(BadFile::Io)?;
    file.rewind().map_err(BadFile::Io)?;
    let mut blocks = Reader::begin(BufReader::new(&mut file))?;
    let offered = check(&mut blocks, now, &mut |done| progress(done, 2 * bytes))?;
    let params = blocks.params().clone();
    let Opened { store, committed, loaded, folder: _lock, .. } = open(path, &params, fresh)?;
    let Restored { mut chain, orphans } = Chain::restore(params.clone(), &loaded.headers, loaded.tip)?;
    let ours = chain.tip();
    if chain.is_active(&offered.hash) {
        for height in 1..=offered.height {
            let hash = chain.active_at(height).ok_or(NotRestored::NoTip(offered.hash))?;
            stored(&store, path, &hash)?;
        }
        return Ok(Imported::AlreadyThere(ours));
    }
    if offered.work <= ours.work {
        return Ok(Imported::NoMoreWork { ours, offered });
    }
    file.rewind().map_err(BadFile::Io)?;
    let mut blocks = Reader::begin(BufReader::new(&mut file))?;
    let waiting = loaded.waiting.iter().map(Transaction::id).collect();
    let forget = orphans.into_iter().chain(chain.take_forgotten()).collect();
    let batch = Batch { forget, ..Batch::empty(ours.hash) };
    // A branch that outweighs ours in the end may be of any length until then.
    chain.set_cap(usize::MAX);
    let mut adoption = Adoption {
        path: path.to_owned(),
        params,
        store,
        committed,
        chain,
        before: ours,
        batch,
        bytes: 0,
        is_behind: false,
        waiting,
        returned: Vec::new(),
        gone: Vec::new(),
        now,
    };
    // By itself, because the file may bring them back.
    adoption.commit()?;
    let imported = adoption.adopt(&mut blocks, cap, &mut |done| progress(bytes + done, 2 * bytes))?;
    adoption.store.close()?;
    Ok(imported)
}

/// Holds a file against every rule; the tip of its chain.
fn check<R: Read>(
    blocks: &mut Reader<R>,
    now: UnixTime,
    progress: &mut dyn FnMut(u64),
) -> Result<Tip, BadFile> {
    let params = blocks.params().clone();
    let mut chain = Chain::new(params.clone());
    while let Some(block) = blocks.block()? {
        let broken = |rule| BadFile::Broken { height: blocks.blocks(), rule };
        let is_next = block.header.previous == chain.tip().hash;
        let block = CheckedBlock::check(block, &params).map_err(broken)?;
        taken(chain.import(&block, now)).map_err(broken)?;
        if !is_next {
            return Err(broken(Rule::Unlinked));
        }
        progress(blocks.bytes());
    }
    Ok(chain.tip())
}

/// Whether a block is in the tree now; which rule kept it out if not.
fn taken(outcome: Outcome) -> Result<(), Rule> {
    match outcome {
        Outcome::Imported { .. } | Outcome::Duplicate => Ok(()),
        Outcome::MissingParent => Err(Rule::Unlinked),
        Outcome::TooEarly { .. } => Err(Rule::TimeTooNew),
        Outcome::Invalid(rule) => Err(rule),
    }
}

/// A chain on its way into a folder.
struct Adoption {
    path: PathBuf,
    params: Arc<Params>,
    store: Store,
    committed: Committed,
    chain: Chain,
    /// Where it ended before.
    before: Tip,
    /// What the next commit takes.
    batch: Batch,
    /// Bytes of blocks in it.
    bytes: usize,
    /// Whether the commit before it is still on its way.
    is_behind: bool,
    /// What waits for a block once the new chain is the active one, as far as it is read.
    waiting: BTreeSet<TxId>,
    /// What the old branch held and waits again, and what the new one holds and waits no longer: for the commit
    /// that makes the new one active, and those after it. Until then a kill leaves the old one, with its pool.
    returned: Vec<Waiting>,
    gone: Vec<TxId>,
    now: UnixTime,
}

impl Adoption {
    /// Takes every block of the file, and keeps `cap` blocks beside them.
    fn adopt<R: Read>(
        &mut self,
        blocks: &mut Reader<R>,
        cap: usize,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Imported, ImportError> {
        let before = self.before;
        let mut fork = 0;
        while let Some(block) = blocks.block()? {
            let height = blocks.blocks();
            progress(blocks.bytes());
            if self.chain.is_active(&block.hash()) {
                fork = height;
                continue;
            }
            if fork + 1 == height {
                self.return_contents(fork, before.height)?;
            }
            self.take(block, height)?;
        }
        self.chain.set_cap(cap);
        self.batch.forget = self.chain.take_forgotten();
        self.commit()?;
        self.wait()?;
        let tip = self.chain.tip();
        Ok(Imported::Adopted { before, tip, connected: tip.height - fork, reverted: before.height - fork })
    }

    /// What the blocks above `fork` hold will wait again, unless the new chain has it, too: as much of it as
    /// a pool may hold, the newest first.
    fn return_contents(&mut self, fork: u64, end: u64) -> Result<(), ImportError> {
        let mut room = MAX_POOL_BYTES;
        for height in (fork + 1..=end).rev() {
            let Some(hash) = self.chain.active_at(height) else { continue };
            for transaction in stored_block(&self.store, &self.path, &hash)?.transactions.iter() {
                let waiting = Waiting::from(transaction);
                let is_content = matches!(transaction, Transaction::Content(_));
                let fits = waiting.encoded.len() <= room && self.waiting.len() < MAX_POOL_COUNT;
                if is_content && fits && self.waiting.insert(waiting.id) {
                    room -= waiting.encoded.len();
                    self.returned.push(waiting);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, block: Block, height: u64) -> Result<(), ImportError> {
        // Once more: nothing says that the file is still what it was when it was checked.
        let broken = |rule| BadFile::Broken { height, rule };
        let block = CheckedBlock::check(block, &self.params).map_err(broken)?;
        taken(self.chain.import(&block, self.now)).map_err(broken)?;
        let gone = block.ids().iter().filter(|id| self.waiting.remove(id));
        self.gone.extend(gone);
        self.bytes += block.encoded().len();
        self.batch.blocks.push(StoredBlock {
            hash: block.hash(),
            encoded: block.encoded().clone(),
            ids: block.ids().clone(),
        });
        if self.bytes >= MAX_COMMIT_BYTES {
            self.commit()?;
        }
        Ok(())
    }

    /// Begins a commit, once the one before it is done.
    fn commit(&mut self) -> Result<(), ImportError> {
        self.wait()?;
        let tip = self.chain.tip().hash;
        let next = Batch { seq: self.batch.seq + 1, ..Batch::empty(tip) };
        let mut batch = Batch { tip, ..core::mem::replace(&mut self.batch, next) };
        if tip != self.before.hash {
            batch.waiting = core::mem::take(&mut self.returned);
            batch.gone = core::mem::take(&mut self.gone);
        }
        self.store.submit(batch);
        self.bytes = 0;
        self.is_behind = true;
        Ok(())
    }

    fn wait(&mut self) -> Result<(), ImportError> {
        if core::mem::take(&mut self.is_behind) {
            self.committed.settle()?;
        }
        Ok(())
    }
}
