//! The manager's HTTP: what is known of the network, and what can be done with it.
//!
//! | file | concern |
//! |---|---|
//! | `table` | every path, method and operation of `/api/v1`, once |
//! | `stage` | which network requests are about, and what is answered when there is none just now |
//! | `original` | the endpoints of the Python original |
//! | `input` | bodies and queries in |
//! | `problem` | why something is not done, as a problem of HTTP |
//! | `nodes` | the network and its nodes; their lives |
//! | `renew` | a new network in the place of this one |
//! | `blocks` | the tree of blocks, one of them, how they spread |
//! | `links` | partitions, cuts and slow links |
//! | `mining` | blocks and contents on request, and how blocks come otherwise |
//! | `lessons` | the lessons, and their steps |
//! | `metrics` | the state for Prometheus |
//! | `logs` | what all processes log, as one |
//! | `relay` | the nodes' own HTTP |
//!
//! Not here: decisions; a request becomes a look at the state, or a call of `Keeper`.

mod blocks;
mod input;
mod lessons;
mod links;
mod logs;
mod metrics;
mod mining;
mod nodes;
mod original;
mod problem;
mod relay;
mod renew;
mod stage;
mod table;

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::limits::MAX_LOG_FOLLOWERS;
use crate::manager::keeper::Keeper;
use crate::manager::lives::Deed;
use crate::manager::not_done::NotDone;
use crate::rest::body::{self, Body};
use crate::rest::gates::Gates;
use crate::rest::problem::Problem;
use crate::rest::server;
use crate::rest::sse;
use crate::time::UnixTime;
use table::{Op, PREFIX, TABLE};

/// A body that says nothing.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}
pub use stage::Stage;

/// What requests are answered from.
pub struct Api {
    /// The network.
    pub keeper: Arc<Keeper>,
    /// Where this is served.
    pub http: SocketAddr,
    /// When the network was up.
    pub started: UnixTime,
    /// Places of those who follow the logs.
    followers: Arc<Semaphore>,
}

/// Serves the endpoints at `http`, of the networks that come onto `stage`, until `stop`.
pub async fn serve(
    listener: TcpListener,
    http: SocketAddr,
    stage: Arc<Stage>,
    stop: impl Future<Output = ()>,
) {
    let gates = Gates { bound: http };
    let answer = move |request: Request<Incoming>| {
        let stage = stage.clone();
        async move { stage.answer(request).await.unwrap_or_else(Problem::into_response) }
    };
    server::serve(listener, gates, answer, stop).await;
}

impl Api {
    /// Answers about the network of `keeper`, which was up at `started`.
    pub fn new(keeper: Arc<Keeper>, http: SocketAddr, started: UnixTime) -> Api {
        Api { keeper, http, started, followers: Arc::new(Semaphore::new(MAX_LOG_FOLLOWERS)) }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let path = request.uri().path().to_owned();
        if let Some(rest) = path.strip_prefix("/node/") {
            return self.relayed(rest, request).await;
        }
        if let Some(found) = original::TABLE.find(&path) {
            let route = found.route(request.method()).ok_or_else(|| Problem::method(found.allow()))?;
            return self.original(route.op, &request).await;
        }
        let Some(found) = TABLE.find(&path) else {
            return Err(match path.starts_with(PREFIX) {
                true => server::not_found(&path, TABLE.paths()),
                false => {
                    let paths = original::TABLE.paths().chain(["/node/{node}/…", PREFIX]);
                    server::not_found(&path, paths)
                }
            });
        };
        let route = found.route(request.method()).ok_or_else(|| Problem::method(found.allow()))?;
        tracing::debug!(operation = route.id, %path, "API");
        let node = found.value("node").to_owned();
        match route.op {
            Op::Network => self.network(),
            Op::Nodes => self.nodes(),
            Op::Node => self.node(&node),
            Op::Add => self.add(request).await,
            Op::Kill => self.life(&node, Deed::Kill, request).await,
            Op::Stop => self.life(&node, Deed::Stop, request).await,
            Op::Pause => self.life(&node, Deed::Pause, request).await,
            Op::Resume => self.life(&node, Deed::Resume, request).await,
            Op::Restart => self.life(&node, Deed::Restart, request).await,
            Op::Tree => self.tree(&request),
            Op::Block => self.block(found.value("id")),
            Op::Propagation => self.propagation(&request),
            Op::Partition => self.partition(request).await,
            Op::Heal => self.heal(request).await,
            Op::SetLink => self.set_link(request).await,
            Op::CutLink => self.cut_link(found.value("a"), found.value("b")).await,
            Op::Events => sse::respond(&request, &self.keeper.cluster.events),
            Op::Metrics => Ok(self.metrics()),
            Op::Mine => self.mine(request).await,
            Op::Mining => self.mining(),
            Op::SetMining => self.set_mining(request).await,
            Op::Send => self.send(request).await,
            Op::Logs => self.logs(&request).await,
            Op::Lessons => self.lessons(),
            Op::Step => self.step(found.value("name"), found.value("line")).await,
            Op::Renew => self.renew(request).await,
            Op::Shutdown => {
                let Nothing {} = input::read(request).await?;
                self.keeper.cluster.stop();
                Ok(shutting_down())
            }
            Op::OpenApi => Ok(specification()),
            Op::Health => Ok(alive()),
            Op::Ready => self.ready(),
        }
    }

    /// What `action` comes to, on its own: it goes on when whoever asked does not wait.
    async fn done<T: Send + 'static>(
        &self,
        action: impl Future<Output = Result<T, NotDone>> + Send + 'static,
    ) -> Result<T, Problem> {
        match tokio::spawn(action).await {
            Ok(done) => done.map_err(Problem::from),
            Err(error) => {
                tracing::error!(%error, "an action failed inside: a defect of this program");
                Err(Problem::internal())
            }
        }
    }
}

#[cfg(test)]
mod tests;

/// The specification.
const OPENAPI: &str = include_str!("openapi.json");

fn specification() -> Response<Body> {
    text("application/json", OPENAPI)
}

fn alive() -> Response<Body> {
    body::json(StatusCode::OK, &json!({ "status": "ok" }))
}

fn shutting_down() -> Response<Body> {
    body::json(StatusCode::ACCEPTED, &json!({ "message": "the network is shutting down" }))
}

/// A text of this content type.
fn text(content_type: &'static str, text: impl Into<String>) -> Response<Body> {
    body::respond(
        StatusCode::OK,
        hyper::header::HeaderValue::from_static(content_type),
        text.into().into_bytes().into(),
    )
}
