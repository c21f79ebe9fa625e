//! Short ids: six bytes that stand for a transaction inside one compact block, as in BIP 152.
//!
//! They are keyed by the block's header and a number that its sender drew, so that nobody can make two
//! transactions that collide for everybody. Two that collide by chance (one pool of 20,000 in some ten
//! million blocks) cost a download, never an error: the Merkle root has the last word.

use core::fmt;
use core::hash::Hasher;

use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher24;

use crate::encoding::{Decode, Encode};
use crate::types::hash::{TxId, write_hex};
use crate::types::header::Header;

/// Stands for a transaction inside one compact block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct ShortId(pub [u8; 6]);

impl fmt::Debug for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShortId(")?;
        write_hex(f, self.0.iter())?;
        f.write_str(")")
    }
}

/// Gives the short ids of one compact block.
#[derive(Debug, Clone, Copy)]
pub struct ShortIds(SipHasher24);

impl ShortIds {
    /// Those of the block with this header, for this number. SipHash-2-4 is keyed with the first sixteen
    /// bytes of SHA-256(header ‖ number, little-endian).
    pub fn new(header: &Header, nonce: u64) -> ShortIds {
        let digest: [u8; 32] =
            Sha256::new().chain_update(header.to_bytes()).chain_update(nonce.to_le_bytes()).finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        ShortIds(SipHasher24::new_with_key(&key))
    }

    /// The short id of a transaction: the six low bytes of its id's SipHash, little-endian.
    pub fn of(&self, id: &TxId) -> ShortId {
        let mut hasher = self.0;
        hasher.write(&id.0);
        let [a, b, c, d, e, f, ..] = hasher.finish().to_le_bytes();
        ShortId([a, b, c, d, e, f])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;

    /// SipHash-2-4's own first vectors (key 00 01 … 0f; messages of 0, 1, 2, … bytes 00 01 02 …).
    #[test]
    fn the_hash_is_siphash_2_4() {
        let key: [u8; 16] = core::array::from_fn(|at| at as u8);
        let rows: [(usize, u64); 3] =
            [(0, 0x726f_db47_dd0e_0e31), (1, 0x74f8_39c5_93dc_67fd), (8, 0x93f5_f579_9a93_2462)];
        for (length, expected) in rows {
            let mut hasher = SipHasher24::new_with_key(&key);
            hasher.write(&key[..length]);
            assert_eq!(hasher.finish(), expected, "{length} bytes");
        }
    }

    #[test]
    fn a_short_id_depends_on_block_number_and_transaction() {
        let header = Params::regtest().genesis().header;
        let other = Header { nonce: header.nonce + 1, ..header };
        let of = |header, nonce, id| ShortIds::new(header, nonce).of(&TxId([id; 32]));
        let first = of(&header, 1, 1);
        assert_eq!(first, of(&header, 1, 1));
        for different in [of(&other, 1, 1), of(&header, 2, 1), of(&header, 1, 2)] {
            assert_ne!(first, different);
        }
    }
}
