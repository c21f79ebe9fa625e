//! Links that are slow: the queue's end, under a clock that jumps, and two nodes over loopback.

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;
use crate::limits::{MAX_IN_FLIGHT, MAX_POOL_COUNT};
use crate::net::traffic::Traffic;
use crate::net::writer;
use crate::node::io::ConnId;
use crate::peer::Line;
use crate::store::{Store, StoredBlock};
use crate::types::{Content, Transaction};
use crate::wire::manage::Fault;

fn line(latency_micros: u32, jitter_micros: u32, loss_ppm: u32) -> Option<Line> {
    let node = NodeId([2; 16]);
    Line::of(&Fault { latency_micros, jitter_micros, loss_ppm, ..Fault::none(node) })
}

fn dice() -> ChaCha12Rng {
    ChaCha12Rng::seed_from_u64(5)
}

/// A queue whose end writes to a socket, and the other end of that.
async fn queue() -> (writer::Queue, Framed<TcpStream, FrameCodec>) {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let there = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
    let (here, _) = listener.accept().await.expect("accepted");
    let (store, _) = Store::memory(StoredBlock::from(Params::regtest().genesis()));
    let (queue, drain) = writer::queue(here.into_split().1, Traffic::default().open(ConnId(1)));
    tokio::spawn(writer::drain(drain, store, Arc::new(tokio::sync::Semaphore::new(0))));
    let mut framed = Framed::new(there, FrameCodec::new());
    framed.codec_mut().handshake_done();
    (queue, framed)
}

fn ping(nonce: u64) -> bytes::Bytes {
    frame::encode(&Message::Ping(Ping { nonce }))
}

/// The next ping's number, and how long after `start` it came.
async fn heard(framed: &mut Framed<TcpStream, FrameCodec>, start: Instant) -> (u64, Duration) {
    match framed.next().await {
        Some(Ok(Frame::Message(Message::Ping(Ping { nonce })))) => (nonce, start.elapsed()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn frames_are_late_in_their_order_and_not_one_after_the_other() {
    let (mut queue, mut there) = queue().await;
    let start = Instant::now();
    queue.frame(ping(0)).expect("room");
    queue.set_line(line(5_000_000, 4_000_000, 100_000), dice);
    for nonce in 1..=200 {
        queue.frame(ping(nonce)).expect("room");
    }
    let (first, at) = heard(&mut there, start).await;
    assert!(first == 0 && at < Duration::from_secs(1), "what was queued before is not late: {at:?}");
    let mut last = Duration::ZERO;
    for nonce in 1..=200 {
        let (came, at) = heard(&mut there, start).await;
        assert_eq!(came, nonce, "in order");
        assert!(at >= Duration::from_secs(1) && at >= last, "{nonce} came after {at:?}");
        last = at;
    }
    // A frame may be 9 s late by its way, and by what is lost of it; not 200 times that.
    assert!(last < Duration::from_secs(60), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_arrives_at_once_when_the_link_is_mended_or_closed() {
    for closed in [false, true] {
        let (mut queue, mut there) = queue().await;
        let start = Instant::now();
        queue.set_line(line(60_000_000, 0, 0), dice);
        queue.frame(ping(1)).expect("room");
        tokio::time::sleep(Duration::from_secs(1)).await;
        queue.frame(ping(2)).expect("room");
        match closed {
            false => queue.set_line(None, dice),
            true => drop(queue),
        }
        for nonce in [1, 2] {
            let (came, at) = heard(&mut there, start).await;
            assert_eq!(came, nonce);
            assert!(at < Duration::from_secs(2), "closed: {closed}, {at:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn news_is_written_at_once_and_overtakes_nothing() {
    let (mut queue, mut there) = queue().await;
    let start = Instant::now();
    // The socket is known to take something once it has.
    queue.frame(ping(0)).expect("room");
    assert_eq!(heard(&mut there, start).await.0, 0);
    queue.frame_now(ping(1)).expect("room");
    queue.frame(ping(2)).expect("room");
    queue.frame_now(ping(3)).expect("room");
    for nonce in 1..=3 {
        assert_eq!(heard(&mut there, start).await.0, nonce);
    }
    queue.set_line(line(5_000_000, 0, 0), dice);
    queue.frame_now(ping(4)).expect("room");
    let (nonce, at) = heard(&mut there, start).await;
    assert!(nonce == 4 && at >= Duration::from_secs(5), "late like all else on a slow link: {at:?}");
}

#[tokio::test(start_paused = true)]
async fn a_link_that_becomes_faster_is_so_at_once() {
    let (mut queue, mut there) = queue().await;
    let start = Instant::now();
    queue.set_line(line(60_000_000, 0, 0), dice);
    queue.frame(ping(1)).expect("room");
    tokio::time::sleep(Duration::from_secs(1)).await;
    queue.set_line(line(3_000_000, 0, 0), dice);
    let (_, at) = heard(&mut there, start).await;
    assert!((Duration::from_secs(3)..Duration::from_secs(5)).contains(&at), "{at:?}");
}

/// Row 89 of docs/hostile.md: what waits for its time takes its room, as on any other link.
#[tokio::test(start_paused = true)]
async fn a_slow_links_queue_is_bounded_by_its_bytes() {
    let (mut queue, _there) = queue().await;
    queue.set_line(line(60_000_000, 0, 0), dice);
    let frame = bytes::Bytes::from(vec![0; 1024 * 1024]);
    queue.frame(frame.clone()).expect("room");
    queue.frame(frame.clone()).expect("room");
    assert_eq!(queue.frame(frame), Err(crate::peer::Disconnect::SendQueueFull));
}

/// However slow the link, an honest peer may have all blocks under way that it may ask for, and a whole pool, and
/// still be told of headers and of a block that it puts together.
#[tokio::test(start_paused = true)]
async fn what_may_be_asked_for_leaves_room_for_what_else_is_said() {
    let (mut queue, _there) = queue().await;
    queue.set_line(line(60_000_000, 0, 0), dice);
    for _ in 0..MAX_IN_FLIGHT / MAX_GET_BLOCKS {
        queue.stored(vec![BlockHash([0; 32]); MAX_GET_BLOCKS]).expect("room");
    }
    let content = Content { nonce: 0, data: Default::default() };
    let content = Arc::new(Transaction::Content(content));
    for _ in 0..MAX_POOL_COUNT / MAX_TRANSACTION_IDS {
        queue.transactions(&vec![content.clone(); MAX_TRANSACTION_IDS]).expect("room");
    }
    for kind in [Kind::BlockTransactions, Kind::Headers, Kind::NewBlock] {
        queue.frame(vec![0; kind.cap()].into()).unwrap_or_else(|_| panic!("room for {kind}"));
    }
}

#[tokio::test]
async fn two_nodes_agree_over_a_slow_link_and_their_pings_say_so() {
    let alice = node(1, &[]).await;
    let slow = Fault { latency_micros: 100_000, loss_ppm: 50_000, ..Fault::none(NodeId([2; 16])) };
    let set = alice.handle.command(Command::SetFaults(vec![slow])).await;
    assert_eq!(set, Ok(Answer::FaultsSet));
    let bob = node(2, &[alice.address]).await;
    let peers = |view: &crate::node::view::View<'_>| view.peers().len();
    let tip = |view: &crate::node::view::View<'_>| view.tip().hash;
    timeout(DEADLINE, async {
        while [alice.handle.view(peers).await, bob.handle.view(peers).await] != [Ok(1), Ok(1)] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("they have met");
    // Only now: a handshake over a slow link is late as well.
    let began = Instant::now();
    let hash = alice.mine().await;
    timeout(DEADLINE, async {
        while bob.handle.view(tip).await != Ok(hash) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("bob has the block");
    assert!(began.elapsed() >= Duration::from_millis(100), "it was late");
    let line = alice.handle.view(|view| view.peers()[0].line).await.expect("a peer");
    assert_eq!(line, Line::of(&slow));
    alice.stop().await;
    bob.stop().await;
}

/// Two nodes that grew apart while their link was cut have one chain once it is mended.
#[tokio::test]
async fn a_cut_lets_two_chains_grow_and_its_mending_makes_one_of_them() {
    let alice = node(1, &[]).await;
    let bob = node(2, &[alice.address]).await;
    let peers = |view: &crate::node::view::View<'_>| view.peers().len();
    let both = async |wanted: usize| {
        timeout(DEADLINE, async {
            while [alice.handle.view(peers).await, bob.handle.view(peers).await] != [Ok(wanted), Ok(wanted)] {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("in time");
    };
    let set = async |cut: bool| {
        for (node, other) in [(&alice, 2), (&bob, 1)] {
            let fault = Fault { cut: true, ..Fault::none(NodeId([other; 16])) };
            let faults = cut.then_some(fault).into_iter().collect();
            assert_eq!(node.handle.command(Command::SetFaults(faults)).await, Ok(Answer::FaultsSet));
        }
    };
    both(1).await;
    set(true).await;
    both(0).await;
    alice.mine().await;
    bob.mine().await;
    let best = bob.mine().await;
    set(false).await;
    let tip = |view: &crate::node::view::View<'_>| view.tip().hash;
    timeout(DEADLINE, async {
        while alice.handle.view(tip).await != Ok(best) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("one chain");
    alice.stop().await;
    bob.stop().await;
}
