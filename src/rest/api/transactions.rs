//! The pool, and finding a transaction wherever it is.

use hyper::body::Incoming;
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::limits::{MAX_HTTP_BODY_BYTES, MAX_POOL_BYTES, MAX_POOL_COUNT};
use crate::rest::api::block::transaction_id;
use crate::rest::api::{PREFIX, present};
use crate::rest::body::{self, Body};
use crate::rest::contents::ContentIn;
use crate::rest::json::transaction_json;
use crate::rest::problem::Problem;
use crate::rest::routes::Api;
use crate::rest::values::number;

/// Transactions listed, if nobody says how many.
const USUAL_LIST: u64 = 1000;

/// A content to be put into the pool.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Submitted {
    #[serde(default, deserialize_with = "present")]
    content: Option<String>,
    #[serde(default, deserialize_with = "present")]
    base64: Option<String>,
}

impl Api {
    pub(super) async fn api_pool(&self) -> Result<Response<Body>, Problem> {
        let (count, bytes) = self.handle.view(|view| view.pool_size()).await?;
        let pool = json!({
            "count": count, "bytes": bytes, "max_count": MAX_POOL_COUNT, "max_bytes": MAX_POOL_BYTES,
        });
        Ok(body::json(StatusCode::OK, &pool))
    }

    /// What waits for a block, by arrival.
    pub(super) async fn api_transactions(
        &self,
        request: &Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let limit = number(request, "limit", USUAL_LIST, (1, MAX_POOL_COUNT as u64))?;
        let pool = self.handle.view(|view| view.pool()).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let listed: Vec<Value> = pool
            .iter()
            .take(limit)
            .map(|(id, bytes)| json!({ "id": id.to_string(), "bytes": bytes }))
            .collect();
        Ok(body::json(StatusCode::OK, &json!({ "transactions": listed, "count": pool.len() })))
    }

    pub(super) async fn api_submit(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let bytes = body::read(request, MAX_HTTP_BODY_BYTES).await?;
        let Submitted { content, base64 } = body::parse_plain(&bytes)?;
        let id = self.submit_content(ContentIn { content, base64 }.into_blob()?).await?;
        let state = json!({ "id": id.to_string(), "state": "pool" });
        let mut response = body::json(StatusCode::ACCEPTED, &state);
        if let Ok(place) = HeaderValue::try_from(format!("{PREFIX}/transactions/{id}")) {
            response.headers_mut().insert(LOCATION, place);
        }
        Ok(response)
    }

    pub(super) async fn api_transaction(&self, id: &str) -> Result<Response<Body>, Problem> {
        let id = transaction_id(id)?;
        let found = self.find_transaction(id).await?;
        let blocks: Vec<Value> = found
            .places
            .iter()
            .map(|place| {
                json!({ "hash": place.hash.to_string(), "height": place.height, "depth": place.depth })
            })
            .collect();
        Ok(body::json(
            StatusCode::OK,
            &json!({
                "id": id.to_string(),
                "state": found.state(),
                "bytes": found.transaction.size(),
                "blocks": blocks,
                "transaction": transaction_json(&found.transaction),
            }),
        ))
    }
}
