//! What goes wrong with a store, by what follows from it: a folder that cannot be opened, a commit that
//! failed, a value that is not what was stored.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::text::quoted;

/// Something in the store is not what was put there. It is never handed out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is damaged: {what}", path.display())]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong, and where in it.
    pub what: String,
}

impl Damage {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let folder = folder_of(&self.path);
        format!("stop the node, then `p2pnode verify {folder}` says what is damaged, and how to repair it")
    }
}

/// The folder of the file at `path`, as it is typed in a command.
fn folder_of(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    quoted(&folder.to_string_lossy())
}

/// Why a commit failed. Nothing of it is there, and nothing is committed after it: the node has to stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There is no room for it.
    #[error("no space for {}: {free} bytes are free, and {needed} are to stay free", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that must be free.
        needed: u64,
    },
    /// The system would not write it.
    #[error("{} cannot be written: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: String,
    },
    /// What is there already is not what was put there.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

impl Failure {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Failure::Full { .. } => "free some space and start the node again: nothing that was \
                                     acknowledged is lost"
                .to_owned(),
            Failure::Io { .. } => {
                "check the disk and the folder's permissions, then start the node again".to_owned()
            }
            Failure::Damaged(damage) => damage.hint(),
        }
    }
}

/// Why a folder cannot be opened. Nothing that is stored in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no node's file in it.
    #[error("no node has kept anything in {}", folder.display())]
    Nothing {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process has it: a node, or a command that works on it.
    #[error("the folder {} is in use by another node or command", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error("{} has format {found}, and this version knows {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// It is of another network.
    #[error("{} holds the chain of another network: {theirs}, not {ours}", path.display())]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// Its network's rules.
        theirs: String,
        /// The rules asked for.
        ours: String,
    },
    /// Files beside the chain are there, the chain is not.
    #[error("{} is missing, and the files beside it say that there was one", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The record and the chain are not of the same node.
    #[error("{} and {} are of different nodes ({named} and {stored})", record.display(), chain.display())]
    Mixed {
        /// The record.
        record: PathBuf,
        /// The chain.
        chain: PathBuf,
        /// The node that the record names.
        named: String,
        /// The node whose chain it is.
        stored: String,
    },
    /// What is there is not what was stored.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The system would not have it.
    #[error("{} cannot be used: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

impl OpenError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            OpenError::Nothing { .. } => {
                "name the folder that holds chain.redb, as it was given with --data-dir".to_owned()
            }
            OpenError::Locked { .. } => {
                "stop that node or wait for that command, or give this one a folder of its own with --data-dir, or --ephemeral"
                    .to_owned()
            }
            OpenError::Newer { .. } => {
                "use the version that wrote it, or another folder with --data-dir".to_owned()
            }
            OpenError::OtherNetwork { .. } => "give the flags of that network (--network, --difficulty, \
                                               --block-time), or another folder with --data-dir"
                .to_owned(),
            OpenError::Missing { path } => {
                let folder = folder_of(path);
                format!(
                    "put the file back; if it is lost, `p2pnode verify {folder} --repair` (and the flags \
                     of its network) makes an empty one, for the same node where node.json says which"
                )
            }
            OpenError::Mixed { record, .. } => format!(
                "put back the file that belongs there, or remove {}, which is written again",
                record.display()
            ),
            OpenError::Damaged(damage) if damage.path.extension().is_some_and(|end| end == "json") => {
                format!("remove {}: it is written again", damage.path.display())
            }
            OpenError::Damaged(damage) => damage.hint(),
            OpenError::Io { error, .. } if error.kind() == ErrorKind::PermissionDenied => {
                "give this user the folder, or name another with --data-dir".to_owned()
            }
            OpenError::Io { error, .. }
                if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
            {
                "free some space and try again: nothing that was acknowledged is lost".to_owned()
            }
            OpenError::Io { .. } => "name another folder with --data-dir, or use --ephemeral".to_owned(),
        }
    }
}
