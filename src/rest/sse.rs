//! What happens, as Server-Sent Events: a node's, and a manager's.
//!
//! Every event has a number; a reader that lost its connection says in `Last-Event-ID` which it had last,
//! and goes on after it. What the ring no longer keeps is told with the event `lost`, so that a reader can
//! account for every number. A reader that does not read is not waited for: it loses what it does not take,
//! and its connection once it takes nothing for some time.

use core::fmt::Write;
use std::borrow::Cow;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::limits::EVENT_HEARTBEAT;
use crate::net::events::{Events, From, Heard, Named, NotRead, Reader, Told};
use crate::rest::body::{Body, respond as respond_with};
use crate::rest::problem::Problem;
use crate::rest::values::{query, shown};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Pieces that may wait for a slow reader.
const PIECES_WAITING: usize = 1;

/// Events are gathered into pieces of about this size, in bytes, if there are many.
const PIECE_BYTES: usize = 16 * 1024;

/// The event that a stream begins with.
pub const START: &str = "start";

/// The event that tells which ones are no longer kept.
pub const LOST: &str = "lost";

/// Time after which a reader that lost its connection comes back, in milliseconds.
const RETRY_MILLIS: u32 = 1000;

/// What can be told to readers.
pub trait Show: Named + Send + Sync + Sized + 'static {
    /// One JSON object on one line, its number in it.
    fn json(told: &Told<Self>) -> String;
}

/// Answers `request` with what `events` has from where it says, and then with what comes.
pub fn respond<B, E: Show>(request: &Request<B>, events: &Events<E>) -> Result<Response<Body>, Problem> {
    let header = request.headers().get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or_default());
    let from = match header.map(Cow::from).or(query(request, "after")) {
        None => From::Now,
        Some(id) => after(&id).ok_or_else(|| {
            let shown = shown(&id);
            Problem::bad_request(format!(
                "the last event {shown:?}: expected the id of an event, such as 1767225600000.17"
            ))
        })?,
    };
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
    Ok(respond_with(StatusCode::OK, HeaderValue::from_static("text/event-stream"), Body::Stream(body)))
}

/// The place that an event's id names.
fn after(id: &str) -> Option<From> {
    let (run, seq) = id.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(run) && digits(seq)).then_some(())?;
    Some(From::After { run: run.parse().ok()?, seq: seq.parse().ok()? })
}

/// Writes events until the program stops or the reader has gone.
async fn tell<E: Show>(
    mut reader: Reader<E>,
    run: u64,
    restarted: bool,
    pieces: mpsc::Sender<std::io::Result<bytes::Bytes>>,
) {
    let next = reader.next_seq();
    let start = json!({ "type": START, "next": next, "run": run, "restarted": restarted });
    let mut text = format!("retry: {RETRY_MILLIS}\n");
    write(&mut text, START, (run, next - 1), &start.to_string());
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

fn write_heard<E: Show>(text: &mut String, run: u64, heard: &Heard<E>) {
    match heard {
        Heard::Event(told) => write(text, told.event.name(), (run, told.seq), &E::json(told)),
        Heard::Lost { first, last } => {
            let lost = json!({ "type": LOST, "first": first, "last": last, "count": last - first + 1 });
            write(text, LOST, (run, *last), &lost.to_string());
        }
    }
}

/// One event of the stream. JSON on one line has no line break to be escaped.
fn write(text: &mut String, name: &str, (run, seq): (u64, u64), data: &str) {
    // Writing to a string does not fail.
    let _ = write!(text, "id: {run}.{seq}\nevent: {name}\ndata: {data}\n\n");
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
