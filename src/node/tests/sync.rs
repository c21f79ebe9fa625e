//! Catching up from peers that are silent, slow, forgetful, or lie; and what a long reorg looks like.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use super::network::Net;
use super::*;
use crate::chain::testing::{block_of, coinbase};
use crate::encoding::{Blob, List};
use crate::limits::{
    BLOCK_TIMEOUT, HEADERS_TIMEOUT, MAX_CONTENT_BYTES, MAX_STRIKES, PING_INTERVAL, PONG_TIMEOUT,
};
use crate::node::io::{Answer, Command, ConnId, Event, Input};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::sim::Conduct;
use crate::types::{Block, BlockHash, Header, MerkleRoot, TxId};
use crate::wire::message::{Hello, Message, NewBlock};

/// A node that has mined `count` blocks by itself.
fn miner(count: usize) -> Alice {
    let mut miner = Alice::new(9, Params::regtest());
    miner.mine(count);
    miner
}

fn alice_beside(miner: &Alice) -> Alice {
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    alice
}

fn hashes(miner: &Alice) -> Vec<BlockHash> {
    miner.disk.headers.iter().map(Header::hash).collect()
}

fn headers(miner: &Alice) -> Message {
    Message::Headers(List::clipped(miner.disk.headers.iter().copied()))
}

/// The blocks that were asked for.
fn wanted(said: &[Message]) -> Vec<BlockHash> {
    let asked = |message: &Message| match message {
        Message::GetBlocks(hashes) => hashes.to_vec(),
        _ => Vec::new(),
    };
    said.iter().flat_map(asked).collect()
}

fn is_asked_for_headers(said: &[Message]) -> bool {
    said.iter().any(|message| matches!(message, Message::GetHeaders(_)))
}

/// The other end of a connection, which has `miner`'s chain and answers one message at a time.
pub(super) struct Server<'a> {
    miner: &'a Alice,
    answers: VecDeque<Message>,
    /// Blocks given.
    pub(super) given: usize,
}

impl Server<'_> {
    pub(super) fn new(miner: &Alice) -> Server<'_> {
        Server { miner, answers: VecDeque::new(), given: 0 }
    }

    /// Gives one answer, if it owes one.
    pub(super) fn step(&mut self, alice: &mut Alice, conn: ConnId) -> bool {
        for message in alice.said(conn) {
            match message {
                Message::GetHeaders(question) => {
                    let chain = &self.miner.node.chain;
                    let headers = chain.headers_after(&question.locator, question.stop.as_ref(), 2000);
                    self.answers.push_back(Message::Headers(List::clipped(headers)));
                }
                Message::GetBlocks(hashes) => {
                    self.answers.extend(hashes.iter().map(|hash| self.miner.block(hash)));
                }
                _ => {}
            }
        }
        let Some(answer) = self.answers.pop_front() else { return false };
        self.given += usize::from(matches!(answer, Message::Block(_)));
        alice.received(conn, answer);
        true
    }
}

/// Hostile row 48: the only peer that was asked for headers says nothing. Another is asked after half a
/// minute; the silent one is let go when it is dead, and not before.
#[test]
fn a_silent_source_is_passed_over_and_let_go_when_it_is_dead() {
    let miner = miner(50);
    let mut alice = alice_beside(&miner);
    let silent = alice.meet(2);
    let good = alice.meet(3);
    assert!(is_asked_for_headers(&alice.said(silent)) && !is_asked_for_headers(&alice.said(good)));
    alice.elapse(HEADERS_TIMEOUT - secs(1));
    assert!(!is_asked_for_headers(&alice.said(good)));
    alice.elapse(secs(1));
    let mut server = Server::new(&miner);
    while server.step(&mut alice, good) {}
    assert_eq!(alice.height(), 50);
    alice.elapse(PING_INTERVAL + PONG_TIMEOUT - HEADERS_TIMEOUT - secs(1));
    assert!(!alice.closed.contains_key(&silent));
    alice.elapse(secs(1));
    assert_eq!(alice.closed[&silent], Disconnect::PongTimeout);
}

/// Hostile row 49: a claimed height of a thousand million, and all the work there could be.
#[test]
fn what_a_hello_claims_of_a_chain_counts_for_nothing() {
    let miner = miner(5);
    let mut alice = alice_beside(&miner);
    let good = alice.meet(2);
    let conn = alice.connected(alice::address(3), crate::node::io::Direction::Inbound);
    let hello = Hello { best_height: 1_000_000_000, best_work: [0xff; 32], ..bob(3, &alice.params) };
    alice.received(conn, Message::Hello(hello));
    let mut server = Server::new(&miner);
    while server.step(&mut alice, good) {}
    assert_eq!(alice.height(), 5);
    alice.received(conn, Message::Headers(List::default()));
    alice.said(conn);
    let mined = alice.mine(1);
    assert_eq!(alice.tip(), mined[0], "nobody waits for blocks that nobody has shown");
    assert!(wanted(&alice.said(conn)).is_empty() && alice.closed.is_empty());
}

/// Hostile row 50: the connection ends at every point of a sync. It goes on from what is here, and no block
/// is fetched twice.
#[test]
fn a_sync_that_is_cut_anywhere_goes_on_where_it_was() {
    const BLOCKS: usize = 120;
    let miner = miner(BLOCKS);
    for cut in 1.. {
        let mut alice = alice_beside(&miner);
        let first = alice.meet(2);
        let mut server = Server::new(&miner);
        let steps = (0..cut).take_while(|_| server.step(&mut alice, first)).count();
        alice.input(Input::Closed(first, Disconnect::Ended));
        let again = alice.meet(2);
        let mut rest = Server { given: server.given, ..Server::new(&miner) };
        while rest.step(&mut alice, again) {}
        assert_eq!((alice.tip(), rest.given), (miner.tip(), BLOCKS), "cut after {cut} messages");
        if steps < cut {
            assert!(cut > BLOCKS, "the sync has {cut} messages");
            return;
        }
    }
}

/// Hostile row 52: NotFound for ever, or another block than the one asked for. Others are asked, and the liar
/// goes.
#[test]
fn who_gives_something_else_or_nothing_is_let_go_and_others_are_asked() {
    let miner = miner(3);
    let mut alice = alice_beside(&miner);
    let liar = alice.meet(2);
    alice.said(liar);
    for strike in 1..=MAX_STRIKES {
        alice.received(liar, headers(&miner));
        let asked = wanted(&alice.said(liar));
        assert_eq!(asked, hashes(&miner), "strike {strike}");
        alice.received(liar, Message::NotFound(List::clipped(asked)));
    }
    assert_eq!(alice.closed[&liar], Disconnect::Strikes);

    let mut elsewhere = Alice::new(8, Params::regtest());
    let other = elsewhere.mine(1)[0];
    let other = elsewhere.block(&other);
    let (liar, good) = (alice.meet(3), alice.meet(4));
    alice.received(liar, headers(&miner));
    assert_eq!(wanted(&alice.said(liar)).len(), 3);
    alice.received(liar, other);
    assert_eq!(alice.closed[&liar], Disconnect::UnsolicitedBlock);
    let mut server = Server::new(&miner);
    while server.step(&mut alice, good) {}
    assert_eq!((alice.tip(), server.given), (miner.tip(), 3));
    assert!(!alice.closed.contains_key(&good));
}

/// Hostile row 27: a body that the header does not commit to. The block is asked for elsewhere, also if its
/// giver was the only one that had it at the time.
#[test]
fn another_body_costs_its_giver_the_connection_and_nobody_the_block() {
    for alone in [false, true] {
        let miner = miner(40);
        let mut alice = alice_beside(&miner);
        let (liar, good) = (alice.meet(2), alice.meet(3));
        alice.received(liar, headers(&miner));
        let mut server = Server::new(&miner);
        if !alone {
            server.step(&mut alice, good);
        }
        let asked = wanted(&alice.said(liar));
        let lie = another_body(miner.block(&asked[3])).expect("a block");
        alice.received(liar, lie);
        assert!(matches!(alice.closed[&liar], Disconnect::InvalidBlock { rule: "BadMerkleRoot", .. }));
        while server.step(&mut alice, good) {}
        assert_eq!((alice.tip(), server.given), (miner.tip(), 40), "alone: {alone}");
    }
}

/// Hostile row 54: the only peer is behind a link of 8 KiB a second, where a full block takes two minutes.
#[test]
fn the_only_peer_may_be_slow_as_long_as_bytes_arrive() {
    let miner = miner(5);
    let (block_takes, step) = (secs(122), secs(2));
    for arriving in [true, false] {
        let mut alice = alice_beside(&miner);
        let slow = alice.meet(2);
        let mut server = Server::new(&miner);
        server.step(&mut alice, slow);
        let mut waited = Duration::ZERO;
        while !alice.closed.contains_key(&slow) && alice.height() < 5 {
            alice.elapse(step);
            waited += step;
            if arriving {
                alice.input(Input::Arriving(slow));
            }
            if waited >= block_takes {
                waited = Duration::ZERO;
                server.step(&mut alice, slow);
            }
        }
        let done = (alice.height(), alice.closed.get(&slow));
        let wanted = if arriving { (5, None) } else { (0, Some(&Disconnect::PongTimeout)) };
        assert_eq!(done, wanted);
        assert!(!arriving || server.given == 5, "and nothing was fetched twice");
    }
}

/// Hostile row 40: a header is announced and its block withheld. It is asked for elsewhere after two seconds,
/// and whoever withheld it is asked for nothing more while others have it.
#[test]
fn who_withholds_a_block_loses_its_turn() {
    let mut miner = miner(1);
    let mut alice = alice_beside(&miner);
    let (announcer, good) = (alice.meet(2), alice.meet(3));
    for conn in [announcer, good] {
        alice.received(conn, Message::Headers(List::default()));
        alice.said(conn);
    }
    let announce =
        |miner: &Alice| Message::NewBlock(NewBlock::Announce(*miner.disk.headers.last().expect("mined")));
    alice.received(announcer, announce(&miner));
    alice.received(good, announce(&miner));
    assert_eq!(wanted(&alice.said(announcer)), [miner.tip()]);
    alice.elapse(BLOCK_TIMEOUT);
    assert_eq!(wanted(&alice.said(good)), [miner.tip()]);
    alice.received(good, miner.block(&miner.tip()));
    assert_eq!(alice.tip(), miner.tip());
    miner.mine(1);
    alice.now = alice.now.plus(secs(60));
    alice.received(announcer, announce(&miner));
    assert!(wanted(&alice.said(announcer)).is_empty());
    alice.received(good, announce(&miner));
    assert_eq!(wanted(&alice.said(good)), [miner.tip()]);
    assert!(alice.closed.is_empty());
}

/// `count` blocks on genesis, of which the one at height `bad` has a coinbase for another height.
fn fork(params: &Params, count: u64, bad: u64) -> Vec<Arc<Block>> {
    let mut previous = params.genesis_hash();
    let block = |height: u64| {
        let bits = params.limit().to_compact();
        let merkle_root = MerkleRoot::default();
        let header = Header { version: 1, previous, merkle_root, time: 1_700_000_000, bits, nonce: 0 };
        let said = if height == bad { height + 1 } else { height };
        let block = block_of(header, vec![coinbase(said, "fork")]);
        previous = block.hash();
        Arc::new(block)
    };
    (1..=count).map(block).collect()
}

/// Hostile row 33: one block in the middle of a heavier fork is bad. The tip is the old one, or the fork's
/// last good block if that has more work; never is it stuck between.
#[test]
fn a_fork_with_a_bad_block_in_it_ends_before_it() {
    const OURS: u64 = 100;
    for bad in [1, 2, 50, 101, 102, 150, 200] {
        let mut alice = Alice::new(1, Params::regtest());
        let old = alice.mine(OURS as usize)[99];
        let fork = fork(&alice.params, 200, bad);
        let header = |block: &Arc<Block>| block.header;
        let (liar, late) = (alice.meet(2), alice.meet(3));
        alice.received(liar, Message::Headers(List::clipped(fork.iter().map(header))));
        while !alice.closed.contains_key(&liar) {
            let asked = wanted(&alice.said(liar));
            assert!(!asked.is_empty(), "bad at {bad}: nothing is asked for");
            for hash in asked {
                let block = fork.iter().find(|block| block.hash() == hash).expect("a block of the fork");
                alice.received(liar, Message::Block(block.clone()));
            }
        }
        let hash = fork[bad as usize - 1].hash();
        assert_eq!(alice.closed[&liar], Disconnect::InvalidBlock { hash, rule: "BadHeight" });
        let best = if bad - 1 > OURS { fork[bad as usize - 2].hash() } else { old };
        assert_eq!(alice.tip(), best, "bad at {bad}");
        let chain = &alice.node.chain;
        assert_eq!(chain.best_header().hash, best, "bad at {bad}");
        assert!(
            fork[bad as usize - 1..].iter().all(|block| chain.get(&block.hash()).is_some_and(|e| e.invalid))
        );
        // It goes on: by itself, and with others, who may offer the same again.
        alice.received(late, Message::Headers(List::clipped(fork.iter().map(header))));
        assert!(!alice.closed.contains_key(&late) && wanted(&alice.said(late)).is_empty());
        let next = alice.mine(1)[0];
        assert_eq!(alice.tip(), next);
    }
}

/// Hostile row 34: two thousand blocks give way to two thousand and one, in one step; what only they had
/// waits again.
#[test]
fn a_long_reorg_is_one_switch_and_gives_back_what_was_in_the_old_chain() {
    for depth in [1, 100, 2000] {
        let theirs = miner(depth + 1);
        let mut alice = Alice::new(1, Params::regtest());
        let mut contents = Vec::new();
        for at in 0..depth {
            if at % 40 == 0 {
                let data: Blob<MAX_CONTENT_BYTES> = vec![at as u8; 100].try_into().expect("short");
                alice.command(7, Command::Submit(data));
                match alice.answer() {
                    Answer::Submitted(id) => contents.push(id),
                    other => panic!("{other:?}"),
                }
            }
            alice.mine(1);
        }
        assert!(alice.node.view().pool().is_empty(), "all of them are in blocks");
        alice.now.wall = alice.now.wall.max(theirs.now.wall);
        let conn = alice.meet(2);
        let before = alice.events.len();
        let mut server = Server::new(&theirs);
        while server.step(&mut alice, conn) {}
        assert_eq!(alice.tip(), theirs.tip());
        let moves: Vec<(u64, u64)> = alice.events[before..]
            .iter()
            .filter_map(|event| match event {
                Event::TipChanged { connected, reverted, .. } => Some((*connected, *reverted)),
                _ => None,
            })
            .collect();
        assert_eq!(moves, [(depth as u64 + 1, depth as u64)]);
        let mut waiting: Vec<TxId> = alice.node.view().pool().iter().map(|(id, _)| *id).collect();
        waiting.sort();
        contents.sort();
        assert_eq!(waiting, contents);
    }
}

/// A block that its header does not commit to.
fn another_body(message: Message) -> Option<Message> {
    let Message::Block(block) = message else { return None };
    let mut other = Arc::unwrap_or_clone(block);
    other.transactions = List::clipped([coinbase(7, "another")]);
    Some(Message::Block(Arc::new(other)))
}

/// How long a node takes to catch up with 20,000 blocks from three peers of this conduct.
fn time_to_catch_up(conduct: [Conduct; 3]) -> Duration {
    let mut net = Net::new(1, &Params::regtest(), 95);
    for _ in 0..20_000 {
        net.find(0);
    }
    for conduct in conduct {
        let n = net.join();
        net.link(n, 0);
        net.pass(secs(30));
        assert_eq!(net.tip(n), net.tip(0), "it has the chain before it is asked for it");
        net.becomes(n, conduct);
    }
    net.stop(0);
    let late = net.join();
    for n in 1..=3 {
        net.link(late, n);
    }
    let step = Duration::from_millis(50);
    for steps in 1..5000 {
        net.pass(step);
        if net.tip(late) == net.tip(3) {
            return step * steps;
        }
    }
    panic!("only {} blocks have come", net.tip(late).height);
}

#[test]
fn a_liar_and_a_miser_among_three_cost_little_time() {
    let honest = time_to_catch_up([Conduct::Honest; 3]);
    let bad = time_to_catch_up([Conduct::Liar(0), Conduct::Withholder, Conduct::Honest]);
    println!("three honest: {honest:?}; a liar, a miser and an honest one: {bad:?}");
    assert!(bad <= honest * 2 + BLOCK_TIMEOUT, "{bad:?} against {honest:?}");
}
