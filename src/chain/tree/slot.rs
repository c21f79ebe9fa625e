//! One header in the arena, and the links that make the arena a tree.
//!
//! Children hang on their parent as a doubly linked list through the siblings: no allocation for each
//! header, and one of a hundred thousand siblings is dropped in constant time.

use core::num::NonZeroU32;

use crate::types::{BlockHash, CompactTarget, Header, MerkleRoot, Work};

/// A place in the arena, counted from 1: so an `Option` of it takes no more room than itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::chain) struct Index(NonZeroU32);

impl Index {
    /// Genesis.
    pub(super) const ROOT: Index = Index(NonZeroU32::MIN);

    /// The place at `position`, counted from 0.
    pub(super) fn at(position: usize) -> Option<Index> {
        u32::try_from(position).ok()?.checked_add(1).and_then(NonZeroU32::new).map(Index)
    }

    /// Its position, counted from 0.
    pub(super) fn position(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// One header. Its `previous` is its parent's hash, and not kept twice.
#[derive(Debug)]
pub(in crate::chain) struct Slot {
    pub(super) version: u32,
    pub(super) merkle_root: MerkleRoot,
    pub(in crate::chain) time: u32,
    pub(in crate::chain) bits: CompactTarget,
    pub(super) nonce: u32,
    pub(in crate::chain) hash: BlockHash,
    pub(in crate::chain) height: u64,
    /// Of it and all its ancestors, the lower half first: 2^128 hashes are more than anybody will ever do.
    work: [u64; 2],
    /// Counts up: the smaller was seen first.
    pub(super) seen: u32,
    pub(super) parent: Option<Index>,
    pub(super) first_child: Option<Index>,
    pub(super) next_sibling: Option<Index>,
    pub(super) previous_sibling: Option<Index>,
    pub(in crate::chain) has_body: bool,
    /// Its body and those of all its ancestors are here.
    pub(in crate::chain) linked: bool,
    pub(in crate::chain) invalid: bool,
}

// With its place in the look-up and in the chains, an entry is some 150 bytes: what a node needs for a block of
// history, and what `MAX_SIDE_ENTRIES` counts on.
const _: () = assert!(size_of::<Slot>() <= 128);

impl Slot {
    /// A header without body, parent or children.
    pub(super) fn new(header: &Header, hash: BlockHash, height: u64, work: Work, seen: u32) -> Slot {
        let work = work.to_u128();
        Slot {
            version: header.version,
            merkle_root: header.merkle_root,
            time: header.time,
            bits: header.bits,
            nonce: header.nonce,
            hash,
            height,
            work: [work as u64, (work >> 64) as u64],
            seen,
            parent: None,
            first_child: None,
            next_sibling: None,
            previous_sibling: None,
            has_body: false,
            linked: false,
            invalid: false,
        }
    }

    /// The header, given its parent's hash.
    pub(super) fn header(&self, previous: BlockHash) -> Header {
        Header {
            version: self.version,
            previous,
            merkle_root: self.merkle_root,
            time: self.time,
            bits: self.bits,
            nonce: self.nonce,
        }
    }

    /// Work of it and all its ancestors.
    pub(in crate::chain) fn work(&self) -> Work {
        Work::from_u128(self.hashes())
    }

    fn hashes(&self) -> u128 {
        u128::from(self.work[1]) << 64 | u128::from(self.work[0])
    }

    /// Whether it has more work than `other`.
    pub(super) fn outdoes(&self, other: &Slot) -> bool {
        self.hashes() > other.hashes()
    }

    /// What decides between two tips: more work, then seen first.
    pub(super) fn beats(&self, other: &Slot) -> bool {
        self.outdoes(other) || (self.hashes() == other.hashes() && self.seen < other.seen)
    }
}
