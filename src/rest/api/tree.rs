//! The block tree: where its branches end, and what it looks like around some height.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::chain::{BranchEnd, Entry, Status};
use crate::limits::{MAX_TIPS, MAX_TREE_BLOCKS};
use crate::node::view::TreeSlice;
use crate::rest::api::seconds;
use crate::rest::body::{self, Body};
use crate::rest::json::place;
use crate::rest::problem::Problem;
use crate::rest::routes::Api;
use crate::rest::values::{MAX_SAFE_INTEGER, number, number_if_given};

/// Heights of one look at the tree, if nobody says how many.
const USUAL_HEIGHTS: u64 = 50;

impl Api {
    pub(super) async fn tips(&self) -> Result<Response<Body>, Problem> {
        let tips = self.handle.view(|view| view.tips()).await?;
        let listed: Vec<Value> = tips.iter().take(MAX_TIPS).map(end_json).collect();
        Ok(body::json(StatusCode::OK, &json!({ "tips": listed, "count": tips.len() })))
    }

    pub(super) async fn tree(&self, request: &Request<Incoming>) -> Result<Response<Body>, Problem> {
        let limit = number(request, "limit", USUAL_HEIGHTS, (1, MAX_TREE_BLOCKS as u64))?;
        let from = number_if_given(request, "from", (0, MAX_SAFE_INTEGER))?;
        let (tip, slice) =
            self.handle.view(move |view| (view.tip(), view.tree(from, limit, MAX_TREE_BLOCKS))).await?;
        let TreeSlice { from, blocks, cut } = slice;
        let blocks: Vec<Value> =
            blocks.iter().map(|(entry, status)| self.tree_block(entry, *status)).collect();
        let tip = place(&tip.hash, tip.height);
        Ok(body::json(StatusCode::OK, &json!({ "from": from, "tip": tip, "blocks": blocks, "cut": cut })))
    }

    fn tree_block(&self, entry: &Entry, status: Status) -> Value {
        let arrival = self.handle.arrival(&entry.hash);
        json!({
            "hash": entry.hash.to_string(),
            "previous": entry.header.previous.to_string(),
            "height": entry.height,
            "status": status.name(),
            "has_body": entry.has_body,
            "time": entry.header.time,
            "bits": entry.header.bits.to_string(),
            "work": entry.work.to_string(),
            "arrived": arrival.map(|arrival| seconds(arrival.at)),
        })
    }
}

fn end_json(end: &BranchEnd) -> Value {
    json!({
        "hash": end.tip.hash.to_string(),
        "height": end.tip.height,
        "work": end.tip.work.to_string(),
        "status": end.status.name(),
        "branch_length": end.length,
    })
}
