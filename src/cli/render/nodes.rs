//! Nodes and links, as tables.

use core::time::Duration;

use crate::cli::names;
use crate::cli::render::{Align, Cell, Style, Table, bytes, count, span};
use crate::manager::view::{Life, Link, Network, Node};

/// The state of a node in a cell of its own.
pub(super) fn state(node: &Node) -> Cell {
    match node.state {
        Life::Running => "running".into(),
        Life::Paused => Cell::painted("paused", Style::warn),
        Life::Restarting => Cell::painted("restarting", Style::warn),
        Life::Returning => Cell::painted("returning", Style::warn),
        Life::Ended => Cell::painted("ended", Style::bad),
    }
}

/// Processes and addresses: `networkmngr ps`.
pub(in crate::cli) fn processes(nodes: &[Node], style: Style) -> String {
    use Align::{Left, Right};
    let mut table = Table::new([
        ("node", Left),
        ("", Left),
        ("state", Left),
        ("pid", Right),
        ("HTTP", Left),
        ("P2P", Left),
        ("memory", Right),
        ("restarts", Right),
        ("ended", Left),
    ]);
    for node in nodes {
        table.row([
            names::letters(node.node).into(),
            node.node.to_string().into(),
            state(node),
            node.pid.to_string().into(),
            node.http.map_or("none".to_owned(), |http| format!("http://{http}")).into(),
            node.p2p.to_string().into(),
            node.memory.map_or(String::new(), bytes).into(),
            if node.restarts > 0 { node.restarts.to_string() } else { String::new() }.into(),
            node.ended.clone().unwrap_or_default().into(),
        ]);
    }
    table.text(style)
}

/// Nodes that something was done to, a line each.
pub(in crate::cli) fn nodes(nodes: &[Node]) -> String {
    let line = |node: &Node| {
        let state = match node.state {
            Life::Running => "running",
            Life::Paused => "paused",
            Life::Restarting => "restarting",
            Life::Returning => "returning",
            Life::Ended => "ended",
        };
        let what = match (&node.ended, node.state) {
            (Some(ended), Life::Ended) => format!(": {ended}"),
            _ => format!(", {}", count(node.peers.len(), "peer")),
        };
        format!("node {} ({}): {state}{what}\n", names::letters(node.node), node.node)
    };
    nodes.iter().map(line).collect()
}

/// What a link is like.
fn condition(link: &Link) -> Cell {
    match (link.up, link.cut) {
        (_, true) => Cell::painted("cut", Style::bad),
        (true, false) => "up".into(),
        (false, false) => Cell::painted("down", Style::warn),
    }
}

fn milliseconds(millis: f64) -> String {
    span(Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default())
}

/// Links with what is wrong with each: `networkmngr peers`; those of one node, or all.
pub(in crate::cli) fn links(network: &Network, of: Option<usize>, style: Style) -> String {
    use Align::{Left, Right};
    let chosen = |link: &&Link| of.is_none_or(|node| link.a == node || link.b == node);
    let mut table = Table::new([
        ("link", Left),
        ("state", Left),
        ("latency", Right),
        ("varies by", Right),
        ("loss", Right),
    ]);
    let chosen: Vec<&Link> = network.links.iter().filter(chosen).collect();
    for link in &chosen {
        let time = |millis: f64| if millis > 0.0 { milliseconds(millis) } else { String::new() };
        table.row([
            format!("{} - {}", names::letters(link.a), names::letters(link.b)).into(),
            condition(link),
            time(link.latency_ms).into(),
            if link.jitter_ms > 0.0 { format!("±{}", milliseconds(link.jitter_ms)) } else { String::new() }
                .into(),
            if link.loss > 0.0 { format!("{:.1} %", link.loss * 100.0) } else { String::new() }.into(),
        ]);
    }
    let up = chosen.iter().filter(|link| link.up).count();
    let all = count(chosen.len(), "link");
    match chosen.is_empty() {
        true => "no links\n".to_owned(),
        false => format!("{}\n{all}, {up} up\n", table.text(style)),
    }
}
