//! Requests passed on to another server of this machine, so that a page of one origin reaches them all.

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits::RELAY_TIMEOUT;
use crate::rest::body::Body;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// About one connection, and not about the request (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Why a request did not get through.
#[derive(Debug, thiserror::Error)]
pub enum NotRelayed {
    /// Returned when nobody takes the connection.
    #[error("it does not take connections: {0}")]
    Unreachable(std::io::Error),
    /// Returned when it takes none in time.
    #[error("it takes no connection within {} s", RELAY_TIMEOUT.as_secs())]
    Timeout,
    /// Returned when what it says is no answer, or is cut off.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
}

/// Passes `request` on to the server at `to`, as one for `path` there, and its answer back: bodies as they
/// come, both ways. Whether the caller may ask was settled at our gates, so that the other server is not told
/// of the page (`Origin`) that it does not know.
pub async fn relay(
    request: Request<Incoming>,
    to: SocketAddr,
    path: Uri,
) -> Result<Response<Body>, NotRelayed> {
    let connecting = timeout(RELAY_TIMEOUT, TcpStream::connect(to)).await;
    let socket = connecting.map_err(|_| NotRelayed::Timeout)?.map_err(NotRelayed::Unreachable)?;
    let _ = socket.set_nodelay(true);
    let (mut sender, connection) = http1::handshake(TokioIo::new(socket)).await?;
    // Ends with the answer's last byte, or when whoever asked has gone.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%to, %error, "a relayed request ended early");
        }
    });
    let (mut head, body) = request.into_parts();
    head.uri = path;
    head.extensions.clear();
    drop_hops(&mut head.headers);
    head.headers.remove(ORIGIN);
    // Whoever asked was told to go on already.
    head.headers.remove(EXPECT);
    if let Ok(host) = HeaderValue::try_from(to.to_string()) {
        head.headers.insert(HOST, host);
    }
    let answer = sender.send_request(Request::from_parts(head, body)).await?;
    let (mut head, body) = answer.into_parts();
    drop_hops(&mut head.headers);
    Ok(Response::from_parts(head, Body::Relayed(body)))
}

fn drop_hops(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_one_connection_stays_there() {
        let mut headers = HeaderMap::new();
        let rows = [
            ("connection", "keep-alive, X-Own"),
            ("x-own", "1"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("last-event-id", "1.2"),
            ("content-type", "application/json"),
        ];
        for (name, value) in rows {
            headers.insert(name, HeaderValue::from_static(value));
        }
        drop_hops(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-type", "last-event-id"]);
    }
}
