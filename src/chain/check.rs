//! What can be said of a block without knowing any other: proof of work first, because it is what a liar
//! has to pay for; then that the header commits to this body; then the body's shape.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::chain::Rule;
use crate::limits::MAX_BLOCK_BYTES;
use crate::params::Params;
use crate::types::{Block, BlockHash, Header, TxId, merkle};

/// A block that keeps every rule that needs no context. There is no other way to make one, and nothing
/// else enters the chain. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CheckedBlock {
    block: Arc<Block>,
    hash: BlockHash,
    ids: Arc<[TxId]>,
    encoded: Bytes,
}

impl CheckedBlock {
    /// Checks `block`. Genesis is exempt from proof of work.
    ///
    /// That the header commits to this body is settled before its shape and size: whatever is refused
    /// after that is the header's own fault, so an honest header cannot be discredited by pairing it with
    /// a misshapen body.
    pub fn check(block: impl Into<Arc<Block>>, params: &Params) -> Result<CheckedBlock, Rule> {
        let block = block.into();
        let hash = block.hash();
        if hash != params.genesis_hash() {
            proof_of_work(&block.header, &hash, params)?;
        }
        let (encoded, ids) = block.encode_with_ids();
        let (root, mutated) = merkle::root(&ids);
        if root != block.header.merkle_root {
            return Err(Rule::BadMerkleRoot);
        }
        if mutated {
            return Err(Rule::MutatedMerkle);
        }
        if encoded.len() > MAX_BLOCK_BYTES {
            return Err(Rule::BlockTooLarge);
        }
        let mut coinbases = block.transactions.iter().map(|t| t.as_coinbase().is_some());
        if coinbases.next() != Some(true) {
            return Err(Rule::NoCoinbase);
        }
        if coinbases.any(|is_coinbase| is_coinbase) {
            return Err(Rule::ExtraCoinbase);
        }
        if has_duplicate(&ids) {
            return Err(Rule::DuplicateTransaction);
        }
        Ok(CheckedBlock { block, hash, ids: ids.into(), encoded: encoded.into() })
    }

    /// The block.
    pub fn block(&self) -> &Arc<Block> {
        &self.block
    }

    /// Its header.
    pub fn header(&self) -> &Header {
        &self.block.header
    }

    /// Its hash.
    pub fn hash(&self) -> BlockHash {
        self.hash
    }

    /// Its transactions' ids, in order.
    pub fn ids(&self) -> &Arc<[TxId]> {
        &self.ids
    }

    /// Its canonical encoding.
    pub fn encoded(&self) -> &Bytes {
        &self.encoded
    }
}

/// Whether an id occurs twice.
fn has_duplicate(ids: &[TxId]) -> bool {
    let mut beginnings: Vec<u64> = ids.iter().map(TxId::beginning).collect();
    beginnings.sort_unstable();
    // Numbers are quick to sort. Two ids that begin alike and differ take 2^32 hashes to find.
    beginnings.windows(2).any(|pair| pair[0] == pair[1])
        && ids.iter().collect::<BTreeSet<_>>().len() < ids.len()
}

/// Whether a header's bits are a target within the network's limit, and its hash meets it.
pub(super) fn proof_of_work(header: &Header, hash: &BlockHash, params: &Params) -> Result<(), Rule> {
    let target = header.bits.to_target().map_err(|_| Rule::BadBits)?;
    if target > params.limit() {
        return Err(Rule::BadBits);
    }
    if target.is_met_by(hash) { Ok(()) } else { Err(Rule::BadPow) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_begin_alike_are_no_duplicates() {
        let id = |first, last| {
            let mut bytes = [first; 32];
            bytes[31] = last;
            TxId(bytes)
        };
        let alike = [id(1, 1), id(2, 1), id(1, 2)];
        assert!(!has_duplicate(&alike));
        assert!(has_duplicate(&[&alike[..], &alike[..1]].concat()));
        assert!(!has_duplicate(&[]));
    }
}
