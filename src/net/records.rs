//! Which other nodes a node knows, written down: when that changes, at most every few seconds, and at the
//! end. Not the chain and not the pool, which are the store's.

use core::time::Duration;
use std::sync::Arc;

use crate::node::view::View;
use crate::store::{Folder, Peer};

/// How often it is looked whether anything changed.
pub(super) const PERIOD: Duration = Duration::from_secs(10);

/// What is written down, and where.
pub(super) struct Records {
    folder: Option<Arc<Folder>>,
    written: Vec<Peer>,
}

impl Records {
    /// In `folder`, where `written` is what it holds already; nowhere, without one.
    pub(super) fn new(folder: Option<Arc<Folder>>, written: Vec<Peer>) -> Records {
        Records { folder, written }
    }

    /// What is to be done to write down what has changed: nothing, mostly. It waits for the disk.
    pub(super) fn change(&mut self, view: &View<'_>) -> Option<impl FnOnce() + Send + 'static> {
        let folder = self.folder.clone()?;
        let peer = |known: crate::node::view::KnownAddress| Peer {
            node: known.node.map(|node| node.to_string()),
            address: known.address,
            dial: known.dial,
            reached: known.reached.map(crate::time::UnixTime::secs),
        };
        let peers: Vec<Peer> = view.addresses().into_iter().map(peer).collect();
        if peers == self.written {
            return None;
        }
        self.written.clone_from(&peers);
        Some(move || {
            if let Err(error) = folder.write_peers(&peers) {
                tracing::warn!(%error, "the known nodes could not be written down");
            }
        })
    }
}
