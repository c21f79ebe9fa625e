//! Headers that are not worth keeping: hostile row 38, floods of headers with little work; and that honest
//! branches which look like them at first come through.

use super::network::Net;
use super::*;
use crate::chain::testing::solve;
use crate::encoding::List;
use crate::limits::{DOWNLOAD_WINDOW, HEADERS_TIMEOUT, MAX_CANDIDATE_MESSAGES, MAX_HEADERS, RECENT_BLOCKS};
use crate::node::io::{Command, ConnId};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::{BlockHash, Header, MerkleRoot};
use crate::wire::message::{Message, NewBlock};

/// `count` headers on `parent` that meet the easiest target; `salt` tells branches apart.
fn branch(params: &Params, parent: BlockHash, count: usize, salt: u8) -> Vec<Header> {
    let mut previous = parent;
    let header = |_| {
        let header = Header {
            version: 1,
            previous,
            merkle_root: MerkleRoot([salt; 32]),
            time: 1_700_000_000,
            bits: params.limit().to_compact(),
            nonce: 0,
        };
        let header = solve(header);
        previous = header.hash();
        header
    };
    (0..count).map(header).collect()
}

fn headers(headers: &[Header]) -> Message {
    Message::Headers(List::clipped(headers.iter().copied()))
}

/// What is asked of `conn` now: the hash that headers are to follow.
fn asked(alice: &mut Alice, conn: ConnId) -> Option<BlockHash> {
    let said = alice.said(conn);
    said.iter().find_map(|message| match message {
        Message::GetHeaders(question) => question.locator.first().copied(),
        _ => None,
    })
}

/// A node with a chain of `height` blocks, each worth two hashes, and a peer that has given no headers yet.
fn long(height: usize) -> (Alice, ConnId) {
    let mut alice = Alice::new(1, Params::regtest());
    for _ in 0..height {
        alice.command(999, Command::Mine(None));
        alice.find_block();
    }
    alice.replies.clear();
    let conn = alice.meet(2);
    assert!(asked(&mut alice, conn).is_some());
    (alice, conn)
}

/// A node whose chain has far more work than a hundred thousand of the easiest headers.
fn heavy() -> (Alice, ConnId) {
    let params = Params::lab(1, Some(10)).expect("good rules");
    let mut alice = Alice::new(1, params);
    for height in 0..350 {
        alice.elapse(secs(if height < 100 { 1 } else { 10 }));
        alice.command(999, Command::Mine(None));
        alice.find_block();
    }
    let conn = alice.meet(2);
    assert!(asked(&mut alice, conn).is_some());
    (alice, conn)
}

#[test]
fn a_flood_of_light_headers_is_read_for_a_while_and_none_is_kept() {
    let (mut alice, conn) = heavy();
    let flood = branch(&alice.params, alice.params.genesis_hash(), MAX_CANDIDATE_MESSAGES * MAX_HEADERS, 1);
    let (entries, stored) = (alice.node.chain.len(), alice.disk.headers.len());
    let messages: Vec<&[Header]> = flood.chunks(MAX_HEADERS).collect();
    for (at, message) in messages.iter().enumerate() {
        alice.received(conn, headers(message));
        let next = asked(&mut alice, conn);
        let goes_on = at + 1 < MAX_CANDIDATE_MESSAGES;
        assert_eq!(next, message.last().map(Header::hash).filter(|_| goes_on), "message {at}");
    }
    assert_eq!((alice.node.chain.len(), alice.disk.headers.len()), (entries, stored));
    assert!(alice.closed.is_empty(), "a branch with little work is no offence");
    // It is asked again when it has news, and others are asked meanwhile.
    let other = alice.meet(3);
    assert!(asked(&mut alice, other).is_some());
    alice.received(other, headers(&flood[..1]));
    assert_eq!(asked(&mut alice, other), None, "a short branch ends at once");
    assert_eq!(alice.node.chain.len(), entries);
}

#[test]
fn a_light_branch_that_ends_costs_nothing_and_is_no_offence() {
    let (mut alice, conn) = long(3000);
    let entries = alice.node.chain.len();
    let short = branch(&alice.params, alice.params.genesis_hash(), 2500, 1);
    for _ in 0..3 {
        alice.received(conn, headers(&short[..MAX_HEADERS]));
        assert_eq!(asked(&mut alice, conn), Some(short[MAX_HEADERS - 1].hash()));
        alice.received(conn, headers(&short[MAX_HEADERS..]));
        assert_eq!(asked(&mut alice, conn), None);
        alice.command(1, Command::AskPeers);
        assert!(asked(&mut alice, conn).is_some());
    }
    assert_eq!(alice.node.chain.len(), entries);
    assert!(alice.closed.is_empty());
}

/// A block on a far lighter fork each second: what it builds on is asked and weighed again now and then, not each
/// time; and once there is enough of it, it is taken.
#[test]
fn a_light_fork_that_grows_before_our_eyes_is_weighed_seldom() {
    let (mut alice, conn) = long(3000);
    let (genesis, entries) = (alice.params.genesis_hash(), alice.node.chain.len());
    let fork = branch(&alice.params, genesis, 3500, 1);
    let light = [headers(&fork[..MAX_HEADERS]), headers(&fork[MAX_HEADERS..2500])];
    for message in &light {
        alice.received(conn, message.clone());
    }
    asked(&mut alice, conn);
    let mut weighed = 0;
    let mut told = fork[2501..].iter().map(|header| Message::NewBlock(NewBlock::Announce(*header)));
    for _ in 0..100 {
        alice.elapse(secs(1));
        alice.received(conn, told.next().expect("a thousand of them"));
        if asked(&mut alice, conn).is_some() {
            weighed += 1;
            for message in &light {
                // It tells of more while it is weighed, too.
                alice.received(conn, told.next().expect("a thousand of them"));
                alice.received(conn, message.clone());
            }
            asked(&mut alice, conn);
        }
    }
    // 2,500 headers make 12.5 seconds of rest.
    assert!((5..=9).contains(&weighed), "weighed {weighed} times");
    assert_eq!(alice.node.chain.len(), entries);
    alice.elapse(HEADERS_TIMEOUT);
    assert!(asked(&mut alice, conn).is_some(), "asked once more without being told");
    for _ in 0..2 {
        alice.received(conn, headers(&fork[..MAX_HEADERS]));
        alice.received(conn, headers(&fork[MAX_HEADERS..]));
    }
    assert_eq!(alice.node.chain.best_header().hash, fork[3499].hash());
    assert!(alice.closed.is_empty());
}

#[test]
fn a_branch_that_proves_its_work_is_taken_the_second_time() {
    let (mut alice, conn) = long(5000);
    let (genesis, entries) = (alice.params.genesis_hash(), alice.node.chain.len());
    let theirs = branch(&alice.params, genesis, 5500, 1);
    let messages: Vec<&[Header]> = theirs.chunks(MAX_HEADERS).collect();
    for (at, message) in messages.iter().enumerate() {
        assert_eq!(alice.node.chain.len(), entries, "before message {at}");
        alice.received(conn, headers(message));
        let next = if at + 1 < messages.len() { message[message.len() - 1].hash() } else { genesis };
        assert_eq!(asked(&mut alice, conn), Some(next));
    }
    for message in &messages {
        alice.received(conn, headers(message));
    }
    assert_eq!(alice.node.chain.len(), entries + theirs.len());
    assert_eq!(alice.node.chain.best_header().hash, theirs[5499].hash());
    let wanted = alice.said(conn).iter().any(|said| matches!(said, Message::GetBlocks(_)));
    assert!(wanted && alice.closed.is_empty());
}

/// Heavy headers the first time and others the second: what was not weighed is not kept.
#[test]
fn what_is_taken_is_what_was_weighed() {
    let (mut alice, conn) = long(3000);
    let (genesis, entries) = (alice.params.genesis_hash(), alice.node.chain.len());
    let heavy = branch(&alice.params, genesis, 3200, 1);
    let other = branch(&alice.params, genesis, 2 * MAX_HEADERS, 2);
    for message in heavy.chunks(MAX_HEADERS) {
        alice.received(conn, headers(message));
    }
    assert_eq!(asked(&mut alice, conn).map(|_| alice.node.chain.len()), Some(entries));
    alice.received(conn, headers(&other[..MAX_HEADERS]));
    assert_eq!(alice.node.chain.len(), entries, "another branch is weighed anew");
    assert_eq!(asked(&mut alice, conn), Some(other[MAX_HEADERS - 1].hash()));
    // The first part as promised, then another: no more than was weighed enters.
    let (mut alice, conn) = long(3000);
    for message in heavy.chunks(MAX_HEADERS) {
        alice.received(conn, headers(message));
    }
    alice.received(conn, headers(&heavy[..MAX_HEADERS]));
    assert_eq!(alice.node.chain.len(), entries + MAX_HEADERS);
    let elsewhere = branch(&alice.params, heavy[MAX_HEADERS - 1].hash(), 700, 3);
    alice.received(conn, headers(&elsewhere));
    assert_eq!(alice.node.chain.len(), entries + MAX_HEADERS);
    assert!(alice.closed.is_empty());
}

#[test]
fn light_headers_without_their_proof_of_work_cost_their_giver_the_connection() {
    let (mut alice, conn) = long(500);
    let mut light = branch(&alice.params, alice.params.genesis_hash(), 10, 1);
    while alice.params.limit().is_met_by(&light[9].hash()) {
        light[9].nonce += 1;
    }
    let entries = alice.node.chain.len();
    alice.received(conn, headers(&light));
    assert!(matches!(alice.closed[&conn], Disconnect::InvalidBlock { rule: "BadPow", .. }));
    assert_eq!(alice.node.chain.len(), entries);
}

#[test]
fn near_the_tip_every_branch_is_kept_at_once() {
    let (mut alice, conn) = long(500);
    let from = |alice: &Alice, depth: u64| alice.node.chain.active_at(500 - depth).expect("on the chain");
    let entries = alice.node.chain.len();
    let parent = from(&alice, RECENT_BLOCKS as u64);
    alice.received(conn, headers(&branch(&alice.params, parent, 3, 1)));
    assert_eq!(alice.node.chain.len(), entries + 3);
    alice.command(1, Command::AskPeers);
    let parent = from(&alice, RECENT_BLOCKS as u64 + 10);
    alice.received(conn, headers(&branch(&alice.params, parent, 3, 2)));
    assert_eq!(alice.node.chain.len(), entries + 3);
    assert!(alice.closed.is_empty());
}

/// Hostile row 41: a pushed block with little work, or far ahead of what is here, is not stored.
#[test]
fn a_pushed_block_far_below_or_far_ahead_is_not_stored() {
    let mut miner = Alice::new(9, Params::regtest());
    let hashes = miner.mine(DOWNLOAD_WINDOW as usize + 10);
    let block = |at: usize| miner.stored.get(&hashes[at]).expect("mined");
    let push = |at: usize| Message::NewBlock(NewBlock::Push(block(at).block().clone()));
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    let conn = alice.meet(2);
    let all: Vec<Header> =
        hashes.iter().map(|hash| *miner.stored.get(hash).expect("mined").header()).collect();
    alice.received(conn, headers(&all));
    alice.received(conn, push(hashes.len() - 1));
    assert!(alice.stored.is_empty(), "it will be asked for in its turn");
    assert!(alice.closed.is_empty());
    // And one on a branch that could not matter any more.
    let (mut alice, conn) = long(500);
    alice.now = alice.now.plus(secs(100_000));
    let before = alice.stored.len();
    alice.received(conn, push(0));
    assert_eq!(alice.stored.len(), before);
    assert!(alice.closed.is_empty());
}

/// Two halves of a network that were apart for thousands of blocks, from the first one on.
#[test]
fn a_long_partition_heals() {
    let mut net = Net::new(4, &Params::regtest(), 81);
    net.mesh();
    net.pass(secs(2));
    net.cut(|n| u8::from(n >= 2));
    net.pass(secs(2));
    for _ in 0..4500 {
        net.find(0);
    }
    for _ in 0..4600 {
        net.find(2);
    }
    net.pass(secs(30));
    let best = net.tip(2).hash;
    net.cut(|_| 0);
    net.pass(secs(90));
    assert_eq!(net.tips(), [best; 4]);
}
