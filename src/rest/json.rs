//! Blocks as JSON: the original's keys, and enough beside them to get the same block back.
//!
//! ```json
//! {"header": {"index": 2, "timestamp": 1767225600.0, "proof": 1234, "previous_hash": "…",
//!             "hash": "…", "merkle_root": "…", "bits": "1e0fffff", "version": 1},
//!  "assembly instruction": "the first content as text, or null",
//!  "content": [{"id": "…", "type": "coinbase", "height": 1, "miner": "…", "extra_nonce": "0", "note": ""},
//!              {"id": "…", "type": "content", "nonce": "7", "text": "…"}]}
//! ```
//!
//! `index` counts from 1, so genesis is 1. Nonces of 64 bits are strings, because JavaScript would round
//! them; a content that is not UTF-8 has `base64` in place of `text`, and `base64:…` as the assembly
//! instruction. Index, hash, assembly instruction and ids repeat what the rest says: they may be left out
//! of what is sent here, but must be true if they are there.
//!
//! Lives here: writing. Reading is in `read`, and what any JSON must keep to is in `strict`.

pub(super) mod read;
pub(super) mod strict;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};

use crate::node::io::ClockOffset;
use crate::types::{Block, BlockHash, Content, Transaction, TxId};

/// Where a chain ends, or parts from another.
pub fn place(hash: &BlockHash, height: u64) -> Value {
    json!({ "hash": hash.to_string(), "height": height })
}

/// The first of some ids, and how many there are.
pub fn ids(first: &[TxId], count: u64) -> Value {
    let first: Vec<String> = first.iter().map(ToString::to_string).collect();
    json!({ "ids": first, "count": count })
}

/// How far clocks are apart.
pub fn clock(offset: &ClockOffset) -> Value {
    json!({ "offset_seconds": offset.seconds(), "peers": offset.peers, "off": offset.is_off })
}

/// A block as it is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct BlockJson {
    header: HeaderJson,
    #[serde(rename = "assembly instruction")]
    assembly: Option<String>,
    content: Vec<TransactionJson>,
}

/// A header as it is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct HeaderJson {
    index: u64,
    timestamp: f64,
    proof: u32,
    previous_hash: String,
    hash: String,
    merkle_root: String,
    bits: String,
    version: u32,
}

/// A transaction as it is written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct TransactionJson {
    id: String,
    #[serde(flatten)]
    body: BodyJson,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum BodyJson {
    Coinbase { height: u64, miner: String, extra_nonce: String, note: String },
    Content(ContentJson),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum ContentJson {
    Text { nonce: String, text: String },
    Bytes { nonce: String, base64: String },
}

/// `block`, which stands at `height`, as text.
pub fn block_text(block: &Block, height: u64) -> serde_json::Result<String> {
    serde_json::to_string(&block_json(block, height))
}

/// `block`, which stands at `height`.
pub(super) fn block_json(block: &Block, height: u64) -> BlockJson {
    let header = &block.header;
    let first = block.transactions.iter().find_map(|transaction| match transaction {
        Transaction::Content(content) => Some(text_of(content)),
        Transaction::Coinbase(_) => None,
    });
    BlockJson {
        header: HeaderJson {
            // A height from a block of ours is far below the end of u64; one from a stranger need not be.
            index: height.saturating_add(1),
            timestamp: f64::from(header.time),
            proof: header.nonce,
            previous_hash: header.previous.to_string(),
            hash: header.hash().to_string(),
            merkle_root: header.merkle_root.to_string(),
            bits: header.bits.to_string(),
            version: header.version,
        },
        assembly: first.map(|text| text.unwrap_or_else(|base64| format!("base64:{base64}"))),
        content: block.transactions.iter().map(transaction_json).collect(),
    }
}

/// A content's text, or its base64 if it is none.
fn text_of(content: &Content) -> Result<String, String> {
    core::str::from_utf8(&content.data).map(str::to_owned).map_err(|_| STANDARD.encode(&*content.data))
}

/// One transaction.
pub(super) fn transaction_json(transaction: &Transaction) -> TransactionJson {
    let body = match transaction {
        Transaction::Coinbase(coinbase) => BodyJson::Coinbase {
            height: coinbase.height,
            miner: coinbase.miner.to_string(),
            extra_nonce: coinbase.extra_nonce.to_string(),
            note: coinbase.note.as_str().to_owned(),
        },
        Transaction::Content(content) => {
            let nonce = content.nonce.to_string();
            BodyJson::Content(match text_of(content) {
                Ok(text) => ContentJson::Text { nonce, text },
                Err(base64) => ContentJson::Bytes { nonce, base64 },
            })
        }
    };
    TransactionJson { id: transaction.id().to_string(), body }
}

#[cfg(test)]
mod tests;
