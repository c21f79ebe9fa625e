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
//! them; a content that is not UTF-8 has `base64` in place of `text`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::encoding::List;
use crate::types::{Block, Coinbase, CompactTarget, Content, Header, Transaction};

/// A block as it is written; everything but the last three lines of each is needed to read it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BlockJson {
    pub(super) header: HeaderJson,
    #[serde(rename = "assembly instruction", default, skip_serializing_if = "Given::is_missing")]
    assembly: Given<Option<String>>,
    content: Vec<Value>,
}

/// A header as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct HeaderJson {
    #[serde(default, skip_serializing_if = "Given::is_missing")]
    index: Given<u64>,
    timestamp: f64,
    proof: u32,
    previous_hash: String,
    #[serde(default, skip_serializing_if = "Given::is_missing")]
    hash: Given<String>,
    merkle_root: String,
    bits: String,
    version: u32,
}

/// A member that may be left out where it only repeats what others say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(untagged)]
enum Given<T> {
    Value(T),
    #[default]
    Missing,
}

impl<T: PartialEq> Given<T> {
    fn is_missing(&self) -> bool {
        matches!(self, Given::Missing)
    }

    /// Whether it was left out, or says what it should.
    fn agrees(&self, should: &Given<T>) -> bool {
        self.is_missing() || self == should
    }
}

/// A transaction, without what only repeats it.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum TransactionJson {
    Coinbase { height: u64, miner: String, extra_nonce: String, note: String },
    Content { nonce: String, text: Option<String>, base64: Option<String> },
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
            index: Given::Value(height + 1),
            timestamp: f64::from(header.time),
            proof: header.nonce,
            previous_hash: header.previous.to_string(),
            hash: Given::Value(header.hash().to_string()),
            merkle_root: header.merkle_root.to_string(),
            bits: header.bits.to_string(),
            version: header.version,
        },
        assembly: Given::Value(first.map(|text| text.unwrap_or_else(|base64| format!("base64:{base64}")))),
        content: block.transactions.iter().map(transaction_json).collect(),
    }
}

/// A content's text, or its base64 if it is none.
fn text_of(content: &Content) -> Result<String, String> {
    core::str::from_utf8(&content.data).map(str::to_owned).map_err(|_| STANDARD.encode(&*content.data))
}

/// One transaction.
pub(super) fn transaction_json(transaction: &Transaction) -> Value {
    let id = transaction.id().to_string();
    match transaction {
        Transaction::Coinbase(coinbase) => json!({
            "id": id, "type": "coinbase", "height": coinbase.height, "miner": coinbase.miner.to_string(),
            "extra_nonce": coinbase.extra_nonce.to_string(), "note": coinbase.note.as_str(),
        }),
        Transaction::Content(content) => {
            let nonce = content.nonce.to_string();
            match text_of(content) {
                Ok(text) => json!({ "id": id, "type": "content", "nonce": nonce, "text": text }),
                Err(base64) => json!({ "id": id, "type": "content", "nonce": nonce, "base64": base64 }),
            }
        }
    }
}

/// The block that `json` describes; its hash and ids, if given, are held against it by [`disagreement`].
pub(super) fn block_of(json: &BlockJson) -> Result<Block, String> {
    let HeaderJson { timestamp, proof, previous_hash, merkle_root, bits, version, .. } = &json.header;
    let time = *timestamp as u32;
    if f64::from(time) != *timestamp {
        return Err(format!("header.timestamp: {timestamp} is not a whole number of seconds"));
    }
    let bits = u32::from_str_radix(bits, 16).ok().filter(|_| bits.len() == 8);
    let transactions: Result<Vec<Transaction>, String> = json
        .content
        .iter()
        .enumerate()
        .map(|(at, value)| transaction_of(value).map_err(|why| format!("content[{at}]{why}")))
        .collect();
    Ok(Block {
        header: Header {
            version: *version,
            previous: previous_hash.parse().map_err(|error| format!("header.previous_hash: {error}"))?,
            merkle_root: merkle_root.parse().map_err(|error| format!("header.merkle_root: {error}"))?,
            time,
            bits: CompactTarget(bits.ok_or("header.bits: expected 8 hex digits")?),
            nonce: *proof,
        },
        transactions: List::try_from(transactions?).map_err(|error| format!("content: {error}"))?,
    })
}

fn transaction_of(value: &Value) -> Result<Transaction, String> {
    let number = |name: &str, text: &str| {
        text.parse::<u64>().map_err(|_| format!(".{name}: expected a number of 64 bits as a string"))
    };
    match TransactionJson::deserialize(value).map_err(|error| format!(": {error}"))? {
        TransactionJson::Coinbase { height, miner, extra_nonce, note } => {
            Ok(Transaction::Coinbase(Coinbase {
                height,
                miner: miner.parse().map_err(|error| format!(".miner: {error}"))?,
                extra_nonce: number("extra_nonce", &extra_nonce)?,
                note: note.try_into().map_err(|error| format!(".note: {error}"))?,
            }))
        }
        TransactionJson::Content { nonce, text, base64 } => {
            let data = match (text, base64) {
                (Some(text), None) => text.into_bytes(),
                (None, Some(base64)) => {
                    STANDARD.decode(base64).map_err(|error| format!(".base64: {error}"))?
                }
                _ => return Err(": expected text or base64".to_owned()),
            };
            let data = data.try_into().map_err(|error| format!(": {error}"))?;
            Ok(Transaction::Content(Content { nonce: number("nonce", &nonce)?, data }))
        }
    }
}

/// Which member of `json`, of those that only repeat what others say, does not say what `block` at `height`
/// would have it say.
pub(super) fn disagreement(json: &BlockJson, block: &Block, height: u64) -> Option<String> {
    let should = block_json(block, height);
    let agree = [
        ("header.index", json.header.index.agrees(&should.header.index)),
        ("header.hash", json.header.hash.agrees(&should.header.hash)),
        ("assembly instruction", json.assembly.agrees(&should.assembly)),
    ];
    if let Some((name, _)) = agree.iter().find(|(_, agrees)| !agrees) {
        return Some((*name).to_owned());
    }
    let differs =
        |(given, should): (&Value, &Value)| given.get("id").is_some_and(|id| Some(id) != should.get("id"));
    json.content.iter().zip(&should.content).position(differs).map(|at| format!("content[{at}].id"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;

    fn block() -> Block {
        let genesis = Params::regtest().genesis().clone();
        let content = |nonce, data: &[u8]| {
            Transaction::Content(Content { nonce, data: data.to_vec().try_into().expect("short") })
        };
        let contents = [content(u64::MAX, b"hello \"w\xc3\xb6rld\""), content(0, b"\xff\x00")];
        Block { transactions: List::clipped(genesis.transactions.iter().cloned().chain(contents)), ..genesis }
    }

    #[test]
    fn a_block_survives_json() {
        let written = serde_json::to_string(&block_json(&block(), 7)).expect("JSON");
        let read: BlockJson = serde_json::from_str(&written).expect("the same JSON");
        let back = block_of(&read).expect("a block");
        assert_eq!(back, block());
        assert_eq!(disagreement(&read, &back, 7), None);
        assert!(written.contains(r#""index":8,"timestamp":1231006505.0,"proof":0"#), "{written}");
        assert!(written.contains(r#""assembly instruction":"hello \"wörld\"""#), "{written}");
    }

    /// (what is written, what it is replaced with, what is found)
    #[test]
    fn a_changed_repetition_is_found() {
        let written = serde_json::to_string(&block_json(&block(), 7)).expect("JSON");
        let hash = block().hash().to_string();
        let id = block().transactions[1].id().to_string();
        let rows = [
            (r#""index":8"#, r#""index":9"#, "header.index"),
            (hash.as_str(), "00", "header.hash"),
            (r#"instruction":"hello"#, r#"instruction":"hullo"#, "assembly instruction"),
            (id.as_str(), "00", "content[1].id"),
        ];
        for (from, to, found) in rows {
            let read: BlockJson = serde_json::from_str(&written.replacen(from, to, 1)).expect("JSON");
            assert_eq!(disagreement(&read, &block(), 7).as_deref(), Some(found));
        }
    }

    #[test]
    fn what_is_no_block_is_named() {
        let written = serde_json::to_string(&block_json(&block(), 7)).expect("JSON");
        let rows = [
            (r#""timestamp":1231006505.0"#, r#""timestamp":1.5"#, "header.timestamp"),
            (r#""timestamp":1231006505.0"#, r#""timestamp":-1"#, "header.timestamp"),
            (r#""bits":"207fffff""#, r#""bits":"0x7""#, "header.bits"),
            (r#""nonce":"0""#, r#""nonce":"-1""#, "content[2].nonce"),
            (r#""type":"content""#, r#""type":"gift""#, "content[1]: unknown variant"),
            (r#""base64":"/wA=""#, r#""base64":"?""#, "content[2].base64"),
        ];
        for (from, to, wrong) in rows {
            assert!(written.contains(from), "{from} in {written}");
            let read: BlockJson = serde_json::from_str(&written.replacen(from, to, 1)).expect("JSON");
            let error = block_of(&read).expect_err("no block");
            assert!(error.starts_with(wrong), "{error}");
        }
    }
}
