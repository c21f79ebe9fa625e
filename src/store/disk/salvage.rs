//! Blocks, and a journal's key, found in the bytes of a damaged file, where its structure leads to them no more.
//!
//! A block needs no table to be known: its header pays for itself and names its parent and its transactions,
//! and the store keeps each block's encoding in one piece. So every place of the file is looked at as if a
//! block began there; what is one says so itself. Among them are blocks that the node had dropped, which do
//! no harm: they keep all rules, and the chain with the most work is chosen among all.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::chain::CheckedBlock;
use crate::encoding;
use crate::limits::{MAX_BLOCK_BYTES, SALVAGE_BYTES};
use crate::params::Params;
use crate::types::{Block, Header};

/// Looks at every place of the first `most` bytes of the file at `path`; `found` is told of each block and where it begins. `progress`
/// is told of bytes done, and of how many there are.
pub(super) fn search(
    path: &Path,
    most: u64,
    params: &Params,
    progress: &mut dyn FnMut(u64, u64),
    found: &mut dyn FnMut(u64, CheckedBlock),
) -> io::Result<()> {
    let file = File::open(path)?;
    let length = file.metadata()?.len().min(most);
    let mut bytes = vec![0; SALVAGE_BYTES + MAX_BLOCK_BYTES];
    let (mut start, mut next) = (0, 0);
    while start < length {
        let there = (length - start).min(bytes.len() as u64) as usize;
        let read = &mut bytes[..there];
        fill(&file, start, read);
        let end = start + SALVAGE_BYTES as u64;
        // What begins inside a block that was found is none.
        next = next.max(start);
        while next < end.min(length) {
            match block_at(&read[(next - start) as usize..], params) {
                Some(block) => {
                    let size = block.encoded().len() as u64;
                    found(next, block);
                    next += size;
                }
                None => next += 1,
            }
        }
        start = end;
        progress(start.min(length), length);
    }
    Ok(())
}

/// Looks for what begins with `begins` and is what `is_it` makes something of, anywhere in the file at `path`.
pub(super) fn find<const B: usize, const N: usize, T>(
    path: &Path,
    begins: &[u8; B],
    mut is_it: impl FnMut(&[u8; N]) -> Option<T>,
) -> io::Result<Option<T>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    // What goes over the end of a piece is whole in the next one.
    let mut bytes = vec![0; SALVAGE_BYTES + N];
    for start in (0..length).step_by(SALVAGE_BYTES) {
        let there = (length - start).min(bytes.len() as u64) as usize;
        let read = &mut bytes[..there];
        fill(&file, start, read);
        let places = read.windows(N).filter_map(<[u8]>::first_chunk::<N>);
        if let Some(found) = places.filter(|place| place.starts_with(begins)).find_map(&mut is_it) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Reads what can be read, and zeros for what the disk does not give back.
fn fill(file: &File, start: u64, bytes: &mut [u8]) {
    if file.read_exact_at(bytes, start).is_ok() {
        return;
    }
    for (nth, sector) in bytes.chunks_mut(512).enumerate() {
        if file.read_exact_at(sector, start + 512 * nth as u64).is_err() {
            sector.fill(0);
        }
    }
}

/// The block whose encoding `bytes` begin with, if there is one.
fn block_at(bytes: &[u8], params: &Params) -> Option<CheckedBlock> {
    let header = Header::from_bytes(bytes.first_chunk()?);
    // Hashing is what costs here, and most places have no bits that a header of this network could have.
    let rules = params.rules();
    let is_possible = match params.retarget() {
        Some(_) => header.bits.to_target().is_ok_and(|target| target <= params.limit()),
        None => header.bits == rules.start,
    };
    let is_paid = |hash| header.bits.to_target().is_ok_and(|target| target.is_met_by(hash));
    let hash = is_possible.then(|| header.hash())?;
    if hash != params.genesis_hash() && !is_paid(&hash) {
        return None;
    }
    let (block, _) = encoding::decode_first::<Block>(bytes).ok()?;
    CheckedBlock::check(block, params).ok()
}
