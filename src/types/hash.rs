//! Hashes: 32 bytes each, one type for each thing that is hashed, so that they cannot be mixed up.
//!
//! In memory and on the wire a hash is its digest's bytes in order; as text it is hex of the bytes
//! reversed, which is how Bitcoin shows hashes and why proof of work shows as leading zeros.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use crate::encoding::{Decode, Encode};
use crate::types::sha256::{INITIAL, finish, finish_two};

/// SHA-256 of SHA-256: Bitcoin's hash of headers and of inner Merkle nodes.
pub fn double_sha256(bytes: &[u8]) -> [u8; 32] {
    finish(INITIAL, 0, &finish(INITIAL, 0, bytes))
}

/// The same of two at once, which is faster than one after the other.
pub(super) fn double_sha256_of_two(bytes: [&[u8]; 2]) -> [[u8; 32]; 2] {
    let [one, other] = finish_two(INITIAL, 0, bytes);
    finish_two(INITIAL, 0, [&one, &other])
}

/// A text is not 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hex digits")]
pub struct BadHash;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes `bytes` as lower-case hex: a hash at a time, because most of what is said to people and programs is
/// hashes.
pub fn write_hex<'a>(f: &mut fmt::Formatter<'_>, mut bytes: impl Iterator<Item = &'a u8>) -> fmt::Result {
    loop {
        let (mut text, mut length) = ([0; 64], 0);
        for (pair, byte) in text.chunks_exact_mut(2).zip(&mut bytes) {
            pair.copy_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            length += 2;
        }
        f.write_str(core::str::from_utf8(&text[..length]).unwrap_or_default())?;
        if length < text.len() {
            return Ok(());
        }
    }
}

/// `N` bytes from exactly `2 N` hex digits of either case.
pub fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// Its first eight bytes, the lowest of the number that it is: what look-ups begin with. Several may
            /// begin alike.
            pub fn beginning(&self) -> u64 {
                let [a, b, c, d, e, f, g, h, ..] = self.0;
                u64::from_le_bytes([a, b, c, d, e, f, g, h])
            }
        }

        /// By its beginning, which is as random as all of it: many that begin alike cost more hashes to find than
        /// looking through them costs anybody.
        impl Hash for $name {
            fn hash<H: Hasher>(&self, state: &mut H) {
                state.write_u64(self.beginning());
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, self.0.iter().rev())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = BadHash;
            fn from_str(text: &str) -> Result<Self, BadHash> {
                let mut bytes = parse_hex::<32>(text).ok_or(BadHash)?;
                bytes.reverse();
                Ok($name(bytes))
            }
        }
    };
}

hash_type! {
    /// Double SHA-256 of a header's 80 bytes: a block's name.
    BlockHash
}
hash_type! {
    /// Tagged SHA-256 of a transaction's encoding (see [`crate::types::transaction`]).
    TxId
}
hash_type! {
    /// Root of the Merkle tree over a block's transaction ids.
    MerkleRoot
}

impl BlockHash {
    /// What genesis names as its parent, and no block hashes to in practice.
    pub const ZERO: BlockHash = BlockHash([0; 32]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_bytes_reversed_and_reads_back() {
        let mut bytes = [0; 32];
        bytes[0] = 0xab;
        let hash = BlockHash(bytes);
        assert!(hash.to_string().ends_with("ab"));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in ["", "ab", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(bad.parse::<BlockHash>(), Err(BadHash), "{bad}");
        }
    }
}
