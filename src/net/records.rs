//! Which other nodes a node knows, and which misbehaved, written down: when that changes, at most every few seconds, and
//! at the end; soon, when somebody is kept out, who should not be forgiven because the node was killed. Not the chain
//! and not the pool, which are the store's.

use core::time::Duration;
use std::sync::Arc;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use crate::net::names::Names;
use crate::node::view::{self, KnownAddress, View};
use crate::store::{Ban, Folder, Peer};
use crate::time::UnixTime;

/// How often it is looked whether anything changed.
const PERIOD: Duration = Duration::from_secs(10);

/// How soon, when that should not wait: what comes at once is written at once.
const SOON: Duration = Duration::from_millis(200);

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
    /// When it is looked next.
    due: Instant,
    /// Writes down what changed last: one at a time, as all go by way of one file.
    writing: Option<JoinHandle<()>>,
    /// What these stand for comes of being looked up, and is not written down to be dialled.
    names: Names,
}

impl Records {
    /// In `folder`, where `written` is what it holds already; nowhere, without one.
    pub(super) fn new(folder: Option<Arc<Folder>>, written: Written, names: Names) -> Records {
        Records { folder, written, names, due: Instant::now(), writing: None }
    }

    /// When it is to be looked whether anything changed.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Something changed that should not wait.
    pub(super) fn hurry(&mut self) {
        self.due = self.due.min(Instant::now() + SOON);
    }

    /// Writes down what has changed; while the disk is still at the last time, a moment later.
    pub(super) fn look(&mut self, view: &View<'_>) {
        let is_idle = self.writing.as_ref().is_none_or(JoinHandle::is_finished);
        self.due = Instant::now() + if is_idle { PERIOD } else { SOON };
        if is_idle {
            self.writing = self.change(view).map(spawn_blocking);
        }
    }

    /// Waits until nothing is being written.
    pub(super) async fn settle(&mut self) {
        if let Some(writing) = &mut self.writing {
            let _ = writing.await;
        }
        self.writing = None;
    }

    /// What is to be done to write down what has changed: nothing, mostly. It waits for the disk.
    fn change(&mut self, view: &View<'_>) -> Option<impl FnOnce() + Send + 'static> {
        let folder = self.folder.clone()?;
        let now = Written {
            peers: view.addresses().into_iter().filter_map(|known| self.peer(known)).collect(),
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

    fn peer(&self, known: KnownAddress) -> Option<Peer> {
        let is_named = known.dial && self.names.stand_for(&known.address);
        let is_met = known.node.is_some() || known.reached.is_some();
        (is_met || !is_named).then(|| Peer {
            node: known.node.map(|node| node.to_string()),
            address: known.address,
            dial: known.dial && !is_named,
            reached: known.reached.map(UnixTime::secs),
        })
    }
}

fn ban(ban: view::Ban) -> Ban {
    Ban { host: ban.host, until: ban.until.secs(), why: ban.why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Config, Node, Remembered};
    use crate::params::Params;
    use crate::time::Now;
    use crate::types::NodeId;

    /// A disk that is slow: what changes meanwhile is written down afterwards, and at the end that is waited for.
    #[tokio::test]
    async fn one_write_follows_the_other() {
        let at = ([127, 0, 0, 1], 6000).into();
        let known = KnownAddress { node: None, address: at, dial: true, reached: None };
        let config = Config {
            remembered: Remembered { addresses: vec![known], ..Default::default() },
            ..Config::alone(NodeId([1; 16]), ([127, 0, 0, 1], 6001).into())
        };
        let mut node = Node::new(config, Arc::new(Params::regtest()), [1; 32]);
        node.start(Now { elapsed: Duration::ZERO, wall: UnixTime::default() });
        let place = tempfile::tempdir().expect("a folder");
        let folder = Arc::new(Folder::take(place.path()).expect("nobody else is there"));
        let mut records = Records::new(Some(folder), Written::default(), Names::default());
        let (done, disk) = std::sync::mpsc::channel::<()>();
        records.writing = Some(spawn_blocking(move || {
            let _ = disk.recv();
        }));
        records.look(&node.view());
        assert_eq!(records.written, Written::default(), "it is not written down yet");
        let settled = tokio::time::timeout(Duration::ZERO, records.settle()).await;
        assert!(settled.is_err(), "the disk is not done");
        drop(done);
        records.settle().await;
        records.look(&node.view());
        records.settle().await;
        assert_eq!(records.written.peers.len(), 1);
        assert!(place.path().join("peers.json").exists());
    }
}
