//! A network as it changes: read once, then kept up by its events, and read anew, at most once a second, where
//! an event says less than what changed.

use std::collections::VecDeque;

use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::cli::client::{Client, Events};
use crate::cli::{Failure, TIMED_OUT};
use crate::limits::{IDLE_REFRESH_PERIOD, MAX_EVENTS, REFRESH_PERIOD};
use crate::manager::view::{Event, Network, Node};

/// What an event does to what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It says all of it.
    Known,
    /// Something changed that it does not say.
    Stale,
    /// Nothing.
    Nothing,
}

/// A network that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    client: Client,
    events: Events,
    network: Network,
    /// The run whose events are told: another one's, once another network has taken its place.
    run: u64,
    read: Instant,
    stale: bool,
    reorgs: VecDeque<u64>,
}

impl Watch {
    /// Begins to watch: first the events, then the network, so that nothing falls in between.
    pub(super) async fn begin(client: &Client) -> Result<Watch, Failure> {
        let events = Events::open(client, None).await?;
        let network = network(client).await?;
        let (client, run, reorgs) = (client.clone(), network.events.run, VecDeque::new());
        Ok(Watch { client, events, network, run, read: Instant::now(), stale: false, reorgs })
    }

    /// The network as it is known.
    pub(super) fn network(&self) -> &Network {
        &self.network
    }

    /// Depths of the reorgs that were seen since they were last forgotten.
    pub(super) fn reorgs(&self) -> impl Iterator<Item = u64> {
        self.reorgs.iter().copied()
    }

    /// Forgets the reorgs so far.
    pub(super) fn forget_reorgs(&mut self) {
        self.reorgs.clear();
    }

    /// Reads the network anew.
    pub(super) async fn refresh(&mut self) -> Result<(), Failure> {
        self.network = network(&self.client).await?;
        (self.read, self.stale) = (Instant::now(), false);
        Ok(())
    }

    /// Waits until something changed, or might have. Safe to be given up at any moment.
    pub(super) async fn changed(&mut self) -> Result<(), Failure> {
        loop {
            let due = self.read + if self.stale { REFRESH_PERIOD } else { IDLE_REFRESH_PERIOD };
            // Before the next event: there may always be one.
            if Instant::now() >= due {
                self.refresh().await?;
                return Ok(());
            }
            tokio::select! {
                biased;
                told = self.events.next() => {
                    let event = told?.event;
                    if event.kind == "reorg" && self.reorgs.len() < MAX_EVENTS {
                        self.reorgs.extend(event.more.get("depth").and_then(Value::as_u64));
                    }
                    if event.kind == "start" {
                        self.run = event.more.get("run").and_then(Value::as_u64).unwrap_or(self.run);
                    }
                    match enter(&mut self.network, self.run, &event) {
                        Effect::Known => return Ok(()),
                        Effect::Stale => self.stale = true,
                        Effect::Nothing => {}
                    }
                    // A verdict is told once it stands, and while blocks come fast none does.
                    self.stale |= event.kind == "tip";
                }
                () = sleep_until(due) => {}
            }
        }
    }

    /// Waits until `is_so`, or until `deadline`; whether it is so then.
    pub(super) async fn until(
        &mut self,
        deadline: Instant,
        mut is_so: impl FnMut(&Network) -> bool,
    ) -> Result<bool, Failure> {
        while !is_so(&self.network) {
            match timeout_at(deadline, self.changed()).await {
                Ok(changed) => changed?,
                Err(_) => {
                    // An event on its way, or a network that was busy, should not decide.
                    self.refresh().await?;
                    return Ok(is_so(&self.network));
                }
            }
        }
        Ok(true)
    }
}

/// The network of `client`.
pub(super) async fn network(client: &Client) -> Result<Network, Failure> {
    client.get("/api/v1/network").await
}

/// What is said when a wait was in vain.
pub(super) fn timed_out(what: &str, secs: f64, there: &str) -> Failure {
    let error = format!("{what}: not within {secs} s; {there}");
    Failure {
        code: TIMED_OUT,
        ..Failure::new(error, "`networkmngr status` shows what there is; --timeout waits longer")
    }
}

/// Enters an event of the run `run` into what is known.
fn enter(network: &mut Network, run: u64, event: &Event) -> Effect {
    let read = (network.events.run, network.events.seq);
    match event.seq {
        // It counts, whenever it was.
        _ if event.kind == "reorg" => Effect::Known,
        // Another network has taken its place.
        _ if run > read.0 => Effect::Stale,
        // What happened before the network was read is in it already.
        Some(seq) if (run, seq) <= read => Effect::Nothing,
        _ => apply(network, event),
    }
}

fn apply(network: &mut Network, event: &Event) -> Effect {
    let get = |name: &str| event.more.get(name).cloned().unwrap_or_default();
    let node = |network: &mut Network, change: &dyn Fn(&mut Node)| {
        let node = event.node.and_then(|number| network.nodes.iter_mut().find(|node| node.node == number));
        node.map_or(Effect::Stale, |node| {
            change(node);
            Effect::Known
        })
    };
    match event.kind.as_str() {
        "verdict" => match serde_json::from_value(Value::Object(event.more.clone().into_iter().collect()))
            .or_else(|_| serde_json::from_value(get("verdict")))
        {
            Ok(verdict) => {
                network.verdict = verdict;
                Effect::Known
            }
            Err(_) => Effect::Stale,
        },
        "tip" => node(network, &|node| {
            node.height = get("height").as_u64().or(node.height);
            node.tip = get("hash").as_str().map(str::to_owned).or(node.tip.take());
        }),
        "pool" => node(network, &|node| node.pool = get("count").as_u64().or(node.pool)),
        "block" | "block_mined" | "block_refused" | "dial_failed" | "manager" | "start" => Effect::Nothing,
        _ => Effect::Stale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> Network {
        serde_json::from_value(serde_json::json!({
            "manager": {"version": "0", "pid": 1, "http": "127.0.0.1:1", "started": 0.0, "data_dir": "x", "ephemeral": false},
            "rules": {"id": "", "text": "", "expected_hashes": "2", "block_time": null},
            "verdict": {"condition": "in-sync", "text": "in sync", "tips": [], "missing": []},
            "nodes": [{"node": 0, "id": "", "http": null, "p2p": "127.0.0.1:1", "pid": 1, "state": "running",
                       "restarts": 0, "ended": null, "height": 1, "tip": "a", "peers": [], "pool": 0,
                       "hashrate": 0, "mined": 0, "memory": null}],
            "links": [], "partition": null, "last_reorg": null, "events": {"run": 1, "seq": 1},
            "mining": {"mode": "off", "nodes": [], "hashrate": 0, "interval": null, "expected_seconds": null},
            "propagation": {"blocks": 0, "p50_ms": null, "p90_ms": null, "p95_ms": null, "p99_ms": null, "max_ms": null}
        }))
        .expect("a network")
    }

    fn event(json: &str) -> Event {
        serde_json::from_str(&format!(r#"{{"time":1.0,{json}}}"#)).expect("an event")
    }

    #[test]
    fn what_was_read_already_and_what_is_another_networks_is_not_entered() {
        let rows = [
            (1, r#""seq":1,"type":"tip","node":0,"height":9"#, Effect::Nothing, 1),
            (1, r#""seq":2,"type":"tip","node":0,"height":9"#, Effect::Known, 9),
            (1, r#""seq":1,"type":"reorg","node":0,"depth":2"#, Effect::Known, 1),
            (1, r#""type":"start","run":1"#, Effect::Nothing, 1),
            (2, r#""type":"start","run":2"#, Effect::Stale, 1),
            (2, r#""seq":1,"type":"tip","node":0,"height":9"#, Effect::Stale, 1),
            (0, r#""seq":7,"type":"tip","node":0,"height":9"#, Effect::Nothing, 1),
        ];
        for (run, json, effect, height) in rows {
            let mut network = network();
            assert_eq!(enter(&mut network, run, &event(json)), effect, "{run} {json}");
            assert_eq!(network.nodes[0].height, Some(height), "{run} {json}");
        }
    }

    #[test]
    fn events_keep_a_network_up() {
        let mut network = network();
        let mut told = |json: &str| (apply(&mut network, &event(json)), network.clone());
        let (effect, after) = told(r#""type":"tip","node":0,"height":2,"hash":"b","work":"4""#);
        assert_eq!(
            (effect, after.nodes[0].height, after.nodes[0].tip.as_deref()),
            (Effect::Known, Some(2), Some("b"))
        );
        let (effect, after) = told(r#""type":"pool","node":0,"count":3"#);
        assert_eq!((effect, after.nodes[0].pool), (Effect::Known, Some(3)));
        let verdict = r#"{"condition":"forked","text":"forked","tips":[],"missing":[]}"#;
        for json in [
            format!(r#""type":"verdict",{}"#, &verdict[1..verdict.len() - 1]),
            format!(r#""type":"verdict","verdict":{verdict}"#),
        ] {
            let (effect, after) = told(&json);
            assert_eq!((effect, after.verdict.text.as_str()), (Effect::Known, "forked"));
        }
        assert_eq!(told(r#""type":"tip","node":9,"height":2"#).0, Effect::Stale, "a node that is new");
        assert_eq!(told(r#""type":"link","a":0,"b":1"#).0, Effect::Stale);
        assert_eq!(told(r#""type":"block","node":0"#).0, Effect::Nothing);
    }
}
