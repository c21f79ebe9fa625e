//! Bodies: what comes in is bounded in bytes and in time, what goes out is whole or streamed.

use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::limits::HTTP_TIMEOUT;
use crate::rest::problem::Problem;

/// What goes out.
#[derive(Debug)]
pub enum Body {
    /// All of it.
    Whole(Option<Bytes>),
    /// Piece by piece, as it is made. The channel's bound is what may wait for a slow reader.
    Stream(mpsc::Receiver<Bytes>),
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Body::Whole(Some(text.into()))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Body::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Body::Stream(pieces) => pieces.poll_recv(context).map(|piece| Some(Ok(Frame::data(piece?)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            Body::Stream(_) => SizeHint::default(),
        }
    }
}

/// A response of JSON.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let mut text = match serde_json::to_string(value) {
        Ok(text) => text,
        Err(error) => {
            let detail = format!("the answer could not be written: {error}");
            return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response();
        }
    };
    text.push('\n');
    with_type(status, Body::from(text))
}

/// A response of JSON that is streamed.
pub fn stream(pieces: mpsc::Receiver<Bytes>) -> Response<Body> {
    with_type(StatusCode::OK, Body::Stream(pieces))
}

fn with_type(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Reads a request's body: at most `cap` bytes, of which some must come every few seconds.
pub async fn read(request: Request<Incoming>, cap: usize) -> Result<Bytes, Problem> {
    let too_large =
        || Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body may have at most {cap} bytes"));
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > cap as u64) {
        return Err(too_large());
    }
    let mut body = request.into_body();
    let mut bytes = BytesMut::new();
    loop {
        let frame = timeout(HTTP_TIMEOUT, body.frame())
            .await
            .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"))?;
        let Some(frame) = frame else { return Ok(bytes.freeze()) };
        let frame = frame.map_err(|error| Problem::bad_request(format!("the body broke off: {error}")))?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > cap {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
        }
    }
}

/// What `bytes` say as JSON; or as a JSON string that holds JSON, which is how the original's clients wrote.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let wrong =
        |error: serde_json::Error| Problem::bad_request(format!("the body is not what is expected: {error}"));
    let starts_as_string = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'"');
    if starts_as_string {
        let inner: String = serde_json::from_slice(bytes).map_err(wrong)?;
        return serde_json::from_str(&inner).map_err(wrong);
    }
    serde_json::from_slice(bytes).map_err(wrong)
}
