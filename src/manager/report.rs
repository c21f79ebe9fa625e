//! What is known of the network, as the API says it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::limits::PROPAGATION_BLOCKS;
use crate::manager::cluster::Member;
use crate::manager::faults::Slow;
use crate::manager::happened::seconds;
use crate::manager::keeper::Keeper;
use crate::manager::not_done::NotDone;
use crate::manager::reorg::Reorg;
use crate::manager::state::{Standing, State};
use crate::manager::view::{
    Life, Link, Manager, Mining, MiningMode, Network, Node, OwnRate, Position, Rules,
};
use crate::manager::{spread, verdict};
use crate::net::Clock;
use crate::rest::resident_bytes;
use crate::time::UnixTime;

impl Keeper {
    /// All that a glance needs.
    pub fn network(&self, http: SocketAddr, started: UnixTime) -> Network {
        let (members, events) = (self.cluster.members(), &self.cluster.events);
        // Before the state is looked at: an event that is read after this position may be in the state
        // already, but none is in neither.
        let events = Position { run: events.run(), seq: events.last() };
        let state = self.cluster.state.borrow();
        let params = &self.settings.params;
        let rules = params.rules();
        Network {
            manager: Manager {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: std::process::id(),
                http,
                started: seconds(started.micros()),
                data_dir: self.settings.data_dir.clone(),
                ephemeral: self.settings.ephemeral,
            },
            rules: Rules {
                id: params.network().to_string(),
                text: rules.to_string(),
                expected_hashes: verdict::expected_hashes(&state).unwrap_or_default().to_string(),
                difficulty: params.difficulty(),
                block_time: self.settings.block_time(),
            },
            verdict: verdict::of(&state, Clock::wall().micros()),
            not_ready: verdict::not_ready(&state),
            nodes: members.iter().map(|member| node(&state, member)).collect(),
            links: links(&state),
            mining: mining(&state),
            partition: partition(&state),
            propagation: spread::over(state.blocks.newest(), PROPAGATION_BLOCKS).to_all,
            last_reorg: state.last_reorg.as_ref().map(Reorg::report),
            events,
        }
    }

    /// Every node, by number.
    pub fn nodes(&self) -> Vec<Node> {
        let members = self.cluster.members();
        let state = self.cluster.state.borrow();
        members.iter().map(|member| node(&state, member)).collect()
    }

    /// Node `number`.
    pub fn node(&self, number: usize) -> Result<Node, NotDone> {
        let member = self.member(number)?;
        Ok(node(&self.cluster.state.borrow(), &member))
    }

    /// How blocks come to be.
    pub fn mining(&self) -> Mining {
        mining(&self.cluster.state.borrow())
    }
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
        hashrate: state.rate(number),
        mined: state.blocks.mined(number),
        memory: standing.exit().is_none().then(|| resident_bytes(pid)).flatten(),
    }
}

/// What the API calls that.
pub fn life(standing: Standing) -> Life {
    match standing {
        Standing::Running => Life::Running,
        Standing::Paused => Life::Paused,
        Standing::Due(..) => Life::Restarting,
        Standing::Returning => Life::Returning,
        Standing::Ended(_) => Life::Ended,
    }
}

/// Every link that is or should be.
pub fn links(state: &State) -> Vec<Link> {
    state.links.pairs().into_iter().map(|(a, b)| link(state, a, b)).collect()
}

/// The link of two nodes.
pub fn link(state: &State, a: usize, b: usize) -> Link {
    let (a, b) = (a.min(b), a.max(b));
    let Slow { latency, jitter, loss_ppm } = state.faults.slow(a, b);
    Link {
        a,
        b,
        up: state.links.is_up(a, b),
        cut: state.faults.is_cut(a, b),
        latency_ms: latency.as_secs_f64() * 1000.0,
        jitter_ms: jitter.as_secs_f64() * 1000.0,
        loss: f64::from(loss_ppm) / 1e6,
    }
}

/// The groups that are kept from each other.
pub fn partition(state: &State) -> Option<Vec<Vec<usize>>> {
    let groups = state.faults.groups()?;
    Some(groups.iter().map(|group| group.iter().copied().collect()).collect())
}

/// How blocks come to be.
pub fn mining(state: &State) -> Mining {
    let modes = &state.modes;
    let is = |mode: MiningMode| modes.mode == mode;
    Mining {
        mode: modes.mode,
        nodes: if is(MiningMode::Off) { Vec::new() } else { modes.nodes(&state.numbers()) },
        hashrate: state.numbers().into_iter().map(|number| state.rate(number)).sum(),
        interval: is(MiningMode::Interval).then_some(modes.interval.as_secs_f64()),
        expected_seconds: verdict::expected_seconds(state),
        own: state.own_rates().map(|(node, hashrate)| OwnRate { node, hashrate }).collect(),
    }
}

/// How many nodes there are in each state of life; of those without any, none.
pub fn lives(state: &State) -> BTreeMap<String, usize> {
    let all = ["running", "paused", "restarting", "returning", "ended"];
    let mut lives: BTreeMap<String, usize> = all.into_iter().map(|life| (life.to_owned(), 0)).collect();
    for number in state.numbers() {
        *lives.entry(state.standing(number).to_string()).or_default() += 1;
    }
    lives
}
