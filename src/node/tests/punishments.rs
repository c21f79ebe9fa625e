//! Who is kept out for what it did, and who is not.

use std::net::SocketAddr;
use std::sync::Arc;

use super::*;
use crate::chain::testing::solve;
use crate::encoding::List;
use crate::limits::{BAN_TIME, MAX_REDIAL_PAUSE, MAX_STRIKES};
use crate::node::Remembered;
use crate::node::io::{Answer, BadBlock, Command, ConnId, Delivery, Direction, Event, Input};
use crate::node::view::KnownAddress;
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::{BlockHash, Header};
use crate::wire::message::{Message, NewBlock, PeerAddress, Ping};
use crate::wire::{self, Kind};

const FAR: &str = "10.0.0.1:40000";

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Node `n` calls from `from`; the connection, if it is let in.
fn call(alice: &mut Alice, n: u8, from: &str) -> ConnId {
    let conn = alice.connected(at(from), Direction::Inbound);
    if !alice.closed.contains_key(&conn) {
        let hello = bob(n, &alice.params);
        alice.received(conn, Message::Hello(hello));
    }
    conn
}

/// Node `n` answers where it was dialled.
fn answer(alice: &mut Alice, n: u8, address: &str) -> ConnId {
    let conn = alice.connected(at(address), Direction::Outbound);
    let hello = bob(n, &alice.params);
    alice.received(conn, Message::Hello(hello));
    conn
}

/// What a node at the other end of a connection may do that only a broken or hostile one does.
fn lie(alice: &mut Alice, conn: ConnId) {
    let genesis = Arc::new(alice.params.genesis().clone());
    alice.received(conn, Message::Block(genesis));
}

fn is_let_in(alice: &mut Alice, n: u8, from: &str) -> bool {
    let conn = call(alice, n, from);
    !alice.closed.contains_key(&conn)
}

#[test]
fn who_lied_is_neither_let_in_nor_dialled_for_a_day() {
    let known = KnownAddress { node: None, address: at("10.0.0.1:6000"), dial: false, reached: None };
    let mut alice = Alice::with(1, Params::regtest(), |config| {
        config.outbound = 1;
        config.remembered = Remembered { addresses: vec![known], ..Default::default() };
    });
    assert_eq!(alice.dials, [known.address]);
    alice.input(Input::DialFailed { address: known.address, error: "not yet".to_owned() });
    let liar = call(&mut alice, 2, FAR);
    let honest = call(&mut alice, 3, "10.0.0.2:40000");
    lie(&mut alice, liar);
    assert_eq!(alice.closed[&liar], Disconnect::UnsolicitedBlock);
    let ban = alice.node.view().bans().pop().expect("it is kept out");
    assert_eq!((ban.host, ban.until), (at(FAR).ip(), alice.now.wall.plus(BAN_TIME)));
    assert_eq!(alice.events.last(), Some(&Event::HostBanned(ban)), "and that is told");
    alice.said(liar);
    let again = call(&mut alice, 4, FAR);
    assert_eq!(alice.closed[&again], Disconnect::Banned, "under another name as well");
    assert!(alice.said(again).is_empty(), "and nothing is said to it");
    let told = alice.events.last();
    assert!(
        matches!(told, Some(Event::PeerClosed { conn, why: Disconnect::Banned, .. }) if *conn == again),
        "that it called is told: {told:?}"
    );
    assert!(!is_let_in(&mut alice, 4, "[::ffff:10.0.0.1]:1"), "in any form");
    assert!(!alice.closed.contains_key(&honest) && is_let_in(&mut alice, 5, "10.0.0.3:40000"));
    alice.dials.clear();
    alice.elapse(secs(600));
    assert!(!alice.dials.iter().any(|at| at.ip() == known.address.ip()), "{:?}", alice.dials);
    alice.elapse(BAN_TIME);
    assert!(is_let_in(&mut alice, 6, FAR));
}

#[test]
fn it_is_remembered_over_a_restart() {
    let mut alice = Alice::new(1, Params::regtest());
    let liar = call(&mut alice, 2, FAR);
    lie(&mut alice, liar);
    let bans = alice.node.view().bans();
    let [ban] = &bans[..] else { panic!("{bans:?}") };
    assert_eq!((ban.host, &*ban.why), (at(FAR).ip(), "a block that was not asked for"));
    let mut again = Alice::with(1, Params::regtest(), |config| {
        config.remembered = Remembered { bans: bans.clone(), ..Default::default() };
    });
    assert_eq!(again.node.view().bans(), bans);
    assert!(!is_let_in(&mut again, 2, FAR));
    again.elapse(BAN_TIME);
    assert!(is_let_in(&mut again, 2, FAR) && again.node.view().bans().is_empty());
}

#[test]
fn whoever_is_vouched_for_is_let_in_again() {
    let mut alice = Alice::new(1, Params::regtest());
    for (from, host) in [(FAR, "10.0.0.1"), ("[2001:db8::1]:40000", "2001:db8::77")] {
        let liar = call(&mut alice, 2, from);
        lie(&mut alice, liar);
        let host = host.parse().expect("an address");
        for answer in [Answer::Forgiven, Answer::NoSuchBan] {
            assert_eq!(is_let_in(&mut alice, 3, from), answer == Answer::NoSuchBan);
            alice.command(1, Command::Forgive(host));
            assert_eq!(alice.answer(), answer, "{from}");
        }
    }
}

#[test]
fn on_this_machine_nobody_is_remembered() {
    let mut alice = Alice::new(1, Params::regtest());
    for from in ["127.0.0.1:40000", "[::1]:40000", "[::ffff:127.0.0.1]:40000"] {
        let liar = call(&mut alice, 2, from);
        lie(&mut alice, liar);
        assert_eq!(alice.closed[&liar], Disconnect::UnsolicitedBlock);
        assert!(is_let_in(&mut alice, 3, from), "its other nodes share its address");
    }
    assert!(alice.node.view().bans().is_empty());
}

#[test]
fn a_manual_peer_is_closed_and_dialled_again_in_a_while() {
    let place = "10.0.0.1:6000";
    let mut alice = Alice::with(1, Params::regtest(), |config| config.peers = vec![at(place)]);
    for round in 1..5 {
        let conn = answer(&mut alice, 2, place);
        lie(&mut alice, conn);
        assert!(alice.closed.contains_key(&conn));
        alice.elapse(MAX_REDIAL_PAUSE / 2);
        assert_eq!(alice.dials.len(), round, "no haste");
        alice.elapse(MAX_REDIAL_PAUSE);
        assert_eq!(alice.dials.len(), round + 1);
    }
    assert!(alice.node.view().bans().is_empty());
    // And whoever was kept out is let in once its operator vouches for it.
    let liar = call(&mut alice, 3, "10.0.0.9:40000");
    lie(&mut alice, liar);
    assert!(!is_let_in(&mut alice, 3, "10.0.0.9:40000"));
    let peer = PeerAddress { node: None, address: at("10.0.0.9:6000") };
    alice.command(1, Command::Register(vec![crate::wire::manage::Introduction { peer, dial: true }]));
    assert!(is_let_in(&mut alice, 3, "10.0.0.9:40000"));
}

/// (what happened, whether the handshake was done, whether it is remembered)
#[test]
fn remembered_is_what_lies_and_nothing_else() {
    let malformed = || Disconnect::Malformed(wire::Error::EmptyFrame);
    let rows = [
        (malformed(), true, true),
        (malformed(), false, false),
        (Disconnect::UnsolicitedBlock, true, true),
        (Disconnect::InvalidBlock { hash: BlockHash::ZERO, rule: "BadPow" }, true, true),
        (Disconnect::Unexpected(Kind::Hello), true, false),
        (Disconnect::UnknownKinds, true, false),
        (Disconnect::Flood("ping"), true, false),
        (Disconnect::Strikes, true, false),
        (Disconnect::PongTimeout, true, false),
        (Disconnect::Ended, true, false),
        (Disconnect::WrongNetwork, false, false),
    ];
    for (why, ready, remembered) in rows {
        let mut alice = Alice::new(1, Params::regtest());
        let conn = match ready {
            true => call(&mut alice, 2, FAR),
            false => alice.connected(at(FAR), Direction::Inbound),
        };
        alice.input(Input::Closed(conn, why.clone()));
        assert_eq!(!alice.node.view().bans().is_empty(), remembered, "{why}, ready: {ready}");
    }
}

/// Alice, who has refused a block, and that block's header and child.
fn refused_one() -> (Alice, Alice, [BlockHash; 2]) {
    let mut miner = Alice::new(9, Params::regtest());
    let hashes = miner.mine(2);
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    let origin = call(&mut alice, 7, "30.0.0.1:40000");
    let header = *miner.stored.get(&hashes[0]).expect("mined").header();
    alice.received(origin, Message::NewBlock(NewBlock::Announce(header)));
    let bad =
        BadBlock { hash: hashes[0], previous: BlockHash::ZERO, rule: crate::chain::Rule::ExtraCoinbase };
    alice.input(Input::Block(origin, Delivery::Requested, Err(bad)));
    assert!(alice.closed.contains_key(&origin));
    (alice, miner, [hashes[0], hashes[1]])
}

/// Hostile row 45: a block that was refused before, or a child of it. Whoever we called follows a chain that
/// is of no use; whoever called may not have heard yet.
#[test]
fn a_known_bad_block_costs_a_called_peer_its_connection_and_a_caller_nothing() {
    for which in [0, 1] {
        let (mut alice, miner, hashes) = refused_one();
        let push = |hash: &BlockHash| {
            Message::NewBlock(NewBlock::Push(miner.stored.get(hash).expect("mined").block().clone()))
        };
        let caller = call(&mut alice, 2, FAR);
        let called = answer(&mut alice, 3, "20.0.0.1:6000");
        alice.received(caller, push(&hashes[which]));
        alice.received(called, push(&hashes[which]));
        assert!(!alice.closed.contains_key(&caller));
        assert!(matches!(alice.closed[&called], Disconnect::InvalidBlock { .. }));
        assert!(!is_let_in(&mut alice, 3, "20.0.0.1:40000"));
        assert_eq!(alice.height(), 0);
        alice.received(caller, Message::Ping(Ping { nonce: 1 }));
        assert!(matches!(alice.said(caller).last(), Some(Message::Pong(_))));
    }
}

/// Hostile row 45: who may not have heard yet is not let go, so it could go on for ever. A child of a refused block is told
/// of once and a few in a while; one that was refused before, not at all.
#[test]
fn what_a_caller_is_forgiven_is_told_of_in_measure() {
    let (mut alice, miner, hashes) = refused_one();
    let caller = call(&mut alice, 2, FAR);
    let announce = |alice: &mut Alice, header: Header| {
        alice.received(caller, Message::NewBlock(NewBlock::Announce(header)));
    };
    let told = |alice: &mut Alice| {
        let is_refusal = |event: &Event| matches!(event, Event::BlockRefused { .. });
        core::mem::take(&mut alice.events).iter().filter(|event| is_refusal(event)).count()
    };
    told(&mut alice);
    let [refused, child] = hashes.map(|hash| *miner.stored.get(&hash).expect("mined").header());
    for _ in 0..100 {
        announce(&mut alice, refused);
        announce(&mut alice, child);
    }
    assert_eq!(told(&mut alice), 1, "the child, once");
    for nonce in 0..500 {
        announce(&mut alice, solve(Header { nonce: nonce << 20, ..child }));
    }
    let burst = told(&mut alice);
    assert!((1..20).contains(&burst), "{burst} told");
    assert!(alice.closed.values().all(|why| matches!(why, Disconnect::InvalidBlock { .. })));
    assert!(!alice.closed.contains_key(&caller));
}

/// Hostile row 53: an attacker tells of blocks and transactions that do not exist or are bad, so that honest
/// peers are asked for them and look bad. Only the attacker is scored.
#[test]
fn only_the_origin_of_a_lie_is_scored() {
    let mut miner = Alice::new(9, Params::regtest());
    let hashes = miner.mine(3);
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    let attacker = call(&mut alice, 2, FAR);
    let honest = call(&mut alice, 3, "10.0.0.2:40000");
    for conn in [attacker, honest] {
        alice.received(conn, Message::Headers(List::default()));
        alice.said(conn);
    }
    // A header is announced whose body is then another's: the honest block of that header is not poisoned.
    let block = |at: usize| miner.stored.get(&hashes[at]).expect("mined").block().clone();
    let mut other = (*block(0)).clone();
    other.transactions = block(1).transactions.clone();
    alice.received(attacker, Message::NewBlock(NewBlock::Announce(other.header)));
    assert!(matches!(alice.said(attacker)[..], [Message::GetBlocks(_)]));
    assert!(alice.said(honest).is_empty(), "who never told of it is not asked for it");
    // Transactions that nobody has are asked of whoever told of them.
    let nowhere = crate::types::TxId([7; 32]);
    alice.received(attacker, Message::HaveTransactions(List::clipped([nowhere])));
    assert!(matches!(alice.said(attacker)[..], [Message::GetTransactions(_)]));
    alice.elapse(secs(60));
    let said = alice.said(honest);
    let asked = |said: &Message| matches!(said, Message::GetBlocks(_) | Message::GetTransactions(_));
    assert!(!said.iter().any(asked), "{said:?}");
    alice.received(attacker, Message::Block(Arc::new(other)));
    assert!(matches!(alice.closed[&attacker], Disconnect::InvalidBlock { rule: "BadMerkleRoot", .. }));
    alice.received(honest, Message::NewBlock(NewBlock::Push(block(0))));
    assert_eq!(alice.tip(), hashes[0]);
    assert!(!alice.closed.contains_key(&honest));
    assert!(alice.node.view().bans().iter().all(|ban| ban.host == at(FAR).ip()));
    let refused = |event: &Event| matches!(event, Event::BlockRefused { from: Some(n), .. } if n.0[0] != 2);
    assert!(!alice.events.iter().any(refused));
    // And NotFound is held against nobody who did not tell of the block.
    for _ in 1..MAX_STRIKES {
        alice.received(honest, Message::NotFound(List::clipped([hashes[2]])));
    }
    assert!(!alice.closed.contains_key(&honest));
}
