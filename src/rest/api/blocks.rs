//! Blocks as lists: newest first, in pages that one reorg or another does not mix.

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::chain::Status;
use crate::limits::MAX_BLOCKS_PAGE;
use crate::rest::api::block::{BlockId, Located};
use crate::rest::body::{self, Body};
use crate::rest::problem::Problem;
use crate::rest::routes::Api;
use crate::rest::values::{number, query};

/// Blocks of a page, if nobody says how many.
const USUAL_PAGE: u64 = 20;

impl Api {
    /// A page of the committed chain, newest first. The cursor is the last block's hash: the next page is
    /// of its ancestors, whatever became of the chain meanwhile.
    pub(super) async fn blocks(&self, request: &Request<Incoming>) -> Result<Response<Body>, Problem> {
        let limit = number(request, "limit", USUAL_PAGE, (1, MAX_BLOCKS_PAGE as u64))?;
        let before = query(request, "before").as_deref().map(str::parse::<BlockId>).transpose()?;
        let end = match before {
            Some(id) => Some(self.locate(id).await?.entry.header.previous),
            None => None,
        };
        let located = self
            .handle
            .view(move |view| {
                let committed = view.tip();
                let end = end.unwrap_or(committed.hash);
                let Some(last) = view.entry(&end) else { return Vec::new() };
                let count = (last.height + 1).min(limit);
                let from = last.height + 1 - count;
                let page = view.chain_page(&end, from, usize::try_from(count).unwrap_or(usize::MAX));
                let located = page.iter().rev().filter_map(|hash| {
                    let entry = view.entry(hash)?;
                    let status = view.status(hash)?;
                    let next = view.committed_at(entry.height + 1).filter(|_| status == Status::Active);
                    Some(Located { entry, status, next, tip: committed })
                });
                located.collect()
            })
            .await?;
        let next =
            located.last().filter(|last| last.entry.height > 0).map(|last| last.entry.hash.to_string());
        let mut blocks: Vec<Value> = Vec::with_capacity(located.len());
        for one in located {
            let stored = self.stored(one.entry.hash).await?;
            blocks.push(self.block_json(&one, stored.as_ref(), false));
        }
        Ok(body::json(StatusCode::OK, &json!({ "blocks": blocks, "next": next })))
    }
}
