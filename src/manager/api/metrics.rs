//! The state of the network for Prometheus.

use hyper::Response;

use crate::limits::PROPAGATION_BLOCKS;
use crate::manager::api::{Api, text};
use crate::manager::happened::Kind;
use crate::manager::view::{Condition, Link};
use crate::manager::{report, spread, verdict};
use crate::net::Clock;
use crate::rest::body::Body;
use crate::rest::metrics::{CONTENT_TYPE, Page, label, labelled};

impl Api {
    pub(super) fn metrics(&self) -> Response<Body> {
        let state = self.keeper.cluster.state.borrow();
        let verdict = verdict::of(&state, Clock::wall().micros());
        let links = report::links(&state);
        let count = |is_so: fn(&Link) -> bool| links.iter().filter(|link| is_so(link)).count();
        let to_all = spread::over(state.blocks.newest(), PROPAGATION_BLOCKS).to_all;
        let mut page = Page::of("networkmngr");
        let help = "When this network was up, since 1970: its counters began then, at 0.";
        page.gauge("start_time_seconds", help, self.started.millis() as f64 / 1e3);
        let lives = labelled("state", report::lives(&state));
        page.metric("nodes", "gauge", "Nodes, by where they are in their lives.", &lives);
        let up = [
            (label("state", "up"), count(|link| link.up)),
            (label("state", "cut"), count(|link| link.cut)),
            (label("state", "down"), count(|link| !link.up && !link.cut)),
        ];
        page.metric("links", "gauge", "Links that are or should be.", &up);
        page.gauge("tips", "Different tips of the nodes that run.", verdict.tips.len());
        let in_sync = u8::from(verdict.condition == Condition::InSync);
        page.gauge("in_sync", "1 if all nodes that run have one tip.", in_sync);
        let height = state.blocks.best().map_or(0, |block| block.height);
        page.gauge("height", "Height of the tip with the most work.", height);
        let mined = state.numbers().into_iter().map(|node| (node, state.blocks.mined(node)));
        let help = "Blocks of the best chain, by the node that mined them.";
        page.metric("mined", "gauge", help, &labelled("node", mined));
        let quantiles =
            [("0.5", to_all.p50_ms), ("0.9", to_all.p90_ms), ("0.99", to_all.p99_ms), ("1", to_all.max_ms)];
        let quantiles = quantiles.into_iter().filter_map(|(quantile, ms)| Some((quantile, ms? / 1000.0)));
        let help = "Time from the first node that has a block to the last, over the newest blocks.";
        page.metric("propagation_seconds", "gauge", help, &labelled("quantile", quantiles));
        // Those that never were, too: what is not there yet has no rate.
        let counts = self.keeper.cluster.events.counts();
        let known = Kind::all().filter(|kind| !matches!(kind, Kind::Start | Kind::Lost)).map(Kind::name);
        let counts = known.map(|name| (name, counts.get(name).copied().unwrap_or_default()));
        page.metric("events_total", "counter", "Events, by type.", &labelled("type", counts));
        text(CONTENT_TYPE, page.text())
    }
}
