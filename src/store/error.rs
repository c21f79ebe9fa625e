//! What goes wrong with a store, by what follows from it: a folder that cannot be opened, a commit that
//! failed, a value that is not what was stored.

use std::path::PathBuf;

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
        let folder = self.path.parent().unwrap_or(&self.path).display();
        format!("stop the node, then `p2pnode verify {folder}` says what is damaged, and how to repair it")
    }
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
