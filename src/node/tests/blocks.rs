//! Blocks, headers and whoever gives them.

use super::*;
use crate::chain::testing::mine_on;
use crate::chain::{Chain, Outcome};
use crate::encoding::List;
use crate::limits::{
    BLOCK_TIMEOUT, CATCHING_UP_BLOCKS, HEADERS_TIMEOUT, MAX_CONTENT_BYTES, MAX_GET_BLOCKS, MAX_SIDE_BYTES,
    MAX_STRIKES, MIN_IN_FLIGHT,
};
use crate::node::io::{Answer, BadBlock, Command, ConnId, Delivery, Event, Input};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::{Block, BlockHash, Content, Header, Transaction};
use crate::wire::Kind;
use crate::wire::message::{GetHeaders, Message, NewBlock, Ping};
use std::sync::Arc;

/// A node that has mined `count` blocks by itself, for others to be told of them.
fn miner(count: usize) -> (Alice, Vec<BlockHash>) {
    let mut miner = Alice::new(9, Params::regtest());
    let hashes = miner.mine(count);
    (miner, hashes)
}

fn pushed(from: &Alice, hash: &BlockHash) -> Message {
    let block = from.stored.get(hash).expect("a mined block").block().clone();
    Message::NewBlock(NewBlock::Push(block))
}

fn headers(from: &Alice, hashes: &[BlockHash]) -> Message {
    let header = |hash: &BlockHash| *from.stored.get(hash).expect("a mined block").header();
    Message::Headers(List::clipped(hashes.iter().map(header)))
}

/// Alice at the miner's time, with `count` peers whose greetings are over.
fn alice_and_peers(miner: &Alice, count: u8) -> (Alice, Vec<ConnId>) {
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    let peers: Vec<ConnId> = (2..2 + count).map(|n| alice.meet(n)).collect();
    for conn in &peers {
        alice.received(*conn, Message::Headers(List::default()));
        alice.said(*conn);
    }
    (alice, peers)
}

#[test]
fn a_pushed_block_is_taken_told_on_and_not_told_back() {
    let (miner, hashes) = miner(1);
    let (mut alice, peers) = alice_and_peers(&miner, 3);
    alice.received(peers[0], pushed(&miner, &hashes[0]));
    assert_eq!(alice.tip(), hashes[0]);
    assert!(alice.said(peers[0]).is_empty());
    for conn in &peers[1..] {
        assert!(matches!(&alice.said(*conn)[..], [Message::NewBlock(NewBlock::Push(_))]));
    }
    // The others tell her as well, and once more, and nothing follows.
    for conn in &peers {
        for _ in 0..100 {
            alice.received(*conn, pushed(&miner, &hashes[0]));
        }
    }
    assert!(peers.iter().all(|conn| alice.said(*conn).is_empty()));
    assert!(alice.closed.is_empty());
}

#[test]
fn a_copy_that_waits_its_turn_is_not_answered_with_another() {
    let (miner, hashes) = miner(1);
    let (mut alice, peers) = alice_and_peers(&miner, 4);
    let copy = |conn: ConnId| Input::received(conn, pushed(&miner, &hashes[0]), &miner.params);
    let header = *miner.stored.get(&hashes[0]).expect("a mined block").header();
    let waiting = [copy(peers[1]), Input::Message(peers[2], Message::NewBlock(NewBlock::Announce(header)))];
    waiting.iter().for_each(|input| alice.node.foresee(input));
    alice.input(copy(peers[0]));
    waiting.into_iter().for_each(|input| alice.input(input));
    assert_eq!(alice.tip(), hashes[0]);
    assert!(peers[..3].iter().all(|conn| alice.said(*conn).is_empty()), "they have it");
    assert!(matches!(&alice.said(peers[3])[..], [Message::NewBlock(NewBlock::Push(_))]));
}

/// Row 29 of docs/hostile.md.
#[test]
fn a_pushed_block_without_a_parent_earns_one_question() {
    let (miner, hashes) = miner(3);
    let (mut alice, peers) = alice_and_peers(&miner, 1);
    alice.received(peers[0], pushed(&miner, &hashes[2]));
    let said = alice.said(peers[0]);
    let [Message::GetHeaders(question)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(question.locator[..], [alice.params.genesis_hash()]);
    alice.received(peers[0], headers(&miner, &hashes));
    let [Message::GetBlocks(wanted)] = &alice.said(peers[0])[..] else { panic!("bodies are asked for") };
    assert_eq!(wanted[..], hashes[..]);
    for hash in &hashes {
        alice.received(peers[0], miner.block(hash));
    }
    assert_eq!(alice.height(), 3);
    assert!(alice.closed.is_empty());
}

/// Row 29 of docs/hostile.md.
#[test]
fn a_block_that_nobody_asked_for_is_an_offence() {
    let (miner, hashes) = miner(1);
    let (mut alice, peers) = alice_and_peers(&miner, 1);
    alice.received(peers[0], miner.block(&hashes[0]));
    assert_eq!(alice.closed[&peers[0]], Disconnect::UnsolicitedBlock);
    assert_eq!(alice.height(), 0);
}

/// (what is changed, the rule it breaks)
/// Rows 25 and 27 of docs/hostile.md.
#[test]
fn a_bad_block_costs_its_giver_the_connection_and_changes_nothing() {
    let (miner, hashes) = miner(2);
    let good = miner.stored.get(&hashes[0]).expect("a mined block").block().clone();
    let mut no_pow = (*good).clone();
    while Params::regtest().limit().is_met_by(&no_pow.hash()) {
        no_pow.header.nonce += 1;
    }
    let mut other_body = (*good).clone();
    let next = miner.stored.get(&hashes[1]).expect("a mined block").block().clone();
    other_body.transactions = next.transactions.clone();
    for (block, rule) in [(no_pow, "BadPow"), (other_body, "BadMerkleRoot")] {
        let (mut alice, peers) = alice_and_peers(&miner, 2);
        let hash = block.hash();
        alice.received(peers[0], Message::NewBlock(NewBlock::Push(Arc::new(block))));
        assert_eq!(alice.closed[&peers[0]], Disconnect::InvalidBlock { hash, rule });
        assert_eq!(alice.height(), 0);
        // The others are served, and the honest block of the same header is taken.
        alice.received(peers[1], Message::Ping(Ping { nonce: 1 }));
        assert!(matches!(alice.said(peers[1])[..], [Message::Pong(_)]));
        alice.received(peers[1], pushed(&miner, &hashes[0]));
        assert_eq!(alice.tip(), hashes[0], "{rule}");
    }
}

/// Row 30 of docs/hostile.md.
#[test]
fn headers_that_do_not_hang_together_are_an_offence_and_unasked_ones_a_nuisance() {
    let (miner, hashes) = miner(4);
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    let conn = alice.meet(2);
    alice.received(conn, headers(&miner, &[hashes[0], hashes[2]]));
    assert_eq!(alice.closed[&conn], Disconnect::UnlinkedHeaders);
    let (mut alice, peers) = alice_and_peers(&miner, 1);
    for _ in 0..MAX_STRIKES {
        assert!(alice.closed.is_empty());
        alice.received(peers[0], headers(&miner, &hashes));
    }
    assert_eq!(alice.closed[&peers[0]], Disconnect::Strikes);
}

/// Row 40 of docs/hostile.md.
#[test]
fn a_block_withheld_is_asked_for_elsewhere_and_late_answers_are_taken() {
    let (miner, hashes) = miner(5);
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    let (slow, good) = (alice.meet(2), alice.meet(3));
    alice.received(slow, headers(&miner, &hashes));
    assert!(matches!(alice.said(slow).last(), Some(Message::GetBlocks(_))));
    alice.received(good, headers(&miner, &hashes));
    assert!(
        !alice.said(good).iter().any(|said| matches!(said, Message::GetBlocks(_))),
        "nothing is asked twice"
    );
    alice.elapse(BLOCK_TIMEOUT);
    let said = alice.said(good);
    let [Message::GetBlocks(wanted)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(wanted.len(), 5);
    for hash in &hashes {
        alice.received(good, miner.block(hash));
        alice.received(slow, miner.block(hash));
    }
    assert_eq!(alice.height(), 5);
    assert!(alice.closed.is_empty());
}

/// Headers come from one peer; that others have them, too, is learned from their answers, before it goes.
#[test]
fn who_has_the_headers_that_another_gave_is_asked_when_that_one_goes() {
    let (miner, hashes) = miner(5);
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    let (first, second) = (alice.meet(2), alice.meet(3));
    alice.received(first, headers(&miner, &hashes));
    assert_eq!(count_asked(&alice.said(first)), 5);
    let said = alice.said(second);
    let asked = said.iter().find_map(|said| match said {
        Message::GetHeaders(question) => Some(question),
        _ => None,
    });
    assert_eq!(asked.expect("a question").locator[0], hashes[3], "not the last one: it is to be told");
    alice.received(second, headers(&miner, &hashes[4..]));
    alice.input(Input::Closed(first, Disconnect::Ended));
    assert_eq!(count_asked(&alice.said(second)), 5);
}

/// A block that is late, and wanted again after a better branch turned out to be withheld, is owed already:
/// asked for twice it would come twice, the second time unasked.
#[test]
fn what_a_slow_peer_owes_is_waited_for_and_not_asked_for_again() {
    let (miner, hashes) = miner(3);
    let mut other = Alice::new(8, Params::regtest());
    let longer = other.mine(4);
    let (mut alice, peers) = alice_and_peers(&miner, 2);
    let (slow, withholder) = (peers[0], peers[1]);
    alice.now = other.now;
    alice.received(slow, pushed(&miner, &hashes[2]));
    alice.received(slow, headers(&miner, &hashes));
    assert_eq!(count_asked(&alice.said(slow)), 3);
    alice.received(withholder, pushed(&other, &longer[3]));
    alice.received(withholder, headers(&other, &longer));
    alice.elapse(BLOCK_TIMEOUT);
    // A late answer: it is no longer stalled, and two of its three are wanted again.
    alice.received(slow, miner.block(&hashes[0]));
    alice.elapse(4 * BLOCK_TIMEOUT);
    assert_eq!(count_asked(&alice.said(slow)), 0);
    for hash in &hashes[1..] {
        alice.received(slow, miner.block(hash));
    }
    assert_eq!(alice.tip(), hashes[2]);
    assert!(alice.closed.is_empty());
}

/// Headers of more work, whose bodies nobody gives, do not keep a node from the best chain that it can have.
#[test]
fn while_the_best_bodies_are_withheld_the_next_best_are_fetched() {
    let (miner, hashes) = miner(3);
    let mut other = Alice::new(8, Params::regtest());
    let withheld = other.mine(4);
    let (mut alice, peers) = alice_and_peers(&miner, 2);
    let (silent, honest) = (peers[0], peers[1]);
    alice.now = other.now;
    alice.received(silent, pushed(&other, &withheld[3]));
    alice.received(silent, headers(&other, &withheld));
    assert_eq!(count_asked(&alice.said(silent)), 4);
    alice.received(honest, pushed(&miner, &hashes[2]));
    alice.received(honest, headers(&miner, &hashes));
    // The last one is pushed again: its body is here before its ancestors'.
    alice.received(honest, pushed(&miner, &hashes[2]));
    assert_eq!(count_asked(&alice.said(honest)), 0, "there is something better to wait for");
    alice.elapse(BLOCK_TIMEOUT);
    assert_eq!(count_asked(&alice.said(honest)), 2);
    for hash in &hashes[..2] {
        alice.received(honest, miner.block(hash));
    }
    assert_eq!(alice.tip(), hashes[2]);
    for hash in &withheld {
        alice.received(silent, other.block(hash));
    }
    assert_eq!(alice.tip(), withheld[3], "late, and taken all the same");
}

/// A body that its header does not commit to says nothing of the header: others may have the right one.
#[test]
fn after_a_wrong_body_the_right_one_is_asked_for_elsewhere() {
    let (miner, hashes) = miner(1);
    let (mut alice, peers) = alice_and_peers(&miner, 2);
    let announced = || Message::NewBlock(NewBlock::Announce(*miner_header(&miner, &hashes[0])));
    alice.received(peers[0], announced());
    alice.received(peers[1], announced());
    assert_eq!([count_asked(&alice.said(peers[0])), count_asked(&alice.said(peers[1]))], [1, 0]);
    let mut wrong = Block::clone(miner.stored.get(&hashes[0]).expect("a mined block").block());
    wrong.transactions = List::default();
    alice.received(peers[0], Message::Block(Arc::new(wrong)));
    assert!(alice.closed[&peers[0]].is_offence());
    assert_eq!(count_asked(&alice.said(peers[1])), 1);
    alice.received(peers[1], miner.block(&hashes[0]));
    assert_eq!(alice.height(), 1);
}

/// What was withheld and then overtaken is not asked of those who never claimed to have it.
#[test]
fn a_withheld_block_that_lost_is_forgotten() {
    let (miner, hashes) = miner(3);
    let (mut withholder, conns) = alice_and_peers(&miner, 1);
    withholder.received(conns[0], pushed(&miner, &hashes[0]));
    let withheld = withholder.mine(1)[0];
    let (mut alice, peers) = alice_and_peers(&miner, 2);
    let (silent, honest) = (peers[0], peers[1]);
    alice.now = withholder.now;
    alice.received(honest, pushed(&miner, &hashes[0]));
    alice.received(silent, Message::NewBlock(NewBlock::Announce(*miner_header(&withholder, &withheld))));
    assert_eq!(count_asked(&alice.said(silent)), 1);
    alice.elapse(BLOCK_TIMEOUT);
    alice.received(honest, pushed(&miner, &hashes[1]));
    alice.received(honest, Message::NewBlock(NewBlock::Announce(*miner_header(&miner, &hashes[2]))));
    let asked = |said: &Message| matches!(said, Message::GetBlocks(asked) if asked[..] == hashes[2..]);
    let said = alice.said(honest);
    assert!(count_asked(&said) == 1 && said.iter().any(asked), "{said:?}");
}

/// Row 40 of docs/hostile.md: however many headers somebody withholds the bodies of, on the tip that all have: the next honest block is beside
/// them, and is told. And once nobody is there who claims to have those bodies, the node has what its peers have.
#[test]
fn a_long_withheld_chain_silences_nobody() {
    let (miner, hashes) = miner(1);
    let mut other = Alice::new(8, Params::regtest());
    let withheld = other.mine(3 * CATCHING_UP_BLOCKS as usize);
    let (mut alice, peers) = alice_and_peers(&miner, 3);
    alice.now.wall = other.now.wall;
    alice.received(peers[0], pushed(&other, &withheld[withheld.len() - 1]));
    alice.received(peers[0], headers(&other, &withheld));
    assert_eq!(count_asked(&alice.said(peers[0])), 16);
    assert!(alice.node.view().is_catching_up());
    alice.said(peers[2]);
    alice.received(peers[1], pushed(&miner, &hashes[0]));
    let told = |said: &Message| matches!(said, Message::NewBlock(NewBlock::Push(block)) if block.hash() == hashes[0]);
    assert!(alice.said(peers[2]).iter().any(told));
    alice.input(Input::Closed(peers[0], Disconnect::Ended));
    assert!(!alice.node.view().is_catching_up(), "nobody has more");
    assert_eq!(alice.tip(), hashes[0]);
}

/// Row 38: siblings of the tip that nobody asked for are kept for so many bytes, over a restart too, and beyond as
/// headers alone, and the branch that wins is fetched.
#[test]
fn pushed_siblings_fill_so_many_bytes() {
    let params = Arc::new(Params::regtest());
    let chain = Chain::new(params.clone());
    let (miner, hashes) = miner(1);
    let (mut alice, peers) = alice_and_peers(&miner, 2);
    alice.received(peers[1], pushed(&miner, &hashes[0]));
    let data = vec![0; MAX_CONTENT_BYTES];
    let contents: Vec<Transaction> = (0..15)
        .map(|nonce| Transaction::Content(Content { nonce, data: data.clone().try_into().expect("short") }))
        .collect();
    let sibling =
        |n: usize| mine_on(&chain, &params.genesis_hash(), contents.clone(), &format!("sibling {n}"));
    let room = MAX_SIDE_BYTES / sibling(0).encoded().len();
    for n in 0..room + 5 {
        alice.received(peers[0], Message::NewBlock(NewBlock::Push(sibling(n).block().clone())));
    }
    let kept = |alice: &Alice| alice.node.view().usage().beside_bytes;
    assert!(kept(&alice) <= MAX_SIDE_BYTES && kept(&alice) + sibling(0).encoded().len() > MAX_SIDE_BYTES);
    assert_eq!(alice.stored.len(), 1 + room);
    assert!(alice.closed.is_empty());
    let (before, mut alice) = (kept(&alice), alice.started_again());
    assert_eq!(kept(&alice), before, "what is stored counts, whoever stored it");
    let peers = [alice.meet(2), alice.meet(3)];
    for n in room + 2..room + 5 {
        alice.received(peers[0], Message::NewBlock(NewBlock::Push(sibling(n).block().clone())));
    }
    assert_eq!((alice.stored.len(), kept(&alice)), (1 + room, before));
    // One of those that were too many gets a child.
    let last = sibling(room + 4);
    let mut longer = Chain::new(params.clone());
    assert!(matches!(longer.import(&last, alice.now.wall), Outcome::Imported { .. }));
    let child = mine_on(&longer, &last.hash(), Vec::new(), "");
    alice.said(peers[0]);
    alice.received(peers[0], Message::NewBlock(NewBlock::Push(child.block().clone())));
    assert_eq!(count_asked(&alice.said(peers[0])), 1);
    alice.received(peers[0], Message::Block(last.block().clone()));
    assert_eq!(alice.tip(), child.hash());
}

/// Row 38: what a reorg leaves is beside the chain from then on and counts, whether it is at hand or has to be read; and
/// what joins the chain counts no more.
#[test]
fn what_a_reorg_leaves_counts_as_beside_the_chain() {
    for at_hand in [true, false] {
        let (miner, hashes) = miner(3);
        let mut alice = Alice::new(1, Params::regtest());
        alice.now = miner.now;
        let ours = alice.mine(2);
        if !at_hand {
            alice = alice.started_again();
        }
        let kept = |alice: &Alice| alice.node.view().usage().beside_bytes;
        let size = |hashes: &[BlockHash], of: &Alice| -> usize {
            hashes.iter().map(|hash| of.stored.get(hash).expect("stored").encoded().len()).sum()
        };
        assert_eq!(kept(&alice), 0);
        let conn = alice.meet(2);
        alice.received(conn, headers(&miner, &hashes));
        for (at, hash) in hashes.iter().enumerate() {
            alice.received(conn, miner.block(hash));
            let now = if at < 2 { size(&hashes[..=at], &miner) } else { size(&ours, &alice) };
            assert_eq!(kept(&alice), now, "at hand: {at_hand}, after block {at}");
        }
        assert_eq!(alice.tip(), hashes[2]);
        let alice = alice.started_again();
        assert_eq!(kept(&alice), size(&ours, &alice));
    }
}

/// Who gave a block because it was asked for is not told of it.
#[test]
fn a_block_that_was_asked_for_is_not_told_to_its_giver() {
    let (miner, hashes) = miner(5);
    let (mut alice, peers) = alice_and_peers(&miner, 2);
    alice.received(peers[0], pushed(&miner, &hashes[4]));
    alice.received(peers[0], headers(&miner, &hashes));
    for hash in &hashes {
        alice.received(peers[0], miner.block(hash));
    }
    assert_eq!(alice.tip(), hashes[4]);
    let news = |said: Vec<Message>| said.iter().filter(|said| matches!(said, Message::NewBlock(_))).count();
    assert_eq!((news(alice.said(peers[0])), news(alice.said(peers[1]))), (0, 5));
}

/// Two headers whose bodies nobody gets are more work than the next honest block, which must be told all
/// the same: or two blocks withheld would silence a network.
#[test]
fn headers_without_bodies_do_not_silence_a_node() {
    let (miner, hashes) = miner(1);
    let mut other = Alice::new(8, Params::regtest());
    let withheld = other.mine(2);
    let (mut alice, peers) = alice_and_peers(&miner, 3);
    alice.received(peers[0], pushed(&other, &withheld[1]));
    alice.received(peers[0], headers(&other, &withheld));
    assert_eq!(count_asked(&alice.said(peers[0])), 2);
    alice.said(peers[2]);
    alice.received(peers[1], pushed(&miner, &hashes[0]));
    let told = |said: &Message| matches!(said, Message::NewBlock(NewBlock::Push(block)) if block.hash() == hashes[0]);
    assert!(alice.said(peers[2]).iter().any(told));
}

/// Row 54 of docs/hostile.md.
#[test]
fn the_only_peer_is_borne_with_however_slow() {
    let (miner, hashes) = miner(2);
    let (mut alice, peers) = alice_and_peers(&miner, 1);
    alice.received(peers[0], pushed(&miner, &hashes[1]));
    alice.received(peers[0], headers(&miner, &hashes));
    for hash in &hashes {
        for _ in 0..10 {
            alice.elapse(secs(5));
            // A word now and then shows that it lives.
            alice.received(peers[0], Message::HaveTransactions(List::default()));
        }
        alice.received(peers[0], miner.block(hash));
    }
    assert_eq!(alice.height(), 2);
    assert!(alice.closed.is_empty());
}

/// Rows 4 and 50 of docs/hostile.md.
#[test]
fn what_a_peer_owed_is_asked_of_others_when_it_goes() {
    let (miner, hashes) = miner(40);
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    let (first, second) = (alice.meet(2), alice.meet(3));
    alice.received(first, headers(&miner, &hashes));
    let asked: usize = count_asked(&alice.said(first));
    assert_eq!(asked, MIN_IN_FLIGHT, "blocks may be large, for all she knows");
    alice.received(second, headers(&miner, &hashes));
    for hash in &hashes[..7] {
        alice.received(first, miner.block(hash));
    }
    alice.input(Input::Closed(first, Disconnect::Ended));
    assert_eq!(count_asked(&alice.said(second)), 33, "what came is not asked for again");
    for hash in &hashes[7..] {
        alice.received(second, miner.block(hash));
    }
    assert_eq!(alice.height(), 40);
}

fn count_asked(said: &[Message]) -> usize {
    let count = |message: &Message| match message {
        Message::GetBlocks(hashes) => {
            assert!(hashes.len() <= MAX_GET_BLOCKS);
            hashes.len()
        }
        _ => 0,
    };
    said.iter().map(count).sum()
}

/// Row 52 of docs/hostile.md.
#[test]
fn who_does_not_have_what_it_claimed_is_let_go_in_the_end() {
    let (miner, hashes) = miner(1);
    let (mut alice, peers) = alice_and_peers(&miner, 1);
    alice.received(peers[0], Message::NewBlock(NewBlock::Announce(*miner_header(&miner, &hashes[0]))));
    for _ in 0..MAX_STRIKES {
        assert!(alice.closed.is_empty());
        alice.received(peers[0], Message::NotFound(List::clipped(hashes.clone())));
    }
    assert_eq!(alice.closed[&peers[0]], Disconnect::Strikes);
}

fn miner_header<'a>(miner: &'a Alice, hash: &BlockHash) -> &'a Header {
    miner.stored.get(hash).expect("a mined block").header()
}

/// Row 48 of docs/hostile.md.
#[test]
fn a_silent_source_of_headers_is_passed_over() {
    let mut alice = Alice::new(1, Params::regtest());
    let (silent, other) = (alice.meet(2), alice.meet(3));
    assert!(alice.said(silent).iter().any(|said| matches!(said, Message::GetHeaders(_))));
    assert!(!alice.said(other).iter().any(|said| matches!(said, Message::GetHeaders(_))));
    alice.elapse(HEADERS_TIMEOUT);
    assert!(alice.said(other).iter().any(|said| matches!(said, Message::GetHeaders(_))));
    assert!(alice.closed.is_empty(), "it is let go only when it is dead");
}

#[test]
fn whoever_calls_and_says_nothing_does_not_hold_up_one_that_was_chosen() {
    let mut alice = Alice::new(1, Params::regtest());
    let silent = alice.meet(2);
    assert!(alice.said(silent).iter().any(|said| matches!(said, Message::GetHeaders(_))));
    let chosen = alice.connected(alice::address(3), crate::node::io::Direction::Outbound);
    let hello = bob(3, &alice.params);
    alice.received(chosen, Message::Hello(hello));
    assert!(alice.said(chosen).iter().any(|said| matches!(said, Message::GetHeaders(_))));
}

#[test]
fn blocks_are_served_and_what_is_not_here_is_named() {
    let (mut miner, hashes) = miner(3);
    let conn = miner.meet(2);
    miner.said(conn);
    let nowhere = BlockHash([7; 32]);
    miner.received(conn, Message::GetBlocks(List::clipped([hashes[1], nowhere])));
    let said = miner.said(conn);
    let [Message::Block(block), Message::NotFound(missing)] = &said[..] else { panic!("{said:?}") };
    assert_eq!((block.hash(), missing[..].to_vec()), (hashes[1], vec![nowhere]));
    let locator = List::clipped([nowhere, hashes[0]]);
    miner.received(conn, Message::GetHeaders(GetHeaders { locator, stop: Some(hashes[1]) }));
    let said = miner.said(conn);
    let [Message::Headers(headers)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(headers.iter().map(Header::hash).collect::<Vec<_>>(), [hashes[1]]);
}

/// Rows 29 and 32 of docs/hostile.md.
#[test]
fn a_block_from_the_future_is_kept_for_its_time() {
    let params = Params::lab(1, Some(10)).expect("good rules");
    let mut ahead = Alice::new(9, params.clone());
    ahead.now = ahead.now.plus(secs(100));
    let hash = ahead.mine(1)[0];
    let mut alice = Alice::new(1, params);
    let conn = alice.meet(2);
    alice.received(conn, Message::Headers(List::default()));
    let push = pushed(&ahead, &hash);
    alice.received(conn, push);
    assert_eq!(alice.height(), 0);
    assert!(alice.closed.is_empty(), "a wrong clock is no offence");
    alice.elapse(secs(100));
    assert_eq!(alice.height(), 0, "160 s ahead, of which 20 are allowed");
    alice.elapse(secs(60));
    assert_eq!(alice.tip(), hash);
}

#[test]
fn users_are_told_of_what_is_stored_and_of_nothing_else() {
    let mut alice = Alice::new(1, Params::regtest());
    let peer = alice.meet(2);
    alice.said(peer);
    alice.hold_store = true;
    alice.command(1, Command::Mine(None));
    let hash = alice.find_block();
    assert!(matches!(&alice.said(peer)[..], [Message::NewBlock(_)]), "peers need not wait for the disk");
    assert_eq!((alice.height(), alice.replies.len()), (0, 0));
    alice.store_one();
    assert_eq!(alice.tip(), hash);
    assert!(matches!(alice.answer(), Answer::Mined(mined) if mined.hash == hash));
}

#[test]
fn a_stop_waits_for_what_is_not_stored_yet() {
    let mut alice = Alice::new(1, Params::regtest());
    let peer = alice.meet(2);
    alice.hold_store = true;
    alice.command(1, Command::Mine(None));
    alice.find_block();
    alice.command(2, Command::Shutdown);
    assert_eq!(alice.closed[&peer], Disconnect::ShuttingDown);
    assert!(matches!(alice.said(peer).last(), Some(Message::Bye(_))));
    assert!(!alice.stopped);
    alice.store_one();
    assert!(alice.stopped);
}

/// Row 45 of docs/hostile.md.
#[test]
fn a_refused_block_is_told_of_and_its_children_are_refused_unread() {
    let (miner, hashes) = miner(2);
    let (mut alice, peers) = alice_and_peers(&miner, 2);
    let header = *miner_header(&miner, &hashes[0]);
    alice.received(peers[0], Message::NewBlock(NewBlock::Announce(header)));
    assert_eq!(count_asked(&alice.said(peers[0])), 1);
    let bad =
        BadBlock { hash: hashes[0], previous: BlockHash::ZERO, rule: crate::chain::Rule::ExtraCoinbase };
    alice.input(Input::Block(peers[0], Delivery::Requested, Err(bad)));
    assert!(alice.closed[&peers[0]].is_offence());
    let refused = |event: &Event| matches!(event, Event::BlockRefused { hash, .. } if *hash == hashes[0]);
    assert!(alice.events.iter().any(refused));
    assert_eq!(count_asked(&alice.said(peers[1])), 0, "nobody is asked for it again");
    alice.received(peers[1], pushed(&miner, &hashes[1]));
    assert!(!alice.closed.contains_key(&peers[1]), "who called us may not have heard");
    assert_eq!(alice.height(), 0);
}

/// Row 20 of docs/hostile.md.
#[test]
fn a_block_may_not_come_before_the_handshake() {
    let (miner, hashes) = miner(1);
    let mut alice = Alice::new(1, Params::regtest());
    let conn = alice.connected(alice::address(5), crate::node::io::Direction::Inbound);
    alice.received(conn, pushed(&miner, &hashes[0]));
    assert_eq!(alice.closed[&conn], Disconnect::Unexpected(Kind::NewBlock));
    assert_eq!(alice.height(), 0);
}
