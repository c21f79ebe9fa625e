//! A block: a header and what it commits to.

use crate::encoding::{self, Decode, Encode, List};
use crate::limits::MAX_BLOCK_TRANSACTIONS;
use crate::types::hash::{BlockHash, TxId};
use crate::types::header::Header;
use crate::types::transaction::{Transaction, id_of_encoding, ids_of_two_encodings};

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
        self.encode_with_ids().1
    }

    /// Its encoding and the transactions' ids, which are hashes of parts of it: large blocks are not to be encoded
    /// twice.
    pub fn encode_with_ids(&self) -> (Vec<u8>, Vec<TxId>) {
        let mut bytes = Vec::with_capacity(self.size());
        encoding::encode_into(&self.header, &mut bytes);
        encoding::encode_into(&(self.transactions.len() as u64), &mut bytes);
        let mut ids = Vec::with_capacity(self.transactions.len());
        let (pairs, last) = self.transactions.as_chunks::<2>();
        for [one, other] in pairs {
            let start = bytes.len();
            encoding::encode_into(one, &mut bytes);
            let middle = bytes.len();
            encoding::encode_into(other, &mut bytes);
            ids.extend(ids_of_two_encodings([&bytes[start..middle], &bytes[middle..]]));
        }
        for transaction in last {
            let start = bytes.len();
            encoding::encode_into(transaction, &mut bytes);
            ids.push(id_of_encoding(&bytes[start..]));
        }
        (bytes, ids)
    }

    /// Bytes of its encoding.
    pub fn size(&self) -> usize {
        encoding::encoded_len(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Content, Transaction};

    #[test]
    fn its_encoding_with_ids_is_its_encoding_and_its_ids() {
        for count in [0, 1, 2, 3, 50] {
            let content = |nonce| {
                let data = vec![nonce as u8; nonce as usize].try_into().expect("a short text");
                Transaction::Content(Content { nonce, data })
            };
            let header = Header::from_bytes(&[7; Header::LEN]);
            let block = Block { header, transactions: List::clipped((0..count).map(content)) };
            let ids: Vec<TxId> = block.transactions.iter().map(Transaction::id).collect();
            assert_eq!(block.encode_with_ids(), (encoding::encode(&block), ids.clone()), "{count}");
            assert_eq!(block.ids(), ids, "{count}");
        }
    }
}
