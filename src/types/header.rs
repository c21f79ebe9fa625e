//! The block header: Bitcoin's own 80 bytes, written by hand.

use crate::encoding::encode_by_hand;
use crate::types::hash::{BlockHash, MerkleRoot, double_sha256};
use crate::types::target::CompactTarget;

/// What proof of work is done over. All integers are little-endian in its 80 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Format version, free for the miner to choose; ours writes 1.
    pub version: u32,
    /// Hash of the parent's header.
    pub previous: BlockHash,
    /// Root over the block's transaction ids.
    pub merkle_root: MerkleRoot,
    /// Seconds since 1970, as the miner says.
    pub time: u32,
    /// The target that the hash must meet.
    pub bits: CompactTarget,
    /// What the miner varies.
    pub nonce: u32,
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 80;
    /// Where the nonce stands in them.
    pub const NONCE_OFFSET: usize = 76;

    /// The 80 bytes.
    pub fn to_bytes(&self) -> [u8; Header::LEN] {
        let mut bytes = [0; Header::LEN];
        bytes[0..4].copy_from_slice(&self.version.to_le_bytes());
        bytes[4..36].copy_from_slice(&self.previous.0);
        bytes[36..68].copy_from_slice(&self.merkle_root.0);
        bytes[68..72].copy_from_slice(&self.time.to_le_bytes());
        bytes[72..76].copy_from_slice(&self.bits.0.to_le_bytes());
        bytes[76..80].copy_from_slice(&self.nonce.to_le_bytes());
        bytes
    }

    /// The header of any 80 bytes: all of them are one.
    pub fn from_bytes(bytes: &[u8; Header::LEN]) -> Header {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let hash = |at: usize| {
            let mut hash = [0; 32];
            hash.copy_from_slice(&bytes[at..at + 32]);
            hash
        };
        Header {
            version: word(0),
            previous: BlockHash(hash(4)),
            merkle_root: MerkleRoot(hash(36)),
            time: word(68),
            bits: CompactTarget(word(72)),
            nonce: word(76),
        }
    }

    /// Double SHA-256 of the 80 bytes.
    pub fn hash(&self) -> BlockHash {
        BlockHash(double_sha256(&self.to_bytes()))
    }
}

encode_by_hand!(Header, 80);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding;

    /// Bitcoin's genesis header, the best-known 80 bytes there are.
    const GENESIS: &str = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3ed\
                           fd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";

    #[test]
    fn bitcoins_genesis_reads_hashes_and_writes_back() {
        let bytes = crate::types::hash::parse_hex::<80>(GENESIS).expect("80 bytes of hex");
        let header = Header::from_bytes(&bytes);
        assert_eq!(header.time, 1_231_006_505);
        assert_eq!(header.bits, CompactTarget(0x1d00_ffff));
        assert_eq!(header.nonce, 2_083_236_893);
        assert_eq!(
            header.hash().to_string(),
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
        );
        assert_eq!(header.to_bytes(), bytes);
        assert_eq!(encoding::encode(&header), bytes, "without a count before it");
        assert_eq!(encoding::decode(&bytes), Ok(header));
    }
}
