//! The writing half of a connection: a queue of frames, bounded in bytes, and a task that drains it.
//!
//! Stored blocks are read one by one as the socket takes them, so a peer that asks for many costs a list of
//! hashes, not their bytes; so are transactions taken from the pool, if they still wait there. On a link that
//! somebody made slow, each frame waits here for its time (`faults`).
//! News of a block does not wait for the task's turn: if nothing is before it, the socket gets it at once.
//!
//! A socket that is closed while bytes lie unread is reset, and what was said last, a Bye, may be lost with that. So
//! whoever is closed in the middle of what it says is heard to its end, in measure.

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use bytes::{Buf, Bytes, BytesMut};
use rand_chacha::ChaCha12Rng;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use crate::encoding::List;
use crate::limits::{
    MAX_DISCARDED_BYTES, MAX_IN_FLIGHT, MAX_POOL_COUNT, MAX_SEND_QUEUE_BYTES, WRITE_TIMEOUT,
};
use crate::net::driver::read;
use crate::net::faults::Late;
use crate::net::traffic::Meter;
use crate::peer::{Disconnect, Line};
use crate::store::Store;
use crate::types::{BlockHash, Transaction};
use crate::wire::{Message, frame};

/// Bytes that an honest peer's largest question counts, for blocks or for transactions: it leaves room for whatever
/// else is to be said meanwhile, and asking again and again fills the queue as bytes do.
const ASKED_COST: usize = MAX_SEND_QUEUE_BYTES / 8;

/// What a queued hash counts, in bytes.
const STORED_COST: usize = ASKED_COST / MAX_IN_FLIGHT;

/// What a queued transaction counts, in bytes: all of a pool may be asked for at once.
const TRANSACTION_COST: usize = ASKED_COST / MAX_POOL_COUNT;

const _: () =
    assert!(STORED_COST >= size_of::<BlockHash>() && TRANSACTION_COST >= size_of::<Weak<Transaction>>());

/// Small frames are gathered into writes of about this size, in bytes.
const WRITE_BYTES: usize = 64 * 1024;

enum Item {
    Frame(Bytes),
    Stored(Vec<BlockHash>),
    /// Of the pool, which alone keeps them: a slow reader holds none of them in memory.
    Transactions(Vec<Weak<Transaction>>),
    /// What follows is late. (Boxed: few links are, and every queue has room for items.)
    Late(Box<Late>),
}

/// An item, and when it was queued, if that matters.
type Queued = (Item, Option<Instant>);

impl Item {
    fn cost(&self) -> usize {
        match self {
            Item::Frame(frame) => frame.len(),
            Item::Stored(hashes) => hashes.len() * STORED_COST,
            Item::Transactions(list) => list.len() * TRANSACTION_COST,
            Item::Late(_) => 0,
        }
    }
}

/// Where frames for one connection are put.
pub(super) struct Queue {
    items: mpsc::UnboundedSender<Queued>,
    cost: Arc<AtomicUsize>,
    /// What makes the link slow, if it is; what waits for its time no longer does once this is gone.
    line: Option<watch::Sender<Line>>,
    out: Arc<Shared>,
    /// Dropped with it: the other end is to be let go.
    _open: oneshot::Sender<()>,
}

/// The other end of a [`Queue`].
pub(super) struct Drain {
    items: mpsc::UnboundedReceiver<Queued>,
    cost: Arc<AtomicUsize>,
    out: Arc<Shared>,
    hung_up: oneshot::Receiver<()>,
}

/// The socket, closed for writing when the last one drops it.
struct Shared {
    socket: OwnedWriteHalf,
    meter: Meter,
    /// Whether the task has taken something that it has not written.
    busy: AtomicBool,
}

/// A queue for `socket`, and its other end. The channel is not bounded by count: its bytes are, by the queue.
pub(super) fn queue(socket: OwnedWriteHalf, meter: Meter) -> (Queue, Drain) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let cost = Arc::new(AtomicUsize::new(0));
    let out = Arc::new(Shared { socket, meter, busy: AtomicBool::new(false) });
    let (open, hung_up) = oneshot::channel();
    let queue = Queue { items: sender, cost: cost.clone(), line: None, out: out.clone(), _open: open };
    (queue, Drain { items: receiver, cost, out, hung_up })
}

impl Queue {
    /// Writes a frame at once if nothing is before it, as far as the socket takes it; the rest is queued.
    pub(super) fn frame_now(&self, mut frame: Bytes) -> Result<(), Disconnect> {
        let waits = self.cost.load(Ordering::Relaxed) > 0 || self.out.busy.load(Ordering::Relaxed);
        if !waits && self.line.is_none() {
            // An error is the task's to find and to tell.
            let written = self.out.socket.try_write(&frame).unwrap_or(0);
            self.out.meter.sent(written);
            frame.advance(written);
        }
        if frame.is_empty() { Ok(()) } else { self.frame(frame) }
    }

    /// Queues a frame.
    pub(super) fn frame(&self, frame: Bytes) -> Result<(), Disconnect> {
        self.put(Item::Frame(frame))
    }

    /// Queues stored blocks.
    pub(super) fn stored(&self, hashes: Vec<BlockHash>) -> Result<(), Disconnect> {
        self.put(Item::Stored(hashes))
    }

    /// Queues transactions of the pool.
    pub(super) fn transactions(&self, list: &[Arc<Transaction>]) -> Result<(), Disconnect> {
        self.put(Item::Transactions(list.iter().map(Arc::downgrade).collect()))
    }

    fn put(&self, item: Item) -> Result<(), Disconnect> {
        let cost = item.cost();
        // One item always fits an empty queue.
        let before = self.cost.fetch_add(cost, Ordering::Relaxed);
        if before > 0 && before + cost > MAX_SEND_QUEUE_BYTES {
            return Err(Disconnect::SendQueueFull);
        }
        // A writer that has ended has said why itself.
        let at = self.line.as_ref().map(|_| Instant::now());
        let _ = self.items.send((item, at));
        Ok(())
    }

    /// From now on the link is slow like that, or is not.
    pub(super) fn set_line(&mut self, line: Option<Line>, dice: impl FnOnce() -> ChaCha12Rng) {
        match (line, &self.line) {
            (None, _) => self.line = None,
            (Some(line), Some(sender)) => drop(sender.send_replace(line)),
            (Some(line), None) => {
                let (sender, receiver) = watch::channel(line);
                self.line = Some(sender);
                let late = Box::new(Late::new(receiver, dice()));
                let _ = self.items.send((Item::Late(late), None));
            }
        }
    }
}

/// Writes what is queued until the queue is dropped and empty, or the socket takes nothing any more. From the drop on what
/// comes is forgotten, until the other end is done as well, if there is a place left in `lingering`; how long that may
/// take is for whoever hung up to say.
pub(super) async fn drain(queue: Drain, store: Store, lingering: Arc<Semaphore>) -> Result<(), Disconnect> {
    let Drain { items, cost, out, hung_up } = queue;
    let shared = out.clone();
    let left = AtomicUsize::new(MAX_DISCARDED_BYTES);
    let forgetting = async {
        let _ = hung_up.await;
        if let Ok(_place) = lingering.try_acquire() {
            forget(shared.socket.as_ref(), &left).await;
        }
        core::future::pending().await
    };
    tokio::select! {
        written = write_all(items, cost, out, store) => written?,
        never = forgetting => never,
    }
    if let (Some(Shared { mut socket, .. }), Ok(_place)) = (Arc::into_inner(shared), lingering.try_acquire())
        && socket.shutdown().await.is_ok()
    {
        forget(socket.as_ref(), &left).await;
    }
    Ok(())
}

/// Reads until the other end ends, or that were too many bytes.
async fn forget(socket: &TcpStream, left: &AtomicUsize) {
    let mut scrap = vec![0; WRITE_BYTES];
    while left.load(Ordering::Relaxed) > 0 {
        match socket.try_read(&mut scrap) {
            Ok(0) => return,
            Ok(read) => {
                let _ = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    Some(left.saturating_sub(read))
                });
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if socket.readable().await.is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

async fn write_all(
    mut items: mpsc::UnboundedReceiver<Queued>,
    waiting: Arc<AtomicUsize>,
    out: Arc<Shared>,
    store: Store,
) -> Result<(), Disconnect> {
    let mut out = Out { out, buffer: BytesMut::new(), late: None };
    while let Some(queued) = items.recv().await {
        out.out.busy.store(true, Ordering::Relaxed);
        let mut next = Some(queued);
        while let Some((item, at)) = next {
            let cost = item.cost();
            match item {
                Item::Frame(frame) => out.put(&frame, &[], at).await?,
                Item::Stored(hashes) => {
                    for hash in hashes {
                        let (head, body) = stored(&store, hash);
                        out.put(&head, &body, at).await?;
                    }
                }
                Item::Transactions(list) => {
                    for message in Message::of_transactions(list.iter().filter_map(Weak::upgrade)) {
                        out.put(&frame::encode(&message), &[], at).await?;
                    }
                }
                Item::Late(late) => out.late = Some(late),
            }
            waiting.fetch_sub(cost, Ordering::Relaxed);
            next = items.try_recv().ok();
        }
        out.write().await?;
        out.out.busy.store(false, Ordering::Relaxed);
        // An idle connection keeps no buffer.
        out.buffer = BytesMut::new();
    }
    Ok(())
}

/// A socket, and what is gathered for it.
struct Out {
    out: Arc<Shared>,
    buffer: BytesMut,
    late: Option<Box<Late>>,
}

impl Out {
    /// Gathers a frame, of these two parts, that was queued `at`, once its time has come.
    async fn put(&mut self, head: &[u8], body: &[u8], at: Option<Instant>) -> Result<(), Disconnect> {
        let length = head.len() + body.len();
        if let (Some(late), Some(at)) = (&mut self.late, at)
            && let Some(due) = late.due(at, length)
        {
            self.write().await?;
            if let Some(late) = &mut self.late {
                late.wait(due, at, length).await;
            }
        }
        if length >= WRITE_BYTES {
            // As it is: nothing small is to be gathered with it, and it need not be copied.
            self.write().await?;
            return self.write_out(head.chain(body)).await;
        }
        self.buffer.extend_from_slice(head);
        self.buffer.extend_from_slice(body);
        if self.buffer.len() >= WRITE_BYTES { self.write().await } else { Ok(()) }
    }

    /// Writes what was gathered.
    async fn write(&mut self) -> Result<(), Disconnect> {
        let gathered = self.buffer.split();
        self.write_out(gathered).await
    }

    async fn write_out(&mut self, mut bytes: impl Buf) -> Result<(), Disconnect> {
        let Shared { socket, meter, .. } = &*self.out;
        while bytes.has_remaining() {
            let mut parts = [IoSlice::new(&[]); 2];
            let count = bytes.chunks_vectored(&mut parts);
            match socket.try_write_vectored(&parts[..count]) {
                Ok(written) => {
                    meter.sent(written);
                    bytes.advance(written);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    match timeout(WRITE_TIMEOUT, socket.writable()).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return Err(Disconnect::Failed(error.to_string())),
                        Err(_) => return Err(Disconnect::WriteTimeout),
                    }
                }
                Err(error) => return Err(Disconnect::Failed(error.to_string())),
            }
        }
        Ok(())
    }
}

/// The Block frame of a stored block, in two parts; one that cannot be read is not here.
fn stored(store: &Store, hash: BlockHash) -> (Bytes, Bytes) {
    match read(store, &hash) {
        Some(block) => (Bytes::copy_from_slice(&frame::before_block(&block)), block),
        None => (frame::encode(&Message::NotFound(List::clipped([hash]))), Bytes::new()),
    }
}
