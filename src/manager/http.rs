//! The manager's endpoints: mining requests, the end of all nodes, and who they are.

use core::time::Duration;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::limits::MAX_MINING_ROUNDS;
use crate::manager::cluster::{Cluster, Run};
use crate::manager::console;
use crate::rest::body::{self, Body};
use crate::rest::gates::Gates;
use crate::rest::problem::Problem;
use crate::rest::server::{self, not_found};
use crate::rest::{duration, query};

const PATHS: [&str; 3] = ["/start/mining", "/shutdown/all", "/nodes"];

/// Serves until every node has ended.
pub(super) async fn serve(listener: TcpListener, cluster: Cluster, defaults: (u32, Option<Duration>)) {
    let Ok(bound) = listener.local_addr() else { return };
    let api = Arc::new(Api { cluster: cluster.clone(), defaults });
    let answer = move |request| {
        let api = api.clone();
        async move { api.route(request).await.unwrap_or_else(Problem::into_response) }
    };
    server::serve(listener, Gates { bound }, answer, async move { cluster.all_exited().await }).await;
}

struct Api {
    cluster: Cluster,
    /// Rounds and pause, where a call names none.
    defaults: (u32, Option<Duration>),
}

impl Api {
    async fn route(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let path = request.uri().path().to_owned();
        let methods = match path.as_str() {
            "/start/mining" | "/shutdown/all" => "GET, POST",
            "/nodes" => "GET, HEAD",
            _ => return Err(not_found(&path, PATHS.into_iter())),
        };
        if !methods.split(", ").any(|method| method == request.method().as_str()) {
            return Err(Problem::method(methods));
        }
        match path.as_str() {
            "/start/mining" => self.start_mining(&request).await,
            "/shutdown/all" => {
                self.cluster.request_stop();
                Ok(body::json(StatusCode::OK, &"Servers will be shut down..."))
            }
            _ => Ok(self.nodes()),
        }
    }

    async fn start_mining(&self, request: &Request<Incoming>) -> Result<Response<Body>, Problem> {
        let rounds = match query(request, "rounds") {
            None => self.defaults.0,
            Some(text) => {
                let rounds = text.parse().ok().filter(|rounds| (1..=MAX_MINING_ROUNDS).contains(rounds));
                rounds.ok_or_else(|| {
                    Problem::bad_request(format!("rounds={text}: expected 1 to {MAX_MINING_ROUNDS}"))
                })?
            }
        };
        let pause = match query(request, "pause") {
            None => self.defaults.1,
            Some(text) => {
                Some(duration(text).map_err(|why| Problem::bad_request(format!("pause={text}: {why}")))?)
            }
        };
        let wait = query(request, "wait").is_none_or(|wait| wait != "false" && wait != "0");
        let cluster = self.cluster.clone();
        // Whoever asked may leave: the run goes on.
        let run = tokio::spawn(async move {
            let run = cluster.mine(rounds, pause).await;
            if let Err(why) = &run {
                console::line(&format!("mining requests stopped: {why}"));
            }
            run
        });
        let requests = u64::from(rounds) * self.cluster.running() as u64;
        if !wait {
            return Ok(body::json(StatusCode::ACCEPTED, &sent(requests)));
        }
        match run.await {
            Ok(Ok(run)) => Ok(body::json(StatusCode::OK, &with_blocks(sent(requests), &run))),
            Ok(Err(why)) => Err(Problem::new(StatusCode::CONFLICT, why)),
            Err(error) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        }
    }

    fn nodes(&self) -> Response<Body> {
        let nodes: Vec<Value> = self
            .cluster
            .known()
            .iter()
            .map(|known| {
                json!({
                    "node": known.node.to_string(), "http": known.http, "address": known.listen,
                    "pid": known.pid, "running": known.ended.is_none(), "peers": known.peers.len(),
                    "length": known.height + 1, "tip": known.tip.map(|tip| tip.to_string()),
                })
            })
            .collect();
        body::json(StatusCode::OK, &json!({ "nodes": nodes }))
    }
}

fn sent(requests: u64) -> Value {
    json!({ "message": "Mining requests sent", "requests": requests })
}

fn with_blocks(mut answer: Value, run: &Run) -> Value {
    let blocks: Vec<Value> = run
        .blocks
        .iter()
        .map(|(node, mined)| {
            json!({
                "node": node, "hash": mined.hash.to_string(), "index": mined.height + 1,
                "nonce": mined.nonce, "tries": mined.tries, "seconds": mined.millis as f64 / 1000.0,
            })
        })
        .collect();
    answer["blocks"] = blocks.into();
    answer["length"] = run.length.into();
    answer
}
