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
    /// Of the file as the library believes it to be.
    len: u64,
    /// In order: a later one covers an earlier one.
    writes: Vec<(u64, Vec<u8>)>,
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
        keep: impl FnOnce(&mut Refused),
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
            let (kind, error, len) = (error.kind(), error.to_string(), self.inner.len()?);
            *refused = Some(Refused { kind, error, len, writes: Vec::new() });
        }
        refused.as_mut().map(keep);
        Ok(())
    }
}

impl Watch {
    /// Why the system did not take a write, if there was one: what was committed since is not on the disk.
    pub(super) fn refusal(&self) -> Option<io::Error> {
        let refused = self.0.read().unwrap_or_else(PoisonError::into_inner);
        refused.as_ref().map(|refused| io::Error::new(refused.kind, refused.error.clone()))
    }
}

impl StorageBackend for Shield {
    fn len(&self) -> io::Result<u64> {
        match &*self.refused() {
            None => self.inner.len(),
            Some(refused) => Ok(refused.len),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let refused = self.refused();
        let Some(refused) = &*refused else { return self.inner.read(offset, out) };
        if offset + out.len() as u64 > refused.len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // The file may be shorter than the library believes; what it would have grown by is zero.
        let there = self.inner.len()?.saturating_sub(offset).min(out.len() as u64) as usize;
        let (from_file, beyond) = out.split_at_mut(there);
        self.inner.read(offset, from_file)?;
        beyond.fill(0);
        for (at, bytes) in &refused.writes {
            overlay(offset, out, *at, bytes);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.attempt(|| self.inner.set_len(len), |refused| refused.len = len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.attempt(|| self.inner.sync_data(), |_| ())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let write = || self.inner.write(offset, data);
        self.attempt(write, |refused| refused.writes.push((offset, data.to_vec())))
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
}

/// Copies what `bytes`, written at `at`, has for `out`, read at `offset`.
fn overlay(offset: u64, out: &mut [u8], at: u64, bytes: &[u8]) {
    let start = offset.max(at);
    let end = (offset + out.len() as u64).min(at + bytes.len() as u64);
    if start < end {
        // Both lie within a slice, whose indices these are.
        let within = |base: u64| (start - base) as usize..(end - base) as usize;
        out[within(offset)].copy_from_slice(&bytes[within(at)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_covers_what_it_overlaps() {
        // (where the write begins, its length, what is then read of ten bytes from 10 on)
        let rows = [
            (0, 10, ".........."),
            (5, 7, "xx........"),
            (10, 10, "xxxxxxxxxx"),
            (12, 3, "..xxx....."),
            (18, 9, "........xx"),
            (0, 40, "xxxxxxxxxx"),
            (20, 5, ".........."),
        ];
        for (at, length, expected) in rows {
            let mut out = [b'.'; 10];
            overlay(10, &mut out, at, &vec![b'x'; length]);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{length} bytes at {at}");
        }
    }
}
