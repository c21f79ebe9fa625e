//! One socket: the reading half turns bytes into inputs and never waits for the writing half.
//!
//! What waits for the core is bounded twice: a connection may have a few messages outstanding, and the
//! driver's queue holds so many of all. A connection beyond that is not read from, which its sender feels.

use core::time::Duration;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout_at};
use tokio_util::codec::Decoder;

use crate::limits::{
    ARRIVING_PERIOD, CHECK_ELSEWHERE_BYTES, MAX_RECEIVED_WAITING, MIN_FRAME_BYTES_PER_SEC, SLOW_FRAME_AFTER,
};
use crate::net::arrivals::Arrivals;
use crate::net::traffic::Meter;
use crate::node::io::{ConnId, Input};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::wire::Message;
use crate::wire::frame::{self, Frame, FrameCodec};
use crate::wire::message::NewBlock;

/// Room made for the first read of a frame, in bytes: a tip's announcement and a bit, and little enough that the
/// allocator has it at hand.
const FIRST_READ_BYTES: usize = 1024;

/// Room made for further ones, when there is more.
const READ_BYTES: usize = 16 * 1024;

/// The same within a frame that has outgrown it.
const READ_MORE_BYTES: usize = 64 * 1024;

/// An input on its way to the core, and the place it takes until it was handled.
pub(super) struct Incoming {
    pub(super) input: Input,
    /// Given back when dropped.
    pub(super) place: Option<OwnedSemaphorePermit>,
}

/// Reads `socket` until it ends or lies, and tells the core why it ended.
pub(super) async fn read(
    conn: ConnId,
    socket: OwnedReadHalf,
    params: Arc<Params>,
    core: mpsc::Sender<Incoming>,
    meter: Meter,
    arrivals: Arrivals,
) {
    let reader = Reader {
        conn,
        socket,
        params,
        core: core.clone(),
        places: Arc::new(Semaphore::new(MAX_RECEIVED_WAITING)),
        codec: FrameCodec::new(),
        buffer: BytesMut::new(),
        began: None,
        told: Instant::now(),
        meter,
        arrivals,
    };
    let why = reader.run().await.err().unwrap_or(Disconnect::Ended);
    // The core may have stopped: then nobody needs to know.
    let _ = core.send(Incoming { input: Input::Closed(conn, why), place: None }).await;
}

/// A large block that another thread checks, so that the next one can be read meanwhile; and the place of what
/// comes of it.
type Checking = Option<(JoinHandle<Input>, Option<OwnedSemaphorePermit>)>;

struct Reader {
    conn: ConnId,
    socket: OwnedReadHalf,
    params: Arc<Params>,
    core: mpsc::Sender<Incoming>,
    places: Arc<Semaphore>,
    codec: FrameCodec,
    buffer: BytesMut,
    /// When the first byte of the frame now arriving came, and how many have come since.
    began: Option<(Instant, u64)>,
    /// When the core last heard of this connection.
    told: Instant,
    meter: Meter,
    /// Which blocks are here already.
    arrivals: Arrivals,
}

impl Reader {
    async fn run(mut self) -> Result<(), Disconnect> {
        let mut checking = None;
        let ended = self.read(&mut checking).await;
        // What came before the end comes to the core before it.
        self.settle(&mut checking).await?;
        ended
    }

    async fn read(&mut self, checking: &mut Checking) -> Result<(), Disconnect> {
        let mut greeted = false;
        loop {
            let before = self.buffer.len();
            let frame = self.codec.decode(&mut self.buffer).map_err(disconnect)?;
            let Some(frame) = frame else {
                let more = match checking {
                    None => self.fill().await?,
                    // Whichever is first; what was read stays read.
                    Some((check, _)) => tokio::select! {
                        checked = check => {
                            let place = checking.take().and_then(|(_, place)| place);
                            self.pass_on(checked, place).await?;
                            true
                        }
                        more = self.fill() => more?,
                    },
                };
                if !more {
                    return Ok(());
                }
                continue;
            };
            self.began = None;
            let is_hello = matches!(frame, Frame::Message(Message::Hello(_)));
            self.deliver(frame, before - self.buffer.len(), checking).await?;
            if is_hello && !greeted {
                // Larger frames are taken only once the core has looked at the Hello, and not closed.
                greeted = true;
                let all = u32::try_from(MAX_RECEIVED_WAITING).unwrap_or(u32::MAX);
                let _ = self.places.acquire_many(all).await;
                self.codec.handshake_done();
            }
        }
    }

    /// Reads more; whether there was more.
    async fn fill(&mut self) -> Result<bool, Disconnect> {
        let reading = async {
            // An idle connection keeps no buffer: room is made once there is something.
            self.socket.readable().await?;
            self.buffer.reserve(match self.buffer.len() {
                0 => FIRST_READ_BYTES,
                have if have < READ_BYTES => READ_BYTES,
                _ => READ_MORE_BYTES,
            });
            // Unlike `try_read_buf`, this does not ask again after it got less than there was room for.
            self.socket.read_buf(&mut self.buffer).await
        };
        let read = match self.began {
            Some((at, bytes)) => {
                timeout_at(at + allowed(bytes), reading).await.map_err(|_| Disconnect::SlowFrame)?
            }
            None => reading.await,
        };
        let read = read.map_err(failed)?;
        if read == 0 {
            let ended = self.codec.decode_eof(&mut self.buffer).map_err(disconnect)?;
            debug_assert!(ended.is_none(), "whole frames were taken before");
            return Ok(false);
        }
        self.meter.received(read);
        let (at, bytes) = self.began.unwrap_or((Instant::now(), 0));
        self.began = Some((at, bytes + read as u64));
        self.show_life().await?;
        Ok(true)
    }

    /// Tells the core now and then that a frame which takes long is on its way.
    async fn show_life(&mut self) -> Result<(), Disconnect> {
        if self.told.elapsed() < ARRIVING_PERIOD {
            return Ok(());
        }
        self.told = Instant::now();
        let incoming = Incoming { input: Input::Arriving(self.conn), place: None };
        self.core.send(incoming).await.map_err(|_| Disconnect::ShuttingDown)
    }

    /// An idle connection keeps no buffer.
    fn rest(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    /// Passes on what a check came to that is under way.
    async fn settle(&mut self, checking: &mut Checking) -> Result<(), Disconnect> {
        let Some((check, place)) = checking.take() else { return Ok(()) };
        let checked = check.await;
        self.pass_on(checked, place).await
    }

    async fn pass_on(
        &mut self,
        checked: Result<Input, JoinError>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<(), Disconnect> {
        let input =
            checked.map_err(|error| Disconnect::Failed(format!("checking a block failed: {error}")))?;
        self.told = Instant::now();
        self.core.send(Incoming { input, place }).await.map_err(|_| Disconnect::ShuttingDown)
    }

    async fn deliver(
        &mut self,
        frame: Frame,
        size: usize,
        checking: &mut Checking,
    ) -> Result<(), Disconnect> {
        self.settle(checking).await?;
        let conn = self.conn;
        let place = self.places.clone().acquire_owned().await.ok();
        let input = match frame {
            Frame::Unknown { kind, .. } => Input::UnknownKind(conn, kind),
            // Most blocks come from several peers: a copy of what is here says no more than its header, and is
            // not worth checking.
            Frame::Message(Message::NewBlock(NewBlock::Push(block)))
                if self.arrivals.get(&block.hash()).is_some() =>
            {
                Input::Message(conn, Message::NewBlock(NewBlock::Announce(block.header)))
            }
            Frame::Message(message) if size < CHECK_ELSEWHERE_BYTES => {
                Input::received(conn, message, &self.params)
            }
            Frame::Message(message) => {
                let params = self.params.clone();
                let check = move || Input::received(conn, message, &params);
                *checking = Some((tokio::task::spawn_blocking(check), place));
                self.rest();
                return Ok(());
            }
        };
        self.rest();
        self.told = Instant::now();
        let incoming = Incoming { input, place };
        self.core.send(incoming).await.map_err(|_| Disconnect::ShuttingDown)
    }
}

/// How long a frame of which `bytes` have come may have taken.
fn allowed(bytes: u64) -> Duration {
    SLOW_FRAME_AFTER.max(Duration::from_secs(bytes / MIN_FRAME_BYTES_PER_SEC + 1))
}

fn failed(error: std::io::Error) -> Disconnect {
    Disconnect::Failed(error.to_string())
}

fn disconnect(error: frame::Error) -> Disconnect {
    match error {
        frame::Error::Wire(error) => Disconnect::Malformed(error),
        frame::Error::Io(error) => failed(error),
    }
}
