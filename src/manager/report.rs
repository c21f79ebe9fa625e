//! What is known of the network, as the API says it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::manager::cluster::Member;
use crate::manager::keeper::Keeper;
use crate::manager::not_done::NotDone;
use crate::manager::state::{Standing, State};
use crate::manager::view::{
    Condition, Life, Link, Manager, Mining, MiningMode, Network, Node, Percentiles, Position, Rules, Tip,
    Verdict,
};
use crate::time::UnixTime;

impl Keeper {
    /// All that a glance needs.
    pub fn network(&self, http: SocketAddr, started: UnixTime) -> Network {
        let nodes = self.nodes();
        let state = self.cluster.state.borrow();
        let params = &self.settings.params;
        let link = |(a, b): (usize, usize)| self.link(&state, a, b);
        Network {
            manager: Manager {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: std::process::id(),
                http,
                started: seconds(started),
                data_dir: self.settings.data_dir.clone(),
            },
            rules: Rules {
                id: params.network().to_string(),
                text: params.rules().to_string(),
                expected_hashes: expected_hashes(self).to_string(),
                block_time: None,
            },
            verdict: verdict(&state),
            nodes,
            links: state.links.pairs().into_iter().map(link).collect(),
            mining: mining(&state, expected_hashes(self)),
            partition: None,
            propagation: Percentiles::default(),
            last_reorg: None,
            events: Position { run: 0, seq: 0 },
        }
    }

    /// Every node, by number.
    pub fn nodes(&self) -> Vec<Node> {
        let state = self.cluster.state.borrow();
        self.cluster.members().iter().map(|member| node(&state, member)).collect()
    }

    /// Node `number`.
    pub fn node(&self, number: usize) -> Result<Node, NotDone> {
        let member = self.member(number)?;
        Ok(node(&self.cluster.state.borrow(), &member))
    }

    /// How blocks come to be.
    pub fn mining(&self) -> Mining {
        mining(&self.cluster.state.borrow(), expected_hashes(self))
    }

    fn link(&self, state: &State, a: usize, b: usize) -> Link {
        let up = state.links.is_up(a, b);
        Link { a, b, up, cut: false, latency_ms: 0.0, jitter_ms: 0.0, loss: 0.0 }
    }
}

fn expected_hashes(keeper: &Keeper) -> u64 {
    let _ = keeper;
    1
}

fn node(state: &State, member: &Member) -> Node {
    let (number, there) = (member.number, member.there());
    let (standing, tip) = (state.standing(number), state.tips.of(number));
    let pid = there.child.pid();
    Node {
        node: number,
        id: there.node.to_string(),
        http: there.http,
        p2p: there.listen,
        pid,
        state: life(standing),
        restarts: state.restarts(number),
        ended: standing.exit().map(|exit| exit.to_string()),
        height: tip.map(|tip| tip.height),
        tip: tip.map(|tip| tip.hash.to_string()),
        peers: state.links.peers_of(number).collect(),
        pool: state.pools.get(&number).copied(),
        hashrate: state.share(number),
        mined: 0,
        memory: standing.exit().is_none().then(|| resident_bytes(pid)).flatten(),
    }
}

fn life(standing: Standing) -> Life {
    match standing {
        Standing::Running => Life::Running,
        Standing::Paused => Life::Paused,
        Standing::Due(..) => Life::Restarting,
        Standing::Returning => Life::Returning,
        Standing::Ended(_) => Life::Ended,
    }
}

fn verdict(state: &State) -> Verdict {
    let missing = state.numbers().into_iter().filter(|n| state.standing(*n) != Standing::Running).collect();
    let mut tips: Vec<Tip> = Vec::new();
    for number in state.running() {
        let Some(tip) = state.tips.of(number) else { continue };
        let hash = tip.hash.to_string();
        match tips.iter_mut().find(|known| known.hash == hash) {
            Some(known) => known.nodes.push(number),
            None => tips.push(Tip { hash, height: tip.height, work: String::new(), nodes: vec![number] }),
        }
    }
    let condition = match tips.len() {
        0 => Condition::Down,
        1 => Condition::InSync,
        _ => Condition::Forked,
    };
    Verdict { condition, text: format!("{condition:?}"), tips, missing }
}

/// How blocks come to be, where one takes `expected` hashes.
fn mining(state: &State, expected: u64) -> Mining {
    let modes = &state.modes;
    let nodes = modes.nodes(&state.numbers());
    let mines = |number: &usize| state.standing(*number) == Standing::Running;
    let rate: u64 = nodes.iter().filter(|number| mines(number)).map(|number| state.share(*number)).sum();
    let interval = (modes.mode == MiningMode::Interval).then_some(modes.interval).map(|i| i.as_secs_f64());
    let expected_seconds = match modes.mode {
        MiningMode::Background if rate > 0 => Some(expected as f64 / rate as f64),
        MiningMode::Interval if nodes.iter().any(mines) => interval,
        _ => None,
    };
    Mining {
        mode: modes.mode,
        nodes: if modes.mode == MiningMode::Off { Vec::new() } else { nodes },
        hashrate: if modes.mode == MiningMode::Background { modes.hashrate } else { 0 },
        interval,
        expected_seconds,
    }
}

fn seconds(time: UnixTime) -> f64 {
    Duration::from_millis(time.millis()).as_secs_f64()
}

/// What a process takes of the machine's memory, where the system says it in a file.
fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
