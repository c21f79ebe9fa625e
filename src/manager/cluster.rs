//! What is known of all nodes, and what is done with them.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child as Process, ChildStdin};
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio::time::{Instant, timeout};

use crate::limits::{DEFAULT_MINING_TIMEOUT, LINKS_TIMEOUT, STOP_TIMEOUT};
use crate::manager::child::{Child, Log, how_it_ended};
use crate::manager::console;
use crate::manager::control::{Control, Error};
use crate::types::{BlockHash, NodeId};
use crate::wire::manage::{Command, Event, Mined, Outcome};

/// What is known of one node.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) node: NodeId,
    pub(super) listen: SocketAddr,
    pub(super) http: SocketAddr,
    pub(super) pid: u32,
    /// Nodes that it has a ready connection to.
    pub(super) peers: BTreeSet<NodeId>,
    pub(super) height: u64,
    pub(super) tip: Option<BlockHash>,
    /// How it ended, if it has.
    pub(super) ended: Option<ExitStatus>,
}

/// A network that runs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Cluster {
    known: watch::Sender<Vec<Known>>,
    controls: Arc<Vec<Control>>,
    /// Signals to be sent to each process, through the task that knows whether it still runs.
    kills: Arc<Vec<mpsc::UnboundedSender<Signal>>>,
    /// One run of mining requests at a time.
    mining: Arc<Mutex<ChaCha12Rng>>,
    stop: Arc<Notify>,
    stopping: watch::Sender<bool>,
}

/// How all nodes ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// (index, how), of those that did not end by themselves and well.
    pub(super) badly: Vec<(usize, String)>,
    pub(super) amount: usize,
}

impl Ended {
    pub(super) fn all_by_themselves(&self) -> bool {
        self.badly.is_empty()
    }
}

/// What a run of mining requests came to.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) blocks: Vec<(usize, Mined)>,
    pub(super) length: u64,
}

impl Cluster {
    /// Takes over children and the connections to them.
    pub(super) fn new(
        children: Vec<Child>,
        controls: Vec<Control>,
        events: mpsc::UnboundedReceiver<(usize, Event)>,
        seed: [u8; 32],
    ) -> Cluster {
        let known = |child: &Child| Known {
            node: child.node,
            listen: child.listen,
            http: child.http,
            pid: child.process.id().unwrap_or_default(),
            peers: BTreeSet::new(),
            height: 0,
            tip: None,
            ended: None,
        };
        let known: Vec<Known> = children.iter().map(known).collect();
        let mut kills = Vec::new();
        let mut watched = Vec::new();
        for child in children {
            let (kill, killed) = mpsc::unbounded_channel();
            kills.push(kill);
            watched.push((child.process, child.lifeline, child.log, killed));
        }
        let cluster = Cluster {
            known: watch::Sender::new(known),
            controls: Arc::new(controls),
            kills: Arc::new(kills),
            mining: Arc::new(Mutex::new(ChaCha12Rng::from_seed(seed))),
            stop: Arc::new(Notify::new()),
            stopping: watch::Sender::new(false),
        };
        for (index, (process, lifeline, log, killed)) in watched.into_iter().enumerate() {
            tokio::spawn(watch_process(cluster.clone(), index, process, lifeline, log, killed));
        }
        tokio::spawn(listen(cluster.clone(), events));
        cluster
    }

    /// What is known now.
    pub(super) fn known(&self) -> Vec<Known> {
        self.known.borrow().clone()
    }

    pub(super) fn control(&self, index: usize) -> Option<&Control> {
        self.controls.get(index)
    }

    /// Waits until `so` is true of what is known, for as long as `limit`; whether it is.
    pub(super) async fn wait(&self, limit: Duration, so: impl FnMut(&Vec<Known>) -> bool) -> bool {
        let mut known = self.known.subscribe();
        timeout(limit, known.wait_for(so)).await.is_ok_and(|known| known.is_ok())
    }

    fn change(&self, index: usize, change: impl FnOnce(&mut Known)) {
        self.known.send_modify(|known| {
            if let Some(known) = known.get_mut(index) {
                change(known);
            }
        });
    }

    /// Asks every node that runs, in turn, to mine one block, and waits each time until all have it.
    pub(super) async fn mine(&self, rounds: u32, pause: Option<Duration>) -> Result<Run, String> {
        let Ok(mut rng) = self.mining.try_lock() else {
            return Err("a run of mining requests is under way".to_owned());
        };
        let mut run = Run { blocks: Vec::new(), length: 1 };
        let amount = self.controls.len();
        for request in 0..amount * rounds as usize {
            let index = request % amount;
            if self.has_ended(index) {
                continue;
            }
            if !run.blocks.is_empty() {
                let pause = pause.unwrap_or_else(|| Duration::from_millis(rng.random_range(1000..=3000u64)));
                tokio::time::sleep(pause).await;
            }
            let mined = self.mine_at(index).await.map_err(|error| format!("node {index}: {error}"))?;
            run.length = mined.height + 1;
            run.blocks.push((index, mined));
        }
        Ok(run)
    }

    fn has_ended(&self, index: usize) -> bool {
        self.known.borrow().get(index).is_none_or(|known| known.ended.is_some())
    }

    /// How many nodes run.
    pub(super) fn running(&self) -> usize {
        self.known.borrow().iter().filter(|known| known.ended.is_none()).count()
    }

    async fn mine_at(&self, index: usize) -> Result<Mined, Error> {
        let control = self.controls.get(index).ok_or(Error::Gone)?;
        let mined = match timeout(DEFAULT_MINING_TIMEOUT, control.call(Command::Mine { content: None })).await
        {
            Ok(Ok(Outcome::Mined(mined))) => mined,
            Ok(Ok(_)) => return Err(Error::Failed("it answered something else".to_owned())),
            Ok(Err(error)) => return Err(error),
            Err(_) => return Err(Error::Failed("it found no block in time".to_owned())),
        };
        let has = |known: &Known| {
            known.ended.is_some() || known.tip == Some(mined.hash) || known.height > mined.height
        };
        if self.wait(LINKS_TIMEOUT, |known| known.iter().all(has)).await {
            return Ok(mined);
        }
        let known = self.known();
        let without: Vec<usize> = (0..known.len()).filter(|index| !has(&known[*index])).collect();
        Err(Error::Failed(format!("its block {} did not reach the nodes {without:?}", mined.hash)))
    }

    /// Somebody wants the network to stop.
    pub(super) fn request_stop(&self) {
        self.stop.notify_one();
    }

    pub(super) async fn stop_requested(&self) {
        self.stop.notified().await;
    }

    /// Waits until no node is left.
    pub(super) async fn all_exited(&self) {
        let mut known = self.known.subscribe();
        let _ = known.wait_for(|known| known.iter().all(|known| known.ended.is_some())).await;
    }

    /// Tells every node to stop and waits for every process; who does not is ended the hard way.
    pub(super) async fn shut_down(&self) -> Ended {
        self.stopping.send_replace(true);
        for control in self.controls.iter() {
            let control = control.clone();
            tokio::spawn(async move { control.call(Command::Shutdown).await });
        }
        if timeout(STOP_TIMEOUT, self.all_exited()).await.is_err() {
            self.signal_all(Signal::TERM);
            if timeout(STOP_TIMEOUT, self.all_exited()).await.is_err() {
                return self.kill_all().await;
            }
        }
        self.ended()
    }

    /// Ends every process at once.
    pub(super) async fn kill_all(&self) -> Ended {
        self.stopping.send_replace(true);
        self.signal_all(Signal::KILL);
        let _ = timeout(STOP_TIMEOUT, self.all_exited()).await;
        self.ended()
    }

    fn signal_all(&self, signal: Signal) {
        for kill in self.kills.iter() {
            let _ = kill.send(signal);
        }
    }

    fn ended(&self) -> Ended {
        let mut ended = Ended { badly: Vec::new(), amount: self.controls.len() };
        for (index, known) in self.known.borrow().iter().enumerate() {
            match known.ended {
                Some(status) if status.success() => {}
                Some(status) => ended.badly.push((index, how_it_ended(status))),
                None => ended.badly.push((index, format!("did not end (process {})", known.pid))),
            }
        }
        ended
    }
}

/// Waits for a process to end, and passes signals to it as long as it has not.
async fn watch_process(
    cluster: Cluster,
    index: usize,
    mut process: Process,
    lifeline: Option<ChildStdin>,
    log: Log,
    mut killed: mpsc::UnboundedReceiver<Signal>,
) {
    let status = loop {
        tokio::select! {
            status = process.wait() => break status,
            Some(signal) = killed.recv() => {
                let pid = process.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
                if let Some(pid) = pid {
                    let _ = kill_process(pid, signal);
                }
            }
        }
    };
    drop(lifeline);
    let status = match status {
        Ok(status) => status,
        Err(error) => return tracing::error!(node = index, %error, "a process could not be waited for"),
    };
    tracing::info!(node = index, %status, "ended");
    if !*cluster.stopping.borrow() {
        console::line(&format!("node {index} {}{}", how_it_ended(status), log.last_lines()));
    }
    cluster.change(index, |known| known.ended = Some(status));
}

/// Takes in what nodes tell, and shows each block once every node has it.
async fn listen(cluster: Cluster, mut events: mpsc::UnboundedReceiver<(usize, Event)>) {
    // When the first node had a block, and how many have it.
    let mut seen: BTreeMap<(u64, BlockHash), (Instant, usize)> = BTreeMap::new();
    while let Some((index, event)) = events.recv().await {
        match event {
            Event::PeerReady { node } => cluster.change(index, |known| {
                known.peers.insert(node);
            }),
            Event::PeerGone { node } => cluster.change(index, |known| {
                known.peers.remove(&node);
            }),
            Event::TipChanged { tip, height, reverted } => {
                cluster.change(index, |known| {
                    known.tip = Some(tip);
                    known.height = height;
                });
                tracing::info!(node = index, height, hash = %tip, reverted, "tip");
                if reverted > 0 {
                    console::line(&format!("node {index} changed its mind about its last {reverted} blocks"));
                }
                let alive = cluster.running();
                let (first, count) = seen.entry((height, tip)).or_insert((Instant::now(), 0));
                *count += 1;
                if *count == alive && height > 0 {
                    console::block(height, &tip, alive, first.elapsed());
                    seen.retain(|(of, _), _| *of > height);
                }
            }
        }
    }
}
