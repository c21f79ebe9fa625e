//! HTTP/1.1 connections: how many, how long, and their orderly end.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, Sleep, sleep, timeout};

use crate::limits::{HTTP_TIMEOUT, MAX_HTTP_CONNECTIONS, MAX_HTTP_HEADER_BYTES};
use crate::rest::body::Body;
use crate::rest::gates::Gates;
use crate::rest::problem::Problem;

/// Time that answers under way get when the server stops.
const STOP: Duration = Duration::from_secs(1);

/// Pause after a failed accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves requests with `answer` until `stop`; then finishes what is under way.
pub async fn serve<A, F>(listener: TcpListener, gates: Gates, answer: A, stop: impl Future<Output = ()>)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let table = Arc::new(Table::default());
    let mut tasks = JoinSet::new();
    let mut stop = core::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    while tasks.try_join_next().is_some() {}
                    if let Some(place) = Table::enter(&table) {
                        tasks.spawn(connection(socket, peer, gates, answer.clone(), place));
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "an HTTP connection could not be accepted");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    table.close_all();
    let _ = timeout(STOP, async { while tasks.join_next().await.is_some() {} }).await;
}

async fn connection<A, F>(socket: TcpStream, peer: SocketAddr, gates: Gates, answer: A, place: Place)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let _ = socket.set_nodelay(true);
    let place = Arc::new(place);
    let service = service_fn(|request: Request<Incoming>| {
        let busy = Busy::new(place.clone());
        let gate = gates.check(peer.ip(), request.version(), request.uri(), request.headers());
        let answering = gate.map(|()| answer(request));
        async move {
            let _busy = busy;
            let response = match answering {
                Ok(answering) => answering.await,
                Err(problem) => problem.into_response(),
            };
            Ok::<_, core::convert::Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HTTP_TIMEOUT)
        .max_buf_size(MAX_HTTP_HEADER_BYTES)
        .serve_connection(TokioIo::new(Patient::new(socket)), service);
    let mut connection = core::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.leave.notified() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "an HTTP connection ended badly");
    }
}

/// Who is connected, so that the one idle longest can make room.
#[derive(Default)]
struct Table {
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    next: u64,
    /// When each became idle; none: it is being answered.
    by_number: BTreeMap<u64, (Option<Instant>, Arc<Notify>)>,
}

/// One connection's place in the table; given back when dropped.
struct Place {
    number: u64,
    table: Arc<Table>,
    leave: Arc<Notify>,
}

impl Table {
    /// A place for a newcomer, at the cost of the one idle longest if there is no other; none if all are
    /// being answered.
    fn enter(table: &Arc<Table>) -> Option<Place> {
        let mut places = table.lock();
        if places.by_number.len() >= MAX_HTTP_CONNECTIONS {
            let idle =
                places.by_number.iter().filter_map(|(n, (since, leave))| Some((*since.as_ref()?, *n, leave)));
            let (_, number, leave) = idle.min_by_key(|(since, n, _)| (*since, *n))?;
            leave.notify_one();
            places.by_number.remove(&number);
        }
        let number = places.next;
        places.next += 1;
        let leave = Arc::new(Notify::new());
        places.by_number.insert(number, (Some(Instant::now()), leave.clone()));
        Some(Place { number, table: table.clone(), leave })
    }

    fn close_all(&self) {
        self.lock().by_number.values().for_each(|(_, leave)| leave.notify_one());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Places> {
        // What it holds is whole after every statement.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    fn set_idle(&self, since: Option<Instant>) {
        if let Some(place) = self.table.lock().by_number.get_mut(&self.number) {
            place.0 = since;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.lock().by_number.remove(&self.number);
    }
}

/// While it lives, its connection is not idle.
struct Busy(Arc<Place>);

impl Busy {
    fn new(place: Arc<Place>) -> Busy {
        place.set_idle(None);
        Busy(place)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_idle(Some(Instant::now()));
    }
}

/// A socket that gives up on a reader who takes nothing for [`HTTP_TIMEOUT`].
struct Patient {
    socket: TcpStream,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(socket: TcpStream) -> Patient {
        Patient { socket, waiting: None }
    }

    fn wait(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if poll.is_ready() {
            self.waiting = None;
            return poll;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(HTTP_TIMEOUT)));
        ready!(waiting.poll_unpin(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.wait(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.wait(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// What a path that does not exist is answered: `paths` are those that do.
pub fn not_found(path: &str, paths: impl Iterator<Item = &'static str>) -> Problem {
    let paths: Vec<&str> = paths.collect();
    let detail = format!("there is no {path:?} here; there are {}", paths.join(", "));
    Problem::new(hyper::StatusCode::NOT_FOUND, detail)
}
