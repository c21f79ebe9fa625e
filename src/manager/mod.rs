//! A network on one machine: starts nodes, introduces them to each other over their own protocol, tells
//! them to mine, and shuts them down.
//!
//! | file | concern |
//! |---|---|
//! | `child` | one node's process: started, ready, watched, ended |
//! | `topology` | who is linked with whom |
//! | `control` | the signed connection to one node |
//! | `cluster` | what is known of all nodes, and what is done with them |
//! | `bootstrap` | from nothing to every expected link |
//! | `http` | the manager's endpoints |
//! | `console` | what a person at the terminal sees |
//!
//! Nothing is polled and nothing sleeps until it may be true: children print a line when they are ready,
//! and nodes tell the manager what happens.

mod bootstrap;
mod child;
mod cluster;
mod console;
mod control;
mod http;
mod topology;

use core::time::Duration;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;
use crate::params::Params;

/// What is to be started, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How many nodes.
    pub amount: usize,
    /// Node `i` serves HTTP on this plus `i`; 0: on any free port.
    pub base_http: u16,
    /// Node `i` takes connections on this plus `i`; 0: on any free port.
    pub base_listen: u16,
    /// Where files and logs go.
    pub data_dir: PathBuf,
    /// The program that is a node, and what comes before its flags.
    pub program: (PathBuf, Vec<String>),
    /// Flags for every node: which network, and how much to log.
    pub flags: Vec<String>,
    /// The same network, as the manager needs to know it.
    pub params: Params,
    /// Hashes a second that the nodes share in the background; 0: none.
    pub hashrate: u64,
    /// How often each node is asked to mine by one call.
    pub rounds: u32,
    /// The pause between two of those requests; none: random, one to three seconds.
    pub pause: Option<Duration>,
    /// Go on with the nodes that are ready, if some are not.
    pub keep: bool,
    /// Entropy of the operating system.
    pub seed: [u8; 32],
}

/// Runs a network until it is told to stop. `listener` is the manager's own HTTP port.
pub async fn run(plan: Plan, listener: TcpListener) -> Result<ExitCode, Failure> {
    let address = listener
        .local_addr()
        .map_err(|error| Failure::new(format!("the HTTP port is gone: {error}"), "start again"))?;
    raise_file_limit();
    let started = tokio::time::Instant::now();
    let mut interrupted = Interrupts::new()?;
    let cluster = tokio::select! {
        cluster = bootstrap::start(&plan) => cluster?,
        () = interrupted.next() => {
            return Err(Failure::new("interrupted before the network was up", "nothing is left running"));
        }
    };
    bootstrap::write_record(&plan, &cluster, address)?;
    console::started(&cluster, address, started.elapsed(), &plan);
    let stop = cluster.clone();
    let serving = tokio::spawn(http::serve(listener, cluster.clone(), (plan.rounds, plan.pause)));
    tokio::select! {
        () = stop.stop_requested() => {}
        () = interrupted.next() => console::line("stopping: every node is told to, and waited for (again: kills)"),
        () = stop.all_exited() => console::line("every node has ended"),
    }
    let ended = tokio::select! {
        ended = cluster.shut_down() => ended,
        () = interrupted.next() => cluster.kill_all().await,
    };
    let _ = tokio::time::timeout(Duration::from_secs(2), serving).await;
    console::ended(&ended);
    Ok(if ended.all_by_themselves() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Ctrl-C and SIGTERM, as one stream.
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Interrupts {
    fn new() -> Result<Interrupts, Failure> {
        let failed = |error| Failure::new(format!("signals cannot be caught: {error}"), "");
        let interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let terminate = signal(SignalKind::terminate()).map_err(failed)?;
        Ok(Interrupts { interrupt, terminate })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Many nodes are many pipes and sockets; the hard limit is what the system allows without asking.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit on open files stays as it is");
    }
}
