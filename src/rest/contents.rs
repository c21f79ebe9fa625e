//! Transactions: putting one into the pool, and finding where one is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::encoding::{self, Blob};
use crate::limits::{MAX_CONTENT_BYTES, MAX_HTTP_BODY_BYTES};
use crate::mempool::Refusal;
use crate::node::io::{Answer, Command};
use crate::rest::body::{self, Body};
use crate::rest::json::transaction_json;
use crate::rest::problem::Problem;
use crate::rest::routes::{Api, not_done};
use crate::types::{Block, BlockHash, Transaction, TxId};

/// How often a transaction is looked for while the chain is another one each time.
const LOOKS: usize = 8;

/// What somebody wants in a block: text, or bytes in base64.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContentIn {
    pub(super) content: Option<String>,
    #[serde(alias = "content_base64")]
    pub(super) base64: Option<String>,
}

/// A transaction, and where it is.
pub(super) struct FoundTransaction {
    pub(super) transaction: Transaction,
    /// The blocks of the committed chain that have it, lowest first.
    pub(super) places: Vec<BlockPlace>,
}

impl FoundTransaction {
    /// Where it is, for programs.
    pub(super) fn state(&self) -> &'static str {
        if self.places.is_empty() { "pool" } else { "chain" }
    }
}

/// A block of the committed chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockPlace {
    pub(super) hash: BlockHash,
    pub(super) height: u64,
    /// 1: it is the tip.
    pub(super) depth: u64,
}

impl ContentIn {
    /// The content, if one is said.
    pub(super) fn if_any(self) -> Result<Option<Blob<MAX_CONTENT_BYTES>>, Problem> {
        match self {
            ContentIn { content: None, base64: None } => Ok(None),
            said => said.into_blob().map(Some),
        }
    }

    pub(super) fn into_blob(self) -> Result<Blob<MAX_CONTENT_BYTES>, Problem> {
        let bytes = match (self.content, self.base64) {
            (Some(text), None) => text.into_bytes(),
            (None, Some(text)) => STANDARD
                .decode(&text)
                .map_err(|error| Problem::bad_request(format!("base64 cannot be read: {error}")))?,
            _ => {
                return Err(Problem::bad_request(
                    r#"expected {"content": "a text"} or {"base64": "bytes in base64"}"#,
                ));
            }
        };
        bytes.try_into().map_err(|error: encoding::TooLong| {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the content's size {error} bytes"))
        })
    }
}

impl Api {
    pub(super) async fn submit(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let bytes = body::read(request, MAX_HTTP_BODY_BYTES).await?;
        let id = self.submit_content(body::parse::<ContentIn>(&bytes)?.into_blob()?).await?;
        Ok(body::json(StatusCode::ACCEPTED, &json!({ "id": id.to_string(), "state": "pool" })))
    }

    /// Puts a content into the pool, durably.
    pub(super) async fn submit_content(&self, content: Blob<MAX_CONTENT_BYTES>) -> Result<TxId, Problem> {
        match self.handle.command(Command::Submit(content)).await? {
            Answer::Submitted(id) => Ok(id),
            Answer::NotSubmitted(refusal @ (Refusal::Full | Refusal::ShareFull)) => {
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, refusal.to_string()).retry_after(10))
            }
            Answer::NotSubmitted(refusal) => Err(Problem::new(StatusCode::CONFLICT, refusal.to_string())),
            other => Err(not_done(other)),
        }
    }

    /// What waits for a block.
    pub(super) async fn pool(&self) -> Result<Response<Body>, Problem> {
        let pool = self.handle.view(|view| view.pool()).await?;
        let waiting: Vec<_> =
            pool.iter().map(|(id, size)| json!({ "id": id.to_string(), "bytes": size })).collect();
        Ok(body::json(StatusCode::OK, &json!({ "transactions": waiting, "length": waiting.len() })))
    }

    /// Where a transaction is, and how deep.
    pub(super) async fn transaction(&self, id: &str) -> Result<Response<Body>, Problem> {
        let id: TxId = id.parse().map_err(|error| Problem::bad_request(format!("the id {id:?}: {error}")))?;
        let found = self.find_transaction(id).await?;
        let blocks: Vec<_> = found
            .places
            .iter()
            .map(|place| {
                json!({ "hash": place.hash.to_string(), "index": place.height + 1, "depth": place.depth })
            })
            .collect();
        let (state, transaction) = (found.state(), transaction_json(&found.transaction));
        Ok(body::json(
            StatusCode::OK,
            &json!({ "id": id.to_string(), "state": state, "blocks": blocks, "transaction": transaction }),
        ))
    }

    /// The transaction of `id`, in the chain or the pool.
    pub(super) async fn find_transaction(&self, id: TxId) -> Result<FoundTransaction, Problem> {
        for _ in 0..LOOKS {
            let (found, moved) = self.look_for(id).await?;
            if let Some(found) = found {
                return Ok(found);
            }
            if !moved {
                break;
            }
        }
        let detail = format!("the transaction {id} is neither in the pool nor in the chain");
        Err(Problem::new(StatusCode::NOT_FOUND, detail))
    }

    /// One look for a transaction, and whether the chain was another one at its end than at its beginning: what
    /// a reorg takes from a block to the pool meanwhile, or on to another block, is in neither place.
    async fn look_for(&self, id: TxId) -> Result<(Option<FoundTransaction>, bool), Problem> {
        // First the pool, then the blocks: what left the pool meanwhile is in a block.
        let (waiting, before) = self.handle.view(move |view| (view.pool_get(&id), view.tip().hash)).await?;
        // Reads every block that may hold it, from the disk perhaps.
        let store = self.handle.store().clone();
        let holders = tokio::task::spawn_blocking(move || store.find(&id)).await.map_err(|error| {
            tracing::error!(%error, "a look-up made this program panic: a defect of it");
            Problem::internal()
        })??;
        let (tip, mut places, on_its_way, waits_now) = self
            .handle
            .view(move |view| {
                let places: Vec<_> =
                    holders.iter().filter_map(|hash| Some((*hash, view.block_place(hash)?))).collect();
                let on_its_way = holders.into_iter().find(|hash| view.is_on_its_way(hash));
                (view.tip(), places, on_its_way, view.pool_get(&id))
            })
            .await?;
        places.sort_by_key(|(_, height)| *height);
        let place =
            |&(hash, height): &(BlockHash, u64)| BlockPlace { hash, height, depth: tip.height - height + 1 };
        let places: Vec<BlockPlace> = places.iter().map(place).collect();
        // Of a block that is not durable yet nobody is told: its contents wait as long.
        let holder = places.first().map(|place| place.hash).or(on_its_way);
        let stored = holder.map(|hash| self.handle.store().read(&hash)).transpose()?.flatten();
        let mined = stored.and_then(|bytes| {
            let block: Block = encoding::decode(&bytes).ok()?;
            block.transactions.iter().find(|transaction| transaction.id() == id).cloned()
        });
        let transaction = mined.or_else(|| waiting.or(waits_now).as_deref().cloned());
        let found = transaction.map(|transaction| FoundTransaction { transaction, places });
        Ok((found, before != tip.hash))
    }
}
