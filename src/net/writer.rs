//! The writing half of a connection: a queue of frames, bounded in bytes, and a task that drains it.
//!
//! Stored blocks are read one by one as the socket takes them, so a peer that asks for many costs a list of
//! hashes, not their bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::encoding::List;
use crate::limits::{MAX_IN_FLIGHT, MAX_SEND_QUEUE_BYTES, WRITE_TIMEOUT};
use crate::net::driver::read;
use crate::net::traffic::Meter;
use crate::peer::Disconnect;
use crate::store::Store;
use crate::types::BlockHash;
use crate::wire::{Message, frame};

/// What a queued hash counts, in bytes: as many as may be in flight fill the queue.
const STORED_COST: usize = MAX_SEND_QUEUE_BYTES / MAX_IN_FLIGHT;

/// Small frames are gathered into writes of about this size, in bytes.
const WRITE_BYTES: usize = 64 * 1024;

enum Item {
    Frame(Bytes),
    Stored(Vec<BlockHash>),
}

impl Item {
    fn cost(&self) -> usize {
        match self {
            Item::Frame(frame) => frame.len(),
            Item::Stored(hashes) => hashes.len() * STORED_COST,
        }
    }
}

/// Where frames for one connection are put.
pub(super) struct Queue {
    items: mpsc::UnboundedSender<Item>,
    cost: Arc<AtomicUsize>,
}

/// The other end of a [`Queue`].
pub(super) struct Drain {
    items: mpsc::UnboundedReceiver<Item>,
    cost: Arc<AtomicUsize>,
}

/// A queue and its other end. The channel is not bounded by count: its bytes are, by the queue.
pub(super) fn queue() -> (Queue, Drain) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let cost = Arc::new(AtomicUsize::new(0));
    (Queue { items: sender, cost: cost.clone() }, Drain { items: receiver, cost })
}

impl Queue {
    /// Queues a frame.
    pub(super) fn frame(&self, frame: Bytes) -> Result<(), Disconnect> {
        self.put(Item::Frame(frame))
    }

    /// Queues stored blocks.
    pub(super) fn stored(&self, hashes: Vec<BlockHash>) -> Result<(), Disconnect> {
        self.put(Item::Stored(hashes))
    }

    fn put(&self, item: Item) -> Result<(), Disconnect> {
        let cost = item.cost();
        // One item always fits an empty queue.
        let before = self.cost.fetch_add(cost, Ordering::Relaxed);
        if before > 0 && before + cost > MAX_SEND_QUEUE_BYTES {
            return Err(Disconnect::SendQueueFull);
        }
        // A writer that has ended has said why itself.
        let _ = self.items.send(item);
        Ok(())
    }
}

/// Writes what is queued until the queue is dropped and empty, or the socket takes nothing any more.
pub(super) async fn drain(
    mut queue: Drain,
    mut socket: OwnedWriteHalf,
    store: Store,
    meter: Meter,
) -> Result<(), Disconnect> {
    let mut buffer = BytesMut::new();
    while let Some(item) = queue.items.recv().await {
        let mut next = Some(item);
        while let Some(item) = next {
            let cost = item.cost();
            match item {
                Item::Frame(frame) => buffer.extend_from_slice(&frame),
                Item::Stored(hashes) => {
                    for hash in hashes {
                        buffer.extend_from_slice(&stored(&store, hash));
                        if buffer.len() >= WRITE_BYTES {
                            write(&mut socket, &mut buffer, &meter).await?;
                        }
                    }
                }
            }
            if buffer.len() >= WRITE_BYTES {
                write(&mut socket, &mut buffer, &meter).await?;
            }
            queue.cost.fetch_sub(cost, Ordering::Relaxed);
            next = queue.items.try_recv().ok();
        }
        write(&mut socket, &mut buffer, &meter).await?;
        // An idle connection keeps no buffer.
        buffer = BytesMut::new();
    }
    let _ = socket.shutdown().await;
    Ok(())
}

/// The Block frame of a stored block; one that cannot be read is not here.
fn stored(store: &Store, hash: BlockHash) -> Bytes {
    match read(store, &hash) {
        Some(block) => frame::encode_block(&block),
        None => frame::encode(&Message::NotFound(List::clipped([hash]))),
    }
}

async fn write(socket: &mut OwnedWriteHalf, buffer: &mut BytesMut, meter: &Meter) -> Result<(), Disconnect> {
    while !buffer.is_empty() {
        match timeout(WRITE_TIMEOUT, socket.write_buf(buffer)).await {
            Ok(Ok(written)) => meter.sent(written),
            Ok(Err(error)) => return Err(Disconnect::Failed(error.to_string())),
            Err(_) => return Err(Disconnect::WriteTimeout),
        }
    }
    Ok(())
}
