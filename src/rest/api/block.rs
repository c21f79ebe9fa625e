//! One block: what is known of it, its bytes, its header, and the proof that a transaction is in it.

use core::fmt::Write;
use core::str::FromStr;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::chain::{Entry, Status, Tip};
use crate::encoding;
use crate::net::Arrival;
use crate::rest::api::info::target_hex;
use crate::rest::api::{seconds, text};
use crate::rest::body::{self, Body, respond};
use crate::rest::json::transaction_json;
use crate::rest::problem::Problem;
use crate::rest::routes::Api;
use crate::rest::values::{query, whole};
use crate::types::{Block, BlockHash, MerkleRoot, TxId, merkle};

/// Which block is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockId {
    Hash(BlockHash),
    /// On the committed chain.
    Height(u64),
}

impl FromStr for BlockId {
    type Err = Problem;

    fn from_str(id: &str) -> Result<BlockId, Problem> {
        let parsed = whole(id).map(BlockId::Height).or_else(|| id.parse().ok().map(BlockId::Hash));
        parsed.ok_or_else(|| {
            Problem::bad_request(format!("the block {id:?}: expected a hash of 64 hex digits, or a height"))
        })
    }
}

/// A block in the tree.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) entry: Entry,
    pub(super) status: Status,
    /// The committed chain's next block, if this one is on it.
    pub(super) next: Option<BlockHash>,
    /// The committed tip.
    pub(super) tip: Tip,
}

/// A block as it is stored.
#[derive(Debug)]
pub(super) struct Stored {
    encoded: Bytes,
    block: Block,
}

impl Api {
    pub(super) async fn block(&self, id: &str) -> Result<Response<Body>, Problem> {
        let located = self.locate(id.parse()?).await?;
        let stored = self.stored(located.entry.hash).await?;
        Ok(body::json(StatusCode::OK, &self.block_json(&located, stored.as_ref(), true)))
    }

    pub(super) async fn block_raw(&self, id: &str) -> Result<Response<Body>, Problem> {
        let (_, stored) = self.whole(id).await?;
        let octets = HeaderValue::from_static("application/octet-stream");
        Ok(respond(StatusCode::OK, octets, Body::Whole(Some(stored.encoded))))
    }

    pub(super) async fn block_header(
        &self,
        id: &str,
        request: &Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let as_hex = match query(request, "format").as_deref() {
            None | Some("binary") => false,
            Some("hex") => true,
            Some(other) => {
                return Err(Problem::bad_request(format!("format={other}: expected hex or binary")));
            }
        };
        let header = self.locate(id.parse()?).await?.entry.header.to_bytes();
        if as_hex {
            let mut hex = String::with_capacity(2 * header.len() + 1);
            for byte in header {
                // Writing to a string does not fail.
                let _ = write!(hex, "{byte:02x}");
            }
            hex.push('\n');
            return Ok(text("text/plain; charset=utf-8", hex));
        }
        let octets = HeaderValue::from_static("application/octet-stream");
        Ok(respond(StatusCode::OK, octets, header.to_vec().into()))
    }

    /// The way from a transaction up to the block's Merkle root.
    pub(super) async fn block_proof(&self, id: &str, transaction: &str) -> Result<Response<Body>, Problem> {
        let wanted = transaction_id(transaction)?;
        let (located, stored) = self.whole(id).await?;
        let ids = stored.block.ids();
        let at = ids.iter().position(|id| *id == wanted);
        let (at, branch) = at.and_then(|at| Some((at, merkle::branch(&ids, at)?))).ok_or_else(|| {
            let detail = format!("the block {} has no transaction {wanted}", located.entry.hash);
            Problem::new(StatusCode::NOT_FOUND, detail)
        })?;
        let siblings: Vec<String> = branch.into_iter().map(|hash| MerkleRoot(hash).to_string()).collect();
        Ok(body::json(
            StatusCode::OK,
            &json!({
                "block": located.entry.hash.to_string(),
                "height": located.entry.height,
                "transaction": wanted.to_string(),
                "index": at,
                "siblings": siblings,
                "merkle_root": located.entry.header.merkle_root.to_string(),
            }),
        ))
    }

    /// Where a block is in the tree.
    pub(super) async fn locate(&self, id: BlockId) -> Result<Located, Problem> {
        let (located, tip) = self
            .handle
            .view(move |view| {
                let tip = view.tip();
                let hash = match id {
                    BlockId::Hash(hash) => Some(hash),
                    BlockId::Height(height) => view.committed_at(height),
                };
                let located = hash.and_then(|hash| {
                    let (entry, status) = (view.entry(&hash)?, view.status(&hash)?);
                    let next = view.committed_at(entry.height + 1).filter(|_| status == Status::Active);
                    Some(Located { entry, status, next, tip })
                });
                (located, tip)
            })
            .await?;
        located.ok_or_else(|| {
            let detail = match id {
                BlockId::Hash(hash) => format!("the block {hash} is not known here"),
                BlockId::Height(height) => {
                    format!("there is no block at height {height}: the chain ends at {}", tip.height)
                }
            };
            Problem::new(StatusCode::NOT_FOUND, detail)
        })
    }

    /// A block and its body.
    async fn whole(&self, id: &str) -> Result<(Located, Stored), Problem> {
        let located = self.locate(id.parse()?).await?;
        match self.stored(located.entry.hash).await? {
            Some(stored) => Ok((located, stored)),
            None => Err(Problem::new(
                StatusCode::NOT_FOUND,
                format!("of the block {} only the header is here", located.entry.hash),
            )),
        }
    }

    /// A block's body, if it is here; read, and held against its hash, on another thread.
    pub(super) async fn stored(&self, hash: BlockHash) -> Result<Option<Stored>, Problem> {
        let store = self.handle.store().clone();
        let read = move || {
            let encoded = store.read(&hash)?;
            Ok(encoded.and_then(|encoded| Some(Stored { block: encoding::decode(&encoded).ok()?, encoded })))
        };
        tokio::task::spawn_blocking(read).await.map_err(|error| {
            tracing::error!(%error, "reading a block made this program panic: a defect of it");
            Problem::internal()
        })?
    }

    pub(super) fn block_json(&self, located: &Located, stored: Option<&Stored>, whole: bool) -> Value {
        let Located { entry, status, next, tip } = located;
        let header = &entry.header;
        let target = header.bits.to_target().ok();
        let depth = (*status == Status::Active).then(|| tip.height.saturating_sub(entry.height) + 1);
        let mut json = json!({
            "hash": entry.hash.to_string(),
            "height": entry.height,
            "status": status.name(),
            "depth": depth,
            "previous": header.previous.to_string(),
            "next": next.map(|hash| hash.to_string()),
            "version": header.version,
            "merkle_root": header.merkle_root.to_string(),
            "time": header.time,
            "bits": header.bits.to_string(),
            "nonce": header.nonce,
            "target": target.map(target_hex),
            "difficulty": target.map(|target| self.difficulty(target)),
            "work": entry.work.to_string(),
            "bytes": stored.map(|stored| stored.encoded.len()),
            "transaction_count": stored.map(|stored| stored.block.transactions.len()),
            "arrival": self.handle.arrival(&entry.hash).map(|arrival| arrival_json(&arrival)),
        });
        if whole {
            let list =
                |stored: &Stored| stored.block.transactions.iter().map(transaction_json).collect::<Vec<_>>();
            json["transactions"] = json!(stored.map(list));
        }
        json
    }
}

fn arrival_json(arrival: &Arrival) -> Value {
    json!({
        "time": seconds(arrival.at),
        "origin": arrival.giver.origin.name(),
        "from": arrival.giver.node.map(|node| node.to_string()),
    })
}

/// The id in a path.
pub(super) fn transaction_id(text: &str) -> Result<TxId, Problem> {
    text.parse().map_err(|error| Problem::bad_request(format!("the id {text:?}: {error}")))
}
