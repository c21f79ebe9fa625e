//! The file as the library sees it: one that stays readable when the system no longer takes writes.
//!
//! Once a write has failed, the library refuses reads as well. A node whose disk is full is to go on
//! answering what it has, so the library is not told: from the first refused write on nothing reaches the
//! file, which is left as a power cut at that moment would leave it, and what would have been written is kept
//! in memory for reads. The writer asks about refusals at each commit and commits nothing after one, so this
//! memory holds one commit and the close at most.

use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::StorageBackend;

use crate::store::disk::overlay::Written;

/// A backend behind which the first refused write is the last.
#[derive(Debug)]
pub(super) struct Shield {
    inner: Box<dyn StorageBackend>,
    refused: Arc<RwLock<Option<Refused>>>,
}

/// Knows whether a write was refused.
pub(super) struct Watch(Arc<RwLock<Option<Refused>>>);

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
        let refused = Arc::new(RwLock::new(None));
        (Shield { inner: Box::new(inner), refused: refused.clone() }, Watch(refused))
    }

    fn refused(&self) -> RwLockReadGuard<'_, Option<Refused>> {
        self.refused.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused_mut(&self) -> RwLockWriteGuard<'_, Option<Refused>> {
        self.refused.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `write`; if it is refused, or one was before, `keep` says what is to be known of it.
    fn attempt(
        &self,
        write: impl FnOnce() -> io::Result<()>,
        keep: impl FnOnce(&mut Written) -> io::Result<()>,
    ) -> io::Result<()> {
        let failed = match *self.refused() {
            // Readers read meanwhile: a flush takes its time.
            None => match write() {
                Ok(()) => return Ok(()),
                Err(error) => Some(error),
            },
            Some(_) => None,
        };
        let mut refused = self.refused_mut();
        if let (None, Some(error)) = (&*refused, failed) {
            let written = Written::over(self.inner.len()?);
            *refused = Some(Refused { kind: error.kind(), error: error.to_string(), written });
        }
        refused.as_mut().map_or(Ok(()), |refused| keep(&mut refused.written))
    }
}

impl Watch {
    /// Fails if the system did not take a write: what was committed since is not on the disk.
    pub(super) fn check(&self) -> io::Result<()> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(refused) => Err(io::Error::new(refused.kind, refused.error.clone())),
        }
    }
}

impl StorageBackend for Shield {
    fn len(&self) -> io::Result<u64> {
        match &*self.refused() {
            None => self.inner.len(),
            Some(refused) => Ok(refused.written.length()),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &*self.refused() {
            None => self.inner.read(offset, out),
            Some(refused) => refused.written.read(offset, out, |offset, out| self.inner.read(offset, out)),
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
