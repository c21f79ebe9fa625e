//! `/api/v1`: the node's API to build on. Thin: a read is one look at `node::view` and the store, a change
//! is one `Command`.
//!
//! | file | concern |
//! |---|---|
//! | `table` | every path, method and operation, once: routing, `Allow` and the specification are held to it |
//! | `info` | who the node is, how far it is, whether it is well |
//! | `tree` | the ends of all branches, and the tree around them |
//! | `blocks`, `block` | lists of blocks; one block, its bytes and its proofs |
//! | `transactions` | the pool, and finding a transaction |
//! | `peers`, `mining` | connections, and the miner |
//! | `events` | what happens, as Server-Sent Events |
//! | `metrics` | the same state for Prometheus |
//! | `openapi.json` | the specification, as it is served |
//!
//! What holds everywhere: hashes are hex as Bitcoin shows them; heights count from 0, which is genesis; what
//! may exceed 2^53 (work, nonces of 64 bits) is a string; times are seconds since 1970; the chain is the
//! committed one. docs/api.md tells it to users.

mod block;
mod blocks;
mod events;
mod info;
mod metrics;
mod mining;
mod peers;
mod table;
mod transactions;
mod tree;

pub(in crate::rest) use table::{Op, PREFIX, TABLE};

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use serde::{Deserialize, Deserializer};

use crate::rest::auth::authorize;
use crate::rest::body::{Body, respond};
use crate::rest::problem::Problem;
use crate::rest::routes::Api;
use crate::rest::table::Found;
use crate::rest::values::{MAX_SAFE_INTEGER, exact};
use crate::time::UnixTime;

/// The specification.
const OPENAPI: &str = include_str!("openapi.json");

impl Api {
    /// Answers a request whose path is one of the API's.
    pub(in crate::rest) async fn v1(
        &self,
        found: Found<Op>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let route = found.route(request.method()).ok_or_else(|| Problem::method(found.allow()))?;
        if let Some(cookie) = self.cookie.as_ref().filter(|_| route.changes) {
            authorize(cookie, &request)?;
        }
        tracing::debug!(operation = route.id, path = request.uri().path(), "API");
        let id = found.value("id");
        match route.op {
            Op::Info => self.info().await,
            Op::Tip => self.api_tip().await,
            Op::Tips => self.tips().await,
            Op::Tree => self.tree(&request).await,
            Op::Blocks => self.blocks(&request).await,
            Op::Block => self.block(id).await,
            Op::BlockRaw => self.block_raw(id).await,
            Op::BlockHeader => self.block_header(id, &request).await,
            Op::BlockProof => self.block_proof(id, found.value("transaction")).await,
            Op::Pool => self.api_pool().await,
            Op::Transactions => self.api_transactions(&request).await,
            Op::Submit => self.api_submit(request).await,
            Op::Transaction => self.api_transaction(id).await,
            Op::Peers => self.peers().await,
            Op::AddPeer => self.add_peer(request).await,
            Op::DropPeer => self.drop_peer(id).await,
            Op::Bans => self.bans().await,
            Op::LiftBan => self.lift_ban(found.value("host")).await,
            Op::Mining => self.mining().await,
            Op::SetMining => self.set_mining(request).await,
            Op::Mine => self.api_mine(request).await,
            Op::Events => self.events(&request),
            Op::Health => self.health().await,
            Op::Ready => self.ready().await,
            Op::Metrics => self.metrics().await,
            Op::OpenApi => Ok(text("application/json", OPENAPI)),
        }
    }
}

/// A text of this content type.
fn text(content_type: &'static str, text: impl Into<String>) -> Response<Body> {
    respond(StatusCode::OK, HeaderValue::from_static(content_type), text.into().into_bytes().into())
}

/// Seconds since 1970, to the millisecond.
fn seconds(time: UnixTime) -> f64 {
    time.millis() as f64 / 1000.0
}

/// A member that may be left out, but not be null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A whole number, which JSON may write as `5` or as `5.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "f64")]
struct Whole(u64);

impl TryFrom<f64> for Whole {
    type Error = String;

    fn try_from(number: f64) -> Result<Whole, String> {
        let wrong = || format!("{number}: expected a whole number from 0 to {MAX_SAFE_INTEGER}");
        exact(number).map(Whole).ok_or_else(wrong)
    }
}

pub use info::resident_bytes;
#[cfg(test)]
pub(in crate::rest) use table::ROUTES;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        let read = |text: &str| serde_json::from_str::<Whole>(text).ok();
        let rows = [("5", Some(5)), ("5.0", Some(5)), ("0", Some(0)), ("5e3", Some(5000))];
        for (text, number) in rows {
            assert_eq!(read(text), number.map(Whole), "{text}");
        }
        assert_eq!(read(&MAX_SAFE_INTEGER.to_string()), Some(Whole(MAX_SAFE_INTEGER)));
        for bad in ["5.5", "-1", "\"5\"", "null", "9007199254740992", "1e300", "[]"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
