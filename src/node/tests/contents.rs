//! What people put into blocks: the pool, its relay, and what a reorg gives back.

use super::network::Net;
use super::*;
use crate::encoding::{Blob, List};
use crate::limits::{MAX_CONTENT_BYTES, MAX_MINING_QUEUE, MAX_STRIKES, TRANSACTION_TIMEOUT};
use crate::node::io::{Answer, Command, CommandId, Input};
use crate::params::Params;
use crate::peer::Disconnect;
use crate::types::{Content, Transaction, TxId};
use crate::wire::message::Message;

fn blob(text: &str) -> Blob<MAX_CONTENT_BYTES> {
    text.as_bytes().to_vec().try_into().expect("a short text")
}

fn submit(alice: &mut Alice, text: &str) -> TxId {
    alice.command(50, Command::Submit(blob(text)));
    match alice.answer() {
        Answer::Submitted(id) => id,
        other => panic!("{other:?}"),
    }
}

fn content(nonce: u64, text: &str) -> Transaction {
    Transaction::Content(Content { nonce, data: blob(text) })
}

#[test]
fn a_text_is_announced_asked_for_given_and_mined_by_whoever_mines() {
    let mut net = Net::new(4, &Params::regtest(), 30);
    for n in 0..3 {
        net.link(n, n + 1);
    }
    net.pass(secs(5));
    let id = net.post(0, "hello");
    net.pass(secs(5));
    for n in 0..4 {
        assert!(net.look(n).pool_get(&id).is_some());
    }
    let hash = net.find(3);
    net.pass(secs(5));
    assert!(net.block(&hash).expect("the block").ids().contains(&id));
    assert_eq!(net.tips(), [hash; 4]);
    for n in 0..4 {
        assert!(net.look(n).pool().is_empty());
    }
}

#[test]
fn who_comes_late_hears_of_what_waits() {
    let mut net = Net::new(2, &Params::regtest(), 31);
    let id = net.post(0, "early");
    net.link(1, 0);
    net.pass(secs(5));
    assert!(net.look(1).pool_get(&id).is_some());
}

#[test]
fn the_same_text_can_be_posted_twice() {
    let mut alice = Alice::new(1, Params::regtest());
    let (first, second) = (submit(&mut alice, "again"), submit(&mut alice, "again"));
    assert_ne!(first, second);
    assert_eq!(alice.node.view().pool().len(), 2);
}

#[test]
fn a_content_mined_on_demand_is_first_in_its_block_and_was_in_no_pool() {
    let mut alice = Alice::new(1, Params::regtest());
    let waiting = submit(&mut alice, "waits");
    alice.command(1, Command::Mine(Some(blob("now"))));
    assert_eq!(alice.node.view().pool().len(), 1);
    let hash = alice.find_block();
    let block = alice.stored.get(&hash).expect("the block").block().clone();
    let texts: Vec<&[u8]> = block
        .transactions
        .iter()
        .filter_map(|transaction| match transaction {
            Transaction::Content(content) => Some(&*content.data),
            Transaction::Coinbase(_) => None,
        })
        .collect();
    assert_eq!(texts, [&b"now"[..], b"waits"]);
    assert!(block.ids().contains(&waiting));
}

/// Row 34 of docs/hostile.md.
#[test]
fn a_reorg_gives_contents_back_unless_the_new_chain_has_them() {
    let mut net = Net::new(2, &Params::regtest(), 32);
    net.link(0, 1);
    net.pass(secs(5));
    let both = net.post(0, "in both");
    net.pass(secs(5));
    net.cut(|n| n as u8);
    net.pass(secs(5));
    let lost = net.post(0, "in one");
    net.find(0);
    net.find(1);
    net.find(1);
    net.cut(|_| 0);
    net.pass(secs(90));
    assert!(net.agree());
    let view = net.look(0);
    assert_eq!((view.pool_get(&lost).is_some(), view.pool_get(&both).is_some()), (true, false));
    let hash = net.find(1);
    net.pass(secs(5));
    assert_eq!(net.tips(), [hash; 2]);
    assert!(net.block(&hash).expect("the block").ids().contains(&lost), "mined after all");
}

#[test]
fn transactions_that_nobody_asked_for_are_a_nuisance() {
    let mut alice = Alice::new(1, Params::regtest());
    let conn = alice.meet(2);
    for nonce in 0..u64::from(MAX_STRIKES) {
        assert!(alice.closed.is_empty());
        alice.received(conn, Message::Transactions(List::clipped([content(nonce, "spam")])));
    }
    assert_eq!(alice.closed[&conn], Disconnect::Strikes);
    assert!(alice.node.view().pool().is_empty());
}

#[test]
fn a_transaction_that_does_not_come_is_asked_of_somebody_else() {
    let mut alice = Alice::new(1, Params::regtest());
    let (liar, honest, gone) = (alice.meet(2), alice.meet(3), alice.meet(4));
    let transaction = content(7, "wanted");
    let ids = List::clipped([transaction.id()]);
    for conn in [gone, liar, honest] {
        alice.said(conn);
        alice.received(conn, Message::HaveTransactions(ids.clone()));
    }
    assert!(matches!(alice.said(gone)[..], [Message::GetTransactions(_)]));
    assert!(alice.said(liar).is_empty() && alice.said(honest).is_empty(), "one at a time");
    alice.input(Input::Closed(gone, Disconnect::Ended));
    assert!(matches!(alice.said(liar)[..], [Message::GetTransactions(_)]));
    alice.elapse(TRANSACTION_TIMEOUT);
    assert!(matches!(alice.said(honest)[..], [Message::GetTransactions(_)]));
    alice.received(honest, Message::Transactions(List::clipped([transaction.clone()])));
    assert!(alice.node.view().pool_get(&transaction.id()).is_some());
    assert!(alice.said(liar).is_empty(), "who has it is not told of it");
}

/// A slow link is no offence: what was named and asked for is taken whenever it comes.
#[test]
fn a_transaction_that_comes_late_is_taken_and_nobody_is_blamed() {
    let mut alice = Alice::new(1, Params::regtest());
    let peers = [alice.meet(2), alice.meet(3)];
    let contents: Vec<Transaction> = (0..u64::from(MAX_STRIKES)).map(|n| content(n, "late")).collect();
    let named = Message::HaveTransactions(List::clipped(contents.iter().map(Transaction::id)));
    for conn in peers {
        alice.received(conn, named.clone());
    }
    // The first had its time, then the second, and now nobody is waited for.
    alice.elapse(3 * TRANSACTION_TIMEOUT);
    for (n, transaction) in contents.iter().enumerate() {
        alice.received(peers[n % 2], Message::Transactions(List::clipped([transaction.clone()])));
    }
    assert!(alice.closed.is_empty());
    assert_eq!(alice.node.view().pool().len(), contents.len());
}

/// Row 79 of docs/hostile.md.
#[test]
fn mining_calls_wait_in_line_and_the_line_is_short() {
    let mut alice = Alice::new(1, Params::regtest());
    for id in 0..MAX_MINING_QUEUE as u64 {
        alice.command(id, Command::Mine(None));
    }
    alice.command(90, Command::Mine(None));
    assert_eq!(alice.answer(), Answer::MiningQueueFull);
    // The third in line goes away: nobody else notices.
    alice.input(Input::Cancel(CommandId(2)));
    for _ in 1..MAX_MINING_QUEUE {
        alice.find_block();
    }
    let answered: Vec<u64> = alice.replies.iter().map(|(id, _)| id.0).collect();
    assert_eq!(answered, (0..MAX_MINING_QUEUE as u64).filter(|id| *id != 2).collect::<Vec<_>>());
    assert!(alice.job.is_none(), "and then it rests");
    assert_eq!(alice.height(), MAX_MINING_QUEUE as u64 - 1);
}

#[test]
fn background_mining_gives_way_to_a_call_and_comes_back() {
    let mut alice = Alice::new(1, Params::regtest());
    let rate = |alice: &Alice| alice.job.as_ref().map(|job| job.rate);
    alice.command(1, Command::SetMining(1000));
    assert_eq!(alice.answer(), Answer::MiningSet);
    assert_eq!(rate(&alice), Some(Some(1000)));
    alice.command(2, Command::Mine(None));
    assert_eq!(rate(&alice), Some(None), "at full speed");
    alice.find_block();
    assert_eq!(rate(&alice), Some(Some(1000)));
    alice.find_block();
    assert_eq!(alice.height(), 2);
    alice.replies.clear();
    alice.command(3, Command::SetMining(0));
    assert!(alice.job.is_none());
}

#[test]
fn what_comes_meanwhile_is_mined_too() {
    let mut alice = Alice::new(1, Params::regtest());
    alice.command(1, Command::Mine(None));
    let id = submit(&mut alice, "just in time");
    alice.elapse(secs(2));
    let hash = alice.find_block();
    assert!(alice.stored.get(&hash).expect("the block").ids().contains(&id));
}
