//! Compact blocks: what is in the pool is not sent again, and whatever goes wrong costs a download at most.

use std::sync::Arc;

use super::*;
use crate::chain::testing::{content, mine_on};
use crate::chain::{Chain, CheckedBlock};
use crate::encoding::List;
use crate::limits::{
    BLOCK_TIMEOUT, MAX_BLOCK_BYTES, MAX_PARTIAL_BLOCKS, MAX_TRANSACTION_IDS, SHORT_ID_BYTES,
};
use crate::node::io::{Command, ConnId, Direction, Input};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::{BlockHash, ShortId, ShortIds, Transaction};
use crate::wire::frame;
use crate::wire::message::{BlockTransactions, CompactBlock, GetBlockTransactions, Message, NewBlock};

/// A block on genesis with these contents.
fn block(contents: Vec<Transaction>, note: &str) -> CheckedBlock {
    let params = Arc::new(Params::regtest());
    let chain = Chain::new(params.clone());
    mine_on(&chain, &params.genesis_hash(), contents, note)
}

fn texts(count: u64) -> Vec<Transaction> {
    (0..count).map(|nonce| content(nonce, &format!("text {nonce}"))).collect()
}

/// How somebody tells of `block` in short.
fn compact(block: &CheckedBlock) -> CompactBlock {
    let short = ShortIds::new(block.header(), 99);
    CompactBlock {
        header: *block.header(),
        nonce: 99,
        coinbase: block.block().transactions[0].clone(),
        short_ids: List::clipped(block.ids()[1..].iter().map(|id| short.of(id))),
    }
}

fn told(block: &CheckedBlock) -> Message {
    Message::NewBlock(NewBlock::Compact(compact(block)))
}

/// What somebody answers who is asked for transactions of `block`.
fn answer(block: &CheckedBlock, transactions: Vec<Transaction>) -> Message {
    let transactions = List::clipped(transactions);
    Message::BlockTransactions(BlockTransactions { block: block.hash(), transactions })
}

/// Alice with peers whose greetings are over, and these transactions in her pool.
fn alice(peers: u8, pool: &[Transaction]) -> (Alice, Vec<ConnId>) {
    let mut alice = Alice::new(1, Params::regtest());
    let peers: Vec<ConnId> = (2..2 + peers).map(|n| alice.meet(n)).collect();
    for conn in &peers {
        alice.received(*conn, Message::Headers(List::default()));
    }
    if let Some(giver) = peers.last().filter(|_| !pool.is_empty()) {
        alice.received(*giver, Message::HaveTransactions(List::clipped(pool.iter().map(Transaction::id))));
        alice.received(*giver, Message::Transactions(List::clipped(pool.to_vec())));
    }
    for conn in &peers {
        alice.said(*conn);
    }
    (alice, peers)
}

#[test]
fn who_has_all_of_it_needs_nothing_more_and_tells_on_in_short() {
    let contents = texts(5);
    let block = block(contents.clone(), "");
    let (mut alice, peers) = alice(3, &contents);
    alice.received(peers[0], told(&block));
    assert_eq!(alice.tip(), block.hash());
    assert!(alice.said(peers[0]).is_empty(), "there was nothing to ask for");
    assert!(alice.node.view().pool().is_empty());
    for conn in &peers[1..] {
        let said = alice.said(*conn);
        let [Message::NewBlock(NewBlock::Compact(compact))] = &said[..] else { panic!("{said:?}") };
        let short = ShortIds::new(block.header(), compact.nonce);
        assert!(compact.short_ids.iter().copied().eq(block.ids()[1..].iter().map(|id| short.of(id))));
    }
    assert!(alice.closed.is_empty());
}

/// What crosses a link for a block of the largest size, all of whose contents both sides hold: six bytes for each,
/// and its header, coinbase and frame.
#[test]
fn a_megabyte_that_is_known_crosses_a_link_in_six_bytes_a_transaction() {
    let contents: Vec<Transaction> = (0..1900).map(|nonce| content(nonce, &"x".repeat(500))).collect();
    let (mut giver, peers) = alice(2, &[]);
    let (mut taker, givers) = alice(2, &[]);
    for (somebody, from) in [(&mut giver, peers[1]), (&mut taker, givers[1])] {
        for some in contents.chunks(MAX_TRANSACTION_IDS) {
            somebody
                .received(from, Message::HaveTransactions(List::clipped(some.iter().map(Transaction::id))));
            somebody.received(from, Message::Transactions(List::clipped(some.to_vec())));
        }
    }
    giver.said(peers[0]);
    let hash = giver.mine(1)[0];
    taker.elapse(secs(60));
    taker.said(givers[0]);
    let size = giver.stored.get(&hash).expect("a mined block").encoded().len();
    assert!((980_000..=MAX_BLOCK_BYTES).contains(&size), "{size} bytes");
    let news: Vec<Message> = giver.said(peers[0]);
    let news: Vec<Message> =
        news.into_iter().filter(|message| matches!(message, Message::NewBlock(_))).collect();
    let bytes: usize = news.iter().map(|message| frame::encode(message).len()).sum();
    assert!(bytes <= 6 * contents.len() + 400, "{bytes} bytes");
    news.into_iter().for_each(|message| taker.received(givers[0], message));
    assert_eq!(taker.tip(), hash);
    assert!(taker.said(givers[0]).is_empty(), "nothing goes back");
}

#[test]
fn what_is_missing_is_asked_for_by_its_place() {
    let contents = texts(6);
    let block = block(contents.clone(), "");
    let (mut alice, peers) = alice(2, &[contents[0].clone(), contents[2].clone(), contents[5].clone()]);
    alice.received(peers[0], told(&block));
    let said = alice.said(peers[0]);
    let [Message::GetBlockTransactions(asked)] = &said[..] else { panic!("{said:?}") };
    assert_eq!((asked.block, &asked.places[..]), (block.hash(), &[2, 4, 5][..]));
    // Another who tells of it meanwhile is not asked.
    alice.received(peers[1], told(&block));
    assert!(alice.said(peers[1]).is_empty());
    let transactions = List::clipped([1, 3, 4].map(|at: usize| contents[at].clone()));
    alice.received(
        peers[0],
        Message::BlockTransactions(BlockTransactions { block: block.hash(), transactions }),
    );
    assert_eq!(alice.tip(), block.hash());
    assert!(alice.closed.is_empty());
}

#[test]
fn a_block_without_contents_goes_whole_and_one_that_nobody_heard_of_too() {
    let (mut alice, peers) = alice(1, &[]);
    let news = |alice: &mut Alice| {
        let said = alice.said(peers[0]);
        said.into_iter().filter(|message| matches!(message, Message::NewBlock(_))).collect::<Vec<_>>()
    };
    alice.mine(1);
    assert!(matches!(&news(&mut alice)[..], [Message::NewBlock(NewBlock::Push(_))]));
    let text = b"never told of before".to_vec().try_into().expect("a short text");
    alice.command(50, Command::Mine(Some(text)));
    alice.find_block();
    assert!(matches!(&news(&mut alice)[..], [Message::NewBlock(NewBlock::Push(_))]));
}

/// Row 40 of docs/hostile.md: whoever calls tells of the header first, or of the block in short, and gives nothing. A block
/// that can be put together from the pool needs nobody; and whom we called is asked at once for the little that is missing.
#[test]
fn who_tells_of_a_block_first_and_gives_nothing_costs_no_time() {
    let contents = texts(20);
    let block = block(contents.clone(), "");
    let header = Message::NewBlock(NewBlock::Announce(*block.header()));
    let mut unknown = compact(&block);
    unknown.short_ids = List::clipped(unknown.short_ids.iter().map(|_| ShortId([7; SHORT_ID_BYTES])));
    let unknown = Message::NewBlock(NewBlock::Compact(unknown));
    for first in [header, unknown] {
        // (how many of its contents are in the pool, whether the honest one was called)
        for (known, called) in [(20, false), (20, true), (19, true)] {
            let (mut alice, peers) = alice(2, &contents[..known]);
            let honest = if called { answered(&mut alice, 9) } else { peers[1] };
            alice.received(peers[0], first.clone());
            alice.said(peers[0]);
            alice.received(honest, told(&block));
            if known < contents.len() {
                let said = alice.said(honest);
                let [Message::GetBlockTransactions(asked)] = &said[..] else { panic!("{said:?}") };
                assert_eq!(asked.places[..], [20]);
                alice.received(honest, answer(&block, contents[19..].to_vec()));
            }
            assert_eq!(alice.tip(), block.hash(), "{known} known, called: {called}");
            // What was asked for and comes late is borne.
            let late = match first {
                Message::NewBlock(NewBlock::Announce(_)) => Message::Block(block.block().clone()),
                _ => answer(&block, contents.clone()),
            };
            alice.received(peers[0], late);
            assert!(alice.closed.is_empty(), "{:?}", alice.closed);
        }
    }
}

/// The same news again makes no more work.
#[test]
fn a_block_is_looked_for_in_the_pool_once_for_each_who_tells_of_it() {
    let contents = texts(2);
    let block = block(contents.clone(), "");
    let (mut alice, peers) = alice(2, &contents);
    let mut wrong = compact(&block);
    wrong.short_ids = List::clipped([wrong.short_ids[1], wrong.short_ids[0]]);
    alice.received(peers[0], Message::NewBlock(NewBlock::Compact(wrong)));
    let said = alice.said(peers[0]);
    assert!(matches!(&said[..], [Message::GetBlocks(_)]), "{said:?}");
    alice.received(peers[0], Message::NotFound(List::clipped([block.hash()])));
    alice.received(peers[0], told(&block));
    assert_eq!(alice.height(), 0, "it has told of it");
    alice.received(peers[1], told(&block));
    assert_eq!(alice.tip(), block.hash());
}

/// A node that we called, and its greeting is over.
fn answered(alice: &mut Alice, n: u8) -> ConnId {
    let conn = alice.connected(alice::address(n), Direction::Outbound);
    let hello = bob(n, &alice.params);
    alice.received(conn, Message::Hello(hello));
    alice.received(conn, Message::Headers(List::default()));
    alice.said(conn);
    conn
}

/// (what is wrong, the answer)
#[test]
fn a_block_that_cannot_be_put_together_is_asked_for_whole() {
    let contents = texts(3);
    let block = block(contents.clone(), "");
    let rows = [
        ("other transactions", answer(&block, vec![content(7, "x"), content(8, "y")])),
        ("too few", answer(&block, vec![contents[1].clone()])),
        ("too many", answer(&block, vec![contents[1].clone(), contents[2].clone(), content(7, "x")])),
        ("none", Message::NotFound(List::clipped([block.hash()]))),
    ];
    for (what, answer) in rows {
        let (mut alice, peers) = alice(2, &contents[..1]);
        alice.received(peers[0], told(&block));
        alice.received(peers[1], told(&block));
        alice.said(peers[0]);
        alice.received(peers[0], answer);
        assert_eq!(alice.height(), 0, "{what}");
        assert!(alice.closed.is_empty(), "{what}: {:?}", alice.closed);
        let asked: Vec<ConnId> = peers
            .iter()
            .filter(|conn| {
                let said = alice.said(**conn);
                said.iter().any(|m| matches!(m, Message::GetBlocks(of) if of[..] == [block.hash()]))
            })
            .copied()
            .collect();
        assert_eq!(asked.len(), 1, "{what}: somebody is asked for all of it");
        alice.received(asked[0], Message::Block(block.block().clone()));
        assert_eq!(alice.tip(), block.hash(), "{what}");
    }
}

#[test]
fn two_that_have_one_short_id_are_nobodys_fault() {
    let contents = texts(2);
    let block = block(contents.clone(), "");
    let (mut alice, peers) = alice(1, &contents);
    let mut twice = compact(&block);
    twice.short_ids = List::clipped([twice.short_ids[0]; 2]);
    alice.received(peers[0], Message::NewBlock(NewBlock::Compact(twice)));
    let said = alice.said(peers[0]);
    let [Message::GetBlockTransactions(asked)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(asked.places[..], [1, 2], "an id that stands twice names neither");
    // A short id of another transaction that is here makes another block, which is not this header's.
    let (mut alice, peers) = self::alice(1, &[contents[0].clone(), content(9, "another")]);
    let mut wrong = compact(&block);
    let other = ShortIds::new(block.header(), 99).of(&content(9, "another").id());
    wrong.short_ids = List::clipped([wrong.short_ids[0], other]);
    alice.received(peers[0], Message::NewBlock(NewBlock::Compact(wrong)));
    assert!(alice.closed.is_empty());
    let said = alice.said(peers[0]);
    assert!(matches!(&said[..], [Message::GetBlocks(of)] if of[..] == [block.hash()]), "{said:?}");
}

#[test]
fn who_does_not_give_what_is_missing_loses_its_turn() {
    let contents = texts(2);
    let block = block(contents.clone(), "");
    let (mut alice, peers) = alice(2, &[]);
    alice.received(peers[0], told(&block));
    alice.received(peers[1], told(&block));
    alice.elapse(BLOCK_TIMEOUT + secs(1));
    let said = alice.said(peers[1]);
    assert!(said.iter().any(|m| matches!(m, Message::GetBlocks(of) if of[..] == [block.hash()])), "{said:?}");
    // The late answer is taken all the same.
    let transactions = List::clipped(contents);
    alice.received(
        peers[0],
        Message::BlockTransactions(BlockTransactions { block: block.hash(), transactions }),
    );
    assert_eq!(alice.tip(), block.hash());
    // So is the other's, which is of no use any more.
    alice.received(peers[1], Message::Block(block.block().clone()));
    assert!(alice.closed.is_empty());
}

#[test]
fn transactions_that_nobody_asked_for_are_an_offence() {
    let block = block(texts(2), "");
    let (mut alice, peers) = alice(1, &[]);
    let transactions = List::clipped(texts(2));
    alice.received(
        peers[0],
        Message::BlockTransactions(BlockTransactions { block: block.hash(), transactions }),
    );
    assert_eq!(alice.closed[&peers[0]], Disconnect::UnsolicitedBlock);
}

/// (places asked for, answered)
#[test]
fn transactions_are_given_by_places_that_are_there_and_rise() {
    let contents = texts(3);
    let block = block(contents.clone(), "");
    let rows: [(&[u16], bool); 6] =
        [(&[], true), (&[0, 1, 2, 3], true), (&[3], true), (&[4], false), (&[1, 1], false), (&[2, 1], false)];
    for (places, is_answered) in rows {
        let (mut alice, peers) = alice(1, &contents);
        alice.received(peers[0], told(&block));
        alice.said(peers[0]);
        let places = List::clipped(places.iter().copied());
        let asked = GetBlockTransactions { block: block.hash(), places: places.clone() };
        alice.received(peers[0], Message::GetBlockTransactions(asked));
        if !is_answered {
            assert_eq!(alice.closed[&peers[0]], Disconnect::NoSuchPlaces, "{places:?}");
            continue;
        }
        let said = alice.said(peers[0]);
        let [Message::BlockTransactions(given)] = &said[..] else { panic!("{said:?}") };
        let wanted = places.iter().map(|at| block.block().transactions[usize::from(*at)].clone());
        assert!(given.transactions.iter().cloned().eq(wanted), "{places:?}");
    }
    // Of a block that is not here nobody knows which places it has, but their order is one.
    for (places, is_answered) in [([1, 2], true), ([2, 1], false)] {
        let (mut alice, peers) = alice(1, &[]);
        let asked = GetBlockTransactions { block: BlockHash([7; 32]), places: List::clipped(places) };
        alice.received(peers[0], Message::GetBlockTransactions(asked));
        assert_eq!(matches!(&alice.said(peers[0])[..], [Message::NotFound(_)]), is_answered);
        assert_eq!(alice.closed.contains_key(&peers[0]), !is_answered);
    }
}

/// Transactions of the wrong number are a strike, and the block is asked for anew, of that peer as well: it may be the
/// only one.
#[test]
fn after_a_wrong_number_of_transactions_the_block_is_asked_for_whole() {
    let contents = texts(3);
    let block = block(contents.clone(), "");
    let (mut alice, peers) = alice(1, &contents[..1]);
    alice.received(peers[0], told(&block));
    alice.said(peers[0]);
    let transactions = List::clipped([contents[1].clone()]);
    alice.received(
        peers[0],
        Message::BlockTransactions(BlockTransactions { block: block.hash(), transactions }),
    );
    let said = alice.said(peers[0]);
    assert!(matches!(&said[..], [Message::GetBlocks(asked)] if asked[..] == [block.hash()]), "{said:?}");
    alice.received(peers[0], Message::Block(block.block().clone()));
    assert_eq!(alice.tip(), block.hash());
    assert!(alice.closed.is_empty());
}

/// A peer tells of more blocks than are put together at once. What it is asked for of the first comes when that one has
/// made room for others: it is asked for whole, of whoever has it.
#[test]
fn blocks_that_are_never_finished_are_few() {
    let (mut alice, peers) = alice(2, &[]);
    let first = block(texts(1), "sibling 0");
    for nth in 0..4 * MAX_PARTIAL_BLOCKS {
        let block = block(texts(1), &format!("sibling {nth}"));
        alice.received(peers[0], told(&block));
    }
    assert_eq!(alice.node.view().usage().partial_blocks, MAX_PARTIAL_BLOCKS);
    alice.received(peers[1], Message::NewBlock(NewBlock::Announce(*first.header())));
    assert!(alice.said(peers[1]).is_empty(), "it is on its way");
    alice.received(peers[0], answer(&first, texts(1)));
    let said = alice.said(peers[1]);
    assert!(matches!(&said[..], [Message::GetBlocks(asked)] if asked[..] == [first.hash()]), "{said:?}");
    alice.received(peers[1], Message::Block(first.block().clone()));
    assert_eq!(alice.tip(), first.hash());
    assert!(alice.closed.is_empty());
    alice.input(Input::Closed(peers[0], Disconnect::Ended));
    assert_eq!(alice.node.view().usage().partial_blocks, 0, "nothing is kept of who is gone");
}

/// A late answer that does not fit, of one who lost its turn: the block is on its way from another already.
#[test]
fn after_a_late_and_wrong_answer_whoever_is_asked_meanwhile_is_waited_for() {
    let block = block(texts(2), "");
    let (mut alice, peers) = alice(2, &[]);
    peers.iter().for_each(|conn| alice.received(*conn, told(&block)));
    alice.elapse(BLOCK_TIMEOUT + secs(1));
    let asked = |said: &Message| matches!(said, Message::GetBlocks(of) if of[..] == [block.hash()]);
    assert!(alice.said(peers[1]).iter().any(asked));
    alice.said(peers[0]);
    alice.received(peers[0], answer(&block, texts(1)));
    let said = alice.said(peers[0]);
    assert!(!said.iter().any(asked), "{said:?}");
    alice.received(peers[1], Message::Block(block.block().clone()));
    assert_eq!(alice.tip(), block.hash());
    assert!(alice.closed.is_empty());
}

/// Who was asked for a block and did not give it in time is not asked for its transactions as well when it tells of it in
/// short: the answer to the first question would answer both, and the other be one that nobody asked for.
#[test]
fn what_a_slow_peer_owes_whole_is_not_asked_of_it_in_parts() {
    let block = block(texts(2), "");
    let (mut alice, peers) = alice(2, &[]);
    for conn in &peers {
        alice.received(*conn, Message::NewBlock(NewBlock::Announce(*block.header())));
    }
    assert!(matches!(&alice.said(peers[0])[..], [Message::GetBlocks(_)]));
    alice.elapse(BLOCK_TIMEOUT + secs(1));
    assert!(matches!(&alice.said(peers[1])[..], [Message::GetBlocks(_)]));
    alice.input(Input::Closed(peers[1], Disconnect::Ended));
    alice.received(peers[0], told(&block));
    let said = alice.said(peers[0]);
    assert!(said.is_empty(), "{said:?}");
    alice.received(peers[0], Message::Block(block.block().clone()));
    assert_eq!(alice.tip(), block.hash());
    assert!(alice.closed.is_empty());
}
