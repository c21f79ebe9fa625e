//! 32 lanes, in pairs of vectors of 16: rotations are one instruction, and so is every function of three bits.
//!
//! Two vectors side by side keep the processor's vector units busy while either waits for its own last result.

use core::arch::x86_64::*;

use crate::miner::kernel::tail::{END, HASH_BITS, HEADER_BITS, INITIAL, Tail};
use crate::miner::kernel::x86::lanes::{lanes, rounds};
use crate::miner::kernel::x86::rounds::K;

type V = [__m512i; 2];

const LANES: u64 = 32;

/// Functions of three bits: the result for each of the eight values of (x, y, z), as `vpternlogd` takes it.
const XOR: i32 = 0b1001_0110;
const CHOOSE: i32 = 0b1100_1010;
const MAJORITY: i32 = 0b1110_1000;

macro_rules! arithmetic {
    ($(fn $name:ident $(<const $n:ident: $t:ty>)? ($($arg:ident: $of:ty),*) -> $result:ty $body:block)*) => {
        $(
            #[inline]
            #[target_feature(enable = "avx512f,avx512bw")]
            fn $name $(<const $n: $t>)? ($($arg: $of),*) -> $result $body
        )*
    };
}

arithmetic! {
    fn splat(x: u32) -> V {
        [_mm512_set1_epi32(x as i32); 2]
    }
    fn add(x: V, y: V) -> V {
        [_mm512_add_epi32(x[0], y[0]), _mm512_add_epi32(x[1], y[1])]
    }
    fn logic<const OF: i32>(x: V, y: V, z: V) -> V {
        let low = _mm512_ternarylogic_epi32::<OF>(x[0], y[0], z[0]);
        [low, _mm512_ternarylogic_epi32::<OF>(x[1], y[1], z[1])]
    }
    fn right<const BITS: i32>(x: V) -> V {
        [_mm512_ror_epi32::<BITS>(x[0]), _mm512_ror_epi32::<BITS>(x[1])]
    }
    fn shift<const BITS: u32>(x: V) -> V {
        [_mm512_srli_epi32::<BITS>(x[0]), _mm512_srli_epi32::<BITS>(x[1])]
    }
    fn choose(x: V, y: V, z: V) -> V {
        logic::<CHOOSE>(x, y, z)
    }
    fn majority(x: V, y: V, z: V) -> V {
        logic::<MAJORITY>(x, y, z)
    }
    fn big0(x: V) -> V {
        logic::<XOR>(right::<2>(x), right::<13>(x), right::<22>(x))
    }
    fn big1(x: V) -> V {
        logic::<XOR>(right::<6>(x), right::<11>(x), right::<25>(x))
    }
    fn small0(x: V) -> V {
        logic::<XOR>(right::<7>(x), right::<18>(x), shift::<3>(x))
    }
    fn small1(x: V) -> V {
        logic::<XOR>(right::<17>(x), right::<19>(x), shift::<10>(x))
    }
    fn swap(x: V) -> V {
        let order = _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203);
        [_mm512_shuffle_epi8(x[0], order), _mm512_shuffle_epi8(x[1], order)]
    }
    fn ascending(from: u32) -> V {
        let low = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        add(splat(from), [low, _mm512_add_epi32(low, _mm512_set1_epi32(16))])
    }
    fn at_most(x: V, y: V) -> u32 {
        let low = _mm512_cmple_epu32_mask(x[0], y[0]);
        u32::from(low) | (u32::from(_mm512_cmple_epu32_mask(x[1], y[1])) << 16)
    }
}

lanes!("avx512f,avx512bw");
