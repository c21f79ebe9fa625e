//! A task of a connection that panics, which none does unless this program has a defect.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::task::AbortHandle;
use tokio_util::codec::Framed;

use super::*;
use crate::node::view::Ban;
use crate::peer::Identity;
use crate::types::{NodeId, Work};
use crate::wire::message::{Hello, Message, Ping, Role};
use crate::wire::{Frame, FrameCodec};

/// Generous: only a defect takes so long.
const DEADLINE: Duration = Duration::from_secs(30);

fn hello(n: u8) -> Hello {
    let network = Params::regtest().network();
    let identity = Identity { network, node: NodeId([n; 16]), role: Role::Node, listen_port: 0 };
    identity.hello([n; 32], (Work::ZERO, 0), Clock::wall())
}

/// The next message that answers a Hello or a Ping; none once the node has closed.
async fn hear(peer: &mut Framed<TcpStream, FrameCodec>) -> Option<Message> {
    loop {
        let frame = timeout(DEADLINE, peer.next()).await.expect("an answer in time")?.ok()?;
        if let Frame::Message(message @ (Message::Hello(_) | Message::Pong(_))) = frame {
            return Some(message);
        }
    }
}

async fn called(address: SocketAddr) -> Framed<TcpStream, FrameCodec> {
    let mut codec = FrameCodec::new();
    codec.handshake_done();
    Framed::new(TcpStream::connect(address).await.expect("a socket"), codec)
}

/// Whoever is kept out is not forgiven because the node was killed a moment later; and however many are, the file is
/// written a few times a second at most.
#[tokio::test(start_paused = true)]
async fn who_is_kept_out_is_written_down_soon() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = Arc::new(store::Folder::take(place.path()).expect("nobody else is there"));
    let listener = listen::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    let config = Config::alone(NodeId([1; 16]), listener.local_addr().expect("its address"));
    let settings = Settings::ephemeral(config, Arc::new(Params::regtest()), [1; 32], listener);
    let settings = Settings { folder: Some(folder), ..settings };
    let (_handle, mut driver, _world) = assemble(settings).expect("an empty chain");
    driver.records.look(&driver.node.view());
    let far = Duration::from_secs(5);
    let now = tokio::time::Instant::now();
    assert!(driver.records.due() > now + far, "nothing is urgent");
    let ban = Ban { host: [10, 0, 0, 1].into(), until: Clock::wall(), why: "a lie".to_owned() };
    driver.tell(Event::HostBanned(ban.clone()));
    let due = driver.records.due();
    assert!(now < due && due < now + Duration::from_secs(1), "soon");
    tokio::time::advance(Duration::from_millis(100)).await;
    driver.tell(Event::HostBanned(ban));
    assert_eq!(driver.records.due(), due, "the next one makes it no later");
}

/// Row 59: a panic in a reader or a writer takes its connection with it, and nobody else's. The panic is
/// put where the task was, before the driver begins to run: from then on the driver is what it always is.
#[tokio::test]
async fn a_panic_in_one_connections_task_takes_that_connection_only() {
    for broken in ["reader", "writer"] {
        let listener = listen::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let config = Config::alone(NodeId([1; 16]), address);
        let settings = Settings::ephemeral(config, Arc::new(Params::regtest()), [1; 32], listener);
        let (handle, mut driver, world) = assemble(settings).expect("an empty chain");

        let mut unlucky = called(address).await;
        let (socket, from) = world.listener.accept().await.expect("it called");
        driver.accept(socket, from);
        let (conn, link) = driver.links.iter_mut().next().expect("it is connected");
        let conn = *conn;
        let panics: AbortHandle = driver.tasks.spawn(async move {
            let injected =
                || -> (ConnId, Result<(), Disconnect>) { panic!("injected into connection {conn:?}") };
            injected()
        });
        let place = if broken == "reader" { &mut link.reader } else { &mut link.writer };
        core::mem::replace(place, panics).abort();
        let running = tokio::spawn(driver.run(world));

        let mut honest = called(address).await;
        honest.send(Message::Hello(hello(2))).await.expect("sent");
        assert!(matches!(hear(&mut honest).await, Some(Message::Hello(_))), "{broken}");
        // The unlucky one may say hello, but it is closed.
        let _ = unlucky.send(Message::Hello(hello(3))).await;
        while hear(&mut unlucky).await.is_some() {}
        honest.send(Message::Ping(Ping { nonce: 7 })).await.expect("sent");
        assert_eq!(hear(&mut honest).await, Some(Message::Pong(Ping { nonce: 7 })), "{broken}");
        let peers = handle.view(|view| view.peers()).await.expect("it runs");
        assert_eq!(peers.len(), 1, "{broken}: {peers:?}");

        assert_eq!(handle.command(Command::Shutdown).await, Ok(Answer::ShuttingDown));
        timeout(DEADLINE, running).await.expect("it stops").expect("without a panic").expect("in order");
    }
}
