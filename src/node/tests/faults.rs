//! Links that a manager cut, mended and made slow.

use core::time::Duration;

use super::*;
use crate::node::io::{Answer, Command, ConnId, Direction, Event, Input};
use crate::params::Params;
use crate::peer::{Disconnect, Line};
use crate::types::NodeId;
use crate::wire::manage::Fault;
use crate::wire::message::{Bye, ByeReason, Message};

fn name(n: u8) -> NodeId {
    NodeId([n; 16])
}

fn cut(n: u8) -> Fault {
    Fault { cut: true, ..Fault::none(name(n)) }
}

fn slow(n: u8, millis: u32) -> Fault {
    Fault { latency_micros: millis * 1000, ..Fault::none(name(n)) }
}

fn set(alice: &mut Alice, faults: &[Fault]) {
    alice.command(70, Command::SetFaults(faults.to_vec()));
    assert_eq!(alice.answer(), Answer::FaultsSet);
}

/// Alice stays connected to bob, whose number is `n`, and has dialled him.
fn dialled(alice: &mut Alice, n: u8) -> ConnId {
    let bob = alice::address(n);
    alice.command(71, Command::Connect(bob));
    assert_eq!(alice.answer(), Answer::Connecting);
    answers(alice, n)
}

/// He takes the dial.
fn answers(alice: &mut Alice, n: u8) -> ConnId {
    assert_eq!(core::mem::take(&mut alice.dials), [alice::address(n)]);
    let conn = alice.connected(alice::address(n), Direction::Outbound);
    let hello = bob(n, &alice.params);
    alice.received(conn, Message::Hello(hello));
    conn
}

fn last_bye(alice: &mut Alice, conn: ConnId) -> Option<ByeReason> {
    match alice.said(conn).pop() {
        Some(Message::Bye(Bye { reason, .. })) => Some(reason),
        _ => None,
    }
}

fn peers(alice: &Alice) -> usize {
    alice.node.view().peers().len()
}

#[test]
fn a_cut_closes_the_link_and_refuses_it_both_ways() {
    let mut alice = Alice::new(1, Params::regtest());
    let (out, other) = (dialled(&mut alice, 2), alice.meet(3));
    set(&mut alice, &[cut(2)]);
    assert_eq!(alice.closed.get(&out), Some(&Disconnect::Cut));
    assert_eq!(last_bye(&mut alice, out), Some(ByeReason::Cut));
    assert!(!alice.closed.contains_key(&other), "nobody else is disturbed");
    // She does not dial, whatever time passes, and does not let him in.
    alice.elapse(secs(300));
    assert_eq!(alice.dials, []);
    let caller = alice.meet(2);
    assert_eq!(alice.closed.get(&caller), Some(&Disconnect::Cut));
    assert_eq!(last_bye(&mut alice, caller), Some(ByeReason::Cut));
    // Nor if a dial was under way when the cut came.
    let mut alice = Alice::new(1, Params::regtest());
    alice.command(1, Command::Connect(alice::address(2)));
    set(&mut alice, &[cut(2)]);
    let late = answers(&mut alice, 2);
    assert_eq!(alice.closed.get(&late), Some(&Disconnect::Cut));
    alice.elapse(secs(300));
    assert_eq!(alice.dials, [], "now she knows who lives there");
}

#[test]
fn who_dialled_dials_again_the_moment_the_cut_is_mended() {
    let mut alice = Alice::new(1, Params::regtest());
    dialled(&mut alice, 2);
    set(&mut alice, &[cut(2)]);
    // As long as it takes for a backoff to grow.
    alice.elapse(secs(100));
    let at = alice.now;
    set(&mut alice, &[]);
    let again = answers(&mut alice, 2);
    assert_eq!(alice.now, at, "at once");
    assert_eq!(peers(&alice), 1);
    assert!(alice.said(again).iter().any(|m| matches!(m, Message::GetHeaders(_))), "and asks for the chain");
    // Where both are cut, one end is mended first: it is refused, and comes back soon.
    set(&mut alice, &[cut(2)]);
    alice.elapse(secs(100));
    set(&mut alice, &[]);
    for _ in 0..3 {
        let bob = alice::address(2);
        assert_eq!(core::mem::take(&mut alice.dials), [bob]);
        let conn = alice.connected(bob, Direction::Outbound);
        let bye = Bye { reason: ByeReason::Cut, detail: Default::default(), rules: None };
        alice.received(conn, Message::Bye(bye));
        alice.elapse(Duration::from_millis(250));
    }
    answers(&mut alice, 2);
    assert_eq!(peers(&alice), 1);
}

#[test]
fn who_was_called_and_would_dial_as_well_does_so_when_the_cut_is_mended() {
    let mut alice = Alice::new(1, Params::regtest());
    let out = dialled(&mut alice, 2);
    alice.input(Input::Closed(out, Disconnect::Ended));
    let caller = alice.meet(2);
    alice.elapse(secs(10));
    assert_eq!((alice.dials.len(), peers(&alice)), (0, 1), "he called first");
    set(&mut alice, &[cut(2)]);
    assert!(alice.closed.contains_key(&caller));
    alice.elapse(secs(10));
    assert_eq!(alice.dials, []);
    set(&mut alice, &[]);
    answers(&mut alice, 2);
}

#[test]
fn chosen_links_are_cut_and_mended_like_those_that_were_named() {
    let mut alice = Alice::with(1, Params::regtest(), |config| {
        config.outbound = 2;
        config.remembered.addresses = vec![crate::node::view::KnownAddress {
            node: Some(name(2)),
            address: alice::address(2),
            dial: false,
            reached: None,
        }];
    });
    let out = answers(&mut alice, 2);
    set(&mut alice, &[cut(2)]);
    assert_eq!(alice.closed.get(&out), Some(&Disconnect::Cut));
    alice.elapse(secs(100));
    assert_eq!(alice.dials, []);
    set(&mut alice, &[]);
    answers(&mut alice, 2);
    assert_eq!(peers(&alice), 1);
}

#[test]
fn a_cut_is_told_before_what_it_does() {
    let mut alice = Alice::new(1, Params::regtest());
    dialled(&mut alice, 2);
    alice.events.clear();
    set(&mut alice, &[cut(2), slow(3, 5)]);
    let names: Vec<&str> = alice.events.iter().map(Event::name).collect();
    assert_eq!(names, ["faults", "peer_closed"]);
    assert_eq!(alice.events[0], Event::FaultsSet { cut: 1, slow: 1 });
}

#[test]
fn a_link_is_slow_from_the_hello_that_says_whose_it_is() {
    let line = |millis| Line::of(&slow(2, millis));
    let mut alice = Alice::new(1, Params::regtest());
    let before = alice.meet(2);
    set(&mut alice, &[slow(2, 80), slow(3, 90)]);
    assert_eq!(alice.lines.get(&before), Some(&line(80)), "one that is there");
    set(&mut alice, &[slow(2, 85)]);
    assert_eq!(alice.lines.get(&before), Some(&line(85)));
    // Known by its Hello: and ours that answers it is late already.
    alice.input(Input::Closed(before, Disconnect::Ended));
    let caller = alice.meet(2);
    assert_eq!(alice.lines.get(&caller), Some(&line(85)));
    let other = alice.meet(3);
    assert_eq!(alice.lines.get(&other), None, "mended before it came");
    alice.input(Input::Closed(caller, Disconnect::Ended));
    // Known by its address: from the first byte.
    let out = dialled(&mut alice, 2);
    alice.input(Input::Closed(out, Disconnect::Ended));
    alice.elapse(secs(1));
    alice.dials.clear();
    let out = alice.connected(alice::address(2), Direction::Outbound);
    assert_eq!(alice.lines.get(&out), Some(&line(85)));
    // Another answers there.
    let hello = bob(4, &alice.params);
    alice.received(out, Message::Hello(hello));
    assert_eq!(alice.lines.get(&out), Some(&None));
    set(&mut alice, &[]);
    assert!(alice.node.view().peers().len() >= 2, "nobody was closed for being slow");
}
