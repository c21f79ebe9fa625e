//! An event as a line: when, who, and what happened, in words where we have some.

use core::time::Duration;

use serde_json::Value;

use crate::cli::names;
use crate::cli::render::{Style, count, hashes, safe, short, span};
use crate::manager::view::Event;
use crate::manager::words;
use crate::node::event::ClockOffset;

/// Characters of any one value that are shown.
const VALUE: usize = 120;

/// The line of an event: `07:48:25.123456  A  tip  6343a951… at height 7`.
pub(in crate::cli) fn event(event: &Event, style: Style) -> String {
    let time = event.time.map_or(String::new(), clock);
    let who = event.node.map_or("-".to_owned(), names::letters);
    let kind = match event.kind.as_str() {
        kind @ ("reorg" | "partition" | "link" | "verdict" | "clock") => style.warn(&format!("{kind:<13}")),
        kind @ ("block_refused" | "fault" | "lost") => style.bad(&format!("{kind:<13}")),
        kind => format!("{kind:<13}"),
    };
    format!("{} {who:<3} {kind} {}", style.dim(&format!("{time:<15}")), said(event)).trim_end().to_owned()
        + "\n"
}

/// Time of day in UTC, to the microsecond.
fn clock(secs: f64) -> String {
    let micros = (secs * 1e6).round();
    match jiff::Timestamp::from_microsecond(micros as i64) {
        Ok(time) => {
            format!("{time:.6}").split('T').nth(1).unwrap_or_default().trim_end_matches('Z').to_owned()
        }
        Err(_) => String::new(),
    }
}

/// What happened.
fn said(event: &Event) -> String {
    let get = |name: &str| event.more.get(name).unwrap_or(&Value::Null);
    let number = |name: &str| get(name).as_u64();
    let is_hash = |value: &Value| value.as_str().map(short);
    let hash = |name: &str| is_hash(get(name)).unwrap_or_default();
    let node = |value: &Value| match value {
        Value::Number(number) => number.as_u64().map(|number| names::letters(number as usize)),
        Value::String(id) => Some(short(id)),
        _ => None,
    };
    let height = || number("height").map_or(String::new(), |height| format!(" at height {height}"));
    match event.kind.as_str() {
        "tip" => {
            let gone = number("reverted").filter(|gone| *gone > 0);
            let gone = gone.map_or(String::new(), |gone| format!(", {} given up", count(gone, "block")));
            format!("{}{}{gone}", hash("hash"), height())
        }
        "block" => {
            let from = node(get("from")).map_or(String::new(), |from| format!(" from {from}"));
            let origin = get("origin").as_str().unwrap_or_default();
            let text = get("text").as_str().filter(|text| !text.is_empty());
            let text = text.map_or(String::new(), |text| format!(": “{}”", safe(text, 40)));
            format!("{}{}, {origin}{from}{text}", hash("hash"), height())
        }
        "block_mined" => {
            let tries = number("tries").unwrap_or(0);
            format!("{}{}, after {tries} tries", hash("hash"), height())
        }
        "block_refused" => {
            format!("{} breaks {}", hash("hash"), safe(get("rule").as_str().unwrap_or("?"), VALUE))
        }
        "reorg" => {
            let end = |name: &str| {
                let end = get(name);
                end.as_str().or_else(|| end["hash"].as_str()).unwrap_or_default()
            };
            let returned = get("returned");
            let returned = returned.as_u64().or_else(|| returned["count"].as_u64()).unwrap_or(0);
            words::gave_up(number("depth").unwrap_or(0), end("old"), end("new"), returned)
        }
        "pool" => format!("{} waiting", count(number("count").unwrap_or(0), "content")),
        "peer_ready" | "peer_closed" => {
            let why = get("why").as_str().map_or(String::new(), |why| format!(": {}", safe(why, VALUE)));
            format!("{}{why}", node(get("peer")).or_else(|| node(get("node"))).unwrap_or_default())
        }
        "mining" => hashes(get("hashrate").as_f64().unwrap_or(0.0)),
        "mining_paused" => {
            let until = get("until").as_f64().and_then(|secs| jiff::Timestamp::from_second(secs as i64).ok());
            let until = until.map_or(String::new(), |time| format!(" until {time}"));
            format!("its clock allows no block{until}")
        }
        "clock" => {
            let millis = (get("offset_seconds").as_f64().unwrap_or(0.0) * 1000.0).round() as i64;
            let peers = number("peers").and_then(|peers| usize::try_from(peers).ok()).unwrap_or(0);
            let is_off = get("off").as_bool() == Some(true);
            format!("its clock {}", words::clock(&ClockOffset { millis, peers, is_off }))
        }
        "verdict" => safe(get("text").as_str().unwrap_or_default(), VALUE),
        "node" => {
            let why = get("why").as_str().map_or(String::new(), |why| format!(": {}", safe(why, VALUE)));
            format!("{}{why}", get("state").as_str().unwrap_or_default())
        }
        "partition" => match get("groups").as_array() {
            Some(groups) => {
                let nodes = groups.iter().filter_map(Value::as_array);
                let number = |n: &Value| n.as_u64().map(|n| n as usize);
                words::apart(
                    &nodes.map(|group| group.iter().filter_map(number).collect()).collect::<Vec<_>>(),
                )
            }
            None => "healed".to_owned(),
        },
        "link" => {
            let ends = [get("a"), get("b")].map(|end| node(end).unwrap_or_default()).join(" - ");
            let state = match (get("up").as_bool(), get("cut").as_bool()) {
                (Some(true), Some(true)) => "to be cut",
                (_, Some(true)) => "cut",
                (Some(true), _) => "up",
                _ => "down",
            };
            let some = |name: &str| get(name).as_f64().filter(|value| *value > 0.0);
            let time = |name: &str| Some(span(Duration::try_from_secs_f64(some(name)? / 1e3).ok()?));
            let latency = time("latency_ms").map_or(String::new(), |latency| format!(", {latency} each way"));
            let jitter = time("jitter_ms").map_or(String::new(), |jitter| format!(" ±{jitter}"));
            let loss = some("loss");
            let loss = loss.map_or(String::new(), |share| format!(", {:.1} % lost", share * 100.0));
            format!("{ends} {state}{latency}{jitter}{loss}")
        }
        "start" if get("restarted").as_bool() == Some(true) => {
            "another run: the network is a new one, and its events are counted from 1 again".to_owned()
        }
        "lost" => format!("{} to {} are no longer kept", get("first"), get("last")),
        _ => event
            .more
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| format!("{name}={}", safe(&value.to_string(), VALUE)))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lines_in_words() {
        let hash = format!("{:0>64}", "a1b2c3d4e5f6");
        let rows = [
            (
                format!(r#""type":"tip","node":0,"hash":"{hash}","height":7,"reverted":2"#),
                "A   tip           a1b2c3d4… at height 7, 2 blocks given up",
            ),
            (
                format!(
                    r#""type":"block","node":1,"hash":"{hash}","height":7,"origin":"pushed","from":0,"text":"hi\u001b""#
                ),
                "B   block         a1b2c3d4… at height 7, pushed from A: “hi\\u{1b}”",
            ),
            (
                format!(
                    r#""type":"reorg","node":5,"old":{{"hash":"{hash}"}},"new":"{hash}","depth":1,"returned":{{"count":1}}"#
                ),
                "F   reorg         gave up 1 block: a1b2c3d4… for a1b2c3d4…, 1 content back",
            ),
            (
                format!(r#""type":"block_mined","node":1,"hash":"{hash}","height":7,"tries":217"#),
                "B   block_mined   a1b2c3d4… at height 7, after 217 tries",
            ),
            (r#""type":"partition","groups":[[0,1],[2]]"#.to_owned(), "-   partition     A B / C"),
            (r#""type":"partition","groups":null"#.to_owned(), "-   partition     healed"),
            (
                r#""type":"link","a":0,"b":3,"up":true,"cut":false,"latency_ms":50.0"#.to_owned(),
                "-   link          A - D up, 50 ms each way",
            ),
            (
                r#""type":"link","a":0,"b":1,"up":true,"cut":false,"latency_ms":50.0,"jitter_ms":20.0,"loss":0.9"#
                    .to_owned(),
                "-   link          A - B up, 50 ms each way ±20 ms, 90.0 % lost",
            ),
            (
                r#""type":"link","a":0,"b":1,"up":true,"cut":true,"latency_ms":0.0,"jitter_ms":0.0,"loss":0.0"#
                    .to_owned(),
                "-   link          A - B to be cut",
            ),
            (
                r#""type":"link","a":0,"b":1,"up":false,"cut":true,"latency_ms":0.0,"jitter_ms":0.0,"loss":0.0"#
                    .to_owned(),
                "-   link          A - B cut",
            ),
            (r#""type":"peer_closed","node":2,"peer":1,"why":"cut""#.to_owned(), "C   peer_closed   B: cut"),
            (
                r#""type":"start","next":1,"run":2,"restarted":true"#.to_owned(),
                "-   start         another run: the network is a new one, and its events are counted from 1 again",
            ),
            (
                r#""type":"start","next":1,"run":2,"restarted":false"#.to_owned(),
                "-   start         next=1 restarted=false run=2",
            ),
            (
                r#""type":"mining_paused","node":1,"until":1795764417.0"#.to_owned(),
                "B   mining_paused its clock allows no block until 2026-11-27T07:26:57Z",
            ),
            (
                r#""type":"clock","node":5,"offset_seconds":10800.0,"peers":5,"off":true"#.to_owned(),
                "F   clock         its clock is 3.0 h behind those of its peers (median of 5)",
            ),
            (
                r#""type":"clock","node":5,"offset_seconds":0.001,"peers":5,"off":false"#.to_owned(),
                "F   clock         its clock is right again",
            ),
            (r#""type":"other","x":1,"y":null"#.to_owned(), "-   other         x=1"),
        ];
        for (json, line) in rows {
            let json = format!(r#"{{"seq":1,"time":1795672834.123456,{json}}}"#);
            let told: Event = serde_json::from_str(&json).expect("an event");
            let text = event(&told, Style::new(false));
            assert_eq!(text.strip_prefix("06:00:34.123456 "), Some(format!("{line}\n").as_str()), "{json}");
        }
    }
}
