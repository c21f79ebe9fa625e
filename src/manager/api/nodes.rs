//! The network and its nodes; their lives.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::json;

use crate::manager::api::{Api, Nothing, input};
use crate::manager::lives::Deed;
use crate::manager::verdict;
use crate::manager::view::{Add, Nodes};
use crate::rest::body::{self, Body};
use crate::rest::problem::Problem;

impl Api {
    pub(super) fn network(&self) -> Result<Response<Body>, Problem> {
        Ok(body::json(StatusCode::OK, &self.keeper.network(self.http, self.started)))
    }

    pub(super) fn nodes(&self) -> Result<Response<Body>, Problem> {
        Ok(body::json(StatusCode::OK, &Nodes { nodes: self.keeper.nodes() }))
    }

    pub(super) fn node(&self, node: &str) -> Result<Response<Body>, Problem> {
        Ok(body::json(StatusCode::OK, &self.keeper.node(input::node(node)?)?))
    }

    /// Changes what becomes of a node; the answer is the node afterwards.
    pub(super) async fn life(
        &self,
        node: &str,
        deed: Deed,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        let number = input::node(node)?;
        let Nothing {} = input::read(request).await?;
        let keeper = self.keeper.clone();
        self.done(async move { keeper.act(deed, number).await }).await?;
        self.node(node)
    }

    pub(super) async fn add(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let Add { count } = input::read(request).await?;
        let keeper = self.keeper.clone();
        let nodes = self.done(async move { keeper.add(count.unwrap_or(1)).await }).await?;
        Ok(body::json(StatusCode::CREATED, &Nodes { nodes }))
    }

    /// Whether the network is there, and if not, why.
    pub(super) fn ready(&self) -> Result<Response<Body>, Problem> {
        let state = self.keeper.cluster.state.borrow();
        if state.stopping {
            return Err(state.end().into());
        }
        match verdict::not_ready(&state) {
            None => Ok(body::json(StatusCode::OK, &json!({ "status": "ready" }))),
            Some(why) => {
                let detail = format!("not ready: {why}");
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1))
            }
        }
    }
}
