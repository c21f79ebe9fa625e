//! The miner: what it does, at which rate, and blocks on demand.

use core::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::limits::{DEFAULT_MINING_TIMEOUT, MAX_HTTP_BODY_BYTES, MAX_MINED_AT_ONCE};
use crate::node::io::{Answer, Command};
use crate::rest::api::{Whole, present};
use crate::rest::body::{self, Body};
use crate::rest::contents::ContentIn;
use crate::rest::node::{mining_queue_full, wrong_clock};
use crate::rest::problem::Problem;
use crate::rest::routes::{Api, not_done};
use crate::rest::values::number;
use crate::wire::manage::Mined;

/// The longest time that a call may wait for its blocks, in seconds: a day.
const MAX_TIMEOUT_SECS: u64 = 24 * 60 * 60;

/// The rate to mine at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateIn {
    hashrate: Whole,
}

/// What to mine.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MineIn {
    #[serde(default, deserialize_with = "present")]
    content: Option<String>,
    #[serde(default, deserialize_with = "present")]
    base64: Option<String>,
    #[serde(default, deserialize_with = "present")]
    count: Option<Whole>,
}

impl Api {
    pub(super) async fn mining(&self) -> Result<Response<Body>, Problem> {
        let mining = self.handle.view(|view| view.mining()).await?;
        let stats = self.handle.mining();
        let mode = match (mining.waiting, mining.background) {
            (0, 0) => "off",
            (0, _) => "background",
            _ => "on_demand",
        };
        let state = json!({
            "mode": mode,
            "hashrate": mining.background,
            "rate": stats.rate,
            "waiting": mining.waiting,
            "hashes": stats.total_hashes,
        });
        Ok(body::json(StatusCode::OK, &state))
    }

    pub(super) async fn set_mining(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let bytes = body::read(request, MAX_HTTP_BODY_BYTES).await?;
        let RateIn { hashrate: Whole(hashrate) } = body::parse_plain(&bytes)?;
        match self.handle.command(Command::SetMining(hashrate)).await? {
            Answer::MiningSet => self.mining().await,
            other => Err(not_done(other)),
        }
    }

    /// Mines blocks one after the other, each durable before the next begins.
    pub(super) async fn api_mine(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let usual = DEFAULT_MINING_TIMEOUT.as_secs();
        let limit = Duration::from_secs(number(&request, "timeout", usual, (0, MAX_TIMEOUT_SECS))?);
        let end = Instant::now() + limit;
        let bytes = body::read(request, MAX_HTTP_BODY_BYTES).await?;
        let MineIn { content, base64, count } = body::parse_plain(body::or_empty(&bytes))?;
        let Whole(count) = count.unwrap_or(Whole(1));
        if !(1..=MAX_MINED_AT_ONCE).contains(&count) {
            let detail = format!("count {count}: expected a whole number from 1 to {MAX_MINED_AT_ONCE}");
            return Err(Problem::bad_request(detail));
        }
        let mut content = ContentIn { content, base64 }.if_any()?;
        let mut blocks: Vec<Value> = Vec::new();
        while (blocks.len() as u64) < count {
            let left = end.saturating_duration_since(Instant::now());
            match self.handle.mine(content.take(), left).await? {
                Answer::Mined(mined) => blocks.push(mined_json(&mined)),
                Answer::Cancelled => return Err(late(&blocks, count)),
                Answer::WrongClock { until, wait } => {
                    return Err(wrong_clock(until, wait).with("blocks", blocks));
                }
                Answer::MiningQueueFull => return Err(mining_queue_full().with("blocks", blocks)),
                other => return Err(not_done(other).with("blocks", blocks)),
            }
        }
        Ok(body::json(StatusCode::OK, &json!({ "blocks": blocks })))
    }
}

fn late(blocks: &[Value], count: u64) -> Problem {
    let detail = match blocks.len() {
        0 => "no block was found in time; nothing is lost by asking again".to_owned(),
        found => format!("{found} of {count} blocks were found in time; they are in the chain"),
    };
    Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).with("blocks", blocks.to_vec())
}

fn mined_json(mined: &Mined) -> Value {
    json!({
        "hash": mined.hash.to_string(),
        "height": mined.height,
        "nonce": mined.nonce,
        "tries": mined.tries,
        "seconds": mined.micros as f64 / 1e6,
    })
}
