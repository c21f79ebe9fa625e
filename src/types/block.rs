//! A block: a header and what it commits to.

use crate::encoding::{self, Decode, Encode, List};
use crate::limits::MAX_BLOCK_TRANSACTIONS;
use crate::types::hash::{BlockHash, TxId};
use crate::types::header::Header;
use crate::types::transaction::Transaction;

/// A block as it was written down; whether it keeps any rule is `chain::CheckedBlock`'s to say.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Block {
    /// What the proof of work is over.
    pub header: Header,
    /// The coinbase, then contents.
    pub transactions: List<Transaction, MAX_BLOCK_TRANSACTIONS>,
}

impl Block {
    /// The header's hash.
    pub fn hash(&self) -> BlockHash {
        self.header.hash()
    }

    /// The transactions' ids, in order.
    pub fn ids(&self) -> Vec<TxId> {
        self.transactions.iter().map(Transaction::id).collect()
    }

    /// Bytes of its encoding.
    pub fn size(&self) -> usize {
        encoding::encoded_len(self)
    }
}
