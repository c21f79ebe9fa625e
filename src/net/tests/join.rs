//! Learning a network from a node, and from those who are none, or lie.

use tokio::net::TcpListener;

use super::*;
use crate::encoding::Text;
use crate::net::join::{self, NotLearned};
use crate::params::{BadRules, Rules};
use crate::types::CompactTarget;
use crate::wire::message::{Bye, ByeReason};

const NAMES: [NodeId; 2] = [NodeId([71; 16]), NodeId([72; 16])];

/// What somebody who is played by hand answers to the first caller, to the second, …
async fn somebody(answers: Vec<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        for answer in answers {
            let (mut socket, _) = listener.accept().await.expect("a caller");
            // Its Hello, as long as it is.
            let mut length = [0; 4];
            socket.read_exact(&mut length).await.expect("a length");
            let mut rest = vec![0; u32::from_be_bytes(length) as usize];
            socket.read_exact(&mut rest).await.expect("a Hello");
            socket.write_all(&answer).await.expect("sent");
        }
    });
    address
}

fn bye(reason: ByeReason, rules: Option<Rules>) -> Vec<u8> {
    frame::encode(&Message::Bye(Bye { reason, detail: Text::clipped("because"), rules })).to_vec()
}

#[tokio::test]
async fn a_network_is_learned_from_one_of_its_nodes() {
    let node = node(1, &[]).await;
    let params = join::learn(node.address, NAMES).await.expect("a network");
    assert_eq!(params, Params::regtest());
    let known = node.handle.view(|view| view.known_nodes()).await.expect("a view");
    assert_eq!(known, [], "who only asks is not remembered");
    node.stop().await;
}

/// Row 90 of docs/hostile.md.
#[tokio::test]
async fn what_is_no_node_or_lies_is_told_from_what_is_one() {
    let lab = Params::lab(9, Some(2)).expect("good rules");
    let rules = || Some(lab.rules().clone());
    let wrong = |rules| bye(ByeReason::WrongNetwork, rules);
    let unheard_of = Rules { start: CompactTarget(0x1e12_3456), ..lab.rules().clone() };
    let hello = |network| frame::encode(&Message::Hello(Hello { network, ..hello(2) })).to_vec();
    let ping = frame::encode(&Message::Ping(Ping { nonce: 1 })).to_vec();
    let manager = Hello { network: lab.network(), role: Role::Manager, ..super::hello(2) };
    let manager = frame::encode(&Message::Hello(manager)).to_vec();
    let no_node = |why: &NotLearned| matches!(why, NotLearned::NoNode(_));
    let refused = |why: &NotLearned| matches!(why, NotLearned::Refused { .. });
    let unknown = |why: &NotLearned| matches!(why, NotLearned::Unknown { why: BadRules::Unknown, .. });
    let mismatch = |why: &NotLearned| matches!(why, NotLearned::Mismatch { .. });
    type Is<'a> = &'a dyn Fn(&NotLearned) -> bool;
    let rows: [(&str, Vec<Vec<u8>>, Is<'_>); 13] = [
        ("HTTP", vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()], &no_node),
        ("silence", vec![Vec::new()], &no_node),
        ("half a frame", vec![ping[..7].to_vec()], &no_node),
        ("another message", vec![ping], &no_node),
        ("a Hello of any network", vec![hello(crate::params::NetworkId([0; 32]))], &no_node),
        ("a Hello of another network", vec![hello(lab.network())], &no_node),
        ("a Bye for another reason", vec![bye(ByeReason::TooManyPeers, None)], &refused),
        ("a Bye without rules", vec![wrong(None)], &refused),
        ("rules that nobody knows", vec![wrong(Some(unheard_of))], &unknown),
        ("rules that no node runs", vec![wrong(Some(Params::mainnet().rules().clone()))], &unknown),
        ("rules of another network", vec![wrong(rules()), wrong(rules())], &mismatch),
        ("a manager", vec![wrong(rules()), manager], &no_node),
        ("a stop", vec![wrong(rules()), bye(ByeReason::ShuttingDown, None)], &refused),
    ];
    for (what, answers, is) in rows {
        let address = somebody(answers).await;
        let why = join::learn(address, NAMES).await.expect_err(what);
        assert!(is(&why), "{what}: {why}");
    }
    // Whoever has no room says so to those of its own network only.
    let full = somebody(vec![wrong(rules()), bye(ByeReason::TooManyPeers, None)]).await;
    assert_eq!(join::learn(full, NAMES).await, Ok(lab));
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let nobody = listener.local_addr().expect("bound");
    drop(listener);
    let why = join::learn(nobody, NAMES).await.expect_err("nobody is there");
    assert!(matches!(why, NotLearned::Unreachable(_)), "{why}");
}
