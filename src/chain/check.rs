//! What can be said of a block without knowing any other: proof of work first, because it is what a liar
//! has to pay for; then that the header commits to this body; then the body's shape.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use crate::chain::Rule;
use crate::encoding;
use crate::limits::MAX_BLOCK_BYTES;
use crate::params::Params;
use crate::types::{Block, BlockHash, Header, Transaction, TxId, merkle};

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
        let ids: Arc<[TxId]> = block.transactions.iter().map(Transaction::id).collect();
        let (root, mutated) = merkle::root(&ids);
        if root != block.header.merkle_root {
            return Err(Rule::BadMerkleRoot);
        }
        if mutated {
            return Err(Rule::MutatedMerkle);
        }
        let encoded = Bytes::from(encoding::encode(&*block));
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
        if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
            return Err(Rule::DuplicateTransaction);
        }
        Ok(CheckedBlock { block, hash, ids, encoded })
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

/// Whether a header's bits are a target within the network's limit, and its hash meets it.
pub(super) fn proof_of_work(header: &Header, hash: &BlockHash, params: &Params) -> Result<(), Rule> {
    let target = header.bits.to_target().map_err(|_| Rule::BadBits)?;
    if target > params.limit() {
        return Err(Rule::BadBits);
    }
    if target.is_met_by(hash) { Ok(()) } else { Err(Rule::BadPow) }
}
