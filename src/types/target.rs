//! Targets, their compact form, and work: the arithmetic of difficulty, as Bitcoin does it.

use core::fmt;

use ruint::aliases::U256;

use crate::encoding::{Decode, Encode};
use crate::types::hash::BlockHash;

/// A block's hash, read as a little-endian number, must not be above this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target(U256);

/// Why four bytes are not the compact form of a target (Bitcoin's `SetCompact`, and zero).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCompact {
    /// The sign bit is set.
    #[error("the compact target is negative")]
    Negative,
    /// The target is zero: no hash could meet it.
    #[error("the compact target is zero")]
    Zero,
    /// The target does not fit 256 bits.
    #[error("the compact target overflows 256 bits")]
    Overflow,
}

impl Target {
    /// The target of hashes that begin with `bits` zero bits: 2^(256 - bits) - 1.
    pub fn from_leading_zeros(bits: u32) -> Target {
        Target(if bits < 256 { U256::MAX >> bits as usize } else { U256::ZERO })
    }

    /// From the number itself.
    pub const fn from_u256(value: U256) -> Target {
        Target(value)
    }

    /// The number itself.
    pub const fn to_u256(self) -> U256 {
        self.0
    }

    /// Whether `hash` is good enough.
    pub fn is_met_by(self, hash: &BlockHash) -> bool {
        U256::from_le_bytes(hash.0) <= self.0
    }

    /// How many hashes it takes on average to meet this target: floor(2^256 / (target + 1)).
    pub fn work(self) -> Work {
        // 2^256 does not fit; floor(2^256 / (t + 1)) = floor((2^256 - 1 - t) / (t + 1)) + 1.
        match self.0.checked_add(U256::ONE) {
            Some(above) => Work((U256::MAX - self.0) / above + U256::ONE),
            None => Work(U256::ONE),
        }
    }

    /// The compact form: three significant bytes, rounded down (Bitcoin's `GetCompact`).
    pub fn to_compact(self) -> CompactTarget {
        let mut size = self.0.byte_len() as u32;
        let mut mantissa = if size <= 3 {
            low_u32(self.0) << (8 * (3 - size))
        } else {
            low_u32(self.0 >> (8 * (size as usize - 3)))
        };
        // The highest bit of the mantissa is a sign: a mantissa that would set it moves one byte down.
        if mantissa & 0x0080_0000 != 0 {
            mantissa >>= 8;
            size += 1;
        }
        CompactTarget(mantissa | (size << 24))
    }

    /// self · times / over in 512 bits of headroom, or the largest target if it does not fit.
    pub fn scaled(self, times: u64, over: u64) -> Target {
        let over = U256::from(over.max(1));
        let times = U256::from(times);
        // Split, so that the product of the quotient is the only one that can overflow.
        let (quotient, remainder) = self.0.div_rem(over);
        let scaled = quotient
            .checked_mul(times)
            .and_then(|whole| whole.checked_add(remainder * times / over))
            .unwrap_or(U256::MAX);
        Target(scaled)
    }
}

fn low_u32(value: U256) -> u32 {
    (value.as_limbs()[0] & 0xffff_ffff) as u32
}

/// A target as a header carries it: the "bits" field, an exponent byte and a 23-bit mantissa.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
pub struct CompactTarget(pub u32);

impl CompactTarget {
    /// The target, or why these bits are none.
    pub fn to_target(self) -> Result<Target, BadCompact> {
        let size = self.0 >> 24;
        let mut word = self.0 & 0x007f_ffff;
        if size < 3 {
            word >>= 8 * (3 - size);
        }
        if word == 0 {
            return Err(BadCompact::Zero);
        }
        if self.0 & 0x0080_0000 != 0 {
            return Err(BadCompact::Negative);
        }
        if size > 34 || (word > 0xff && size > 33) || (word > 0xffff && size > 32) {
            return Err(BadCompact::Overflow);
        }
        Ok(Target(U256::from(word) << (8 * size.saturating_sub(3) as usize)))
    }
}

impl fmt::Display for CompactTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for CompactTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompactTarget(0x{self})")
    }
}

/// Expected number of hashes: of a block, or summed over a chain. Saturates, so it can never wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Work(U256);

impl Work {
    /// No work at all.
    pub const ZERO: Work = Work(U256::ZERO);

    /// The sum, or the largest work there is.
    #[must_use]
    pub fn plus(self, other: Work) -> Work {
        Work(self.0.saturating_add(other.0))
    }

    /// The difference, or nothing.
    #[must_use]
    pub fn minus(self, other: Work) -> Work {
        Work(self.0.saturating_sub(other.0))
    }

    /// As a number of 128 bits, or the largest: more than anybody will ever do.
    pub fn to_u128(self) -> u128 {
        self.0.saturating_to()
    }

    /// Of that number.
    pub fn from_u128(hashes: u128) -> Work {
        Work(U256::from(hashes))
    }

    /// So many times the work, or the largest there is.
    #[must_use]
    pub fn times(self, count: u64) -> Work {
        Work(self.0.saturating_mul(U256::from(count)))
    }

    /// The 32 bytes it is on the wire, least significant first.
    pub fn to_le_bytes(self) -> [u8; 32] {
        self.0.to_le_bytes()
    }

    /// From the 32 bytes it is on the wire.
    pub fn from_le_bytes(bytes: [u8; 32]) -> Work {
        Work(U256::from_le_bytes(bytes))
    }

    /// As a float, for ratios and rates shown to people.
    pub fn to_f64(self) -> f64 {
        f64::from(self.0)
    }
}

impl fmt::Display for Work {
    /// Decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bitcoin Core's own table (src/test/arith_uint256_tests.cpp, `bignum_SetCompact`).
    /// Row 26 of docs/hostile.md.
    #[test]
    fn compact_targets_decode_as_in_bitcoin() {
        use BadCompact::{Negative, Overflow, Zero};
        let good = [
            (0x0112_3456, 0x12, 0x0112_0000),
            (0x0212_3456, 0x1234, 0x0212_3400),
            (0x0312_3456, 0x12_3456, 0x0312_3456),
            (0x0412_3456, 0x1234_5600, 0x0412_3456),
            (0x0500_9234, 0x9234_0000_u32, 0x0500_9234),
        ];
        for (bits, value, back) in good {
            let target = CompactTarget(bits).to_target().expect("a good target");
            assert_eq!(target.to_u256(), U256::from(value), "{bits:08x}");
            assert_eq!(target.to_compact(), CompactTarget(back));
        }
        let bad = [
            (0, Zero),
            (0x0012_3456, Zero),
            (0x0100_3456, Zero),
            (0x0200_0056, Zero),
            (0x0300_0000, Zero),
            (0x0492_3456, Negative),
            (0x01fe_dcba, Negative),
            (0xff12_3456, Overflow),
            (0x2300_0001, Overflow),
            (0x2200_0100, Overflow),
            (0x2101_0000, Overflow),
        ];
        for (bits, error) in bad {
            assert_eq!(CompactTarget(bits).to_target(), Err(error), "{bits:08x}");
        }
    }

    #[test]
    fn leading_zero_bits_have_the_known_compact_forms() {
        for (zeros, bits) in [(1, 0x207f_ffff), (8, 0x2000_ffff), (20, 0x1e0f_ffff), (32, 0x1d00_ffff)] {
            assert_eq!(Target::from_leading_zeros(zeros).to_compact(), CompactTarget(bits), "{zeros}");
        }
    }

    /// Row 44 of docs/hostile.md.
    #[test]
    fn work_is_the_expected_number_of_hashes() {
        let mainnet = CompactTarget(0x1d00_ffff).to_target().expect("the mainnet limit");
        assert_eq!(mainnet.work().to_string(), "4295032833");
        assert_eq!(Target::from_leading_zeros(0).work(), Work(U256::ONE));
        assert_eq!(Target::from_leading_zeros(20).work(), Work(U256::from(1 << 20)));
        let most = Work(U256::MAX);
        assert_eq!(most.plus(most), most);
        assert_eq!(Work::from_le_bytes(most.to_le_bytes()), most);
    }

    /// Row 44 of docs/hostile.md.
    #[test]
    fn scaling_neither_wraps_nor_loses_bits() {
        let target = Target(U256::from(1_000_003u64));
        assert_eq!(target.scaled(7, 3), Target(U256::from(2_333_340u64)));
        assert_eq!(Target(U256::MAX).scaled(4, 1), Target(U256::MAX));
        assert_eq!(Target(U256::MAX).scaled(4, 4), Target(U256::MAX));
    }
}
