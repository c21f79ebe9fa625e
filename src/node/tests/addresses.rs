//! Whom a node knows, whom it tells of, and whom it connects to by itself.

use std::net::SocketAddr;

use super::network::Net;
use super::*;
use crate::encoding::List;
use crate::limits::{
    ASK_PEERS_PERIOD, DEFAULT_OUTBOUND, GET_PEERS_EVERY, MAX_DIAL_FAILURES, MAX_INBOUND,
    MAX_INBOUND_PER_GROUP, MAX_INBOUND_PER_HOST, MAX_KNOWN_PER_GROUP, MAX_MANUAL_PEERS, MAX_PEERS,
    MAX_STRIKES, OUTBOUND_PERIOD,
};
use crate::node::Remembered;
use crate::node::io::{Answer, Command, ConnId, Direction, Input, Timer};
use crate::node::view::KnownAddress;
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::{Group, NodeId, Unreachable};
use crate::wire::manage::Introduction;
use crate::wire::message::{Bye, ByeReason, Hello, Message, PeerAddress};

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn told(alice: &mut Alice, n: u8, address: SocketAddr, dial: bool) -> Answer {
    let peer = PeerAddress { node: Some(NodeId([n; 16])), address };
    alice.command(1, Command::Register(vec![Introduction { peer, dial }]));
    alice.answer()
}

/// A node that chooses `outbound` connections from `known`.
fn choosing(outbound: usize, known: &[SocketAddr]) -> Alice {
    let known = known.iter().map(|at| KnownAddress { node: None, address: *at, dial: false, reached: None });
    Alice::with(1, Params::regtest(), |config| {
        config.outbound = outbound;
        config.remembered = Remembered { addresses: known.collect(), ..Default::default() };
    })
}

/// Node `n` answers a dial to `address`.
fn answer_dial(alice: &mut Alice, n: u8, address: SocketAddr) -> ConnId {
    let conn = alice.connected(address, Direction::Outbound);
    let hello = Hello { node: NodeId([n; 16]), ..bob(2, &alice.params) };
    alice.received(conn, Message::Hello(hello));
    conn
}

/// Somebody at `from` calls, and listens on port 6000.
fn call_from(alice: &mut Alice, node: NodeId, from: SocketAddr) -> ConnId {
    let conn = alice.connected(from, Direction::Inbound);
    let hello = Hello { node, listen_port: 6000, ..bob(2, &alice.params) };
    alice.received(conn, Message::Hello(hello));
    conn
}

fn peers_said(alice: &mut Alice, conn: ConnId) -> Vec<SocketAddr> {
    let said = alice.said(conn);
    let peers = said.iter().find_map(|message| match message {
        Message::Peers(peers) => Some(peers.to_vec()),
        _ => None,
    });
    peers.unwrap_or_else(|| panic!("{said:?}"))
}

/// Who was not there when it was dialled first may be by the time somebody names it again.
#[test]
fn a_node_that_is_named_again_is_dialled_before_its_pause_is_over() {
    let mut alice = Alice::new(1, Params::regtest());
    let bob = at("127.0.0.1:6002");
    told(&mut alice, 2, bob, true);
    assert_eq!(core::mem::take(&mut alice.dials), [bob]);
    told(&mut alice, 2, bob, true);
    assert_eq!(alice.dials, [], "it is being dialled");
    alice.input(Input::DialFailed { address: bob, error: String::new() });
    told(&mut alice, 2, bob, false);
    assert_eq!(alice.dials, [], "nobody says that it is to be dialled");
    told(&mut alice, 2, bob, true);
    assert_eq!(core::mem::take(&mut alice.dials), [bob]);
    // However often that is in vain, one timer is enough.
    for _ in 0..9 {
        alice.input(Input::DialFailed { address: bob, error: String::new() });
        told(&mut alice, 2, bob, true);
    }
    assert_eq!(core::mem::take(&mut alice.dials), [bob; 9]);
    assert_eq!(alice.timers.values().filter(|timer| **timer == Timer::Redial(bob)).count(), 1);
    answer_dial(&mut alice, 2, bob);
    told(&mut alice, 2, bob, true);
    assert_eq!(alice.dials, [], "it is there");
}

/// Row 78 of docs/hostile.md: whoever is told that they were added need not ask which. Too many are none, and those that are there already
/// take no more room.
#[test]
fn more_than_can_be_stayed_connected_to_are_refused_and_none_of_them_is_taken() {
    let mut alice = Alice::new(1, Params::regtest());
    let peers = |ports: core::ops::RangeInclusive<usize>| -> Vec<Introduction> {
        let introduction = |port: usize| {
            let name = (port as u128).to_be_bytes();
            let address = SocketAddr::from(([127, 0, 0, 9], u16::try_from(port).expect("a port")));
            Introduction { peer: PeerAddress { node: Some(NodeId(name)), address }, dial: true }
        };
        ports.map(introduction).collect()
    };
    // (who is registered; how many of them are new, or how many would have been taken)
    let rows = [
        (1..=200, Ok(200)),
        (201..=MAX_MANUAL_PEERS + 1, Err(56)),
        (101..=MAX_MANUAL_PEERS, Ok(56)),
        (1..=MAX_MANUAL_PEERS, Ok(0)),
        (MAX_MANUAL_PEERS + 1..=MAX_MANUAL_PEERS + 1, Err(0)),
    ];
    for (ports, expected) in rows {
        let (dials, known) = (alice.dials.len(), alice.node.view().known_nodes().len());
        alice.command(1, Command::Register(peers(ports.clone())));
        let taken = match alice.answer() {
            Answer::Registered(known) => Ok(known.len()),
            Answer::TooManyAddresses { room } => Err(room),
            other => panic!("{other:?}"),
        };
        let new = expected.unwrap_or(0);
        assert_eq!(taken, expected.map(|new| known + new), "{ports:?}");
        assert_eq!((alice.dials.len(), alice.node.view().known_nodes().len()), (dials + new, known + new));
    }
    // Who is only to be known takes no such room.
    assert!(matches!(told(&mut alice, 7, at("127.0.0.9:999"), false), Answer::Registered(_)));
}

/// An invented name for a connected node's address is not believed, and not after it has gone either.
#[test]
fn a_name_that_a_handshake_established_is_not_displaced_by_one_that_is_told() {
    for by_dialling in [true, false] {
        let mut alice = Alice::new(1, Params::regtest());
        let conn = match by_dialling {
            true => answer_dial(&mut alice, 2, alice::address(2)),
            false => alice.meet(2),
        };
        for _ in 0..2 {
            assert!(matches!(told(&mut alice, 7, alice::address(2), true), Answer::Registered(_)));
            let names: Vec<NodeId> = alice.node.view().known_nodes().iter().map(|known| known.node).collect();
            assert_eq!(names, [NodeId([2; 16])]);
            alice.input(Input::Closed(conn, Disconnect::Ended));
        }
    }
}

#[test]
fn a_caller_does_not_displace_a_connected_node_and_may_follow_one_that_has_gone() {
    let mut alice = Alice::new(1, Params::regtest());
    let place = at("10.0.0.1:6000");
    let there = answer_dial(&mut alice, 2, place);
    call_from(&mut alice, NodeId([3; 16]), at("10.0.0.1:40000"));
    let tenant = |alice: &Alice| {
        let known = alice.node.view().known_nodes();
        known.iter().find(|known| known.address == place).map(|known| known.node)
    };
    assert_eq!(tenant(&alice), Some(NodeId([2; 16])));
    alice.input(Input::Closed(there, Disconnect::Ended));
    call_from(&mut alice, NodeId([4; 16]), at("10.0.0.1:40001"));
    assert_eq!(tenant(&alice), Some(NodeId([4; 16])), "it was started anew under another name");
}

#[test]
fn addresses_nobody_can_be_reached_at_are_refused_where_they_are_given() {
    let rows = [
        ("10.0.0.1:0", Unreachable::Port),
        ("0.0.0.0:6000", Unreachable::Unspecified),
        ("255.255.255.255:6000", Unreachable::Broadcast),
        ("224.0.0.1:6000", Unreachable::Multicast),
        ("[::ffff:224.0.0.1]:6000", Unreachable::Multicast),
    ];
    for (address, why) in rows {
        let mut alice = Alice::new(1, Params::regtest());
        let address = at(address);
        assert_eq!(told(&mut alice, 2, address, true), Answer::NotRegistered { address, why });
        assert!(alice.dials.is_empty() && alice.node.view().known_nodes().is_empty());
    }
    let mut alice = Alice::new(1, Params::regtest());
    assert!(matches!(told(&mut alice, 2, at("[::ffff:10.0.0.1]:6000"), true), Answer::Registered(_)));
    assert_eq!(alice.dials, [at("10.0.0.1:6000")], "one place, one name");
}

#[test]
fn a_node_connects_to_eight_of_its_book_and_spreads_them() {
    let mut known: Vec<SocketAddr> = (0..40).map(|n| at(&format!("10.0.{n}.1:6000"))).collect();
    known.extend((1..=5).map(|n| at(&format!("{n}0.1.1.1:6000"))));
    let alice = choosing(DEFAULT_OUTBOUND, &known);
    assert_eq!(alice.dials.len(), DEFAULT_OUTBOUND + 1, "and one is probed: {:?}", alice.dials);
    let chosen = &alice.dials[..DEFAULT_OUTBOUND];
    let in_ten = chosen.iter().filter(|at| Group::of(at.ip()) == Group::V4([10, 0])).count();
    assert!((3..=DEFAULT_OUTBOUND / 2).contains(&in_ten), "{in_ten} of {chosen:?} are in one network");
    assert_eq!(alice.dials, choosing(DEFAULT_OUTBOUND, &known).dials, "the same seed, the same choice");
    assert!(choosing(0, &known).dials.is_empty());
}

#[test]
fn this_machine_is_no_network_to_be_spread_over() {
    let known: Vec<SocketAddr> = (2..30).map(alice::address).collect();
    assert_eq!(choosing(DEFAULT_OUTBOUND, &known).dials.len(), DEFAULT_OUTBOUND + 1);
}

#[test]
fn an_address_that_nobody_answers_at_leaves_the_book_while_somebody_else_does() {
    let (dead, alive) = (at("10.0.0.1:6000"), at("20.0.0.1:6000"));
    for (connected, left) in [(true, 1), (false, 2)] {
        let mut alice = choosing(2, &[dead, alive]);
        if connected {
            answer_dial(&mut alice, 2, alive);
        }
        let mut tries = 0;
        for _ in 0..400 {
            for address in core::mem::take(&mut alice.dials) {
                if address == dead || !connected {
                    tries += usize::from(address == dead);
                    alice.input(Input::DialFailed { address, error: "refused".to_owned() });
                }
            }
            alice.elapse(secs(5));
            for conn in alice.sent.keys().copied().collect::<Vec<_>>() {
                alice.received(conn, Message::HaveTransactions(List::default()));
            }
        }
        assert_eq!(alice.node.view().addresses().len(), left, "somebody answers: {connected}");
        assert!(!connected || tries == MAX_DIAL_FAILURES as usize, "{tries} tries");
    }
}

/// Who was only heard of is told of once it has been dialled and has answered.
#[test]
fn only_what_was_proved_is_told() {
    let mut alice = choosing(1, &[]);
    let asker = alice.connected(alice::address(9), Direction::Inbound);
    let hello = Hello { listen_port: 0, ..bob(9, &alice.params) };
    alice.received(asker, Message::Hello(hello));
    let caller = call_from(&mut alice, NodeId([2; 16]), at("10.0.0.2:40000"));
    alice.said(asker);
    alice.received(asker, Message::GetPeers);
    assert_eq!(peers_said(&mut alice, asker), [], "a caller's word is no proof");
    alice.elapse(OUTBOUND_PERIOD);
    let place = at("10.0.0.2:6000");
    assert!(alice.dials.contains(&place), "it is probed: {:?}", alice.dials);
    // It is connected to us already, and says so.
    let probe = alice.connected(place, Direction::Outbound);
    let bye = Bye { reason: ByeReason::Duplicate, detail: Default::default(), rules: None };
    alice.received(probe, Message::Bye(bye));
    alice.said(asker);
    alice.received(asker, Message::GetPeers);
    assert_eq!(peers_said(&mut alice, asker), [place]);
    alice.received(caller, Message::GetPeers);
    assert_eq!(peers_said(&mut alice, caller), [], "nobody is told of itself, or of this machine's");
    // Another that says it listens there.
    let claimant = call_from(&mut alice, NodeId([3; 16]), at("10.0.0.2:40001"));
    alice.said(claimant);
    alice.received(claimant, Message::GetPeers);
    assert_eq!(peers_said(&mut alice, claimant), [], "nor of where it says that it listens");
}

#[test]
fn a_probe_that_is_not_needed_is_let_go_and_one_that_is_stays() {
    for (outbound, stays) in [(1, false), (2, true)] {
        let mut alice = choosing(outbound, &[at("10.0.0.1:6000")]);
        answer_dial(&mut alice, 2, at("10.0.0.1:6000"));
        call_from(&mut alice, NodeId([3; 16]), at("20.0.0.1:40000"));
        let other = at("30.0.0.1:6000");
        let giver = ConnId(1);
        alice.received(giver, Message::Peers(List::clipped([other])));
        alice.elapse(OUTBOUND_PERIOD * 4);
        for place in core::mem::take(&mut alice.dials).into_iter().skip(1) {
            let conn = answer_dial(&mut alice, if place == other { 4 } else { 3 }, place);
            if place == other && stays {
                assert!(!alice.closed.contains_key(&conn), "{place} is wanted");
            }
        }
        let chosen = |peer: &crate::node::view::PeerInfo| peer.direction == Direction::Outbound;
        assert_eq!(alice.node.view().peers().into_iter().filter(chosen).count(), outbound);
    }
}

/// Whoever tells of addresses unasked, or of too many, fills nothing (hostile row 58: a flood of addresses,
/// each in two forms).
#[test]
fn a_flood_of_addresses_fills_nothing() {
    let mut alice = choosing(1, &[at("20.0.0.1:6000")]);
    let giver = answer_dial(&mut alice, 2, at("20.0.0.1:6000"));
    let before = alice.node.view().addresses().len();
    let both_forms = (1..=MAX_PEERS / 2)
        .flat_map(|n| [at(&format!("10.0.0.{n}:6000")), at(&format!("[::ffff:10.0.0.{n}]:6000"))]);
    alice.received(giver, Message::Peers(List::clipped(both_forms)));
    assert_eq!(alice.node.view().addresses().len() - before, MAX_KNOWN_PER_GROUP.min(MAX_PEERS / 2));
    // Not one that cannot be anybody else's place.
    alice.elapse(ASK_PEERS_PERIOD);
    let odd = ["127.0.0.1:22", "0.0.0.0:1", "255.255.255.255:1", "10.9.9.9:0", "[::1]:80", "127.0.0.1:6001"];
    for _ in 1..MAX_STRIKES {
        let before = alice.node.view().addresses().len();
        alice.received(giver, Message::Peers(List::clipped(odd.map(at))));
        assert_eq!(alice.node.view().addresses().len(), before);
    }
    for n in 0..100u8 {
        if alice.closed.contains_key(&giver) {
            break;
        }
        let more = (0..MAX_PEERS as u32).map(|at| SocketAddr::from(([30 + n, at as u8, 0, 1], 6000)));
        alice.received(giver, Message::Peers(List::clipped(more)));
    }
    assert_eq!(alice.closed[&giver], Disconnect::Strikes, "unasked");
    assert!(alice.node.view().addresses().len() <= before + MAX_PEERS);
}

/// Row 57 of docs/hostile.md.
#[test]
fn who_keeps_asking_for_addresses_is_let_go() {
    let mut alice = Alice::new(1, Params::regtest());
    let eager = alice.meet(2);
    for _ in 0..20 {
        alice.received(eager, Message::GetPeers);
    }
    assert_eq!(alice.closed[&eager], Disconnect::Flood("GetPeers"));
    let patient = alice.meet(3);
    for _ in 0..100 {
        alice.elapse(GET_PEERS_EVERY);
        alice.received(patient, Message::GetPeers);
    }
    assert!(!alice.closed.contains_key(&patient));
}

/// Hostile row 55: nobody fills the places of callers from one host, or from one network; on this machine
/// everybody may.
#[test]
fn callers_share_the_places_by_host_and_by_network() {
    let id = |n: u32| NodeId(core::array::from_fn(|at| if at < 4 { n.to_le_bytes()[at] } else { 9 }));
    type From = fn(u32) -> SocketAddr;
    let rows: [(&str, From, usize); 5] = [
        ("one host", |n| SocketAddr::from(([10, 0, 0, 1], n as u16)), MAX_INBOUND_PER_HOST),
        (
            "one host, in IPv6's clothes",
            |n| SocketAddr::from((std::net::Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped(), n as u16)),
            MAX_INBOUND_PER_HOST,
        ),
        (
            "one /64",
            |n| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, n as u16], 1)),
            MAX_INBOUND_PER_HOST,
        ),
        ("one /16", |n| SocketAddr::from(([10, 0, (n >> 8) as u8, n as u8], 1)), MAX_INBOUND_PER_GROUP),
        ("this machine", |n| SocketAddr::from(([127, 0, 0, 1], n as u16)), MAX_INBOUND),
    ];
    for (who, from, places) in rows {
        let mut alice = Alice::new(1, Params::regtest());
        for n in 1..=400 {
            call_from(&mut alice, id(n), from(n));
        }
        assert_eq!(alice.node.view().peers().len(), places, "{who}");
        assert!(alice.closed.values().all(|why| *why == Disconnect::TooManyPeers), "{who}");
        let elsewhere = call_from(&mut alice, id(999), at("50.0.0.1:40000"));
        assert_eq!(alice.closed.contains_key(&elsewhere), places == MAX_INBOUND, "{who}");
    }
}

/// Hostile row 23: a crowd that says nothing pushes out its own, not the one who is about to speak.
#[test]
fn a_silent_crowd_pushes_out_its_own() {
    let mut alice = Alice::new(1, Params::regtest());
    let honest = alice.connected(at("50.0.0.1:40000"), Direction::Inbound);
    for n in 0..10_000u32 {
        alice.connected(SocketAddr::from(([10, 0, 0, 1], n as u16)), Direction::Inbound);
    }
    let hello = bob(2, &alice.params);
    alice.received(honest, Message::Hello(hello));
    assert_eq!(alice.node.view().peers().len(), 1);
}

#[test]
fn what_was_known_is_known_after_a_restart() {
    let mut alice = choosing(2, &[at("10.0.0.1:6000"), at("20.0.0.1:6000")]);
    answer_dial(&mut alice, 2, at("10.0.0.1:6000"));
    told(&mut alice, 3, at("30.0.0.1:6000"), true);
    let kept = alice.node.view().addresses();
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[0].reached, Some(alice.now.wall));
    assert_eq!(kept.iter().map(|known| known.dial).collect::<Vec<_>>(), [false, false, true]);
    let again = Alice::with(1, Params::regtest(), |config| {
        config.remembered = Remembered { addresses: kept.clone(), ..Default::default() };
    });
    assert_eq!(again.node.view().addresses(), kept);
    assert_eq!(again.dials, [at("30.0.0.1:6000")], "it is to stay connected to that one");
}

/// Everybody knows one node at first; each ends connected to several, also when that one goes.
#[test]
fn a_network_grows_from_one_node_that_all_know() {
    let mut net = Net::new(0, &Params::regtest(), 71);
    net.set_outbound(DEFAULT_OUTBOUND);
    for n in 0..10 {
        net.join();
        if n > 0 {
            net.link(n, 0);
        }
    }
    net.pass(secs(600));
    for n in 0..10 {
        assert!(net.peers(n) >= 6, "node {n} has {} peers", net.peers(n));
    }
    net.cut(|n| u8::from(n == 0));
    let hash = net.find(5);
    net.pass(secs(10));
    assert!(net.tips()[1..].iter().all(|tip| *tip == hash), "the others need it no more");
}
