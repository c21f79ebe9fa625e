//! `p2pnode`: one node.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::cli::bench_hash::{self, BenchHashArgs};
use crate::cli::chain_file::{self, ExportArgs, ImportArgs};
use crate::cli::http::{self, Http, HttpArgs};
use crate::cli::kernel::KernelArgs;
use crate::cli::log::LogArgs;
use crate::cli::network::NetworkArgs;
use crate::cli::process::{self, exit_now};
use crate::cli::seed::random;
use crate::cli::verify::{self, VerifyArgs};
use crate::cli::{Failure, folder, idle, io_code, is_out_of_files, join, log, values};
use crate::encoding::Text;
use crate::limits::{
    DEFAULT_NETWORK_HASHRATE, DEFAULT_OUTBOUND, LIFELINE_TIMEOUT, MAX_OUTBOUND, STOP_TIMEOUT,
};
use crate::manager::exit::INTERRUPTED;
use crate::manager::ready::{NotReady, Ready};
use crate::manager::signals::Signals;
use crate::net::names::{self, Names};
use crate::net::{self, Failed, Handle, Written};
use crate::node::io::Command;
use crate::node::{Config, Remembered};
use crate::params::Params;
use crate::peer::handshake::AGENT;
use crate::rest;
use crate::store::{FORMAT, Folder, NODE_FILE, Opened, Record};
use crate::types::address::Unreachable;
use crate::types::{NodeId, address};
use crate::wire::manage::ManagerKey;

/// One node of a proof-of-work network.
#[derive(Debug, Parser)]
#[command(name = "p2pnode", version, about, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true)]
pub struct NodeArgs {
    /// Something to do instead of running the node.
    #[command(subcommand)]
    pub command: Option<Sub>,
    /// Where it takes connections of other nodes; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6000")]
    pub listen: SocketAddr,
    #[command(flatten)]
    pub(crate) http: HttpArgs,
    /// A node to connect to and stay connected to, as host:port; may be given often.
    #[arg(long, value_name = "HOST:PORT")]
    pub peer: Vec<String>,
    /// A node whose network to join, as host:port: its rules are learned from it, and it is a --peer.
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["network", "difficulty", "block_time"])]
    pub join: Option<String>,
    /// How many connections to open by itself, to nodes that it has heard of, up to 64; 0: only to those named.
    /// If not given, 8; with --manager-key 0, because a manager decides who is connected with whom.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=MAX_OUTBOUND as i64))]
    pub outbound: Option<u16>,
    /// Folder of its chain, identity and records; the platform's data folder if not given.
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// Keep everything in memory: nothing is written, and nothing is left when it stops.
    #[arg(long, conflicts_with = "data_dir")]
    pub ephemeral: bool,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    /// Mine in the background all the time.
    #[arg(long)]
    pub mine: bool,
    /// Hashes a second of background mining, such as 20k or 1.5M.
    #[arg(long, value_name = "RATE", value_parser = values::hashrate, requires = "mine")]
    pub hashrate: Option<u64>,
    /// Threads that mine, at most.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: u16,
    #[command(flatten)]
    pub(crate) kernel: KernelArgs,
    /// What the blocks that it mines say of their miner, up to 100 bytes.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
    /// Public key (64 hex digits) whose signed commands it obeys; without one it obeys nobody.
    #[arg(long, value_name = "KEY")]
    pub manager_key: Option<ManagerKey>,
    /// File to log to; stderr if not given.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// How much to log.
    #[command(flatten)]
    pub(crate) level: LogArgs,
    /// Stop when stdin ends, and speak JSON on stdout: how a manager starts it.
    #[arg(long, hide = true)]
    pub lifeline: bool,
}

/// What is done with the folder of a node that does not run, and with this machine.
#[derive(Debug, Subcommand)]
pub enum Sub {
    /// Check all that a node keeps, and repair what is damaged.
    Verify(VerifyArgs),
    /// Write its chain to a file.
    Export(ExportArgs),
    /// Read a chain from a file.
    Import(ImportArgs),
    /// Measure how many hashes a second this machine's kernels do.
    BenchHash(BenchHashArgs),
}

/// Runs a node until it is told to stop, or what is to be done with its folder.
pub fn run(args: NodeArgs) -> ExitCode {
    process::name_p2pnode();
    if let Some(command) = &args.command {
        let ended = match command {
            Sub::Verify(args) => verify::run(args),
            Sub::Export(args) => chain_file::export(args),
            Sub::Import(args) => chain_file::import(args),
            Sub::BenchHash(args) => bench_hash::run(args),
        };
        return ended.unwrap_or_else(|failure| failure.report());
    }
    super::run(async {
        let lifeline = args.lifeline;
        let ended = node(args).await;
        if let Err(failure) = &ended
            && lifeline
        {
            let Failure { error, hint, flag, .. } = failure.clone();
            let report = NotReady { error, hint, flag: flag.map(str::to_owned) };
            let _ = writeln!(std::io::stdout(), "{}", report.line());
        }
        ended
    })
}

/// A node that is set up and not started.
struct Prepared {
    settings: net::Settings,
    http: Option<Http>,
    /// Where its chain is, if it is kept.
    folder: Option<Arc<Folder>>,
}

/// What a node has of the network before it touches its folder.
struct Reached {
    params: Arc<Params>,
    peers: Vec<Named>,
    listener: TcpListener,
    http: Option<TcpListener>,
}

async fn reach(args: &NodeArgs) -> Result<Reached, Failure> {
    check_listen(args.listen)?;
    let mut peers: Vec<Named> =
        args.peer.iter().map(|peer| Named::parse("--peer", peer)).collect::<Result<_, _>>()?;
    let joined = match &args.join {
        Some(join) => Some(join::learn(join).await?),
        None => None,
    };
    let params = match &joined {
        Some((_, params)) => params.clone(),
        None => args.network.params()?,
    };
    peers.extend(joined.map(|(joined, _)| joined));
    let listener = net::bind(args.listen).await.map_err(|error| unbound("--listen", args.listen, &error))?;
    Ok(Reached { params: Arc::new(params), peers, listener, http: args.http.bind().await? })
}

/// Opens the node's folder on a thread of its own, which may take a while. What is begun there is finished, and then
/// there is none if a signal came meanwhile; the second one does not wait for that.
async fn open(
    path: PathBuf,
    params: Arc<Params>,
    fresh: NodeId,
    signals: &mut Signals,
) -> Result<Option<Opened>, Failure> {
    let mut opening = tokio::task::spawn_blocking(move || folder::open(&path, &params, fresh));
    let (mut is_stopped, defect) = (false, "this should not happen: please report it");
    loop {
        tokio::select! {
            opened = &mut opening => {
                let opened = opened.map_err(|error| Failure::new(error.to_string(), defect))??;
                return Ok(Some(opened).filter(|_| !is_stopped));
            }
            () = signals.next() => {
                if core::mem::replace(&mut is_stopped, true) {
                    exit_now(INTERRUPTED);
                }
            }
        }
    }
}

/// Sets the node up; there is none if a signal came before it was.
async fn prepare(args: &NodeArgs, signals: &mut Signals) -> Result<Option<Prepared>, Failure> {
    let kernel = args.kernel.kernel()?;
    let note = Text::try_from(args.note.clone()).map_err(|error| {
        Failure::usage(format!("--note is too long: {error} bytes"), "shorten it").at("--note")
    })?;
    let Reached { params, peers, listener, http } = tokio::select! {
        reached = reach(args) => reached?,
        () = signals.next() => return Ok(None),
    };
    let listen = listener.local_addr().map_err(|error| unbound("--listen", args.listen, &error))?;
    let fresh = NodeId(random()?);
    let opened = if args.ephemeral {
        None
    } else {
        let path = match &args.data_dir {
            Some(path) => path.clone(),
            None => folder::usual(&params, args.listen.port())?,
        };
        match open(path, params.clone(), fresh, signals).await? {
            None => return Ok(None),
            opened => opened,
        }
    };
    let (mut addresses, mut names) = (Vec::new(), Vec::new());
    for peer in peers {
        match peer {
            Named::Address(address) => addresses.push(address),
            Named::Host(name) => names.push(name),
        }
    }
    let names = Names::new(names, &addresses);
    let home = opened.as_ref().map(|opened| opened.folder.path());
    if let Some(home) = home {
        http::tidy(home);
    }
    let http = http.map(|listener| args.http.open(listener, home)).transpose()?;
    let hashrate = if args.mine { args.hashrate.unwrap_or(DEFAULT_NETWORK_HASHRATE) } else { 0 };
    let is_managed = args.manager_key.is_some();
    let written = opened
        .as_ref()
        .map(|opened| Written { peers: opened.peers.clone(), bans: opened.bans.clone() })
        .unwrap_or_default();
    let remembered = Remembered {
        // A manager's nodes are told by it whom there is to know today.
        addresses: if is_managed { Vec::new() } else { folder::remembered(&written.peers) },
        bans: folder::banned(&written.bans),
    };
    let config = Config {
        node: opened.as_ref().map_or(fresh, |opened| opened.node),
        listen,
        manager: args.manager_key,
        peers: addresses,
        outbound: args.outbound.map_or(if is_managed { 0 } else { DEFAULT_OUTBOUND }, usize::from),
        remembered,
        hashrate,
        note,
    };
    let threads = usize::from(args.threads);
    let ephemeral = net::Settings::ephemeral(config, params, random()?, listener);
    let mut settings = net::Settings { threads, kernel, names, ..ephemeral };
    let Some(Opened { store, committed, loaded, folder, .. }) = opened else {
        return Ok(Some(Prepared { settings, http, folder: None }));
    };
    let folder = Arc::new(folder);
    settings = net::Settings { store, committed, loaded, folder: Some(folder.clone()), written, ..settings };
    Ok(Some(Prepared { settings, http, folder: Some(folder) }))
}

/// Whether `file` may be logged to: one of a node's or a network's own files would be destroyed by it.
fn check_log(file: &Path) -> Result<(), Failure> {
    match folder::owner(file) {
        None => Ok(()),
        Some(owner) => {
            let error = format!("{} is a name of {owner} own files, not of a log", file.display());
            Err(Failure::usage(error, "name another file, such as --log node.log").at("--log"))
        }
    }
}

async fn node(args: NodeArgs) -> Result<ExitCode, Failure> {
    if let Some(file) = &args.log {
        check_log(file)?;
    }
    log::start(args.log.as_deref(), args.level.level())?;
    idle::quiet_panics();
    let mut signals = Signals::new().map_err(|error| {
        Failure::new(format!("signals cannot be caught: {error}"), "this should not happen: please report it")
    })?;
    let Some(Prepared { settings, http, folder }) = prepare(&args, &mut signals).await? else {
        tracing::info!("stopped before it was ready");
        return Ok(ExitCode::SUCCESS);
    };
    let (params, kernel) = (settings.params.clone(), settings.kernel);
    let (store, names) = (settings.store.clone(), settings.names.clone());
    let curl = http.as_ref().map_or_else(String::new, Http::curl);
    let address = http.as_ref().map(|http| http.listener.local_addr()).transpose();
    let ready = Ready {
        node: settings.config.node.to_string(),
        listen: settings.config.listen,
        http: address.map_err(|error| unbound("--http", args.http.http, &error))?,
        pid: std::process::id(),
        agent: AGENT.to_owned(),
    };
    if let Some(folder) = &folder {
        write_record(folder, &ready, &params)?;
    }
    let place = folder.as_ref().map(|folder| folder.path().to_owned());
    let (handle, running) =
        net::start(settings).map_err(|error| folder::failure(&error.into(), place.as_deref()))?;
    let serving = http.map(|Http { listener, opened }| {
        tokio::spawn(rest::serve(listener, handle.clone(), params.clone(), opened))
    });
    let hangup = Arc::new(Notify::new());
    if args.lifeline {
        watch_stdin(hangup.clone());
    }
    tokio::spawn(stop_on_signal(handle.clone(), signals, hangup));
    tokio::spawn(names::follow(names, handle.clone()));
    let Ready { node, listen, http, .. } = &ready;
    let http = http.map_or("none".to_owned(), |http| http.to_string());
    let kept = place.as_ref().map_or("in memory".to_owned(), |folder| folder.display().to_string());
    let (network, rules) = (params.network(), params.rules());
    tracing::info!(%node, %listen, http, folder = kept, %network, %rules, %kernel, "ready");
    announce(args.lifeline, &ready, &params, &kept, &curl);
    let ended = running.await;
    drop(handle);
    // Answers that are on their way are finished; nobody is waited for long.
    if let Some(serving) = serving {
        let _ = tokio::time::timeout(STOP_TIMEOUT, serving).await;
    }
    let closed = store.close().map_err(Failed::from);
    match ended.and(closed) {
        Ok(()) => {
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        Err(failed) => Err(folder::failure(&failed, place.as_deref())),
    }
}

/// Leaves word of who this node is, and where.
fn write_record(folder: &Folder, ready: &Ready, params: &Params) -> Result<(), Failure> {
    let record = Record {
        format: FORMAT,
        node: ready.node.clone(),
        network: params.network().to_string(),
        rules: params.rules().to_string(),
        listen: ready.listen,
        http: ready.http,
        agent: ready.agent.clone(),
    };
    folder.write_record(&record).map_err(|error| {
        let file = folder.path().join(NODE_FILE);
        let hint = match is_out_of_files(&error) {
            true => process::LIMITS,
            false => "free some space, give this user the folder, or name another with --data-dir",
        };
        let failure = Failure::new(format!("{} cannot be written: {error}", file.display()), hint);
        Failure { code: io_code(&error), ..failure }
    })
}

/// Says that the node is ready: one line of JSON to a manager, a few lines to a person. `curl` begins a
/// command that may change something.
fn announce(lifeline: bool, ready: &Ready, params: &Params, kept: &str, curl: &str) {
    let mut out = std::io::stdout().lock();
    let Ready { node, listen, .. } = ready;
    let from_here = address::from_here(*listen);
    let about = format!("node     {node}\nnetwork  {}\nfolder   {kept}\nP2P      {listen}\n", params.rules());
    let said = match ready.http {
        _ if lifeline => writeln!(out, "{}", ready.line()),
        Some(http) => writeln!(
            out,
            "{about}HTTP     http://{http}\n\n\
             try      curl http://{http}/node/id   who it is, and whom it knows\n\
             \x20        {curl} http://{http}/mine      mine a block\n\
             \x20        curl http://{http}/chain     the chain\n\
             \x20        p2pnode --join {from_here} --listen 127.0.0.1:0 --http 0 --ephemeral\n\
             \x20        \x20       another node, in another terminal\n\
             Ctrl-C stops it.\n",
        ),
        None => writeln!(out, "{about}Ctrl-C stops it.\n"),
    };
    // Nobody may be reading: that is no reason not to run.
    let _ = said.and_then(|()| out.flush());
}

/// The first signal, or the manager's end, stops the node in order; the second at once.
async fn stop_on_signal(handle: Handle, mut signals: Signals, hangup: Arc<Notify>) {
    tokio::select! {
        () = signals.next() => {}
        () = hangup.notified() => tracing::info!("the manager is gone"),
    }
    let stop = handle.command(Command::Shutdown);
    tokio::select! {
        _ = stop => {}
        () = signals.next() => exit_now(INTERRUPTED),
    }
    // The second signal also ends a stop that hangs.
    tokio::select! {
        () = signals.next() => exit_now(INTERRUPTED),
        () = tokio::time::sleep(STOP_TIMEOUT) => exit_now(1),
    }
}

/// The manager holds the other end of stdin: when that closes, it is gone, however it went.
#[allow(clippy::disallowed_methods, reason = "a thread that waits for the end, and then for an orderly stop")]
fn watch_stdin(hangup: Arc<Notify>) {
    let watch = move || {
        let mut byte = [0];
        while matches!(std::io::Read::read(&mut std::io::stdin(), &mut byte), Ok(1)) {}
        hangup.notify_one();
        std::thread::sleep(LIFELINE_TIMEOUT);
        exit_now(1);
    };
    if let Err(error) = std::thread::Builder::new().name("lifeline".to_owned()).spawn(watch) {
        tracing::error!(%error, "the manager's end would not be noticed");
    }
}

/// A peer, as a flag names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// By its address.
    Address(SocketAddr),
    /// By its host's name, and its port: to be looked up.
    Host(String),
}

impl Named {
    /// The peer that the value `place` of `flag` names.
    pub(super) fn parse(flag: &'static str, place: &str) -> Result<Named, Failure> {
        let wrong = |why: &dyn core::fmt::Display| {
            let hint = format!("give a host and a port, such as {flag} 127.0.0.1:6001");
            Failure::usage(format!("{flag} {place}: {why}"), hint).at(flag)
        };
        if let Ok(address) = place.parse() {
            return address::reachable(address).map(Named::Address).map_err(|why| wrong(&why));
        }
        let (host, port) = place.rsplit_once(':').ok_or_else(|| wrong(&"it has no port"))?;
        values::host_name(host).map_err(|_| wrong(&"that is no host's name and no address"))?;
        match port.parse() {
            Ok(0) => Err(wrong(&Unreachable::Port)),
            Ok(1..=u16::MAX) => Ok(Named::Host(place.to_owned())),
            Err(_) => Err(wrong(&"that is no port")),
        }
    }
}

/// Whether a node can listen at `address`: at all addresses of its machine it can, at what is no machine's own not.
fn check_listen(address: SocketAddr) -> Result<(), Failure> {
    match address::reachable(SocketAddr::new(address.ip(), 1)) {
        Err(why @ (Unreachable::Multicast | Unreachable::Broadcast)) => Err(Failure::usage(
            format!("--listen {address}: {why}"),
            "give an address of this machine, or 0.0.0.0 for all of them",
        )
        .at("--listen")),
        _ => Ok(()),
    }
}

/// A port that cannot be had: which, why, and what to do.
pub(super) fn unbound(flag: &'static str, address: SocketAddr, error: &std::io::Error) -> Failure {
    let port = address.port();
    let hint = match error.kind() {
        std::io::ErrorKind::AddrInUse if cfg!(target_os = "macos") && port == 5000 => {
            format!("AirPlay uses port 5000 on macOS: choose another with {flag}")
        }
        std::io::ErrorKind::AddrInUse => {
            format!("another program uses port {port}: stop it, or choose another port with {flag} (0: any)")
        }
        std::io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 belong to root: choose another with {flag}")
        }
        std::io::ErrorKind::AddrNotAvailable => {
            format!("this machine has no address {}: choose another with {flag}", address.ip())
        }
        _ => format!("choose another address with {flag}"),
    };
    Failure::new(format!("{flag} {address} cannot be used: {error}"), hint).at(flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_an_address_that_somebody_can_be_reached_at_or_a_name() {
        let taken = |peer: &str| Named::parse("--peer", peer).map_err(|failure| failure.error);
        assert_eq!(taken("[::ffff:10.0.0.1]:6000"), Ok(Named::Address(([10, 0, 0, 1], 6000).into())));
        for name in ["localhost:6000", "node-1.example.org:1", "not-there.invalid:65535"] {
            assert_eq!(taken(name), Ok(Named::Host(name.to_owned())));
        }
        let wrong = ["127.0.0.1", "127.0.0.1:0", "0.0.0.0:6000", "255.255.255.255:6000", "224.0.0.1:6000"];
        for peer in
            wrong.into_iter().chain(["", ":6000", "localhost", "localhost:0", "localhost:70000", "::1"])
        {
            let refused = Named::parse("--peer", peer).expect_err(peer);
            assert!(refused.error.starts_with(&format!("--peer {peer}: ")), "{}", refused.error);
            assert!(!refused.hint.is_empty());
        }
    }

    #[test]
    fn a_node_listens_at_what_is_a_machines_own() {
        let is_taken = |ip: &str| check_listen(SocketAddr::new(ip.parse().expect("an address"), 0)).is_ok();
        for ip in ["127.0.0.1", "0.0.0.0", "::", "10.0.0.1"] {
            assert!(is_taken(ip), "{ip}");
        }
        for ip in ["224.0.0.1", "255.255.255.255", "ff02::1", "::ffff:224.0.0.1"] {
            assert!(!is_taken(ip), "{ip}");
        }
    }
}
