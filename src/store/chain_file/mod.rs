//! A chain in one file: every block of an active chain after genesis, for backup, for another machine, and
//! for programs that read chains. docs/protocol.md, "The chain file", is the format.
//!
//! | file | concern |
//! |---|---|
//! | `write` | a chain to bytes, which are the same whoever writes them |
//! | `read` | bytes to blocks, strictly and one at a time |
//! | `export` | out of a node's folder |
//! | `import` | into one, held against every rule as if a peer had sent it |

mod export;
mod import;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use export::{ExportError, Exported, export};
pub use import::{ImportError, Imported, import};
pub use read::Reader;
pub use write::Writer;

use std::path::Path;

use bytes::Bytes;

use crate::chain::Rule;
use crate::encoding;
use crate::params::BadRules;
use crate::store::{CHAIN_FILE, Damage, Store, disk};
use crate::types::{Block, BlockHash};

/// How a chain file of this version begins.
const MAGIC: &[u8; 16] = b"p2pnode chain 1\n";
/// How one of any version begins.
const FAMILY: &[u8] = b"p2pnode chain ";

/// Why bytes are no chain file.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// It begins with something else.
    #[error("it is no chain file: it does not begin with \"p2pnode chain 1\"")]
    NotOne,
    /// A later version of this program wrote it.
    #[error("it is a chain file of a version that this program does not know")]
    Newer,
    /// The rules at its beginning cannot be read.
    #[error("the rules at its beginning cannot be read: {0}")]
    Rules(encoding::Error),
    /// They are no network's that this program knows.
    #[error(transparent)]
    Network(#[from] BadRules),
    /// It claims that something is larger than it may be.
    #[error("{what} after {after} whole blocks claims {claimed} bytes, and may have {max}")]
    TooLarge {
        /// What is so large.
        what: &'static str,
        /// Whole blocks until there.
        after: u64,
        /// What it claims.
        claimed: u32,
        /// What it may have.
        max: usize,
    },
    /// A block cannot be read.
    #[error("block {height} cannot be read: {error}")]
    Block {
        /// The block's height.
        height: u64,
        /// What is wrong with it.
        error: encoding::Error,
    },
    /// A block is not what may follow the blocks before it.
    #[error("block {height} breaks the rule {}: {rule}", rule.name())]
    Broken {
        /// The block's height.
        height: u64,
        /// The rule.
        rule: Rule,
    },
    /// It ends before its end.
    #[error("it ends after {blocks} whole blocks, in the middle of something")]
    Truncated {
        /// Whole blocks until there.
        blocks: u64,
    },
    /// It has another number of blocks than its end says.
    #[error("it has {found} blocks, and its end says {told}")]
    Count {
        /// Blocks in it.
        found: u64,
        /// What its end says.
        told: u64,
    },
    /// It is not what was written.
    #[error("it is damaged: its checksum is not the one at its end")]
    Checksum,
    /// Something follows its end.
    #[error("something follows its end")]
    TrailingBytes,
    /// The system could not read it.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
}

/// The canonical encoding of a block that the folder at `path` must have.
fn stored(store: &Store, path: &Path, hash: &BlockHash) -> Result<Bytes, Damage> {
    let missing = || Damage { path: path.join(CHAIN_FILE), what: format!("the block {hash} is missing") };
    store.read(hash)?.ok_or_else(missing)
}

/// The same block, decoded.
fn stored_block(store: &Store, path: &Path, hash: &BlockHash) -> Result<Block, Damage> {
    let encoded = stored(store, path, hash)?;
    disk::verified(&encoded, hash).map_err(|what| Damage { path: path.join(CHAIN_FILE), what })
}
