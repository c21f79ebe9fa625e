//! What a block carries: one coinbase, then contents.
//!
//! An enum, so that a shape no rule allows cannot be written down. Pool, relay, Merkle tree and store know
//! of a transaction only its id, size and bytes: another variant (signed transfers of value) changes none
//! of them.

use std::sync::OnceLock;

use sha2::block_api::compress256;

use crate::encoding::{self, Blob, Decode, Encode, Text};
use crate::limits::{MAX_CONTENT_BYTES, MAX_NOTE_BYTES};
use crate::types::hash::TxId;
use crate::types::node_id::NodeId;
use crate::types::sha256::{BLOCK, INITIAL, finish, finish_two};

/// The id of a transaction is SHA-256(tag ‖ tag ‖ encoding) with tag = SHA-256 of this text: a tagged hash
/// as in BIP 340, so that no transaction can pose as an inner node of the Merkle tree.
pub const ID_TAG: &[u8] = b"p2pnode/tx";

/// A transaction.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Transaction {
    /// Says who mined the block, and where it stands.
    Coinbase(Coinbase),
    /// What somebody put into a block.
    Content(Content),
}

/// Exactly one a block, and its first transaction.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Coinbase {
    /// Height of the block, so that two blocks never have the same coinbase (BIP 34). Genesis is 0.
    pub height: u64,
    /// Who mined it, as it says.
    pub miner: NodeId,
    /// What the miner varies when the header's nonces run out.
    pub extra_nonce: u64,
    /// A word of the miner's.
    pub note: Text<MAX_NOTE_BYTES>,
}

/// Text or bytes that somebody wants in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Content {
    /// Random, so that the same text can be posted twice.
    pub nonce: u64,
    /// The bytes; what they mean is their writer's business.
    pub data: Blob<MAX_CONTENT_BYTES>,
}

impl Transaction {
    /// Its name, by content.
    pub fn id(&self) -> TxId {
        id_of_encoding(&encoding::encode(self))
    }

    /// Bytes of its encoding.
    pub fn size(&self) -> usize {
        encoding::encoded_len(self)
    }

    /// The coinbase in it, if it is one.
    pub fn as_coinbase(&self) -> Option<&Coinbase> {
        match self {
            Transaction::Coinbase(coinbase) => Some(coinbase),
            Transaction::Content(_) => None,
        }
    }
}

/// The id of the transaction whose canonical encoding is `bytes`.
pub fn id_of_encoding(bytes: &[u8]) -> TxId {
    TxId(finish(after_tags(), BLOCK, bytes))
}

/// The ids of two, which is faster than one after the other.
pub(super) fn ids_of_two_encodings(bytes: [&[u8]; 2]) -> [TxId; 2] {
    finish_two(after_tags(), BLOCK, bytes).map(TxId)
}

/// The hash's state after tag and tag, which are a block of it.
fn after_tags() -> [u32; 8] {
    static STATE: OnceLock<[u32; 8]> = OnceLock::new();
    *STATE.get_or_init(|| {
        let (tag, mut both, mut state) = (finish(INITIAL, 0, ID_TAG), [0; BLOCK], INITIAL);
        both[..tag.len()].copy_from_slice(&tag);
        both[tag.len()..].copy_from_slice(&tag);
        compress256(&mut state, &[both]);
        state
    })
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// Row 28 of docs/hostile.md.
    #[test]
    fn the_id_is_the_tagged_hash_of_the_encoding() {
        let content = Transaction::Content(Content {
            nonce: 7,
            data: b"hello".to_vec().try_into().expect("a short text"),
        });
        let bytes = encoding::encode(&content);
        assert_eq!(bytes, b"\x01\0\0\0\x07\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0hello");
        assert_eq!(content.size(), bytes.len());
        let tag = Sha256::digest(b"p2pnode/tx");
        let whole = [&tag[..], &tag[..], &bytes[..]].concat();
        assert_eq!(content.id(), TxId(Sha256::digest(whole).into()));
    }
}
