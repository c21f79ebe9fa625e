//! Checksums of large blocks, so that who reads one need not hash all of it again.
//!
//! That a block's bytes are those that were stored follows from its hash alone; but to follow it takes SHA-256
//! over all of them, and then over the tree of ids: 1.2 ms for a megabyte, when a node hands out its chain half
//! of all it does. A checksum that was taken from the same bytes when they were written finds a change on the
//! disk as well, at a tenth of that or less. It is no proof against somebody who writes to the file, and needs
//! to be none: whoever takes a block checks it by its hash.
//!
//! A row that is missing (a file of an earlier version), damaged, or of another block says nothing: then it is
//! the hash that counts.

use redb::TableDefinition;
use twox_hash::XxHash3_64;

use crate::limits::MIN_CHECKSUM_BYTES;
use crate::types::{BlockHash, Header};

/// XXH3-64 of a block's encoding, by the number of its arrival.
pub(super) const CHECKSUMS: TableDefinition<'_, u64, u64> = TableDefinition::new("checksums");

/// Whether the block that `encoded` is gets a checksum.
pub(super) fn has_one(encoded: &[u8]) -> bool {
    encoded.len() >= MIN_CHECKSUM_BYTES
}

/// The checksum of the block that `encoded` is, if it is one that gets one.
pub(super) fn of(encoded: &[u8]) -> Option<u64> {
    has_one(encoded).then(|| XxHash3_64::oneshot(encoded))
}

/// Whether `encoded` is the block `hash` as it was when `checksum` was taken of it.
pub(super) fn proves(checksum: u64, encoded: &[u8], hash: &BlockHash) -> bool {
    let header = encoded.split_first_chunk().map(|(header, _)| Header::from_bytes(header));
    header.is_some_and(|header| header.hash() == *hash) && of(encoded) == Some(checksum)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The algorithm is part of the file's format: a value that was taken elsewhere (`xxhsum -H3`).
    #[test]
    fn it_is_xxh3() {
        assert_eq!(XxHash3_64::oneshot(b""), 0x2d06_8005_38d3_94c2);
        let bytes: Vec<u8> = (0..MIN_CHECKSUM_BYTES).map(|at| at as u8).collect();
        assert_eq!(of(&bytes[1..]), None, "small blocks are hashed");
        assert_eq!(of(&bytes), Some(XxHash3_64::oneshot(&bytes)));
    }
}
