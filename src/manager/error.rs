//! Why there is no network, or none any more.

use std::io;
use std::path::PathBuf;

use crate::manager::child::NotStarted;
use crate::manager::key::KeyError;
use crate::manager::names::{Name, several};
use crate::types::NodeId;

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
    /// Two nodes have one name.
    #[error("nodes {} and {} are one node, {node}: the folder of one is a copy of the other's", Name(*first), Name(*second))]
    Twins {
        /// One of them.
        first: usize,
        /// The other.
        second: usize,
        /// Their name.
        node: NodeId,
        /// The other's folder.
        folder: PathBuf,
    },
    /// Not all links are up in time.
    #[error("{} of {expected} links did not come up: {}", missing.len(), pairs(missing))]
    Links {
        /// How many there should be.
        expected: usize,
        /// Those that are not, each as (who dials, who is dialled).
        missing: Vec<(usize, usize)>,
    },
    /// Somebody stopped the network before it was up.
    #[error("the network was stopped while it started")]
    Stopped {
        /// Whether its processes were not waited for.
        at_once: bool,
    },
    /// A network ran and has ended, and the one that was wanted in its place could not be started.
    #[error("{0}")]
    Renewed(Box<Error>),
    /// The signals of the operating system cannot be heard.
    #[error("signals cannot be caught: {0}")]
    Signals(io::Error),
}

/// Pairs shown of those that are missing.
const PAIRS: usize = 10;

/// Reasons shown of those for which nodes are missing.
const REASONS: usize = 10;

/// Each reason once, with the nodes that it keeps away.
fn list(missing: &[(usize, NotStarted)]) -> String {
    let mut reasons: Vec<(String, Vec<usize>)> = Vec::new();
    for (node, why) in missing {
        let why = why.to_string();
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, nodes)) => nodes.push(*node),
            None => reasons.push((why, vec![*node])),
        }
    }
    let shown = reasons.iter().take(REASONS).enumerate();
    let mut text: String = shown
        .map(|(nth, (why, nodes))| {
            let between = if nth == 0 { "; " } else { "\n  " };
            let node = if nodes.len() == 1 { "node" } else { "nodes" };
            format!("{between}{node} {}: {why}", several(nodes))
        })
        .collect();
    let left: usize = reasons.iter().skip(REASONS).map(|(_, nodes)| nodes.len()).sum();
    if left > 0 {
        text.push_str(&format!("\n  and {left} more"));
    }
    text
}

fn pairs(missing: &[(usize, usize)]) -> String {
    let mut shown: Vec<String> =
        missing.iter().take(PAIRS).map(|(from, to)| format!("{}-{}", Name(*from), Name(*to))).collect();
    if missing.len() > PAIRS {
        shown.push("…".to_owned());
    }
    shown.join(" ")
}

impl Error {
    /// Whether nodes began, and their logs say more of what became of them.
    pub fn has_logs(&self) -> bool {
        let says_more = |why: &NotStarted| match why {
            NotStarted::Died { lines, .. } => !lines.is_empty(),
            NotStarted::Control(_) | NotStarted::Late => true,
            NotStarted::Program { .. } | NotStarted::Log { .. } | NotStarted::Occupied(_) => false,
            NotStarted::Refused { .. } | NotStarted::Stranger(_) => false,
        };
        match self {
            Error::Links { .. } | Error::Stopped { .. } => true,
            Error::Renewed(error) => error.has_logs(),
            Error::Nodes { missing, .. } => missing.iter().any(|(_, why)| says_more(why)),
            _ => false,
        }
    }

    /// Whether somebody did not want to wait for its processes.
    pub fn is_interruption(&self) -> bool {
        match self {
            Error::Stopped { at_once } => *at_once,
            Error::Renewed(error) => error.is_interruption(),
            _ => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Error::Folder { .. } => "choose another place with --data-dir".to_owned(),
            Error::Locked(_) => {
                "stop it with `networkmngr down`, or choose another folder with --data-dir".to_owned()
            }
            Error::Key(error) => error.hint(),
            Error::Port { port, error } if error.kind() == io::ErrorKind::AddrInUse => {
                format!("another program uses port {port}: stop it, or choose another with --port (0: any)")
            }
            Error::Port { .. } => "choose another port with --port".to_owned(),
            Error::Nodes { missing, .. } => missing.first().map(|(_, why)| why.hint()).unwrap_or_default(),
            Error::Twins { folder, .. } => format!(
                "move {} away: a new node begins there, and gets the chain from the others",
                folder.display()
            ),
            Error::Links { .. } => {
                "the nodes' logs say more; start fewer nodes (--amount), or keep them as they are with --keep"
                    .to_owned()
            }
            Error::Renewed(error) => error.hint(),
            Error::Stopped { .. } => String::new(),
            Error::Signals(_) => "this should not happen: please report it".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manager::exit::Exit;

    #[test]
    fn a_reason_is_said_once_for_all_nodes_that_it_keeps_away() {
        let died = |node: usize, code| {
            let log = PathBuf::from(format!("logs/node-{node:03}.log"));
            (node, NotStarted::Died { exit: Exit::Code(code), log, lines: vec!["no".to_owned()] })
        };
        let missing = [died(0, 1), died(1, 1), died(2, 1), (4, NotStarted::Late), died(5, 1), died(9, 65)];
        let error = Error::Nodes { there: 4, wanted: 10, missing: missing.into() };
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().collect();
        let lines: Vec<&str> = lines.into_iter().filter(|line| *line != "    | no").collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].starts_with("4 of 10 nodes are there; nodes A B C F: "), "{text}");
        assert!(lines[1].starts_with("  node E: not ready within"), "{text}");
        assert!(lines[2].starts_with("  node J: "), "{text}");
        assert_eq!(error.hint(), "its log may say more: logs/node-000.log");
    }
}
