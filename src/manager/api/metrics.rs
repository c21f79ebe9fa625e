//! The state of the network for Prometheus.

use core::fmt::Write;

use hyper::Response;

use crate::limits::PROPAGATION_BLOCKS;
use crate::manager::api::{Api, text};
use crate::manager::{report, spread, verdict};
use crate::net::Clock;
use crate::rest::body::Body;

/// The type that Prometheus asks for.
const TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Api {
    pub(super) fn metrics(&self) -> Response<Body> {
        let state = self.keeper.cluster.state.borrow();
        let verdict = verdict::of(&state, Clock::wall().micros());
        let links = report::links(&state);
        let count =
            |is_so: fn(&crate::manager::view::Link) -> bool| links.iter().filter(|l| is_so(l)).count();
        let to_all = spread::over(state.blocks.newest(), PROPAGATION_BLOCKS).to_all;
        let mut out = String::new();
        let lives = report::lives(&state);
        family(
            &mut out,
            "nodes",
            "gauge",
            "Nodes, by where they are in their lives.",
            &label("state", &lives),
        );
        let up = [
            ("{state=\"up\"}".to_owned(), count(|link| link.up) as f64),
            ("{state=\"cut\"}".to_owned(), count(|link| link.cut) as f64),
            ("{state=\"down\"}".to_owned(), count(|link| !link.up && !link.cut) as f64),
        ];
        family(&mut out, "links", "gauge", "Links that are or should be.", &up);
        one(&mut out, "tips", "gauge", "Different tips of the nodes that run.", verdict.tips.len() as f64);
        let in_sync = verdict.condition == crate::manager::view::Condition::InSync;
        one(
            &mut out,
            "in_sync",
            "gauge",
            "1 if all nodes that run have one tip.",
            f64::from(u8::from(in_sync)),
        );
        let height = state.blocks.best().map_or(0, |block| block.height);
        one(&mut out, "height", "gauge", "Height of the tip with the most work.", height as f64);
        let mined: Vec<(String, f64)> = state
            .numbers()
            .into_iter()
            .map(|node| (format!("{{node=\"{node}\"}}"), state.blocks.mined(node) as f64))
            .collect();
        family(&mut out, "mined", "gauge", "Blocks of the best chain, by the node that mined them.", &mined);
        let quantiles: Vec<(String, f64)> =
            [("0.5", to_all.p50_ms), ("0.9", to_all.p90_ms), ("0.99", to_all.p99_ms), ("1", to_all.max_ms)]
                .into_iter()
                .filter_map(|(quantile, ms)| Some((format!("{{quantile=\"{quantile}\"}}"), ms? / 1000.0)))
                .collect();
        let help = "Time from the first node that has a block to the last, over the newest blocks.";
        family(&mut out, "propagation_seconds", "gauge", help, &quantiles);
        let counts = self.keeper.cluster.events.counts();
        let counts = counts.into_iter().map(|(name, count)| (name.to_owned(), count as usize)).collect();
        family(&mut out, "events_total", "counter", "Events, by type.", &label("type", &counts));
        text(TYPE, out)
    }
}

fn label(name: &str, counts: &std::collections::BTreeMap<String, usize>) -> Vec<(String, f64)> {
    counts.iter().map(|(value, count)| (format!("{{{name}=\"{value}\"}}"), *count as f64)).collect()
}

fn one(out: &mut String, name: &str, kind: &str, help: &str, value: f64) {
    family(out, name, kind, help, &[(String::new(), value)]);
}

/// One metric, and its values by their labels.
fn family(out: &mut String, name: &str, kind: &str, help: &str, values: &[(String, f64)]) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "# HELP networkmngr_{name} {help}\n# TYPE networkmngr_{name} {kind}");
    for (labels, value) in values {
        let _ = writeln!(out, "networkmngr_{name}{labels} {value}");
    }
}
