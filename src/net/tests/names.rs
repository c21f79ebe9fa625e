//! Peers that are named by their host.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::net::names::{Names, follow_by};

/// How often each of two names was looked up.
#[derive(Default)]
struct Asked {
    friend: AtomicUsize,
    /// Whom nobody knows, ever: once in every round.
    nobody: AtomicUsize,
}

/// A node that looks its friend up in `book`, every few milliseconds while it has no such peer.
async fn looking_up(book: Arc<Mutex<Vec<SocketAddr>>>, asked: Arc<Asked>) -> (Running, JoinHandle<()>) {
    let node = node(9, &[]).await;
    let names = Names::new(["friend:6000", "nobody:6000"].map(str::to_owned), &[]);
    let look_up = move |name: String| {
        let (count, found) = match name.as_str() {
            "friend:6000" => (&asked.friend, book.lock().expect("a book").clone()),
            _ => (&asked.nobody, Vec::new()),
        };
        count.fetch_add(1, Ordering::Relaxed);
        core::future::ready(match found.is_empty() {
            true => Err(std::io::Error::other("not known")),
            false => Ok(found),
        })
    };
    let following = follow_by(names, node.handle.clone(), Duration::from_millis(5), look_up);
    (node, tokio::spawn(following))
}

/// Waits for so many more rounds of looking up.
async fn rounds(asked: &Asked, more: usize) {
    let until = asked.nobody.load(Ordering::Relaxed) + more;
    let round = async {
        while asked.nobody.load(Ordering::Relaxed) < until {
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE, round).await.expect("it looks names up");
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
    let asked: Arc<Asked> = asked;
    rounds(&asked, 3).await;
    let nobodys = SocketAddr::from(([127, 0, 0, 1], 9));
    put(&[nobodys, first.address]);
    met(&node, &first).await;
    // The look-up of a round that began before that.
    rounds(&asked, 2).await;
    let once_met = asked.friend.load(Ordering::Relaxed);
    rounds(&asked, 3).await;
    assert_eq!(asked.friend.load(Ordering::Relaxed), once_met, "nobody asks while it is there");
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
