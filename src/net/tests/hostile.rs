//! What a socket can do to a node: cost memory, take its time, fill its ears, and not listen.

use core::time::Duration;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use super::*;
use crate::limits::{
    MAX_BLOCK_BYTES, MAX_HEADERS, MAX_UNKNOWN_FRAME_BYTES, MAX_UNKNOWN_FRAMES, SLOW_FRAME_AFTER,
};
use crate::net::arrivals::Arrivals;
use crate::net::connection::{self, Incoming};
use crate::net::traffic::Meter;
use crate::net::writer;
use crate::node::io::{ConnId, Input};
use crate::peer::Disconnect;
use crate::store::{Store, StoredBlock};
use crate::wire::message::{Bye, ByeReason, GetHeaders};

/// What a connection that sent a length and nothing else may cost, in bytes.
const IDLE_BYTES: u64 = 64 * 1024;

/// Row 2: a thousand connections, as if the caps allowed them, that each claim the largest frame and send
/// one byte of it.
#[test]
fn a_thousand_lengths_without_a_frame_cost_little() {
    const COUNT: u64 = 1000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut ends = Vec::new();
    let cost = allocation_counter::measure(|| {
        ends = runtime.block_on(async {
            let params = Arc::new(Params::regtest());
            let (store, _committed) = Store::memory(StoredBlock::from(params.genesis()));
            let (core, mut inputs) = mpsc::channel::<Incoming>(16);
            let lingering = Arc::new(Semaphore::new(0));
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
            let address = listener.local_addr().expect("its address");
            let hello = frame::encode(&Message::Hello(hello(2)));
            let claim = [&(MAX_BLOCK_BYTES as u32).to_be_bytes()[..], &[Kind::Block as u8]].concat();
            let mut ends = Vec::new();
            for n in 0..COUNT {
                let mut client = TcpStream::connect(address).await.expect("a socket");
                let (socket, _) = listener.accept().await.expect("it called");
                let (reading, writing) = socket.into_split();
                let (queue, drain) = writer::queue(writing, Meter::default());
                tokio::spawn(connection::read(
                    ConnId(n),
                    reading,
                    params.clone(),
                    core.clone(),
                    Meter::default(),
                    Arrivals::default(),
                ));
                tokio::spawn(writer::drain(drain, store.clone(), lingering.clone()));
                client.write_all(&hello).await.expect("sent");
                // The core looks at it, and larger frames are taken from then on.
                assert!(matches!(inputs.recv().await, Some(Incoming { input: Input::Message(..), .. })));
                client.write_all(&claim).await.expect("sent");
                ends.push((client, queue));
            }
            // Once more around, so that every reader has read.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            ends
        });
    });
    let each = u64::try_from(cost.bytes_current).expect("something is held") / COUNT;
    println!("{each} bytes for each connection, of {IDLE_BYTES} that it may cost");
    assert_eq!(ends.len() as u64, COUNT);
    assert!(each > 500, "{each}: the readers were there");
    assert!(each < IDLE_BYTES, "{each} bytes for each connection");
}

/// A connection's reader, and what it tells the core.
async fn reader() -> (TcpStream, mpsc::Receiver<Incoming>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let client = TcpStream::connect(listener.local_addr().expect("its address")).await.expect("a socket");
    let (socket, _) = listener.accept().await.expect("it called");
    let (reading, writing) = socket.into_split();
    let (core, inputs) = mpsc::channel(16);
    tokio::spawn(async move {
        connection::read(
            ConnId(1),
            reading,
            Arc::new(Params::regtest()),
            core,
            Meter::default(),
            Arrivals::default(),
        )
        .await;
        drop(writing);
    });
    (client, inputs)
}

/// Row 5: a frame that trickles in is not waited for; one that comes at the least rate is. The clock is the
/// test's, and goes on when nobody has anything to do.
#[tokio::test(start_paused = true)]
async fn a_frame_that_trickles_in_is_not_waited_for() {
    let ping = frame::encode(&Message::Ping(Ping { nonce: 1 }));
    // (bytes at a time, and how often; whether it is too slow)
    for (step, every, too_slow) in [(1, 10, true), (1, 1, false), (4, 29, true)] {
        let (mut client, mut inputs) = reader().await;
        let begun = tokio::time::Instant::now();
        let writing = async {
            for piece in ping.chunks(step) {
                client.write_all(piece).await.expect("sent");
                tokio::time::sleep(Duration::from_secs(every)).await;
            }
            core::future::pending::<()>().await;
        };
        let hear = async {
            loop {
                match inputs.recv().await.expect("the reader lives").input {
                    // That more of it comes is said on the way.
                    Input::Arriving(_) => {}
                    input => return input,
                }
            }
        };
        let heard = tokio::select! {
            heard = hear => heard,
            () = writing => unreachable!("it never ends"),
        };
        match heard {
            Input::Closed(_, Disconnect::SlowFrame) => {
                assert!(too_slow, "{step} bytes every {every} s");
                assert!(begun.elapsed() >= SLOW_FRAME_AFTER && begun.elapsed() < 2 * SLOW_FRAME_AFTER);
            }
            Input::Message(_, Message::Ping(_)) => assert!(!too_slow, "{step} bytes every {every} s"),
            other => panic!("{other:?}"),
        }
    }
}

/// Row 4: whoever resets in the middle of a frame is gone, and that is all.
#[tokio::test]
async fn a_reset_inside_a_frame_hurts_nobody() {
    let node = node(1, &[]).await;
    let mut honest = Peer::meet(2, node.address).await;
    let large = frame::encode(&Message::Headers(List::clipped(vec![
        Params::regtest().genesis().header;
        MAX_HEADERS
    ])));
    for end in [1, 4, 5, 100, large.len() - 1] {
        let mut peer = Peer::meet(3, node.address).await;
        peer.assert_served().await;
        let socket = peer.0.get_mut();
        socket.write_all(&large[..end]).await.expect("sent");
        socket.set_zero_linger().expect("a reset at the end");
        drop(peer);
        honest.assert_served().await;
    }
    node.stop().await;
}

/// Calls, says hello and sends `junk` for as long as it is borne, again and again; counts the bytes it got rid of.
fn flood(address: SocketAddr, n: u8, junk: &[u8], stop: &AtomicBool, sent: &AtomicUsize) {
    use std::io::Write;
    while !stop.load(Ordering::Relaxed) {
        let mut socket = std::net::TcpStream::connect(address).expect("it listens");
        let _ = socket.write_all(&frame::encode(&Message::Hello(hello(n))));
        while !stop.load(Ordering::Relaxed) && socket.write_all(junk).is_ok() {
            sent.fetch_add(junk.len(), Ordering::Relaxed);
        }
    }
}

/// Row 14: peers that send junk at full speed, each closed for it and back at once, keep nobody from being
/// answered, each in its time, until so much has come that it was a flood. The slowest answer is printed.
#[tokio::test]
async fn junk_at_full_speed_delays_nobody() {
    const PINGS: u32 = 20;
    const FLOOD: usize = 8 << 20;
    let node = node(1, &[]).await;
    let address = node.address;
    let mut honest = Peer::meet(2, address).await;
    honest.assert_served().await;
    // Well framed, of a kind that nobody knows: sixteen are borne, 64 KiB each.
    let unknown = {
        let length = MAX_UNKNOWN_FRAME_BYTES;
        [&(length as u32).to_be_bytes()[..], &vec![0x7f; length]].concat()
    };
    // A block without proof of work: refused once its mebibyte has come.
    let block = {
        let length = MAX_BLOCK_BYTES;
        [&(length as u32).to_be_bytes()[..], &[Kind::Block as u8], &vec![0; length - 1]].concat()
    };
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let floods: Vec<_> = [unknown, block]
        .into_iter()
        .zip(3..)
        .map(|(junk, n)| {
            let (stop, sent) = (stop.clone(), sent.clone());
            std::thread::spawn(move || flood(address, n, &junk, &stop, &sent))
        })
        .collect();
    let mut slowest = Duration::ZERO;
    // Ten pings a second are borne.
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    let mut pings = 0;
    while pings < PINGS || sent.load(Ordering::Relaxed) < FLOOD {
        assert!(pings < 100 * PINGS, "there is no flood");
        pings += 1;
        pace.tick().await;
        let asked = tokio::time::Instant::now();
        honest.assert_served().await;
        slowest = slowest.max(asked.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    // Elsewhere: they wait for the node, which runs here.
    let all = move || floods.into_iter().for_each(|flood| flood.join().expect("it flooded"));
    tokio::task::spawn_blocking(all).await.expect("they end");
    println!(
        "slowest of {pings} answers, while {} MiB of junk came: {slowest:?}",
        sent.load(Ordering::Relaxed) >> 20
    );
    node.stop().await;
}

/// Whoever is closed for what it says still has much of that on the way, and has not read much of what was answered: it
/// reads to the end why.
#[tokio::test]
async fn who_is_closed_in_the_middle_of_a_flood_reads_why() {
    let node = node(1, &[]).await;
    let question = frame::encode(&Message::GetHeaders(GetHeaders { locator: List::default(), stop: None }));
    // Borne, and answered; then not borne, however slow the machine is; and more of it.
    let unknown = [0, 0, 0, 1, 0x7f].repeat(MAX_UNKNOWN_FRAMES as usize + 1);
    let flood = [question.repeat(19_000), unknown, question.repeat(40_000)].concat();
    for n in 2..5 {
        let mut peer = Peer::meet(n, node.address).await;
        // It may be closed before it has said all of it.
        let _ = timeout(DEADLINE, peer.0.get_mut().write_all(&flood)).await.expect("the node reads");
        let is_there = async || !node.handle.view(|view| view.peers()).await.expect("it runs").is_empty();
        timeout(DEADLINE, async { while is_there().await {} }).await.expect("it is closed");
        // Once more around, so that its writer has written.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let mut last = None;
        while let Some(frame) = timeout(DEADLINE, peer.0.next()).await.expect("the end in time") {
            let Frame::Message(message) = frame.expect("no reset") else {
                panic!("a kind that nobody knows")
            };
            last = Some(message);
        }
        assert!(
            matches!(&last, Some(Message::Bye(Bye { reason: ByeReason::Misbehaviour, .. }))),
            "{n}: {last:?}"
        );
    }
    node.stop().await;
}

/// Row 15: both sides have megabytes to say, and we say ours before we read a byte.
#[tokio::test]
async fn both_may_speak_at_once_and_listen_later() {
    /// Questions of 2 KiB: four megabytes and more, all answered in a few bytes.
    const QUESTIONS: usize = 2200;
    /// What is asked for: near five megabytes.
    const BLOCKS: usize = 80;
    let node = node(1, &[]).await;
    let data = vec![7; 60_000].try_into().expect("within a content's limit");
    let Ok(Answer::Mined(mined)) = node.handle.command(Command::Mine(Some(data))).await else {
        panic!("a block")
    };
    let mut peer = Peer::meet(2, node.address).await;
    peer.assert_served().await;
    let locator = List::clipped([BlockHash([9; 32]); 64]);
    let question = frame::encode(&Message::GetHeaders(GetHeaders { locator, stop: Some(mined.hash) }));
    let want = frame::encode(&Message::GetBlocks(List::clipped([mined.hash; 16])));
    let mut all = want.repeat(BLOCKS / 16);
    all.extend(question.repeat(QUESTIONS));
    assert!(all.len() > 4 << 20);
    let written = timeout(DEADLINE, peer.0.get_mut().write_all(&all)).await;
    written.expect("the node reads whatever it has to write").expect("and stays");
    let (mut blocks, mut headers) = (0, 0);
    while (blocks, headers) != (BLOCKS, QUESTIONS) {
        match peer.hear().await.expect("the connection stays") {
            Message::Block(_) => blocks += 1,
            Message::Headers(_) => headers += 1,
            _ => {}
        }
    }
    node.stop().await;
}
