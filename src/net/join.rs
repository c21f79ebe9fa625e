//! Learning a network's rules from one of its nodes, knowing where that is and nothing else.
//!
//! A node refuses whoever says another network in its Hello, and names its own rules in its Bye. They make a
//! network id by themselves, so they need not be believed: the second dial says that id, and only a node of
//! that network takes it.

use core::fmt::Display;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::codec::Framed;

use crate::encoding::Text;
use crate::limits::{DIAL_TIMEOUT, HANDSHAKE_TIMEOUT};
use crate::net::Clock;
use crate::params::{BadRules, MAINNET, NetworkId, Params, Rules};
use crate::peer::Identity;
use crate::types::{NodeId, Work};
use crate::wire::message::{Bye, ByeReason, Hello, Message, Role};
use crate::wire::{Frame, FrameCodec};

/// Why the rules of whoever is at an address are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLearned {
    /// Nobody is there.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// Somebody is there that does not speak as a node does.
    #[error("is no node: {0}")]
    NoNode(String),
    /// A node that does not want us, and says so before it says anything of its network.
    #[error("does not let us in: {reason:?} {detail}")]
    Refused {
        /// For programs.
        reason: ByeReason,
        /// For people.
        detail: String,
    },
    /// It says what its network is, and that is none that this program can be part of.
    #[error("is of a network with the rules {rules:?}: {why}")]
    Unknown {
        /// As text.
        rules: String,
        /// Why not.
        why: BadRules,
    },
    /// It is not of the network whose rules it names.
    #[error("names the rules {rules:?}, and is not of the network {network} that they make")]
    Mismatch {
        /// As text.
        rules: String,
        /// What they make.
        network: NetworkId,
    },
}

/// What somebody answers to a Hello.
enum Answer {
    /// It is of that network.
    Hello,
    /// It is of another one, or does not want us.
    Bye(Bye),
}

/// The network of the node at `address`. `names` are two fresh names to call it by: neither stays.
pub async fn learn(address: SocketAddr, names: [NodeId; 2]) -> Result<Params, NotLearned> {
    let bye = match ask(address, NetworkId::NONE, names[0]).await? {
        Answer::Hello => {
            return Err(NotLearned::NoNode("it is of any network that it is asked for".to_owned()));
        }
        Answer::Bye(bye) => bye,
    };
    let rules = match bye {
        Bye { reason: ByeReason::WrongNetwork, rules: Some(rules), .. } => rules,
        Bye { reason, detail, .. } => {
            return Err(NotLearned::Refused { reason, detail: detail.to_string() });
        }
    };
    let params = known(&rules).map_err(|why| NotLearned::Unknown { rules: rules.to_string(), why })?;
    match ask(address, params.network(), names[1]).await? {
        // No room: a node says so to those of its own network only.
        Answer::Hello => Ok(params),
        Answer::Bye(Bye { reason: ByeReason::TooManyPeers, .. }) => Ok(params),
        Answer::Bye(Bye { reason: ByeReason::WrongNetwork, .. }) => {
            Err(NotLearned::Mismatch { rules: rules.to_string(), network: params.network() })
        }
        Answer::Bye(Bye { reason, detail, .. }) => {
            Err(NotLearned::Refused { reason, detail: detail.to_string() })
        }
    }
}

/// The network that these rules make, if a node can be part of it.
fn known(rules: &Rules) -> Result<Params, BadRules> {
    Params::from_rules(rules).and_then(|params| match params.rules().name.as_str() {
        // Its headers are known here, its blocks are not.
        MAINNET => Err(BadRules::Unknown),
        _ => Ok(params),
    })
}

/// Says hello as a node of `network`, and hears what comes of it.
async fn ask(address: SocketAddr, network: NetworkId, node: NodeId) -> Result<Answer, NotLearned> {
    let unreachable = |error: &dyn Display| NotLearned::Unreachable(error.to_string());
    let socket = timeout(DIAL_TIMEOUT, TcpStream::connect(address))
        .await
        .map_err(|_| unreachable(&format_args!("no answer within {} s", DIAL_TIMEOUT.as_secs())))?
        .map_err(|error| unreachable(&error))?;
    let identity = Identity { network, node, role: Role::Node, listen_port: 0 };
    let hello = identity.hello([0; 32], (Work::ZERO, 0), Clock::wall());
    timeout(HANDSHAKE_TIMEOUT, greet(socket, hello)).await.unwrap_or_else(|_| {
        Err(NotLearned::NoNode(format!("it says nothing within {} s", HANDSHAKE_TIMEOUT.as_secs())))
    })
}

async fn greet(socket: TcpStream, hello: Hello) -> Result<Answer, NotLearned> {
    let no_node = |why: &dyn Display| NotLearned::NoNode(why.to_string());
    let network = hello.network;
    let mut framed = Framed::new(socket, FrameCodec::new());
    framed.send(Message::Hello(hello)).await.map_err(|error| no_node(&error))?;
    loop {
        return match framed.next().await {
            Some(Ok(Frame::Unknown { .. })) => continue,
            Some(Ok(Frame::Message(Message::Hello(theirs)))) if theirs.role == Role::Manager => {
                Err(no_node(&"it says that it is a manager"))
            }
            Some(Ok(Frame::Message(Message::Hello(theirs)))) if theirs.network == network => {
                // Only to be told apart from a failure.
                let detail = Text::clipped("its network was all that was asked");
                let bye = Bye { reason: ByeReason::Requested, detail, rules: None };
                let _ = framed.send(Message::Bye(bye)).await;
                Ok(Answer::Hello)
            }
            Some(Ok(Frame::Message(Message::Hello(_)))) => Err(no_node(&"it greets those of other networks")),
            Some(Ok(Frame::Message(Message::Bye(bye)))) => Ok(Answer::Bye(bye)),
            Some(Ok(Frame::Message(other))) => {
                Err(no_node(&format_args!("it says {} before Hello", other.kind())))
            }
            Some(Err(error)) => Err(no_node(&error)),
            None => Err(no_node(&"it closes without a word")),
        };
    }
}
