//! Eight lanes, for processors with neither AVX-512 nor SHA instructions.

use core::arch::x86_64::*;

use crate::miner::kernel::tail::{END, HASH_BITS, HEADER_BITS, INITIAL, Tail};
use crate::miner::kernel::x86::lanes::{lanes, rounds};
use crate::miner::kernel::x86::rounds::K;

type V = __m256i;

const LANES: u64 = 8;

macro_rules! arithmetic {
    ($(fn $name:ident $(<$(const $n:ident: $t:ty),+>)? ($($arg:ident: $of:ty),*) -> $result:ty $body:block)*) => {
        $(
            #[inline]
            #[target_feature(enable = "avx2")]
            fn $name $(<$(const $n: $t),+>)? ($($arg: $of),*) -> $result $body
        )*
    };
}

arithmetic! {
    fn splat(x: u32) -> V {
        _mm256_set1_epi32(x as i32)
    }
    fn add(x: V, y: V) -> V {
        _mm256_add_epi32(x, y)
    }
    fn xor(x: V, y: V) -> V {
        _mm256_xor_si256(x, y)
    }
    fn and(x: V, y: V) -> V {
        _mm256_and_si256(x, y)
    }
    // There is no rotation: two shifts, which together move by a word.
    fn right<const BITS: i32, const LEFT: i32>(x: V) -> V {
        const { assert!(BITS + LEFT == 32) };
        _mm256_or_si256(_mm256_srli_epi32::<BITS>(x), _mm256_slli_epi32::<LEFT>(x))
    }
    fn shift<const BITS: i32>(x: V) -> V {
        _mm256_srli_epi32::<BITS>(x)
    }
    fn choose(x: V, y: V, z: V) -> V {
        xor(z, and(x, xor(y, z)))
    }
    // x ^ y is the next round's y ^ z, and computed once.
    fn majority(x: V, y: V, z: V) -> V {
        xor(y, and(xor(x, y), xor(y, z)))
    }
    fn big0(x: V) -> V {
        xor(right::<2, 30>(x), xor(right::<13, 19>(x), right::<22, 10>(x)))
    }
    fn big1(x: V) -> V {
        xor(right::<6, 26>(x), xor(right::<11, 21>(x), right::<25, 7>(x)))
    }
    fn small0(x: V) -> V {
        xor(right::<7, 25>(x), xor(right::<18, 14>(x), shift::<3>(x)))
    }
    fn small1(x: V) -> V {
        xor(right::<17, 15>(x), xor(right::<19, 13>(x), shift::<10>(x)))
    }
    fn swap(x: V) -> V {
        let order = _mm_set_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
        _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(order))
    }
    fn ascending(from: u32) -> V {
        add(splat(from), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
    }
    // There is no unsigned comparison: x ≤ y where the lesser of both is x.
    fn at_most(x: V, y: V) -> u32 {
        let lanes = _mm256_cmpeq_epi32(_mm256_min_epu32(x, y), x);
        u32::from(_mm256_movemask_ps(_mm256_castsi256_ps(lanes)) as u8)
    }
}

lanes!("avx2");
