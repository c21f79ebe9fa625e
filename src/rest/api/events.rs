//! What happens, as Server-Sent Events.

use serde_json::{Value, json};

use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::net::events::Told;
use crate::node::io::{Event, Ids};
use crate::rest::api::peers::{ban_json, direction};
use crate::rest::api::seconds;
use crate::rest::body::Body;
use crate::rest::json::{clock, ids, place};
use crate::rest::problem::Problem;
use crate::rest::routes::Api;
use crate::rest::sse::{self, Show};

impl Api {
    pub(super) fn events(&self, request: &Request<Incoming>) -> Result<Response<Body>, Problem> {
        sse::respond(request, self.handle.events())
    }
}

impl Show for Event {
    fn json(told: &Told) -> String {
        let mut json = event_json(&told.event);
        json["seq"] = told.seq.into();
        json["time"] = seconds(told.at).into();
        json["type"] = told.event.name().into();
        json.to_string()
    }
}

fn event_json(event: &Event) -> Value {
    match event {
        Event::PeerReady { conn, node, address, direction: who } => json!({
            "peer": conn.0, "node": node.to_string(), "address": address, "direction": direction(*who),
        }),
        Event::PeerClosed { conn, node, address, why } => json!({
            "peer": conn.0, "node": node.map(|node| node.to_string()), "address": address,
            "why": why.to_string(),
        }),
        Event::DialFailed { address, error } => json!({ "address": address, "why": error }),
        Event::HostBanned(ban) => ban_json(ban),
        Event::TipChanged { tip, connected, reverted } => json!({
            "hash": tip.hash.to_string(), "height": tip.height, "work": tip.work.to_string(),
            "connected": connected, "reverted": reverted,
        }),
        Event::BlockMined { hash, height, tries } => json!({
            "hash": hash.to_string(), "height": height, "tries": tries,
        }),
        Event::BlockRefused { hash, previous, height, rule, from, .. } => json!({
            "hash": hash.to_string(), "previous": previous.to_string(), "height": height, "rule": rule.name(), "why": rule.to_string(),
            "from": from.map(|node| node.to_string()),
        }),
        Event::ManagerAccepted { conn } => json!({ "peer": conn.0 }),
        Event::BlockSeen {
            hash,
            previous,
            height,
            time,
            bits,
            work,
            bytes,
            transactions,
            miner,
            content,
            giver,
        } => json!({
            "hash": hash.to_string(), "previous": previous.to_string(), "height": height,
            "header_time": time, "bits": bits.to_string(), "work": work.to_string(), "bytes": bytes,
            "transactions": transactions, "miner": miner.to_string(),
            "content": Some(content.as_str()).filter(|content| !content.is_empty()),
            "origin": giver.origin.name(),
            "from": giver.node.map(|node| node.to_string()),
        }),
        Event::Reorg { from, to, ancestor, depth, returned, dropped } => json!({
            "old": place(&from.hash, from.height),
            "new": place(&to.hash, to.height),
            "ancestor": place(&ancestor.hash, ancestor.height),
            "depth": depth, "returned": ids_json(returned), "dropped": dropped,
        }),
        Event::PoolChanged { came, went, count, bytes } => json!({
            "came": ids_json(came), "went": ids_json(went), "count": count, "bytes": bytes,
        }),
        Event::MiningSet { hashrate } => json!({ "hashrate": hashrate }),
        Event::MiningPaused { until, .. } => json!({ "until": seconds(*until) }),
        Event::Clock(offset) => clock(offset),
        Event::FaultsSet { cut, slow } => json!({ "cut": cut, "slow": slow }),
        Event::StoreFailed { why } => json!({ "why": why }),
    }
}

fn ids_json(told: &Ids) -> Value {
    ids(&told.first, told.count as u64)
}
