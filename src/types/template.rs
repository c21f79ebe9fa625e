//! A block that still lacks its proof of work: what a miner is given.

use crate::encoding::List;
use crate::types::block::Block;
use crate::types::hash::TxId;
use crate::types::header::Header;
use crate::types::merkle;
use crate::types::transaction::{Coinbase, Transaction};

/// All of a block but the nonce, and the freedom to vary it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its time is the earliest that the rules allow; a miner writes max(now, that).
    pub header: Header,
    /// Its extra nonce is the miner's to count.
    pub coinbase: Coinbase,
    /// What follows the coinbase.
    pub contents: Vec<Transaction>,
    /// What the coinbase's id is joined with on its way to the Merkle root.
    branch: Vec<[u8; 32]>,
}

impl Template {
    /// A template with its Merkle branch computed.
    pub fn new(header: Header, coinbase: Coinbase, contents: Vec<Transaction>) -> Template {
        let ids: Vec<TxId> =
            core::iter::once(TxId::default()).chain(contents.iter().map(Transaction::id)).collect();
        Template { header, coinbase, contents, branch: merkle::first_branch(&ids) }
    }

    /// The header for an extra nonce and a time, its nonce 0.
    pub fn header(&self, extra_nonce: u64, time: u32) -> Header {
        let coinbase = Transaction::Coinbase(Coinbase { extra_nonce, ..self.coinbase.clone() });
        Header {
            merkle_root: merkle::root_from_branch(coinbase.id(), &self.branch),
            time: time.max(self.header.time),
            nonce: 0,
            ..self.header
        }
    }

    /// The whole block, once `header` (made by [`Template::header`] for `extra_nonce`) meets its target.
    pub fn block(&self, header: Header, extra_nonce: u64) -> Block {
        let coinbase = Transaction::Coinbase(Coinbase { extra_nonce, ..self.coinbase.clone() });
        let transactions = core::iter::once(coinbase).chain(self.contents.iter().cloned());
        Block { header, transactions: List::clipped(transactions) }
    }
}
