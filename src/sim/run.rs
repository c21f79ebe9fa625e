//! A run from its first connection to its report: who starts when, who finds which block, what goes wrong
//! meanwhile, and what must hold in the end.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use crate::encoding::Blob;
use crate::limits::{MAX_CONTENT_BYTES, SETTLE_TIMEOUT, SIMULATED_START};
use crate::params::Params;
use crate::sim::faults::{self, Cast, Faults};
use crate::sim::invariants::Violation;
use crate::sim::links::{Line, nanos};
use crate::sim::miners::exponential;
use crate::sim::network::{Network, Purpose, generator};
use crate::sim::report::Report;
use crate::sim::topology::Topology;
use crate::sim::values::{Relay, Share};
use crate::types::{BlockHash, Content, Transaction};

/// How often it is looked whether everybody agrees.
const LOOK: u64 = 1_000_000_000;

/// All that a run is decided by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many nodes.
    pub nodes: usize,
    /// Who is linked with whom.
    pub topology: Topology,
    /// What the links are like.
    pub line: Line,
    /// How many blocks the honest nodes find.
    pub blocks: u64,
    /// Mean time between blocks, while all nodes run.
    pub interval: Duration,
    /// Bytes of content for each block.
    pub block_bytes: usize,
    /// Bytes of one content, at most.
    pub content_bytes: usize,
    /// How many of the contents are given to nodes as they come up, and wait in everybody's pool for a block;
    /// the rest nobody knows before the block that has them.
    pub pooled: Share,
    /// How nodes tell each other of blocks.
    pub relay: Relay,
    /// Decides all that is left to chance.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Faults,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Blocks found.
    pub blocks: u64,
    /// Simulated time.
    pub elapsed: Duration,
}

/// What the director does at some moment.
#[derive(Debug, Clone, Copy)]
enum Deed {
    /// A block is found.
    Find,
    Cut,
    Heal,
    /// A node leaves.
    Leave,
    Return(usize),
    /// Somebody is given a content of so many bytes.
    Submit(usize),
}

struct Director<'a> {
    settings: &'a Settings,
    net: Network,
    agenda: BTreeMap<(u64, u64), Deed>,
    planned: u64,
    mining: ChaCha12Rng,
    chance: ChaCha12Rng,
    contents: ChaCha12Rng,
    late: Vec<usize>,
    /// Blocks of honest nodes, in the order in which they were found.
    found: Vec<BlockHash>,
    /// Blocks of those that do not behave.
    wasted: u64,
    /// Links that were not up when mining began.
    missing_links: usize,
}

/// What a run leaves for its report, beside its network.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Blocks of honest nodes, in the order in which they were found.
    pub(super) found: Vec<BlockHash>,
    /// How many blocks those that do not behave spent.
    pub(super) wasted: u64,
    /// Links that were not up when mining began.
    pub(super) missing_links: usize,
    /// Simulated time in which blocks were found.
    pub(super) mining: Duration,
}

/// Runs a simulation; `progress` hears of every block.
pub fn simulate(settings: &Settings, progress: &mut dyn FnMut(Progress)) -> Result<Report, Violation> {
    let params = Arc::new(Params::regtest());
    let mut chance = generator(settings.seed, Purpose::Faults);
    let Cast { conduct, late } = Cast::new(&settings.faults, settings.nodes, &mut chance);
    let mut dice = generator(settings.seed, Purpose::Topology);
    let dials = settings.topology.links(settings.nodes, &mut dice);
    let mut net = Network::new(&params, settings.line, settings.seed);
    net.set_relay_policy(settings.relay.policy());
    for (dials, conduct) in dials.into_iter().zip(conduct) {
        net.add(dials, conduct);
    }
    let mut director = Director {
        settings,
        net,
        agenda: BTreeMap::new(),
        planned: 0,
        mining: generator(settings.seed, Purpose::Mining),
        chance,
        contents: generator(settings.seed, Purpose::Contents),
        late,
        found: Vec::new(),
        wasted: 0,
        missing_links: 0,
    };
    director.begin()?;
    let began = director.net.now;
    while (director.found.len() as u64) < settings.blocks {
        director.next_deed()?;
        let elapsed = Duration::from_nanos(director.net.now);
        progress(Progress { blocks: director.found.len() as u64, elapsed });
    }
    let mining = Duration::from_nanos(director.net.now - began);
    director.end()?;
    let Director { net, found, wasted, missing_links, .. } = director;
    Ok(Report::new(settings, &net, &Outcome { found, wasted, missing_links, mining }))
}

impl Director<'_> {
    fn plan(&mut self, at: u64, deed: Deed) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), deed);
    }

    fn plan_find(&mut self) {
        let wait = exponential(self.settings.interval, &mut self.mining);
        for size in self.sizes().take(self.pooled()).collect::<Vec<_>>() {
            let after = self.contents.random_range(0..=wait);
            self.plan(self.net.now.saturating_add(after), Deed::Submit(size));
        }
        self.plan(self.net.now.saturating_add(wait), Deed::Find);
    }

    /// What the contents of a block weigh.
    fn sizes(&self) -> impl Iterator<Item = usize> + use<> {
        let (all, each) = (self.settings.block_bytes, self.settings.content_bytes.max(1));
        (0..all.div_ceil(each)).map(move |n| each.min(all - n * each))
    }

    /// How many of them are known before the block.
    fn pooled(&self) -> usize {
        self.settings.pooled.of(self.sizes().count())
    }

    fn plan_leave(&mut self) {
        let churn = self.settings.faults.churn;
        if let Some(wait) = faults::next_leave(churn, self.settings.nodes, &mut self.chance) {
            self.plan(self.net.now.saturating_add(wait), Deed::Leave);
        }
    }

    /// Starts who is there from the beginning, and waits until their links are up.
    fn begin(&mut self) -> Result<(), Violation> {
        for n in 0..self.settings.nodes {
            let wait = self.chance.random_range(0..=nanos(SIMULATED_START));
            if !self.late.contains(&n) {
                self.net.start_in(n, Duration::from_nanos(wait));
            }
        }
        self.net.run(SIMULATED_START)?;
        let end = self.net.now.saturating_add(nanos(SETTLE_TIMEOUT));
        while self.net.now < end && self.net.missing_links() > 0 {
            self.net.run_until(self.net.now.saturating_add(LOOK))?;
        }
        self.missing_links = self.net.missing_links();
        self.net.forget_traffic();
        self.plan_find();
        self.plan_leave();
        if let Some(partition) = self.settings.faults.partition {
            self.plan(self.net.now.saturating_add(nanos(partition.from)), Deed::Cut);
            self.plan(self.net.now.saturating_add(nanos(partition.to)), Deed::Heal);
        }
        Ok(())
    }

    fn next_deed(&mut self) -> Result<(), Violation> {
        let Some(((at, _), deed)) = self.agenda.pop_first() else { return Ok(()) };
        self.net.run_until(at)?;
        match deed {
            Deed::Find => self.find()?,
            Deed::Cut => {
                let half = self.settings.nodes / 2;
                self.net.cut(|n| u8::from(n >= half));
            }
            Deed::Heal => self.net.cut(|_| 0),
            Deed::Leave => {
                let (n, absence) = faults::leave(self.settings.nodes, &mut self.chance);
                if self.net.view(n).is_some() {
                    self.net.stop(n);
                    self.plan(self.net.now.saturating_add(absence), Deed::Return(n));
                }
                self.plan_leave();
            }
            Deed::Return(n) => self.net.start_in(n, Duration::ZERO),
            Deed::Submit(size) => {
                let n = self.contents.random_range(0..self.settings.nodes as u64) as usize;
                self.net.submit(n, data(size))?;
            }
        }
        Ok(())
    }

    /// A block is found by somebody; by nobody, if that node does not run.
    fn find(&mut self) -> Result<(), Violation> {
        let n = self.mining.random_range(0..self.settings.nodes as u64) as usize;
        let unknown: Vec<usize> = self.sizes().skip(self.pooled()).collect();
        let contents =
            unknown.into_iter().map(|size| Content { nonce: self.mining.random(), data: data(size) });
        let contents = contents.map(Transaction::Content).collect();
        if self.net.is_liar(n) {
            self.wasted += u64::from(self.net.view(n).is_some());
            self.net.deceive(n)?;
        } else if let Some(hash) = self.net.mine(n, contents)? {
            if self.net.is_honest(n) { self.found.push(hash) } else { self.wasted += 1 }
        }
        if self.found.len() as u64 >= self.settings.blocks.div_ceil(2) {
            for n in core::mem::take(&mut self.late) {
                self.net.start_in(n, Duration::ZERO);
            }
        }
        self.plan_find();
        Ok(())
    }

    /// Heals what is broken, waits until everybody agrees, and looks whether all is as it must be.
    fn end(&mut self) -> Result<(), Violation> {
        self.net.cut(|_| 0);
        for n in 0..self.settings.nodes {
            if self.net.view(n).is_none() {
                self.net.start_in(n, Duration::ZERO);
            }
        }
        let end = self.net.now.saturating_add(nanos(SETTLE_TIMEOUT));
        self.net.run_until(self.net.now.saturating_add(LOOK))?;
        while self.net.now < end && self.net.check_agreement().is_err() {
            self.net.run_until(self.net.now.saturating_add(LOOK))?;
        }
        self.net.check_agreement()?;
        self.net.check_caps()?;
        self.net.check_chains()
    }
}

/// A content of so many bytes.
fn data(bytes: usize) -> Blob<MAX_CONTENT_BYTES> {
    vec![0; bytes].try_into().unwrap_or_default()
}
