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
use crate::types::{Block, TxId};

/// What somebody wants in a block: text, or bytes in base64.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContentIn {
    content: Option<String>,
    #[serde(alias = "content_base64")]
    base64: Option<String>,
}

impl ContentIn {
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
        let content = body::parse::<ContentIn>(&bytes)?.into_blob()?;
        match self.handle.command(Command::Submit(content)).await? {
            Answer::Submitted(id) => {
                Ok(body::json(StatusCode::ACCEPTED, &json!({ "id": id.to_string(), "state": "pool" })))
            }
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
        // Reads every block that may hold it, from the disk perhaps.
        let store = self.handle.store().clone();
        let holders = tokio::task::spawn_blocking(move || store.find(&id)).await.map_err(|error| {
            tracing::error!(%error, "a look-up made this program panic: a defect of it");
            Problem::internal()
        })??;
        let (waiting, tip, mut places) = self
            .handle
            .view(move |view| {
                let places: Vec<_> =
                    holders.iter().filter_map(|hash| Some((*hash, view.block_place(hash)?))).collect();
                (view.pool_get(&id), view.tip(), places)
            })
            .await?;
        places.sort_by_key(|(_, height)| *height);
        let blocks: Vec<_> = places
            .iter()
            .map(|(hash, height)| {
                json!({ "hash": hash.to_string(), "index": height + 1, "depth": tip.height - height + 1 })
            })
            .collect();
        let stored = places.first().map(|(hash, _)| self.handle.store().read(hash)).transpose()?.flatten();
        let mined = stored.and_then(|bytes| {
            let block: Block = encoding::decode(&bytes).ok()?;
            block.transactions.iter().find(|transaction| transaction.id() == id).map(transaction_json)
        });
        let state = if blocks.is_empty() { "pool" } else { "chain" };
        match mined.or_else(|| waiting.as_deref().map(transaction_json)) {
            Some(transaction) => Ok(body::json(
                StatusCode::OK,
                &json!({ "id": id.to_string(), "state": state, "blocks": blocks, "transaction": transaction }),
            )),
            None => Err(Problem::new(
                StatusCode::NOT_FOUND,
                format!("the transaction {id} is neither in the pool nor in the chain"),
            )),
        }
    }
}
