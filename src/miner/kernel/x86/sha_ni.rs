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

/// The state of each header.
type States = [State; STREAMS];

/// The last 16 words of each header's schedule, four to a vector.
type Schedules = [[V; 4]; STREAMS];

/// (ABEF, CDGH)
type State = (V, V);

macro_rules! quarters {
    ($s:ident, $w:ident: $($q:literal)*) => { $(four_rounds::<$q>(&mut $s, &mut $w);)* };
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
        let [a, b, c, d] = of.map(|word| word as i32);
        _mm_setr_epi32(a, b, c, d)
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
    fn four_rounds<const Q: usize>(s: &mut States, w: &mut Schedules) {
        for (s, w) in s.iter_mut().zip(w) {
            if Q >= 4 {
                let [oldest, old, new, newest] = [w[Q % 4], w[(Q + 1) % 4], w[(Q + 2) % 4], w[(Q + 3) % 4]];
                let seven_ago = _mm_alignr_epi8::<4>(newest, new);
                let x = _mm_add_epi32(_mm_sha256msg1_epu32(oldest, old), seven_ago);
                w[Q % 4] = _mm_sha256msg2_epu32(x, newest);
            }
            let kw = sums::<Q>(w);
            *s = two_rounds(two_rounds(*s, kw), upper(kw));
        }
    }

    /// The last words of the hashes of the headers with `first` and the nonces after it; `second` is the state
    /// after two rounds.
    fn last_words(tail: &Tail, second: State, first: u32) -> [u32; STREAMS] {
        let [root, time, bits] = tail.words;
        let middle = [words([END, 0, 0, 0]), words([0; 4]), words([0, 0, 0, HEADER_BITS])];
        let mut w: Schedules = [[words([0; 4]); 4]; STREAMS];
        let mut s = [second; STREAMS];
        for (stream, (s, w)) in s.iter_mut().zip(&mut w).enumerate() {
            let nonce = first.wrapping_add(stream as u32).swap_bytes();
            *w = [words([root, time, bits, nonce]), middle[0], middle[1], middle[2]];
            *s = two_rounds(*s, upper(sums::<0>(w)));
        }
        quarters!(s, w: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        let midstate = state(tail.midstate);
        for (s, w) in s.iter_mut().zip(&mut w) {
            let abef = _mm_shuffle_epi32::<0b0001_1011>(_mm_add_epi32(s.0, midstate.0));
            let cdgh = _mm_shuffle_epi32::<0b0001_1011>(_mm_add_epi32(s.1, midstate.1));
            let (abcd, efgh) = (_mm_unpacklo_epi64(abef, cdgh), _mm_unpackhi_epi64(abef, cdgh));
            *w = [abcd, efgh, words([END, 0, 0, 0]), words([0, 0, 0, HASH_BITS])];
            *s = state(INITIAL);
        }
        // Of the last two rounds nothing is left but what they carry on, and the compiler leaves them out.
        quarters!(s, w: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        let mut last = [0; STREAMS];
        for (last, (_, cdgh)) in last.iter_mut().zip(s) {
            *last = INITIAL[7].wrapping_add(_mm_cvtsi128_si32(cdgh) as u32);
        }
        last
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
