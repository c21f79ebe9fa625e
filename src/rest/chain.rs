//! The chain, out and in.
//!
//! Out, it is streamed from one tip that was pinned when the request came: a few blocks at a time, read
//! from the store as the reader takes them, so that memory stays flat and no reorg mixes two chains. In, it
//! is checked as a whole beside the node before the node is asked to adopt it.

use std::fmt::Write;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::{Request, Response, StatusCode};
use tokio::sync::mpsc;

use crate::chain::{BadBranch, CheckedBranch, Rule, Tip};
use crate::encoding;
use crate::limits::{CHAIN_PAGE, MAX_HTTP_BODY_BYTES, MAX_HTTP_CHAIN_BYTES};
use crate::net::{Clock, Handle};
use crate::node::io::{Answer, Command};
use crate::params::Params;
use crate::rest::body::{self, Body};
use crate::rest::json::{self, block_json};
use crate::rest::problem::Problem;
use crate::rest::routes::{Api, not_done};
use crate::rest::values::query;
use crate::store::Damage;
use crate::types::{Block, BlockHash};

/// Pieces that may wait for a slow reader.
const PIECES_WAITING: usize = 2;

/// A piece is sent when it has this many bytes.
const PIECE_BYTES: usize = 256 * 1024;

impl Api {
    pub(super) async fn chain(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let number = |name: &str, default: u64| match query(&request, name) {
            None => Ok(default),
            Some(text) => text.parse::<u64>().map_err(|_| {
                Problem::bad_request(format!(
                    "{name}={text}: expected a number of blocks, from=1 being genesis"
                ))
            }),
        };
        let from = number("from", 1)?;
        if from == 0 {
            return Err(Problem::bad_request("from=0: blocks are counted from 1, which is genesis"));
        }
        let limit = number("limit", u64::MAX)?;
        let tip = self.handle.view(|view| view.tip()).await?;
        let (pieces, body) = mpsc::channel(PIECES_WAITING);
        let handle = self.handle.clone();
        tokio::spawn(async move {
            if let Err(why) = write_chain(&handle, tip, from - 1, limit, &pieces).await {
                tracing::debug!(why, "a chain was not sent to its end");
                // Cuts the connection: a list that merely stopped could pass for the whole.
                let _ = pieces.send(Err(io::Error::other(why))).await;
            }
        });
        Ok(body::stream(body))
    }

    pub(super) async fn replace(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        // Of bodies that are large, or do not say, one is held at a time: memory is bounded by it.
        let small = request.body().size_hint().upper().is_some_and(|n| n <= MAX_HTTP_BODY_BYTES as u64);
        let turn = match small {
            true => None,
            false => Some(self.replacing.clone().try_acquire_owned().map_err(|_| busy())?),
        };
        let bytes = body::read(request, MAX_HTTP_CHAIN_BYTES).await?;
        let params = self.params.clone();
        let check = move || {
            let branch = check(&bytes, &params);
            drop(turn);
            branch
        };
        let branch = tokio::task::spawn_blocking(check).await.map_err(|error| {
            tracing::error!(%error, "an offered chain made this program panic: a defect of it");
            Problem::internal()
        })??;
        match self.handle.command(Command::Replace(branch)).await? {
            Answer::Replaced(_) => Ok(body::json(StatusCode::CREATED, &"Chain replaced")),
            Answer::NotReplaced { ours, offered } => Err(Problem::new(
                StatusCode::CONFLICT,
                format!("the chain has no more work than ours: {} against {}", offered.work, ours.work),
            )
            .with("offered", place(&offered))
            .with("ours", place(&ours))),
            other => Err(not_done(other)),
        }
    }
}

fn place(tip: &Tip) -> serde_json::Value {
    serde_json::json!({
        "work": tip.work.to_string(), "length": tip.height + 1, "hash": tip.hash.to_string(),
    })
}

fn refused(bad: BadBranch) -> Problem {
    let index = bad.index + 1;
    let detail = format!("the block with index {index} breaks the rule {}: {}", bad.rule.name(), bad.rule);
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with("rule", bad.rule.name()).with("index", index)
}

fn untrue(at: usize, path: &str) -> Problem {
    let detail = format!("{path} is not what the rest says");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with("rule", "Inconsistent").with("index", at + 1)
}

fn busy() -> Problem {
    let detail = "another large chain is being checked";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5)
}

/// The chain in `bytes`, if it is one that keeps all rules and says nothing untrue; otherwise what comes
/// first that is wrong.
fn check(bytes: &[u8], params: &Arc<Params>) -> Result<CheckedBranch, Problem> {
    let offered = json::read::chain(bytes)
        .map_err(|error| Problem::bad_request(format!("the body is not a chain: {error}")))?;
    if offered.blocks.is_empty() {
        let rule = Rule::GenesisMismatch;
        let problem =
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the chain is empty: it lacks the genesis block");
        return Err(problem.with("rule", rule.name()).with("index", 1));
    }
    let checked = CheckedBranch::check(offered.blocks, params, Clock::wall());
    match (checked, offered.untrue) {
        (Err(bad), Some((at, path))) if at < bad.index => Err(untrue(at, &path)),
        (Err(bad), _) => Err(refused(bad)),
        (Ok(_), Some((at, path))) => Err(untrue(at, &path)),
        (Ok(branch), None) => Ok(branch),
    }
}

async fn write_chain(
    handle: &Handle,
    tip: Tip,
    from: u64,
    limit: u64,
    pieces: &mpsc::Sender<io::Result<Bytes>>,
) -> Result<(), &'static str> {
    let mut text = String::from(r#"{"chain": ["#);
    let mut height = from;
    let mut left = limit;
    while left > 0 && height <= tip.height {
        let count = usize::try_from(left).unwrap_or(CHAIN_PAGE).min(CHAIN_PAGE);
        let page = handle.view(move |view| view.chain_page(&tip.hash, height, count)).await;
        let page = page.map_err(|_| "the node stopped")?;
        if page.is_empty() {
            return Err("the chain was forgotten meanwhile");
        }
        for hash in page {
            let block = handle.store().read(&hash).map_err(|damage| unreadable(&hash, &damage))?;
            let block = block.and_then(|block| encoding::decode::<Block>(&block).ok());
            let block = block.ok_or("a block could not be read")?;
            if height > from {
                text.push_str(",\n");
            }
            let json = serde_json::to_string(&block_json(&block, height)).map_err(|_| "JSON failed")?;
            text.push_str(&json);
            height += 1;
            left -= 1;
            if text.len() >= PIECE_BYTES {
                send(pieces, &mut text).await?;
            }
        }
    }
    let _ = writeln!(text, r#"], "length": {}}}"#, tip.height + 1);
    send(pieces, &mut text).await
}

/// The answer has begun: it breaks off, and the log says why.
fn unreadable(hash: &BlockHash, damage: &Damage) -> &'static str {
    tracing::error!(%hash, %damage, hint = damage.hint(), "a block cannot be read");
    "a block is damaged"
}

async fn send(pieces: &mpsc::Sender<io::Result<Bytes>>, text: &mut String) -> Result<(), &'static str> {
    pieces.send(Ok(core::mem::take(text).into())).await.map_err(|_| "the reader went away")
}
