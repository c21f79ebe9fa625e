//! The HTTP/1.1 server of node and manager: one task a connection, every wait bounded.

use core::convert::Infallible;
use core::future::poll_fn;
use core::panic::AssertUnwindSafe;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use std::net::SocketAddr;
use std::panic::catch_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::header::{CACHE_CONTROL, CONNECTION, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioTimer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::limits::{HTTP_TIMEOUT, MAX_HTTP_CONNECTIONS, MAX_HTTP_HEADER_BYTES, MAX_HTTP_TURNED_AWAY};
use crate::net::CallerLines;
use crate::rest::body::Body;
use crate::rest::gates::{Arrived, Caller, Guard};
use crate::rest::places::{Busy, Place, Places};
use crate::rest::problem::{Problem, Refused};
use crate::rest::socket::{Asked, Exchange, LINGER, Socket};
use crate::rest::values;

/// Bytes that hyper reads ahead, or buffers of an answer, on one connection.
const BUFFER_BYTES: usize = 64 * 1024;

/// Pause after a failed accept: out of file descriptors, most likely, which only time mends.
const PAUSE: Duration = Duration::from_millis(100);

/// What a newcomer is told when every connection has a request in hand.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
    Content-Type: application/problem+json\r\nContent-Length: 97\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"too many connections\"}";

const SAME_ORIGIN: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// How many, how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Connections at once.
    pub connections: usize,
    /// Time for a request's headers, and for its body, to arrive, and for a reader to take something of what
    /// waits for it.
    pub timeout: Duration,
    /// Time that answers in hand have to be finished, once the server is to stop.
    pub grace: Duration,
}

impl Settings {
    /// What nodes and managers use.
    pub const fn recommended() -> Settings {
        Settings { connections: MAX_HTTP_CONNECTIONS, timeout: HTTP_TIMEOUT, grace: Duration::from_secs(2) }
    }
}

/// Serves requests with `answer` until `stop` ends; then finishes what is under way. A request is answered
/// if the guard at its gates lets it in; what panics over it is answered with 500.
pub async fn serve<A, F>(
    listener: TcpListener,
    guard: impl Into<Guard>,
    answer: A,
    stop: impl Future<Output = ()>,
) where
    A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    serve_with(Settings::recommended(), listener, guard, answer, stop).await;
}

/// As [`serve`], with other limits.
pub async fn serve_with<A, F>(
    settings: Settings,
    listener: TcpListener,
    guard: impl Into<Guard>,
    answer: A,
    stop: impl Future<Output = ()>,
) where
    A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let (lines, since) = (Mutex::default(), Instant::now());
    let shared = Arc::new(Shared { guard: guard.into(), settings, answer, lines, since });
    let turned_away = Arc::new(Semaphore::new(MAX_HTTP_TURNED_AWAY));
    let places = Arc::new(Places::default());
    let mut tasks = JoinSet::new();
    let (stopping, stopped) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    tracing::error!(%error, "an HTTP connection failed: a defect of this program");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => match places.take(settings.connections) {
                    Some(place) => {
                        let serving = shared.clone().connection(socket, peer, place.clone(), stopped.clone());
                        place.serve(tasks.spawn(serving));
                    }
                    None => match turned_away.clone().try_acquire_owned() {
                        Ok(place) => drop(tasks.spawn(turn_away(socket, place))),
                        // Whoever has sent something by now may not read it.
                        Err(_) => drop(socket.try_write(FULL)),
                    },
                },
                Err(error) => {
                    tracing::warn!(%error, "an HTTP connection could not be accepted");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop((listener, stopping));
    // Whoever is not done by then is cut off as the set is dropped.
    let _ = timeout(settings.grace, async { while tasks.join_next().await.is_some() {} }).await;
}

struct Shared<A> {
    guard: Guard,
    settings: Settings,
    answer: A,
    /// How much may be written down of those who are refused, counted since the start.
    lines: Mutex<CallerLines>,
    since: Instant,
}

impl<A, F> Shared<A>
where
    A: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    async fn connection(
        self: Arc<Self>,
        socket: TcpStream,
        peer: SocketAddr,
        place: Place,
        mut stopped: watch::Receiver<()>,
    ) {
        // An answer is written at once: waiting for more to send would only delay it.
        let _ = socket.set_nodelay(true);
        let Ok(local) = socket.local_addr() else { return };
        let caller = Caller::new(peer.ip(), local.ip());
        let patience = self.settings.timeout;
        let exchange = Arc::new(Exchange::default());
        let service = service_fn(|request: Request<Incoming>| {
            let (shared, busy, asked) = (self.clone(), place.busy(), exchange.begins(request.body()));
            async move {
                let mut response = shared.answer(caller, &asked, request).await;
                let refused = response.status().is_client_error() || response.status().is_server_error();
                // Whoever is refused may not have been heard out, and what they still send is no request.
                if asked.answered_early(refused) {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response.map(|body| InHand { body, _busy: busy, _asked: asked }))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .max_header_size(MAX_HTTP_HEADER_BYTES)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(Socket::new(socket, patience, exchange.clone()), service);
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "an HTTP connection ended early");
        }
    }

    async fn answer(&self, caller: Caller, asked: &Asked, mut request: Request<Incoming>) -> Response<Body> {
        let (patience, exchange) = (self.settings.timeout, asked.exchange().clone());
        request.extensions_mut().insert(Arrived { caller, patience, exchange });
        if let Some(uri) = values::plain(request.uri()) {
            *request.uri_mut() = uri;
        }
        let gate = self.guard.check(caller, request.version(), request.uri(), request.headers());
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let mut response = match gate {
            Ok(()) => caught(async { (self.answer)(request).await }).await.unwrap_or_else(|| {
                tracing::error!(%method, %uri, "a request made this program panic: a defect of it");
                Problem::internal().into_response()
            }),
            Err(problem) => problem.into_response(),
        };
        if let Some(Refused(why)) = response.extensions_mut().remove() {
            self.refused(caller, uri.path(), &why);
        }
        let headers = response.headers_mut();
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(SAME_ORIGIN, HeaderValue::from_static("same-origin"));
        response
    }
}

impl<A> Shared<A> {
    /// Writes down that a request was refused, if not too much is written down.
    fn refused(&self, caller: Caller, path: &str, why: &str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(unsaid) = lines.take(self.since.elapsed()) else { return };
        drop(lines);
        if unsaid > 0 {
            tracing::warn!(unsaid, "HTTP requests were refused faster than is written down");
        }
        tracing::info!(peer = %caller.peer, path = values::shown(path), why, "an HTTP request was refused");
    }
}

/// What `future` comes to; none if it panics.
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// Tells a newcomer that there is no place, and throws away what they ask: closing with that unread would reset
/// the connection, and the reset would overtake the answer.
async fn turn_away(mut socket: TcpStream, _place: OwnedSemaphorePermit) {
    let told = async {
        socket.write_all(FULL).await?;
        socket.shutdown().await?;
        let mut scratch = [0; 1024];
        while socket.read(&mut scratch).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    let _ = timeout(LINGER, told).await;
}

/// A body whose connection is busy until hyper has taken the last of it.
struct InHand {
    body: Body,
    _busy: Busy,
    _asked: Asked,
}

impl hyper::body::Body for InHand {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a path that does not exist is answered: `paths` are those that do.
pub fn not_found(path: &str, paths: impl Iterator<Item = &'static str>) -> Problem {
    let paths: Vec<&str> = paths.collect();
    let detail = format!("there is no {path:?} here; there are {}", paths.join(", "));
    Problem::new(StatusCode::NOT_FOUND, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_a_full_server_has_the_length_it_says() {
        let text = core::str::from_utf8(FULL).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{}", body.len());
        serde_json::from_str::<serde_json::Value>(body).expect("JSON");
    }
}
