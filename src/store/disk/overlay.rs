//! A file that is looked at and never changed: what the library writes while it checks or recovers is kept
//! in memory, above the file, and is gone with it. That is a header and a few pages, however long the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// Bytes that are kept together.
const PAGE: usize = 4096;

/// The file and what was written over it.
#[derive(Debug)]
pub(super) struct Overlay {
    file: File,
    written: Mutex<Written>,
}

/// Reads the file itself.
pub(super) trait Below: Fn(u64, &mut [u8]) -> io::Result<()> {}

impl<F: Fn(u64, &mut [u8]) -> io::Result<()>> Below for F {}

/// What was written over a file of which `below` reads, and covers it from then on.
#[derive(Debug)]
pub(super) struct Written {
    /// How long it seems.
    length: u64,
    /// How much of the file itself still shows: it was never made shorter than this.
    floor: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE]>>,
}

impl Overlay {
    /// Above the file at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Overlay> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Overlay { file, written: Mutex::new(Written::over(length)) })
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn below(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().length())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.written().read(offset, out, |offset, out| self.below(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.written().set_len(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.written().write(offset, data, |offset, out| self.below(offset, out))
    }
}

impl Written {
    /// Nothing yet, over a file of `length` bytes.
    pub(super) fn over(length: u64) -> Written {
        Written { length, floor: length, pages: BTreeMap::new() }
    }

    /// How long the file seems.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What the file itself has at `offset`, zeros after what still shows of it.
    fn under(&self, offset: u64, out: &mut [u8], below: impl Below) -> io::Result<()> {
        let there = self.floor.saturating_sub(offset).min(out.len() as u64) as usize;
        let (there, after) = out.split_at_mut(there);
        after.fill(0);
        if there.is_empty() { Ok(()) } else { below(offset, there) }
    }

    /// What the file seems to have at `offset`.
    pub(super) fn read(&self, offset: u64, out: &mut [u8], below: impl Below) -> io::Result<()> {
        let end = offset.saturating_add(out.len() as u64);
        if end > self.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.under(offset, out, below)?;
        let first = offset - offset % PAGE as u64;
        for (at, page) in self.pages.range(first..end) {
            let (from, to) = ((*at).max(offset), (at + PAGE as u64).min(end));
            let part = &page[(from - at) as usize..(to - at) as usize];
            out[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
        }
        Ok(())
    }

    /// Makes it seem longer, by zeros, or shorter.
    pub(super) fn set_len(&mut self, len: u64) {
        let gone = self.pages.split_off(&len.next_multiple_of(PAGE as u64));
        drop(gone);
        if let Some(mut last) = self.pages.last_entry() {
            let used = len.saturating_sub(*last.key()).min(PAGE as u64) as usize;
            last.get_mut()[used..].fill(0);
        }
        self.floor = self.floor.min(len);
        self.length = len;
    }

    /// Covers what is at `offset`.
    pub(super) fn write(&mut self, offset: u64, data: &[u8], below: impl Below) -> io::Result<()> {
        let end = offset.saturating_add(data.len() as u64);
        let mut at = offset - offset % PAGE as u64;
        while at < end {
            if !self.pages.contains_key(&at) {
                let mut page = Box::new([0; PAGE]);
                self.under(at, &mut page[..], &below)?;
                self.pages.insert(at, page);
            }
            let (from, to) = (at.max(offset), (at + PAGE as u64).min(end));
            if let Some(page) = self.pages.get_mut(&at) {
                let part = &data[(from - offset) as usize..(to - offset) as usize];
                page[(from - at) as usize..(to - at) as usize].copy_from_slice(part);
            }
            at += PAGE as u64;
        }
        self.length = self.length.max(end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_shows_and_the_file_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        let mut mirror: Vec<u8> = (0..20_000u32).map(|n| n as u8).collect();
        std::fs::write(&path, &mirror).expect("written");
        let (before, overlay) = (mirror.clone(), Overlay::open(&path).expect("a file"));
        for (at, length) in [(0usize, 10usize), (4090, 12), (9000, 9000), (19_990, 30)] {
            let data = vec![at as u8 ^ 0x5a; length];
            overlay.write(at as u64, &data).expect("memory");
            mirror.resize(mirror.len().max(at + length), 0);
            mirror[at..at + length].copy_from_slice(&data);
        }
        // Cut within a page that was written, and within one that was not; then longer than ever.
        for length in [19_000, 6000, 30_000] {
            overlay.set_len(length as u64).expect("memory");
            mirror.resize(length, 0);
        }
        assert_eq!(overlay.len().expect("memory"), 30_000);
        for (at, length) in [(0, 30_000), (1, 4096), (5990, 20), (29_999, 1)] {
            let mut out = vec![0xee; length];
            overlay.read(at as u64, &mut out).expect("within it");
            assert_eq!(out, mirror[at..at + length], "{length} bytes at {at}");
        }
        assert!(overlay.read(29_999, &mut [0; 2]).is_err(), "past its end");
        assert_eq!(std::fs::read(&path).expect("a file"), before);
    }
}
