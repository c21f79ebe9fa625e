//! Connections to other nodes: who is there, one more, one less; and who is kept out.

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::limits::{HTTP_TIMEOUT, MAX_HTTP_BODY_BYTES};
use crate::node::io::{Answer, Command, ConnId, Direction, Place};
use crate::node::view::{Ban, PeerInfo};
use crate::rest::api::seconds;
use crate::rest::body::{self, Body};
use crate::rest::node::{resolve, shown};
use crate::rest::problem::Problem;
use crate::rest::routes::{Api, not_done};
use crate::rest::values::whole;

/// Where to connect to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddIn {
    address: String,
}

impl Api {
    pub(super) async fn peers(&self) -> Result<Response<Body>, Problem> {
        let (peers, cuts) = self.handle.view(|view| (view.peers(), view.cuts())).await?;
        let listed: Vec<Value> = peers.iter().map(|peer| self.peer_json(peer)).collect();
        let cut: Vec<String> = cuts.iter().map(ToString::to_string).collect();
        Ok(body::json(StatusCode::OK, &json!({ "peers": listed, "count": listed.len(), "cut": cut })))
    }

    fn peer_json(&self, peer: &PeerInfo) -> Value {
        let traffic = self.handle.traffic().of(peer.conn);
        json!({
            "id": peer.conn.0,
            "node": peer.node.to_string(),
            "address": peer.address,
            "direction": direction(peer.direction),
            "agent": peer.agent,
            "since": seconds(peer.since),
            "height": peer.height,
            "ping_seconds": peer.round_trip.map(|time| time.as_secs_f64()),
            "bytes_received": traffic.map(|bytes| bytes.received),
            "bytes_sent": traffic.map(|bytes| bytes.sent),
            "slow": peer.line.map(|line| json!({
                "latency_seconds": line.latency.as_secs_f64(),
                "jitter_seconds": line.jitter.as_secs_f64(),
                "loss": f64::from(line.loss_ppm) / 1e6,
            })),
        })
    }

    /// Connects, and again whenever that ends. Answers before anybody is met: `peer_ready` tells of that.
    pub(super) async fn add_peer(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let bytes = body::read(request, MAX_HTTP_BODY_BYTES).await?;
        let AddIn { address } = body::parse_plain(&bytes)?;
        let place = resolve(&address, Instant::now() + HTTP_TIMEOUT).await;
        let place =
            place.map_err(|why| Problem::bad_request(format!("the address {}: {why}", shown(&address))))?;
        match self.handle.command(Command::Connect(place)).await? {
            Answer::Connecting => Ok(body::json(StatusCode::ACCEPTED, &json!({ "address": place }))),
            Answer::OwnAddress => {
                Err(Problem::new(StatusCode::CONFLICT, format!("{place} is this node itself")))
            }
            other => Err(not_done(other)),
        }
    }

    /// Closes a connection, and stays connected to its address no longer. Whoever called us may call again,
    /// and the node may choose it by itself.
    pub(super) async fn drop_peer(&self, id: &str) -> Result<Response<Body>, Problem> {
        let place = place(id).ok_or_else(|| {
            let detail = format!("the peer {}: expected its number in /api/v1/peers, or ip:port", shown(id));
            Problem::bad_request(detail)
        })?;
        match self.handle.command(Command::Disconnect(place)).await? {
            Answer::Disconnected => Ok(body::json(StatusCode::OK, &json!({ "message": "Disconnected" }))),
            Answer::NoSuchPeer => Err(Problem::new(
                StatusCode::NOT_FOUND,
                format!("there is no peer {}, and no such address to stay connected to", shown(id)),
            )),
            other => Err(not_done(other)),
        }
    }

    /// The hosts that misbehaved and are kept out.
    pub(super) async fn bans(&self) -> Result<Response<Body>, Problem> {
        let bans = self.handle.view(|view| view.bans()).await?;
        let listed: Vec<Value> = bans.iter().map(ban_json).collect();
        Ok(body::json(StatusCode::OK, &json!({ "bans": listed, "count": listed.len() })))
    }

    /// Lets a host in again, and dials it again where it would.
    pub(super) async fn lift_ban(&self, host: &str) -> Result<Response<Body>, Problem> {
        let ip: IpAddr = decoded(host)
            .parse()
            .map_err(|_| Problem::bad_request(format!("the host {}: expected an IP address", shown(host))))?;
        match self.handle.command(Command::Forgive(ip)).await? {
            Answer::Forgiven => Ok(body::json(StatusCode::OK, &json!({ "message": "Forgiven" }))),
            Answer::NoSuchBan => {
                Err(Problem::new(StatusCode::NOT_FOUND, format!("the host {} is not kept out", shown(host))))
            }
            other => Err(not_done(other)),
        }
    }
}

pub(super) fn ban_json(ban: &Ban) -> Value {
    json!({ "host": ban.host, "until": seconds(ban.until), "why": ban.why })
}

/// Its name, for programs.
pub(super) fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    }
}

/// Which peer a path names.
fn place(id: &str) -> Option<Place> {
    if let Some(conn) = whole(id) {
        return Some(Place::Conn(ConnId(conn)));
    }
    decoded(id).parse().ok().map(Place::Address)
}

/// Clients write the colons and brackets of an address as they are, or encoded.
fn decoded(address: &str) -> String {
    let encoded = [("%3A", ":"), ("%3a", ":"), ("%5B", "["), ("%5b", "["), ("%5D", "]"), ("%5d", "]")];
    encoded.iter().fold(address.to_owned(), |address, (code, character)| address.replace(code, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_number_or_an_address() {
        let address = |text: &str| Some(Place::Address(text.parse().expect("an address")));
        let rows = [
            ("7", Some(Place::Conn(ConnId(7)))),
            ("127.0.0.1:6001", address("127.0.0.1:6001")),
            ("127.0.0.1%3a6001", address("127.0.0.1:6001")),
            ("%5B::1%5D:6001", address("[::1]:6001")),
            ("localhost:6001", None),
            ("-1", None),
            ("+1", None),
            ("", None),
        ];
        for (id, expected) in rows {
            assert_eq!(place(id), expected, "{id}");
        }
    }
}
