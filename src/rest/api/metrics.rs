//! The node's state for Prometheus.

use hyper::Response;

use crate::node::event::Kind;
use crate::node::io::Direction;
use crate::rest::api::info::resident_bytes;
use crate::rest::api::text;
use crate::rest::body::Body;
use crate::rest::metrics::{CONTENT_TYPE, Page, labelled};
use crate::rest::problem::Problem;
use crate::rest::routes::Api;

impl Api {
    pub(super) async fn metrics(&self) -> Result<Response<Body>, Problem> {
        let (info, progress, entry, peers, bans, pool, mining, clock) = self
            .handle
            .view(|view| {
                let progress = view.progress();
                let entry = view.entry(&progress.committed.hash);
                let (pool, mining, clock) = (view.pool_size(), view.mining(), view.clock_offset());
                (view.info(), progress, entry, view.peers(), view.bans(), pool, mining, clock)
            })
            .await?;
        let (stats, traffic) = (self.handle.mining(), self.handle.traffic().total());
        let mut page = Page::of("p2pnode");
        let build = format!("agent=\"{}\",network=\"{}\"", info.agent, info.network);
        page.metric("info", "gauge", "Which program this is, on which network.", &[(build, 1)]);
        page.gauge("uptime_seconds", "Time since the start.", self.handle.uptime().as_secs_f64());
        let heights = [
            ("committed", progress.committed.height),
            ("in_memory", progress.in_memory.height),
            ("best_header", progress.best_header.height),
        ];
        page.metric(
            "height",
            "gauge",
            "Height of the tip: durable, ahead of the disk, by headers.",
            &labelled("tip", heights),
        );
        page.gauge(
            "chain_work",
            "Work of the committed chain, in expected hashes.",
            progress.committed.work.to_f64(),
        );
        if let Some(entry) = entry {
            page.gauge("tip_time_seconds", "Time of the committed tip, since 1970.", entry.header.time);
            if let Ok(target) = entry.header.bits.to_target() {
                page.gauge(
                    "difficulty",
                    "Of the tip, 1 being the network's easiest.",
                    self.difficulty(target),
                );
            }
        }
        let inbound = peers.iter().filter(|peer| peer.direction == Direction::Inbound).count();
        let connected = [("inbound", inbound), ("outbound", peers.len() - inbound)];
        page.metric("peers", "gauge", "Ready connections.", &labelled("direction", connected));
        page.gauge("banned_hosts", "Hosts that misbehaved and are kept out.", bans.len());
        if let Some(clock) = clock {
            page.gauge(
                "clock_offset_seconds",
                "By how much the clocks of the peers are ahead, by their median.",
                clock.seconds(),
            );
        }
        page.counter("peer_received_bytes_total", "Bytes read from peers.", traffic.received);
        page.counter("peer_sent_bytes_total", "Bytes written to peers.", traffic.sent);
        page.gauge("pool_transactions", "Transactions that wait for a block.", pool.0);
        page.gauge("pool_bytes", "Their bytes.", pool.1);
        page.gauge(
            "mining_hashrate_set",
            "Hashes a second that background mining is to do.",
            mining.background,
        );
        page.gauge("mining_hashrate", "Hashes a second over the last seconds.", stats.rate);
        page.gauge("mining_waiting", "Calls that wait for a block.", mining.waiting);
        page.counter("mining_hashes_total", "Hashes tried.", stats.total_hashes);
        page.gauge(
            "stored_blocks",
            "Blocks in the store, side branches included.",
            self.handle.store().blocks(),
        );
        page.gauge("stored_bytes", "Bytes of their encodings.", self.handle.store().bytes());
        // Those that never were, too: what is not there yet has no rate.
        let counts = self.handle.events().counts();
        let count = |kind: Kind| counts.get(kind.name()).copied().unwrap_or_default();
        let counts = Kind::ALL.map(|kind| (kind.name(), count(kind)));
        page.metric("events_total", "counter", "Events, by type.", &labelled("type", counts));
        if let Some(bytes) = resident_bytes(std::process::id()) {
            page.gauge("resident_memory_bytes", "What the process takes of the machine's memory.", bytes);
        }
        Ok(text(CONTENT_TYPE, page.text()))
    }
}
