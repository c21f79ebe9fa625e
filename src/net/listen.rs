//! Sockets from others.

use std::io;
use std::net::SocketAddr;

use core::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

use crate::limits::LISTEN_BACKLOG;

/// Accepted sockets that wait for the driver.
const WAITING: usize = 64;

/// Pause after a failed accept: out of file descriptors, most likely, which only time mends.
const PAUSE: Duration = Duration::from_millis(100);

/// A socket, and where it comes from.
pub(super) type Accepted = (TcpStream, SocketAddr);

/// Takes connections at `address`; port 0 takes any free one.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A node that is started again takes its port back, whatever is left of its old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

/// Accepts for as long as somebody takes the sockets.
pub(super) async fn accept(listener: TcpListener, sockets: mpsc::Sender<Accepted>) {
    loop {
        match listener.accept().await {
            Ok(accepted) => {
                if sockets.send(accepted).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The channel for [`accept`].
pub(super) fn channel() -> (mpsc::Sender<Accepted>, mpsc::Receiver<Accepted>) {
    mpsc::channel(WAITING)
}
