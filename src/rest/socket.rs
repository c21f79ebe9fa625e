//! A socket under hyper that does not wait for ever.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::body::Body;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// Time in which a client that we answer early may finish sending.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// Time for which a client that sends nothing more may still read. A closed connection and one whose client has
/// only said all that it wanted look the same from here: the answer shows which it was, and who left in the middle
/// of a long call is noticed this much later.
const HALF_CLOSED: Duration = Duration::from_secs(1);

/// Bytes thrown away at a time while it does.
const SCRATCH: usize = 8 * 1024;

/// What is known of the request in hand, by those who answer it and by its socket.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// Whether there is one.
    in_hand: AtomicBool,
    /// Whether the client may still be sending its body.
    unread: AtomicBool,
}

impl Exchange {
    /// A request with this body is in hand, for as long as what is returned lives.
    pub(super) fn begins(self: &Arc<Self>, body: &impl Body) -> Asked {
        self.in_hand.store(true, Ordering::Relaxed);
        self.unread.store(!body.is_end_stream(), Ordering::Relaxed);
        Asked(self.clone())
    }

    /// Its body has been read.
    pub(super) fn read_to_the_end(&self) {
        self.unread.store(false, Ordering::Relaxed);
    }
}

/// A request in hand.
pub(super) struct Asked(Arc<Exchange>);

impl Asked {
    pub(super) fn exchange(&self) -> &Arc<Exchange> {
        &self.0
    }

    /// Whether it is answered before all of it was read. What is done reads what it needs; `refused`: it is not.
    pub(super) fn answered_early(&self, refused: bool) -> bool {
        if !refused {
            self.0.read_to_the_end();
        }
        self.0.unread.load(Ordering::Relaxed)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.in_hand.store(false, Ordering::Relaxed);
    }
}

/// A socket whose end is told a while later if there is a request in hand.
struct Patient {
    socket: TcpStream,
    exchange: Arc<Exchange>,
    /// Runs while the client may still read.
    ending: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        let is_end = buffer.filled().len() == before;
        if is_end && self.exchange.in_hand.load(Ordering::Relaxed) {
            let ending = self.ending.get_or_insert_with(|| Box::pin(sleep(HALF_CLOSED)));
            ready!(ending.as_mut().poll(cx));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, pieces)
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

/// A socket that fails a write once its reader has taken nothing for some time, and that closes without
/// cutting off its last answer.
pub(super) struct Socket {
    io: TokioIo<Patient>,
    patience: Duration,
    /// Runs while a write waits.
    alarm: Option<Pin<Box<Sleep>>>,
    armed: bool,
    exchange: Arc<Exchange>,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// Its requests are those of `exchange`.
    pub(super) fn new(socket: TcpStream, patience: Duration, exchange: Arc<Exchange>) -> Socket {
        let io = TokioIo::new(Patient { socket, exchange: exchange.clone(), ending: None });
        Socket { io, patience, alarm: None, armed: false, exchange, lingering: None }
    }

    fn written(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.armed = false;
            return result;
        }
        let patience = self.patience;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(patience)));
        if !self.armed {
            alarm.as_mut().reset(Instant::now() + patience);
            self.armed = true;
        }
        ready!(alarm.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Throws away what still comes, for a while. Closing before, or with bytes unread, would reset the
    /// connection, and the reset would overtake the answer, such as the 413 to a body that is being sent.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let over = self.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut scratch = [0; SCRATCH];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            // Pending, too, once this task has had its share of the thread; so it never loops for long.
            match ready!(Pin::new(&mut self.io.inner_mut().socket).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, pieces);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        }
        match self.exchange.unread.load(Ordering::Relaxed) {
            true => self.poll_linger(cx).map(Ok),
            false => Poll::Ready(Ok(())),
        }
    }
}
