//! Every kernel that this machine has finds what hashing whole headers finds: on random headers, on Bitcoin's, at
//! the ends of ranges, and where a hash and its target differ late.

use std::hash::{BuildHasher, RandomState};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use ruint::aliases::U256;

use crate::miner::{Kernel, Search, Searched};
use crate::types::{Header, Target};

const HEADERS: &[u8] = include_bytes!("../../../tests/data/bitcoin-mainnet-headers.bin");

/// More than any kernel does at once.
const MOST_LANES: u32 = 32;

/// What a search must say, by hashing every header whole.
fn plain(header: &Header, target: Target, from: u32, count: u64) -> Searched {
    let count = count.min((1 << 32) - u64::from(from));
    let good = |tried: &u64| {
        let nonce = from + *tried as u32;
        target.is_met_by(&Header { nonce, ..*header }.hash())
    };
    let found = (0..count).find(good);
    Searched { nonce: found.map(|tried| from + tried as u32), hashes: found.map_or(count, |tried| tried + 1) }
}

fn random_header(rng: &mut ChaCha8Rng) -> Header {
    let mut bytes = [0; Header::LEN];
    rng.fill_bytes(&mut bytes);
    Header::from_bytes(&bytes)
}

fn value(header: &Header) -> U256 {
    U256::from_le_bytes(header.hash().0)
}

#[test]
fn random_headers_are_searched_as_by_hashing_them_whole() {
    let seed = RandomState::new().hash_one(0);
    println!("seed {seed}");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..200 {
        let header = random_header(&mut rng);
        let target = Target::from_u256(U256::MAX >> (rng.next_u32() % 14) as usize);
        let (from, count) = (rng.next_u32(), u64::from(rng.next_u32() % 300));
        let expected = plain(&header, target, from, count);
        for kernel in Kernel::there() {
            let found = Search::over(&header, target, kernel).run(from, count);
            assert_eq!(found, expected, "{kernel}, seed {seed}: {header:?}, {target:?}, {from}, {count}");
        }
    }
}

/// Ranges at both ends of the nonces and in their middle, with every number of nonces from none to a few groups
/// of lanes: none is looked at beyond the last, and the one that is good is found wherever it stands.
#[test]
fn ranges_end_where_they_end() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let header = random_header(&mut rng);
    let most = 2 * MOST_LANES + 3;
    for first in [0, 1, 0x7fff_ffe0, 0x00ff_fff1, u32::MAX - most + 1] {
        for kernel in Kernel::there() {
            for at in 0..most {
                let nonce = first + at;
                let exact = Target::from_u256(value(&Header { nonce, ..header }));
                let search = Search::over(&header, exact, kernel);
                // The target is this very hash: what is better comes first, if anything does.
                let expected = plain(&header, exact, first, u64::from(at) + 1);
                assert_eq!(search.run(first, u64::from(at) + 1), expected, "{kernel}: {first} + {at}");
                assert_eq!(search.run(nonce, 1), Searched { nonce: Some(nonce), hashes: 1 }, "{kernel}");
                let before = plain(&header, exact, first, u64::from(at));
                assert_eq!(search.run(first, u64::from(at)), before, "{kernel}: before {first} + {at}");
            }
            let none = Search::over(&header, Target::from_u256(U256::ZERO), kernel);
            let left = u64::from(u32::MAX - first) + 1;
            let hashes = left.min(u64::from(most));
            assert_eq!(none.run(first, hashes), Searched { nonce: None, hashes }, "{kernel}: {first}");
        }
    }
    for kernel in Kernel::there() {
        let none = Search::over(&header, Target::from_u256(U256::ZERO), kernel);
        for (from, hashes) in [(u32::MAX, 1), (u32::MAX - 1, 2), (u32::MAX - 40, 41)] {
            assert_eq!(none.run(from, u64::MAX), Searched { nonce: None, hashes }, "{kernel}: {from}");
        }
        let any = Search::over(&header, Target::from_u256(U256::MAX), kernel);
        for from in [0, 7, u32::MAX] {
            assert_eq!(any.run(from, u64::MAX), Searched { nonce: Some(from), hashes: 1 }, "{kernel}");
            assert_eq!(any.run(from, 0), Searched { nonce: None, hashes: 0 }, "{kernel}");
        }
    }
}

/// Targets that agree with the hash in its first word, and in all but its last bit.
#[test]
fn a_hash_is_compared_to_its_last_bit() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..50 {
        let header = random_header(&mut rng);
        let hash = value(&header);
        let word = |word: usize| U256::ONE << (32 * word);
        for (target, is_met) in [
            (hash, true),
            (hash.saturating_add(U256::ONE), true),
            (hash.saturating_add(word(6)), true),
            (hash.saturating_add(word(7)), true),
            (hash.saturating_sub(U256::ONE), false),
            (hash.saturating_sub(word(6)), false),
            (hash.saturating_sub(word(7)), false),
            // The same first word, and nothing but zeros, or ones, after it.
            (hash >> 224 << 224, false),
            ((hash >> 224 << 224) | (U256::MAX >> 32), true),
        ] {
            for kernel in Kernel::there() {
                let found = Search::over(&header, Target::from_u256(target), kernel).run(header.nonce, 1);
                assert_eq!(found.nonce, is_met.then_some(header.nonce), "{kernel}: {hash:x} {target:x}");
            }
        }
    }
}

/// Each header's own nonce is found by a search that begins a little below, and nothing before it. Their first
/// words are zeros, so it is the second that decides; and one less than the hash is a target not met.
#[test]
fn the_nonces_of_bitcoins_first_headers_are_found() {
    let headers = HEADERS.as_chunks().0;
    assert_eq!(headers.len(), 10_237);
    for kernel in Kernel::there() {
        for (height, bytes) in (0..).zip(headers) {
            let header = Header::from_bytes(bytes);
            let below = (height % (2 * MOST_LANES)).min(header.nonce);
            let from = header.nonce - below;
            let search = Search::with(&Header { nonce: 0, ..header }, kernel);
            let found = Searched { nonce: Some(header.nonce), hashes: u64::from(below) + 1 };
            assert_eq!(search.run(from, u64::MAX), found, "{kernel}: height {height}");
            let count = u64::from(below);
            assert_eq!(
                search.run(from, count),
                Searched { nonce: None, hashes: count },
                "{kernel}: {height}"
            );
            let harder = Target::from_u256(value(&header) - U256::ONE);
            assert_eq!(Search::over(&header, harder, kernel).run(header.nonce, 1).nonce, None, "{kernel}");
        }
    }
}

#[test]
fn a_kernel_is_read_by_its_name_and_the_fastest_is_there() {
    for kernel in Kernel::ALL {
        assert_eq!(kernel.to_string().parse(), Ok(kernel));
    }
    for bad in ["", "SHA2", "avx", "auto"] {
        assert!(bad.parse::<Kernel>().is_err(), "{bad}");
    }
    assert!(Kernel::Sha2.is_there() && Kernel::fastest().is_there());
    assert_eq!(Kernel::there().last(), Some(Kernel::fastest()));
}

/// What a machine lacks is not run on it: the same is found all the same.
#[test]
fn a_kernel_that_is_not_there_is_no_danger() {
    let header = random_header(&mut ChaCha8Rng::seed_from_u64(3));
    let target = Target::from_leading_zeros(6);
    for kernel in Kernel::ALL {
        assert_eq!(Search::over(&header, target, kernel).run(0, 1000), plain(&header, target, 0, 1000));
    }
}
