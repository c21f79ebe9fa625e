//! The nonce search over one header: pure, and all that has to be fast.
//!
//! A header is 80 bytes, which SHA-256 takes as two blocks of 64, and only the second holds the nonce. So
//! the first is compressed once (the midstate), and a try costs two compressions: the second block, and
//! the second hash over the 32 bytes of the first. How these are done is the business of a [`Kernel`]; what
//! is found is not, and is hashed once more here, as anybody else would.

use sha2::block_api::compress256;

use crate::miner::kernel::{INITIAL, Kernel, Tail};
use crate::types::{Header, Target};

/// A header, ready to be tried with any nonce.
#[derive(Debug, Clone)]
pub struct Search {
    header: Header,
    target: Target,
    tail: Tail,
    kernel: Kernel,
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
    /// Prepares `header`, whose own nonce does not matter, for the fastest kernel. Bits that are no target are
    /// met by no hash.
    pub fn new(header: &Header) -> Search {
        Search::with(header, Kernel::fastest())
    }

    /// The same for `kernel`; if this machine does not have it, for [`Kernel::Sha2`].
    pub fn with(header: &Header, kernel: Kernel) -> Search {
        Search::over(header, header.bits.to_target().unwrap_or(Target::from_leading_zeros(256)), kernel)
    }

    /// The same for any target, whatever the header says.
    pub(super) fn over(header: &Header, target: Target, kernel: Kernel) -> Search {
        let bytes = header.to_bytes();
        let (blocks, rest) = bytes.as_chunks::<64>();
        let mut midstate = INITIAL;
        compress256(&mut midstate, blocks);
        let word = |at: usize| u32::from_be_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
        let top = (target.to_u256().as_limbs()[3] >> 32) as u32;
        let tail = Tail { midstate, words: [word(0), word(4), word(8)], top };
        Search { header: *header, target, tail, kernel }
    }

    /// Tries `count` nonces from `from` on, or as many as there are, and stops at the first good one.
    pub fn run(&self, from: u32, count: u64) -> Searched {
        let count = count.min((1 << 32) - u64::from(from));
        let nonce = self.kernel.scan(&self.tail, from, count, &|nonce| self.is_met_with(nonce));
        let hashes = nonce.map_or(count, |nonce| u64::from(nonce) - u64::from(from) + 1);
        Searched { nonce, hashes }
    }

    fn is_met_with(&self, nonce: u32) -> bool {
        self.target.is_met_by(&Header { nonce, ..self.header }.hash())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BlockHash, CompactTarget, MerkleRoot};
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
            for kernel in Kernel::there() {
                let found = Search::with(&header, kernel).run(from, count);
                prop_assert_eq!(found, plain(header, from, count), "{}", kernel);
            }
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
            let expected = plain(header, 0, 3000);
            for kernel in Kernel::there() {
                assert_eq!(Search::with(&header, kernel).run(0, 3000), expected, "{kernel}: {bits:08x}");
            }
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
        for kernel in Kernel::there() {
            let found = Search::with(&header, kernel).run(2_083_230_000, 1 << 32);
            assert_eq!(found, Searched { nonce: Some(2_083_236_893), hashes: 6_894 }, "{kernel}");
        }
    }
}
