//! The kernel of every machine: one nonce after another, compressed by the library.

use core::slice;

use sha2::block_api::compress256;

use crate::miner::kernel::tail::{END, HASH_BITS, HEADER_BITS, INITIAL, Tail};

/// The first of `count` nonces from `from` on whose hash is a candidate, and `good`.
pub fn scan(tail: &Tail, from: u32, count: u64, good: &dyn Fn(u32) -> bool) -> Option<u32> {
    let [root, time, bits] = tail.words;
    let mut block = [0; 64];
    write_words(&mut block, &[root, time, bits, 0, END]);
    write_words(&mut block[60..], &[HEADER_BITS]);
    let mut second = [0; 64];
    write_words(&mut second[32..], &[END]);
    write_words(&mut second[60..], &[HASH_BITS]);
    (0..count).find_map(|tried| {
        // As many nonces as there are from `from` on, or fewer.
        let nonce = from.wrapping_add(tried as u32);
        block[12..16].copy_from_slice(&nonce.to_le_bytes());
        let mut state = tail.midstate;
        compress256(&mut state, slice::from_ref(&block));
        write_words(&mut second, &state);
        let mut state = INITIAL;
        compress256(&mut state, slice::from_ref(&second));
        // A hash is read as a little-endian number: its last four bytes are its highest.
        (state[7].swap_bytes() <= tail.top && good(nonce)).then_some(nonce)
    })
}

/// Words as SHA-256 reads them, at the start of `bytes`.
fn write_words(bytes: &mut [u8], words: &[u32]) {
    for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}
