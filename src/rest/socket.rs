//! A socket under hyper that does not wait for ever.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// Time in which a client that we answer early may finish sending.
const LINGER: Duration = Duration::from_secs(1);

/// Bytes thrown away at a time while it does.
const SCRATCH: usize = 8 * 1024;

/// A socket that fails a write once its reader has taken nothing for some time, and that closes without
/// cutting off its last answer.
pub(super) struct Socket {
    io: TokioIo<TcpStream>,
    patience: Duration,
    /// Runs while a write waits.
    alarm: Option<Pin<Box<Sleep>>>,
    armed: bool,
    /// Whether the client may still be sending when the last answer is written.
    unread: Arc<AtomicBool>,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// `unread` is set by whoever answers a request without having read all of it.
    pub(super) fn new(socket: TcpStream, patience: Duration, unread: Arc<AtomicBool>) -> Socket {
        Socket { io: TokioIo::new(socket), patience, alarm: None, armed: false, unread, lingering: None }
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
            match ready!(Pin::new(self.io.inner_mut()).poll_read(cx, &mut buffer)) {
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
        if self.unread.load(Ordering::Relaxed) { self.poll_linger(cx).map(Ok) } else { Poll::Ready(Ok(())) }
    }
}
