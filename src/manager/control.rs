//! The signed connection to one node: commands go out in order, reports find their callers, events go to
//! whoever watches.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::codec::{FramedRead, FramedWrite};

use crate::limits::HANDSHAKE_TIMEOUT;
use crate::net::Clock;
use crate::params::NetworkId;
use crate::peer::Identity;
use crate::types::{NodeId, Work};
use crate::wire::manage::{Binding, Command, Event, Outcome, Report};
use crate::wire::message::{Message, Role};
use crate::wire::{Frame, FrameCodec};

/// Why a node does not do as it is told.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The connection could not be made, or failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What answers is not the node that was started.
    #[error("{0}")]
    Stranger(String),
    /// The connection is gone.
    #[error("the connection to the node is gone")]
    Gone,
    /// The node says no.
    #[error("{0}")]
    Failed(String),
}

/// Who the manager is.
pub(super) struct Manager {
    pub(super) key: SigningKey,
    pub(super) network: NetworkId,
    /// A name like a node's, for its Hello.
    pub(super) id: NodeId,
}

type Call = (Command, oneshot::Sender<Outcome>);

/// Commands to one node. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Control {
    /// Not bounded here: each caller waits for its report, and the callers are few.
    calls: mpsc::UnboundedSender<Call>,
}

/// Connects to the node `node` at `address`; its events go to `events`, with `index`.
pub(super) async fn connect(
    manager: Arc<Manager>,
    index: usize,
    node: NodeId,
    address: SocketAddr,
    events: mpsc::UnboundedSender<(usize, Event)>,
) -> Result<Control, Error> {
    let greeted = timeout(HANDSHAKE_TIMEOUT, greet(&manager, node, address)).await;
    let (reader, writer, binding) = greeted.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let (calls, called) = mpsc::unbounded_channel();
    let session = Session { manager, binding, writer, sequence: 0, waiting: BTreeMap::new(), events, index };
    tokio::spawn(session.run(reader, called));
    Ok(Control { calls })
}

type Reader = FramedRead<OwnedReadHalf, FrameCodec>;
type Writer = FramedWrite<OwnedWriteHalf, FrameCodec>;

async fn greet(
    manager: &Manager,
    node: NodeId,
    address: SocketAddr,
) -> Result<(Reader, Writer, Binding), Error> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let (reading, writing) = socket.into_split();
    let mut reader = FramedRead::new(reading, FrameCodec::new());
    let mut writer = FramedWrite::new(writing, FrameCodec::new());
    let identity =
        Identity { network: manager.network, node: manager.id, role: Role::Manager, listen_port: 0 };
    let hello = identity.hello([0; 32], (Work::ZERO, 0), Clock::wall());
    writer.send(Message::Hello(hello)).await.map_err(io::Error::other)?;
    let stranger = |why: String| Err(Error::Stranger(why));
    let hello = match reader.next().await {
        Some(Ok(Frame::Message(Message::Hello(hello)))) => hello,
        Some(Ok(Frame::Message(Message::Bye(bye)))) => {
            return stranger(format!("it says bye: {}", bye.detail));
        }
        Some(Ok(_)) => return stranger("it does not say hello".to_owned()),
        Some(Err(error)) => return stranger(error.to_string()),
        None => return Err(Error::Gone),
    };
    if let Err(why) = identity.meet(&hello) {
        return stranger(why.to_string());
    }
    if hello.node != node {
        return stranger(format!("node {} answers at {address}, not {node}", hello.node));
    }
    reader.decoder_mut().handshake_done();
    let binding = Binding { network: manager.network, node, challenge: hello.challenge };
    Ok((reader, writer, binding))
}

impl Control {
    /// Has the node do `command`, and says what came of it.
    pub(super) async fn call(&self, command: Command) -> Result<Outcome, Error> {
        let (reply, replied) = oneshot::channel();
        self.calls.send((command, reply)).map_err(|_| Error::Gone)?;
        match replied.await {
            Ok(Outcome::Failed(why)) => Err(Error::Failed(why.to_string())),
            Ok(outcome) => Ok(outcome),
            Err(_) => Err(Error::Gone),
        }
    }
}

/// The task of one connection.
struct Session {
    manager: Arc<Manager>,
    binding: Binding,
    writer: Writer,
    sequence: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Outcome>>,
    events: mpsc::UnboundedSender<(usize, Event)>,
    index: usize,
}

impl Session {
    async fn run(mut self, mut reader: Reader, mut called: mpsc::UnboundedReceiver<Call>) {
        loop {
            let done = tokio::select! {
                frame = reader.next() => match frame {
                    Some(Ok(Frame::Message(message))) => self.heard(message).await,
                    Some(Ok(Frame::Unknown { .. })) => Ok(()),
                    Some(Err(error)) => Err(error.to_string()),
                    None => Err("it ended".to_owned()),
                },
                call = called.recv() => match call {
                    Some((command, reply)) => self.say(&command, reply).await,
                    None => return,
                },
            };
            if let Err(why) = done {
                // Whoever waits for a report learns it by the drop of its sender.
                return tracing::debug!(node = self.index, why, "control connection closed");
            }
        }
    }

    async fn say(&mut self, command: &Command, reply: oneshot::Sender<Outcome>) -> Result<(), String> {
        self.sequence += 1;
        let manage = self.binding.sign(&self.manager.key, self.sequence, command);
        self.waiting.insert(self.sequence, reply);
        self.send(Message::Manage(manage)).await
    }

    async fn heard(&mut self, message: Message) -> Result<(), String> {
        match message {
            Message::Report(Report { sequence, outcome }) => {
                if let Some(reply) = self.waiting.remove(&sequence) {
                    let _ = reply.send(outcome);
                }
                Ok(())
            }
            Message::Event(event) => {
                let _ = self.events.send((self.index, event));
                Ok(())
            }
            Message::Ping(ping) => self.send(Message::Pong(ping)).await,
            Message::Bye(bye) => Err(format!("bye: {}", bye.detail)),
            _ => Ok(()),
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), String> {
        self.writer.send(message).await.map_err(|error| error.to_string())
    }
}
