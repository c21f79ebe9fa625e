//! Peers that are named by their host.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::net::names::{Names, follow_by};

/// A node that looks `name` up in `book`, every few milliseconds while it has no such peer.
async fn looking_up(book: Arc<Mutex<Vec<SocketAddr>>>, asked: Arc<AtomicUsize>) -> (Running, JoinHandle<()>) {
    let node = node(9, &[]).await;
    let names = Names::new(["friend:6000".to_owned()], &[]);
    let look_up = move |name: String| {
        assert_eq!(name, "friend:6000");
        asked.fetch_add(1, Ordering::Relaxed);
        let found = book.lock().expect("a book").clone();
        core::future::ready(match found.is_empty() {
            true => Err(std::io::Error::other("not known")),
            false => Ok(found),
        })
    };
    let following = follow_by(names, node.handle.clone(), Duration::from_millis(5), look_up);
    (node, tokio::spawn(following))
}

/// Waits until `node` is connected to `other` and to nobody else.
async fn met(node: &Running, other: &Running) {
    let meet = async {
        loop {
            let peers = node.handle.view(|view| view.peers()).await.expect("it runs");
            match &peers[..] {
                [peer] if peer.address == other.address => return,
                _ => tokio::task::yield_now().await,
            }
        }
    };
    timeout(DEADLINE, meet).await.expect("they meet");
}

#[tokio::test]
async fn a_peer_that_comes_back_elsewhere_under_its_name_is_found() {
    let (first, second) = (node(1, &[]).await, node(2, &[]).await);
    let (book, asked) = (Arc::default(), Arc::default());
    let (node, following) = looking_up(Arc::clone(&book), Arc::clone(&asked)).await;
    let put = |addresses: &[SocketAddr]| *book.lock().expect("a book") = addresses.to_vec();
    // Not known yet; then somewhere, and the first of its addresses is nobody's.
    while asked.load(Ordering::Relaxed) < 3 {
        tokio::task::yield_now().await;
    }
    let nobodys = SocketAddr::from(([127, 0, 0, 1], 9));
    put(&[nobodys, first.address]);
    met(&node, &first).await;
    let once_met = asked.load(Ordering::Relaxed);
    node.handle.command(Command::Mine(None)).await.expect("it runs");
    assert!(asked.load(Ordering::Relaxed) <= once_met + 1, "nobody asks while it is there");
    put(&[second.address]);
    first.stop().await;
    met(&node, &second).await;
    // What the name stands for no more is not dialled any more.
    let kept = node.handle.view(|view| view.addresses()).await.expect("it runs");
    let dialled: Vec<SocketAddr> =
        kept.iter().filter(|known| known.dial).map(|known| known.address).collect();
    assert_eq!(dialled, [second.address]);
    second.stop().await;
    node.stop().await;
    timeout(DEADLINE, following).await.expect("it ends with its node").expect("without a panic");
}
