//! Bitcoin's own first headers, 0 to 10,236: all are good, and none is good with any bit flipped.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

const HEADERS: &[u8] = include_bytes!("../../../tests/data/bitcoin-mainnet-headers.bin");

fn headers() -> impl Iterator<Item = [u8; Header::LEN]> {
    HEADERS.as_chunks().0.iter().copied()
}

fn synced() -> Chain {
    let mut chain = Chain::new(Arc::new(Params::mainnet()));
    for (height, bytes) in headers().enumerate() {
        let outcome = chain.import_header(&Header::from_bytes(&bytes), LATE);
        let expected = if height == 0 { HeaderOutcome::Known } else { HeaderOutcome::New };
        assert_eq!(outcome, expected, "height {height}");
    }
    chain
}

#[test]
fn bitcoins_headers_are_good() {
    let chain = synced();
    let best = chain.best_header();
    assert_eq!(best.height, 10_236);
    assert_eq!(best.hash.to_string(), "000000004f74d42205b9d7ae1cb5c1591e723894a71358fce73b7e0919628161");
    assert_eq!(best.work.to_string(), (10_237u64 * 4_295_032_833).to_string());
    assert_eq!(chain.len(), 10_237);
    assert_eq!((chain.tip().height, chain.common_height()), (0, 0), "no body came");
    for (height, bytes) in (0..).zip(headers()) {
        let hash = chain.best_header_at(height).expect("a header at every height");
        assert_eq!(chain.get(&hash).expect("in the tree").header.to_bytes(), bytes, "height {height}");
    }
}

/// Every bit of every 500th header, and one bit of each.
#[test]
fn no_bit_of_a_header_may_flip() {
    let mut chain = synced();
    let before = (chain.best_header(), chain.len());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (height, bytes) in headers().enumerate() {
        let one = rng.next_u32() as usize % (8 * Header::LEN);
        let bits = if height % 500 == 0 { 0..8 * Header::LEN } else { one..one + 1 };
        for bit in bits {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let header = Header::from_bytes(&flipped);
            let HeaderOutcome::Invalid(rule) = chain.import_header(&header, LATE) else {
                panic!("bit {bit} of header {height} may flip")
            };
            match rule {
                Rule::GenesisMismatch => assert_eq!(header.previous, BlockHash::ZERO),
                Rule::BadPow => assert_ne!(header.previous, BlockHash::ZERO),
                Rule::BadBits => assert_eq!(bit / 32, 72 / 4, "bit {bit} of header {height}"),
                other => panic!("bit {bit} of header {height}: {other:?}"),
            }
        }
    }
    assert_eq!((chain.best_header(), chain.len()), before, "none left a trace");
}
