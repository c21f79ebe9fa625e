//! Bytes read from and written to peers: counted where they pass, read by whoever asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::node::io::ConnId;

/// Bytes of frames, theirs and ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bytes {
    /// Read.
    pub received: u64,
    /// Written.
    pub sent: u64,
}

#[derive(Debug, Default)]
struct Count {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Count {
    fn read(&self) -> Bytes {
        Bytes { received: self.received.load(Ordering::Relaxed), sent: self.sent.load(Ordering::Relaxed) }
    }
}

/// One connection's count, which adds to that of all.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter {
    own: Arc<Count>,
    all: Arc<Count>,
}

impl Meter {
    pub(super) fn received(&self, bytes: usize) {
        for count in [&self.own, &self.all] {
            count.received.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    pub(super) fn sent(&self, bytes: usize) {
        for count in [&self.own, &self.all] {
            count.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }
}

/// All connections' counts. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    open: Arc<Mutex<BTreeMap<ConnId, Meter>>>,
    all: Arc<Count>,
}

impl Traffic {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<ConnId, Meter>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn open(&self, conn: ConnId) -> Meter {
        let meter = Meter { own: Arc::default(), all: self.all.clone() };
        self.lock().insert(conn, meter.clone());
        meter
    }

    pub(super) fn close(&self, conn: ConnId) {
        self.lock().remove(&conn);
    }

    /// Of an open connection.
    pub fn of(&self, conn: ConnId) -> Option<Bytes> {
        self.lock().get(&conn).map(|meter| meter.own.read())
    }

    /// Of all connections since the start.
    pub fn total(&self) -> Bytes {
        self.all.read()
    }
}
