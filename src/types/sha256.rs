//! SHA-256 of what is in memory as a whole: hashes of headers and of the Merkle tree's nodes, ids. The library's
//! hasher keeps a buffer for what comes in pieces; here its compression alone is used, over the bytes where they
//! are.

use sha2::block_api::compress256;

/// The state that a hash begins with (FIPS 180-4, 5.3.3).
pub(super) const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Bytes that are compressed at once.
pub(super) const BLOCK: usize = 64;

/// Bytes of a message's length, at its end.
const LENGTH: usize = 8;

/// The hash of a message that ends with `bytes`, with `state` after the `before` bytes of whole blocks that come
/// before them.
pub(super) fn finish(mut state: [u32; 8], before: usize, bytes: &[u8]) -> [u8; 32] {
    let (blocks, _) = bytes.as_chunks();
    compress256(&mut state, blocks);
    compress256(&mut state, End::of(before, bytes).blocks());
    digest(state)
}

/// The hashes of two such messages, which begin alike. Faster than one after the other: a compression is a chain of
/// instructions that wait for each other, and meanwhile a processor is at the other message's.
pub(super) fn finish_two(state: [u32; 8], before: usize, bytes: [&[u8]; 2]) -> [[u8; 32]; 2] {
    let mut states = [state; 2];
    compress_two(&mut states, bytes.map(|bytes| bytes.as_chunks().0));
    let ends = bytes.map(|bytes| End::of(before, bytes));
    compress_two(&mut states, [ends[0].blocks(), ends[1].blocks()]);
    states.map(digest)
}

/// Compresses blocks of two messages in turns, as long as both have some.
fn compress_two([left, right]: &mut [[u32; 8]; 2], blocks: [&[[u8; BLOCK]]; 2]) {
    let both = blocks[0].len().min(blocks[1].len());
    let [(lefts, more_left), (rights, more_right)] = blocks.map(|blocks| blocks.split_at(both));
    for (one, other) in lefts.chunks(1).zip(rights.chunks(1)) {
        compress256(left, one);
        compress256(right, other);
    }
    compress256(left, more_left);
    compress256(right, more_right);
}

/// The end of a message: what is left of it after whole blocks, a bit that ends it, and its length in bits. One
/// block, or two where that leaves no room.
struct End {
    blocks: [[u8; BLOCK]; 2],
    count: usize,
}

impl End {
    /// That of `bytes`, which come after `before` others.
    fn of(before: usize, bytes: &[u8]) -> End {
        let (_, rest) = bytes.as_chunks::<BLOCK>();
        let mut blocks = [[0; BLOCK]; 2];
        let count = if rest.len() + 1 + LENGTH <= BLOCK { 1 } else { 2 };
        let end = blocks[..count].as_flattened_mut();
        end[..rest.len()].copy_from_slice(rest);
        end[rest.len()] = 0x80;
        let bits = 8 * (before + bytes.len()) as u64;
        end[count * BLOCK - LENGTH..].copy_from_slice(&bits.to_be_bytes());
        End { blocks, count }
    }

    fn blocks(&self) -> &[[u8; BLOCK]] {
        &self.blocks[..self.count]
    }
}

/// What a state says as a hash.
fn digest(state: [u32; 8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (bytes, word) in hash.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    hash
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn it_is_the_librarys() {
        let bytes: Vec<u8> = (0..1000u32).map(|at| (at * 7) as u8).collect();
        for length in 0..=bytes.len() {
            let whole = &bytes[..length];
            assert_eq!(finish(INITIAL, 0, whole), *Sha256::digest(whole), "{length}");
            if let Some((first, after)) = whole.split_first_chunk::<BLOCK>() {
                let mut state = INITIAL;
                compress256(&mut state, &[*first]);
                assert_eq!(finish(state, BLOCK, after), *Sha256::digest(whole), "{length}");
            }
        }
    }

    /// Of any two lengths: each ends within a block, at its end, or with no room for what follows.
    #[test]
    fn two_at_once_are_each_as_if_alone() {
        let bytes: Vec<u8> = (0..400u32).map(|at| (at * 11) as u8).collect();
        let lengths = [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 200, 300];
        for one in lengths {
            for other in lengths {
                let both = [&bytes[..one], &bytes[bytes.len() - other..]];
                let alone = both.map(|bytes| finish(INITIAL, 0, bytes));
                assert_eq!(finish_two(INITIAL, 0, both), alone, "{one} and {other}");
                let after = both.map(|bytes| finish([7; 8], 5 * BLOCK, bytes));
                assert_eq!(finish_two([7; 8], 5 * BLOCK, both), after, "{one} and {other}, after others");
            }
        }
    }
}
