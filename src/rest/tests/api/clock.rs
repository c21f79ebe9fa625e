//! A node that has no blocks because its clock is wrong is not ready, and says why.

use futures_util::{SinkExt, StreamExt};
use tokio_util::codec::Framed;

use super::*;
use crate::net::clock::Clock;
use crate::peer::Identity;
use crate::types::{Header, Work};
use crate::wire::message::{Hello, Message, NewBlock, Ping, Role};
use crate::wire::{Frame, FrameCodec};

const AHEAD_SECS: u64 = 3 * 3600;

/// A header after genesis of a time to come.
fn header(params: &Params) -> Header {
    let genesis = params.genesis();
    let time = u32::try_from(Clock::wall().secs() + AHEAD_SECS).expect("before 2106");
    let mut header = Header { previous: genesis.hash(), time, ..genesis.header };
    let target = header.bits.to_target().expect("good bits");
    while !target.is_met_by(&header.hash()) {
        header.nonce += 1;
    }
    header
}

/// A peer whose clock is so many seconds ahead, which tells of a header of a time to come or does not, and stays.
async fn peer(node: &Node, ahead: u64, tells: bool) -> Framed<TcpStream, FrameCodec> {
    let params = Params::regtest();
    let identity =
        Identity { network: params.network(), node: NodeId([9; 16]), role: Role::Node, listen_port: 0 };
    let hello = identity.hello([9; 32], (Work::ZERO, 0), Clock::wall());
    let hello = Hello { time: hello.time + ahead * 1000, ..hello };
    let mut codec = FrameCodec::new();
    codec.handshake_done();
    let mut peer = Framed::new(TcpStream::connect(node.listen).await.expect("a connection"), codec);
    let news = tells.then(|| Message::NewBlock(NewBlock::Announce(header(&params))));
    let said = [Some(Message::Hello(hello)), news, Some(Message::Ping(Ping { nonce: 7 }))];
    for message in said.into_iter().flatten() {
        peer.send(message).await.expect("it is taken");
    }
    loop {
        let frame = timeout(SOON, peer.next()).await.expect("an answer in time").expect("a connection");
        if matches!(frame.expect("a frame"), Frame::Message(Message::Pong(_))) {
            return peer;
        }
    }
}

#[tokio::test]
async fn a_node_whose_clock_keeps_blocks_waiting_is_not_ready() {
    // (seconds that the peer's clock is ahead, whether a header waits, status)
    for (ahead, waits, status) in [(0, true, 200), (AHEAD_SECS, false, 200), (AHEAD_SECS, true, 503)] {
        let node = node(1).await;
        assert_eq!(read(&node, "/info").await["clock_offset_seconds"], Value::Null, "nobody is there");
        let _peer = peer(&node, ahead, waits).await;
        let ready = get(node.http, "/readyz").await;
        assert_eq!(ready.status, status, "{ahead} {waits}: {ready:?}");
        if status == 503 {
            let problem = ready.json();
            let detail = "this machine's clock is 3.0 h behind that of its only peer, or that one is wrong";
            assert!(text(&problem["detail"]).starts_with(detail), "{problem}");
            assert!(text(&problem["hint"]).starts_with("set the clock"), "{problem}");
        }
        let offset = read(&node, "/info").await["clock_offset_seconds"].as_f64().expect("a number");
        assert!((offset - ahead as f64).abs() < 60.0, "{offset}");
        let metrics = get(node.http, "/metrics").await.body;
        assert!(metrics.contains("\np2pnode_clock_offset_seconds "), "{metrics}");
    }
}
