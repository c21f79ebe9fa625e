//! Real nodes and real sockets, over loopback, on ports that the system picks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::codec::Framed;

use super::*;
use crate::encoding::List;
use crate::limits::{
    CATCHING_UP_BLOCKS, MAX_CONTENT_BYTES, MAX_GET_BLOCKS, MAX_POOL_BYTES, MAX_SEND_QUEUE_BYTES,
    MAX_TRANSACTION_IDS, POOL_SHARES,
};
use crate::node::Config;
use crate::node::io::{Answer, Command, ConnId};
use crate::params::Params;
use crate::peer::Identity;
use crate::types::{BlockHash, NodeId, Work};
use crate::wire::message::{Hello, Message, NewBlock, Ping, Role};
use crate::wire::{Frame, FrameCodec, Kind, frame};

mod hostile;
mod join;
mod names;
mod slow;

/// Generous: only a defect takes so long.
const DEADLINE: Duration = Duration::from_secs(30);

struct Running {
    handle: Handle,
    address: SocketAddr,
    task: JoinHandle<Result<(), Failed>>,
}

async fn node(n: u8, peers: &[SocketAddr]) -> Running {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let config = Config { peers: peers.to_vec(), ..Config::alone(NodeId([n; 16]), address) };
    let params = Arc::new(Params::regtest());
    let (handle, running) =
        start(Settings::ephemeral(config, params, [n; 32], listener)).expect("an empty chain");
    Running { handle, address, task: tokio::spawn(running) }
}

impl Running {
    async fn mine(&self) -> BlockHash {
        match self.handle.command(Command::Mine(None)).await {
            Ok(Answer::Mined(mined)) => mined.hash,
            other => panic!("{other:?}"),
        }
    }

    async fn stop(self) {
        assert_eq!(self.handle.command(Command::Shutdown).await, Ok(Answer::ShuttingDown));
        let ended = timeout(DEADLINE, self.task).await.expect("it stops").expect("without a panic");
        assert!(ended.is_ok());
    }
}

/// What a peer that is played by hand says first.
fn hello(n: u8) -> Hello {
    let network = Params::regtest().network();
    let identity = Identity { network, node: NodeId([n; 16]), role: Role::Node, listen_port: 0 };
    identity.hello([n; 32], (Work::ZERO, 0), Clock::wall())
}

/// A peer that is played by hand.
struct Peer(Framed<TcpStream, FrameCodec>);

impl Peer {
    async fn meet(n: u8, address: SocketAddr) -> Peer {
        let socket = TcpStream::connect(address).await.expect("a socket");
        socket.set_nodelay(true).expect("a socket");
        let mut peer = Peer(Framed::new(socket, FrameCodec::new()));
        peer.say(Message::Hello(hello(n))).await;
        assert!(matches!(peer.hear().await, Some(Message::Hello(_))));
        peer.0.codec_mut().handshake_done();
        peer
    }

    async fn say(&mut self, message: Message) {
        self.0.send(message).await.expect("the node reads");
    }

    /// The next message that is no question for headers; none once the node has closed.
    async fn hear(&mut self) -> Option<Message> {
        loop {
            match timeout(DEADLINE, self.0.next()).await.expect("a message in time")?.ok()? {
                Frame::Message(Message::GetHeaders(_)) => self.say(Message::Headers(List::default())).await,
                Frame::Message(message) => return Some(message),
                Frame::Unknown { kind, .. } => panic!("the node speaks of {kind}"),
            }
        }
    }

    /// Waits for news of the tip.
    async fn hear_of_block(&mut self) -> BlockHash {
        loop {
            match self.hear().await.expect("the connection stays") {
                Message::NewBlock(NewBlock::Push(block)) => return block.hash(),
                Message::NewBlock(NewBlock::Announce(header)) => return header.hash(),
                Message::NewBlock(NewBlock::Compact(compact)) => return compact.header.hash(),
                _ => {}
            }
        }
    }

    async fn assert_served(&mut self) {
        self.say(Message::Ping(Ping { nonce: 77 })).await;
        loop {
            if let Message::Pong(pong) = self.hear().await.expect("the connection stays") {
                return assert_eq!(pong.nonce, 77);
            }
        }
    }
}

#[tokio::test]
async fn two_nodes_find_each_other_mine_and_agree() {
    let first = node(1, &[]).await;
    for _ in 0..50 {
        first.mine().await;
    }
    let second = node(2, &[first.address]).await;
    let mut watcher = Peer::meet(3, second.address).await;
    let tip = first.handle.view(|view| view.tip()).await.expect("it runs");
    if second.handle.view(|view| view.tip()).await.expect("it runs") != tip {
        // While it catches up it tells of the last few at most.
        let mut told = 1;
        while watcher.hear_of_block().await != tip.hash {
            told += 1;
        }
        assert!(told <= CATCHING_UP_BLOCKS + 1, "told of {told} blocks");
    }
    let hash = second.mine().await;
    let mut other = Peer::meet(4, first.address).await;
    if first.handle.view(|view| view.tip().hash).await != Ok(hash) {
        assert_eq!(other.hear_of_block().await, hash);
    }
    assert_eq!(first.handle.store().read(&hash), second.handle.store().read(&hash));
    first.stop().await;
    second.stop().await;
}

/// (what it is, what is sent; then the other side is closed, or not)
/// Rows 3, 4 and 7 of docs/hostile.md.
#[tokio::test]
async fn noise_is_closed_and_others_are_served() {
    let node = node(1, &[]).await;
    let mut honest = Peer::meet(2, node.address).await;
    let unknown = |length: u32| [&length.to_be_bytes()[..], &[0x7f], &vec![0; length as usize - 1]].concat();
    let late_hello = [unknown(1), unknown(1025), frame::encode(&Message::Hello(hello(3))).to_vec()].concat();
    let rows: [(&str, &[u8], bool); 9] = [
        ("the largest length", &[0xff; 4], false),
        ("no kind", &[0; 4], false),
        ("a frame over the handshake's cap", &[0, 0, 4, 1, 0], false),
        ("a frame over it after one that was skipped, and a Hello", &late_hello, false),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", false),
        ("TLS", &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03], false),
        ("a ping before hello", &[0, 0, 0, 9, 2, 1, 2, 3, 4, 5, 6, 7, 8], false),
        ("half a frame, then the end", &[0, 0, 0, 200, 0, 1, 2, 3], true),
        ("nothing, then the end", &[], true),
    ];
    for (what, bytes, end) in rows {
        let mut socket = TcpStream::connect(node.address).await.expect("a socket");
        socket.write_all(bytes).await.expect("the first bytes are taken");
        if end {
            socket.shutdown().await.expect("our side ends");
        }
        let mut answer = Vec::new();
        // A reset is as good an end as any.
        let _ = timeout(DEADLINE, socket.read_to_end(&mut answer)).await.expect(what);
        assert!(answer.is_empty(), "{what} was answered with {answer:x?}");
        honest.assert_served().await;
    }
    node.stop().await;
}

/// Row 56 of docs/hostile.md.
#[tokio::test]
async fn who_asks_and_never_reads_is_closed_and_others_are_served() {
    let node = node(1, &[]).await;
    let data = || vec![7; 60_000].try_into().expect("within a content's limit");
    let Ok(Answer::Mined(mined)) = node.handle.command(Command::Mine(Some(data()))).await else {
        panic!("a block")
    };
    let Ok(Answer::Submitted(waits)) = node.handle.command(Command::Submit(data())).await else {
        panic!("a content")
    };
    let mut honest = Peer::meet(2, node.address).await;
    let questions = [
        Message::GetBlocks(List::clipped([mined.hash; MAX_GET_BLOCKS])),
        Message::GetTransactions(List::clipped([waits; MAX_TRANSACTION_IDS])),
    ];
    for question in questions {
        let mut greedy = Peer::meet(3, node.address).await;
        // Until the node has hung up on us, and the system says so.
        let asked = async { while greedy.0.send(question.clone()).await.is_ok() {} };
        timeout(DEADLINE, asked).await.unwrap_or_else(|_| panic!("the node closes: {}", question.kind()));
        honest.assert_served().await;
    }
    node.stop().await;
}

/// More waits than a queue of bytes would take: whoever comes may ask for all of it at once, and gets it.
#[tokio::test]
async fn a_large_pool_is_given_whole_to_whoever_asks_for_it_at_once() {
    const CONTENTS: usize = 2 * MAX_SEND_QUEUE_BYTES / 60_000;
    let node = node(1, &[]).await;
    for _ in 0..CONTENTS {
        let data = vec![7; 60_000].try_into().expect("within a content's limit");
        assert!(matches!(node.handle.command(Command::Submit(data)).await, Ok(Answer::Submitted(_))));
    }
    // Another node of ours takes what it may, and stays.
    let late = self::node(2, &[node.address]).await;
    let mut peer = Peer::meet(3, node.address).await;
    let (mut named, mut given) = (0, 0);
    while given < CONTENTS {
        match peer.hear().await.expect("the connection stays") {
            Message::HaveTransactions(ids) => {
                named += ids.len();
                peer.say(Message::GetTransactions(ids)).await;
            }
            Message::Transactions(list) => given += list.len(),
            _ => {}
        }
    }
    assert_eq!((named, given), (CONTENTS, CONTENTS));
    peer.assert_served().await;
    // The newcomer has its share once it was given so much.
    let share = MAX_POOL_BYTES / POOL_SHARES - MAX_CONTENT_BYTES;
    let full = async {
        while late.handle.view(|view| view.usage().pool_bytes).await.expect("it runs") < share {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, full).await.expect("the newcomer is given what it has room for");
    let calls = late.handle.view(|view| view.peers()).await.expect("it runs");
    assert!(matches!(&calls[..], [call] if call.conn == ConnId(1)), "on its first call");
    late.stop().await;
    node.stop().await;
}

/// Row 23 of docs/hostile.md.
#[tokio::test]
async fn a_crowd_that_says_nothing_keeps_nobody_out() {
    let node = node(1, &[]).await;
    let mut crowd = Vec::new();
    for _ in 0..300 {
        crowd.push(TcpStream::connect(node.address).await.expect("a socket"));
    }
    let mut honest = Peer::meet(2, node.address).await;
    honest.assert_served().await;
    drop(crowd);
    node.stop().await;
}

#[tokio::test]
async fn a_large_block_is_announced_and_fetched_by_all() {
    let first = node(1, &[]).await;
    let second = node(2, &[first.address]).await;
    let mut watcher = Peer::meet(3, second.address).await;
    watcher.assert_served().await;
    for n in 0..12 {
        let data = vec![n; 60_000].try_into().expect("within a content's limit");
        assert!(matches!(first.handle.command(Command::Submit(data)).await, Ok(Answer::Submitted(_))));
    }
    let hash = first.mine().await;
    assert!(first.handle.store().read(&hash).expect("undamaged").expect("it is stored").len() > 700_000);
    assert_eq!(watcher.hear_of_block().await, hash);
    assert_eq!(second.handle.store().read(&hash), first.handle.store().read(&hash));
    first.stop().await;
    second.stop().await;
}

/// A place where `node` seems to be, whose messages arrive as `lie` has them.
async fn liar(node: SocketAddr, lie: fn(Message) -> Option<Message>) -> SocketAddr {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            let called = TcpStream::connect(node).await.expect("the node is there");
            let ((mut from, to), (back, mut forth)) = (caller.into_split(), called.into_split());
            tokio::spawn(async move { tokio::io::copy(&mut from, &mut forth).await });
            tokio::spawn(async move {
                let mut said = tokio_util::codec::FramedRead::new(back, FrameCodec::new());
                let mut told = tokio_util::codec::FramedWrite::new(to, FrameCodec::new());
                while let Some(Ok(Frame::Message(message))) = said.next().await {
                    said.decoder_mut().handshake_done();
                    if let Some(message) = lie(message)
                        && told.send(message).await.is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// What a liar and a miser among three cost over real sockets; `node::tests::sync` holds the same in
/// simulated time. `cargo test --lib -- --ignored --nocapture catching_up`.
#[tokio::test]
#[ignore = "a measurement, not a check"]
async fn catching_up_from_honest_and_other_peers() {
    const BLOCKS: u64 = 20_000;
    let first = node(1, &[]).await;
    for _ in 0..BLOCKS {
        first.mine().await;
    }
    let caught_up = async |node: &Running| {
        while node.handle.view(|view| view.tip().height).await.expect("it runs") < BLOCKS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (second, third) = (node(2, &[first.address]).await, node(3, &[first.address]).await);
    caught_up(&second).await;
    caught_up(&third).await;
    let another_body = |message| match message {
        Message::Block(block) => {
            let mut other = Arc::unwrap_or_clone(block);
            other.transactions = Default::default();
            Some(Message::Block(Arc::new(other)))
        }
        message => Some(message),
    };
    let no_bodies = |message| (!matches!(message, Message::Block(_))).then_some(message);
    let honest = [first.address, liar(second.address, Some).await, liar(third.address, Some).await];
    let lying = liar(second.address, another_body).await;
    let other = [first.address, lying, liar(third.address, no_bodies).await];
    for (n, (who, peers)) in [("three honest", honest), ("a liar and a miser", other)].into_iter().enumerate()
    {
        let begun = tokio::time::Instant::now();
        let late = node(10 + n as u8, &peers).await;
        timeout(DEADLINE * 10, caught_up(&late)).await.expect(who);
        println!("{BLOCKS} blocks, {who}: {:?}", begun.elapsed());
        late.stop().await;
    }
}

/// Row 79 of docs/hostile.md.
#[tokio::test]
async fn a_command_that_nobody_waits_for_is_forgotten() {
    let params = Arc::new(Params::lab(60, None).expect("good rules"));
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let config = Config::alone(NodeId([1; 16]), listener.local_addr().expect("its address"));
    let (handle, running) =
        start(Settings::ephemeral(config, params, [1; 32], listener)).expect("an empty chain");
    let task = tokio::spawn(running);
    // Nobody finds 60 zero bits.
    let asked = handle.command(Command::Mine(None));
    assert!(timeout(Duration::from_millis(20), asked).await.is_err());
    assert_eq!(handle.view(|view| view.mining().waiting).await, Ok(0));
    assert_eq!(handle.command(Command::Shutdown).await, Ok(Answer::ShuttingDown));
    timeout(DEADLINE, task).await.expect("it stops").expect("without a panic").expect("in order");
}
