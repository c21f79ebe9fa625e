//! What a peer can do with blocks, clocks and repetition, and what it cannot.

use super::*;
use crate::limits::{FUTURE_POLL, MAX_BLOCK_BYTES, MAX_FUTURE_BLOCKS};
use crate::node::io::{Answer, Command, ConnId, Event, Timer};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::{Block, BlockHash, Coinbase, Header, Template, Transaction};
use crate::wire::message::{Message, NewBlock, Ping};
use std::sync::Arc;

/// A node that has mined `count` blocks by itself.
fn miner(n: u8, count: usize) -> (Alice, Vec<BlockHash>) {
    let mut miner = Alice::new(n, Params::regtest());
    let hashes = miner.mine(count);
    (miner, hashes)
}

fn header(from: &Alice, hash: &BlockHash) -> Header {
    *from.stored.get(hash).expect("a mined block").header()
}

fn push(from: &Alice, hash: &BlockHash) -> Message {
    Message::NewBlock(NewBlock::Push(from.stored.get(hash).expect("a mined block").block().clone()))
}

fn assert_served(alice: &mut Alice, conn: ConnId) {
    alice.said(conn);
    alice.received(conn, Message::Ping(Ping { nonce: 5 }));
    assert!(matches!(alice.said(conn).last(), Some(Message::Pong(_))));
}

/// Row 42: the same block from everybody, and a thousand times from one.
#[test]
fn the_same_block_again_and_again_is_taken_once_and_held_against_nobody() {
    let (miner, hashes) = miner(9, 1);
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    let peers: Vec<ConnId> = (2..10).map(|n| alice.meet(n)).collect();
    for conn in &peers {
        alice.received(*conn, push(&miner, &hashes[0]));
    }
    for _ in 0..1000 {
        alice.received(peers[0], push(&miner, &hashes[0]));
    }
    assert_eq!(alice.tip(), hashes[0]);
    let told = |event: &&Event| matches!(event, Event::TipChanged { .. });
    assert_eq!(alice.events.iter().filter(told).count(), 1);
    assert_eq!(alice.disk.headers.len(), 1, "stored once");
    assert!(alice.closed.is_empty());
    for conn in &peers {
        let said = alice.said(*conn);
        let told = said.iter().filter(|said| matches!(said, Message::NewBlock(_))).count();
        assert_eq!(told, usize::from(*conn != peers[0]), "told once, and not to who told us");
    }
}

/// Rows 29 and 32: blocks from the future are kept in measure, and one timer waits for all of them.
#[test]
fn blocks_from_the_future_fill_nothing() {
    let mut ahead = Alice::new(9, Params::regtest());
    ahead.now = ahead.now.plus(secs(10 * 3600));
    let hashes = ahead.mine(2 * MAX_FUTURE_BLOCKS);
    let mut alice = Alice::new(1, Params::regtest());
    let conn = alice.meet(2);
    let first = header(&ahead, &hashes[0]);
    // Siblings, each from the future by itself.
    let mut siblings = Vec::new();
    for extra in 0..2 * MAX_FUTURE_BLOCKS as u64 {
        let coinbase =
            Coinbase { height: 1, miner: Default::default(), extra_nonce: extra, note: Default::default() };
        let template = Template::new(first, coinbase, Vec::new());
        let mut header = template.header(extra, 0);
        let target = header.bits.to_target().expect("good bits");
        while !target.is_met_by(&header.hash()) {
            header.nonce += 1;
        }
        siblings.push(Arc::new(template.block(header, extra)));
    }
    for _ in 0..100 {
        for block in &siblings {
            alice.received(conn, Message::NewBlock(NewBlock::Push(block.clone())));
        }
    }
    let timers = alice.timers.values().filter(|timer| **timer == Timer::Future).count();
    assert_eq!(timers, 1, "for {} blocks", 100 * siblings.len());
    assert!(alice.closed.is_empty(), "a wrong clock is no offence");
    assert_eq!(alice.height(), 0);
    alice.elapse(secs(10 * 3600));
    assert_eq!(alice.height(), 1, "at their time they are taken");
    assert!(alice.disk.headers.len() <= MAX_FUTURE_BLOCKS);
    alice.elapse(2 * FUTURE_POLL);
    assert!(!alice.timers.values().any(|timer| *timer == Timer::Future), "nothing is waited for any more");
}

/// Row 46: whatever waits in the pool, our own block is within its limit.
#[test]
fn our_own_block_is_never_too_large() {
    let mut alice = Alice::new(1, Params::regtest());
    for n in 0..40u8 {
        let data = vec![n; 60_000 - usize::from(n)].try_into().expect("within a content's limit");
        alice.command(u64::from(n), Command::Submit(data));
        assert!(matches!(alice.answer(), Answer::Submitted(_)));
    }
    let largest = vec![7; crate::limits::MAX_CONTENT_BYTES].try_into().expect("just within");
    alice.command(99, Command::Mine(Some(largest)));
    let mut sizes = Vec::new();
    while !alice.node.view().pool().is_empty() {
        let hash = alice.find_block();
        let block = alice.stored.get(&hash).expect("a mined block");
        sizes.push(block.encoded().len());
        alice.command(100, Command::Mine(None));
    }
    assert!(sizes.iter().all(|size| *size <= MAX_BLOCK_BYTES), "{sizes:?}");
    assert!(sizes[0] > MAX_BLOCK_BYTES - 60_000, "and full, while enough waits: {sizes:?}");
}

/// Row 67: the wall's clock jumps; what is timed by it is not when a peer is thought dead.
#[test]
fn a_clock_that_jumps_disconnects_nobody() {
    let mut alice = Alice::new(1, Params::regtest());
    let peers: Vec<ConnId> = (2..6).map(|n| alice.meet(n)).collect();
    alice.mine(1);
    for jump in [-3600, 3 * 3600, -3600] {
        let wall = alice.now.wall.secs().checked_add_signed(jump).expect("after 1970");
        alice.now.wall = crate::time::UnixTime::from_secs(wall);
        let before = alice.height();
        alice.command(1, Command::Mine(None));
        alice.find_block();
        assert_eq!(alice.height(), before + 1, "a jump of {jump} s: the earliest time allowed is written");
        alice.elapse(secs(5));
        for conn in &peers {
            assert_served(&mut alice, *conn);
        }
    }
    assert!(alice.closed.is_empty());
}

/// Row 44: a height beyond all numbers is a height that is not the block's.
#[test]
fn a_height_beyond_all_numbers_is_refused() {
    let (miner, hashes) = miner(9, 1);
    let good = miner.stored.get(&hashes[0]).expect("a mined block").block().clone();
    for height in [u64::MAX, u64::MAX - 1, 1 << 63, 0] {
        let coinbase = good.transactions[0].as_coinbase().expect("it is first").clone();
        let template = Template::new(good.header, Coinbase { height, ..coinbase }, Vec::new());
        let mut header = template.header(0, 0);
        let target = header.bits.to_target().expect("good bits");
        while !target.is_met_by(&header.hash()) {
            header.nonce += 1;
        }
        let mut alice = Alice::new(1, Params::regtest());
        alice.now = miner.now;
        let conn = alice.meet(2);
        let block: Block = template.block(header, 0);
        let named = block.transactions.first().and_then(Transaction::as_coinbase).map(|c| c.height);
        assert_eq!(named, Some(height));
        alice.received(conn, Message::NewBlock(NewBlock::Push(Arc::new(block))));
        assert!(
            matches!(alice.closed.get(&conn), Some(Disconnect::InvalidBlock { rule: "BadHeight", .. })),
            "{height}: {:?}",
            alice.closed
        );
        assert_eq!(alice.height(), 0);
    }
}
