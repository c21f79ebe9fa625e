//! POST /nodes/register cannot be made to speak for whoever calls it (row 78).

use bytes::BytesMut;
use serde_json::json;
use tokio_util::codec::Decoder;

use super::*;
use crate::wire::message::Message;
use crate::wire::{Frame, FrameCodec};

const SECRET: &str = "the-secret-of-an-internal-service";

/// A service that is no node: it says `banner` to whoever comes, and what it heard until they left.
async fn service(banner: String) -> (SocketAddr, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let heard = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("somebody comes");
        // Whoever is not understood may leave before all is said.
        let _ = socket.write_all(banner.as_bytes()).await;
        let _ = socket.shutdown().await;
        let mut heard = Vec::new();
        let _ = socket.read_to_end(&mut heard).await;
        heard
    });
    (address, heard)
}

#[tokio::test]
async fn an_internal_service_hears_our_handshake_and_its_answer_is_shown_to_nobody() {
    let node = node(1).await;
    let banners = [
        String::new(),
        format!("SSH-2.0-{SECRET}\r\n"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{SECRET}"),
        format!("-ERR {SECRET}\r\n").repeat(5_000),
    ];
    for (at, banner) in banners.into_iter().enumerate() {
        let (address, heard) = service(banner).await;
        // What could be smuggled goes into every member that the caller writes.
        let id = format!("a{at}").repeat(16);
        let body = json!({ "nodes": [id], "addresses": [address], "x": "\r\nGET / HTTP/1.1\r\n\r\n" });
        let answer = post(node.http, "/nodes/register", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let heard = timeout(SOON, heard).await.unwrap_or_else(|_| panic!("nobody came to {at}, or left"));
        let heard = heard.expect("no panic");
        let mut bytes = BytesMut::from(&heard[..]);
        let first = FrameCodec::new().decode(&mut bytes).expect("a frame");
        assert!(matches!(first, Some(Frame::Message(Message::Hello(_)))), "{first:?}");
        assert!(bytes.is_empty(), "and nothing after it: {bytes:?}");
        for path in ["/node/id", "/chain", "/transactions", "/nothing"] {
            assert!(!get(node.http, path).await.body.contains(SECRET), "{path}");
        }
        assert!(!answer.body.contains(SECRET));
    }
}

/// Row 18 of docs/hostile.md.
#[tokio::test]
async fn a_node_is_not_its_own_neighbour() {
    let node = node(1).await;
    let us = node.id.to_string();
    let other = "ab".repeat(16);
    let zero = format!("0.0.0.0:{}", node.listen.port());
    for (ids, addresses) in [
        (vec![&us], vec![node.listen.to_string()]),
        (vec![&us, &us], vec![node.listen.to_string(), zero.clone()]),
        (vec![&other], vec![node.listen.to_string()]),
    ] {
        let body = json!({ "nodes": ids, "addresses": addresses });
        let answer = post(node.http, "/nodes/register", &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert!(!answer.body.contains(&us), "{answer:?}");
    }
    let id = get(node.http, "/node/id").await.json();
    assert!(id["nodes"].as_object().is_some_and(|nodes| !nodes.contains_key(&us)), "{id}");
    assert!(!node.running.is_finished());
}
