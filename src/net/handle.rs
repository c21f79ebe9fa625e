//! What others in the process hold of a running node: reads and commands, answered by the driver between
//! two inputs.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::encoding::Blob;
use crate::limits::MAX_CONTENT_BYTES;
use crate::miner::{self, Miner};
use crate::net::arrivals::{Arrival, Arrivals};
use crate::net::clock::Clock;
use crate::net::events::Events;
use crate::net::traffic::Traffic;
use crate::node::io::{Answer, Command, CommandId};
use crate::node::view::View;
use crate::store::Store;
use crate::time::UnixTime;
use crate::types::BlockHash;

/// The node has stopped, or stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is shutting down")]
pub struct Stopped;

/// A read, to be run by the driver.
type Read = Box<dyn FnOnce(&View<'_>) + Send>;

pub(super) enum Request {
    View(Read),
    Command(CommandId, Command, oneshot::Sender<Answer>),
    /// Whoever sent the command went away, or has waited long enough for a block.
    Cancel(CommandId),
}

/// A running node. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    /// Not bounded here: each caller waits for its answer, and the callers are HTTP's connections.
    pub(super) requests: mpsc::UnboundedSender<Request>,
    pub(super) next: Arc<AtomicU64>,
    /// Inputs that the node has handled.
    pub(super) moment: Arc<AtomicU64>,
    pub(super) store: Store,
    pub(super) miner: Arc<Miner>,
    pub(super) clock: Clock,
    pub(super) start: UnixTime,
    pub(super) events: Events,
    pub(super) arrivals: Arrivals,
    pub(super) traffic: Traffic,
}

impl Handle {
    /// What `read` says of the node.
    pub async fn view<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View<'_>) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (answer, answered) = oneshot::channel();
        let read: Read = Box::new(move |view| {
            let _ = answer.send(read(view));
        });
        self.requests.send(Request::View(read)).map_err(|_| Stopped)?;
        answered.await.map_err(|_| Stopped)
    }

    /// A number that is another one whenever something happened to the node: while it is the same, so is all
    /// that a view says.
    pub fn moment(&self) -> u64 {
        self.moment.load(Ordering::Acquire)
    }

    /// What comes of `command`. Whoever drops the future does not want it any more.
    pub async fn command(&self, command: Command) -> Result<Answer, Stopped> {
        let (answered, guard) = self.begin(command)?;
        let answer = answered.await.map_err(|_| Stopped);
        guard.done();
        answer
    }

    /// What comes of mining a block within `limit`. Then the search ends; a block that was found by then counts,
    /// however long the store takes over it.
    pub async fn mine(
        &self,
        content: Option<Blob<MAX_CONTENT_BYTES>>,
        limit: Duration,
    ) -> Result<Answer, Stopped> {
        let (mut answered, guard) = self.begin(Command::Mine(content))?;
        let answer = match timeout(limit, &mut answered).await {
            Ok(answer) => answer,
            Err(_) => {
                guard.cancel();
                answered.await
            }
        };
        guard.done();
        answer.map_err(|_| Stopped)
    }

    fn begin(&self, command: Command) -> Result<(oneshot::Receiver<Answer>, Guard<'_>), Stopped> {
        let id = CommandId(self.next.fetch_add(1, Ordering::Relaxed));
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Command(id, command, answer)).map_err(|_| Stopped)?;
        Ok((answered, Guard { id, requests: Some(&self.requests) }))
    }

    /// The blocks.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How mining goes.
    pub fn mining(&self) -> miner::Stats {
        self.miner.stats()
    }

    /// When it was started.
    pub fn start(&self) -> UnixTime {
        self.start
    }

    /// How long it has run.
    pub fn uptime(&self) -> Duration {
        self.clock.now().elapsed
    }

    /// What happens.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// How a recent block came; none for one that came long ago.
    pub fn arrival(&self, hash: &BlockHash) -> Option<Arrival> {
        self.arrivals.get(hash)
    }

    /// Bytes exchanged with peers.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Ends when the node has.
    pub async fn stopped(&self) {
        self.requests.closed().await;
    }
}

/// Cancels a command that is no longer waited for.
struct Guard<'a> {
    id: CommandId,
    requests: Option<&'a mpsc::UnboundedSender<Request>>,
}

impl Guard<'_> {
    fn cancel(&self) {
        if let Some(requests) = self.requests {
            let _ = requests.send(Request::Cancel(self.id));
        }
    }

    /// It was answered.
    fn done(mut self) {
        self.requests = None;
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.cancel();
    }
}
