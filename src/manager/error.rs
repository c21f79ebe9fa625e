//! Why there is no network, or none any more.

use std::io;
use std::path::PathBuf;

use crate::manager::child::NotStarted;
use crate::manager::key::KeyError;

/// What keeps a network from running, each with what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A folder or file of the network cannot be made.
    #[error("{} cannot be written: {error}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another manager works in the same folder.
    #[error("another network runs in {}", .0.display())]
    Locked(PathBuf),
    /// The manager's key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The manager's own port cannot be had.
    #[error("--port {port} cannot be used: {error}")]
    Port {
        /// Which.
        port: u16,
        /// What the system said.
        error: io::Error,
    },
    /// Not all nodes are there.
    #[error("{there} of {wanted} nodes are there{}", list(missing))]
    Nodes {
        /// How many are.
        there: usize,
        /// How many should be.
        wanted: usize,
        /// The others, by number, and what is wrong with each.
        missing: Vec<(usize, NotStarted)>,
    },
    /// Not all links are up in time.
    #[error("{} of {expected} links did not come up: {}", missing.len(), pairs(missing))]
    Links {
        /// How many there should be.
        expected: usize,
        /// Those that are not, each as (who dials, who is dialled).
        missing: Vec<(usize, usize)>,
    },
    /// The signals of the operating system cannot be heard.
    #[error("signals cannot be caught: {0}")]
    Signals(io::Error),
}

/// Pairs shown of those that are missing.
const PAIRS: usize = 10;

/// Nodes shown of those that are missing.
const NODES: usize = 10;

fn list(missing: &[(usize, NotStarted)]) -> String {
    let first = missing.iter().take(1).map(|(node, why)| format!("; node {node}: {why}"));
    let others = missing.iter().take(NODES).skip(1).map(|(node, why)| format!("\n  node {node}: {why}"));
    let mut text: String = first.chain(others).collect();
    if let Some(more) = missing.len().checked_sub(NODES).filter(|more| *more > 0) {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

fn pairs(missing: &[(usize, usize)]) -> String {
    let mut shown: Vec<String> =
        missing.iter().take(PAIRS).map(|(from, to)| format!("{from}-{to}")).collect();
    if missing.len() > PAIRS {
        shown.push("…".to_owned());
    }
    shown.join(" ")
}

impl Error {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Error::Folder { .. } => "choose another place with --data-dir".to_owned(),
            Error::Locked(_) => {
                "stop it (GET /shutdown/all), or choose another folder with --data-dir".to_owned()
            }
            Error::Key(error) => error.hint(),
            Error::Port { port, error } if error.kind() == io::ErrorKind::AddrInUse => {
                format!("another program uses port {port}: stop it, or choose another with --port (0: any)")
            }
            Error::Port { .. } => "choose another port with --port".to_owned(),
            Error::Nodes { missing, .. } => missing.first().map(|(_, why)| why.hint()).unwrap_or_default(),
            Error::Links { .. } => {
                "the nodes' logs say more; start fewer nodes (--amount), or keep them as they are with --keep"
                    .to_owned()
            }
            Error::Signals(_) => "this should not happen: please report it".to_owned(),
        }
    }
}
