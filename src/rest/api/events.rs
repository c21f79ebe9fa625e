//! What happens, as Server-Sent Events.
//!
//! Every event has a number; a reader that lost its connection says in `Last-Event-ID` which it had last,
//! and goes on after it. What the ring no longer keeps is told with the event `lost`, so that a reader can
//! account for every number. A reader that does not read is not waited for: it loses what it does not take,
//! and its connection once it takes nothing for some time.

use core::fmt::Write;

use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::limits::EVENT_HEARTBEAT;
use crate::net::events::{From, Heard, NotRead, Reader, Told};
use crate::node::io::{Event, Ids};
use crate::rest::api::peers::direction;
use crate::rest::api::seconds;
use crate::rest::body::{Body, respond};
use crate::rest::problem::Problem;
use crate::rest::routes::Api;
use crate::rest::values::query;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Pieces that may wait for a slow reader.
const PIECES_WAITING: usize = 1;

/// Events are gathered into pieces of about this size, in bytes, if there are many.
const PIECE_BYTES: usize = 16 * 1024;

/// Time after which a reader that lost its connection comes back, in milliseconds.
const RETRY_MILLIS: u32 = 1000;

impl Api {
    pub(super) fn events(&self, request: &Request<Incoming>) -> Result<Response<Body>, Problem> {
        let header = request.headers().get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or_default());
        let from = match header.or(query(request, "after")) {
            None => From::Now,
            Some(id) => after(id).ok_or_else(|| {
                let shown = &id[..id.floor_char_boundary(80)];
                Problem::bad_request(format!(
                    "the last event {shown:?}: expected the id of an event, such as 1767225600000.17"
                ))
            })?,
        };
        let events = self.handle.events();
        let reader = events.read(from).map_err(|why| match why {
            NotRead::TooManyReaders => {
                Problem::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string()).retry_after(10)
            }
            NotRead::NotYet { .. } => Problem::bad_request(why.to_string()),
        })?;
        let run = events.run();
        let restarted = matches!(from, From::After { run: other, .. } if other != run);
        let (pieces, body) = mpsc::channel(PIECES_WAITING);
        tokio::spawn(tell(reader, run, restarted, pieces));
        Ok(respond(StatusCode::OK, HeaderValue::from_static("text/event-stream"), Body::Stream(body)))
    }
}

/// The place that an event's id names.
fn after(id: &str) -> Option<From> {
    let (run, seq) = id.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(run) && digits(seq)).then_some(())?;
    Some(From::After { run: run.parse().ok()?, seq: seq.parse().ok()? })
}

/// Writes events until the node stops or the reader has gone.
async fn tell(
    mut reader: Reader,
    run: u64,
    restarted: bool,
    pieces: mpsc::Sender<std::io::Result<bytes::Bytes>>,
) {
    let next = reader.next_seq();
    let start = json!({ "type": "start", "next": next, "run": run, "restarted": restarted });
    let mut text = format!("retry: {RETRY_MILLIS}\n");
    write(&mut text, "start", (run, next - 1), &start);
    loop {
        if pieces.send(Ok(core::mem::take(&mut text).into())).await.is_err() {
            return;
        }
        let heard = tokio::select! {
            heard = timeout(EVENT_HEARTBEAT, reader.next()) => heard,
            () = pieces.closed() => return,
        };
        let mut heard = match heard {
            Ok(None) => return,
            Ok(heard) => heard,
            Err(_) => {
                text.push_str(":\n\n");
                continue;
            }
        };
        while let Some(one) = heard {
            write_heard(&mut text, run, &one);
            heard = if text.len() < PIECE_BYTES { reader.try_next() } else { None };
        }
    }
}

fn write_heard(text: &mut String, run: u64, heard: &Heard) {
    match heard {
        Heard::Event(told) => write(text, told.event.name(), (run, told.seq), &told_json(told)),
        Heard::Lost { first, last } => {
            let lost = json!({ "type": "lost", "first": first, "last": last, "count": last - first + 1 });
            write(text, "lost", (run, *last), &lost);
        }
    }
}

/// One event of the stream. JSON on one line has no line break to be escaped.
fn write(text: &mut String, name: &str, (run, seq): (u64, u64), data: &Value) {
    // Writing to a string does not fail.
    let _ = write!(text, "id: {run}.{seq}\nevent: {name}\ndata: {data}\n\n");
}

fn told_json(told: &Told) -> Value {
    let mut json = event_json(&told.event);
    json["seq"] = told.seq.into();
    json["time"] = seconds(told.at).into();
    json["type"] = told.event.name().into();
    json
}

fn event_json(event: &Event) -> Value {
    match event {
        Event::PeerReady { conn, node, address, direction: who } => json!({
            "peer": conn.0, "node": node.to_string(), "address": address, "direction": direction(*who),
        }),
        Event::PeerClosed { conn, node, address, why } => json!({
            "peer": conn.0, "node": node.map(|node| node.to_string()), "address": address,
            "why": why.to_string(),
        }),
        Event::DialFailed { address, error } => json!({ "address": address, "why": error }),
        Event::TipChanged { tip, connected, reverted } => json!({
            "hash": tip.hash.to_string(), "height": tip.height, "work": tip.work.to_string(),
            "connected": connected, "reverted": reverted,
        }),
        Event::BlockMined { hash, height, tries } => json!({
            "hash": hash.to_string(), "height": height, "tries": tries,
        }),
        Event::BlockRefused { hash, previous, height, rule, from } => json!({
            "hash": hash.to_string(), "previous": previous.to_string(), "height": height, "rule": rule.name(), "why": rule.to_string(),
            "from": from.map(|node| node.to_string()),
        }),
        Event::ManagerAccepted { conn } => json!({ "peer": conn.0 }),
        Event::BlockSeen {
            hash,
            previous,
            height,
            time,
            bits,
            work,
            bytes,
            transactions,
            miner,
            content,
            giver,
        } => json!({
            "hash": hash.to_string(), "previous": previous.to_string(), "height": height,
            "header_time": time, "bits": bits.to_string(), "work": work.to_string(), "bytes": bytes,
            "transactions": transactions, "miner": miner.to_string(), "content": content.as_str(),
            "origin": giver.origin.name(),
            "from": giver.node.map(|node| node.to_string()),
        }),
        Event::Reorg { from, to, ancestor, depth, returned } => json!({
            "old": { "hash": from.hash.to_string(), "height": from.height },
            "new": { "hash": to.hash.to_string(), "height": to.height },
            "ancestor": { "hash": ancestor.hash.to_string(), "height": ancestor.height },
            "depth": depth, "returned": ids_json(returned),
        }),
        Event::PoolChanged { came, went, count, bytes } => json!({
            "came": ids_json(came), "went": ids_json(went), "count": count, "bytes": bytes,
        }),
        Event::MiningSet { hashrate } => json!({ "hashrate": hashrate }),
        Event::MiningPaused { until } => json!({ "until": seconds(*until) }),
        Event::FaultsSet { cut, slow } => json!({ "cut": cut, "slow": slow }),
        Event::StoreFailed { why } => json!({ "why": why }),
    }
}

/// The first ids by name, and how many there are.
fn ids_json(ids: &Ids) -> Value {
    let first: Vec<String> = ids.first.iter().map(ToString::to_string).collect();
    json!({ "ids": first, "count": ids.count })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_run_and_a_number() {
        assert_eq!(after("1767225600000.17"), Some(From::After { run: 1_767_225_600_000, seq: 17 }));
        for bad in ["", "17", ".", "1.", ".1", "+1.2", "1.2.3", "1.-2", "x.1", "99999999999999999999.1"] {
            assert_eq!(after(bad), None, "{bad}");
        }
    }
}
