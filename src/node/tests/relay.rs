//! What is said of a new tip, and to whom.

use std::sync::Arc;

use super::*;
use crate::chain::testing::{LATE, mine_on};
use crate::chain::{Chain, CheckedBlock};
use crate::encoding::List;
use crate::limits::{
    BODY_CACHE_BYTES, FLOOD_BYTES, MAX_BLOCK_BYTES, MAX_CONTENT_BYTES, PUSH_BYTES, PUSH_FAN_OUT,
};
use crate::node::RelayPolicy;
use crate::node::io::ConnId;
use crate::params::Params;
use crate::types::{Content, Transaction};
use crate::wire::message::{Message, NewBlock};

const PEERS: u8 = 10;

/// A block on genesis that is a little smaller than `bytes`, of contents that nobody has seen.
fn block(bytes: usize) -> CheckedBlock {
    let params = Arc::new(Params::regtest());
    let chain = Chain::new(params.clone());
    let size = (bytes - 400) / 4;
    let data = || vec![0; size].try_into().expect("a content's size");
    let contents = (0..4).map(|nonce| Transaction::Content(Content { nonce, data: data() }));
    mine_on(&chain, &params.genesis_hash(), contents.collect(), "")
}

/// What each of ten peers is told of `block`, which came from another.
fn told(block: &CheckedBlock, policy: RelayPolicy) -> (Alice, Vec<(ConnId, NewBlock)>) {
    let mut alice = Alice::new(1, Params::regtest());
    alice.node.set_relay_policy(policy);
    let peers: Vec<ConnId> = (2..=2 + PEERS).map(|n| alice.meet(n)).collect();
    for conn in &peers {
        alice.received(*conn, Message::Headers(List::default()));
        alice.said(*conn);
    }
    alice.received(peers[0], Message::NewBlock(NewBlock::Push(block.block().clone())));
    assert_eq!(alice.tip(), block.hash());
    assert!(alice.said(peers[0]).is_empty(), "who told of it is not told");
    let mut told = Vec::new();
    for conn in &peers[1..] {
        match &alice.said(*conn)[..] {
            [Message::NewBlock(news)] => told.push((*conn, news.clone())),
            said => panic!("{said:?}"),
        }
    }
    (alice, told)
}

fn count(told: &[(ConnId, NewBlock)], counts: impl Fn(&NewBlock) -> bool) -> usize {
    told.iter().filter(|(_, news)| counts(news)).count()
}

#[test]
fn a_small_block_goes_whole_to_everybody() {
    let (_, told) = told(&block(FLOOD_BYTES), RelayPolicy::default());
    assert_eq!(count(&told, |news| matches!(news, NewBlock::Push(_))), usize::from(PEERS));
}

#[test]
fn a_larger_one_goes_whole_to_some_and_the_others_ask_for_it() {
    let block = block(PUSH_BYTES);
    let (mut alice, told) = told(&block, RelayPolicy::default());
    assert_eq!(count(&told, |news| matches!(news, NewBlock::Push(_))), PUSH_FAN_OUT);
    let header = |news: &NewBlock| matches!(news, NewBlock::Announce(header) if header == block.header());
    assert_eq!(count(&told, header), usize::from(PEERS) - PUSH_FAN_OUT);
    let (asker, _) = told.into_iter().find(|(_, news)| header(news)).expect("one who asks");
    alice.received(asker, Message::GetBlocks(List::clipped([block.hash()])));
    assert!(matches!(&alice.said(asker)[..], [Message::Block(given)] if given == block.block()));
}

#[test]
fn a_large_one_goes_in_short() {
    let (_, told) = told(&block(PUSH_BYTES + 1000), RelayPolicy::default());
    assert_eq!(count(&told, |news| matches!(news, NewBlock::Compact(_))), usize::from(PEERS));
}

#[test]
fn who_only_announces_sends_headers() {
    let (_, told) = told(&block(FLOOD_BYTES), RelayPolicy::ANNOUNCE);
    assert_eq!(count(&told, |news| matches!(news, NewBlock::Announce(_))), usize::from(PEERS));
}

/// The lowest missing block comes last and connects many, more than are kept at hand: the tip is told by its header.
#[test]
fn a_tip_whose_body_is_not_at_hand_is_told_by_its_header() {
    let params = Arc::new(Params::regtest());
    let mut chain = Chain::new(params.clone());
    let data = vec![0; MAX_CONTENT_BYTES];
    let content =
        |nonce| Transaction::Content(Content { nonce, data: data.clone().try_into().expect("short") });
    let blocks: Vec<CheckedBlock> = (0..BODY_CACHE_BYTES / MAX_BLOCK_BYTES + 2)
        .map(|_| {
            let block = mine_on(&chain, &chain.tip().hash, (0..15).map(content).collect(), "");
            chain.import(&block, LATE);
            block
        })
        .collect();
    let mut alice = Alice::new(1, Params::regtest());
    let (giver, other) = (alice.meet(2), alice.meet(3));
    alice.received(giver, Message::Headers(List::clipped(blocks.iter().map(|block| *block.header()))));
    alice.received(other, Message::Headers(List::default()));
    alice.said(other);
    for block in blocks.iter().rev() {
        alice.received(giver, Message::Block(block.block().clone()));
    }
    assert_eq!(alice.tip(), chain.tip().hash);
    let said = alice.said(other);
    let tip = blocks[blocks.len() - 1].header();
    assert!(
        matches!(&said[..], [Message::NewBlock(NewBlock::Announce(header))] if header == tip),
        "{said:?}"
    );
}
