//! The nonce search over one header: pure, and all that has to be fast.
//!
//! A header is 80 bytes, which SHA-256 takes as two blocks of 64, and only the second holds the nonce. So
//! the first is compressed once (the midstate), and a try costs two compressions: the second block, and
//! the second hash over the 32 bytes of the first.

use core::slice;

use sha2::block_api::compress256;

use crate::types::{BlockHash, Header, Target};

/// SHA-256's initial state (FIPS 180-4, 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// Bytes of a header before its second block.
const FIRST_BLOCK: usize = 64;

/// Where the nonce stands in the second block.
const NONCE: usize = Header::NONCE_OFFSET - FIRST_BLOCK;

/// A header, ready to be tried with any nonce.
#[derive(Debug, Clone)]
pub struct Search {
    midstate: [u32; 8],
    /// The header's last 16 bytes and SHA-256's padding.
    tail: [u8; 64],
    target: Target,
    /// The target's highest 32 bits: a hash whose own are more needs no further look.
    top: u32,
}

/// How a search went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Searched {
    /// The first nonce whose hash meets the target.
    pub nonce: Option<u32>,
    /// How many nonces were tried, the good one included.
    pub hashes: u64,
}

impl Search {
    /// Prepares `header`, whose own nonce does not matter. Bits that are no target are met by no hash.
    pub fn new(header: &Header) -> Search {
        let bytes = header.to_bytes();
        let mut first = [0; 64];
        first.copy_from_slice(&bytes[..FIRST_BLOCK]);
        let mut midstate = INITIAL;
        compress256(&mut midstate, slice::from_ref(&first));
        let target = header.bits.to_target().unwrap_or(Target::from_leading_zeros(256));
        Search {
            midstate,
            tail: padded(&bytes[FIRST_BLOCK..], Header::LEN),
            target,
            top: (target.to_u256().as_limbs()[3] >> 32) as u32,
        }
    }

    /// Tries `count` nonces from `from` on, or as many as there are, and stops at the first good one.
    pub fn run(&self, from: u32, count: u64) -> Searched {
        let count = count.min((1 << 32) - u64::from(from));
        let mut tail = self.tail;
        let mut second = padded(&[0; 32], 32);
        for tried in 0..count {
            // Below 2^32 by the line that bounds the count.
            let nonce = (u64::from(from) + tried) as u32;
            tail[NONCE..NONCE + 4].copy_from_slice(&nonce.to_le_bytes());
            let mut state = self.midstate;
            compress256(&mut state, slice::from_ref(&tail));
            write_words(&mut second, state);
            let mut state = INITIAL;
            compress256(&mut state, slice::from_ref(&second));
            // A hash is read as a little-endian number: its last four bytes are its highest.
            if state[7].swap_bytes() <= self.top && self.is_met_by(state) {
                return Searched { nonce: Some(nonce), hashes: tried + 1 };
            }
        }
        Searched { nonce: None, hashes: count }
    }

    fn is_met_by(&self, state: [u32; 8]) -> bool {
        let mut hash = [0; 32];
        write_words(&mut hash, state);
        self.target.is_met_by(&BlockHash(hash))
    }
}

/// A last block: `end` of a message that is `len` bytes long, a one bit, zeros, and the length in bits.
fn padded(end: &[u8], len: usize) -> [u8; 64] {
    let mut block = [0; 64];
    block[..end.len()].copy_from_slice(end);
    block[end.len()] = 0x80;
    block[56..].copy_from_slice(&(8 * len as u64).to_be_bytes());
    block
}

/// A SHA-256 state as bytes, at the start of `bytes`.
fn write_words(bytes: &mut [u8], state: [u32; 8]) {
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{CompactTarget, MerkleRoot};
    use proptest::prelude::*;

    /// What [`Search::run`] must say, by hashing every header whole.
    fn plain(mut header: Header, from: u32, count: u64) -> Searched {
        for tried in 0..count.min((1 << 32) - u64::from(from)) {
            header.nonce = from + tried as u32;
            let target = header.bits.to_target();
            if target.is_ok_and(|target| target.is_met_by(&header.hash())) {
                return Searched { nonce: Some(header.nonce), hashes: tried + 1 };
            }
        }
        Searched { nonce: None, hashes: count.min((1 << 32) - u64::from(from)) }
    }

    proptest! {
        #[test]
        fn it_finds_what_hashing_whole_headers_finds(
            bytes in any::<[[u8; 16]; 5]>(),
            zeros in 0u32..14,
            mantissa in any::<u16>(),
            from in prop_oneof![any::<u32>(), Just(0), (u32::MAX - 100)..],
            count in 0u64..400,
        ) {
            let mut header = Header::from_bytes(bytes.as_flattened().try_into().expect("80 bytes"));
            // Targets that are no power of two, too: the highest 32 bits alone must not decide.
            let coarse = Target::from_leading_zeros(zeros).to_compact().0 & 0xff80_0000;
            header.bits = CompactTarget(coarse | u32::from(mantissa));
            prop_assert_eq!(Search::new(&header).run(from, count), plain(header, from, count));
        }
    }

    #[test]
    fn every_kind_of_target_is_compared_whole() {
        let header = Header {
            version: 1,
            previous: BlockHash::ZERO,
            merkle_root: MerkleRoot([7; 32]),
            time: 0,
            bits: CompactTarget(0),
            nonce: 0,
        };
        // Anything, half, a target within the highest word, below it, none at all, and nonsense.
        for bits in
            [0x2100_ffff, 0x207f_ffff, 0x2000_0fff, 0x1f7f_ffff, 0x1d00_ffff, 0x0300_0001, 0, u32::MAX]
        {
            let header = Header { bits: CompactTarget(bits), ..header };
            assert_eq!(Search::new(&header).run(0, 3000), plain(header, 0, 3000), "{bits:08x}");
        }
    }

    #[test]
    fn bitcoins_genesis_is_found() {
        let header = Header {
            version: 1,
            previous: BlockHash::ZERO,
            merkle_root: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b"
                .parse()
                .map(|hash: BlockHash| MerkleRoot(hash.0))
                .expect("a root"),
            time: 1_231_006_505,
            bits: CompactTarget(0x1d00_ffff),
            nonce: 0,
        };
        let found = Search::new(&header).run(2_083_230_000, 1 << 32);
        assert_eq!(found, Searched { nonce: Some(2_083_236_893), hashes: 6_894 });
    }
}
