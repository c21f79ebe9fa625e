//! Who is let in, who is not, and who stays.

use core::time::Duration;

use super::*;
use crate::limits::{
    CONTENDER_PAUSE, MAX_MET_PAUSE, MAX_PENDING_HANDSHAKES, MAX_UNKNOWN_FRAMES, PING_INTERVAL, PONG_TIMEOUT,
    STEADY_LINK,
};
use crate::node::io::{ConnId, Direction, Input};
use crate::params::{NetworkId, Params};
use crate::peer::Disconnect;
use crate::types::NodeId;
use crate::wire::Kind;
use crate::wire::manage::ManagerKey;
use crate::wire::message::{Bye, ByeReason, Hello, Message, Ping, Role};

fn caller() -> std::net::SocketAddr {
    std::net::SocketAddr::from(([127, 0, 0, 1], 40_000))
}

/// Row 20 of docs/hostile.md.
#[test]
fn the_dialler_speaks_first_and_the_acceptor_only_when_spoken_to() {
    let mut alice = Alice::new(1, Params::regtest());
    let inbound = alice.connected(caller(), Direction::Inbound);
    assert!(alice.said(inbound).is_empty(), "a caller is not greeted before its hello");
    let hello = bob(2, &alice.params);
    alice.received(inbound, Message::Hello(hello));
    assert!(matches!(alice.said(inbound)[0], Message::Hello(_)));

    let outbound = alice.connected(alice::address(3), Direction::Outbound);
    assert!(matches!(alice.said(outbound)[..], [Message::Hello(_)]));
    assert_eq!(alice.node.view().peers().len(), 1, "whom we called has not answered");
    let hello = bob(3, &alice.params);
    alice.received(outbound, Message::Hello(hello));
    assert_eq!(alice.node.view().peers().len(), 2);
    let known: Vec<_> = alice.node.view().known_nodes().iter().map(|known| known.address).collect();
    assert_eq!(
        known,
        [alice::address(2), alice::address(3)],
        "where they listen, not where they called from"
    );
}

/// (what is said first, why the connection closes, what the other side is told)
/// Rows 16, 17 and 20 of docs/hostile.md.
#[test]
fn strangers_are_turned_away_for_a_reason() {
    let alice = || Alice::new(1, Params::regtest());
    let hello = bob(2, &alice().params);
    let elsewhere = Params::lab(20, None).expect("good rules").network();
    let rows = [
        (Message::Hello(Hello { network: elsewhere, ..hello.clone() }), Some(ByeReason::WrongNetwork)),
        (Message::Hello(Hello { network: NetworkId::NONE, ..hello.clone() }), Some(ByeReason::WrongNetwork)),
        (Message::Hello(Hello { node: NodeId([1; 16]), ..hello.clone() }), Some(ByeReason::SelfConnection)),
        (
            Message::Hello(Hello { min_version: 7, max_version: 9, ..hello.clone() }),
            Some(ByeReason::BadVersion),
        ),
        (Message::Ping(Ping { nonce: 1 }), None),
        (Message::GetBlocks(Default::default()), None),
    ];
    for (first, told) in rows {
        let mut alice = alice();
        let conn = alice.connected(caller(), Direction::Inbound);
        alice.received(conn, first.clone());
        assert!(alice.closed.contains_key(&conn), "{first:?}");
        let reasons: Vec<_> = alice
            .said(conn)
            .into_iter()
            .map(|message| match message {
                Message::Bye(Bye { reason, rules, .. }) => {
                    assert_eq!(rules.is_some(), reason == ByeReason::WrongNetwork, "the way home is shown");
                    reason
                }
                other => panic!("{other:?} was said to a stranger"),
            })
            .collect();
        assert_eq!(reasons, told.into_iter().collect::<Vec<_>>(), "{first:?}");
    }
}

/// A manager calls, and is not called: whoever answers a dial as one is no peer, and gives no commands.
/// Row 87 of docs/hostile.md.
#[test]
fn who_is_dialled_and_says_it_is_a_manager_is_refused() {
    let key = ManagerKey::of(&ed25519_dalek::SigningKey::from_bytes(&[7; 32]));
    for key in [None, Some(key)] {
        let mut alice = Alice::with(1, Params::regtest(), |config| {
            config.manager = key;
            config.peers = vec![alice::address(2)];
        });
        let conn = alice.connected(alice::address(2), Direction::Outbound);
        alice.said(conn);
        let hello = Hello { role: Role::Manager, ..bob(2, &alice.params) };
        alice.received(conn, Message::Hello(hello));
        assert_eq!(alice.closed.get(&conn), Some(&Disconnect::ManagerAnswers), "{key:?}");
        let [Message::Bye(Bye { reason, .. })] = &alice.said(conn)[..] else { panic!("it is told why") };
        assert_eq!(*reason, ByeReason::NotAuthorised);
        alice.elapse(secs(20));
        assert_eq!(alice.dials.len(), 1, "that is not tried again soon");
    }
}

/// Row 20 of docs/hostile.md.
#[test]
fn a_second_hello_is_out_of_turn() {
    let mut alice = Alice::new(1, Params::regtest());
    let conn = alice.meet(2);
    let again = bob(2, &alice.params);
    alice.received(conn, Message::Hello(again));
    assert_eq!(alice.closed[&conn], Disconnect::Unexpected(Kind::Hello));
}

/// Row 5 of docs/hostile.md.
#[test]
fn who_says_nothing_goes_after_five_seconds_in_all() {
    let mut alice = Alice::new(1, Params::regtest());
    let silent = alice.connected(caller(), Direction::Inbound);
    let polite = alice.meet(2);
    alice.elapse(secs(4));
    assert!(alice.closed.is_empty());
    alice.elapse(secs(1));
    assert_eq!(alice.closed[&silent], Disconnect::HandshakeTimeout);
    assert!(!alice.closed.contains_key(&polite));
}

/// Row 23 of docs/hostile.md.
#[test]
fn the_waiting_room_is_small_and_the_oldest_silent_one_makes_room() {
    let mut alice = Alice::new(1, Params::regtest());
    let silent: Vec<ConnId> = (0..500).map(|_| alice.connected(caller(), Direction::Inbound)).collect();
    let honest = alice.meet(2);
    assert!(!alice.closed.contains_key(&honest));
    assert_eq!(alice.node.view().peers().len(), 1);
    let left = silent.iter().filter(|conn| !alice.closed.contains_key(conn)).count();
    assert!(left <= MAX_PENDING_HANDSHAKES, "{left} wait");
}

/// Row 19 of docs/hostile.md.
#[test]
fn a_claim_does_not_displace_a_ready_connection_that_answers() {
    let mut alice = Alice::new(1, Params::regtest());
    let old = alice.meet(2);
    alice.elapse(secs(10));
    alice.said(old);
    let claim = alice.meet(2);
    assert!(alice.said(claim).is_empty(), "not greeted while the old one may answer");
    let [Message::Ping(ping)] = alice.said(old)[..] else { panic!("the old one is pinged") };
    alice.elapse(secs(1));
    alice.received(old, Message::Pong(ping));
    assert_eq!(alice.closed[&claim], Disconnect::Duplicate);
    assert!(!alice.closed.contains_key(&old));
}

/// Row 19: claims in a row do not take the time away that each of them leaves to the old connection.
#[test]
fn a_second_claim_does_not_shorten_the_time_to_answer() {
    let millis = core::time::Duration::from_millis;
    let mut alice = Alice::new(1, Params::regtest());
    let old = alice.meet(2);
    alice.said(old);
    alice.elapse(secs(10));
    for _ in 0..5 {
        let claims = [alice.meet(2), alice.meet(2), alice.meet(2)];
        let [Message::Ping(ping)] = alice.said(old)[..] else { panic!("the old one is pinged once") };
        // A slow link, but one that answers in time.
        alice.elapse(millis(1900));
        alice.received(old, Message::Pong(ping));
        assert!(claims.iter().all(|claim| alice.closed.contains_key(claim)));
        // For a while that is answer enough.
        let hasty = alice.meet(2);
        assert_eq!(alice.closed[&hasty], Disconnect::Duplicate);
        alice.elapse(CONTENDER_PAUSE);
    }
    assert!(!alice.closed.contains_key(&old));
    // Nor do they prolong it.
    alice.meet(2);
    alice.elapse(millis(1000));
    let heir = alice.meet(2);
    alice.elapse(millis(1000));
    assert_eq!(alice.closed[&old], Disconnect::PongTimeout);
    assert!(!alice.closed.contains_key(&heir));
}

/// Row 19: a crowd of claims has the old connection asked no more often than once a second, or its answers would be
/// what the other end takes for a flood.
#[test]
fn a_crowd_of_claims_is_one_question_a_second() {
    let mut alice = Alice::new(1, Params::regtest());
    let old = alice.meet(2);
    alice.said(old);
    alice.elapse(secs(10));
    let mut asked = 0;
    for _ in 0..300 {
        let claim = alice.meet(2);
        alice.elapse(core::time::Duration::from_millis(10));
        for said in alice.said(old) {
            let Message::Ping(ping) = said else { panic!("{said:?}") };
            asked += 1;
            alice.received(old, Message::Pong(ping));
        }
        assert_eq!(alice.closed.get(&claim), Some(&Disconnect::Duplicate));
    }
    assert!((2..=3).contains(&asked), "asked {asked} times in three seconds");
    assert!(!alice.closed.contains_key(&old));
}

/// Row 19 of docs/hostile.md: of two that call each other at once one stays, also if a third one claims the
/// same name meanwhile.
#[test]
fn a_claim_does_not_come_between_a_simultaneous_pair() {
    let mut alice = Alice::new(5, Params::regtest());
    let hello = bob(2, &alice.params);
    let inbound = alice.meet(2);
    let claim = alice.meet(2);
    let outbound = alice.connected(alice::address(2), Direction::Outbound);
    alice.received(outbound, Message::Hello(hello));
    let peers = alice.node.view().peers();
    assert_eq!(peers.iter().map(|peer| peer.conn).collect::<Vec<_>>(), [outbound]);
    for lost in [inbound, claim] {
        assert_eq!(alice.closed.get(&lost), Some(&Disconnect::Duplicate));
    }
}

/// Somebody at `from` calls with the name of the node numbered `n`.
fn call_as(alice: &mut Alice, n: u8, from: &str) -> ConnId {
    let conn = alice.connected(from.parse().expect("an address"), Direction::Inbound);
    let hello = bob(n, &alice.params);
    alice.received(conn, Message::Hello(hello));
    conn
}

/// The node numbered `n` answers a dial to `at`.
fn answer_as(alice: &mut Alice, n: u8, at: &str) -> ConnId {
    let conn = alice.connected(at.parse().expect("an address"), Direction::Outbound);
    let hello = bob(n, &alice.params);
    alice.received(conn, Message::Hello(hello));
    conn
}

fn answer_pings(alice: &mut Alice, conn: ConnId) {
    for said in alice.said(conn) {
        if let Message::Ping(ping) = said {
            alice.received(conn, Message::Pong(ping));
        }
    }
}

fn connected_to(alice: &Alice) -> Vec<ConnId> {
    alice.node.view().peers().iter().map(|peer| peer.conn).collect()
}

/// Row 19 of docs/hostile.md: somebody takes Bob's name while Bob is away. Once Bob is back at the address at which he
/// is to be dialled he is the peer, however lately the other one called and whichever name is the greater; and he
/// stays.
#[test]
fn a_name_taken_while_its_node_was_away_goes_back_to_who_answers_at_its_address() {
    const HOME: &str = "10.0.0.2:6002";
    for us in [1, 5] {
        for fresh in [false, true] {
            let home = HOME.parse().expect("an address");
            let mut alice = Alice::with(us, Params::regtest(), |config| config.peers = vec![home]);
            let bob_before = answer_as(&mut alice, 2, HOME);
            alice.input(Input::Closed(bob_before, Disconnect::Ended));
            let mut squatter = call_as(&mut alice, 2, "10.0.0.66:40000");
            assert_eq!(connected_to(&alice), [squatter]);
            for _ in 0..3 {
                let dials = alice.dials.len();
                alice.elapse(secs(40));
                assert_eq!(alice.dials.len(), dials + 1, "Bob is looked for all the same");
                alice.input(Input::DialFailed { address: home, error: "refused".to_owned() });
                answer_pings(&mut alice, squatter);
            }
            alice.elapse(secs(40));
            if fresh {
                let again = call_as(&mut alice, 2, "10.0.0.66:40001");
                alice.input(Input::Closed(squatter, Disconnect::Ended));
                squatter = again;
            }
            assert_eq!(connected_to(&alice), [squatter]);
            let bob = answer_as(&mut alice, 2, HOME);
            assert_eq!(connected_to(&alice), [bob], "{us}, fresh: {fresh}");
            assert_eq!(alice.closed.get(&squatter), Some(&Disconnect::Duplicate));

            alice.elapse(secs(10));
            alice.said(bob);
            let again = call_as(&mut alice, 2, "10.0.0.66:40002");
            answer_pings(&mut alice, bob);
            assert_eq!(alice.closed.get(&again), Some(&Disconnect::Duplicate));
            assert_eq!(connected_to(&alice), [bob]);
        }
    }
}

/// A node may call from elsewhere than where it is dialled: by another of its addresses, or through a router. That it
/// is the one who called is its own word, and it is dialled again when that connection ends.
#[test]
fn a_node_that_called_from_elsewhere_says_so_where_it_is_dialled() {
    let home = "10.0.0.2:6002".parse().expect("an address");
    let mut alice = Alice::with(1, Params::regtest(), |config| config.peers = vec![home]);
    let before = answer_as(&mut alice, 2, "10.0.0.2:6002");
    alice.input(Input::Closed(before, Disconnect::Ended));
    let called = call_as(&mut alice, 2, "10.9.9.9:40000");
    alice.elapse(secs(40));
    assert_eq!(alice.dials.len(), 2);
    let dialled = alice.connected(home, Direction::Outbound);
    let bye = Bye { reason: ByeReason::Duplicate, detail: Default::default(), rules: None };
    alice.received(dialled, Message::Bye(bye));
    alice.elapse(PING_INTERVAL - secs(1));
    assert_eq!((alice.dials.len(), connected_to(&alice)), (2, vec![called]));
    answer_pings(&mut alice, called);
    alice.input(Input::Closed(called, Disconnect::Ended));
    alice.elapse(secs(40));
    assert_eq!(alice.dials.len(), 3);
}

/// Row 19: an address that was merely heard of proves no name: who answers there is asked to wait, as a caller is.
#[test]
fn who_answers_where_nobody_named_it_takes_no_name() {
    let mut alice = Alice::new(1, Params::regtest());
    let bob = call_as(&mut alice, 2, "10.0.0.2:40000");
    alice.elapse(secs(10));
    alice.said(bob);
    let other = answer_as(&mut alice, 2, "10.0.0.66:6002");
    answer_pings(&mut alice, bob);
    assert_eq!(alice.closed.get(&other), Some(&Disconnect::Duplicate));
    assert_eq!(connected_to(&alice), [bob]);
}

/// Whoever waits for a place is not greeted yet, so nothing else can be said to it.
#[test]
fn a_claims_ping_is_not_answered() {
    let mut alice = Alice::new(1, Params::regtest());
    alice.meet(2);
    alice.elapse(secs(10));
    let claim = alice.meet(2);
    alice.received(claim, Message::Ping(Ping { nonce: 1 }));
    alice.received(claim, Message::Pong(Ping { nonce: 1 }));
    assert!(alice.said(claim).is_empty());
}

/// Row 19 of docs/hostile.md.
#[test]
fn a_claim_gets_the_place_of_a_silent_connection() {
    let mut alice = Alice::new(1, Params::regtest());
    let old = alice.meet(2);
    alice.elapse(secs(10));
    let claim = alice.meet(2);
    alice.elapse(secs(2));
    assert_eq!(alice.closed[&old], Disconnect::PongTimeout);
    assert!(matches!(alice.said(claim)[0], Message::Hello(_)));
    assert_eq!(alice.node.view().peers().len(), 1);
}

/// Row 19 of docs/hostile.md: of several that wait for the place of a silent one, each has to show that it is there.
#[test]
fn whoever_gets_a_place_is_asked_for_those_who_still_wait_for_it() {
    let mut alice = Alice::new(1, Params::regtest());
    let old = alice.meet(2);
    alice.elapse(secs(10));
    let claims = [alice.meet(2), alice.meet(2), alice.meet(2)];
    alice.elapse(secs(2));
    assert_eq!(
        (alice.closed[&old].clone(), connected_to(&alice)),
        (Disconnect::PongTimeout, vec![claims[0]])
    );
    let said = alice.said(claims[0]);
    assert!(matches!(said.last(), Some(Message::Ping(_))), "asked after the greeting: {said:?}");
    alice.elapse(secs(2));
    assert_eq!(alice.closed.get(&claims[0]), Some(&Disconnect::PongTimeout));
    assert_eq!(connected_to(&alice), [claims[1]]);
    answer_pings(&mut alice, claims[1]);
    assert_eq!(alice.closed.get(&claims[2]), Some(&Disconnect::Duplicate));
    assert_eq!(connected_to(&alice), [claims[1]]);
}

/// Two nodes dial each other at once: both keep the connection that the greater id dialled.
/// Row 19 of docs/hostile.md.
#[test]
fn of_a_simultaneous_pair_exactly_one_survives() {
    for (us, them) in [(5, 2), (2, 5)] {
        for ours_is_first in [true, false] {
            let mut alice = Alice::new(us, Params::regtest());
            let hello = bob(them, &alice.params);
            let outbound = alice.connected(alice::address(them), Direction::Outbound);
            let inbound = alice.connected(caller(), Direction::Inbound);
            let order = if ours_is_first { [outbound, inbound] } else { [inbound, outbound] };
            for conn in order {
                alice.received(conn, Message::Hello(hello.clone()));
            }
            let (kept, lost) = if us > them { (outbound, inbound) } else { (inbound, outbound) };
            assert_eq!(alice.closed.get(&lost), Some(&Disconnect::Duplicate), "{us} and {them}");
            assert!(!alice.closed.contains_key(&kept));
        }
    }
}

/// Row 54 of docs/hostile.md.
#[test]
fn a_quiet_peer_is_pinged_and_a_dead_one_is_let_go() {
    let mut alice = Alice::new(1, Params::regtest());
    let conn = alice.meet(2);
    alice.said(conn);
    alice.elapse(PING_INTERVAL);
    let [Message::Ping(ping)] = alice.said(conn)[..] else { panic!("a quiet peer is pinged") };
    alice.received(conn, Message::Pong(ping));
    alice.elapse(PING_INTERVAL + PONG_TIMEOUT - secs(1));
    assert!(alice.closed.is_empty());
    alice.elapse(secs(1));
    assert_eq!(alice.closed[&conn], Disconnect::PongTimeout);
}

/// Rows 12 and 24 of docs/hostile.md.
#[test]
fn a_few_unknown_kinds_are_borne_and_pings_in_measure() {
    let mut alice = Alice::new(1, Params::regtest());
    let newer = alice.meet(2);
    for _ in 0..MAX_UNKNOWN_FRAMES {
        alice.input(Input::UnknownKind(newer, 0x77));
    }
    assert!(alice.closed.is_empty());
    alice.input(Input::UnknownKind(newer, 0x77));
    assert_eq!(alice.closed[&newer], Disconnect::UnknownKinds);

    let flood = alice.meet(3);
    for nonce in 0..100 {
        alice.received(flood, Message::Ping(Ping { nonce }));
    }
    assert_eq!(alice.closed[&flood], Disconnect::Flood("ping"));
    let liar = alice.meet(4);
    alice.received(liar, Message::Pong(Ping { nonce: 7 }));
    assert!(!alice.closed.contains_key(&liar), "a pong that nobody waits for is odd, no more");
}

#[test]
fn a_manual_peer_is_dialled_again_with_growing_pauses() {
    let mut alice = Alice::with(1, Params::regtest(), |config| config.peers = vec![alice::address(2)]);
    assert_eq!(alice.dials, [alice::address(2)]);
    for _ in 0..4 {
        let error = "refused".to_owned();
        alice.input(Input::DialFailed { address: alice::address(2), error });
        let before = alice.dials.len();
        alice.elapse(secs(40));
        assert_eq!(alice.dials.len(), before + 1, "once, and not while the dial goes on");
    }
    let conn = alice.connected(alice::address(2), Direction::Outbound);
    let hello = bob(2, &alice.params);
    alice.received(conn, Message::Hello(hello));
    alice.input(Input::Closed(conn, Disconnect::Ended));
    let before = alice.dials.len();
    alice.elapse(secs(40));
    assert_eq!(alice.dials.len(), before + 1);
    let mut connect_for = |time: Duration| {
        let conn = alice.connected(alice::address(2), Direction::Outbound);
        alice.received(conn, Message::Hello(bob(2, &Params::regtest())));
        alice.elapse(time);
        alice.input(Input::Closed(conn, Disconnect::Ended));
        let (before, ended) = (alice.dials.len(), alice.now.elapsed);
        while alice.dials.len() == before {
            alice.elapse(Duration::from_millis(100));
        }
        alice.now.elapsed - ended
    };
    assert!(connect_for(STEADY_LINK) <= secs(1), "soon, after a connection that held");
    let pauses: Vec<Duration> = (0..6).map(|_| connect_for(Duration::ZERO)).collect();
    let (shortest, longest) = (pauses.iter().min().copied(), pauses.iter().max().copied());
    assert!(shortest <= Some(secs(2)) && longest >= Some(secs(3)), "{pauses:?}: less often, who never stays");
    assert!(longest <= Some(2 * MAX_MET_PAUSE), "{pauses:?}: but somebody is there");
}

/// Row 18 of docs/hostile.md: the end that is dialled finds out first, and says so; a mirror says what we said.
#[test]
fn we_do_not_dial_ourselves_twice() {
    let bye = Bye { reason: ByeReason::SelfConnection, detail: Default::default(), rules: None };
    for said in [Message::Hello(bob(1, &Params::regtest())), Message::Bye(bye)] {
        let mut alice = Alice::with(1, Params::regtest(), |config| {
            config.peers = vec![alice::address(1), "10.0.0.1:6001".parse().expect("an address")];
        });
        assert_eq!(alice.dials.len(), 1, "our own address is known");
        let conn = alice.connected(alice.dials[0], Direction::Outbound);
        alice.received(conn, said);
        assert!(alice.closed[&conn].is_self());
        alice.elapse(secs(600));
        assert_eq!(alice.dials.len(), 1);
    }
}
