//! What outlives a node: the chain, the pool, and nothing that was not durable; and what a store does to a
//! node that fails, or cannot keep up.

use super::network::Net;
use super::sync::Server;
use super::*;
use crate::encoding::{Blob, List};
use crate::limits::{MAX_CONTENT_BYTES, MAX_UNSTORED_BYTES};
use crate::mempool::Source;
use crate::node::io::{Answer, Command, CommandId, Event, Input};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::{BlockHash, Transaction, TxId};
use crate::wire::message::Message;

fn blob(bytes: Vec<u8>) -> Blob<MAX_CONTENT_BYTES> {
    bytes.try_into().expect("within a content's limit")
}

fn submit(alice: &mut Alice, bytes: Vec<u8>) -> TxId {
    alice.command(50, Command::Submit(blob(bytes)));
    match alice.answer() {
        Answer::Submitted(id) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_goes_on_where_it_was() {
    let mut alice = Alice::new(1, Params::regtest());
    let mined = submit(&mut alice, b"mined".to_vec());
    let hashes = alice.mine(5);
    let waits = [submit(&mut alice, b"first".to_vec()), submit(&mut alice, b"second".to_vec())];
    let mut alice = alice.started_again();
    assert_eq!((alice.height(), alice.tip()), (5, hashes[4]));
    let pool: Vec<TxId> = alice.node.view().pool().iter().map(|(id, _)| *id).collect();
    assert_eq!(pool, waits);
    // What recent blocks have is not taken again, whoever offers it.
    let block = alice.stored.get(&hashes[0]).expect("it is stored").block().clone();
    let again: Vec<Transaction> = block.transactions[1..].to_vec();
    assert_eq!(again[0].id(), mined);
    assert!(alice.node.pool.knows(&mined));
    let refused = alice.node.pool.insert(mined, again[0].clone().into(), Source::Local);
    assert!(refused.is_err(), "{refused:?}");
    let next = alice.mine(1)[0];
    assert_eq!(alice.node.view().pool(), []);
    let again = alice.started_again();
    assert_eq!((again.tip(), again.node.view().pool().len()), (next, 0), "mined once, and once only");
}

#[test]
fn what_a_reorg_gave_back_is_still_there_after_it() {
    let mut net = Net::new(2, &Params::regtest(), 61);
    let text = net.post(0, "in one");
    net.find(0);
    net.find(1);
    net.find(1);
    net.link(0, 1);
    net.pass(secs(30));
    assert!(net.agree());
    net.restart(0);
    assert_eq!(net.look(0).tip().height, 2);
    assert!(net.look(0).pool_get(&text).is_some());
}

/// Row 35 of docs/hostile.md. A node that has started again has no bodies at hand: what a reorg gives back has
/// to be read first, and the power may fail before, between and after.
#[test]
fn what_a_reorg_gives_back_is_never_nowhere() {
    const DEPTH: usize = 40;
    let mut alice = Alice::new(1, Params::regtest());
    let contents: Vec<TxId> = (0..DEPTH)
        .map(|n| {
            let id = submit(&mut alice, format!("content {n}").into_bytes());
            alice.mine(1);
            id
        })
        .collect();
    let theirs = {
        let mut miner = Alice::new(9, Params::regtest());
        miner.now = alice.now;
        miner.mine(DEPTH + 1);
        miner
    };
    let mut alice = alice.started_again();
    let old = alice.tip();
    (alice.hold_loads, alice.hold_store) = (true, true);
    let peer = alice.meet(2);
    let is_kept = |alice: &Alice, when: &str| {
        for (n, id) in contents.iter().enumerate() {
            let (in_pool, in_chain) = alice.durable_places(id);
            assert!(in_pool != in_chain, "content {n} {when}: pool {in_pool}, chain {in_chain}");
            let told = alice.node.view();
            let in_chain = (1..=told.tip().height)
                .filter_map(|height| told.committed_at(height))
                .any(|hash| alice.stored.get(&hash).is_some_and(|block| block.ids().contains(id)));
            assert!(in_chain || told.pool_get(id).is_some(), "people do not find content {n} {when}");
        }
    };
    let mut server = Server::new(&theirs);
    while server.step(&mut alice, peer) {}
    assert_eq!(alice.tip(), old, "nobody is told yet");
    assert!(alice.held.iter().all(|commit| commit.tip == old), "what was read is part of it");
    // Peers may ask for what the store does not have yet.
    alice.said(peer);
    alice.received(peer, Message::GetBlocks(List::clipped([theirs.tip()])));
    assert!(matches!(&alice.said(peer)[..], [Message::Block(block)] if block.hash() == theirs.tip()));
    // A content that comes meanwhile is acknowledged with all that, and not before.
    alice.command(77, Command::Submit(blob(b"meanwhile".to_vec())));
    let mut loads = 0;
    while !alice.loads.is_empty() || !alice.held.is_empty() {
        is_kept(&alice, "before a step");
        if alice.held.is_empty() {
            assert!(alice.replies.is_empty(), "acknowledged, and not durable");
            alice.load_one();
            loads += 1;
        } else {
            alice.store_one();
        }
    }
    is_kept(&alice, "at the end");
    assert!(loads > 1, "{loads} answers are no test");
    assert_eq!(alice.tip(), theirs.tip());
    let Answer::Submitted(meanwhile) = alice.answer() else { panic!("not submitted") };
    assert_eq!(alice.durable_places(&meanwhile), (true, false));
    let returned = alice.events.iter().find_map(|event| match event {
        Event::Reorg { returned, .. } => Some(returned.count),
        _ => None,
    });
    assert_eq!(returned, Some(DEPTH), "the reorg tells of all of them");
}

/// Row 36 of docs/hostile.md.
#[test]
fn of_equal_chains_the_first_seen_stays_over_a_restart() {
    let mut net = Net::new(2, &Params::regtest(), 62);
    let ours = net.find(0);
    let theirs = net.find(1);
    net.link(0, 1);
    net.pass(secs(30));
    net.restart(0);
    net.restart(1);
    assert_eq!([0, 1].map(|n| net.look(n).tip().hash), [ours, theirs]);
}

#[test]
fn a_content_is_in_the_pool_at_once_and_acknowledged_when_it_is_durable() {
    let mut alice = Alice::new(1, Params::regtest());
    alice.hold_store = true;
    alice.command(1, Command::Submit(blob(b"hello".to_vec())));
    assert_eq!((alice.node.view().pool().len(), alice.replies.len()), (1, 0));
    alice.store_one();
    let Answer::Submitted(id) = alice.answer() else { panic!("not submitted") };
    let again = alice.started_again();
    assert!(again.node.view().pool_get(&id).is_some());
}

#[test]
fn what_was_not_durable_is_gone_and_nobody_was_told_of_it() {
    let mut alice = Alice::new(1, Params::regtest());
    let kept = alice.mine(2);
    alice.hold_store = true;
    alice.command(1, Command::Mine(None));
    alice.find_block();
    alice.command(2, Command::Submit(blob(b"hello".to_vec())));
    assert!(alice.replies.is_empty());
    let again = alice.started_again();
    assert_eq!((again.tip(), again.node.view().pool().len()), (kept[1], 0));
}

/// Row 64 of docs/hostile.md.
#[test]
fn a_store_that_fails_stops_the_node_and_whoever_waits_is_told() {
    let mut alice = Alice::new(1, Params::regtest());
    let kept = alice.mine(1);
    let peer = alice.meet(2);
    alice.said(peer);
    alice.hold_store = true;
    alice.command(1, Command::Mine(None));
    alice.find_block();
    alice.command(2, Command::Submit(blob(b"hello".to_vec())));
    alice.command(3, Command::Mine(None));
    alice.input(Input::StoreFailed("no space".to_owned()));
    let not_stored = Answer::NotStored("no space".to_owned());
    let told: Vec<_> = [1, 2].map(|id| (CommandId(id), not_stored.clone())).into();
    assert_eq!(alice.replies, [vec![(CommandId(3), Answer::Stopping)], told].concat());
    assert_eq!(alice.closed[&peer], Disconnect::ShuttingDown);
    assert!(alice.stopped && alice.job.is_none());
    assert_eq!(alice.tip(), kept[0], "nobody is told of what was not stored");
}

#[test]
fn a_slow_store_slows_a_sync_and_does_not_fill_the_memory() {
    let mut miner = Alice::new(9, Params::regtest());
    let hashes: Vec<BlockHash> = (0..40)
        .map(|_| {
            for _ in 0..14 {
                submit(&mut miner, vec![7; MAX_CONTENT_BYTES]);
            }
            miner.mine(1)[0]
        })
        .collect();
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    alice.hold_store = true;
    let peer = alice.meet(2);
    alice.said(peer);
    let headers = hashes.iter().map(|hash| *miner.stored.get(hash).expect("mined").header());
    alice.received(peer, Message::Headers(List::clipped(headers)));
    let mut given = 0;
    let mut stored = 0;
    while given < hashes.len() {
        let asked: Vec<BlockHash> = alice
            .said(peer)
            .into_iter()
            .filter_map(|message| match message {
                Message::GetBlocks(asked) => Some(asked.into_vec()),
                _ => None,
            })
            .flatten()
            .collect();
        for hash in &asked {
            alice.received(peer, miner.block(hash));
        }
        given += asked.len();
        let waiting: usize =
            alice.held.iter().flat_map(|commit| &commit.blocks).map(|block| block.encoded().len()).sum();
        // What was asked for before the store was behind may still come.
        assert!(waiting <= MAX_UNSTORED_BYTES + 16_000_000, "{waiting} bytes wait");
        if asked.is_empty() {
            assert!(
                waiting > MAX_UNSTORED_BYTES - 1_000_000,
                "nothing is asked for, and {waiting} bytes wait"
            );
            alice.store_one();
            stored += 1;
        }
    }
    assert!(stored > 0, "the store was never behind");
    while !alice.held.is_empty() {
        alice.store_one();
    }
    assert_eq!(alice.tip(), hashes[39]);
}
