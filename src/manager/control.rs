//! The management connection to one node: signed commands there, reports and events back.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ed25519_dalek::SigningKey;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::codec::Framed;

use crate::limits::{CONTROL_TIMEOUT, HANDSHAKE_TIMEOUT};
use crate::net::Clock;
use crate::peer::{Disconnect, Identity};
use crate::types::{NodeId, Work};
use crate::wire::manage::{BUSY, Binding, CANCELLED, Command, Event, ManagerKey, Outcome, Report, STOPPING};
use crate::wire::message::Message;
use crate::wire::{Frame, FrameCodec};

/// Why a node does not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No connection, or none any more.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// It closed the connection and said why.
    #[error("it closed the connection: {0}")]
    Closed(Disconnect),
    /// Another node answers at its address.
    #[error("node {0} answers in its place")]
    Impostor(NodeId),
    /// It is on another network, or speaks another version.
    #[error("{0}")]
    Unfit(Disconnect),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// It found no block in that time, and does not look for one any more.
    #[error("no block was found within {} s", .0.as_secs_f64())]
    NoBlock(Duration),
    /// It said no.
    #[error("{0}")]
    Refused(String),
    /// Too many want a block of it at once.
    #[error("{BUSY}: they are served one after the other")]
    Busy,
    /// Its answer is none to what it was told.
    #[error("its answer is none to what it was told")]
    Strange,
    /// It does nothing any more but stop.
    #[error("it is shutting down")]
    Stopping,
}

impl ControlError {
    /// Whether its process may be ending, or have ended already.
    pub fn is_end(&self) -> bool {
        matches!(self, ControlError::Connection(_) | ControlError::Closed(_) | ControlError::Stopping)
    }
}

/// Until when somebody waits, and how long that was when they began.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    /// Until when.
    pub end: Instant,
    /// How long, as it was given.
    pub limit: Duration,
}

impl Deadline {
    /// So long from now.
    pub fn after(limit: Duration) -> Deadline {
        Deadline { end: Instant::now() + limit, limit }
    }
}

/// Who this manager is, to every node.
#[derive(Clone)]
pub struct Signer {
    /// Its name and network.
    pub identity: Identity,
    /// What it signs commands with.
    pub key: Arc<SigningKey>,
}

impl Signer {
    /// The key that nodes are told to obey.
    pub fn public(&self) -> ManagerKey {
        ManagerKey::of(&self.key)
    }
}

/// What a node told without being asked.
#[derive(Debug)]
pub enum Told {
    /// An event.
    Event(Event),
    /// Nothing more: the connection is gone.
    Gone(ControlError),
}

struct Call {
    command: Command,
    answer: oneshot::Sender<Outcome>,
    /// Whether nobody waits for its block any more, if it is about one.
    is_over: Arc<AtomicBool>,
}

enum Order {
    Call(Call),
    /// Whoever waited for a block does not any more, or has it.
    NobodyWaits,
}

/// Somebody's wait for a block. Says when it is over, whatever becomes of it.
struct Wait {
    calls: mpsc::UnboundedSender<Order>,
    is_over: Arc<AtomicBool>,
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Without a connection there is nothing to cancel: the node's calls end with it.
        let _ = self.calls.send(Order::NobodyWaits);
    }
}

/// A node under management. Cheap to clone; the connection closes with the last one.
#[derive(Clone)]
pub struct Control {
    /// Not bounded here: each caller waits for its answer.
    calls: mpsc::UnboundedSender<Order>,
}

impl Control {
    /// Connects to `node` at `address`. What it tells goes to `told`, with `number` beside it.
    pub async fn connect(
        address: SocketAddr,
        node: NodeId,
        signer: &Signer,
        challenge: [u8; 32],
        told: mpsc::Sender<(usize, Told)>,
        number: usize,
    ) -> Result<Control, ControlError> {
        let meeting = meet(address, node, signer, challenge);
        let (framed, binding) = timeout(HANDSHAKE_TIMEOUT, meeting)
            .await
            .map_err(|_| ControlError::Timeout(HANDSHAKE_TIMEOUT))??;
        let (calls, called) = mpsc::unbounded_channel();
        let (key, waiting, mining) = (signer.key.clone(), BTreeMap::new(), BTreeMap::new());
        let link = Link { framed, binding, key, sequence: 0, waiting, mining };
        tokio::spawn(link.run(called, told, number));
        Ok(Control { calls })
    }

    /// What comes of `command` until `deadline`. A block that nobody waits for any more, because that is over
    /// or this is dropped, is not mined: the node is told so. One that it had found by then counts: what the
    /// node says of it is waited for.
    pub async fn call_until(&self, command: Command, deadline: Deadline) -> Result<Outcome, ControlError> {
        let gone = || ControlError::Connection("it is closed".to_owned());
        let is_mining = matches!(command, Command::Mine { .. });
        let (answer, mut answered) = oneshot::channel();
        let is_over = Arc::new(AtomicBool::new(false));
        let call = Call { command, answer, is_over: is_over.clone() };
        self.calls.send(Order::Call(call)).map_err(|_| gone())?;
        let mut wait = is_mining.then(|| Wait { calls: self.calls.clone(), is_over });
        let mut outcome = timeout_at(deadline.end, &mut answered).await;
        if outcome.is_err() && wait.take().is_some() {
            outcome = timeout(CONTROL_TIMEOUT, answered).await;
        }
        match outcome.map_err(|_| ControlError::Timeout(deadline.limit))?.map_err(|_| gone())? {
            Outcome::Failed(why) if why.as_str() == STOPPING => Err(ControlError::Stopping),
            Outcome::Failed(why) if why.as_str() == BUSY => Err(ControlError::Busy),
            Outcome::Failed(why) if why.as_str() == CANCELLED => Err(ControlError::NoBlock(deadline.limit)),
            Outcome::Failed(why) => Err(ControlError::Refused(why.to_string())),
            outcome => Ok(outcome),
        }
    }

    /// What comes of a command that takes no time.
    pub async fn call(&self, command: Command) -> Result<Outcome, ControlError> {
        self.call_until(command, Deadline::after(CONTROL_TIMEOUT)).await
    }
}

/// The handshake: we dial, so we speak first.
async fn meet(
    address: SocketAddr,
    node: NodeId,
    signer: &Signer,
    challenge: [u8; 32],
) -> Result<(Framed<TcpStream, FrameCodec>, Binding), ControlError> {
    let failed = |error: &dyn core::fmt::Display| ControlError::Connection(error.to_string());
    let socket = TcpStream::connect(address).await.map_err(|error| failed(&error))?;
    let _ = socket.set_nodelay(true);
    let mut framed = Framed::new(socket, FrameCodec::new());
    let hello = signer.identity.hello(challenge, (Work::ZERO, 0), Clock::wall());
    framed.send(Message::Hello(hello)).await.map_err(|error| failed(&error))?;
    let theirs = loop {
        match framed.next().await {
            Some(Ok(Frame::Message(Message::Hello(hello)))) => break hello,
            Some(Ok(Frame::Message(message))) => return Err(refused(message)),
            Some(Ok(Frame::Unknown { .. })) => {}
            Some(Err(error)) => return Err(failed(&error)),
            None => return Err(ControlError::Closed(Disconnect::Ended)),
        }
    };
    signer.identity.meet(&theirs).map_err(ControlError::Unfit)?;
    if theirs.node != node {
        return Err(ControlError::Impostor(theirs.node));
    }
    framed.codec_mut().handshake_done();
    Ok((framed, Binding { network: theirs.network, node, challenge: theirs.challenge }))
}

/// What a message means that is neither a report nor an event.
fn refused(message: Message) -> ControlError {
    match message {
        Message::Bye(bye) => {
            ControlError::Closed(Disconnect::Bye { reason: bye.reason, detail: bye.detail.to_string() })
        }
        other => ControlError::Closed(Disconnect::Unexpected(other.kind())),
    }
}

/// One connection, owned by its task.
struct Link {
    framed: Framed<TcpStream, FrameCodec>,
    binding: Binding,
    key: Arc<SigningKey>,
    sequence: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Outcome>>,
    /// Those of them that wait for a block, each with whether anybody still does.
    mining: BTreeMap<u64, Arc<AtomicBool>>,
}

impl Link {
    /// Until the other side or every [`Control`] is gone. Sends nothing but commands and pongs.
    async fn run(
        mut self,
        mut called: mpsc::UnboundedReceiver<Order>,
        told: mpsc::Sender<(usize, Told)>,
        number: usize,
    ) {
        let gone = loop {
            let message = tokio::select! {
                call = called.recv() => match call {
                    Some(Order::Call(call)) => self.call(call),
                    Some(Order::NobodyWaits) => match self.cancel() {
                        Some(message) => message,
                        None => continue,
                    },
                    None => return,
                },
                frame = self.framed.next() => match frame {
                    Some(Ok(Frame::Message(Message::Ping(ping)))) => Message::Pong(ping),
                    Some(Ok(Frame::Message(Message::Report(report)))) => {
                        self.answer(report);
                        continue;
                    }
                    Some(Ok(Frame::Message(Message::Event(event)))) => {
                        // Waits when the manager is behind: the node's queue for us is bounded as well.
                        if told.send((number, Told::Event(event))).await.is_err() {
                            return;
                        }
                        continue;
                    }
                    Some(Ok(Frame::Unknown { .. })) => continue,
                    Some(Ok(Frame::Message(message))) => break refused(message),
                    Some(Err(error)) => break ControlError::Connection(error.to_string()),
                    None => break ControlError::Closed(Disconnect::Ended),
                },
            };
            if let Err(error) = self.framed.send(message).await {
                break ControlError::Connection(error.to_string());
            }
        };
        drop(self);
        let _ = told.send((number, Told::Gone(gone))).await;
    }

    fn call(&mut self, call: Call) -> Message {
        let message = self.sign(&call.command);
        self.waiting.insert(self.sequence, call.answer);
        if matches!(call.command, Command::Mine { .. }) {
            self.mining.insert(self.sequence, call.is_over);
        }
        message
    }

    fn sign(&mut self, command: &Command) -> Message {
        self.sequence += 1;
        Message::Manage(self.binding.sign(&self.key, self.sequence, command))
    }

    /// Cancels the mining call for whose block nobody waits, if there is one.
    fn cancel(&mut self) -> Option<Message> {
        let mut left = self.mining.iter().filter(|(_, is_over)| is_over.load(Ordering::Relaxed));
        let sequence = left.next().map(|(sequence, _)| *sequence)?;
        self.mining.remove(&sequence);
        Some(self.sign(&Command::CancelMining { sequence }))
    }

    fn answer(&mut self, report: Report) {
        self.mining.remove(&report.sequence);
        if let Some(answer) = self.waiting.remove(&report.sequence) {
            let _ = answer.send(report.outcome);
        }
    }
}
