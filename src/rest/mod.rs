//! HTTP: a thin layer for looking at a node and managing it. Not a way for nodes to talk to each other.
//!
//! | file | concern |
//! |---|---|
//! | `server`, `places`, `socket` | connections: their number, their time, an orderly end; the manager's HTTP uses them as well |
//! | `gates` | who may call at all, before anything is routed |
//! | `auth`, `cookie` | who may change something, where credentials are asked for |
//! | `problem` | every error, as application/problem+json (RFC 9457) |
//! | `body` | bodies in, bounded; bodies out, whole or streamed |
//! | `routes` | a node's paths and methods |
//! | `node` | id, register, mine, notify, shut down |
//! | `kept` | an answer that is given again while nothing happens |
//! | `chain` | the chain, out and in |
//! | `contents` | transactions |
//! | `json` | blocks as JSON, without loss |
//! | `relay` | requests passed on to another server of this machine |
//! | `table` | paths, methods and operations, as one table |
//! | `sse` | events, as Server-Sent Events |
//! | `metrics` | the text format of Prometheus; the manager writes it as well |
//! | `api/` | `/api/v1`: the fuller API, its events, metrics and specification |
//! | `page/` | the page at `/` that shows what happens |
//!
//! Not here: decisions; a request becomes a read of `node::view` or a `Command`.

mod api;
mod auth;
pub mod body;
mod chain;
mod contents;
pub mod cookie;
pub mod gates;
mod json;
mod kept;
pub mod metrics;
mod node;
pub mod page;
mod places;
pub mod problem;
pub mod relay;
mod routes;
pub mod server;
mod socket;
pub mod sse;
pub mod table;
mod values;

pub use api::resident_bytes;
pub use json::{block_text, clock, ids, place};
pub use routes::changes;
pub use values::{MAX_SAFE_INTEGER, duration, exact, number, number_if_given, pairs, query, shown, whole};

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::net::Handle;
use crate::params::Params;
use cookie::Cookie;
use gates::{Gates, Guard};
use kept::Kept;
use routes::Api;
use server::Settings;

/// How a node is reached where credentials are asked for: from other machines too.
#[derive(Debug)]
pub struct Opened {
    /// What changes something needs it.
    pub cookie: Cookie,
    /// Host names by which the node may be called, beside its addresses.
    pub names: Vec<String>,
}

/// Serves a node's endpoints until it stops; for this machine alone, and without credentials, unless it is
/// `opened`.
pub async fn serve(listener: TcpListener, handle: Handle, params: Arc<Params>, opened: Option<Opened>) {
    serve_with(Settings::recommended(), listener, handle, params, opened).await;
}

async fn serve_with(
    settings: Settings,
    listener: TcpListener,
    handle: Handle,
    params: Arc<Params>,
    opened: Option<Opened>,
) {
    let http = match listener.local_addr() {
        Ok(address) => address,
        Err(error) => return tracing::error!(%error, "HTTP cannot be served"),
    };
    let gates = Gates { bound: http };
    let (guard, cookie) = match opened {
        None => (Guard::from(gates), None),
        Some(Opened { cookie, names }) => (gates.opened(names), Some(cookie)),
    };
    let replacing = Arc::new(Semaphore::new(1));
    let id = Kept::default();
    let api = Arc::new(Api { handle: handle.clone(), params, http, cookie, replacing, id });
    let answer = move |request| {
        let api = api.clone();
        async move { api.answer(request).await }
    };
    let stop = async move { handle.stopped().await };
    server::serve_with(settings, listener, guard, answer, stop).await;
}
