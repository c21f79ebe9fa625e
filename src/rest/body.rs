//! Bodies: what comes in is bounded in bytes and in time, what goes out is whole or streamed.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::borrow::Cow;
use std::io;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::limits::{HTTP_TIMEOUT, MIN_HTTP_BODY_BYTES_PER_SEC};
use crate::rest::gates::Arrived;
use crate::rest::json::strict::Strict;
use crate::rest::problem::Problem;

/// What goes out.
#[derive(Debug)]
pub enum Body {
    /// All of it; its length is sent ahead.
    Whole(Option<Bytes>),
    /// Piece by piece, as it is made. The channel's bound is what may wait for a slow reader. An error cuts
    /// the connection, so that nobody takes half an answer for a whole one.
    Stream(mpsc::Receiver<io::Result<Bytes>>),
    /// As it comes from another server.
    Relayed(Incoming),
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body::Whole(Some(bytes.into()))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Body::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Body::Stream(pieces) => {
                pieces.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
            Body::Relayed(body) => {
                let frame = Pin::new(body).poll_frame(context);
                frame.map(|frame| frame.map(|frame| frame.map_err(io::Error::other)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Whole(bytes) => bytes.is_none(),
            Body::Stream(_) => false,
            Body::Relayed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Body::Stream(_) => SizeHint::default(),
            Body::Relayed(body) => body.size_hint(),
        }
    }
}

/// A response of JSON, with a line break at its end for people at a terminal.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    match text(value) {
        Ok(text) => written(status, text),
        Err(problem) => problem.into_response(),
    }
}

/// The text of `value`, and the end of its line.
pub fn text(value: &impl Serialize) -> Result<Bytes, Problem> {
    let mut bytes = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer could not be written as JSON: a defect of this program");
        Problem::internal()
    })?;
    bytes.push(b'\n');
    Ok(bytes.into())
}

/// A response of JSON that is text already.
pub fn written(status: StatusCode, text: Bytes) -> Response<Body> {
    respond(status, HeaderValue::from_static("application/json"), Body::Whole(Some(text)))
}

/// A response of JSON that is streamed.
pub fn stream(pieces: mpsc::Receiver<io::Result<Bytes>>) -> Response<Body> {
    respond(StatusCode::OK, HeaderValue::from_static("application/json"), Body::Stream(pieces))
}

/// A body with its status and content type.
pub fn respond(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// Reads a request's body: at most `cap` bytes, in the server's patience and what its bytes earn on top.
pub async fn read(request: Request<Incoming>, cap: usize) -> Result<Bytes, Problem> {
    let arrived = request.extensions().get::<Arrived>().cloned();
    let time = arrived.as_ref().map_or(HTTP_TIMEOUT, |arrived| arrived.patience);
    let bytes = read_within(request.into_body(), cap, time).await?;
    if let Some(arrived) = arrived {
        arrived.exchange.read_to_the_end();
    }
    Ok(bytes)
}

/// As [`read`], with another time to begin with.
async fn read_within<B>(mut body: B, cap: usize, time: Duration) -> Result<Bytes, Problem>
where
    B: hyper::body::Body<Data = Bytes, Error: core::fmt::Display> + Unpin,
{
    // What says that it is too long is refused unread; what does not say is refused at the first byte too many.
    if usize::try_from(body.size_hint().lower()).is_ok_and(|length| length > cap) {
        return Err(Problem::too_large(cap));
    }
    let begin = Instant::now();
    let mut bytes = BytesMut::new();
    loop {
        let earned = Duration::from_secs(bytes.len() as u64 / MIN_HTTP_BODY_BYTES_PER_SEC);
        let frame = timeout_at(begin + time + earned, body.frame())
            .await
            .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"))?;
        let Some(frame) = frame else { return Ok(bytes.freeze()) };
        let frame = frame.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
        if let Ok(data) = frame.into_data() {
            if data.len() > cap - bytes.len() {
                return Err(Problem::too_large(cap));
            }
            bytes.extend_from_slice(&data);
        }
    }
}

/// What the JSON object in `bytes` says; or the one in a JSON string, which is how the original's clients wrote.
/// No object has a key twice, not even where nobody looks.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    strictly(&unquoted(bytes)?)
}

/// The same where an object may be left out: nothing at all, and `null`, say what an empty one does.
pub fn parse_or_nothing<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    match or_empty(&unquoted(bytes)?) {
        b"null" => strictly(b"{}"),
        bytes => strictly(bytes),
    }
}

/// What the JSON object in `bytes` says, and none in a string.
pub fn parse_plain<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    strictly(bytes)
}

/// `bytes` where there are any, or else those of an empty object, without blanks around them.
pub fn or_empty(bytes: &[u8]) -> &[u8] {
    match bytes.trim_ascii() {
        b"" => b"{}",
        bytes => bytes,
    }
}

/// The first byte that is no blank.
fn first(bytes: &[u8]) -> Option<u8> {
    bytes.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

/// What is in a JSON string, if `bytes` are one.
fn unquoted(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Problem> {
    match first(bytes) {
        Some(b'"') => Ok(serde_json::from_slice::<String>(bytes).map_err(wrong)?.into_bytes().into()),
        _ => Ok(bytes.into()),
    }
}

fn strictly<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let empty = "the body is empty: expected a JSON object";
    let first = first(bytes).ok_or_else(|| Problem::bad_request(empty))?;
    serde_json::from_slice::<Strict>(bytes).map_err(wrong)?;
    // A list would pass for the members in their order.
    if first != b'{' {
        return Err(Problem::bad_request(format!("{UNEXPECTED}: expected a JSON object")));
    }
    serde_json::from_slice(bytes).map_err(wrong)
}

/// How what is wrong with a body is told.
const UNEXPECTED: &str = "the body is not what is expected";

/// What is wrong with JSON, in the words of JSON and not in those of the program that reads it.
pub fn wrong(error: serde_json::Error) -> Problem {
    Problem::bad_request(format!("{UNEXPECTED}: {}", in_words(&error)))
}

/// The same, without saying of what.
pub fn in_words(error: &serde_json::Error) -> String {
    WORDS.iter().fold(error.to_string(), |said, (theirs, ours)| said.replace(theirs, ours))
}

/// What the library for JSON says, and what that is called by whoever writes JSON. A name before one that it is
/// the beginning of would hide it.
const WORDS: [(&str, &str); 18] = [
    ("expected ident", "expected JSON"),
    ("expected value", "expected JSON"),
    ("EOF while parsing a ", "it ends in the middle of a "),
    ("EOF while parsing an ", "it ends in the middle of an "),
    ("trailing characters", "something follows the JSON"),
    ("invalid type: map", "invalid type: an object"),
    ("invalid type: sequence", "invalid type: a list"),
    ("invalid type: boolean", "invalid type:"),
    ("invalid type: integer", "invalid type:"),
    ("invalid type: floating point", "invalid type:"),
    ("invalid value: integer", "invalid value:"),
    ("invalid value: floating point", "invalid value:"),
    ("expected f64", "expected a number"),
    ("expected usize", "expected a whole number, 0 or more"),
    ("expected u64", "expected a whole number, 0 or more"),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected a sequence", "expected a list"),
    ("expected a map", "expected an object"),
];

#[cfg(test)]
mod tests {
    use super::*;

    async fn within(body: Body, cap: usize) -> Result<Bytes, u16> {
        read_within(body, cap, Duration::from_millis(200)).await.map_err(|problem| problem.status().as_u16())
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read is not looked at")]
    struct Wanted {
        rate: f64,
        #[serde(default)]
        count: u32,
        #[serde(default)]
        of: Vec<usize>,
        #[serde(default)]
        on: bool,
        text: Option<String>,
    }

    /// (body, what is said of it)
    #[test]
    fn what_is_wrong_with_a_body_is_said_in_the_words_of_json() {
        let rows = [
            ("", "the body is empty: expected a JSON object"),
            (" \n", "the body is empty: expected a JSON object"),
            ("[5]", "expected a JSON object"),
            ("null", "expected a JSON object"),
            ("5", "expected a JSON object"),
            ("\"[5]\"", "expected a JSON object"),
            ("rate=5", "expected JSON at line 1 column 1"),
            ("text=5", "expected JSON at line 1 column 2"),
            ("{\"rate\": 5", "it ends in the middle of an object at line 1 column 10"),
            ("{\"rate\": 5} {}", "something follows the JSON at line 1 column 13"),
            ("{}", "missing field `rate` at line 1 column 2"),
            ("{\"rate\": \"5\"}", "invalid type: string \"5\", expected a number at line 1 column 12"),
            ("{\"rate\": [5]}", "invalid type: a list, expected a number at line 1 column 9"),
            (
                "{\"rate\": 5, \"count\": -1}",
                "invalid value: `-1`, expected a whole number from 0 to 4294967295",
            ),
            ("{\"rate\": 5, \"count\": 1.5}", "invalid type: `1.5`, expected a whole number from 0 to"),
            ("{\"rate\": 5, \"of\": {}}", "invalid type: an object, expected a list"),
            ("{\"rate\": 5, \"of\": [-1]}", "invalid value: `-1`, expected a whole number, 0 or more"),
            ("{\"rate\": 5, \"on\": 1}", "invalid type: `1`, expected a boolean"),
            ("{\"rate\": 5, \"text\": true}", "invalid type: `true`, expected a string"),
        ];
        for (body, expected) in rows {
            let said = parse::<Wanted>(body.as_bytes()).expect_err(body);
            let detail =
                said.detail().strip_prefix("the body is not what is expected: ").unwrap_or(said.detail());
            assert!(said.status() == 400 && detail.starts_with(expected), "{body}: {detail}");
        }
    }

    /// Row 71 of docs/hostile.md.
    #[tokio::test(start_paused = true)]
    async fn a_body_is_bounded_in_bytes_and_in_time() {
        assert_eq!(within(b"12345".to_vec().into(), 5).await, Ok("12345".into()));
        assert_eq!(within(b"123456".to_vec().into(), 5).await, Err(413));
        let (pieces, body) = mpsc::channel(9);
        for piece in ["123", "456"] {
            pieces.send(Ok(piece.into())).await.expect("a place");
        }
        assert_eq!(within(Body::Stream(body), 5).await, Err(413), "by pieces, the sender still there");
        // One byte now and then is progress, but not a body.
        let (pieces, body) = mpsc::channel(1);
        tokio::spawn(async move {
            while pieces.send(Ok(Bytes::from_static(b"x"))).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        assert_eq!(within(Body::Stream(body), 1000).await, Err(408));
    }
}
