//! Id, register, mine, notify, shut down: the original's endpoints of a node.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout_at};

use crate::encoding;
use crate::limits::{DEFAULT_MINING_TIMEOUT, HTTP_TIMEOUT, MAX_HTTP_BODY_BYTES, MAX_REGISTER};
use crate::net::rfc3339;
use crate::node::io::{Answer, Command};
use crate::rest::body::{self, Body};
use crate::rest::contents::ContentIn;
use crate::rest::problem::Problem;
use crate::rest::routes::{Api, not_done};
use crate::rest::values::{self, duration, query};
use crate::time::UnixTime;
use crate::types::{Block, BlockHash, NodeId, Transaction, TxId, Unreachable, address};
use crate::wire::manage::{BUSY, Introduction};
use crate::wire::message::PeerAddress;

/// Bad entries of one call that are named.
const MAX_NAMED: usize = 20;

/// Who registers, as the original's clients say it.
#[derive(Deserialize)]
struct RegisterIn {
    nodes: Option<Vec<String>>,
    addresses: Option<Vec<String>>,
}

/// Who a node is, by name, as all objects here are.
#[derive(Serialize)]
struct IdJson {
    address: SocketAddr,
    http: SocketAddr,
    length: u64,
    network: String,
    node: String,
    nodes: BTreeMap<String, SocketAddr>,
    peers: usize,
    rules: String,
    tip: String,
}

impl Api {
    pub(super) async fn id(&self) -> Result<Response<Body>, Problem> {
        let moment = self.handle.moment();
        if let Some(text) = self.id.of(moment) {
            return Ok(body::written(StatusCode::OK, text));
        }
        let read = |view: &crate::node::view::View<'_>| {
            (view.info(), view.known_nodes(), view.tip(), view.peers().len())
        };
        let (info, known, tip, peers) = self.handle.view(read).await?;
        let named = known.into_iter().map(|known| (known.node.to_string(), known.address));
        let id = IdJson {
            // For whoever registers it elsewhere on this machine.
            address: address::from_here(info.listen),
            http: self.http,
            length: tip.height + 1,
            network: info.network.to_string(),
            node: info.node.to_string(),
            nodes: named.collect(),
            peers,
            rules: info.rules,
            tip: tip.hash.to_string(),
        };
        let text = body::text(&id)?;
        self.id.keep(moment, text.clone());
        Ok(body::written(StatusCode::OK, text))
    }

    pub(super) async fn register(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let bytes = body::read(request, MAX_HTTP_BODY_BYTES).await?;
        let said: RegisterIn = body::parse(&bytes)?;
        let Some(nodes) = said.nodes else {
            return Err(Problem::bad_request("Error: Please supply a valid list of nodes"));
        };
        let addresses = said.addresses.unwrap_or_default();
        if nodes.len() != addresses.len() {
            return Err(Problem::bad_request(format!(
                "nodes and addresses go in pairs: there are {} and {}",
                nodes.len(),
                addresses.len()
            )));
        }
        if nodes.len() > MAX_REGISTER {
            return Err(Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("at most {MAX_REGISTER} nodes may be registered at once"),
            ));
        }
        let introductions = introductions(&nodes, &addresses).await?;
        match self.handle.command(Command::Register(introductions)).await? {
            Answer::Registered(known) => {
                let total: Vec<String> = known.iter().map(NodeId::to_string).collect();
                let message = "New nodes have been added";
                Ok(body::json(StatusCode::CREATED, &json!({ "message": message, "total_nodes": total })))
            }
            other => Err(not_done(other)),
        }
    }

    pub(super) async fn mine(&self, request: Request<Incoming>) -> Result<Response<Body>, Problem> {
        let verbose = match query(&request, "verbose").as_deref() {
            None | Some("0" | "false") => false,
            Some("" | "1" | "true") => true,
            Some(text) => return Err(Problem::bad_request(format!("verbose={text}: expected 1 or 0"))),
        };
        let limit = match query(&request, "timeout").as_deref() {
            None => DEFAULT_MINING_TIMEOUT,
            Some(text) => {
                duration(text).map_err(|why| Problem::bad_request(format!("timeout={text}: {why}")))?
            }
        };
        let content = if request.method() == Method::POST {
            let bytes = body::read(request, MAX_HTTP_BODY_BYTES).await?;
            body::parse_or_nothing::<ContentIn>(&bytes)?.if_any()?
        } else {
            None
        };
        let with_content = content.is_some();
        match self.handle.mine(content, limit).await? {
            Answer::Mined(mined) if verbose => {
                let mut block = json!({
                    "message": "Mined",
                    "hash": mined.hash.to_string(),
                    "index": mined.height + 1,
                    "nonce": mined.nonce,
                    "tries": mined.tries,
                    "seconds": mined.micros as f64 / 1e6,
                });
                if let Some(id) = self.first_content(&mined.hash).filter(|_| with_content) {
                    block["content"] = id.to_string().into();
                }
                Ok(body::json(StatusCode::OK, &block))
            }
            Answer::Mined(_) => Ok(body::json(StatusCode::OK, &"Mined")),
            Answer::Cancelled => Err(Problem::new(
                StatusCode::GATEWAY_TIMEOUT,
                format!(
                    "no block was found within {} s; nothing is lost by asking again",
                    limit.as_secs_f64()
                ),
            )),
            Answer::MiningQueueFull => Err(mining_queue_full()),
            Answer::WrongClock { until, wait } => Err(wrong_clock(until, wait)),
            other => Err(not_done(other)),
        }
    }

    /// The id of the first content in a block: that of the mining call, if it had one.
    fn first_content(&self, hash: &BlockHash) -> Option<TxId> {
        let block: Block = encoding::decode(&self.handle.store().read(hash).ok()??).ok()?;
        block.transactions.get(1).map(Transaction::id)
    }

    pub(super) async fn notify(&self) -> Result<Response<Body>, Problem> {
        self.handle.command(Command::AskPeers).await?;
        Ok(body::json(StatusCode::OK, &"Notified"))
    }

    /// Answers first: the node stops when it gets to it, and finishes answers under way.
    pub(super) fn shut_down(&self) -> Result<Response<Body>, Problem> {
        let handle = self.handle.clone();
        tokio::spawn(async move { handle.command(Command::Shutdown).await });
        Ok(body::json(StatusCode::OK, &"Server shutting down..."))
    }
}

/// Too many want a block at once.
pub(super) fn mining_queue_full() -> Problem {
    let detail = format!("{BUSY}: they are served one after the other");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
}

/// No block can be mined until this machine's clock says so.
pub(super) fn wrong_clock(until: UnixTime, wait: Option<Duration>) -> Problem {
    let until = rfc3339(until);
    let Some(wait) = wait else {
        let detail =
            format!("no block can be mined: this machine's clock is past {until}, the last time of all");
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        return problem.hint("set this machine's clock").with("until", until).retry_after(1);
    };
    let detail = format!(
        "no block can be mined: the chain's time is ahead of this machine's clock, and only from {until} on \
         would a block not be refused as one from the future, or for building on one"
    );
    let secs = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        .hint("set this machine's clock; if it is right, the chain was mined with a clock that was ahead")
        .with("until", until)
        .retry_after(secs)
}

/// Who is where. Names are looked up one after the other, in a time that they share.
async fn introductions(nodes: &[String], addresses: &[String]) -> Result<Vec<Introduction>, Problem> {
    let end = Instant::now() + HTTP_TIMEOUT;
    let mut introductions = Vec::with_capacity(nodes.len());
    let mut bad: Vec<String> = Vec::new();
    for (at, (node, address)) in nodes.iter().zip(addresses).enumerate() {
        let node = node.parse::<NodeId>().map_err(|error| bad.push(format!("nodes[{at}]: {error}")));
        let place = resolve(address, end).await;
        let place = place.map_err(|why| bad.push(format!("addresses[{at}] {}: {why}", shown(address))));
        if let (Ok(node), Ok(address)) = (node, place) {
            introductions.push(Introduction { peer: PeerAddress { node: Some(node), address }, dial: true });
        }
    }
    match bad.first() {
        None => Ok(introductions),
        Some(first) => {
            let problem = Problem::bad_request(first.clone());
            bad.truncate(MAX_NAMED);
            Err(problem.with("bad", bad))
        }
    }
}

/// The beginning of what somebody wrote, quoted.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", values::shown(text))
}

/// The address of `host:port`. Nothing of what answers there is ever shown.
pub(super) async fn resolve(text: &str, end: Instant) -> Result<SocketAddr, String> {
    let wrong = || "expected host:port, such as 127.0.0.1:6001".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    if port.parse::<u16>().map_err(|_| wrong())? == 0 {
        // Not looked up first, if it is a name.
        return Err(Unreachable::Port.to_string());
    }
    let mut found = match text.parse::<SocketAddr>() {
        Ok(address) => address,
        // What is no name is not looked up: a resolver might take it for one.
        Err(_) if !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) => {
            return Err(wrong());
        }
        Err(_) => {
            let found = timeout_at(end, lookup_host(text)).await;
            let found = found.map_err(|_| "the name was not found in time")?;
            let found: Vec<SocketAddr> = found.map_err(|_| "the name is not known")?.collect();
            // Nodes listen on 127.0.0.1, where `localhost` is ::1 first on many machines.
            let ipv4 = found.iter().find(|address| address.is_ipv4());
            *ipv4.or(found.first()).ok_or("the name has no address")?
        }
    };
    if found.ip().is_unspecified() {
        // How the original's clients write this machine.
        let local = if found.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        found.set_ip(local);
    }
    address::reachable(found).map_err(|why| why.to_string())
}
