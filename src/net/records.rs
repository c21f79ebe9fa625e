//! Which other nodes a node knows, and which misbehaved, written down: when that changes, at most every few seconds, and at the
//! end. Not the chain and not the pool, which are the store's.

use core::time::Duration;
use std::sync::Arc;

use crate::node::view::{self, KnownAddress, View};
use crate::store::{Ban, Folder, Peer};
use crate::time::UnixTime;

/// How often it is looked whether anything changed.
pub(super) const PERIOD: Duration = Duration::from_secs(10);

/// What a node's files say of others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// Of `peers.json`.
    pub peers: Vec<Peer>,
    /// Of `bans.json`.
    pub bans: Vec<Ban>,
}

/// What is written down, and where.
pub(super) struct Records {
    folder: Option<Arc<Folder>>,
    written: Written,
}

impl Records {
    /// In `folder`, where `written` is what it holds already; nowhere, without one.
    pub(super) fn new(folder: Option<Arc<Folder>>, written: Written) -> Records {
        Records { folder, written }
    }

    /// What is to be done to write down what has changed: nothing, mostly. It waits for the disk.
    pub(super) fn change(&mut self, view: &View<'_>) -> Option<impl FnOnce() + Send + 'static> {
        let folder = self.folder.clone()?;
        let now = Written {
            peers: view.addresses().into_iter().map(peer).collect(),
            bans: view.bans().into_iter().map(ban).collect(),
        };
        let peers = (now.peers != self.written.peers).then(|| now.peers.clone());
        let bans = (now.bans != self.written.bans).then(|| now.bans.clone());
        if peers.is_none() && bans.is_none() {
            return None;
        }
        self.written = now;
        Some(move || {
            let peers = peers.map_or(Ok(()), |peers| folder.write_peers(&peers));
            let bans = bans.map_or(Ok(()), |bans| folder.write_bans(&bans));
            if let Err(error) = peers.and(bans) {
                tracing::warn!(%error, "what is known of other nodes could not be written down");
            }
        })
    }
}

fn peer(known: KnownAddress) -> Peer {
    Peer {
        node: known.node.map(|node| node.to_string()),
        address: known.address,
        dial: known.dial,
        reached: known.reached.map(UnixTime::secs),
    }
}

fn ban(ban: view::Ban) -> Ban {
    Ban { host: ban.host, until: ban.until.secs(), why: ban.why }
}
