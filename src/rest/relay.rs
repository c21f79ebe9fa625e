//! Requests passed on to another server of this machine, so that a page of one origin reaches them all.

use core::pin::{Pin, pin};
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::limits::{DEFAULT_MINING_TIMEOUT, RELAY_ANSWER_TIMEOUT, RELAY_TIMEOUT};
use crate::rest::body::Body;
use crate::rest::values::{duration, pairs};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// About one connection, and not about the request (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Why a request did not get through.
#[derive(Debug, thiserror::Error)]
pub enum NotRelayed {
    /// Returned when nobody takes the connection.
    #[error("it does not take connections: {0}")]
    Unreachable(std::io::Error),
    /// Returned when it takes none in time.
    #[error("it takes no connection within {} s", RELAY_TIMEOUT.as_secs())]
    Timeout,
    /// Returned when it has the request, and does not begin to answer in time.
    #[error("it does not answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// Returned when what it says is no answer, or is cut off.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// Returned when it was whoever asked whose body broke off.
    #[error("the body broke off: {0}")]
    Cut(Arc<hyper::Error>),
}

impl NotRelayed {
    /// Whether the other server may be ending, or have ended already.
    pub fn may_be_an_end(&self) -> bool {
        matches!(self, NotRelayed::Unreachable(_) | NotRelayed::Broken(_))
    }
}

/// Passes `request` on to the server at `to`, as one for `path` there, and its answer back: bodies as they
/// come, both ways. What is `/` there is `at` here. Whether the caller may ask was settled at our gates, so that
/// the other server is not told of the page (`Origin`) that it does not know.
///
/// The answer has to begin in its time, counted from when the other server last took something of the request;
/// what comes then may take as long as it takes.
pub async fn relay(
    request: Request<Incoming>,
    to: SocketAddr,
    path: Uri,
    at: &str,
) -> Result<Response<Body>, NotRelayed> {
    let patience = patience(&path);
    relay_within(patience, request, to, path, at).await
}

/// As [`relay`], with another time in which the answer has to begin.
pub(super) async fn relay_within(
    patience: Duration,
    request: Request<Incoming>,
    to: SocketAddr,
    path: Uri,
    at: &str,
) -> Result<Response<Body>, NotRelayed> {
    let connecting = timeout(RELAY_TIMEOUT, TcpStream::connect(to)).await;
    let socket = connecting.map_err(|_| NotRelayed::Timeout)?.map_err(NotRelayed::Unreachable)?;
    let _ = socket.set_nodelay(true);
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    // Ends with the answer's last byte, or when whoever asked has gone.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%to, %error, "a relayed request ended early");
        }
    });
    let (mut head, body) = request.into_parts();
    head.uri = path;
    head.extensions.clear();
    drop_hops(&mut head.headers);
    head.headers.remove(ORIGIN);
    // Whoever asked was told to go on already.
    head.headers.remove(EXPECT);
    if let Ok(host) = HeaderValue::try_from(to.to_string()) {
        head.headers.insert(HOST, host);
    }
    let (passed, mut passing) = watch::channel(Ok(Instant::now()));
    let mut answering = pin!(sender.send_request(Request::from_parts(head, Passed { body, passed })));
    let answer = loop {
        let last = passing.borrow_and_update().clone().map_err(NotRelayed::Cut)?;
        tokio::select! {
            biased;
            answer = &mut answering => match (answer, passing.borrow().clone()) {
                (Ok(answer), _) => break answer,
                (Err(_), Err(cut)) => return Err(NotRelayed::Cut(cut)),
                (Err(error), Ok(_)) => return Err(error.into()),
            },
            // Whose sender is dropped says no more: the request is there, and the last time counts.
            Ok(()) = passing.changed() => {}
            () = sleep_until(last + patience) => return Err(NotRelayed::Silent(patience)),
        }
    };
    let (mut head, body) = answer.into_parts();
    drop_hops(&mut head.headers);
    let place = head.headers.get(LOCATION).and_then(|place| here(place, at));
    if let Some(place) = place {
        head.headers.insert(LOCATION, place);
    }
    Ok(Response::from_parts(head, Body::Relayed(body)))
}

/// Where a place of the other server, which is its path there, is here.
fn here(place: &HeaderValue, at: &str) -> Option<HeaderValue> {
    let path = place.to_str().ok()?;
    (path.starts_with('/') && !path.starts_with("//")).then(|| format!("{at}{path}").try_into().ok())?
}

/// The time in which a node begins to answer a request for `path`: blocks take as long as whoever wants them
/// waits.
fn patience(path: &Uri) -> Duration {
    let mines = ["/mine", "/api/v1/mine"].contains(&path.path());
    let asked = path.query().and_then(|query| {
        let (_, value) = pairs(query).find(|(name, _)| name == "timeout")?;
        duration(&value).ok()
    });
    RELAY_ANSWER_TIMEOUT + if mines { asked.unwrap_or(DEFAULT_MINING_TIMEOUT) } else { Duration::ZERO }
}

/// A request's body on its way, which tells when something of it was last taken, or that it broke off.
struct Passed {
    body: Incoming,
    passed: watch::Sender<Result<Instant, Arc<hyper::Error>>>,
}

impl hyper::body::Body for Passed {
    type Data = Bytes;
    type Error = Arc<hyper::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Arc<hyper::Error>>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let frame = frame.map(|frame| frame.map_err(Arc::new));
        let told = match &frame {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(Instant::now()),
        };
        let _ = self.passed.send_replace(told);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn drop_hops(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_one_connection_stays_there() {
        let mut headers = HeaderMap::new();
        let rows = [
            ("connection", "keep-alive, X-Own"),
            ("x-own", "1"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("last-event-id", "1.2"),
            ("content-type", "application/json"),
        ];
        for (name, value) in rows {
            headers.insert(name, HeaderValue::from_static(value));
        }
        drop_hops(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-type", "last-event-id"]);
    }

    #[test]
    fn a_place_there_is_a_place_here() {
        let rows = [
            ("/api/v1/transactions/ab", Some("/node/3/api/v1/transactions/ab")),
            ("/", Some("/node/3/")),
            ("tip", None),
            ("//example.org/", None),
            ("http://example.org/", None),
        ];
        for (there, expected) in rows {
            let place = here(&HeaderValue::from_static(there), "/node/3");
            assert_eq!(place.as_ref().map(HeaderValue::as_bytes), expected.map(str::as_bytes), "{there}");
        }
    }

    #[test]
    fn blocks_take_as_long_as_whoever_wants_them_waits() {
        let rows = [
            ("/node/id", 0),
            ("/api/v1/tip?timeout=5", 0),
            ("/mine", DEFAULT_MINING_TIMEOUT.as_secs()),
            ("/mine?verbose=1&timeout=2m", 120),
            ("/api/v1/mine?timeout=7", 7),
            ("/api/v1/mine?timeout=soon", DEFAULT_MINING_TIMEOUT.as_secs()),
        ];
        for (path, more) in rows {
            let uri: Uri = path.parse().expect("a path");
            assert_eq!(patience(&uri), RELAY_ANSWER_TIMEOUT + Duration::from_secs(more), "{path}");
        }
    }
}
