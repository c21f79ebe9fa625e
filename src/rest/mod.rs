//! HTTP: a thin layer for looking at a node and managing it. Not a way for nodes to talk to each other.
//!
//! | file | concern |
//! |---|---|
//! | `server`, `places`, `socket` | connections: their number, their time, an orderly end; the manager's HTTP uses them as well |
//! | `gates` | who may call at all, before anything is routed |
//! | `problem` | every error, as application/problem+json (RFC 9457) |
//! | `body` | bodies in, bounded; bodies out, whole or streamed |
//! | `routes` | a node's paths and methods |
//! | `node` | id, register, mine, notify, shut down |
//! | `chain` | the chain, out and in |
//! | `contents` | transactions |
//! | `json` | blocks as JSON, without loss |
//!
//! Not here: decisions; a request becomes a read of `node::view` or a `Command`.

pub mod body;
mod chain;
mod contents;
pub mod gates;
mod json;
mod node;
mod places;
pub mod problem;
mod routes;
pub mod server;
mod socket;
mod values;

pub use values::{duration, query};

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::net::Handle;
use crate::params::Params;
use gates::Gates;
use routes::Api;
use server::Settings;

/// Serves a node's endpoints until it stops.
pub async fn serve(listener: TcpListener, handle: Handle, params: Arc<Params>) {
    serve_with(Settings::recommended(), listener, handle, params).await;
}

async fn serve_with(settings: Settings, listener: TcpListener, handle: Handle, params: Arc<Params>) {
    let http = match listener.local_addr() {
        Ok(address) => address,
        Err(error) => return tracing::error!(%error, "HTTP cannot be served"),
    };
    let api = Arc::new(Api { handle: handle.clone(), params, http, replacing: Arc::new(Semaphore::new(1)) });
    let answer = move |request| {
        let api = api.clone();
        async move { api.answer(request).await }
    };
    let stop = async move { handle.stopped().await };
    server::serve_with(settings, listener, Gates { bound: http }, answer, stop).await;
}
