//! The active chain out of a node's folder, while the node does not run. The folder is only read.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::{Writer, stored};
use crate::chain::{Chain, NotRestored, Tip};
use crate::params::Params;
use crate::store::folder::is_used;
use crate::store::open::{Looked, open_to_read};
use crate::store::{Damage, OpenError, Progress};

/// What was written.
#[derive(Debug)]
pub struct Exported {
    /// The end of the chain.
    pub tip: Tip,
    /// Bytes of its blocks.
    pub bytes: u64,
    /// Whether the folder was read without its lock: this is its chain as it was found.
    pub unlocked: bool,
}

/// Why a chain was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The folder cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is stored is no chain.
    #[error(transparent)]
    Chain(#[from] NotRestored),
    /// A block is not what was stored.
    #[error(transparent)]
    Damage(#[from] Damage),
    /// The chain file cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Writes the active chain that the node of the folder at `path` keeps to `output`. What is read is held
/// against its hash, so what is written is what was stored, or there is an error.
pub fn export(
    path: &Path,
    params: &Arc<Params>,
    output: impl Write,
    progress: Progress<'_>,
) -> Result<Exported, ExportError> {
    if !is_used(path) {
        return Err(OpenError::Nothing { folder: path.to_owned() }.into());
    }
    let Looked { store, loaded, folder } = open_to_read(path, params)?;
    let chain = Chain::restore(params.clone(), &loaded.headers, loaded.tip)?.chain;
    let (tip, all) = (chain.tip(), store.bytes());
    let mut writer = Writer::begin(output, params.rules())?;
    let mut bytes = 0;
    for height in 1..=tip.height {
        let hash = chain.active_at(height).ok_or(NotRestored::NoTip(tip.hash))?;
        let encoded = stored(&store, path, &hash)?;
        writer.block(&encoded)?;
        bytes += encoded.len() as u64;
        progress(bytes, all);
    }
    writer.end()?;
    Ok(Exported { tip, bytes, unlocked: !folder.is_locked() })
}
