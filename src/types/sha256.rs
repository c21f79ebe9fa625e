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
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    compress256(&mut state, blocks);
    // The rest, a bit that ends it, and the length in bits: one block, or two where that leaves no room.
    let mut last = [[0; BLOCK]; 2];
    let count = if rest.len() + 1 + LENGTH <= BLOCK { 1 } else { 2 };
    let end = last[..count].as_flattened_mut();
    end[..rest.len()].copy_from_slice(rest);
    end[rest.len()] = 0x80;
    let bits = 8 * (before + bytes.len()) as u64;
    end[count * BLOCK - LENGTH..].copy_from_slice(&bits.to_be_bytes());
    compress256(&mut state, &last[..count]);
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
}
