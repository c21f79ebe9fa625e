//! The file as the library sees it: one that stays readable when the system no longer takes writes.
//!
//! Once a write has failed, the library refuses reads as well. A node whose disk is full is to go on
//! answering what it has, so the library is not told: from the first refused write on nothing reaches the
//! file, which is left as a power cut at that moment would leave it, and what would have been written is kept
//! in memory for reads. The writer asks about refusals at each commit and commits nothing after one, so this
//! memory holds one commit and the close at most.
//!
//! The library also writes when it closes a file, by what the file itself says of its free pages; over a damaged
//! one that may end the process, and what is only looked at needs no closing. So a file can be cut off: nothing
//! reaches it any more, and the library is told so.

use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::StorageBackend;

use crate::store::disk::overlay::Written;

/// A backend behind which the first refused write is the last.
#[derive(Debug)]
pub(super) struct Shield {
    inner: Box<dyn StorageBackend>,
    way: Arc<RwLock<Way>>,
}

/// Knows whether a write was refused.
pub(super) struct Watch(Arc<RwLock<Way>>);

/// Whether what is written gets to the file.
#[derive(Debug)]
enum Way {
    /// It does.
    Open,
    /// The system refused a write.
    Refused(Refused),
    /// Nothing does any more, and nothing is read.
    CutOff,
}

/// A refused write, and what came since.
#[derive(Debug)]
struct Refused {
    kind: io::ErrorKind,
    error: String,
    written: Written,
}

impl Shield {
    /// Before `inner`, whose locks it does not use: the folder has one.
    pub(super) fn new(inner: impl StorageBackend) -> (Shield, Watch) {
        let way = Arc::new(RwLock::new(Way::Open));
        (Shield { inner: Box::new(inner), way: way.clone() }, Watch(way))
    }

    fn way(&self) -> RwLockReadGuard<'_, Way> {
        self.way.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn way_mut(&self) -> RwLockWriteGuard<'_, Way> {
        self.way.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `write`; if it is refused, or one was before, `keep` says what is to be known of it.
    fn attempt(
        &self,
        write: impl FnOnce() -> io::Result<()>,
        keep: impl FnOnce(&mut Written) -> io::Result<()>,
    ) -> io::Result<()> {
        let failed = match *self.way() {
            // Readers read meanwhile: a flush takes its time.
            Way::Open => match write() {
                Ok(()) => return Ok(()),
                Err(error) => Some(error),
            },
            Way::Refused(_) => None,
            Way::CutOff => return Err(cut_off()),
        };
        let mut way = self.way_mut();
        if let (Way::Open, Some(error)) = (&*way, failed) {
            let written = Written::over(self.inner.len()?);
            *way = Way::Refused(Refused { kind: error.kind(), error: error.to_string(), written });
        }
        match &mut *way {
            Way::Open => Ok(()),
            Way::Refused(refused) => keep(&mut refused.written),
            Way::CutOff => Err(cut_off()),
        }
    }
}

fn cut_off() -> io::Error {
    io::Error::other("nothing is to be read or written any more")
}

impl Watch {
    /// Fails if the system did not take a write: what was committed since is not on the disk.
    pub(super) fn check(&self) -> io::Result<()> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Way::Open => Ok(()),
            Way::Refused(refused) => Err(io::Error::new(refused.kind, refused.error.clone())),
            Way::CutOff => Err(cut_off()),
        }
    }

    /// From now on every operation fails.
    pub(super) fn cut_off(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Way::CutOff;
    }
}

impl StorageBackend for Shield {
    fn len(&self) -> io::Result<u64> {
        match &*self.way() {
            Way::Open => self.inner.len(),
            Way::Refused(refused) => Ok(refused.written.length()),
            Way::CutOff => Err(cut_off()),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &*self.way() {
            Way::Open => self.inner.read(offset, out),
            Way::Refused(refused) => {
                refused.written.read(offset, out, |offset, out| self.inner.read(offset, out))
            }
            Way::CutOff => Err(cut_off()),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let keep = |written: &mut Written| {
            written.set_len(len);
            Ok(())
        };
        self.attempt(|| self.inner.set_len(len), keep)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.attempt(|| self.inner.sync_data(), |_| Ok(()))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let below = |offset, out: &mut [u8]| self.inner.read(offset, out);
        self.attempt(|| self.inner.write(offset, data), |written| written.write(offset, data, below))
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
}
