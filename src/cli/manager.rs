//! `networkmngr`: a network of nodes.

use core::time::Duration;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tracing::level_filters::LevelFilter;

use crate::cli::node::{NetworkArgs, NodeArgs, unbound};
use crate::cli::seed::random;
use crate::cli::{log, node, values};
use crate::failure::Failure;
use crate::limits::{DEFAULT_NETWORK_HASHRATE, MAX_MINING_ROUNDS, MAX_NODES};
use crate::manager::{self, Plan};
use crate::rest;

/// Starts a network of nodes on this machine, and shuts it down.
#[derive(Debug, Parser)]
#[command(name = "networkmngr", version, about, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct ManagerArgs {
    #[command(subcommand)]
    program: Option<Program>,
    /// The manager's own HTTP port, on 127.0.0.1.
    #[arg(short, long, value_name = "PORT", default_value_t = 4999)]
    port: u16,
    /// How many nodes to start.
    #[arg(short, long, value_name = "N", default_value_t = 6,
          value_parser = clap::value_parser!(u16).range(1..=MAX_NODES as i64))]
    amount: u16,
    /// Node i serves HTTP on this port plus i; 0: on any free port.
    #[arg(long, value_name = "PORT", default_value_t = 5000)]
    base_http: u16,
    /// Node i takes connections of other nodes on this port plus i; 0: on any free port.
    #[arg(long, value_name = "PORT", default_value_t = 6000)]
    base_listen: u16,
    /// Where files and logs go.
    #[arg(long, value_name = "DIR", default_value = "network")]
    data_dir: PathBuf,
    #[command(flatten)]
    network: NetworkArgs,
    /// Let all nodes mine in the background, all the time.
    #[arg(long)]
    mine: bool,
    /// Hashes a second that they share, such as 120k or 1.5M.
    #[arg(long, value_name = "RATE", value_parser = values::hashrate, requires = "mine")]
    hashrate: Option<u64>,
    /// How often each node is asked to mine by one call of /start/mining.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_MINING_ROUNDS)))]
    rounds: u32,
    /// Pause between two of those requests, such as 0s or 500ms; random from 1 s to 3 s if not given.
    #[arg(long, value_name = "TIME", value_parser = rest::duration)]
    pause: Option<Duration>,
    /// Program to run as a node; this one itself if not given.
    #[arg(long, value_name = "PATH")]
    node_program: Option<PathBuf>,
    /// Go on with the nodes that are ready, if some are not.
    #[arg(long)]
    keep: bool,
    /// How much to log: error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// One node: how the manager starts them, so that one program is enough.
    #[command(hide = true)]
    Node(Box<NodeArgs>),
}

/// Runs a network, or the one node that this process is to be.
pub fn run(args: ManagerArgs) -> ExitCode {
    if let Some(Program::Node(args)) = args.program {
        name_process();
        return node::run(*args);
    }
    super::run(network(args))
}

async fn network(args: ManagerArgs) -> Result<ExitCode, Failure> {
    let params = args.network.params()?;
    for (flag, base) in [("--base-http", args.base_http), ("--base-listen", args.base_listen)] {
        if base != 0 && base.checked_add(args.amount - 1).is_none() {
            return Err(Failure::new(
                format!("{} nodes from port {base} on go beyond port 65535", args.amount),
                format!("choose a lower port with {flag}, or fewer nodes with -a"),
            ));
        }
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let listener = TcpListener::bind(address).await.map_err(|error| unbound("--port", address, &error))?;
    let logs = args.data_dir.join("logs");
    std::fs::create_dir_all(&logs).map_err(|error| {
        Failure::new(
            format!("the folder {} cannot be made: {error}", logs.display()),
            "choose another place with --data-dir",
        )
    })?;
    log::start(Some(&logs.join("manager.log")), args.log_level)?;
    let program = match args.node_program {
        Some(path) => (path, Vec::new()),
        None => {
            let this = std::env::current_exe().map_err(|error| {
                Failure::new(format!("this program's own file is gone: {error}"), "give --node-program")
            })?;
            (this, vec!["node".to_owned()])
        }
    };
    let mut flags = args.network.flags();
    flags.extend(["--log-level".to_owned(), args.log_level.to_string()]);
    let hashrate = if args.mine { args.hashrate.unwrap_or(DEFAULT_NETWORK_HASHRATE) } else { 0 };
    let plan = Plan {
        amount: usize::from(args.amount),
        base_http: args.base_http,
        base_listen: args.base_listen,
        data_dir: args.data_dir,
        program,
        flags,
        params,
        hashrate,
        rounds: args.rounds,
        pause: args.pause,
        keep: args.keep,
        seed: random()?,
    };
    manager::run(plan, listener).await
}

/// So that ps and top show what this process is.
fn name_process() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_name(c"p2pnode") {
        tracing::debug!(%error, "the process keeps its name");
    }
}
