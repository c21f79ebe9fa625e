//! Who the node is, how far it is, and whether it is well.

use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::chain::{Entry, Tip};
use crate::net::clock::Clock;
use crate::net::rfc3339;
use crate::node::io::{ClockOffset, Direction};
use crate::node::view::Progress;
use crate::rest::api::seconds;
use crate::rest::body::{self, Body};
use crate::rest::json::place;
use crate::rest::problem::Problem;
use crate::rest::routes::Api;
use crate::types::Target;

impl Api {
    pub(super) async fn info(&self) -> Result<Response<Body>, Problem> {
        let (info, progress, entry, peers, pool, mining, clock) = self
            .handle
            .view(|view| {
                let progress = view.progress();
                let entry = view.entry(&progress.committed.hash);
                let (pool, mining, clock) = (view.pool_size(), view.mining(), view.clock_offset());
                (view.info(), progress, entry, view.peers(), pool, mining, clock)
            })
            .await?;
        let inbound = peers.iter().filter(|peer| peer.direction == Direction::Inbound).count();
        let store = self.handle.store();
        Ok(body::json(
            StatusCode::OK,
            &json!({
                "node": info.node.to_string(),
                "agent": info.agent,
                "network": { "id": info.network.to_string(), "rules": info.rules },
                "listen": info.listen,
                "http": self.http,
                "tip": entry.map(|entry| self.tip_json(&entry)),
                "progress": progress_json(&progress),
                "peers": { "inbound": inbound, "outbound": peers.len() - inbound },
                "pool": { "count": pool.0, "bytes": pool.1 },
                "mining": { "hashrate": mining.background, "rate": self.handle.mining().rate },
                "store": { "blocks": store.blocks(), "bytes": store.bytes() },
                "memory": { "resident_bytes": resident_bytes(std::process::id()) },
                "started": seconds(self.handle.start()),
                "uptime_seconds": self.handle.uptime().as_secs_f64(),
                "clock_offset_seconds": clock.map(|offset| offset.seconds()),
            }),
        ))
    }

    pub(super) async fn api_tip(&self) -> Result<Response<Body>, Problem> {
        let entry = self.handle.view(|view| view.entry(&view.tip().hash)).await?;
        let entry = entry.ok_or_else(Problem::internal)?;
        Ok(body::json(StatusCode::OK, &self.tip_json(&entry)))
    }

    fn tip_json(&self, entry: &Entry) -> Value {
        let target = entry.header.bits.to_target().ok();
        json!({
            "hash": entry.hash.to_string(),
            "height": entry.height,
            "work": entry.work.to_string(),
            "time": entry.header.time,
            "bits": entry.header.bits.to_string(),
            "target": target.map(target_hex),
            "difficulty": target.map(|target| self.difficulty(target)),
            "expected_hashes": target.map(|target| target.work().to_string()),
        })
    }

    /// How many times as hard as the easiest target of the network.
    pub(super) fn difficulty(&self, target: Target) -> f64 {
        target.work().to_f64() / self.params.limit().work().to_f64()
    }

    /// Whether the core answers at all.
    pub(super) async fn health(&self) -> Result<Response<Body>, Problem> {
        self.handle.view(|_| ()).await?;
        Ok(body::json(StatusCode::OK, &json!({ "status": "ok" })))
    }

    /// Whether the node has what its peers have: it is not so while bodies of a chain with more work than
    /// ours are to come, blocks wait because this machine's clock is behind, or the chain has a block from the
    /// future, which peers with the same clock do not take.
    pub(super) async fn ready(&self) -> Result<Response<Body>, Problem> {
        let now = Clock::wall();
        let (progress, is_catching_up, kept_by, until) = self
            .handle
            .view(move |view| {
                let keeps = |clock: &ClockOffset| clock.is_off && clock.is_behind() && view.waits_for_time();
                let kept_by = view.clock_offset().filter(keeps);
                (view.progress(), view.is_catching_up(), kept_by, view.from_future(now))
            })
            .await?;
        let Progress { committed, best_header, .. } = progress;
        if is_catching_up {
            let behind = best_header.height.saturating_sub(committed.height);
            let detail = format!("catching up: at height {}, {behind} blocks behind", committed.height);
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1);
            return Err(problem.with("height", committed.height).with("best_header", best_header.height));
        }
        if let Some(clock) = kept_by {
            let detail = format!("this machine's clock is {clock}: blocks wait here for their time");
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1);
            let hint = "set the clock: that is noticed within a second";
            return Err(problem.hint(hint).with("clock_offset_seconds", clock.seconds()));
        }
        if let Some(until) = until {
            let until = rfc3339(until);
            let detail = format!("the chain has a block from the future, which others take from {until} on");
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1);
            let hint = "set this machine's clock; if it is right, it was ahead when that block was taken";
            return Err(problem.hint(hint).with("until", until));
        }
        Ok(body::json(StatusCode::OK, &json!({ "status": "ready", "height": committed.height })))
    }
}

fn progress_json(progress: &Progress) -> Value {
    let place = |tip: &Tip| place(&tip.hash, tip.height);
    json!({
        "committed": place(&progress.committed),
        "in_memory": place(&progress.in_memory),
        "best_header": place(&progress.best_header),
    })
}

/// 64 hex digits.
pub(super) fn target_hex(target: Target) -> String {
    format!("{:064x}", target.to_u256())
}

/// What the process `pid` takes of the machine's memory, where the system says it in a file.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
