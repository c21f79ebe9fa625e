//! What people put into blocks: the pool, its relay, and what a reorg gives back.

use core::time::Duration;
use std::sync::Arc;

use super::network::Net;
use super::sync::Server;
use super::*;
use crate::encoding::{Blob, List};
use crate::limits::{
    MAX_CONTENT_BYTES, MAX_KNOWN_TRANSACTIONS, MAX_MINING_QUEUE, MAX_POOL_COUNT, MAX_STRIKES, RECENT_BLOCKS,
    TRANSACTION_TIMEOUT,
};
use crate::mempool::Source;
use crate::node::io::{Answer, Command, CommandId, Event, Input};
use crate::params::Params;
use crate::peer::{Budget, Disconnect};
use crate::types::{Content, Transaction, TxId};
use crate::wire::message::{Message, NewBlock};

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

/// Row 34 of docs/hostile.md: what a reorg gives back has to fit the pool, and what does not is told.
#[test]
fn what_a_reorg_gives_back_and_finds_no_room_is_counted() {
    let mut miner = Alice::new(2, Params::regtest());
    let theirs = miner.mine(2);
    let mut alice = Alice::new(1, Params::regtest());
    alice.now = miner.now;
    let ids = ["a", "b", "c"].map(|text| submit(&mut alice, text));
    alice.mine(1);
    for nonce in 0..MAX_POOL_COUNT as u64 - 1 {
        let waiting = content(nonce, "waits");
        let _ = alice.node.pool.insert(waiting.id(), Arc::new(waiting), Source::Local);
    }
    let peer = alice.meet(2);
    alice.events.clear();
    for hash in &theirs {
        let block = miner.stored.get(hash).expect("mined").block().clone();
        alice.received(peer, Message::NewBlock(NewBlock::Push(block)));
    }
    let reorgs = alice.events.iter().filter_map(|event| match event {
        Event::Reorg { returned, dropped, .. } => Some((returned.count, *dropped)),
        _ => None,
    });
    assert_eq!(reorgs.collect::<Vec<_>>(), [(1, 2)]);
    let back = ids.iter().filter(|id| alice.node.view().pool_get(id).is_some());
    assert_eq!(back.count(), 1);
}

/// However deep a reorg is, what both chains have is not mined again, and what only the old one had is. Whether its blocks
/// are at hand, those that left have to be read back, or all of them: until then no block takes anything from the pool.
/// (Row 34 of docs/hostile.md.)
#[test]
fn a_content_that_both_chains_have_is_mined_once_however_deep_the_reorg() {
    let [both, lost, waits] = ["in both", "in one", "in none"].map(|text| content(1, text));
    let hold = |alice: &mut Alice, some: &[Transaction]| {
        let giver = alice.meet(77);
        alice.received(giver, Message::HaveTransactions(List::clipped(some.iter().map(Transaction::id))));
        alice.received(giver, Message::Transactions(List::clipped(some.to_vec())));
        alice.input(Input::Closed(giver, Disconnect::Ended));
    };
    let mut miner = Alice::new(9, Params::regtest());
    hold(&mut miner, core::slice::from_ref(&both));
    let theirs = miner.mine(RECENT_BLOCKS + 2);
    for (what, restarts_at) in [("at hand", None), ("old read back", Some(0)), ("all", Some(RECENT_BLOCKS))] {
        let mut alice = Alice::new(1, Params::regtest());
        hold(&mut alice, &[both.clone(), lost.clone()]);
        alice.mine(RECENT_BLOCKS + 1);
        hold(&mut alice, core::slice::from_ref(&waits));
        alice.now = miner.now;
        if restarts_at == Some(0) {
            alice = alice.started_again();
            alice.hold_loads = true;
        }
        let mut peer = alice.meet(2);
        let mut server = Server::new(&miner);
        while server.step(&mut alice, peer) {
            if restarts_at.is_some_and(|at| at > 0 && server.given == at) {
                alice = alice.started_again();
                peer = alice.meet(2);
                server = Server::new(&miner);
                alice.hold_loads = true;
            }
        }
        assert_eq!(alice.loads.is_empty(), restarts_at.is_none(), "{what}");
        if !alice.loads.is_empty() {
            alice.command(7, Command::Mine(None));
            let (_, found) = alice.found();
            let Input::Mined { block, .. } = found else { panic!("{found:?}") };
            assert_eq!(block.ids().len(), 1, "{what}: the pool is not yet what the chain makes it");
            alice.input(Input::Cancel(CommandId(7)));
        }
        while !alice.loads.is_empty() {
            alice.load_one();
        }
        assert_eq!(alice.tip(), theirs[RECENT_BLOCKS + 1], "{what}");
        let pool: Vec<TxId> = alice.node.view().pool().iter().map(|(id, _)| *id).collect();
        assert_eq!(pool.len(), 2, "{what}: {pool:?}");
        assert!([lost.id(), waits.id()].iter().all(|id| pool.contains(id)), "{what}: {pool:?}");
        let returned = alice.events.iter().find_map(|event| match event {
            Event::Reorg { returned, .. } => Some(returned.first.clone()),
            _ => None,
        });
        assert_eq!(returned, Some(vec![lost.id()]), "{what}");
    }
}

#[test]
fn transactions_that_nobody_asked_for_are_a_nuisance() {
    // Others each time, or the same one: to have sent it is not to have named it.
    for others in [1, 0] {
        let mut alice = Alice::new(1, Params::regtest());
        let conn = alice.meet(2);
        for nth in 0..u64::from(MAX_STRIKES) {
            assert!(alice.closed.is_empty());
            alice.received(conn, Message::Transactions(List::clipped([content(nth * others, "spam")])));
        }
        assert_eq!(alice.closed[&conn], Disconnect::Strikes);
        assert!(alice.node.view().pool().is_empty());
    }
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

/// A full pool is taken over from a peer, however many names that is: more than are remembered of it. (Row 57 of
/// docs/hostile.md.)
#[test]
fn a_full_pool_is_named_in_measure_and_taken_whole() {
    let mut full = Alice::new(1, Params::regtest());
    let contents: Vec<TxId> = (0..MAX_POOL_COUNT).map(|n| submit(&mut full, &format!("text {n}"))).collect();
    let mut late = Alice::new(2, Params::regtest());
    let (to, from) = (full.meet(2), late.meet(1));
    // They have met already.
    full.sent.values_mut().chain(late.sent.values_mut()).for_each(|said| drop(said.pop_front()));
    let (mut named, mut budget) = (0, Budget::default());
    for tenth in 0..300 {
        for message in full.said(to) {
            if let Message::HaveTransactions(ids) = &message {
                named += ids.len();
                assert_eq!(
                    budget.announce(full.now.elapsed, ids.len()),
                    Ok(()),
                    "after {tenth} tenths of a second"
                );
            }
            late.received(from, message);
        }
        late.said(from).into_iter().for_each(|message| full.received(to, message));
        full.elapse(Duration::from_millis(100));
        late.elapse(Duration::from_millis(100));
    }
    assert!(full.closed.is_empty() && late.closed.is_empty(), "{:?} {:?}", full.closed, late.closed);
    assert_eq!(named, contents.len(), "each once");
    assert_eq!(late.node.view().pool().len(), contents.len());
    assert!(contents.iter().all(|id| late.node.view().pool_get(id).is_some()));
}

/// What was asked for among thousands of other names is taken, and one that nobody asked for does not cost those with
/// it.
#[test]
fn an_answer_is_taken_whatever_was_named_since() {
    let mut alice = Alice::new(1, Params::regtest());
    let conn = alice.meet(2);
    let wanted: Vec<Transaction> = (0..10).map(|nonce| content(nonce, "wanted")).collect();
    let ids = |of: &[Transaction]| Message::HaveTransactions(List::clipped(of.iter().map(Transaction::id)));
    alice.received(conn, ids(&wanted));
    let others: Vec<Transaction> =
        (100..100 + 2 * MAX_KNOWN_TRANSACTIONS as u64).map(|n| content(n, "other")).collect();
    for some in others.chunks(1000) {
        alice.received(conn, ids(some));
    }
    alice.received(conn, Message::Transactions(List::clipped(wanted.clone())));
    assert_eq!(alice.node.view().pool().len(), wanted.len());
    for some in others.chunks(100) {
        alice.received(conn, Message::Transactions(List::clipped(some.to_vec())));
    }
    assert_eq!(alice.node.view().pool().len(), wanted.len() + others.len());
    let unasked = [content(9_999_999, "unasked"), content(9_999_998, "as well")];
    alice.received(conn, Message::Transactions(List::clipped(unasked)));
    assert!(alice.closed.is_empty(), "one strike, for one message");
    assert_eq!(alice.node.view().pool().len(), wanted.len() + others.len());
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
    assert_eq!(alice.replies.remove(0), (CommandId(2), Answer::Cancelled));
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
