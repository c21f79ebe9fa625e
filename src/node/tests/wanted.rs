//! What peers name and do not deliver, or have no room for: it delays what is honest, and loses nothing of it.

use std::collections::BTreeSet;

use super::*;
use crate::encoding::List;
use crate::limits::{
    IN_FLIGHT_BYTES, MAX_CONTENT_BYTES, MAX_POOL_BYTES, MAX_POOL_COUNT, MAX_TRANSACTION_IDS, MAX_WANTED,
    POOL_SHARES, TRANSACTION_TIMEOUT, WANTED_AT_FIRST,
};
use crate::node::io::{Command, ConnId, Direction, Input};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::{Content, Transaction, TxId};
use crate::wire::message::{Message, NewBlock};

/// What one giver may fill of the pool.
const SHARE: usize = MAX_POOL_BYTES / POOL_SHARES;

/// So many contents of so many bytes, numbered from `first`.
fn contents(first: u64, count: u64, bytes: usize) -> Vec<Transaction> {
    let data = || vec![b'x'; bytes].try_into().expect("a content's size");
    (first..first + count).map(|nonce| Transaction::Content(Content { nonce, data: data() })).collect()
}

fn name(alice: &mut Alice, conn: ConnId, contents: &[Transaction]) {
    for some in contents.chunks(MAX_TRANSACTION_IDS) {
        let ids = List::clipped(some.iter().map(Transaction::id));
        alice.received(conn, Message::HaveTransactions(ids));
    }
}

/// What Alice has asked for on `conn` since the last look.
fn asked(alice: &mut Alice, conn: ConnId) -> Vec<TxId> {
    let mut asked = Vec::new();
    for message in alice.said(conn) {
        if let Message::GetTransactions(ids) = message {
            asked.extend_from_slice(&ids);
        }
    }
    asked
}

/// Gives what Alice asks for on `conn`, one by one, until she asks for no more; how many that were.
fn give(alice: &mut Alice, conn: ConnId, contents: &[Transaction]) -> usize {
    let mut given = 0;
    loop {
        let ids = asked(alice, conn);
        if ids.is_empty() {
            return given;
        }
        for id in ids {
            let content = contents.iter().find(|content| content.id() == id).expect("one that was named");
            alice.received(conn, Message::Transactions(List::clipped([content.clone()])));
            given += 1;
        }
    }
}

fn pool(alice: &Alice) -> BTreeSet<TxId> {
    alice.node.view().pool().into_iter().map(|(id, _)| id).collect()
}

fn mine(alice: &mut Alice) {
    alice.elapse(secs(1));
    alice.command(99, Command::Mine(None));
    alice.find_block();
}

/// Row 57 of docs/hostile.md.
#[test]
fn a_crowd_of_names_that_nobody_delivers_keeps_no_honest_one_out() {
    let mut alice = Alice::new(1, Params::regtest());
    let (liar, honest) = (alice.meet(2), alice.meet(3));
    name(&mut alice, liar, &contents(0, MAX_POOL_COUNT as u64, 1));
    assert_eq!(asked(&mut alice, liar).len(), WANTED_AT_FIRST, "a few, until some come");
    let content = contents(MAX_POOL_COUNT as u64, 1, 10);
    name(&mut alice, honest, &content);
    assert_eq!(give(&mut alice, honest, &content), 1);
    assert_eq!(pool(&alice), BTreeSet::from([content[0].id()]));
    // However long it goes on: so few at a time.
    for _ in 0..5 {
        alice.elapse(TRANSACTION_TIMEOUT);
        assert_eq!(asked(&mut alice, liar).len(), WANTED_AT_FIRST);
    }
}

/// The first to name a content may withhold it for a while; who named it, too, is asked then, even if its own turn
/// has not come.
#[test]
fn a_name_waits_for_its_turn_and_is_asked_of_others_before_it() {
    let mut alice = Alice::new(1, Params::regtest());
    let (liar, busy) = (alice.meet(2), alice.meet(3));
    let both = contents(0, 1, 10);
    let own = contents(100, 3 * WANTED_AT_FIRST as u64, 10);
    name(&mut alice, liar, &both);
    assert_eq!(asked(&mut alice, liar), [both[0].id()]);
    name(&mut alice, busy, &[&both[..], &own].concat());
    assert_eq!(asked(&mut alice, busy).len(), WANTED_AT_FIRST, "and not what the liar is asked for");
    alice.elapse(TRANSACTION_TIMEOUT);
    assert_eq!(asked(&mut alice, busy)[0], both[0].id(), "before all else that it named");
    // What it was asked for at first is late, and comes.
    for content in own.iter().chain(&both) {
        alice.received(busy, Message::Transactions(List::clipped([content.clone()])));
    }
    assert_eq!(pool(&alice).len(), 1 + own.len());
    assert!(alice.closed.is_empty());
}

/// (bytes of a content, how many are in flight once it is known how large they are)
#[test]
fn as_much_is_in_flight_as_the_size_of_what_comes_allows() {
    for (bytes, wanted) in [(10, MAX_WANTED), (4076, IN_FLIGHT_BYTES / 4096), (MAX_CONTENT_BYTES, 3)] {
        let mut alice = Alice::new(1, Params::regtest());
        let conn = alice.meet(2);
        let contents = contents(0, 2 * MAX_WANTED as u64, bytes);
        name(&mut alice, conn, &contents);
        let first = asked(&mut alice, conn);
        assert_eq!(first.len(), WANTED_AT_FIRST);
        // All but one: of large ones, no more is asked for before most of the first have come.
        for content in &contents[..first.len() - 1] {
            alice.received(conn, Message::Transactions(List::clipped([content.clone()])));
        }
        assert_eq!(alice.node.view().usage().wanted, wanted, "{bytes} bytes each");
    }
}

/// A burst over one giver's share of the pool: the rest comes as blocks make room, and for nothing once at most.
#[test]
fn what_was_refused_for_want_of_room_is_asked_for_again_when_it_fits() {
    let mut alice = Alice::new(1, Params::regtest());
    let conn = alice.meet(2);
    let contents = contents(0, 70, 60_000);
    name(&mut alice, conn, &contents);
    let mut given = give(&mut alice, conn, &contents);
    let fit = SHARE / contents[0].size();
    assert_eq!(pool(&alice).len(), fit);
    alice.elapse(3 * TRANSACTION_TIMEOUT);
    assert!(asked(&mut alice, conn).is_empty(), "nothing is asked while nothing changes");
    for block in 1..=contents.len().div_ceil(fit) {
        let waits = pool(&alice).len();
        assert_eq!(waits, fit.min(contents.len() - (block - 1) * fit));
        mine(&mut alice);
        given += give(&mut alice, conn, &contents);
    }
    assert!(pool(&alice).is_empty(), "all of them are in the chain");
    assert_eq!(given, contents.len() + contents.len() - fit, "all but the first few twice");
    assert!(alice.closed.is_empty());
}

/// What one giver's share has no room for is taken from another that named it, at once or once the first is gone.
#[test]
fn what_one_share_has_no_room_for_comes_out_of_anothers() {
    for both_full in [false, true] {
        let mut alice = Alice::new(1, Params::regtest());
        let (full, other) = (alice.meet(2), alice.meet(3));
        for (conn, first) in [(full, 100), (other, 200)] {
            let own = contents(first, if conn == full || both_full { 16 } else { 0 }, 60_000);
            name(&mut alice, conn, &own);
            assert_eq!(give(&mut alice, conn, &own), own.len());
        }
        let content = contents(0, 1, 60_000);
        name(&mut alice, full, &content);
        name(&mut alice, other, &content);
        assert_eq!(give(&mut alice, full, &content), 1);
        assert!(!pool(&alice).contains(&content[0].id()));
        if both_full {
            assert!(asked(&mut alice, other).is_empty(), "it would be refused");
            alice.input(Input::Closed(full, Disconnect::Ended));
            while !pool(&alice).is_empty() {
                mine(&mut alice);
            }
        }
        assert_eq!(give(&mut alice, other, &content), 1);
        assert!(pool(&alice).contains(&content[0].id()));
    }
}

/// Whoever connects again, or twice, has the share of its host: of its name on this machine, where all have one host.
/// (Row 57 of docs/hostile.md.)
#[test]
fn a_share_is_a_hosts_however_often_it_connects() {
    let call = |alice: &mut Alice, n: u8, from: &str| {
        let conn = alice.connected(from.parse().expect("an address"), Direction::Inbound);
        let hello = bob(n, &alice.params);
        alice.received(conn, Message::Hello(hello));
        conn
    };
    // (who and from where, each of whom gives all it may and goes; how many shares they have in all)
    let rows: [(&[(u8, &str)], usize); 5] = [
        (&[(2, "10.0.0.1:1"), (2, "10.0.0.1:2"), (3, "10.0.0.1:3")], 1),
        (&[(2, "[2001:db8::1]:1"), (3, "[2001:db8::2]:1")], 1),
        (&[(2, "10.0.0.1:1"), (3, "10.0.0.2:1")], 2),
        (&[(2, "127.0.0.1:1"), (2, "127.0.0.1:2"), (2, "[::1]:1")], 1),
        (&[(2, "127.0.0.1:1"), (3, "127.0.0.1:2")], 2),
    ];
    for (callers, shares) in rows {
        let mut alice = Alice::new(1, Params::regtest());
        let fit = SHARE / contents(0, 1, 60_000)[0].size();
        for (nth, (n, from)) in callers.iter().enumerate() {
            let conn = call(&mut alice, *n, from);
            let own = contents(100 * nth as u64, fit as u64 + 5, 60_000);
            name(&mut alice, conn, &own);
            give(&mut alice, conn, &own);
            alice.input(Input::Closed(conn, Disconnect::Ended));
        }
        assert_eq!(pool(&alice).len(), shares * fit, "{callers:?}");
        // What was mined makes room again.
        while !pool(&alice).is_empty() {
            mine(&mut alice);
        }
        let (n, from) = callers[0];
        let conn = call(&mut alice, n, from);
        let own = contents(9000, 1, 60_000);
        name(&mut alice, conn, &own);
        assert_eq!(give(&mut alice, conn, &own), 1, "{callers:?}");
    }
}

/// What a block brought is asked of nobody any more, and others take its place.
#[test]
fn what_a_block_has_is_wanted_no_longer() {
    let (mut alice, mut miner) = (Alice::new(1, Params::regtest()), Alice::new(9, Params::regtest()));
    let (conn, giver) = (alice.meet(2), alice.meet(3));
    let contents = contents(0, 2 * WANTED_AT_FIRST as u64, 10);
    let to = miner.meet(4);
    name(&mut miner, to, &contents);
    assert_eq!(give(&mut miner, to, &contents), contents.len());
    mine(&mut miner);
    name(&mut alice, conn, &contents);
    let more = self::contents(100, 1, 10);
    name(&mut alice, conn, &more);
    assert_eq!(asked(&mut alice, conn).len(), WANTED_AT_FIRST);
    alice.now = miner.now;
    let Message::Block(block) = miner.block(&miner.tip()) else { panic!("a block") };
    alice.received(giver, Message::NewBlock(NewBlock::Push(block)));
    assert_eq!(alice.tip(), miner.tip());
    assert_eq!(asked(&mut alice, conn), [more[0].id()]);
}
