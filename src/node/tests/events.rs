//! What is told of what happens, what people see of the tree, and whom an operator connects and drops.

use super::*;
use crate::chain::{BranchEnd, Status};
use crate::encoding::{Blob, List};
use crate::limits::{MAX_CONTENT_BYTES, MAX_MANUAL_PEERS};
use crate::node::io::*;
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::TxId;
use crate::wire::message::Message;

fn submit(alice: &mut Alice, text: &str) -> TxId {
    let blob: Blob<MAX_CONTENT_BYTES> = text.as_bytes().to_vec().try_into().expect("a short text");
    alice.command(50, Command::Submit(blob));
    match alice.answer() {
        Answer::Submitted(id) => id,
        other => panic!("{other:?}"),
    }
}

/// The chain's events of a node, by name and number of the block or branch.
fn told(alice: &Alice) -> Vec<(&'static str, u64)> {
    alice
        .events
        .iter()
        .filter_map(|event| match event {
            Event::BlockSeen { height, .. } | Event::BlockMined { height, .. } => {
                Some((event.name(), *height))
            }
            Event::TipChanged { tip, .. } => Some((event.name(), tip.height)),
            Event::Reorg { depth, .. } => Some((event.name(), *depth)),
            Event::PoolChanged { count, .. } => Some((event.name(), *count as u64)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_block_is_told_when_it_is_seen_and_a_tip_when_it_is_durable() {
    let mut alice = Alice::new(1, Params::regtest());
    alice.hold_store = true;
    let id = {
        let blob: Blob<MAX_CONTENT_BYTES> = b"hello".to_vec().try_into().expect("a short text");
        alice.command(50, Command::Submit(blob));
        alice.node.view().pool()[0].0
    };
    alice.command(51, Command::Mine(None));
    let hash = alice.find_block();
    assert_eq!(told(&alice), [("block", 1), ("block_mined", 1)], "nothing is durable");
    assert_eq!(alice.node.view().status(&hash), None, "nor is anybody told of it who asks");
    assert_eq!(alice.node.view().tips().len(), 1);
    alice.events.clear();
    alice.store_one();
    assert_eq!(told(&alice), [("pool", 0)], "of what waits now, the content that came is mined");
    let came = Ids { first: vec![id], count: 1 };
    assert!(matches!(&alice.events[0], Event::PoolChanged { came: c, .. } if *c == came));
    alice.store_one();
    assert_eq!(told(&alice), [("pool", 0), ("pool", 0), ("tip", 1)]);
    assert!(matches!(&alice.events[1], Event::PoolChanged { went, .. } if *went == came));
    assert_eq!(alice.node.view().status(&hash), Some(Status::Active));
}

#[test]
fn a_reorg_is_told_with_what_it_gave_back_and_both_branches_are_seen() {
    let mut miner = Alice::new(2, Params::regtest());
    let theirs = miner.mine(2);
    let (first, new) = (theirs[0], theirs[1]);
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    let id = submit(&mut alice, "mine");
    let old = alice.mine(1)[0];
    let peer = alice.meet(2);
    alice.events.clear();
    let header = |hash| *miner.stored.get(hash).expect("a mined block").header();
    alice.received(peer, Message::Headers(List::clipped(theirs.iter().map(header))));
    for hash in &theirs {
        alice.received(peer, miner.block(hash));
    }
    let at = alice.events.iter().position(|event| matches!(event, Event::Reorg { .. }));
    let at = at.expect("a reorg");
    let Event::Reorg { from, to, ancestor, depth, returned, dropped } = &alice.events[at] else {
        unreachable!()
    };
    assert_eq!((from.hash, to.hash, *depth), (old, new, 1));
    assert_eq!((ancestor.hash, ancestor.height), (alice.params.genesis_hash(), 0));
    assert_eq!((returned, *dropped), (&Ids { first: vec![id], count: 1 }, 0));
    let next = &alice.events[at + 1];
    assert!(matches!(next, Event::TipChanged { tip, reverted: 1, .. } if tip.hash == new), "{next:?}");
    let bob = miner.node.view().info().node;
    let givers: Vec<Giver> = alice
        .events
        .iter()
        .filter_map(|event| match event {
            Event::BlockSeen { giver, .. } => Some(*giver),
            _ => None,
        })
        .collect();
    assert_eq!(givers.len(), 2, "{givers:?}");
    assert!(givers.iter().all(|giver| giver.node == Some(bob)), "{givers:?}");

    let view = alice.node.view();
    let ends: Vec<_> =
        view.tips().iter().map(|BranchEnd { tip, length, status }| (tip.hash, *length, *status)).collect();
    assert_eq!(ends, [(new, 0, Status::Active), (old, 1, Status::Side)]);
    let genesis = view.committed_at(0).expect("genesis");
    // From a height up, what is beyond is at its top; of the highest, below, and no height is told in part.
    let at = [(0, genesis), (1, first), (1, old), (2, new)];
    let rows = [
        (Some(1), 1, 9, 1..3, 1, false),
        (Some(2), 8, 9, 3..4, 2, false),
        (Some(0), 3, 9, 0..4, 0, false),
        (Some(3), 7, 9, 0..0, 3, false),
        (Some(0), 3, 3, 0..3, 0, true),
        (None, 2, 9, 1..4, 1, false),
        (None, 3, 3, 1..4, 1, true),
        (None, 2, 2, 3..4, 2, true),
    ];
    for (from, heights, max, expected, begin, cut) in rows {
        let told = view.tree(from, heights, max);
        let blocks: Vec<_> = told.blocks.iter().map(|(entry, _)| (entry.height, entry.hash)).collect();
        assert_eq!(
            (&blocks[..], told.from, told.cut),
            (&at[expected], begin, cut),
            "{from:?} {heights} {max}"
        );
    }
    let status: Vec<_> = view.tree(Some(1), 1, 9).blocks.iter().map(|(_, status)| *status).collect();
    assert_eq!(status, [Status::Active, Status::Side]);
}

#[test]
fn an_operator_connects_and_drops() {
    let mut alice = Alice::new(1, Params::regtest());
    let bob = alice::address(2);
    alice.command(1, Command::Connect(bob));
    assert_eq!((alice.answer(), alice.dials.clone()), (Answer::Connecting, vec![bob]));
    alice.command(2, Command::Connect(bob));
    assert_eq!((alice.answer(), alice.dials.len()), (Answer::Connecting, 1), "it is dialled already");
    alice.command(3, Command::Connect(alice::address(1)));
    assert_eq!(alice.answer(), Answer::OwnAddress);
    // Whom nobody answers for is forgotten by the address.
    alice.command(4, Command::Disconnect(Place::Address(bob)));
    assert_eq!(alice.answer(), Answer::Disconnected);
    alice.command(5, Command::Disconnect(Place::Address(bob)));
    assert_eq!(alice.answer(), Answer::NoSuchPeer);
    alice.input(Input::DialFailed { address: bob, error: "refused".to_owned() });
    alice.elapse(secs(120));
    assert_eq!(alice.dials.len(), 1, "nobody dials it again");
    // Who is connected, by the connection's number.
    let carol = alice.meet(3);
    alice.command(6, Command::Disconnect(Place::Conn(carol)));
    assert_eq!(alice.answer(), Answer::Disconnected);
    assert_eq!(alice.closed.get(&carol), Some(&Disconnect::Requested));
    alice.command(7, Command::Disconnect(Place::Conn(carol)));
    assert_eq!(alice.answer(), Answer::NoSuchPeer);
    for port in 1..=MAX_MANUAL_PEERS {
        let port = u16::try_from(port).expect("a port");
        alice.command(8, Command::Connect(([127, 0, 0, 9], port).into()));
        assert_eq!(alice.answer(), Answer::Connecting);
    }
    alice.command(9, Command::Connect(bob));
    assert_eq!(alice.answer(), Answer::TooManyAddresses { room: 0 });
}
