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
use crate::net::{Clock, Handle, Stopped};
use crate::node::io::{Answer, Command};
use crate::params::Params;
use crate::rest::body::{self, Body};
use crate::rest::json::{self, block_text};
use crate::rest::problem::Problem;
use crate::rest::routes::{Api, not_done};
use crate::rest::values::{query, shown, whole};
use crate::store::Damage;
use crate::types::{Block, BlockHash};

/// Pieces that may wait for a slow reader.
const PIECES_WAITING: usize = 2;

/// Bytes of a piece, which is longer only in its making: with what the server buffers, and as many readers as
/// there may be, some tens of megabytes, and one block's text for each on a chain of large ones.
const PIECE_BYTES: usize = 16 * 1024;

impl Api {
    pub(super) async fn chain(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let number = |name: &str, default: u64| match query(&request, name) {
            None => Ok(default),
            Some(text) => whole(&text).ok_or_else(|| {
                let text = shown(&text);
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
        let mut writer = Writer::new(self.handle.clone(), tip, from - 1, limit);
        // What is wrong with the first blocks can still be said.
        let first = writer.piece().await?;
        let (pieces, body) = mpsc::channel(PIECES_WAITING);
        tokio::spawn(async move {
            if let Some(first) = first {
                let _ = pieces.send(Ok(first)).await;
            }
            if let Err(why) = writer.send(&pieces).await.map_err(Broken::logged) {
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
            Answer::Refused(bad) => Err(refused(bad)),
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
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        .with("rule", bad.rule.name())
        .with("why", bad.rule.to_string())
        .with("index", index)
        .with("height", bad.index)
}

fn untrue(at: usize, path: &str) -> Problem {
    let detail = format!("{path} is not what the rest says");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with("rule", "Inconsistent").with("index", at + 1)
}

fn busy() -> Problem {
    let detail = "another large chain is being checked";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5)
}

/// The chain in `bytes`, or the rule that it breaks; a problem if it is none, or says something untrue before that.
fn check(bytes: &[u8], params: &Arc<Params>) -> Result<Result<CheckedBranch, BadBranch>, Problem> {
    if bytes.trim_ascii().is_empty() {
        return Err(Problem::bad_request("the body is empty: expected a chain, as GET /chain gives it"));
    }
    let offered = json::read::chain(bytes).map_err(|error| {
        Problem::bad_request(format!("the body is not a chain: {}", body::in_words(&error)))
    })?;
    if offered.blocks.is_empty() {
        let rule = Rule::GenesisMismatch;
        let problem =
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the chain is empty: it lacks the genesis block");
        return Err(problem.with("rule", rule.name()).with("index", 1));
    }
    let checked = CheckedBranch::check(offered.blocks, params, Clock::wall());
    match (checked, offered.untrue) {
        (Err(bad), Some((at, path))) if at < bad.index => Err(untrue(at, &path)),
        (Ok(_), Some((at, path))) => Err(untrue(at, &path)),
        (checked, _) => Ok(checked),
    }
}

/// The chain as text, a piece at a time.
struct Writer {
    handle: Handle,
    /// The chain's end when the request came.
    tip: Tip,
    /// Hashes of the next blocks.
    page: std::vec::IntoIter<BlockHash>,
    /// The next block's height, how many may still come, and whether any did.
    height: u64,
    left: u64,
    begun: bool,
    /// Text that is next.
    text: Bytes,
    ended: bool,
}

/// Why a chain is not written to its end.
enum Broken {
    Stopped(Stopped),
    Missing(&'static str),
    Damaged(Damage),
}

impl Writer {
    fn new(handle: Handle, tip: Tip, height: u64, left: u64) -> Writer {
        let (page, text) = (Vec::new().into_iter(), Bytes::from_static(br#"{"chain": ["#));
        Writer { handle, tip, page, height, left, begun: false, text, ended: false }
    }

    /// The next piece; none after the last.
    async fn piece(&mut self) -> Result<Option<Bytes>, Broken> {
        if self.text.len() < PIECE_BYTES && !self.ended {
            let mut text = String::with_capacity(2 * PIECE_BYTES);
            text.push_str(core::str::from_utf8(&self.text).unwrap_or_default());
            while text.len() < PIECE_BYTES && self.left > 0 && self.height <= self.tip.height {
                self.block(&mut text).await?;
            }
            if text.len() < PIECE_BYTES {
                let _ = writeln!(text, r#"], "length": {}}}"#, self.tip.height + 1);
                self.ended = true;
            }
            // Room that is not used would wait with the piece.
            text.shrink_to_fit();
            self.text = text.into();
        }
        let length = self.text.len().min(PIECE_BYTES);
        Ok((length > 0).then(|| self.text.split_to(length)))
    }

    /// Adds the next block.
    async fn block(&mut self, text: &mut String) -> Result<(), Broken> {
        let hash = match self.page.next() {
            Some(hash) => hash,
            None => {
                let count = usize::try_from(self.left).unwrap_or(CHAIN_PAGE).min(CHAIN_PAGE);
                let (tip, height) = (self.tip.hash, self.height);
                let page = self.handle.view(move |view| view.chain_page(&tip, height, count)).await;
                self.page = page.map_err(Broken::Stopped)?.into_iter();
                self.page.next().ok_or(Broken::Missing("the chain was forgotten meanwhile"))?
            }
        };
        let block = self.handle.store().read(&hash).map_err(Broken::Damaged)?;
        let block = block.and_then(|block| encoding::decode::<Block>(&block).ok());
        let block = block.ok_or(Broken::Missing("a block is not in the store"))?;
        if core::mem::replace(&mut self.begun, true) {
            text.push_str(",\n");
        }
        let json = block_text(&block, self.height);
        text.push_str(&json.map_err(|_| Broken::Missing("a block could not be written as JSON"))?);
        self.height += 1;
        self.left -= 1;
        Ok(())
    }

    /// Sends the rest.
    async fn send(mut self, pieces: &mpsc::Sender<io::Result<Bytes>>) -> Result<(), Broken> {
        while let Some(piece) = self.piece().await? {
            if pieces.send(Ok(piece)).await.is_err() {
                return Err(Broken::Missing("the reader went away"));
            }
        }
        Ok(())
    }
}

impl Broken {
    /// The answer has begun: it breaks off, and the log says why.
    fn logged(self) -> &'static str {
        match self {
            Broken::Stopped(_) => "the node stopped",
            Broken::Missing(why) => why,
            Broken::Damaged(damage) => {
                tracing::error!(%damage, hint = damage.hint(), "a block cannot be read");
                "a block is damaged"
            }
        }
    }
}

impl From<Broken> for Problem {
    fn from(broken: Broken) -> Problem {
        match broken {
            Broken::Stopped(stopped) => stopped.into(),
            Broken::Missing(why) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, why),
            Broken::Damaged(damage) => damage.into(),
        }
    }
}
