//! The processor's own SHA-256 rounds, two headers side by side.
//!
//! An instruction does two rounds, and its result is there four cycles later, but another can begin after two:
//! two headers in turn fill the time. The state is kept as the instruction wants it, in two vectors: the words
//! A, B, E, F and the words C, D, G, H, each highest first.

use core::arch::x86_64::*;

use crate::miner::kernel::tail::{END, HASH_BITS, HEADER_BITS, INITIAL, Tail};
use crate::miner::kernel::x86::rounds::K;

type V = __m128i;

/// Headers side by side: three and four are slower, for want of registers.
const STREAMS: usize = 2;

/// The words A, B, E, F and C, D, G, H.
type State = (V, V);

/// A header under way.
#[derive(Clone, Copy)]
struct Stream {
    state: State,
    /// The last 16 words of the schedule, four to a vector.
    w: [V; 4],
}

macro_rules! quarters {
    ($streams:expr, $($q:literal)*) => {{
        let [x, y] = $streams;
        $(let (x, y) = (four_rounds::<$q>(x), four_rounds::<$q>(y));)*
        [x, y]
    }};
}

macro_rules! with_sha {
    ($($(#[$doc:meta])* fn $name:ident $(<const $n:ident: $t:ty>)? ($($arg:ident: $of:ty),*) $(-> $result:ty)? $body:block)*) => {
        $(
            $(#[$doc])*
            #[inline]
            #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
            fn $name $(<const $n: $t>)? ($($arg: $of),*) $(-> $result)? $body
        )*
    };
}

with_sha! {
    /// A vector of these words, the first lowest.
    fn words(of: [u32; 4]) -> V {
        _mm_setr_epi32(of[0] as i32, of[1] as i32, of[2] as i32, of[3] as i32)
    }

    fn state(of: [u32; 8]) -> State {
        let [a, b, c, d, e, f, g, h] = of;
        (words([f, e, b, a]), words([h, g, d, c]))
    }

    /// Two rounds, with the lower two of `kw`: the sums of the rounds' constants and words.
    fn two_rounds(s: State, kw: V) -> State {
        (_mm_sha256rnds2_epu32(s.1, s.0, kw), s.0)
    }

    /// The upper two words in the place of the lower.
    fn upper(kw: V) -> V {
        _mm_shuffle_epi32::<0b0000_1110>(kw)
    }

    /// Words and constants of the rounds 4 Q to 4 Q + 3.
    fn sums<const Q: usize>(w: &[V; 4]) -> V {
        _mm_add_epi32(w[Q % 4], words([K[4 * Q], K[4 * Q + 1], K[4 * Q + 2], K[4 * Q + 3]]))
    }

    /// Rounds 4 Q to 4 Q + 3, after the schedule's steps where they have some.
    fn four_rounds<const Q: usize>(of: Stream) -> Stream {
        let Stream { state, mut w } = of;
        if Q >= 4 {
            let [oldest, old, new, newest] = [w[Q % 4], w[(Q + 1) % 4], w[(Q + 2) % 4], w[(Q + 3) % 4]];
            let seven_ago = _mm_alignr_epi8::<4>(newest, new);
            let x = _mm_add_epi32(_mm_sha256msg1_epu32(oldest, old), seven_ago);
            w[Q % 4] = _mm_sha256msg2_epu32(x, newest);
        }
        let kw = sums::<Q>(&w);
        Stream { state: two_rounds(two_rounds(state, kw), upper(kw)), w }
    }

    /// The first hash of the header with `nonce`, two rounds of which are done: the state `second`.
    fn first_hash(tail: &Tail, second: State, nonce: u32) -> Stream {
        let [root, time, bits] = tail.words;
        let begin = words([root, time, bits, nonce.swap_bytes()]);
        let w = [begin, words([END, 0, 0, 0]), words([0; 4]), words([0, 0, 0, HEADER_BITS])];
        Stream { state: two_rounds(second, upper(sums::<0>(&w))), w }
    }

    /// The second hash, over the first one's end.
    fn second_hash(midstate: State, first: Stream) -> Stream {
        let abef = _mm_shuffle_epi32::<0b0001_1011>(_mm_add_epi32(first.state.0, midstate.0));
        let cdgh = _mm_shuffle_epi32::<0b0001_1011>(_mm_add_epi32(first.state.1, midstate.1));
        let (abcd, efgh) = (_mm_unpacklo_epi64(abef, cdgh), _mm_unpackhi_epi64(abef, cdgh));
        let w = [abcd, efgh, words([END, 0, 0, 0]), words([0, 0, 0, HASH_BITS])];
        Stream { state: state(INITIAL), w }
    }

    /// The last word of the hash that ends with `second`.
    fn last_word(second: Stream) -> u32 {
        INITIAL[7].wrapping_add(_mm_cvtsi128_si32(second.state.1) as u32)
    }

    /// The last words of the hashes of the headers with `nonce` and the one after it; `second` is the state
    /// after two rounds.
    fn last_words(tail: &Tail, second: State, nonce: u32) -> [u32; STREAMS] {
        let midstate = state(tail.midstate);
        let begun = [first_hash(tail, second, nonce), first_hash(tail, second, nonce.wrapping_add(1))];
        let [x, y] = quarters!(begun, 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        let begun = [second_hash(midstate, x), second_hash(midstate, y)];
        // Of the last two rounds nothing is used but what they carry on, and the compiler leaves them out.
        let [x, y] = quarters!(begun, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        [last_word(x), last_word(y)]
    }
}

/// The first of `count` nonces from `from` on whose hash is a candidate, and `good`.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub fn scan(tail: &Tail, from: u32, count: u64, good: &dyn Fn(u32) -> bool) -> Option<u32> {
    let second = state(tail.after(2));
    let mut tried = 0;
    while tried < count {
        // As many nonces as there are from `from` on, or fewer; streams beyond the last are not looked at.
        let first = from.wrapping_add(tried as u32);
        for (at, word) in (tried..count).zip(last_words(tail, second, first)) {
            let nonce = from.wrapping_add(at as u32);
            if word.swap_bytes() <= tail.top && good(nonce) {
                return Some(nonce);
            }
        }
        tried += STREAMS as u64;
    }
    None
}
