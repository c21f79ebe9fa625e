//! Double SHA-256 of many headers side by side: each lane of a vector is the same word of another header.
//!
//! The module that calls `lanes!` has the vector `V`, its number of `LANES`, and its arithmetic: `splat`, `add`,
//! `swap` (the bytes of a word), `choose`, `majority`, the sigmas, `ascending` and `at_most`. It is a macro,
//! because functions that use a processor's features cannot be a trait's without being unsafe.
//!
//! What makes it fast, beside the lanes:
//! - The first three rounds do not see the nonce. What else does not (half of the schedule's first words) the
//!   compiler takes out of the loop, because each round is written out.
//! - Of the second hash only the last word is computed, whose bytes are a hash's highest. It is `e` of the 61st
//!   round, carried on by the last three; so those are left out, and half of each of the four before.
//! - One comparison looks at all lanes.

macro_rules! lanes {
    ($features:literal) => {
        const _: () = assert!(crate::limits::MINING_BATCH.is_multiple_of(LANES), "a batch leaves no lane idle");

        /// Round `T`, after the schedule's step where it has one. `s` is the state, where from round to round
        /// the letters stay in their places and change their names; `w` the last 16 words of the schedule.
        #[inline]
        #[target_feature(enable = $features)]
        fn round<const T: usize>(s: &mut [V; 8], w: &mut [V; 16]) {
            if T >= 16 {
                let older = add(w[T % 16], small0(w[(T + 1) % 16]));
                w[T % 16] = add(older, add(w[(T + 9) % 16], small1(w[(T + 14) % 16])));
            }
            let [a, b, c, d] = const { [place(0, T), place(1, T), place(2, T), place(3, T)] };
            let [e, f, g, h] = const { [place(4, T), place(5, T), place(6, T), place(7, T)] };
            let t1 = add(add(s[h], splat(K[T])), w[T % 16]);
            let t1 = add(t1, add(choose(s[e], s[f], s[g]), big1(s[e])));
            s[d] = add(s[d], t1);
            s[h] = add(t1, add(big0(s[a]), majority(s[a], s[b], s[c])));
        }

        /// Where a letter (0 is a) is before round `t`.
        const fn place(letter: usize, t: usize) -> usize {
            (letter + 64 - t) % 8
        }

        /// The first of `count` nonces from `from` on whose hash is a candidate, and `good`.
        ///
        /// All of it is one function: what the compiler takes out of the loop, it keeps in registers, and that
        /// is a twentieth of the time.
        #[target_feature(enable = $features)]
        pub fn scan(tail: &Tail, from: u32, count: u64, good: &dyn Fn(u32) -> bool) -> Option<u32> {
            let (zero, top) = (splat(0), splat(tail.top));
            let mut words = [zero; 16];
            for (at, word) in tail.words.iter().enumerate() {
                words[at] = splat(*word);
            }
            (words[4], words[15]) = (splat(END), splat(HEADER_BITS));
            let mut third = [zero; 8];
            for (letter, value) in tail.after(3).iter().enumerate() {
                third[place(letter, 3)] = splat(*value);
            }
            let mut tried = 0;
            while tried < count {
                // As many nonces as there are from `from` on, or fewer; lanes beyond the last are not looked at.
                let first = from.wrapping_add(tried as u32);
                let (mut s, mut w) = (third, words);
                w[3] = swap(ascending(first));
                rounds!(s, w: 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
                    33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
                let mut w = [zero; 16];
                for (at, word) in tail.midstate.iter().enumerate() {
                    w[at] = add(s[at], splat(*word));
                }
                (w[8], w[15]) = (splat(END), splat(HASH_BITS));
                let mut s = [zero; 8];
                for (at, word) in INITIAL.iter().enumerate() {
                    s[at] = splat(*word);
                }
                rounds!(s, w: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30
                    31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60);
                let last = add(s[place(4, 61)], splat(INITIAL[7]));
                let mut candidates = at_most(swap(last), top);
                if count - tried < LANES {
                    candidates &= (1 << (count - tried)) - 1;
                }
                while candidates != 0 {
                    let nonce = first.wrapping_add(candidates.trailing_zeros());
                    if good(nonce) {
                        return Some(nonce);
                    }
                    candidates &= candidates - 1;
                }
                tried += LANES;
            }
            None
        }
    };
}

macro_rules! rounds {
    ($s:ident, $w:ident: $($t:literal)*) => { $(round::<$t>(&mut $s, &mut $w);)* };
}

pub(super) use {lanes, rounds};
